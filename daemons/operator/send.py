"""The commands for external signals: `send` one to the gate, and show their states (`ingress list`, `ingress status`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from tapewire.bus import access, contexts, topics, wire
from tapewire.bus.client import History, request_reply
from tapewire.bus.errors import DataError, PeerError, Transient, suggest
from tapewire.bus.messages import ExternalAnswer, ExternalSignal, IngressError, IngressEvent
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE, InstanceOption
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration

REQUEST = topics.of(topics.INGRESS, "ask")
PATIENCE_S = 15.0  # a killed gate restarts within a few seconds; the request is repeated until then
HISTORY_S = 3.0
REFUSED_BY_RISK = 1
STATUS = {
    IngressError.INVALID: DataError.status,
    IngressError.DUPLICATE: DataError.status,
    IngressError.UNAVAILABLE: Transient.status,
    IngressError.INTERNAL: 70,
}

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

ingress = typer.Typer(help="Show external signals and their states.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(send)
    app.add_typer(ingress, name="ingress")


def send(
    action: Annotated[str, typer.Argument(help="buy, long, sell or short; close, cover or sell (without prices); move.")],
    instrument: Annotated[
        str | None,
        typer.Argument(help="A traded instrument, or a contract of it: 'MNQ 03-26', MNQH6. Not needed if only one is traded."),
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="Price from which target and stop are measured; the entry is a market order.")
    ] = None,
    tp: Annotated[str | None, typer.Option(help="Distance of the target from the price, in points.")] = None,
    sl: Annotated[str | None, typer.Option(help="Distance of the stop from the price, in points.")] = None,
    stop: Annotated[str | None, typer.Option(help="With move: the new price of the stop.")] = None,
    target: Annotated[str | None, typer.Option(help="With move: the new price of the target.")] = None,
    ttl: Annotated[
        str | None, typer.Option(help="Validity of an entry in seconds of market time; without it `ttl_s` of `[ingress]`, 30.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option(help="Your own id: a repeated request with the same id is not traded twice.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Refuse the signal if the gate trades another account.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Strategy name for the books and the limits, `external` without it; a close or move is for what it has opened."
        ),
    ] = None,
    instance: InstanceOption = None,
    json: JsonOption = False,
) -> None:
    """Request a trade, or close or move what a signal has opened.

    `send buy MNQ --price P --tp N --sl N`, `send close MNQ`, `send move MNQ --stop P`. `cover` closes a short position, `sell`
    without prices a long one. Exit status 0: accepted; 1: refused by a risk check; 65: invalid or a duplicate; 75: unavailable.
    """
    prices = {"price": price, "tp_points": tp, "sl_points": sl, "stop": stop, "target": target, "ttl_s": ttl}
    given: dict[str, Any] = {
        "action": action,
        **{name: None if text is None else number(text) for name, text in prices.items()},
        "request_id": request_id,
        "account": account,
        "strategy": strategy,
    }
    if not instances.running():
        raise Transient("unavailable: no daemons are running; start them with `tapewire up`")
    chosen = instances.for_money(instance, LIVE)
    given["instrument"] = instrument or only_instrument(chosen)
    reply = request(chosen, {name: value for name, value in given.items() if value is not None})
    if json:
        out.print(msgspec.json.encode(reply).decode(), markup=False)
    elif reply.success:
        out.print(f"{reply.signal_id}: {reply.message} ({reply.ingress_id})", markup=False)
    else:
        err.print(f"tapewire: {reply.error}: {reply.message}", style="red", markup=False)
    raise typer.Exit(status_of(reply))


@ingress.command(name="list")
def list_signals(instance: InstanceOption = None, json: JsonOption = False) -> None:
    """List the run's signals with their current states, oldest first. Times are market time in UTC."""
    last = {event.ingress_id: (at_ns, event) for at_ns, event in history(instances.choose(instance))}
    if json:
        out.print(msgspec.json.encode([event for _, event in last.values()]).decode(), markup=False)
        return
    rows = [(utc(at_ns), each.ingress_id, each.signal_id, each.state, each.detail) for at_ns, each in last.values()]
    for line in aligned([("time", "id", "signal", "state", "detail"), *rows]):
        out.print(line, markup=False)


@ingress.command()
def status(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Id of the ingress entry, the signal, the request or the order.")],
    instance: InstanceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the states of one signal in order, from the journal. Times are market time in UTC."""
    found = list(history(instances.choose(instance)))
    named = [(at_ns, event) for at_ns, event in found if wanted in names(event)]
    if not named:
        registered = {name for _, event in found for name in names(event)}
        raise DataError(f"no signal has the id {wanted!r}{suggest(wanted, registered)}; `tapewire ingress list` shows all")
    ids = {event.ingress_id for _, event in named}
    story = [(at_ns, event) for at_ns, event in found if event.ingress_id in ids]
    if json:
        out.print(msgspec.json.encode([event for _, event in story]).decode(), markup=False)
        return
    for line in aligned([(utc(at_ns), each.ingress_id, each.state, each.detail) for at_ns, each in story]):
        out.print(line, markup=False)


def request(chosen: instances.Instance, fields: dict[str, Any], *, timeout_s: float = PATIENCE_S) -> ExternalAnswer:
    """Send the request to the gate and repeat it under the same name (topic, epoch, number) until the gate replies.

    Raises:
        Transient: no reply in time. The gate may have accepted it: repeat it with the same request_id.
        PeerError: the reply is not an ExternalAnswer.
    """
    gate = access.local(Path(chosen.run), "operator").to("gate")
    with contexts.brief() as context:
        try:
            reply = request_reply(context, gate, REQUEST, ExternalSignal(fields), name="send", timeout_s=timeout_s)
        except Transient as error:
            raise Transient(f"{error}; the gate may have accepted it, so repeat it with the same --request-id") from error
    if not isinstance(reply, ExternalAnswer):
        raise PeerError(f"the gate replied with {type(reply).__name__}, expected ExternalAnswer")
    return reply


def only_instrument(chosen: instances.Instance) -> str:
    """The instrument of a run that trades one.

    Raises:
        DataError: it trades several.
    """
    traded = configuration.read(Path(chosen.run)).traded
    if len(traded) != 1:
        raise DataError(f"several instruments are traded; name one of {', '.join(traded)}")
    return traded[0]


def status_of(reply: ExternalAnswer) -> int:
    """The exit status of a reply: 0 accepted, 1 refused by a risk check, else the one of its error in STATUS."""
    if reply.error is not None:
        return STATUS[reply.error]
    return REFUSED_BY_RISK if reply.reason is not None else 0


def history(chosen: instances.Instance) -> Iterator[tuple[int, IngressEvent]]:
    """Every state of every signal in the journal, with its market time in nanoseconds; topic after topic, that is by instrument."""
    line = access.local(Path(chosen.run), "reader").to("history")
    with contexts.brief() as context, History(context, line, deadline_s=HISTORY_S) as journal:
        for length in journal.topics(topics.INGRESS):
            for header, body in map(wire.decode, journal.read(length.topic)):
                if isinstance(body, IngressEvent):
                    yield header.event_ns, body


def names(event: IngressEvent) -> Sequence[str]:
    """The ids under which a person may look it up."""
    return [name for name in (event.ingress_id, event.signal_id, event.request_id, event.order_id) if name]


def number(text: str) -> Any:
    """The text as an int or a float; any other text unchanged, so that the gate refuses it as it does for every sender."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def utc(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")

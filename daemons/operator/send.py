"""The sender's commands: `send` a signal to the gate, and see what became of it (`ingress list`, `ingress status`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import typer
import zmq
from rich.console import Console

from tapewire.bus import topics, wire
from tapewire.bus.client import History, ask
from tapewire.bus.errors import DataError, PeerError, Transient, suggest
from tapewire.bus.messages import ExternalAnswer, ExternalSignal, IngressError, IngressEvent
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings.structs import PORTS

ASK = topics.of(topics.INGRESS, "ask")
PATIENCE_S = 15.0  # a gate that was killed is back in a few seconds, and the question is repeated until then
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

InstanceOption = Annotated[str | None, typer.Option("--instance", help="Which run, when several are up.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]

ingress = typer.Typer(help="Signals from outside: what became of them.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(send)
    app.add_typer(ingress, name="ingress")


def send(
    action: Annotated[str, typer.Argument(help="buy, long, sell or short.")],
    instrument: Annotated[str, typer.Argument(help="A traded symbol, or a contract of it: 'MNQ 03-25'.")],
    price: Annotated[str, typer.Option(help="From which target and stop are counted; the entry goes to the market.")],
    tp: Annotated[str, typer.Option(help="Points to the target.")],
    sl: Annotated[str, typer.Option(help="Points to the stop.")],
    ttl: Annotated[str | None, typer.Option(help="Seconds of market time for which it is good.")] = None,
    request_id: Annotated[str | None, typer.Option(help="A name of yours: the same again is not traded again.")] = None,
    account: Annotated[str | None, typer.Option(help="Refuse it if another account is traded.")] = None,
    strategy: Annotated[str | None, typer.Option(help="The name under which books and limits keep it.")] = None,
    instance: InstanceOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the gate for a trade. Exit status 0 taken; 1 a risk check refused it; 65 invalid or asked before; 75 unavailable."""
    given: dict[str, Any] = {
        "action": action,
        "instrument": instrument,
        "price": number(price),
        "tp_points": number(tp),
        "sl_points": number(sl),
        "ttl_s": None if ttl is None else number(ttl),
        "request_id": request_id,
        "account": account,
        "strategy": strategy,
    }
    if not instances.running():
        raise Transient("unavailable: nothing is running that could trade it; start the daemons with `tapewire up`")
    answer = tell(instances.choose(instance), {name: value for name, value in given.items() if value is not None})
    if json:
        out.print(msgspec.json.encode(answer).decode(), markup=False)
    elif answer.success:
        out.print(f"{answer.signal_id}: {answer.message} ({answer.ingress_id})", markup=False)
    else:
        err.print(f"tapewire: {answer.error}: {answer.message}", style="red", markup=False)
    raise typer.Exit(status_of(answer))


@ingress.command(name="list")
def list_signals(instance: InstanceOption = None, json: JsonOption = False) -> None:
    """Every signal of the run and where it stands, oldest first."""
    last = {event.ingress_id: (at_ns, event) for at_ns, event in history(instances.choose(instance))}
    if json:
        out.print(msgspec.json.encode([event for _, event in last.values()]).decode(), markup=False)
        return
    rows = [(clock(at_ns), each.ingress_id, each.signal_id, each.state, each.detail) for at_ns, each in last.values()]
    for line in aligned([("time", "id", "signal", "state", "detail"), *rows]):
        out.print(line, markup=False)


@ingress.command()
def status(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Of the entry, the signal, the request or the order.")],
    instance: InstanceOption = None,
    json: JsonOption = False,
) -> None:
    """One signal's states in their order, as the journal has them."""
    found = list(history(instances.choose(instance)))
    named = [(at_ns, event) for at_ns, event in found if wanted in names(event)]
    if not named:
        known = {name for _, event in found for name in names(event)}
        raise DataError(f"no signal is called {wanted!r}{suggest(wanted, known)}; `tapewire ingress list` shows all")
    ids = {event.ingress_id for _, event in named}
    story = [(at_ns, event) for at_ns, event in found if event.ingress_id in ids]
    if json:
        out.print(msgspec.json.encode([event for _, event in story]).decode(), markup=False)
        return
    for line in aligned([(clock(at_ns), each.ingress_id, each.state, each.detail) for at_ns, each in story]):
        out.print(line, markup=False)


def tell(chosen: instances.Instance, fields: dict[str, Any], *, timeout_s: float = PATIENCE_S) -> ExternalAnswer:
    """Ask the gate, again and again with one name, until it answers.

    Raises:
        Transient: no answer in time. The gate may have it all the same: ask again with the same request_id.
    """
    address = f"tcp://{chosen.host}:{chosen.base_port + PORTS['gate']}"
    with zmq.Context() as context:
        try:
            answer = ask(context, address, ASK, ExternalSignal(fields), name="send", timeout_s=timeout_s)
        except Transient as error:
            raise Transient(f"{error}; whether it was taken is not known, ask again with the same --request-id") from error
    if not isinstance(answer, ExternalAnswer):
        raise PeerError(f"the gate answered {type(answer).__name__}, expected ExternalAnswer")
    return answer


def status_of(answer: ExternalAnswer) -> int:
    """The exit status that says what the answer says."""
    if answer.error is not None:
        return STATUS[answer.error]
    return REFUSED_BY_RISK if answer.reason is not None else 0


def history(chosen: instances.Instance) -> Iterator[tuple[int, IngressEvent]]:
    """Every change of every signal in the journal, with its market time, in the order of their instruments."""
    address = f"tcp://{chosen.host}:{chosen.base_port + PORTS['history']}"
    with zmq.Context() as context, History(context, address, deadline_s=HISTORY_S) as journal:
        for length in journal.topics(topics.INGRESS):
            for header, body in map(wire.decode, journal.read(length.topic)):
                if isinstance(body, IngressEvent):
                    yield header.event_ns, body


def names(event: IngressEvent) -> Sequence[str]:
    """What a person may call it."""
    return [name for name in (event.ingress_id, event.signal_id, event.request_id, event.order_id) if name]


def number(text: str) -> Any:
    """A number as a number, anything else as it is: the gate says what is wrong with it, for every sender alike."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def clock(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")

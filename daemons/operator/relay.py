"""`tapewire relay`: serve a subscriber's stream on, from this machine, to subscribers of one's own or into a NATS server."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console

from tapewire.bus import access, contexts
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, Transient
from tapewire.bus.roles import ASK, STREAMS, SubscriberTier
from tapewire.daemons.settings.structs import Bus

if TYPE_CHECKING:
    from tapewire.daemons.relay.process import Relay, RelayOutput

RELAY = Path("var/relay")  # where a relay keeps its files by default
BASE_PORT = 5950
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SUBJECT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
SHOWN = ("above", "link", "number", "late_s", "relays", "whole", "connected", "nats")

out = Console(soft_wrap=True, highlight=False)


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.command()(relay)


def relay(
    key: Annotated[
        Path | None, typer.Argument(metavar="NAME.key", help="The file of a subscriber above; it says which tier.")
    ] = None,
    run: Annotated[Path, typer.Option(help="The relay's own folder: lines, keys of its subscribers, who was there.")] = RELAY,
    base_port: Annotated[
        int, typer.Option(help="premium is served at this port + 20, delayed + 21, free + 22; questions at + 23.")
    ] = BASE_PORT,
    public_host: Annotated[str, typer.Option(help="Where these ports are bound, such as 0.0.0.0; 127.0.0.1 without it.")] = "",
    keep_days: Annotated[int, typer.Option(min=1, help="Days that lines stay on the disk, and can be asked for.")] = 90,
    nats: Annotated[
        str,
        typer.Option(metavar="URL", help="Publish into a NATS server with JetStream, and serve no port; such as nats://HOST:4222."),
    ] = "",
    nats_login: Annotated[
        Path | None, typer.Option(help="A .creds file, or a TOML file with user and password, or token, that only you can read.")
    ] = None,
    nats_stream: Annotated[str, typer.Option(help="The stream there, made if need be. [default: TAPEWIRE-PREMIUM, ...]")] = "",
    nats_subject: Annotated[str, typer.Option(help="How its subjects begin. [default: tapewire.premium, ...]")] = "",
    show: Annotated[bool, typer.Option("--show", help="Print where the relay in the folder stands, and exit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --show: print JSON, for scripts.")] = False,
) -> None:
    """Take a subscriber's stream and serve it on, byte for byte, until Ctrl-C or SIGTERM.

    Its own subscribers: `tapewire subscribers add NAME --run FOLDER`, `export`, and so on. Exit status 74: the stream above is not
    the one that the folder holds, or the disk fails. 75: a port is taken. 78: the key is refused, or a setting is wrong.
    """
    if show:
        _show(run, json=json)
        return
    if key is None:
        raise ConfError("name the file of a subscriber: tapewire relay NAME.key (`tapewire subscribers export` above writes it)")
    from tapewire.daemons.relay import process
    from tapewire.daemons.relay.ports import RelayPorts
    from tapewire.daemons.relay.settings import RelaySettings
    from tapewire.daemons.shell import limits, logs

    above = process.AboveFile.read(key)
    assert above.key.tier is not None
    output: Callable[[process.Relay], process.RelayOutput] = RelayPorts
    if nats:
        output = _bridge(nats, nats_login, nats_stream, nats_subject, above.key.tier, keep_days)
    bus = Bus(base_port=base_port, public_host=public_host)
    settings = RelaySettings(above.at.stream, above.key.tier, above.at.signed_by, bus, keep_days)
    for address in (bus.address(STREAMS[above.key.tier]), bus.address(ASK)):
        if not nats and address in (above.at.stream, above.at.ask):
            raise ConfError(f"--base-port {base_port}: {address} is the stream above; choose another")
    folder = process.prepared(run, settings)
    limits.raise_open_files()
    logger = logs.configure(process.NAME)
    relaying = process.Relay(above, settings, folder, logger, output)
    try:
        with relaying:
            status = relaying.run()
    finally:
        access.tidy(folder)
    raise typer.Exit(status)


def _bridge(
    nats: str, login: Path | None, stream: str, subject: str, tier: SubscriberTier, keep_days: int
) -> Callable[[Relay], RelayOutput]:
    """What publishes into a NATS server.

    Raises:
        ConfError: an option is wrong.
    """
    from tapewire.daemons.relay import jetstream

    name, prefix = stream or f"TAPEWIRE-{tier.value.upper()}", subject or f"tapewire.{tier.value}"
    if not NAME.fullmatch(name):
        raise ConfError(f"--nats-stream {name!r}: write words of A-Z a-z 0-9 _ -")
    if not SUBJECT.fullmatch(prefix):
        raise ConfError(f"--nats-subject {prefix!r}: write words of A-Z a-z 0-9 _ - with dots between them, and none at the end")
    place = jetstream.NatsPlace(jetstream.servers(nats), name, prefix, jetstream.NatsLogin.read(login), keep_days)
    return partial(jetstream.Jetstream, place=place)


def _show(run: Path, *, json: bool) -> None:
    run = run.resolve()
    try:
        line = access.local(run, "reader").to("control.relay")
    except (ConfError, Transient):
        raise Transient(f"no relay is up in {run}; start it with `tapewire relay NAME.key --run {run}`") from None
    with contexts.brief() as context:
        state: dict[str, Any] = request_control(context, line, "state", timeout_s=5)
    if json:
        out.print(msgspec.json.encode(state).decode(), markup=False)
        return
    for name in SHOWN:
        if name in state:
            out.print(f"{name:10} {state[name]}", markup=False)
    if state["link"] != "up":
        out.print(state["text"], markup=False, style="red")

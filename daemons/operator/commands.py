"""The operator's commands: up, down, status, tap, doctor."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import zmq
from rich.console import Console

from tapewire.bus import topics
from tapewire.bus.client import ask
from tapewire.bus.errors import ConfError, PeerError, Transient
from tapewire.bus.messages import Arm, Kill, Risk
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.clock import Calendar
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.operator import status as standing
from tapewire.daemons.operator import tap as tapping
from tapewire.daemons.operator.doctor import examination, findings
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS
from tapewire.daemons.shell import epochs, latch

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

InstanceOption = Annotated[str | None, typer.Option("--instance", help="Which run, when several are up.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="One number of the preset, such as v_reversal.drop_threshold=5.0; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (up, down, status, tap, doctor, kill, arm):
        app.command()(command)


def up(
    instrument: Annotated[list[str] | None, typer.Option("--instrument", help="What to trade; may be repeated.")] = None,
    preset: Annotated[str, typer.Option(help="Which strategies with which numbers (conf/presets).")] = "seed",
    strategies: Annotated[str | None, typer.Option(help="Comma-separated list instead of the preset's.")] = None,
    settings: SetOption = None,
    var: Annotated[Path, typer.Option(help="Where the run's journal and logs go.")] = Path("var"),
) -> None:
    """Start the supervised daemons of the live configuration. Trading stays off unless conf/live.toml says otherwise."""
    name = "live"
    for each in instances.running():
        if each.name == name:
            raise ConfError(f"{name} is up already (supervisord {each.pid}, {each.run}); stop it with `tapewire down`")
    chosen = configuration.preset(preset, split(strategies), settings or ())
    conf = configuration.load("live", instance=name, traded=instrument or ["MNQ"], preset=chosen, calendar=exchange_calendar())
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    if base != conf.bus.base_port:
        raise ConfError(
            f"ports from {conf.bus.base_port} on are in use and NinjaTrader expects them there; stop what uses them "
            f"(`tapewire doctor` names the port) or set bus.base_port in conf/live.toml"
        )
    run = (var / name).resolve()
    run.mkdir(parents=True, exist_ok=True)
    conf = epochs.begin(conf, run, {"gate": gate.daemon})
    with err.status("starting the daemons") as spinner:
        instance, _ = supervise.start(conf, run, "live", attached=False)
        supervise.wait_ready(conf, instance, lambda daemon: spinner.update(f"waiting for {daemon}"))
    trading = f"trading account {conf.trading.account}" if conf.trading.enabled else "trading is off"
    where = f"{run}, epoch {conf.epoch}"
    out.print(f"up: {len(supervise.DAEMONS)} daemons in {where}, {', '.join(conf.traded)}, preset {preset}; {trading}")


def down(instance: InstanceOption = None) -> None:
    """Stop the daemons and supervisord, and leave nothing behind."""
    chosen = instances.choose(instance)
    with err.status(f"stopping {chosen.name}"):
        supervise.stop(chosen)
    out.print(f"down: {chosen.name}")


def status(instance: InstanceOption = None, json: JsonOption = False) -> None:
    """Every daemon with pid, uptime, heartbeat age and last number. Exit status 1 if one is missing or silent."""
    chosen = instances.choose(instance)
    rows = standing.collect(chosen)
    if json:
        out.print(msgspec.json.encode(rows).decode(), markup=False)
    else:
        out.print(f"{chosen.name} ({chosen.kind}), ports from {chosen.base_port}, {chosen.run}", markup=False)
        show(standing.lines(rows))
    raise typer.Exit(0 if all(row.healthy for row in rows) else 1)


def tap(
    topic: Annotated[list[str] | None, typer.Argument(help="Topic prefixes such as session. signal. (default: all).")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    since: Annotated[str | None, typer.Option(help="First what the journal has: all, or a time such as 2027-02-24T10:30.")] = None,
    rate: Annotated[bool, typer.Option("--rate", help="Messages per second of each topic instead of the messages.")] = False,
    count: Annotated[int | None, typer.Option(help="Stop after this many messages.")] = None,
    instance: InstanceOption = None,
) -> None:
    """Print decoded messages as they pass. A stopped or slow tap loses its own messages and hurts nobody."""
    chosen = instances.choose(instance)
    tapping.run(chosen, tuple(topic or ("",)), as_json=json, since=since, rate=rate, count=count)


def doctor(instance: InstanceOption = None, json: JsonOption = False) -> None:
    """Check every hop, file, port and clock, up to NinjaTrader, and name the broken one.

    Exit status 0: all is ok. 1: something is broken. 3: nothing is, but not everything could be looked at.
    """
    chosen = instances.choose(instance) if instance or instances.running() else None
    found = examination.examine(chosen)
    if json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        show(findings.lines(found))
    raise typer.Exit(findings.status(found))


def kill(
    flatten: Annotated[bool, typer.Option("--flatten", help="Also cancel what works and close what is open.")] = False,
    instance: InstanceOption = None,
) -> None:
    """Latch the kill switch: no entry passes until `tapewire arm`, whatever restarts. Resting stops stay; exits still work."""
    chosen = instances.choose(instance)
    who = getpass.getuser()
    latch.latch(Path(chosen.run), who)
    try:
        standing = tell_gate(chosen, Kill(who, flatten))
    except Transient as error:
        left = "; NOTHING WAS FLATTENED, close positions in NinjaTrader" if flatten else ""
        raise Transient(
            f"latched on disk, but the gate does not answer ({error}): it will obey when it starts, and meanwhile the venue "
            f"refuses entries for want of a lease{left}"
        ) from error
    out.print(f"killed: {chosen.name} takes no entries; {standing}" + ("; closing what is open" if flatten else ""))


def arm(instance: InstanceOption = None) -> None:
    """Release the kill switch, and whatever reconciliation disputed. Say it only after you have looked."""
    chosen = instances.choose(instance)
    standing = tell_gate(chosen, Arm(getpass.getuser()))
    latch.release(Path(chosen.run))
    out.print(f"armed: {chosen.name}; {standing}")


def tell_gate(chosen: instances.Instance, word: Kill | Arm) -> str:
    """Ask the gate to obey, and return where the account then stands, in words."""
    address = f"tcp://{chosen.host}:{chosen.base_port + PORTS['gate']}"
    with zmq.Context() as context:
        answer = ask(context, address, topics.of(topics.OPERATOR, "word"), word, name="operator")
    if not isinstance(answer, Risk):
        raise PeerError(f"the gate answered {type(answer).__name__}, expected Risk")
    return f"account {answer.account or 'none'} is {answer.state}, {answer.total_cents / 100:+.2f} $ realised"


def show(lines: Iterable[tuple[str, bool]]) -> None:
    """Print lines; those that are not well in red, where there is colour."""
    for line, well in lines:
        out.print(line, markup=False, style=None if well else "red")


def split(names: str | None) -> list[str] | None:
    """`A,B` as a list; None stays None."""
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def exchange_calendar() -> Calendar:
    """Half days and holidays from a month ago to two years ahead."""
    from tapewire.daemons.settings.calendar import calendar_for

    today = dt.date.today()
    return calendar_for(None, today - dt.timedelta(31), today + dt.timedelta(731))

"""The operator's commands up, down, status, tap and doctor.

Each imports what it needs when it is called: a command starts in half the time, and tests and scripts start hundreds.
"""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError, Interrupted, Transient
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.instances import Instance

if TYPE_CHECKING:
    from rich.console import Console

    from tapewire.daemons.settings.structs import Conf

LIVE = Path("var/live")  # where `up` puts its run by default
NOT_READY = 3  # exit status of `up --wait`: the daemons are up, but what is awaited has not come

InstanceOption = Annotated[
    str | None, typer.Option("--instance", "--run", help="Name of the run, or its folder; needed only if several are up.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change one value, such as v_reversal.drop_threshold=5.0 or exits.day_loss=none; may be repeated.",
    ),
]
InstrumentsOption = Annotated[
    Path | None,
    typer.Option("--instruments", help="A table of instruments of your own; it adds to conf/instruments.toml, or replaces fields."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    for command in (up, down, status, tap, doctor):
        app.command()(command)


def up(
    instrument: Annotated[
        list[str] | None, typer.Option("--instrument", metavar="NAME", help="Instrument to trade (default: MNQ); may be repeated.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Strategies and their parameters: a name in conf/presets or the path of a file.")
    ] = "seed",
    strategies: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Comma-separated strategies instead of the preset's.")
    ] = None,
    settings: SetOption = None,
    own: InstrumentsOption = None,
    account: Annotated[
        Path | None, typer.Option(help="File of an account, laid over conf/live.toml; the run and its folder are named after it.")
    ] = None,
    var: Annotated[Path, typer.Option(help="Folder for the run: its journal and logs go to VAR/live, or VAR/ACCOUNT.")] = Path(
        "var"
    ),
    wait: Annotated[bool, typer.Option("--wait", help="Wait, with progress, until an entry could be traded.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="With --wait: for so many seconds at most.")] = 120.0,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay until told to stop (SIGTERM), and stop the daemons then: for systemd, containers.")
    ] = False,
) -> None:
    """Start the supervised daemons of the live configuration. Trading stays off unless conf/live.toml enables it.

    Exit status 0: all daemons are up; with --wait, an entry could be traded. 3: with --wait, they are up, but what is awaited has
    not come in time. Otherwise nothing is left running. With --stay 0 if it was told to stop, or `tapewire down` did.
    """
    from tapewire.daemons import makers
    from tapewire.daemons.operator import starting, supervise
    from tapewire.daemons.settings import load as configuration
    from tapewire.daemons.settings import overrides
    from tapewire.daemons.settings.calendar import dated
    from tapewire.daemons.shell import epochs

    if stay and wait:
        raise ConfError("--wait ends when the run is ready, and --stay when it is stopped; write one of them")
    if stay:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = instances.LIVE if account is None else configuration.name_of(account)
    for each in instances.running():
        if each.name == name:
            stop = f"`tapewire down --instance {name}`"
            raise ConfError(f"{name} is up already ({instances.processes(each)}, {each.run}); stop it with {stop}")
    values, terms = overrides.split(overrides.read(settings or ()))
    chosen = configuration.changed(configuration.preset(preset, split(strategies)), values)
    traded = instrument or ["MNQ"]
    undated = configuration.load("live", instance=name, traded=traded, preset=chosen, own=own, account=account, terms=terms)
    _check_account(undated)
    conf = dated(undated, dt.date.today())
    if conf.alerts.enabled:
        from tapewire.daemons.alerts import senders

        senders.check(conf.alerts)
    tell_instruments(own)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    if base != conf.bus.base_port:
        held = supervise.in_use(conf.bus.host, conf.bus.base_port) or supervise.AGAIN
        file = account or "conf/live.toml"
        raise ConfError(
            f"ports in use: {held}; NinjaTrader connects to these, so stop that process, or set bus.base_port in {file}"
        )
    run = (var / name).resolve()
    with disk.writing(run):
        run.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    if warning := private.tighten(run):
        err().print(f"warning: {warning}", style="yellow", markup=False)
    conf = epochs.begin(conf, run, makers.durable(conf))
    with err().status("starting the daemons") as spinner:
        instance, supervisord = supervise.start(conf, run, instances.LIVE, attached=stay)
        told = starting.Told(lambda text: err().print(text, markup=False) if wait else spinner.update(text))
        try:
            supervise.wait_ready(instance, told.waiting)
        except BaseException as error:  # what did not come up stays down
            supervise.stop(instance)
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(f"interrupted; nothing is left running; {run} holds the run") from None
            raise
    trading = f"trading account {conf.trading.account}" if conf.trading.enabled else "trading is off"
    where = f"{run}, epoch {conf.epoch}"
    out().print(f"up: {len(makers.names(conf))} daemons in {where}, {', '.join(conf.traded)}, preset {preset}; {trading}")
    if wait:
        missing = starting.until_ready(instance, conf, timeout, told)
        for text in missing:
            err().print(f"not ready after {timeout:g} s: {text}", style="red", markup=False)
        raise typer.Exit(NOT_READY if missing else 0)
    if stay:
        _stay(instance, supervisord)


def _stay(instance: Instance, supervisord: subprocess.Popen[bytes]) -> None:
    """Wait until the run ends, or stop it when we are told to.

    Raises:
        Transient: supervisord has ended by itself.
    """
    from tapewire.daemons.operator import supervise

    try:
        supervisord.wait()
    except KeyboardInterrupt:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        supervise.stop(instance)
        out().print(f"down: {instance.name}")
        return
    if supervisord.returncode != 0:
        supervise.stop(instance)
        raise Transient(f"supervisord of {instance.name} has ended with status {supervisord.returncode}; nothing is left running")


def down(instance: InstanceOption = None) -> None:
    """Stop the daemons and supervisord. No process, socket or port is left behind; the journal stays."""
    from tapewire.daemons.operator import supervise, upkeep

    chosen = instances.choose(instance)
    with err().status(f"stopping {chosen.name}"):
        recorded = upkeep.recorded(chosen)
        supervise.stop(chosen)
    out().print(f"down: {chosen.name}" + (f"; {recorded}" if recorded else ""))


def status(instance: InstanceOption = None, json: JsonOption = False) -> None:
    """Show each daemon's pid, uptime, heartbeat age and last number, and the bridge's counters; of every run that is up.

    Exit status 1 if a daemon does not run, beat or report ready.
    """
    chosen_runs = instances.chosen(instance)  # before the imports: a script often asks when nothing runs
    from tapewire.daemons.operator import status as standing
    from tapewire.daemons.operator import supervise

    runs, faults = [], []
    for each in chosen_runs:
        try:
            runs.append((each, standing.collect(each)))
        except Transient as error:  # it hides no other run
            faults.append(f"{each.name} ({each.kind}): {error}")
    if json:
        rows = [row for _, found in runs for row in (*found.daemons, *([] if found.bridge is None else [found.bridge]))]
        say(msgspec.json.encode(rows).decode())
    for number, (chosen, found) in enumerate(() if json else runs):
        state = chosen.kind if chosen.ready else f"{chosen.kind}, starting"
        say(f"{(number and chr(10)) or ''}{chosen.name} ({state}), ports from {chosen.base_port}, {chosen.run}")
        if not instances.alive(chosen.pid):
            text = f"supervisord {chosen.pid} is dead; {instances.processes(chosen)}: `tapewire down`, then `tapewire up`"
            say(text, "red")
        show(standing.lines(found))
        ended = [row.name for row in found.daemons if row.state == "EXITED"]
        show((f"{name} has ended{supervise.last_error(chosen, name)}", False) for name in ended)
    for text in faults:
        say(text, "red", error=True)
    raise typer.Exit(0 if not faults and all(row.healthy for _, found in runs for row in found.daemons) else 1)


def tap(
    topic: Annotated[
        list[str] | None, typer.Argument(help="Topic prefixes, such as session. signal. (default: all topics).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    since: Annotated[
        str | None, typer.Option(help="Print the journal first: all, or from a New York time such as 2027-02-24T10:30.")
    ] = None,
    rate: Annotated[bool, typer.Option("--rate", help="Print each topic's messages per second instead of the messages.")] = False,
    count: Annotated[int | None, typer.Option(help="Stop after this many messages.")] = None,
    instance: InstanceOption = None,
) -> None:
    """Print decoded messages as they pass, with market time in New York. A slow tap loses messages; the daemons lose none."""
    from tapewire.daemons.operator import tap as tapping

    chosen = instances.choose(instance)
    tapping.run(chosen, tuple(topic or ("",)), as_json=json, since=since, rate=rate, count=count)


def doctor(
    instance: Annotated[str | None, typer.Option("--instance", help="Name of the run; needed only if several are up.")] = None,
    run: Annotated[
        Path, typer.Option(help="Folder of the live run: it is chosen if it is up, its keys are read if it is not.")
    ] = LIVE,
    json: JsonOption = False,
) -> None:
    """Check every hop, file, port and clock, up to NinjaTrader, and name the broken one.

    Exit status 0: all checks are ok. 1: at least one is broken. 3: none is broken, but at least one could not be made.
    """
    from tapewire.daemons.operator.doctor import examination, findings

    if instance is None and any(Path(each.run) == run.resolve() for each in instances.running()):
        instance = str(run)
    chosen = instances.for_money(instance, run) if instance or instances.running() else None
    found = examination.examine(chosen, run.resolve())
    if json:
        out().print(msgspec.json.encode(found).decode(), markup=False)
    else:
        show(findings.lines(found))
    raise typer.Exit(findings.status(found))


def show(lines: Iterable[tuple[str, bool]]) -> None:
    """Print lines; those that are not well in red, if the terminal has colour."""
    for line, well in lines:
        say(line, None if well else "red")


def say(text: str, style: str | None = None, *, error: bool = False) -> None:
    """Print a line. Only a terminal shows colour, so only there it is rich that prints: its import is 40 ms of a command."""
    stream = sys.stderr if error else sys.stdout
    if stream.isatty():
        (err() if error else out()).print(text, markup=False, style=style)
    else:
        print(text, file=stream)


@cache
def out() -> Console:
    """Standard output as rich prints it."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)


@cache
def err() -> Console:
    """Standard error likewise."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False)


def split(names: str | None) -> list[str] | None:
    """`A,B` as a list; None stays None."""
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def tell_instruments(own: Path | None) -> None:
    """Say what a person's own tables add to the shipped instruments, and what they replace."""
    from tapewire.daemons.settings import load as configuration

    for text in configuration.table_of_instruments(own).told:
        err().print(f"instruments: {text}", markup=False)


def _check_account(conf: Conf) -> None:
    """An account has one run: two would count its trades and its losses apart."""
    from tapewire.daemons.settings import load as configuration

    for each in instances.running():
        try:
            other = configuration.read(Path(each.run)).trading
        except ConfError as error:
            stop = f"`tapewire down --instance {each.name}`"
            raise ConfError(
                f"the run {each.name} is up, and nobody can tell what it trades ({error}); stop it with {stop}"
            ) from None
        if conf.trading.enabled and each.kind == instances.LIVE and (other.enabled, other.account) == (True, conf.trading.account):
            raise ConfError(
                f"the run {each.name} trades account {other.account} already ({each.run}); stop it, or name another account"
            )

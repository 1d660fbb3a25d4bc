"""Looking after a run that is up: `restart` one daemon, read the `logs`, and what a run has recorded when it ends."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from tapewire.bus import access, contexts, topics
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, PeerError, Transient, suggest
from tapewire.daemons import makers
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.operator.commands import InstanceOption
from tapewire.daemons.operator.instances import Instance

out = Console(soft_wrap=True, highlight=False)

FOLLOW_S = 0.2
SHOWN = ("timestamp", "daemon", "level", "event")  # fields of a line that have a place of their own


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(restart)
    app.command()(logs)


def restart(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(makers.ALL)}.")], instance: InstanceOption = None
) -> None:
    """Stop one daemon in order, start it, and wait until it is ready. The others go on, and nothing is lost."""
    chosen = instances.choose(instance)
    wanted = daemon(name, supervise.names(chosen))
    supervise.restart(chosen, wanted)
    out.print(f"restarted: {name} of {chosen.name}, pid {instances.daemons(chosen.run).get(name, 0)}", markup=False)


def logs(
    name: Annotated[str | None, typer.Argument(help="A daemon; without it all of them, by time.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is written, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option(min=0, help="How many of the last lines of each daemon.")] = 20,
    instance: InstanceOption = None,
) -> None:
    """Print the last lines of the daemons' logs; times are UTC."""
    run = Path(instances.choose(instance).run)
    names = makers.ALL if name is None else (daemon(name, makers.ALL),)
    files: dict[str, TextIO] = {}
    for each in names:
        if (path := log(run, each)).exists():
            files[each] = path.open(encoding="utf-8", errors="replace")
    try:
        _print(line for file in files.values() for line in tail(file, lines))
        while follow:
            time.sleep(FOLLOW_S)
            for each in list(files):
                files[each] = reopened(files[each], log(run, each))
            _print(line for file in files.values() for line in file)
    finally:
        for file in files.values():
            file.close()


def _print(lines: Iterable[str]) -> None:
    """By time; a line without one comes first."""
    for line in sorted(lines, key=_at):
        out.print(shown(line), markup=False)


def log(run: Path, name: str) -> Path:
    """The path of a daemon's log."""
    return run / "logs" / f"{name}.log"


def tail(file: TextIO, count: int) -> list[str]:
    """The last lines of a file, which stands at its end then."""
    return list(deque(file, maxlen=count))


def reopened(file: TextIO, path: Path) -> TextIO:
    """The same file, or the new one of its name once supervisord has put the old one aside."""
    try:
        if path.stat().st_size >= file.tell():
            return file
    except FileNotFoundError:
        return file
    file.close()
    return path.open(encoding="utf-8", errors="replace")


def shown(line: str) -> str:
    """A line of a log for a person: time, daemon, level if it is no plain information, event, and its fields."""
    try:
        fields = json.loads(line)
        at, source, level, event = (str(fields[key]) for key in SHOWN)
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n")
    rest = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if key not in SHOWN)
    loud = "" if level == "info" else f" {level.upper()}"
    return f"{at[:19].replace('T', ' ')} {source:<9}{loud} {event} {rest}".rstrip()


def recorded(instance: Instance) -> str:
    """What the journal of a run holds, in words; empty if the logger does not reply."""
    try:
        with contexts.brief() as context:
            line = access.local(Path(instance.run), "reader").to("control.logger")
            records: dict[str, int] = request_control(context, line, "state", timeout_s=1.0)["records"]
    except (Transient, PeerError, ConfError):
        return ""
    kinds = (("bars", topics.BAR), ("signals", topics.SIGNAL), ("trades", topics.TRADE), ("gaps", topics.GAP))
    counts = ", ".join(f"{_under(records, prefix):,} {kind}" for kind, prefix in kinds)
    total = sum(count for topic, count in records.items() if not topics.technical(topic))
    return f"{total:,} messages recorded: {counts}"


def _under(records: dict[str, int], prefix: str) -> int:
    return sum(count for topic, count in records.items() if topic.startswith(prefix))


def _at(line: str) -> str:
    try:
        return str(json.loads(line)["timestamp"])
    except (ValueError, KeyError, TypeError):
        return ""


def daemon(name: str, known: Sequence[str]) -> str:
    """The name of a daemon. Raises ConfError: there is none of that name, or this run lacks it."""
    if name in known:
        return name
    if name in makers.CLIENTS:
        raise ConfError(f"this run has no {name}; set enabled = true in [{name}] of conf/live.toml, then `tapewire down` and `up`")
    raise ConfError(f"no daemon {name!r}{suggest(name, known)}; known: {', '.join(known)}")


def _value(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)

"""`tapewire prune`: compress the older records of a run's journal, and remove what is older than a person wants to keep.

A day's folder is never removed: it is small, and what a person reads. Nor is anything that a start of the run needs: the present
settings and logs, the last state that was carried over, and the days of the journal that a start reads.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus import disk, topics
from tapewire.bus.bounds import DAY_NS
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Header
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE, JsonOption
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, retention
from tapewire.daemons.shell.tape import SUFFIX

EVERYTHING = 1 << 62
COMPRESS, REMOVE = "compress", "remove"

out = Console(soft_wrap=True, highlight=False)
_header = msgspec.msgpack.Decoder(Header)


class Step(Struct, frozen=True):
    """What is done, or would be: to which file or folder of the run, to how many records of it, and their bytes on the disk.

    after: bytes that are left of them; None as long as it was not done.
    """

    action: str
    what: str
    records: int
    bytes: int
    after: int | None = None


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command()(prune)


def prune(
    keep: Annotated[str, typer.Option(help="Remove what is older: days of the journal, and states of earlier starts.")] = "90d",
    compress: Annotated[str, typer.Option(help="Compress days of the journal that are older.")] = "7d",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it only says what would be done.")] = False,
    run: Annotated[
        str | None, typer.Option("--run", "--instance", help="Name of the run, or its folder; without it the live run.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compress the older days of a run's journal and remove the oldest; a dry run without --yes. Days' folders stay."""
    kept, packed = days(keep, "--keep"), days(compress, "--compress")
    if packed > kept:
        raise ConfError(f"--compress {compress} is more than --keep {keep}: what is removed need not be compressed")
    instance = instances.for_money(run, LIVE)
    if yes and is_up(instance):
        raise ConfError(f"{instance.name} is up; `tapewire down` first: its files are in use")
    path = Path(instance.run)
    steps = list(Pruning(path, configuration.read(path), time.time_ns()).steps(kept * DAY_NS, packed * DAY_NS, do=yes))
    if as_json:
        out.print_json(msgspec.json.encode({"run": str(path), "done": yes, "steps": steps}).decode())
        return
    for line in lines(path, steps, done=yes):
        out.print(line, markup=False)


class Pruning:
    """Looks at one run, or prunes it.

    Args:
        now_ns: wall-clock time.
    """

    def __init__(self, run: Path, conf: Conf, now_ns: int) -> None:
        self._run = run
        self._conf = conf
        self._now_ns = now_ns
        self._tapes = sorted((run / "journal").glob(f"*{SUFFIX}"))

    def steps(self, keep_ns: int, compress_ns: int, *, do: bool) -> Iterator[Step]:
        """One step after another, each yielded once it is done.

        Args:
            keep_ns, compress_ns: how old the journal may become. do: not only look.

        Raises:
            JournalError: a file of the journal is in use or damaged, or the disk refuses.
        """
        limit_ns = min(self._now_ns - keep_ns, self._read_from_ns())
        for left in (self._run / "journal").glob(".*.unfinished") if do else ():
            left.unlink()  # of a process that was killed
        for tape in self._tapes:
            yield from self._compressed(tape, self._before_ns(tape, compress_ns), do=do)
            yield from self._left_out(tape, limit_ns, do=do)
        for folder in self._states(self._now_ns - keep_ns):
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            if do:
                with disk.writing(folder, "removed"):
                    shutil.rmtree(folder)
            yield Step(REMOVE, str(folder.relative_to(self._run)), 0, size, 0 if do else None)

    def _compressed(self, tape: Path, before_ns: int, *, do: bool) -> Iterator[Step]:
        old = retention.old(tape, before_ns)
        if old.records:
            after = retention.compress(tape, before_ns).packed if do else None
            yield Step(COMPRESS, tape.name, old.records, old.size, after)

    def _left_out(self, tape: Path, limit_ns: int, *, do: bool) -> Iterator[Step]:
        if tape.name.startswith(topics.GAP):
            return  # a start reads all of them, to know a loss from what was left out
        frames = retention.oldest(tape, limit_ns)
        if frames:
            if do:
                retention.leave_out(tape, frames)
            size = sum(frame.size for frame in frames)
            yield Step(REMOVE, f"{tape.name}.zst", sum(frame.records for frame in frames), size, 0 if do else None)

    def _before_ns(self, tape: Path, age_ns: int) -> int:
        """The market time up to which a file is old. The dates of a replay say nothing of its age: its files do."""
        if self._conf.bus.clock_runs:
            return self._now_ns - age_ns
        return EVERYTHING if tape.stat().st_mtime_ns < self._now_ns - age_ns else 0

    def _read_from_ns(self) -> int:
        """The market time from which a start reads."""
        newest = max((retention.newest_ns(tape) for tape in self._tapes if tape.name.startswith(topics.BAR)), default=0)
        return newest - self._conf.tracker.history_days * DAY_NS

    def _states(self, before_ns: int) -> list[Path]:
        """The folders of earlier starts that ended before a time; the last one with a log stays, for the books begin with it."""
        known = [epochs.folder(self._run, number) for number in range(1, self._conf.epoch)]
        there = [folder for folder in known if (folder / "run.json").exists()]
        needed = [folder for folder in there if list(folder.glob("*.log"))][-1:] + there[-1:]
        return [folder for folder in there if folder not in needed and (folder / "run.json").stat().st_mtime_ns < before_ns]


def days(text: str, option: str) -> int:
    """`90d` as a number of days. Raises ConfError: it is none."""
    if not re.fullmatch(r"\d{1,5}d", text):
        raise ConfError(f"{option} {text!r} is no number of days; write 90d")
    return int(text[:-1])


def is_up(instance: Instance) -> bool:
    """Whether a process of the run lives."""
    return instances.alive(instance.pid) or bool(instances.daemons(instance.run))


def lines(run: Path, steps: list[Step], *, done: bool) -> Iterator[str]:
    """The steps for a person."""
    if not steps:
        yield f"{run}: nothing is old enough"
        return
    rows = [("", "", "records", "bytes", "left")]
    for step in steps:
        left = "" if step.after is None else f"{step.after:,}"
        rows.append((step.action, step.what, f"{step.records:,}" if step.records else "", f"{step.bytes:,}", left))
    yield from aligned(rows)
    total = {action: sum(step.bytes for step in steps if step.action == action) for action in (COMPRESS, REMOVE)}
    if done:
        freed = sum(step.bytes - (step.after or 0) for step in steps)
        yield f"{run}: {_mib(freed)} freed"
    else:
        yield f"{run}: would compress {_mib(total[COMPRESS])} and remove {_mib(total[REMOVE])}; --yes does it while the run is down"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"

"""The folders on the disk. A file grows by whole lines or is replaced as a whole; the next write mends what a kill tore."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import TypeVar

import msgspec

from tapewire.bus import disk, private
from tapewire.bus.errors import DataError
from tapewire.bus.messages import Lap
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.days import files, month
from tapewire.replay.days.book import DayFacts
from tapewire.replay.days.files import Init, Performance

FOLDER = "days"
STAMPS = "stamps.jsonl"
VERDICT = "verdict.json"
LATENCY = "latency.jsonl"
GROWING = (".csv", ".jsonl")

MOST_OPEN = 2  # the two that grow with every message, of one date

T = TypeVar("T")


class Arrival(msgspec.Struct, frozen=True):
    """A line of stamps.jsonl."""

    message: str
    wall_ns: int


class Judged(msgspec.Struct, frozen=True):
    """What a day's verdict says (replay/verify/verdict.py): equal, diverged or unproved, and why."""

    verdict: str
    summary: str


def place(run: Path, date: str) -> Path:
    """The folder of a trade date (YYYY-MM-DD), or of a month (YYYY-MM)."""
    return run / FOLDER / Path(*date.split("-"))


def dates(run: Path, month: str = "") -> list[str]:
    """The trade dates that have a folder, in order."""
    found = ("-".join(path.parent.parts[-3:]) for path in (run / FOLDER).glob("*/*/*/performance.json"))
    return sorted(date for date in found if date.startswith(month))


def read(path: Path, kind: type[T]) -> T | None:
    """What a JSON file says; None if there is none.

    Raises:
        DataError: it cannot be read as this.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; remove it, and `tapewire restart daybook` writes it again") from error


def performance(run: Path, date: str) -> Performance | None:
    """The figures of a date that has a folder."""
    return read(place(run, date) / "performance.json", Performance)


def judged(run: Path, date: str) -> Judged | None:
    """The verdict on a date; None if there is none yet."""
    return read(place(run, date) / VERDICT, Judged)


class Folders:
    """Writes the days of a run."""

    def __init__(self, run: Path, conf: Conf) -> None:
        self._run = run
        self._conf = conf
        self._stamps: dict[str, dict[str, int]] = {}
        self._mended: set[str] = set()  # dates whose file of latencies ends with a whole line
        self._open: dict[Path, FileIO] = {}  # what grows with every message
        weakref.finalize(self, _close, self._open)

    def stamp(self, date: str, message: str, wall_ns: int) -> None:
        """Keep when a message was seen. The first time counts."""
        stamps = self._known_stamps(date)
        if message in stamps:
            return
        stamps[message] = wall_ns
        self._append(date, STAMPS, msgspec.json.encode(Arrival(message, wall_ns)) + b"\n")

    def passed(self, date: str, laps: Iterable[Lap]) -> None:
        """Keep how long bars took."""
        path = place(self._run, date) / LATENCY
        if date not in self._mended:
            self._mended.add(date)
            if path.exists():
                _mend(path)
        self._append(date, LATENCY, b"".join(msgspec.json.encode(lap) + b"\n" for lap in laps))

    def _append(self, date: str, name: str, lines: bytes) -> None:
        path = place(self._run, date) / name
        with disk.writing(path):
            file, written = self._appending(path), 0
            while written < len(lines):
                written += file.write(lines[written:])

    def _appending(self, path: Path) -> FileIO:
        """The open file: to open it takes longer than to write a line. One that was removed meanwhile is made anew."""
        file = self._open.get(path)
        if file is not None and os.fstat(file.fileno()).st_nlink:
            return file
        if file is not None or len(self._open) == MOST_OPEN:
            _close(self._open)
        _made(path.parent)
        file = self._open[path] = FileIO(path, "ab")
        os.chmod(file.fileno(), private.FILE)
        return file

    def write(self, day: DayFacts, after: DayFacts | None, *, closed: bool) -> None:
        """Bring a day's folder, and its month, to what is known now.

        A closed day of which the journal has lost bars stays as it is.

        Raises:
            DiskError: the disk refuses. DataError: a file there is not what it should be.
        """
        known = self._closed(day.date)
        if known is not None and sum(known.bars.values()) > sum(map(len, day.bars.values())):
            return
        folder = _made(place(self._run, day.date))
        begun = files.init(day, self._conf, _if_readable(folder / "session_init.json", Init))
        stamps = {**(self._known_stamps(after.date) if after is not None else {}), **self._known_stamps(day.date)}
        found = files.content(day, after, self._conf, begun, stamps, closed=closed or known is not None)
        for name, content in found.items():
            path = folder / name
            if path.suffix in GROWING:
                grow(path, content)
            elif not path.exists() or path.read_bytes() != content:
                disk.replace(path, content)
        self._month(day.date[:7])

    def _closed(self, date: str) -> Performance | None:
        known = _if_readable(place(self._run, date) / "performance.json", Performance)
        return known if known is not None and known.closed else None

    def is_closed(self, date: str) -> bool:
        """Whether the folder of a date says that the day is over."""
        return self._closed(date) is not None

    def forget(self, date: str) -> None:
        """The stamps of a date are not needed any more."""
        self._stamps.pop(date, None)

    def _month(self, name: str) -> None:
        found = (_if_readable(place(self._run, date) / "performance.json", Performance) for date in dates(self._run, name))
        days = [done for done in found if done is not None]
        summary = month.of(name, days)
        folder = place(self._run, name)
        for path, content in ((folder / "summary.json", files.pretty(summary)), (folder / "summary.html", month.page(summary))):
            if not path.exists() or path.read_bytes() != content:
                disk.replace(path, content)

    def _known_stamps(self, date: str) -> dict[str, int]:
        if date not in self._stamps:
            path = place(self._run, date) / STAMPS
            whole = _mend(path) if path.exists() else b""
            found: dict[str, int] = {}
            for line in _stamps(whole):
                found.setdefault(line.message, line.wall_ns)
            self._stamps[date] = found
        return self._stamps[date]


def _if_readable(path: Path, kind: type[T]) -> T | None:
    """For a writer: what it cannot read, it writes again."""
    try:
        return read(path, kind)
    except DataError:
        return None


def grow(path: Path, content: bytes) -> None:
    """Bring a file of lines to this content. What it has of it stays, and only what is new is written behind that.

    A line that is torn, or another than it should be, is cut off first, with all that follow it.
    """
    with disk.writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
        with os.fdopen(descriptor, "r+b") as file:
            there = file.read()
            if there == content:
                return
            same = len(there) if content.startswith(there) else _common(there, content)
            file.truncate(same)
            file.seek(same)
            file.write(content[same:])


def _common(there: bytes, content: bytes) -> int:
    """How many bytes of whole lines both begin with."""
    length = 0
    for ours, theirs in zip(there.splitlines(keepends=True), content.splitlines(keepends=True), strict=False):
        if ours != theirs:
            break
        length += len(ours)
    return length


def _mend(path: Path) -> bytes:
    """Cut off a torn last line. Returns what is left."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with disk.writing(path):
            os.truncate(path, len(whole))
    return whole


def _stamps(content: bytes) -> Iterator[Arrival]:
    for line in content.splitlines():
        try:
            yield msgspec.json.decode(line, type=Arrival)
        except msgspec.MsgspecError:  # zeros after a power cut
            continue


def _close(files: dict[Path, FileIO]) -> None:
    for file in files.values():
        file.close()
    files.clear()


def _made(folder: Path) -> Path:
    with disk.writing(folder):
        folder.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    return folder

"""The folders of a run's days (replay/days) as a recording: `bars.csv` and `bars_flow.csv`, which may have been moved or copied.

Runs read them through `lived.py`. As a format among others (`recognise`, `read`) they are here for `tapewire data`.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.errors import DataError
from tapewire.bus.messages import Bar, CrossBar, Gap, GivenLevels, Levels
from tapewire.replay.sources import journal
from tapewire.replay.sources.recording import LOST, Input
from tapewire.replay.sources.table import Content, Head, Options, Progress
from tapewire.strategies.clock import MINUTE_NS, RTH_CLOSE, RTH_OPEN, SECOND_NS

NAME = "tapewire days"
INIT = "session_init.json"
PLACES = ("", "*/", "*/*/", "*/*/*/", "days/*/*/*/")  # a day, a month, a year, all days, or their run


class _Hours(Struct, frozen=True):
    closes: str | None = None
    holiday: bool = False


class _Given(Struct, frozen=True):
    after: str | None
    levels: Levels


class _Instrument(Struct, frozen=True):
    calendar: _Hours = _Hours()
    given: tuple[_Given, ...] = ()


class _Init(Struct, frozen=True):
    session: str
    main: str
    instruments: dict[str, _Instrument]


def folders(path: Path) -> list[Path]:
    """The days' folders at a path, in the order of their dates; empty if there are none."""
    for place in PLACES if path.is_dir() else ():
        found = [each.parent for each in path.glob(f"{place}{INIT}") if each.with_name("bars.csv").exists()]
        if found:
            return sorted(found, key=lambda folder: _init(folder).session)
    return []


def recognise(head: Head) -> str:
    name = head.path.name
    ours = name.startswith("bars") and not name.startswith("bars_flow") and head.path.with_name(INIT).exists()
    return "it is the bars of a run's day, beside its session_init.json" if ours else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    path = head.path
    symbol = _init(path.parent).main if path.name == "bars.csv" else path.name.removeprefix("bars.").removesuffix(".csv")
    bars = [each for each in facts(path, symbol) if isinstance(each, Bar)]
    progress(1.0)
    return journal.content(bars)


def symbols(found: Sequence[Path]) -> list[str]:
    """The instruments whose bars came to the run; not those that only stood beside them."""
    return sorted({name for folder in found for name in _init(folder).instruments})


def files(found: Sequence[Path], symbol: str) -> list[Path]:
    """The files of an instrument's bars."""
    named = [_bars(folder, symbol) for folder in found]
    return [each for each in named if each.exists()]


def closes(found: Sequence[Path], symbol: str) -> dict[str, int]:
    """When RTH ended on each date, in minutes after midnight."""
    hours = {init.session: init.instruments[symbol].calendar for init in map(_init, found) if symbol in init.instruments}
    return {date: RTH_OPEN if each.holiday else _minutes(each.closes) for date, each in hours.items()}


def facts(path: Path, symbol: str) -> Iterator[Input]:
    """The bars of one day and instrument, with a gap for each loss, and levels where a person gave some.

    Raises:
        DataError: a line cannot be read; the text names file and line.
    """
    beside: dict[str, Mapping[str, dict[str, str]]] = {}
    init = _init(path.parent)
    given = deque(init.instruments[symbol].given if symbol in init.instruments else ())
    for line, row in enumerate(_rows(path), 2):
        if not row["phase"]:
            continue  # it only stood beside another instrument's bar
        try:
            lost = int(row["lost"] or 0) + (row["phase"] == LOST)
            if lost:
                yield Gap(topics.bar(symbol), 1, 1, lost, "tracker")
            if row["phase"] == LOST:
                continue
            names = row["cross"].split()
            for name in names:
                if name not in beside:
                    beside[name] = {each["timestamp"]: each for each in _rows(_bars(path.parent, name))}
            cross = tuple(_made(CrossBar, beside[name][row["timestamp"]], instrument=name) for name in names)
            close_ns = _ns(row["timestamp"])
            while given and (given[0].after is None or _ns(given[0].after) < close_ns):
                yield GivenLevels(symbol, init.session, given.popleft().levels)
            yield _made(Bar, row, instrument=symbol, open_ns=close_ns - MINUTE_NS, close_ns=close_ns, cross=cross)
        except (ValueError, KeyError, msgspec.ValidationError) as error:
            raise DataError(f"{path}, line {line}: {error}; `tapewire restart daybook` writes the day again") from error


def _made(kind: type[Any], row: Mapping[str, str], **more: object) -> Any:
    """A bar of the columns that it has fields for; an empty cell is unknown."""
    given = {name: value for name, value in row.items() if value and name in kind.__struct_fields__}
    return msgspec.convert({**given, **more}, kind, strict=False)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The lines of a file of bars, each with those columns that stand in the file of order flow."""
    flow = path.with_name(path.name.replace("bars", "bars_flow", 1))
    try:
        with path.open(newline="") as bars, flow.open(newline="") as more:
            for line, (row, rest) in enumerate(zip(csv.DictReader(bars), csv.DictReader(more), strict=True), 2):
                if any(None in (*each, *each.values()) for each in (row, rest)):
                    raise ValueError(f"line {line} has fewer or more cells than the first line")
                if row["timestamp"] != rest["timestamp"]:
                    raise ValueError(f"line {line} is of {row['timestamp']}, and of {rest['timestamp']} in {flow.name}")
                yield {"phase": "", "cross": "", "lost": "", **row, **rest}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: {error}; `tapewire restart daybook` writes the day again") from error


def _bars(folder: Path, symbol: str) -> Path:
    return folder / ("bars.csv" if symbol == _init(folder).main else f"bars.{symbol}.csv")


def _init(folder: Path) -> _Init:
    path = folder / INIT
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Init)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; `tapewire restart daybook` writes it again") from error


def _ns(stamp: str) -> int:
    return int(dt.datetime.fromisoformat(stamp).timestamp()) * SECOND_NS


def _minutes(clock: str | None) -> int:
    if clock is None:
        return RTH_CLOSE
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)

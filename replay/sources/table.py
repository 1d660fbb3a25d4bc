"""What a reader of a format gives: the rows of one file in columns, as they stand there, and what the format says of its clock.

A reader knows its format and nothing else. It does not know the instrument's tick, the calendar, or whether a stamp can be true:
`tapewire.replay.sources.series` checks that for all formats alike. A row that a reader cannot read becomes a `Bad`, never an error,
so that every format treats bad rows in one way (`--skip-bad`). A file that is not what it seems is a DataError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources.options import Options as Options

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Progress: TypeAlias = Callable[[float], None]
Stamps: TypeAlias = Literal["open", "close", "trade"]

UTC = "UTC"
EXCHANGE = "America/New_York"
MINUTE_S = 60


class Bad(NamedTuple):
    """A row that was not read. line: counted from 1, or the number of a binary record. why: what is wrong, with the remedy.

    stamp: nanoseconds in the file's own clock, if it could be read; a late row is left out whatever it holds.
    """

    line: int
    field: str
    value: str
    why: str
    stamp: int | None = None


class Unwanted(DataError):
    """A sound file of another kind, such as quotes or daily bars: refused if it is named, left out and told in a folder."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in columns of one length, in the order of the file.

    stamp: nanoseconds since 1970 in the clock of `Content.clock`, of the end that `Content.stamps` names.
    volume: contracts. ask, bid: contracts bought at the ask, sold at the bid; None if the format has no order flow, -1 in a row
    that has none. up, down: trades at a price above, below that of the trade before; likewise. line: where the row stands, from 1.
    """

    stamp: Whole
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Whole
    line: Whole
    ask: Whole | None = None
    bid: Whole | None = None
    up: Whole | None = None
    down: Whole | None = None

    def __len__(self) -> int:
        return len(self.stamp)

    def only(self, keep: Flags | Whole) -> Bars:
        """Some of the rows."""
        return self if _everything(keep) else replace(self, **_picked(self, keep))

    def between(self, first: int, last: int) -> Bars:
        """The rows from one to before another, not copied."""
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: column[first:last] for name, column in columns.items() if column is not None})

    def narrow(self) -> Bars:
        """The same values in half the memory: columns of 32 bits where those hold every value exactly."""
        columns = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "stamp"}
        return replace(self, **{name: narrow(column) for name, column in columns.items() if column is not None})

    def wide(self) -> Bars:
        """The same values in columns of 64 bits."""
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: wide(column) for name, column in columns.items() if column is not None})


@dataclass(frozen=True, slots=True)
class Ticks:
    """Trades in columns of one length, in the order of the file.

    stamp: as in `Bars`. size: contracts. side: 1 where the buyer took the offer, -1 where the seller hit the bid, 0 unknown;
    None if the format has none. bid, ask: the quote at the trade, NaN where unknown; None if the format has none.
    """

    stamp: Whole
    price: Floats
    size: Whole
    line: Whole
    side: Whole | None = None
    bid: Floats | None = None
    ask: Floats | None = None

    def __len__(self) -> int:
        return len(self.stamp)

    def only(self, keep: Flags | Whole) -> Ticks:
        """Some of the rows."""
        return self if _everything(keep) else replace(self, **_picked(self, keep))


def narrow(column: NDArray[Any]) -> NDArray[Any]:
    """A column in 32 bits, if those hold every value exactly; else as it is."""
    kind = np.float32 if column.dtype.kind == "f" else np.int32
    if column.dtype.itemsize <= 4:
        return column
    with np.errstate(over="ignore"):
        small = column.astype(kind)
    return small if bool((small == column).all()) else column


def wide(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(np.float64 if column.dtype.kind == "f" else np.int64, copy=False)


def _everything(keep: Flags | Whole) -> bool:
    return keep.dtype == np.bool_ and bool(keep.all())


def _picked(rows: Bars | Ticks, keep: Flags | Whole) -> dict[str, Any]:
    columns = {each.name: getattr(rows, each.name) for each in fields(rows)}
    return {name: column[keep] for name, column in columns.items() if column is not None}


class Part(NamedTuple):
    """The rows of one contract in one file.

    contract: as the file (its name, folder or a column) writes it, such as "NQ 03-27", "NQH7" or "NQ"; empty if nothing names it.
    """

    contract: str
    rows: Bars | Ticks


class WrittenDates(NamedTuple):
    """The trade dates that a file writes beside its stamps, where they change: lines from which on each holds, days since 1970."""

    lines: Whole
    days: Whole


@dataclass(frozen=True, slots=True)
class Content:
    """A file that has been read.

    clock: the zone of its stamps: "UTC" or an IANA name if the format or the file says so, "" if only a person can know (--zone).
    assumed: the clock is the format's habit, and a person may say otherwise; False if each stamp carries its zone.
    stamps: which end of a bar a stamp names, or "trade". period_s: seconds of a bar, 0 for trades.
    told: sentences about what was corrected or left out, for the user. bad: rows that were not read.
    rows: data rows in the file. dated: something else than the stamps names the same dates (a file name).
    checked: tapewire wrote the file after everything had been checked.
    tick: the price step that the file names, 0 if it names none. dates: None if it writes none.
    """

    parts: list[Part]
    clock: str
    stamps: Stamps
    period_s: int = MINUTE_S
    assumed: bool = True
    told: list[str] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    rows: int = 0
    dated: bool = False
    checked: bool = False
    tick: float = 0.0
    dates: WrittenDates | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, by which its format is recognised.

    raw: up to HEAD bytes, unpacked if the file is compressed. text: the same as text; None if it is no text.
    lines: its whole lines, without line ends.
    """

    path: Path
    raw: bytes
    text: str | None
    lines: list[str]


class Format(Protocol):
    """A format: one module under `replay/sources/` with these names (`formats.py` lists them)."""

    NAME: str

    def recognise(self, head: Head) -> str:
        """By what sign this is such a file ("header names vol_ask and vol_bid"); empty if it is not. Never by the name alone."""
        ...

    def read(self, head: Head, options: Options, progress: Progress) -> Content:
        """Read the whole file.

        Args:
            progress: called with the share read so far, 0 to 1.
        Raises:
            DataError: the file as a whole cannot be read; the text names the file, what was found, and the remedy.
            Unwanted: it is a file of its format, and holds no bars or trades that a rule can use.
        """
        ...

"""What minute and tick records have in common: how records are found, and how their values are read, for all of a file at once.

A record says in its first bytes, the lead, which of its values follow and in how many bytes. So its length depends on the lead
alone: the starts of all records are found first, then each value is read from all records together. Values are big-endian and
unsigned.

There is no checksum. One wrong byte can move everything after it, and the rest still looks plausible; `Damage` collects what
cannot be, and the first of them refuses the file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources.ncd_files import Place
from tapewire.replay.sources.table import Flags, Floats, Whole

Bytes: TypeAlias = NDArray[np.uint8]
Lengths: TypeAlias = Callable[[int, int], NDArray[np.integer]]
"""How long a record would be that starts at each offset of a range; at least 1 and at most LONGEST."""

AGAIN = "load it again in NinjaTrader (Tools > Historical Data), or export it there as text, which is read, too"
WIDTHS = np.array([0, 1, 2, 4])
VOLUME_WIDTHS = np.array([0, 1, 1, 1, 1, 2, 4, 8])
VOLUME_FACTORS = np.array([0, 1, 100, 500, 1000, 1, 1, 1])
LONGEST = 64
ATTEMPTS = 3
EPOCH, MICROSECOND = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)
BLOCK = 1 << 15  # offsets; the tables of one block stay in the processor's cache
STRIDE = 8


def at_rest(path: Path, told: list[str]) -> bytes:
    """The bytes of a file at one moment. A file that is written meanwhile is read again, and told if it does not come to rest.

    Raises:
        DataError: it cannot be read.
    """
    raw = b""
    for _ in range(ATTEMPTS):
        try:
            before = path.stat()
            raw = path.read_bytes()
            after = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error}); if NinjaTrader holds it, close its charts and try again") from error
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(raw) == after.st_size:
            return raw
    told.append(f"{path.name}: NinjaTrader was writing it; what came after the reading began is left out")
    return raw


class Damage:
    """What cannot be in the records of one file. at: the offset of each record. before: records in front of them."""

    def __init__(self, path: Path, at: Whole, before: int = 0) -> None:
        self._path, self._at, self._before = path, at, before
        self._first: tuple[int, str] | None = None

    def where(self, flags: Flags, what: str) -> None:
        """Records for which this is true cannot be."""
        if flags.any():
            record = int(flags.argmax())
            if self._first is None or record < self._first[0]:
                self._first = record, what

    def codes(self, name: str, codes: Whole, unproved: tuple[int, ...]) -> None:
        """Records with one of these codes of a value cannot be read: nobody has compared one with NinjaTrader's own export."""
        for code in unproved:
            self.where(codes == code, f"{name} code {code}, which nobody has seen and proved yet")

    def refuse(self, remedy: str = AGAIN) -> None:
        """Raises DataError if anything was found; it names the first record."""
        if self._first is not None:
            record, what = self._first
            raise DataError(f"{self._path}, record {self._before + record + 1} at byte {self._at[record]}: {what}; {remedy}")


def starts(first: int, end: int, lengths: Lengths) -> Iterator[Whole]:
    """The offsets of the records from `first` on, in blocks; every record that starts before `end` is there, also one that is cut.

    Where the next record would start is looked up for every offset of a block, then for 2, 4 and 8 records ahead. So Python steps
    from record to record only once in 8.
    """
    at = first
    while at < end:
        size = min(BLOCK, end - at)
        following = np.arange(size + LONGEST)
        following[:size] += lengths(at, at + size)
        ahead = [following]
        while 1 << len(ahead) <= STRIDE:
            ahead.append(ahead[-1].take(ahead[-1], mode="clip"))
        leap = ahead.pop().data
        rows, here = [], 0
        while here < size:
            rows.append(here)
            here = leap[here]
        block = np.array(rows)
        for step in reversed(ahead):
            block = np.column_stack((block, step.take(block, mode="clip"))).ravel()
        # Steps beyond the block stay where they arrived, so the next block begins there.
        yield block[block < size] + at
        at += here


def all_starts(data: Bytes, first: int, lengths: Bytes) -> Whole:
    """The offsets of all records of a file with leads of two bytes; the last record may be cut.

    Args:
        lengths: of a record, for each of the 65,536 leads.
    """

    def ahead(begin: int, end: int) -> Bytes:
        return _looked_up(lengths, data[begin:end], data[begin + 1 : end + 1])

    return np.concatenate([np.empty(0, np.int64), *starts(first, len(data) - 1, ahead)])


def whole(path: Path, data: Bytes, at: Whole, lengths: Bytes, told: list[str]) -> int:
    """How many records are whole. NinjaTrader writes while it runs, so the last one may be cut; that is told."""
    ends = at + _looked_up(lengths, data[at], data[at + 1])
    count = int(np.searchsorted(ends, len(data), side="right"))
    if not count or ends[count - 1] != len(data):
        told.append(f"{path.name}: the last record is cut, as while NinjaTrader writes; the {count:,} before it are read")
    return count


def _looked_up(lengths: Bytes, first: Bytes, second: Bytes) -> Bytes:
    found: Bytes = lengths[first.astype(np.uint16) << 8 | second]
    return found


def unsigned(data: Bytes, at: Whole, widths: Whole) -> Whole:
    """A value of each record. at: where it begins. widths: its bytes, 0 for none, which is the value 0."""
    values = np.zeros(len(at), np.int64)
    for width in (1, 2, 4, 8):
        rows = np.flatnonzero(widths == width)
        if len(rows):
            begin = at[rows]
            value = data[begin].astype(np.int64)
            for byte in range(1, width):
                value = (value << 8) | data[begin + byte]
            values[rows] = value
    return values


def span(place: Place) -> tuple[int, int]:
    """Between which times the records of a file lie, in .NET ticks since 1970."""
    begin, end = ((each - EPOCH) // MICROSECOND * 10 for each in (place.begin, place.end))
    return begin, end


def prices(counts: Whole, tick: float) -> Floats:
    """Prices of whole numbers of ticks: the floats that the decimal numbers have."""
    steps, scale = fraction(tick)
    return np.asarray(counts.astype(np.float64) * steps / scale, np.float64)


def fraction(tick: float) -> tuple[float, float]:
    """A tick as a whole number and the power of ten that divides it: 0.25 is 25 / 100."""
    decimals = max(0, decimals_of(tick))
    return float(round(tick * 10**decimals)), float(10**decimals)


def decimals_of(tick: float) -> int:
    """How many decimals a tick has."""
    digits, _, power = f"{tick!r}".partition("e")
    return len(digits.partition(".")[2].rstrip("0")) - int(power or 0)

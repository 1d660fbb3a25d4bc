"""NinjaTrader's market replay files: `db/replay/NQ 03-27/20270224.nrd`, of which the trades are read, with bid and ask.

The format is not published. This reader follows one public description, by people who compared it with NinjaTrader's own dump event
for event. **No real file was at hand here**: the tests prove that files written by the description are read, and nothing more. So a
file counts only if its own header confirms it: the stream ends at the last byte, and the trades have the volume, the highest, the
lowest and the last price, and lie between the times that the header names. Anything else is refused.

A header of 44 slots, one for each kind of event, is followed by all events in one stream, level 1 and depth. An event is three
bytes, `m1 m2 info`, and then optional values: time since the event before, price against the last of its kind, volume. Stamps are
UTC, unlike those of the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources import ncd_files, ncd_header, ncd_records
from tapewire.replay.sources.ncd_header import TICK_NS
from tapewire.replay.sources.ncd_records import VOLUME_FACTORS, VOLUME_WIDTHS, WIDTHS, Bytes, Damage, unsigned
from tapewire.replay.sources.ncd_ticks import TIME_FACTORS, TIME_WIDTHS
from tapewire.replay.sources.table import UTC, Content, Head, Options, Part, Progress, Ticks, Whole

NAME = "NinjaTrader market replay"
SLOT = np.dtype(
    [
        ("last", "<f8"),
        ("count", "<i4"),
        ("highest", "<f8"),
        ("lowest", "<f8"),
        ("first", "<f8"),
        ("one", "<f8"),
        ("tick", "<f8"),
        ("flag", "<i4"),
        ("begin", "<i8"),
        ("end", "<i8"),
        ("volume", "<i8"),
    ]
)
SLOTS, USED_SLOTS = 44, 12
SIZE = SLOTS * SLOT.itemsize
ASK, BID, LAST = 0, 1, 2
WORDS = {ASK: "asks", BID: "bids", LAST: "trades"}
KINDS = 10  # of level 1
LEAD = 3
LEVEL_1 = 0xC0  # of `info`
FURTHER = 31  # in the low bits of m2: one of the kinds from 8 on
PRICE_WIDTHS = np.array([0, 0, 1, 4])  # of level 1
MOVES = np.array([0, -15, -(1 << 7), -(1 << 31)])
LONGEST_PAUSE = 4 * 86_400 * ncd_header.SECOND
AGAIN = "download the day again in NinjaTrader (Tools > Historical Data > Get Market Replay Data), or read db/tick"
UNPROVED = "read by a public description that was never tried on a real file here; volume, high, low and last are the header's"


class Piece(NamedTuple):
    """Trades of a part of the stream; quotes in ticks, with which of them are known."""

    time: Whole
    price: Whole
    size: Whole
    bid: Whole
    ask: Whole
    quoted: NDArray[np.bool_]


def recognise(head: Head) -> str:
    if used := _in_use(head.raw):
        return f"its header of {SLOTS} slots, {used} of them in use"
    # Damaged or cut, it is still NinjaTrader's, and `read` says what is wrong.
    return "it is called .nrd and is no text" if head.path.suffix.lower() == ".nrd" and head.text is None else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    path, told = head.path, list[str]()
    raw = ncd_records.at_rest(path, told)
    if not _in_use(raw):
        raise DataError(f"{path}: no header of NinjaTrader's market replay ({SLOTS} slots of {SLOT.itemsize} bytes); {AGAIN}")
    slots = _slots(raw)
    stream = _Stream(path, raw, slots)
    pieces = [piece for piece in stream.pieces(progress) if len(piece.time)]
    progress(1.0)
    if not pieces and not _used(slots[LAST]):
        told.append(f"{path.name}: no trades in it")
        return Content([], UTC, "trade", period_s=0, told=told)
    if not pieces:
        raise DataError(f"{path}: no trades, where the header has some; {AGAIN}")
    rows, tick = _confirmed(path, pieces, stream, slots, told)
    return Content([Part(ncd_files.contract(path), rows)], UTC, "trade", period_s=0, told=told, rows=len(rows), tick=tick)


def _confirmed(path: Path, pieces: list[Piece], stream: _Stream, slots: NDArray[np.void], told: list[str]) -> tuple[Ticks, float]:
    """Trades that are what the header says of them, and their price step. Raises DataError: they are not."""
    time, price, size, bid, ask, quoted = (np.concatenate(column) for column in zip(*pieces, strict=True))
    slot = slots[LAST]
    tick, begin, end = float(slot["tick"]), int(slot["begin"]) - ncd_header.EPOCH, int(slot["end"]) - ncd_header.EPOCH
    differs = stream.differs(LAST, slot)
    if size.sum() != slot["volume"]:
        differs = f"the volume of its trades is {size.sum():,}, the header says {slot['volume']:,}"
    if time[0] < begin or time[-1] > end:
        differs = "trades before or after the times in the header"
    if differs:
        raise DataError(f"{path}: {differs}; {AGAIN}")
    told.append(f"{path.name}: {UNPROVED}")
    wrong = stream.differs(ASK, slots[ASK]) or stream.differs(BID, slots[BID])
    if wrong:
        told.append(f"{path.name}: {wrong}; the quotes are left out")
    columns = [None if wrong else np.where(quoted, ncd_records.prices(quote, tick), np.nan) for quote in (bid, ask)]
    rows = Ticks(time * TICK_NS, ncd_records.prices(price, tick), size, np.arange(1, len(time) + 1), None, *columns)
    return rows, tick


def _slots(raw: bytes) -> NDArray[np.void]:
    return np.frombuffer(raw[:SIZE], SLOT)


def _in_use(raw: bytes) -> int:
    """How many kinds of events a header names; 0 if it is none."""
    if len(raw) < SIZE or raw[USED_SLOTS * SLOT.itemsize : SIZE].strip(b"\0"):
        return 0
    return sum(_used(slot) for slot in _slots(raw)[:USED_SLOTS])


def _used(slot: np.void) -> bool:
    """Whether there are events of a kind; the slot of another has marks in place of prices and times."""
    header = ncd_header.LAYOUT.pack(ncd_header.VERSION, slot["tick"], slot["first"], slot["begin"])
    return bool(slot["one"] == 1.0) and not isinstance(ncd_header.header(header), str)


def _lengths(level_1: bool) -> Bytes:
    word = np.arange(1 << 16)
    m1, m2 = word >> 8, word & 0xFF
    code, embedded = m1 >> 3 & 3, (m2 & FURTHER) % FURTHER != 0
    price = np.where(embedded, 0, PRICE_WIDTHS[code]) if level_1 else WIDTHS[code]
    return np.asarray(LEAD + TIME_WIDTHS[m1 & 7] + price + VOLUME_WIDTHS[m1 >> 5], np.uint8)


DEPTH_LENGTHS, LEVEL_1_LENGTHS = _lengths(False), _lengths(True)


class _Stream:
    """Reads the events of a file in blocks, because a day may have tens of millions of them."""

    def __init__(self, path: Path, raw: bytes, slots: NDArray[np.void]) -> None:
        self._path = path
        self._data = np.frombuffer(raw, np.uint8)
        begins = [
            int(begin) - ncd_header.EPOCH for begin in slots["begin"][:USED_SLOTS] if ncd_header.EPOCH <= begin < ncd_header.END
        ]
        self._clock = min(begins)
        self._chain = {kind: round(slots[kind]["first"] / slots[kind]["tick"]) for kind in (ASK, BID, LAST) if _used(slots[kind])}
        self._quote: dict[int, int] = {}
        self._extremes: dict[int, tuple[int, int]] = {}
        self._events = 0

    def pieces(self, progress: Progress) -> Iterator[Piece]:
        """The trades. Raises DataError: an event cannot be, or the last one is cut."""
        size, end = len(self._data), SIZE
        for at in ncd_records.starts(SIZE, size - LEAD + 1, self._lengths):
            end = int(at[-1] + self._lengths(int(at[-1]), int(at[-1]) + 1)[0])
            if end > size:
                break
            yield self._piece(at)
            self._events += len(at)
            progress(end / size)
        if end != size:
            raise DataError(f"{self._path}: its last event is cut at byte {size}; {AGAIN}")

    def differs(self, kind: int, slot: np.void) -> str:
        """How the prices of a kind differ from what the header says of them; empty if they do not."""
        if kind not in self._extremes:
            return ""
        low, high = self._extremes[kind]
        for what, count, said in (("low", low, "lowest"), ("high", high, "highest"), ("last price", self._chain[kind], "last")):
            if not abs(count * slot["tick"] - slot[said]) < slot["tick"] / 2:
                return f"the {what} of its {WORDS[kind]} is {count * slot['tick']:,}, the header says {slot[said]:,}"
        return ""

    def _lengths(self, begin: int, end: int) -> Bytes:
        data = self._data
        word = data[begin:end].astype(np.uint16) << 8 | data[begin + 1 : end + 1]
        level_1 = data[begin + 2 : end + 2] & LEVEL_1 == LEVEL_1
        lengths: Bytes = np.where(level_1, LEVEL_1_LENGTHS[word], DEPTH_LENGTHS[word])
        return lengths

    def _piece(self, at: Whole) -> Piece:
        data = self._data
        m1, m2 = data[at].astype(np.int64), data[at + 1].astype(np.int64)
        level_1 = data[at + 2] & LEVEL_1 == LEVEL_1
        embedded = m2 & FURTHER
        kind = np.where(level_1, np.where(embedded == FURTHER, (m2 >> 5) + 8, m2 >> 5), -1)
        code, sized = m1 >> 3 & 3, m1 >> 5
        passed = unsigned(data, at + LEAD, TIME_WIDTHS[m1 & 7]) * TIME_FACTORS[m1 & 7]
        damage = Damage(self._path, at, self._events)
        damage.where(sized == 7, "volume code 7, which nobody has described")
        damage.where(kind >= KINDS, "a kind of event that nobody has described")
        damage.where((passed < 0) | (passed > LONGEST_PAUSE), "a pause of more than four days")
        for each, word in WORDS.items():
            damage.where((kind == each) & (each not in self._chain), f"one of the {word}, of which the header has none")
        damage.refuse(AGAIN)

        time = self._clock + np.cumsum(passed)
        self._clock = int(time[-1])
        here = at + LEAD + TIME_WIDTHS[m1 & 7]
        without = embedded % FURTHER == 0
        widths = np.where(without, PRICE_WIDTHS[code], 0)
        moved = np.where(
            without, unsigned(data, here, widths * level_1) + MOVES[code], np.where(embedded < 15, embedded - 15, embedded - 14)
        )
        rows = {each: np.flatnonzero(kind == each) for each in WORDS}
        counts = {each: self._counts(each, moved[rows[each]]) for each in rows}
        last = rows[LAST]
        size = unsigned(data, here[last] + widths[last], VOLUME_WIDTHS[sized[last]]) * VOLUME_FACTORS[sized[last]]
        (ask, has_ask), (bid, has_bid) = (self._standing(each, rows[each], counts[each], last) for each in (ASK, BID))
        return Piece(time[last], counts[LAST], size, bid, ask, has_ask & has_bid)

    def _counts(self, kind: int, moved: Whole) -> Whole:
        """Prices of one kind, in ticks."""
        counts: Whole = self._chain.get(kind, 0) + np.cumsum(moved)
        if len(counts):
            self._chain[kind] = int(counts[-1])
            low, high = self._extremes.get(kind, (int(counts[0]), int(counts[0])))
            self._extremes[kind] = min(low, int(counts.min())), max(high, int(counts.max()))
        return counts

    def _standing(self, kind: int, rows: Whole, counts: Whole, trades: Whole) -> tuple[Whole, NDArray[np.bool_]]:
        """The quote at each trade, and whether there was one."""
        before = self._quote.get(kind)
        known = np.concatenate(([before or 0], counts))
        at = np.searchsorted(rows, trades)
        if len(counts):
            self._quote[kind] = int(counts[-1])
        return known[at], (at > 0) | (before is not None)

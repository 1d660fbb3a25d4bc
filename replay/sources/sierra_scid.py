"""Sierra Chart's intraday files, `NQH7_FUT_CME.scid`: a header of 56 bytes and records of 40, of bars or single trades.

Stamps are UTC; of a bar the open. Prices are 32-bit floats: each is taken as the shortest decimal number that it stands for, as
Sierra Chart shows it. Some symbols are stored times 100, which the chart's multiplier corrects: `--price-multiplier` does it here.
A file to which Sierra Chart is writing may end in half a record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources import columns, sierra, unpack
from tapewire.replay.sources.sierra_text import contract
from tapewire.replay.sources.stamps import END_NS, FIRST_NS
from tapewire.replay.sources.table import UTC, Bad, Content, Floats, Head, Options, Progress, Whole
from tapewire.strategies.clock import SECOND_NS

NAME = "Sierra Chart .scid"
MAGIC = b"SCID"
PRICES = ("open", "high", "low", "last")
AGAIN = "copy the file again"
HEADER = np.dtype([("magic", "S4"), ("header", "<u4"), ("record", "<u4")])
RECORD = np.dtype(
    [
        ("stamp", "<i8"),
        *((name, "<f4") for name in PRICES),
        *((name, "<u4") for name in ("trades", "volume", "bid", "ask")),
    ]
)
SMALLEST_HEADER, LARGEST_HEADER = 56, 4096
PIECE = 1 << 16  # records
EPOCH_US = 25_569 * 86_400_000_000  # from 1899-12-30 to 1970
MARGIN_NS = 2 * 86_400 * SECOND_NS  # a trade date begins on the evening before
OLD_DAYS = (20_000.0, 80_000.0)  # stamps of an older format: days as a float


def recognise(head: Head) -> str:
    return "its first bytes are SCID" if head.raw.startswith(MAGIC) else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    told: list[str] = []
    bad: list[Bad] = []
    pieces, count = [np.empty(0, RECORD)], 0
    lines = [np.empty(0, np.int64)]
    first, end = _wanted(options)
    for piece in _records(head, told, progress):
        line = np.arange(count + 1, count + len(piece) + 1)
        count += len(piece)
        ns = _ns(piece)
        fine = (ns >= FIRST_NS) & (ns < END_NS)
        bad += [Bad(int(line[at]), "stamp", str(piece["stamp"][at]), f"not a time; {AGAIN}") for at in np.flatnonzero(~fine)]
        for name in PRICES:
            wrong = fine & ~np.isfinite(piece[name])
            bad += [Bad(int(line[at]), name, str(piece[name][at]), f"not a price; {AGAIN}") for at in np.flatnonzero(wrong)]
            fine &= ~wrong
        keep = fine & (ns >= first) & (ns < end)
        pieces.append(piece[keep])
        lines.append(line[keep])
    if count and len(bad) == count:
        raise DataError(f"{head.path}: no record can be read; {_remedy(head)}")
    records = np.concatenate(pieces)
    del pieces
    rows, stamped, period_s = sierra.rows_of(head.path, _columns(records, np.concatenate(lines)))
    return Content(
        parts=columns.parts(contract(head.path.name), rows),
        clock=UTC,
        stamps=stamped,
        period_s=period_s,
        told=told,
        bad=bad,
        rows=count,
    )


def _records(head: Head, told: list[str], progress: Progress) -> Iterator[NDArray[np.void]]:
    """The records of a file in pieces."""
    fields = np.frombuffer(head.raw[: HEADER.itemsize].ljust(HEADER.itemsize, b"\0"), HEADER)[0]
    size, record = int(fields["header"]), int(fields["record"])
    if record != RECORD.itemsize or not SMALLEST_HEADER <= size <= LARGEST_HEADER:
        raise DataError(
            f"{head.path}: header of {size} bytes and records of {record}, known are {SMALLEST_HEADER} and {RECORD.itemsize}; "
            f"{AGAIN}, or export it as bar text"
        )
    rest = b""
    for number, piece in enumerate(unpack.pieces(head.path, PIECE * RECORD.itemsize, progress)):
        content = rest + piece[size if number == 0 else 0 :]
        whole = len(content) - len(content) % RECORD.itemsize
        rest = content[whole:]
        yield np.frombuffer(content[:whole], RECORD)
    if rest:
        told.append(
            f"{head.path.name}: the last {len(rest)} bytes are less than a record, the file was still being written; left out"
        )


def _ns(records: NDArray[np.void]) -> Whole:
    micros = records["stamp"]
    there = (micros >= EPOCH_US) & (micros < EPOCH_US + END_NS // 1000)
    return np.where(there, (np.where(there, micros, 0) - EPOCH_US) * 1000, -1)


def _wanted(options: Options) -> tuple[int, int]:
    """The stamps between which the wanted trade dates lie, with a margin."""
    return (
        _midnight_ns(options.start) - MARGIN_NS if options.start else FIRST_NS,
        _midnight_ns(options.end) + MARGIN_NS if options.end else END_NS,
    )


def _midnight_ns(date: str) -> int:
    return (dt.date.fromisoformat(date) - dt.date(1970, 1, 1)).days * 86_400 * SECOND_NS


def _columns(records: NDArray[np.void], line: Whole) -> sierra.Records:
    return sierra.Records(
        stamp=_ns(records),
        open=_decimal(records["open"]),
        high=_decimal(records["high"]),
        low=_decimal(records["low"]),
        last=_decimal(records["last"]),
        volume=records["volume"].astype(np.int64),
        line=line,
        trades=records["trades"].astype(np.int64),
        bid=records["bid"].astype(np.int64),
        ask=records["ask"].astype(np.int64),
    )


def _decimal(prices: NDArray[np.float32]) -> Floats:
    """The shortest decimal numbers that stand for these floats: 1.08765 for 1.0876500606536865."""
    uniques, codes = np.unique(prices, return_inverse=True)
    # A multiple of 1/256 (the steps of treasuries) is exact as it is, and has more decimals than its shortest form.
    decimals: Floats = np.array(
        [float(price) if float(price) * 256 % 1 == 0 else float(str(price)) for price in uniques], np.float64
    )
    return decimals[codes]


def _remedy(head: Head) -> str:
    """What to do with a file whose stamps are none: an old Sierra Chart wrote them as days."""
    at = SMALLEST_HEADER
    days = np.frombuffer(head.raw[at : at + 8].ljust(8, b"\0"), "<f8")[0]
    if OLD_DAYS[0] < days < OLD_DAYS[1]:
        return "an old Sierra Chart wrote it, with stamps in days; open it in a current one, or export it as bar text"
    return AGAIN

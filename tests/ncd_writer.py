"""Writes files of NinjaTrader's database (`.ncd`) with every code that is known, and holds vectors that were read by other readers.

A record names the code of each of its values, so that tests can write values in a wider code than they need.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICKS_AT_1970 = 621_355_968_000_000_000
SECOND = 10_000_000
MINUTE = 60 * SECOND
VOLUME = {1: (1, 1), 2: (1, 100), 3: (1, 500), 4: (1, 1000), 5: (2, 1), 6: (4, 1), 7: (8, 1)}
WIDTH = {0: 0, 1: 1, 2: 2, 3: 4}
TICK_TIME = {0: (0, 1), 1: (1, 1), 2: (2, 1), 3: (4, 1), 4: (8, 1), 5: (1, SECOND), 6: (2, SECOND), 7: (4, SECOND)}
QUOTES = {0: (0, 1), 1: (1, 0), 2: (0, 2), 3: (2, 0), 4: (0, 3), 5: (3, 0)}

MINUTES = bytes.fromhex(
    "01000000000000000000d03f00000000000059400046a3a46114e408210000072451840203040945510f7c010102036aa2005a7f38012c01900258"
    "02800004a03300000005000000021234c45080010100012345"
)
TRADES = bytes.fromhex(
    "01000000000000000000d03f0000000000005940b014c260f814e4080020050920640152332710029b20000f42407e03a4a00000000005f5e10081"
    "01022d400702f0207fffff38250138200c1101"
)
DAYS = bytes.fromhex(
    "01000000000000000000d03f0000000000005940004076569813e408004076569813e40800000000000059400000000000505a400000000000e058"
    "400000000000005a40e8030000000000000000e0806114e4080000000000105a400000000000205a4000000000008056400000000000f0564040e2"
    "010000000000"
)


class MinuteRecord(NamedTuple):
    """A bar in ticks, and the codes of its values. minutes: since the bar before; 0 in the first record."""

    minutes: int
    moved: int
    up: int
    down: int
    rise: int
    volume: int
    time_code: int = 1
    open_code: int = 2
    high_code: int = 2
    low_code: int = 2
    close_code: int = 2
    volume_code: int = 5


class TickRecord(NamedTuple):
    """A trade in ticks, and the codes of its values. passed: since the trade before, in 100 ns; 0 in the first record."""

    passed: int
    moved: int
    below: int
    above: int
    volume: int
    time_code: int = 3
    price_code: int = 2
    quote_code: int = 7
    volume_code: int = 5


def ticks_of(time: dt.datetime) -> int:
    """.NET ticks."""
    return TICKS_AT_1970 + (time - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) * 10


def header(tick: float, price: float, time: dt.datetime, version: int = 1) -> bytes:
    return struct.pack("<iddq", version, tick, price, ticks_of(time))


def minute_record(record: MinuteRecord) -> bytes:
    volume_width, factor = VOLUME.get(record.volume_code, (0, 1))
    lead = bytes(
        (
            record.volume_code << 5 | record.open_code << 2 | record.time_code,
            record.low_code << 6 | record.high_code << 4 | record.close_code,
        )
    )
    excess = {0: 0, 1: 1 << 7, 2: 1 << 15, 3: 1 << 31}[record.open_code]
    return lead + b"".join(
        (
            record.minutes.to_bytes(WIDTH[record.time_code]) if record.time_code else b"",
            (record.moved + excess).to_bytes(WIDTH[record.open_code]),
            record.up.to_bytes(WIDTH[record.high_code]),
            record.down.to_bytes(WIDTH[record.low_code]),
            record.rise.to_bytes(WIDTH[record.close_code]),
            (record.volume // factor).to_bytes(volume_width) if volume_width else b"",
        )
    )


def tick_record(record: TickRecord) -> bytes:
    time_width, unit = TICK_TIME[record.time_code]
    volume_width, factor = VOLUME.get(record.volume_code, (0, 1))
    embedded = record.moved + 16 if record.price_code == 1 else 0
    lead = bytes(
        (
            record.price_code << 6 | record.quote_code << 3 | record.time_code,
            record.volume_code << 5 | embedded,
        )
    )
    price = {0: b"", 1: b""} | {
        code: (record.moved + excess).to_bytes(width)
        for code, width, excess in ((2, 1, 1 << 7), (3, 4, 1 << 31))
        if code == record.price_code
    }
    quotes = {6: lambda: bytes((record.below << 4 | record.above,)), 7: lambda: bytes((record.below, record.above))}
    return lead + b"".join(
        (
            (record.passed // unit).to_bytes(time_width),
            price[record.price_code],
            quotes[record.quote_code]() if record.quote_code in quotes else b"",
            (record.volume // factor).to_bytes(volume_width) if volume_width else b"",
        )
    )


def minute_file(tick: float, price: float, time: dt.datetime, records: Iterable[MinuteRecord]) -> bytes:
    return header(tick, price, time) + b"".join(map(minute_record, records))


def tick_file(tick: float, price: float, time: dt.datetime, records: Iterable[TickRecord]) -> bytes:
    return header(tick, price, time) + b"".join(map(tick_record, records))


def day_record(date: dt.date, open_: float, high: float, low: float, close: float, volume: int) -> bytes:
    return struct.pack("<qddddq", ticks_of(dt.datetime.combine(date, dt.time())), open_, high, low, close, volume)


def placed(folder: Path, place: str, content: bytes) -> Path:
    """A file such as "minute/NQ 03-31/20310304.Last.ncd" under a folder."""
    path = folder / "db" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class WrittenBar(NamedTuple):
    """A bar for `database`. close: wall time of NinjaTrader's PC. Prices in points."""

    close: dt.datetime
    open: float
    high: float
    low: float
    last: float
    volume: int


def database(folder: Path, contract: str, tick: float, bars: Iterable[WrittenBar]) -> list[Path]:
    """A contract's minute files, one for each clock day, each value in its shortest code, as NinjaTrader writes them."""
    days: dict[dt.date, list[WrittenBar]] = {}
    for bar in bars:
        days.setdefault((bar.close - dt.timedelta(minutes=1)).date(), []).append(bar)
    return [
        placed(
            folder,
            f"minute/{contract}/{day:%Y%m%d}.Last.ncd",
            minute_file(tick, own[0].open, own[0].close, (_shortest(own, at, tick) for at in range(len(own)))),
        )
        for day, own in days.items()
    ]


def _shortest(bars: list[WrittenBar], at: int, tick: float) -> MinuteRecord:
    bar, before = bars[at], bars[max(at - 1, 0)]
    passed = (bar.close - before.close) // dt.timedelta(minutes=1)
    moved, up, down, rise = (
        round(step / tick) for step in (bar.open - before.open, bar.high - bar.open, bar.open - bar.low, bar.last - bar.low)
    )
    volume_code = next(
        code for code, (width, factor) in VOLUME.items() if bar.volume % factor == 0 and bar.volume // factor < 1 << 8 * width
    )
    return MinuteRecord(
        passed,
        moved,
        up,
        down,
        rise,
        bar.volume,
        time_code=0 if passed == 1 else 1 if passed < 1 << 8 else 2,
        open_code=0 if not moved else 1 if -128 <= moved < 128 else 2,
        high_code=_width(up),
        low_code=_width(down),
        close_code=_width(rise),
        volume_code=volume_code,
    )


def _width(value: int) -> int:
    return next(code for code, width in WIDTH.items() if value < 1 << 8 * width)

"""The header of a file in NinjaTrader's database: 28 bytes, the same for minutes, ticks and days."""

from __future__ import annotations

import datetime as dt
import math
import struct
from pathlib import Path
from typing import NamedTuple

from tapewire.bus.bounds import MAX_PRICE
from tapewire.bus.errors import DataError
from tapewire.daemons.market.ticks import on_grid
from tapewire.replay.sources.ncd_records import AGAIN, decimals_of

LAYOUT = struct.Struct("<iddq")
SIZE = LAYOUT.size
VERSION = 1
EPOCH = 621_355_968_000_000_000  # .NET ticks at 1970-01-01
SECOND = 10_000_000  # .NET ticks
END = EPOCH + 7_258_118_400 * SECOND  # 2200
TICK_NS = 100  # of a .NET tick
MOST_DECIMALS = 10
TICKS = (1e-9, 1e4)


class NcdHeader(NamedTuple):
    """tick: the price step. start: the first record's price, in ticks. time: the first record's, in .NET ticks since 1970."""

    tick: float
    start: int
    time: int

    @property
    def text(self) -> str:
        """What it says, for a sentence."""
        first = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=self.time // SECOND)
        return f"version {VERSION}, tick size {self.tick!r}, first record {first:%Y-%m-%d %H:%M:%S}"


def header(raw: bytes) -> NcdHeader | str:
    """The header at the beginning of a file, or what is wrong with it."""
    if len(raw) < SIZE:
        return f"{len(raw)} bytes, a header has {SIZE}"
    version, tick, price, time = LAYOUT.unpack_from(raw)
    if version != VERSION:
        return f"version {version}; only version {VERSION} is known"
    if not TICKS[0] <= tick <= TICKS[1] or decimals_of(tick) > MOST_DECIMALS:
        return f"a tick size of {tick!r}"
    if not (math.isfinite(price) and abs(price) <= MAX_PRICE and on_grid(price, tick)):
        return f"a first price of {price!r}, no multiple of the tick size {tick!r}"
    if not EPOCH <= time < END:
        return f"a first time of {time} .NET ticks, outside of 1970 to 2200"
    return NcdHeader(tick, round(price / tick), time - EPOCH)


def read(path: Path, raw: bytes) -> NcdHeader:
    """The header of a file. Raises DataError if there is none."""
    found = header(raw)
    if isinstance(found, str):
        raise DataError(f"{path}: no header of NinjaTrader's database ({found}); {AGAIN}")
    return found

"""Minute and day bars of NinjaTrader's database.

A minute record is `b1 b2 [time] [open] [high] [low] [close] [volume]`. Its codes are `vvv0 oott` and `ll hh 00 cc`, bits from high
to low: minutes since the bar before, its open against the open before, high and low against the open, close against the low. A day
record is plain numbers.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import ncd_header, ncd_records
from tapewire.replay.sources.ncd_files import Place
from tapewire.replay.sources.ncd_header import SECOND, TICK_NS, NcdHeader
from tapewire.replay.sources.ncd_records import AGAIN, VOLUME_FACTORS, VOLUME_WIDTHS, WIDTHS, Bytes, Damage, unsigned
from tapewire.replay.sources.table import MINUTE_S, Bars, Flags, Whole

MINUTE = MINUTE_S * SECOND
DAY_S = 86_400
DAY = np.dtype([("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"), ("volume", "<i8")])
RESERVED = 0x10, 0x0C
UNPROVED = {"time": (3,), "open": (3,), "low": (3,), "volume": (0, 7)}
EXCESS = np.array([0, 1 << 7, 1 << 15, 0])


def _lengths() -> Bytes:
    word = np.arange(1 << 16)
    b1, b2 = word >> 8, word & 0xFF
    small = WIDTHS[b1 & 3] + WIDTHS[b1 >> 2 & 3] + WIDTHS[b2 & 3] + WIDTHS[b2 >> 4 & 3] + WIDTHS[b2 >> 6]
    return np.asarray(2 + small + VOLUME_WIDTHS[b1 >> 5], np.uint8)


LENGTHS = _lengths()


def minutes(path: Path, raw: bytes, header: NcdHeader, place: Place, told: list[str]) -> Bars:
    """The bars of a minute file; stamps are closes. Raises DataError: a record cannot be."""
    data = np.frombuffer(raw, np.uint8)
    at = ncd_records.all_starts(data, ncd_header.SIZE, LENGTHS)
    damage = Damage(path, at)
    lead1, lead2 = data[at].astype(np.int64), data[at + 1].astype(np.int64)
    codes = {
        "time": lead1 & 3,
        "open": lead1 >> 2 & 3,
        "high": lead2 >> 4 & 3,
        "low": lead2 >> 6,
        "close": lead2 & 3,
        "volume": lead1 >> 5,
    }
    damage.where((lead1 & RESERVED[0] | lead2 & RESERVED[1]) != 0, "a bit that is always 0 is set")
    for name, unproved in UNPROVED.items():
        damage.codes(name, codes[name], unproved)
    count = ncd_records.whole(path, data, at, LENGTHS, told)
    at = at[:count]
    codes = {name: code[:count] for name, code in codes.items()}

    value: dict[str, Whole] = {}
    here = at + 2
    for name in ("time", "open", "high", "low", "close", "volume"):
        widths = (VOLUME_WIDTHS if name == "volume" else WIDTHS)[codes[name]]
        value[name] = unsigned(data, here, widths)
        here = here + widths
    passed = np.where(codes["time"] == 0, 1, value["time"])
    moved = value["open"] - EXCESS[codes["open"]]
    damage.where(
        (np.arange(count) == 0) & ((passed != 0) | (moved != 0)), "the first record does not repeat the header's time and price"
    )
    damage.where((passed < 1) & (np.arange(count) > 0), "its stamp is not after the one before")
    stamp = header.time + np.cumsum(passed) * MINUTE
    begin, end = ncd_records.span(place)
    damage.where((stamp <= begin) | (stamp > end), f"its stamp is not of {place.begin:%Y-%m-%d}, the date in the file's name")
    damage.where(stamp % MINUTE != 0, "its stamp is no whole minute")
    opened = header.start + np.cumsum(moved)
    low, high = opened - value["low"], opened + value["high"]
    close = low + value["close"]
    damage.where(close > high, "the close is above the high")
    damage.refuse()
    return Bars(
        stamp=stamp * TICK_NS,
        open=ncd_records.prices(opened, header.tick),
        high=ncd_records.prices(high, header.tick),
        low=ncd_records.prices(low, header.tick),
        close=ncd_records.prices(close, header.tick),
        volume=value["volume"] * VOLUME_FACTORS[codes["volume"]],
        line=np.arange(1, count + 1),
    )


def days(path: Path, raw: bytes, header: NcdHeader, place: Place) -> Bars:
    """The bars of a day file; a stamp is the midnight of the trade date. Raises DataError: a record cannot be."""
    body = raw[ncd_header.SIZE :]
    if len(body) % DAY.itemsize:
        raise DataError(f"{path}: {len(body)} bytes after the header, no multiple of the {DAY.itemsize} bytes of a day; {AGAIN}")
    rows = np.frombuffer(body, DAY)
    damage = Damage(path, ncd_header.SIZE + np.arange(len(rows)) * DAY.itemsize)
    date = (rows["time"] - ncd_header.EPOCH) // (DAY_S * SECOND)
    prices = np.stack([rows[name].astype(np.float64) for name in ("open", "high", "low", "close")])
    infinite: Flags = ~np.isfinite(prices).min(axis=0)
    outside: Flags = (prices.max(axis=0) > prices[1]) | (prices.min(axis=0) < prices[2])
    damage.where(infinite, "a price is no number")
    damage.where(outside, "a price is not between high and low")
    damage.where(rows["volume"] < 0, "a negative volume")
    damage.where(np.diff(date, prepend=date[:1] - 1) <= 0, "its date is not after the one before")
    first, last = ((day - dt.datetime(1970, 1, 1)).days for day in (place.begin, place.end))
    damage.where((date < first) | (date >= last), f"its date is not in {place.begin:%Y}, the year in the file's name")
    damage.where(
        (np.arange(len(rows)) == 0) & (date != header.time // (DAY_S * SECOND)),
        "the first record does not repeat the header's time",
    )
    damage.refuse()
    return Bars(
        stamp=date * (DAY_S * SECOND * TICK_NS),
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=rows["volume"].astype(np.int64),
        line=np.arange(1, len(rows) + 1),
    )

"""Trades of NinjaTrader's database, each with the bid and the ask at that moment.

A record is `b1 b2 [time] [price] [quotes] [volume]`. Its codes are `pp sss ttt` and `vvv ddddd`, bits from high to low: time since
the trade before, price against the price before, and how many ticks the bid lies below the price and the ask above it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tapewire.replay.sources import ncd_header, ncd_records
from tapewire.replay.sources.ncd_files import Place
from tapewire.replay.sources.ncd_header import SECOND, TICK_NS, NcdHeader
from tapewire.replay.sources.ncd_records import VOLUME_FACTORS, VOLUME_WIDTHS, Bytes, Damage, unsigned
from tapewire.replay.sources.table import Ticks, Whole

TIME_WIDTHS = np.array([0, 1, 2, 4, 8, 1, 2, 4])
TIME_FACTORS = np.array([0, 1, 1, 1, 1, SECOND, SECOND, SECOND])
PRICE_WIDTHS = np.array([0, 0, 1, 4])
PRICE_EXCESS = np.array([0, 1 << 4, 1 << 7, 1 << 31])
QUOTE_WIDTHS = np.array([0, 0, 0, 0, 0, 0, 1, 2])
BELOW = np.array([0, 1, 0, 2, 0, 3, 0, 0])
ABOVE = np.array([1, 0, 2, 0, 3, 0, 0, 0])
NIBBLES, BYTES, EMBEDDED = 6, 7, 1
UNPROVED = {"time": (7,), "volume": (0, 3, 4, 6, 7)}
HOUR = 3600 * SECOND
MANY = 200  # trades; so many on one side alone are no market


def _lengths() -> Bytes:
    word = np.arange(1 << 16)
    b1, b2 = word >> 8, word & 0xFF
    return np.asarray(
        2 + TIME_WIDTHS[b1 & 7] + PRICE_WIDTHS[b1 >> 6] + QUOTE_WIDTHS[b1 >> 3 & 7] + VOLUME_WIDTHS[b2 >> 5], np.uint8
    )


LENGTHS = _lengths()


def trades(path: Path, raw: bytes, header: NcdHeader, place: Place, told: list[str]) -> Ticks:
    """The trades of a tick file, or the quotes of a Bid or Ask file, which have no side. Raises DataError: a record cannot be."""
    data = np.frombuffer(raw, np.uint8)
    at = ncd_records.all_starts(data, ncd_header.SIZE, LENGTHS)
    damage = Damage(path, at)
    lead1, lead2 = data[at].astype(np.int64), data[at + 1].astype(np.int64)
    times, quoted, priced, sized = lead1 & 7, lead1 >> 3 & 7, lead1 >> 6, lead2 >> 5
    embedded = lead2 & 31
    damage.where((embedded != 0) & (priced != EMBEDDED), "bits that are always 0 are set")
    damage.codes("time", times, UNPROVED["time"])
    damage.codes("volume", sized, UNPROVED["volume"])
    count = ncd_records.whole(path, data, at, LENGTHS, told)
    at, times, quoted, priced, sized, embedded = (each[:count] for each in (at, times, quoted, priced, sized, embedded))

    here = at + 2
    passed = unsigned(data, here, TIME_WIDTHS[times]) * TIME_FACTORS[times]
    here = here + TIME_WIDTHS[times]
    value = np.where(priced == EMBEDDED, embedded, unsigned(data, here, PRICE_WIDTHS[priced]))
    moved = value - PRICE_EXCESS[priced]
    here = here + PRICE_WIDTHS[priced]
    below, above = _quotes(unsigned(data, here, QUOTE_WIDTHS[quoted]), quoted)
    here = here + QUOTE_WIDTHS[quoted]
    size = unsigned(data, here, VOLUME_WIDTHS[sized]) * VOLUME_FACTORS[sized]

    first = np.arange(count) == 0
    damage.where(first & ((passed != 0) | (moved != 0)), "the first record does not repeat the header's time and price")
    # Each step is checked alone, too: the sum of wrong ones may come back into the hour.
    damage.where((passed < 0) | (passed > HOUR), "its time is more than an hour after the one before")
    stamp = header.time + np.cumsum(np.clip(passed, 0, HOUR))
    begin, end = ncd_records.span(place)
    damage.where((stamp < begin) | (stamp > end), f"its time is not in the hour up to {place.end:%Y-%m-%d %H:%M}, the file's name")
    damage.refuse()

    price = header.start + np.cumsum(moved)
    if place.price != "Last":
        return Ticks(stamp * TICK_NS, ncd_records.prices(price, header.tick), size, np.arange(1, count + 1))
    side = np.where(above == 0, 1, 0) - np.where(below == 0, 1, 0)
    if count >= MANY and abs(int(side.sum())) == count:
        told.append(f"{path.name}: every trade is {'at the ask' if side[0] > 0 else 'at the bid'}; the provider gave no quotes?")
    return Ticks(
        stamp=stamp * TICK_NS,
        price=ncd_records.prices(price, header.tick),
        size=size,
        line=np.arange(1, count + 1),
        side=side,
        bid=ncd_records.prices(price - below, header.tick),
        ask=ncd_records.prices(price + above, header.tick),
    )


def _quotes(value: Whole, codes: Whole) -> tuple[Whole, Whole]:
    """How many ticks the bid lies below the price, and the ask above it."""
    below, above = BELOW[codes], ABOVE[codes]
    for code, bits in ((NIBBLES, 4), (BYTES, 8)):
        rows = codes == code
        below = np.where(rows, value >> bits, below)
        above = np.where(rows, value & (1 << bits) - 1, above)
    return below, above

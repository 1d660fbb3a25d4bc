"""Writes market replay files (`.nrd`) by the public description that the reader follows; no real file has confirmed either."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from tests.ncd_writer import TICK_TIME, VOLUME, ticks_of

ASK, BID, LAST, SETTLEMENT = 0, 1, 2, 9
DEPTH_ASK, DEPTH_BID = 10, 11
SLOT = struct.Struct("<diddddd i qqq".replace(" ", ""))
LARGEST = 1.7976931348623157e308
EMBEDDED = "embedded"


class Event(NamedTuple):
    """One event. kind: of level 1 (0 to 9), or 10 and 11 for depth at ask and bid.

    passed: 100 ns since the event before. moved: ticks. price_code: 0 to 3, or "embedded" for level 1.
    """

    kind: int
    passed: int = 0
    moved: int = 0
    volume: int = 1
    time_code: int = 3
    price_code: int | str = 3
    volume_code: int = 1


def event(one: Event) -> bytes:
    width, unit = TICK_TIME[one.time_code]
    time = (one.passed // unit).to_bytes(width)
    volume_width, factor = VOLUME.get(one.volume_code, (0, 1))
    volume = (one.volume // factor).to_bytes(volume_width) if volume_width else b""
    if one.kind >= DEPTH_ASK:
        assert isinstance(one.price_code, int)
        price = _price(one.moved, one.price_code, {1: (1, 1 << 7), 2: (2, 1 << 15), 3: (4, 1 << 31)})
        m2, info, code = 0x80 * (one.kind == DEPTH_BID), 0x40 | 3, one.price_code
    else:
        price, m2, code = b"", one.kind << 5, 0
        if one.price_code == EMBEDDED and one.kind < 8:
            m2 |= one.moved + (15 if one.moved < 0 else 14)
        else:
            assert isinstance(one.price_code, int)
            code = one.price_code
            price = _price(one.moved, code, {1: (0, 0), 2: (1, 1 << 7), 3: (4, 1 << 31)})
            m2 = (one.kind - 8) << 5 | 31 if one.kind >= 8 else m2
        info = 0xC0
    return bytes((one.volume_code << 5 | code << 3 | one.time_code, m2, info)) + time + price + volume


def _price(moved: int, code: int, widths: dict[int, tuple[int, int]]) -> bytes:
    width, excess = widths.get(code, (0, 0))
    return (moved + excess).to_bytes(width) if width else b""


def replay_file(tick: float, first: dict[int, int], begin: dt.datetime, events: Sequence[Event]) -> bytes:
    """A file whose header says of each kind what its events are. first: in ticks, from where the moves of each kind count."""
    slots = []
    passed = [*accumulate(one.passed for one in events)]
    for kind in range(12):
        own = [at for at, one in enumerate(events) if one.kind == kind]
        if not own:
            slots.append(SLOT.pack(0, 0, -LARGEST, LARGEST, 0, 0, 0, 0, 0, 0, 0))
            continue
        prices = [first[kind]]
        for at in own:
            prices.append(prices[-1] + events[at].moved)
        times = [ticks_of(begin) + passed[at] for at in own]
        volume = sum(events[at].volume for at in own)
        scaled = [price * tick for price in prices]
        slots.append(
            SLOT.pack(scaled[-1], len(own), max(scaled[1:]), min(scaled[1:]), scaled[0], 1.0, tick, 0, times[0], times[-1], volume)
        )
    return b"".join(slots) + bytes(80 * 32) + b"".join(map(event, events))

"""Invented bars with everything that a feature reads, by whole numbers alone: the same on every machine, whatever libraries it has.

Nights, RTH, a half day, a weekend, companions with holes, bars without order flow or volume, missing minutes, up and down ticks.
The prices are a walk whose drift changes from date to date; they resemble no market.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache

from msgspec.structs import replace

from tapewire.bus.messages import Bar, CrossBar, Session
from tapewire.bus.testing import MINUTE_NS, eastern
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import sessions

FIRST = dt.date(2026, 3, 2)
DATES = 9
HALF_DAY = "2026-03-11"
DRIFTS = (3, -2, 0, 6, -7, 1, 0, -4, 5)
TICK = 0.25
EVENING, DAY, RTH_OPEN, CLOSE = 18 * 60, 24 * 60, 570, 17 * 60


class Numbers:
    """Whole numbers in a fixed order: a linear congruential generator (D. Knuth's MMIX)."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % (1 << 64)
        return (self.state >> 33) % limit


def conf() -> Conf:
    """A run with the auction."""
    preset = replace(configuration.preset("seed"), auction_row_ticks=4)
    made = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)
    return replace(made, calendar=Calendar(half_days={HALF_DAY: "13:00"}))


@cache
def bars() -> tuple[Bar, ...]:
    """All dates."""
    return tuple(_bars())


@cache
def folded() -> tuple[Session, ...]:
    """Their sessions, as the tracker publishes them."""
    return tuple(sessions.sessions(conf(), bars()))


def _bars() -> Iterator[Bar]:
    numbers, price, companions = Numbers(8), 84_000, {"ES": 24_000, "YM": 44_000}
    for number, date in enumerate(_dates()):
        for at in [*range(EVENING + 1, DAY + 1, 3), *range(DAY + 1, DAY + CLOSE + 1)]:
            minute = at - DAY
            rth = RTH_OPEN < minute <= 16 * 60
            if not rth and minute > 0 and minute % 4 and numbers.below(3):
                continue  # the night has fewer bars
            if numbers.below(90) == 0 or (number == 4 and 700 <= minute < 725):
                continue
            clock = eastern("00:00", str(date)) + minute * MINUTE_NS
            size = 14 if rth and minute < 640 else 9 if rth else 4
            drift = DRIFTS[number] if rth and minute % 3 == 0 else 0
            price += numbers.below(3) - 1
            opens = price
            price += numbers.below(2 * size + 1) - size + drift
            high = max(opens, price) + numbers.below(size)
            low = min(opens, price) - numbers.below(size)
            volume = 0 if numbers.below(60) == 0 else 1 + numbers.below(900 if rth else 90)
            flows = number != 6 or minute < 800
            ask = min(volume, max(0, volume * (50 + price - opens) // 100 + numbers.below(9) - 4)) if flows else None
            for name in companions:
                companions[name] += numbers.below(9) - 4 + (price - opens) // 4
            yield Bar(
                instrument="MNQ",
                open_ns=clock - MINUTE_NS,
                close_ns=clock,
                open=opens * TICK,
                high=high * TICK,
                low=low * TICK,
                close=price * TICK,
                volume=volume,
                ask_volume=ask,
                bid_volume=None if ask is None else volume - ask,
                cross=tuple(_cross(name, level, numbers) for name, level in companions.items() if numbers.below(40)),
                delta=None if ask is None else 2 * ask - volume,
                up_ticks=volume // 3 if flows else None,
                down_ticks=volume // 4 + numbers.below(5) if flows else None,
            )


def _cross(name: str, level: int, numbers: Numbers) -> CrossBar:
    opens = level + numbers.below(7) - 3
    return CrossBar(name, opens * TICK, max(opens, level) * TICK, min(opens, level) * TICK, level * TICK, numbers.below(500))


def _dates() -> Iterator[dt.date]:
    date, left = FIRST, DATES
    while left:
        if date.weekday() < 5:
            yield date
            left -= 1
        date += dt.timedelta(1)

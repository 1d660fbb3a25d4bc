"""The price levels a session starts with (playbook 1.3): the night's highs and lows, and the previous session's.

A level holds the bars so far: the night's levels change until 09:30, then stand. They are built from bars: a platform's own "prior
day high" is another number. Where no bar gives a level, one that a person gave stands, and is told as given.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from tapewire.bus.messages import Levels
from tapewire.daemons.tracker.prices import BarPrices

# Close stamps as places in the trade date (daemons/market/clock.py), both ends included.
OVERNIGHT = (-359, 570)
ASIA = (-239, 0)
LONDON = (121, 300)
PREMARKET = (361, 570)

NAMES = Levels.__struct_fields__
NOTHING: Final = Levels()


class Previous(NamedTuple):
    """RTH high, low and last close of the latest previous session with a valid IB."""

    high: float
    low: float
    close: float


class Extremes:
    """High and low of the bars within one window; None without bars."""

    __slots__ = ("_first", "_last", "high", "low")

    def __init__(self, window: tuple[int, int]) -> None:
        self._first, self._last = window
        self.high: float | None = None
        self.low: float | None = None

    def fold(self, at: int, bar: BarPrices) -> bool:
        """Take a bar. Returns whether it changed the window's high or low."""
        if not self._first <= at <= self._last:
            return False
        high, low = self.high, self.low
        if high is None or low is None:
            self.high, self.low = bar.high, bar.low
            return True
        if low <= bar.low and bar.high <= high:
            return False
        self.high = max(high, bar.high)
        self.low = min(low, bar.low)
        return True


class NightLevels:
    """The levels of one trade date, from the bars so far. from_person: what a person gave.
    given: the names of those that stand.
    """

    __slots__ = ("_asia", "_london", "_overnight", "_premarket", "_previous", "from_person", "given", "levels")

    def __init__(self, previous: Previous | None) -> None:
        self._previous = previous
        self._overnight = Extremes(OVERNIGHT)
        self._asia = Extremes(ASIA)
        self._london = Extremes(LONDON)
        self._premarket = Extremes(PREMARKET)
        self.from_person = NOTHING
        self.given: tuple[str, ...] = ()
        self.levels = self._levels()

    def give(self, levels: Levels) -> None:
        """Levels of a person, in place of all that were given before."""
        self.from_person = levels
        self.levels = self._levels()

    def fold(self, at: int, bar: BarPrices) -> None:
        """Take a bar outside RTH."""
        changed = self._overnight.fold(at, bar)
        changed |= self._asia.fold(at, bar)
        changed |= self._london.fold(at, bar)
        changed |= self._premarket.fold(at, bar)
        if changed:
            self.levels = self._levels()

    def _levels(self) -> Levels:
        previous = self._previous
        computed = Levels(
            overnight_high=self._overnight.high,
            overnight_low=self._overnight.low,
            asia_high=self._asia.high,
            asia_low=self._asia.low,
            london_high=self._london.high,
            london_low=self._london.low,
            premarket_high=self._premarket.high,
            premarket_low=self._premarket.low,
            pdh=previous.high if previous else None,
            pdl=previous.low if previous else None,
            pdc=previous.close if previous else None,
        )
        if self.from_person is NOTHING:
            return computed
        missing = {name: getattr(self.from_person, name) for name in NAMES if getattr(computed, name) is None}
        stand = {name: price for name, price in missing.items() if price is not None}
        self.given = tuple(stand)
        return replace(computed, **stand)

"""Day types (playbook 2.9): the kind of day that one post-IB bar suggests. Both models are always computed; a preset chooses one.

The type describes this bar and may change back and forth. `Widest` keeps, for display, the type of the day's widest bar.
"""

from __future__ import annotations

from tapewire.bus.messages import DayType
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance


def extensions(balance: InitialBalance, bar: BarPrices) -> tuple[float, float]:
    """How far the bar's wicks reach beyond the initial balance, above and below, in R, at least 0."""
    return max(0.0, bar.high - balance.high) / balance.r, max(0.0, balance.low - bar.low) / balance.r


def edge(u: float, w: float) -> DayType:
    """The `edge` model, from the extensions u above and w below. First match; neutral only at exactly 0.2."""
    if u > 1.0:
        return "trend_up"
    if w > 1.0:
        return "trend_down"
    if u > 0.5:
        return "p_day"
    if w > 0.5:
        return "b_day_bear"
    if u > 0.2 or w > 0.2:
        return "p_day" if u > w else "b_day_bear"
    if u < 0.2 and w < 0.2:
        return "b_day"
    return "neutral"


def midpoint(balance: InitialBalance, close: float) -> DayType:
    """The `midpoint` model, from the close's distance to the middle of the initial balance in R."""
    if balance.low <= close <= balance.high:
        return "b_day"
    e = abs(close - balance.mid) / balance.r
    if e <= 1.0:
        return "p_day"
    if close > balance.high:
        return "trend_up" if e < 2.0 else "super_trend_up"
    return "trend_down" if e < 2.0 else "super_trend_down"


class Widest:
    """The edge type of the bar that has reached farthest beyond the initial balance so far; of equal bars, the first."""

    __slots__ = ("_reach", "type")

    def __init__(self) -> None:
        self._reach = -1.0
        self.type: DayType = "none"

    def fold(self, u: float, w: float, type: DayType) -> None:
        """Take a bar's extensions and its edge type."""
        reach = u if u > w else w
        if reach > self._reach:
            self._reach = reach
            self.type = type

"""What price does at the edges of the initial balance: acceptance beyond them (playbook 2.2), touches of the low and the downside
extension (2.4). Every rule counts post-IB bars. Acceptance reads closes, the extension reads wicks.
"""

from __future__ import annotations

from typing import Final

from tapewire.bus.messages import FirstSide
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance

TOUCH_GAP: Final = 3  # post-IB bars between two touches of one series, at most


class Acceptance:
    """One session's counters and latches against a valid initial balance.

    above, below: consecutive closes beyond the edge. accepted_*: latched. first_side: the side that first had two closes beyond.
    touches: touches of the low in one series (at most TOUCH_GAP bars apart). max_down: widest wick below the low, in R; it never
    falls.
    """

    __slots__ = (
        "_balance",
        "_last_touch",
        "above",
        "accepted_long",
        "accepted_short",
        "below",
        "first_side",
        "max_down",
        "touches",
    )

    def __init__(self, balance: InitialBalance) -> None:
        self._balance = balance
        self._last_touch: int | None = None
        self.above = 0
        self.below = 0
        self.accepted_long = False
        self.accepted_short = False
        self.first_side: FirstSide | None = None
        self.touches = 0
        self.max_down = 0.0

    def fold(self, k: int, bar: BarPrices) -> None:
        """Take post-IB bar number k."""
        ibh, ibl = self._balance.high, self._balance.low
        close, low = bar.close, bar.low
        self.above = self.above + 1 if close > ibh else 0
        self.below = self.below + 1 if close < ibl else 0
        if self.above >= 2:
            self.accepted_long = True
            self.first_side = self.first_side or "long"
        elif self.below >= 2:
            self.accepted_short = self.accepted_short or self.below >= 3
            self.first_side = self.first_side or "short"
        if low <= ibl:
            if ibl <= close:
                near = self._last_touch is not None and k - self._last_touch <= TOUCH_GAP
                self.touches = self.touches + 1 if near else 1
                self._last_touch = k
            self.max_down = max(self.max_down, (ibl - low) / self._balance.r)

"""Volume weighted average price and its deviation (playbook 2.1, 9.3).

A session runs two: from the first RTH bar, and from 18:01 over every bar.
"""

from __future__ import annotations

import math

from tapewire.bus.messages import Bar


class Vwap:
    """`sum(typ*V) / sum(V)` with `typ = (H+L+C)/3`, and how far trading has spread around it.

    value: points; None until there is volume.
    sigma: points; `sqrt(sum(V*(typ-VWAP)^2) / sum(V))`, the deviation of the population, weighted by volume. Band k is
        `value - k*sigma` and `value + k*sigma`. None until there are two bars and volume.
    """

    __slots__ = ("_begun", "_mean", "_squares", "_traded", "_volume", "sigma", "value")

    def __init__(self) -> None:
        self._begun = False
        self._traded = 0.0
        self._volume = 0
        # D. H. D. West's update (1979), from distances to the mean so far. Sums of squared prices, or of squared distances to a
        # first price that trading has left behind, lose the deviation in their own rounding.
        self._mean = 0.0
        self._squares = 0.0
        self.value: float | None = None
        self.sigma: float | None = None

    def fold(self, bar: Bar) -> None:
        """Take one bar of the anchored period."""
        volume = bar.volume
        price = (bar.high + bar.low + bar.close) / 3
        self._traded += price * volume
        total = self._volume = self._volume + volume
        if total > 0:
            self.value = self._traded / total
            offset = price - self._mean
            mean = self._mean = self._mean + offset * (volume / total)
            squares = self._squares = self._squares + offset * (price - mean) * volume
            if self._begun:
                self.sigma = math.sqrt(squares / total) if squares > 0.0 else 0.0
        self._begun = True

"""Indicators as small accumulators: prices in, one number out, None until there are enough prices.

This is the only place that computes a VWAP, a deviation or an EMA: the tracker's records and the strategies both use it. Each
result depends on the prices that were folded, in order, and on nothing else. Formulas: playbook 2.1 and 9.3.

`Vwap` and `Bands` compute the same two numbers with different running sums, so the results differ in the last digits. Both stay:
the tracker publishes the sums of `Vwap` in full, so other sums would change the journal; and a band may lie exactly on a tick,
where the last digit decides whether VWAP Bounce, which trades by `Bands`, sees a touch (tests/unit/test_indicators.py has such a
case). The table gives the relative error of the deviation against exact fractions, over 1,380 one-minute bars of an index future
near 21,000 (median and largest of 60 runs):

                                        Vwap                    Bands
    ordinary bars                       3e-13, 2e-12            6e-16, 2e-14
    first price 5 % away                7e-14, 9e-13            6e-13, 4e-12
    first price 1.0                     1e-15, 2e-14            8e-13, 4e-11
    first price 1.0, without volume     4e-13, 2e-12            1e-9,  1e-8

So `Bands` is more precise on ordinary bars, and `Vwap` where prices move far from the first one. Sums of squared prices, without a
reference price, would have errors of 2e-9 (largest 4e-7) on ordinary bars.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from mypy_extensions import mypyc_attr

Method = Literal["simple", "wilder"]


def typical(high: float, low: float, close: float) -> float:
    """`(high + low + close) / 3`, in points."""
    return (high + low + close) / 3


@mypyc_attr(allow_interpreted_subclasses=True)
class Vwap:
    """VWAP and deviation over all bars folded, in points, as the tracker publishes them.

    value: `sum(v p) / sum(v)`; None until there is volume.
    sigma: `sqrt(sum(v (p - VWAP)^2) / sum(v))`, the deviation of the population, weighted by volume. Band k is
        `value - k * sigma` and `value + k * sigma`. None until there are two bars and volume.

    The squares are summed as distances from the mean so far, which moves with the market (D. H. D. West, 1979).
    """

    __slots__ = ("_begun", "_mean", "_squares", "_traded", "_volume", "sigma", "value")

    def __init__(self) -> None:
        self._begun = False
        self._traded = 0.0
        self._volume = 0
        self._mean = 0.0
        self._squares = 0.0
        self.value: float | None = None
        self.sigma: float | None = None

    def fold(self, price: float, volume: int) -> None:
        """Take one bar: its price in points, of the basis that the caller chose, and its volume in contracts."""
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


@mypyc_attr(allow_interpreted_subclasses=True)
class Bands:
    """VWAP and deviation as VWAP Bounce uses them. Both are None until there are two bars and volume.

    Prices and squares are summed as distances from the first price, so that squares of large prices do not lose ticks to rounding.
    """

    __slots__ = ("_first", "_squares", "_traded", "_volume", "bars")

    def __init__(self) -> None:
        self.bars = 0
        self._first = 0.0
        self._volume = 0
        self._traded = 0.0
        self._squares = 0.0

    def fold(self, price: float, volume: int) -> None:
        """Take one bar: its price by the chosen basis, and its volume in contracts."""
        if not self.bars:
            self._first = price
        self.bars += 1
        distance = price - self._first
        self._volume += volume
        self._traded += distance * volume
        self._squares += distance * distance * volume

    @property
    def vwap(self) -> float | None:
        """In points. None until there are two bars and some volume."""
        if self.bars < 2 or self._volume <= 0:
            return None
        return self._first + self._traded / self._volume

    @property
    def sigma(self) -> float | None:
        """The standard deviation in points. None when `vwap` is."""
        if self.bars < 2 or self._volume <= 0:
            return None
        mean = self._traded / self._volume
        return math.sqrt(max(self._squares / self._volume - mean * mean, 0.0))

    def band(self, k: float) -> tuple[float, float] | None:
        """The lower and the upper band at k deviations, in points. None when `vwap` is."""
        vwap, sigma = self.vwap, self.sigma
        return None if vwap is None or sigma is None else (vwap - k * sigma, vwap + k * sigma)


@mypyc_attr(allow_interpreted_subclasses=True)
class Rsi:
    """Relative strength index of a series of closes: `100 - 100 / (1 + average gain / average loss)`, 100 without losses.

    simple   means over the last `period` changes
    wilder   the mean over the first `period` changes, then `(previous * (period - 1) + new) / period`

    `value` is None until there are `period` changes.
    """

    __slots__ = ("_changes", "_gain", "_last", "_loss", "_wilder", "period", "value")

    def __init__(self, period: int, method: Method = "simple") -> None:
        self.period = period
        self.value: float | None = None
        self._wilder = method == "wilder"
        self._changes: deque[float] = deque(maxlen=period)
        self._last: float | None = None
        self._gain = 0.0
        self._loss = 0.0

    def fold(self, close: float) -> None:
        """Take the next close."""
        last, self._last = self._last, close
        if last is None:
            return
        change = close - last
        if self._wilder and self.value is not None:
            self._gain = (self._gain * (self.period - 1) + max(change, 0.0)) / self.period
            self._loss = (self._loss * (self.period - 1) + max(-change, 0.0)) / self.period
        else:
            self._changes.append(change)
            if len(self._changes) < self.period:
                return
            self._gain = math.fsum(max(each, 0.0) for each in self._changes) / self.period
            self._loss = math.fsum(max(-each, 0.0) for each in self._changes) / self.period
        self.value = 100.0 if self._loss == 0 else 100.0 - 100.0 / (1.0 + self._gain / self._loss)


@mypyc_attr(allow_interpreted_subclasses=True)
class Ema:
    """Exponential moving average: `ema += (value - ema) * 2 / (period + 1)`. None until there are `period` values.

    It starts with the mean of the first `period` values. With `from_first` it starts at the first value, as NinjaTrader's own does.
    """

    __slots__ = ("_average", "_count", "_first", "_over", "_starts", "_times", "period", "value")

    def __init__(self, period: int, *, from_first: bool = False) -> None:
        self.period = period
        self.value: float | None = None
        self._average = 0.0
        self._count = 0
        self._starts = 1 if from_first else period
        self._first: list[float] = []
        # The two orders of this arithmetic differ in the last digit. The journal holds averages made with a rounded weight, and
        # VWAP Bounce decides on averages made by a division; dividing by 1 is exact, so that one line serves both.
        self._times, self._over = (2 / (period + 1), 1.0) if from_first else (2.0, period + 1.0)

    def fold(self, price: float) -> None:
        """Take the next value."""
        count = self._count = self._count + 1
        if count > self._starts:
            self._average += (price - self._average) * self._times / self._over
        else:
            self._first.append(price)
            if count == self._starts:
                self._average = math.fsum(self._first) / count
                self._first.clear()
        if count >= self.period:
            self.value = self._average


@mypyc_attr(allow_interpreted_subclasses=True)
class Mean:
    """The mean of the last `length` whole numbers (volumes); None until there are that many."""

    __slots__ = ("_last", "_sum", "length")

    def __init__(self, length: int) -> None:
        self.length = length
        self._last: deque[int] = deque()
        self._sum = 0

    def fold(self, value: int) -> None:
        """Take the next number."""
        self._last.append(value)
        self._sum += value
        if len(self._last) > self.length:
            self._sum -= self._last.popleft()

    @property
    def value(self) -> float | None:
        return self._sum / self.length if len(self._last) == self.length else None

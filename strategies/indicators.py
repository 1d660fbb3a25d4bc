"""Indicators as small accumulators: prices in, one number out, None while it is not known yet.

Each is a plain function of what it was fed, in order; none looks at a clock. Formulas from playbook 9.3.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from tapewire.bus.messages import Bar

Method = Literal["simple", "wilder"]


class Bands:
    """VWAP with deviation bands over the bars since it was made: `sum(p v) / sum(v)`, band k at k standard deviations from it.

    The deviation is that of the population, weighted by volume: `sqrt(sum(v (p - VWAP)^2) / sum(v))`, kept as running sums. Prices
    are summed as distances from the first one, so that squares of thousands do not swallow ticks.
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
        """The standard deviation in points; None like `vwap`."""
        if self.bars < 2 or self._volume <= 0:
            return None
        mean = self._traded / self._volume
        return math.sqrt(max(self._squares / self._volume - mean * mean, 0.0))

    def band(self, k: float) -> tuple[float, float] | None:
        """The lower and the upper band at k deviations; None like `vwap`."""
        vwap, sigma = self.vwap, self.sigma
        return None if vwap is None or sigma is None else (vwap - k * sigma, vwap + k * sigma)


class Rsi:
    """Relative strength index of a series of closes: `100 - 100 / (1 + average gain / average loss)`, 100 when nothing was lost.

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


class Ema:
    """Exponential moving average, weight `2 / (period + 1)`, started with the mean of the first `period` values; None before."""

    __slots__ = ("_first", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = period
        self.value: float | None = None
        self._first: list[float] = []

    def fold(self, price: float) -> None:
        """Take the next value."""
        if self.value is not None:
            self.value += (price - self.value) * 2 / (self.period + 1)
            return
        self._first.append(price)
        if len(self._first) == self.period:
            self.value = math.fsum(self._first) / self.period
            self._first.clear()


class Mean:
    """The mean of the last `length` whole numbers (volumes); None until there are that many."""

    __slots__ = ("_last", "_sum", "length")

    def __init__(self, length: int) -> None:
        self.length = length
        self._last: deque[int] = deque()
        self._sum = 0

    def fold(self, value: int) -> None:
        """Take the next one."""
        self._last.append(value)
        self._sum += value
        if len(self._last) > self.length:
            self._sum -= self._last.popleft()

    @property
    def value(self) -> float | None:
        return self._sum / self.length if len(self._last) == self.length else None


class Closes:
    """Closes of candles of some minutes by the clock: 15 gives those of 09:45, 10:00, and so on.

    A candle closes with the bar on its last minute, or, where that one is missing, when a bar of a later candle arrives.
    """

    __slots__ = ("_bucket", "_close", "_minutes")

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self._bucket: int | None = None
        self._close = 0.0

    def fold(self, bar: Bar) -> tuple[float, ...]:
        """Take a one-minute bar; the closes of the candles that this completes, oldest first."""
        stamp = bar.close_ns // 60_000_000_000
        bucket = (stamp - 1) // self._minutes
        closed: tuple[float, ...] = ()
        if self._bucket is not None and bucket != self._bucket:
            closed = (self._close,)
        self._bucket, self._close = bucket, bar.close
        if stamp % self._minutes == 0:
            self._bucket = None
            closed = (*closed, bar.close)
        return closed

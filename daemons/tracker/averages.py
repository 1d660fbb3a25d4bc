"""Moving averages over the whole feed of one-minute bars, night included, carried from trade date to trade date.

    EMA n    of closes: `ema += (close - ema) * 2 / (n + 1)`, started at the first close
    ATR n    by Wilder: the mean of the first n true ranges, then `(atr * (n - 1) + range) / n`

The true range is the bar's height, reaching out to the close before; the first bar has only its height. Both start as NinjaTrader's
own do, so that a chart of the same bars shows the same numbers. Here they are not told before n bars, until when they say more
about where the feed began than about the market. No rule of the playbook reads them.
"""

from __future__ import annotations

from tapewire.bus.messages import Bar

WEIGHT_20, WEIGHT_50, WEIGHT_200 = 2 / 21, 2 / 51, 2 / 201


class Averages:
    """The four that a session record carries, in points, None while not told. One method does all: it runs on every bar."""

    __slots__ = ("_20", "_50", "_200", "_bars", "_close", "_range", "atr14", "ema20", "ema50", "ema200")

    def __init__(self) -> None:
        self._bars = 0
        self._close = 0.0
        self._20 = self._50 = self._200 = self._range = 0.0
        self.ema20: float | None = None
        self.ema50: float | None = None
        self.ema200: float | None = None
        self.atr14: float | None = None

    def fold(self, bar: Bar) -> None:
        """Take a bar."""
        high, low, close, before = bar.high, bar.low, bar.close, self._close
        bars = self._bars = self._bars + 1
        if bars == 1:
            self._20 = self._50 = self._200 = close
        elif before > high:
            high = before
        elif before < low:
            low = before
        self._close = close
        self._20 += (close - self._20) * WEIGHT_20
        self._50 += (close - self._50) * WEIGHT_50
        self._200 += (close - self._200) * WEIGHT_200
        self._range += (high - low - self._range) / (bars if bars < 14 else 14)
        if bars >= 14:
            self.atr14 = self._range
        if bars >= 20:
            self.ema20 = self._20
        if bars >= 50:
            self.ema50 = self._50
        if bars >= 200:
            self.ema200 = self._200

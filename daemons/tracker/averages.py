"""Moving averages over the whole feed of one-minute bars, night included, carried from trade date to trade date.

    EMA n    of closes, started at the first close (strategies/indicators.py)
    ATR n    by Wilder: the mean of the first n true ranges, then `(atr * (n - 1) + range) / n`

The true range is the bar's height, extended to the previous close; for the first bar it is the height alone. Both averages start as
NinjaTrader's own do, so that a chart of the same bars shows the same numbers. They are None before n bars, because until then they
depend more on where the feed began than on the market. No rule of the playbook reads them.
"""

from __future__ import annotations

from tapewire.daemons.tracker.prices import BarPrices
from tapewire.strategies.indicators import Ema


class Averages:
    """The four averages of a session record, in points."""

    __slots__ = ("_bars", "_close", "_range", "atr14", "ema20", "ema50", "ema200")

    def __init__(self) -> None:
        self._bars = 0
        self._close = 0.0
        self._range = 0.0
        self.ema20 = Ema(20, from_first=True)
        self.ema50 = Ema(50, from_first=True)
        self.ema200 = Ema(200, from_first=True)
        self.atr14: float | None = None

    def fold(self, bar: BarPrices) -> None:
        """Take a bar."""
        high, low, close, before = bar.high, bar.low, bar.close, self._close
        bars = self._bars = self._bars + 1
        if bars > 1:
            if before > high:
                high = before
            elif before < low:
                low = before
        self._close = close
        self._range += (high - low - self._range) / (bars if bars < 14 else 14)
        if bars >= 14:
            self.atr14 = self._range
        self.ema20.fold(close)
        self.ema50.fold(close)
        self.ema200.fold(close)

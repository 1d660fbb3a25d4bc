"""Fair value gaps (playbook 2.6): price zones that a move skipped, and whether a bar trades back into one.

One-minute zones run on the RTH stream across sessions, in both directions, for 30 bars. Fifteen-minute zones belong to one session,
are bullish only, and last until they are filled. A zone already counts on the bar that creates it (one minute) or closes its bucket
(fifteen).
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from tapewire.bus.messages import Bar
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.strategies.candles import Candle, Candles, bucket_end

EXPIRY: Final = 30  # one-minute bars after a zone was created
QUARTER: Final = 15  # minutes


class Zone(NamedTuple):
    """An open gap between two prices, created on RTH bar number `born`."""

    top: float
    bottom: float
    born: int = 0


class MinuteGaps:
    """One-minute gaps over the RTH stream, carried from session to session."""

    __slots__ = ("_bears", "_before", "_bulls", "_j", "_last")

    def __init__(self) -> None:
        self._j = -1
        self._before: BarPrices | None = None
        self._last: BarPrices | None = None
        self._bulls: list[Zone] = []
        self._bears: list[Zone] = []

    def fold(self, bar: BarPrices) -> tuple[bool, bool]:
        """Take an RTH bar. Returns whether it has `fvg_bull` and `fvg_bear`."""
        self._j = j = self._j + 1
        before, last = self._before, self._last
        self._before, self._last = last, bar
        if before is None or last is None:
            return False, False
        bulls, bears = self._bulls, self._bears
        g = 0.0001 * last.close
        if bar.low > before.high + g:
            bulls.append(Zone(bar.low, before.high, j - 1))
        if bar.high < before.low - g:
            bears.append(Zone(before.low, bar.high, j - 1))
        return bool(bulls) and self._test_bulls(bar), bool(bears) and self._test_bears(bar)

    def _test_bulls(self, bar: BarPrices) -> bool:
        low, close, zones = bar.low, bar.close, self._bulls
        if self._j - zones[0].born > EXPIRY:
            del zones[0]
        traded = filled = False
        for top, bottom, _ in zones:
            if low <= top:
                if close > bottom:
                    traded = True
                elif close < bottom:
                    filled = True
        if filled:
            self._bulls = [zone for zone in zones if not (low <= zone.top and close < zone.bottom)]
        return traded

    def _test_bears(self, bar: BarPrices) -> bool:
        high, close, zones = bar.high, bar.close, self._bears
        if self._j - zones[0].born > EXPIRY:
            del zones[0]
        traded = filled = False
        for top, bottom, _ in zones:
            if high >= bottom:
                if close < top:
                    traded = True
                elif close > top:
                    filled = True
        if filled:
            self._bears = [zone for zone in zones if not (high >= zone.bottom and close > zone.top)]
        return traded


class QuarterHourGaps:
    """Fifteen-minute bull gaps of one session. A candle counts from the first bar after it (strategies/candles.py)."""

    __slots__ = ("_candles", "_closed", "_zones")

    def __init__(self) -> None:
        self._candles = Candles[int]()
        self._closed: deque[Candle[int]] = deque(maxlen=3)
        self._zones: list[Zone] = []

    def fold(self, at: int, bar: Bar) -> bool:
        """Take the RTH bar stamped `at`. Returns whether it has `fvg_bull_15m`."""
        for candle in self._candles.fold(bucket_end(at, QUARTER), bar, last=False):
            self._closed.append(candle)
            if len(self._closed) == 3:
                x, y, z = self._closed
                if z.low > x.high + 0.0002 * y.close:
                    self._zones.append(Zone(z.low, x.high))
        return bool(self._zones) and self._test(bar.low, bar.close)

    def _test(self, low: float, close: float) -> bool:
        traded = filled = False
        for top, bottom, _ in self._zones:
            if low <= top and close > bottom:
                traded = True
            elif close < bottom:
                filled = True
        if filled:
            self._zones = [zone for zone in self._zones if not close < zone.bottom]
        return traded

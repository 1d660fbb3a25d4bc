"""Day confidence (playbook 2.7): how much the post-IB part so far looks like a trend up, a trend down or a balanced day.

Each score is the share of its checks that hold. The checks read running sums, so a bar costs the same at 10:31 and at 16:00.
Usage and point of control sort prices into bins of a tenth of the initial balance (at least one point).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from tapewire.bus.messages import Scores
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance

LEAST: Final = 5  # bars from which on there is a score and a point of control
CLOSES: Final = 20  # closes in the point of control
MOVES: Final = 3  # points of control before their move counts

NOTHING: Final = Scores()


class PointOfControl:
    """The price of the bin with the most of the last 20 closes (the lowest such bin on a tie), and how far it has moved.

    value: in points, None for the first four closes. move: the latest value minus the first, 0 before the third value.
    """

    __slots__ = ("_bins", "_counts", "_first", "_found", "_mode", "_width", "move", "value")

    def __init__(self, width: float) -> None:
        """width: the height of a bin, in points."""
        self._width = width
        self._bins: deque[int] = deque()
        self._counts: dict[int, int] = {}
        self._mode: int | None = None
        self._first = 0.0
        self._found = 0
        self.value: float | None = None
        self.move = 0.0

    def fold(self, bin: int) -> None:
        """Take the bin of a close."""
        counts = self._counts
        if len(self._bins) == CLOSES:
            self._forget(self._bins.popleft())
        self._bins.append(bin)
        count = counts[bin] = counts.get(bin, 0) + 1
        mode = self._mode
        if mode is None:
            mode = min(counts, key=lambda b: (-counts[b], b))
        elif count > counts[mode] or (count == counts[mode] and bin < mode):
            mode = bin
        self._mode = mode
        if len(self._bins) < LEAST:
            return
        self.value = value = self._width * mode
        if self._found == 0:
            self._first = value
        self._found += 1
        if self._found >= MOVES:
            self.move = value - self._first

    def _forget(self, bin: int) -> None:
        left = self._counts[bin] - 1
        if left:
            self._counts[bin] = left
        else:
            del self._counts[bin]
        if bin == self._mode:
            self._mode = None


class DayConfidence:
    """The scores of one session with a valid initial balance."""

    __slots__ = (
        "_above",
        "_balance",
        "_below",
        "_bin",
        "_down",
        "_extension_down",
        "_extension_up",
        "_high",
        "_last",
        "_low",
        "_lower",
        "_n",
        "_poc",
        "_run_down",
        "_run_up",
        "_up",
        "_upper",
        "_visited",
    )

    def __init__(self, balance: InitialBalance) -> None:
        self._balance = balance
        self._bin = max(0.1 * balance.r, 1.0)
        self._n = 0
        self._above = self._below = 0  # closes beyond the edges
        self._upper = self._lower = 0  # closes above the middle; closes at or below it
        self._high, self._low = balance.high, balance.low
        self._extension_up = self._extension_down = 0.0
        self._last: float | None = None
        self._up = self._down = 0  # the current run of rising or falling closes
        self._run_up = self._run_down = 0  # the longest so far
        self._visited: set[int] = set()
        self._poc = PointOfControl(self._bin)

    def fold(self, bar: BarPrices) -> Scores:
        """Take a post-IB bar; all scores are 0 for the first four."""
        balance = self._balance
        mid, r = balance.mid, balance.r
        close = bar.close
        self._n += 1
        if close > balance.high:
            self._above += 1
        elif close < balance.low:
            self._below += 1
        if close > mid:
            self._upper += 1
            extension = (close - mid) / r
            if extension > self._extension_up:
                self._extension_up = extension
        else:
            self._lower += 1
            extension = (mid - close) / r
            if extension > self._extension_down:
                self._extension_down = extension
        if bar.high > self._high:
            self._high = bar.high
        if bar.low < self._low:
            self._low = bar.low
        self._run(close)
        bin = int(close / self._bin)
        self._visited.add(bin)
        self._poc.fold(bin)
        return self._scores() if self._n >= LEAST else NOTHING

    def _run(self, close: float) -> None:
        last = self._last
        self._last = close
        if last is None or close == last:
            return
        if close > last:
            self._up += 1
            self._down = 0
            if self._up > self._run_up:
                self._run_up = self._up
        else:
            self._down += 1
            self._up = 0
            if self._down > self._run_down:
                self._run_down = self._down

    def _scores(self) -> Scores:
        n, r = self._n, self._balance.r
        up, down = self._extension_up, self._extension_down
        session_range = self._high - self._low
        narrow = len(self._visited) / max(session_range / self._bin, 1) < 0.7
        move, far = self._poc.move, 0.3 * r
        upper = self._upper / n
        trend_bull = (
            (up >= 0.5)
            + (up >= 1.0)
            + (self._above / n > 0.6)
            + (self._run_up >= 4)
            + (move > far)
            + narrow
            + (down < 0.3)
            + (upper > 0.7)
        )
        trend_bear = (
            (down >= 0.5)
            + (down >= 1.0)
            + (self._below / n > 0.6)
            + (self._run_down >= 4)
            + (-move > far)
            + narrow
            + (up < 0.3)
            + (self._lower / n > 0.7)
        )
        b_day = (
            (max(up, down) < 0.5)
            + ((n - self._above - self._below) / n > 0.4)
            + (session_range < 1.8 * r)
            + (max(self._run_up, self._run_down) < 4)
            + (abs(upper - 0.5) < 0.15)
        )
        return Scores(trend_bull / 8, trend_bear / 8, b_day / 5)

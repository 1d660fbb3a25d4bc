"""The four opening ranges (playbook 1.2): opening drive, OR15, OR30 and the initial balance.

They close by the clock: on the bar stamped at their last minute, or on the first later RTH bar, which then does not belong to them.
So a missing minute delays the end of a range by a bar and never lets a later price in.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from tapewire.bus.messages import Range
from tapewire.bus.value import Value
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.strategies.clock import RTH_OPEN


@mypyc_attr(acyclic=True)
class InitialBalance(Value):
    """The edges, the middle and the height R of a valid initial balance, in points."""

    __slots__ = ("high", "low", "mid", "r")
    __match_args__ = ("high", "low", "mid", "r")

    def __init__(self, high: float, low: float, mid: float, r: float) -> None:
        self.high: Final = high
        self.low: Final = low
        self.mid: Final = mid
        self.r: Final = r


class OpeningRange:
    """One range. `range` is None until its first bar and does not change once it is final."""

    __slots__ = ("_bars", "_close", "_flat", "_high", "_last", "_least", "_low", "_open", "final", "range")

    def __init__(self, minutes: int, least: int, *, flat: bool = True) -> None:
        """minutes: its length from the open. least: the bars it needs to be valid. flat: a height of 0 is valid."""
        self._last = RTH_OPEN + minutes
        self._least = least
        self._flat = flat
        self._high = self._low = self._open = self._close = 0.0
        self._bars = 0
        self.final = False
        self.range: Range | None = None

    def fold(self, at: int, bar: BarPrices) -> None:
        """Take the RTH bar stamped `at`."""
        if self.final:
            return
        if at <= self._last:
            self._add(bar)
        self.final = at >= self._last
        if self._bars:
            valid = self.final and self._bars >= self._least and (self._flat or self._high - self._low > 0)
            self.range = Range(self._high, self._low, self._open, self._close, self._bars, self.final, valid)

    def _add(self, bar: BarPrices) -> None:
        if self._bars == 0:
            self._high, self._low, self._open = bar.high, bar.low, bar.open
        if bar.high > self._high:
            self._high = bar.high
        if bar.low < self._low:
            self._low = bar.low
        self._close = bar.close
        self._bars += 1


class OpeningRanges:
    """All four ranges of one session."""

    __slots__ = ("_drive", "_ib", "_or15", "_or30", "balance", "drive", "ib", "or15", "or30")

    def __init__(self) -> None:
        self._drive = OpeningRange(5, 4)
        self._or15 = OpeningRange(15, 12)
        self._or30 = OpeningRange(30, 25)
        self._ib = OpeningRange(60, 50, flat=False)
        self.drive: Range | None = None
        self.or15: Range | None = None
        self.or30: Range | None = None
        self.ib: Range | None = None
        self.balance: InitialBalance | None = None

    def fold(self, at: int, bar: BarPrices) -> None:
        """Take the RTH bar stamped `at`. `balance` is set with the end of a valid initial balance."""
        if self._ib.final:
            return
        for part in (self._drive, self._or15, self._or30, self._ib):
            part.fold(at, bar)
        self.drive = self._drive.range
        self.or15 = self._or15.range
        self.or30 = self._or30.range
        self.ib = ib = self._ib.range
        if ib is not None and ib.valid:
            self.balance = InitialBalance(ib.high, ib.low, (ib.high + ib.low) / 2, ib.high - ib.low)

"""What a feature reads: the session after a bar, and what the bars of the trade date before it have left.

All of it begins again with the trade date. What reaches back further is in the session itself, carried by the tracker: averages,
the window of the order flow, the levels and the initial balances of earlier sessions. So a stream that begins with a date's first
bar has the values of one that has run for years. Bars are counted, not minutes: the bar before is the last one that came.
"""

from __future__ import annotations

import datetime as dt

from tapewire.bus.messages import Bar, Range, Session

LONGEST = 60
"""Bars that a feature looks back, at most."""

LEAST_ATR = 1e-6
"""Of the price. No market has a smaller tick: below it nothing moves, and there is no measure."""


class Last:
    """The last values of a trade date, newest last: as many as were asked for, at least."""

    __slots__ = ("_most", "kept")

    def __init__(self, most: int = LONGEST + 1) -> None:
        self._most = most
        self.kept: list[float] = []

    def add(self, value: float) -> None:
        """Take the newest value."""
        self.kept.append(value)
        if len(self.kept) >= 2 * self._most:
            del self.kept[: -self._most]

    def back(self, n: int) -> float | None:
        """The value n bars before the newest; None without one."""
        return self.kept[-1 - n] if len(self.kept) > n else None

    def last(self, n: int) -> list[float] | None:
        """The last n values, oldest first; None before there are n."""
        return self.kept[-n:] if len(self.kept) >= n else None


class Moment:
    """The newest bar, and what leads to it. `start` begins a trade date, `fold` takes a bar.

    s, bar: the newest. atr: ATR 14 in points, None while it is missing or nothing moves. r: height of the valid initial balance.
    weekday: of the trade date, 0 for Monday. bars: of the date so far.
    closes, highs, lows, volumes, true_ranges: of the last bars. first_open, high, low: of the date. rth_open: of RTH.
    """

    __slots__ = (
        "atr",
        "bar",
        "bars",
        "closes",
        "first_open",
        "high",
        "highs",
        "low",
        "lows",
        "r",
        "rth_open",
        "s",
        "true_ranges",
        "volumes",
        "weekday",
    )

    s: Session
    bar: Bar

    def __init__(self) -> None:
        self.start("1970-01-01")

    def start(self, session: str) -> None:
        """A new trade date, YYYY-MM-DD."""
        self.weekday = dt.date.fromisoformat(session).weekday()
        self.bars = 0
        self.atr: float | None = None
        self.r: float | None = None
        self.closes, self.highs, self.lows, self.true_ranges, self.volumes = Last(), Last(), Last(), Last(), Last()
        self.first_open = self.high = self.low = 0.0
        self.rth_open: float | None = None

    def fold(self, s: Session) -> None:
        """Take the next bar of the date."""
        self.s, self.bar = s, s.bar
        bar = s.bar
        if not self.bars:
            self.first_open, self.high, self.low = bar.open, bar.high, bar.low
        self.bars += 1
        self.high, self.low = max(self.high, bar.high), min(self.low, bar.low)
        if s.i == 0:
            self.rth_open = bar.open
        before = self.closes.back(0)
        reaches = (bar.high, bar.low) if before is None else (max(bar.high, before), min(bar.low, before))
        self.true_ranges.add(reaches[0] - reaches[1])
        self.closes.add(bar.close)
        self.highs.add(bar.high)
        self.lows.add(bar.low)
        self.volumes.add(bar.volume)
        atr, ib = s.atr14, s.ib
        self.atr = atr if atr is not None and atr > abs(bar.close) * LEAST_ATR else None
        self.r = ib.high - ib.low if ib is not None and ib.valid else None

    def in_atr(self, points: float | None) -> float | None:
        """A distance in points as a multiple of ATR."""
        return None if points is None or self.atr is None else points / self.atr

    def from_level(self, level: float | None) -> float | None:
        """How far the close lies above a price, in ATR; below 0 beneath it."""
        return None if level is None else self.in_atr(self.bar.close - level)

    def moved(self, n: int) -> float | None:
        """The close less the close n bars before, in points."""
        before = self.closes.back(n)
        return None if before is None else self.bar.close - before


def ratio(part: float | None, whole: float | None) -> float | None:
    """part / whole; None where one is missing or the whole is 0."""
    return part / whole if part is not None and whole else None


def place(price: float, low: float | None, high: float | None) -> float | None:
    """Where a price lies: 0 at low, 1 at high, beyond both outside; None of an empty range."""
    return None if low is None or high is None or high <= low else (price - low) / (high - low)


def final(made: Range | None) -> Range | None:
    """A range of the opening once it is over and valid."""
    return made if made is not None and made.valid else None

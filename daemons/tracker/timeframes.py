"""Longer timeframes from one-minute bars: two minutes, five, fifteen, an hour, or any other number.

Buckets follow the clock. Counted from the midnight with which the trade date begins, bucket n of m minutes holds the bars stamped
n*m+1 to (n+1)*m, and is named by its last minute, as NinjaTrader stamps bars at their close: the five-minute bar of 09:35 holds
09:31 to 09:35. One that a trade date's end or beginning cuts holds the bars of one side alone.

A bucket closes on the bar stamped at its last minute; if that one is missing, on the next bar, which is then no part of it. So a
missing minute delays a bar and never lets a later price in, and what is still open at 17:00 is closed by the next evening's first
bar.
"""

from __future__ import annotations

from tapewire.bus import topics
from tapewire.bus.messages import Bar, TimeframeBar
from tapewire.daemons.market.clock import MINUTE_NS


class Timeframe:
    """One instrument in buckets of `minutes` minutes. topic: where its bars are published."""

    __slots__ = (
        "_ask",
        "_bars",
        "_bid",
        "_close",
        "_ends_ns",
        "_high",
        "_instrument",
        "_low",
        "_minutes",
        "_open",
        "_session",
        "_volume",
        "topic",
    )

    def __init__(self, instrument: str, minutes: int) -> None:
        self._instrument = instrument
        self._minutes = minutes
        self.topic = topics.timeframe(instrument, minutes)
        self._session = ""
        self._ends_ns = 0
        self._bars = 0  # 0: no bucket is open, and what follows means nothing
        self._open = self._high = self._low = self._close = 0.0
        self._volume = 0
        self._ask: int | None = None
        self._bid: int | None = None

    def fold(self, session: str, at: int, bar: Bar) -> tuple[TimeframeBar, ...]:
        """Take the bar stamped `at` (see clock.py) of a trade date; the bars that this closes, oldest first, at most two."""
        last = -(-at // self._minutes) * self._minutes
        ends_ns = bar.close_ns + (last - at) * MINUTE_NS
        closed: tuple[TimeframeBar, ...] = ()
        if self._bars and (ends_ns != self._ends_ns or session != self._session):
            closed = (self._finish(),)
        if self._bars:
            self._add(bar)
        else:
            self._session, self._ends_ns = session, ends_ns
            self._begin(bar)
        return (*closed, self._finish()) if at == last else closed

    def _begin(self, bar: Bar) -> None:
        self._bars = 1
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._volume, self._ask, self._bid = bar.volume, bar.ask_volume, bar.bid_volume

    def _add(self, bar: Bar) -> None:
        self._bars += 1
        self._high = max(self._high, bar.high)
        self._low = min(self._low, bar.low)
        self._close = bar.close
        self._volume += bar.volume
        self._ask = _sum(self._ask, bar.ask_volume)
        self._bid = _sum(self._bid, bar.bid_volume)

    def _finish(self) -> TimeframeBar:
        bars, self._bars = self._bars, 0
        return TimeframeBar(
            instrument=self._instrument,
            minutes=self._minutes,
            session=self._session,
            open_ns=self._ends_ns - self._minutes * MINUTE_NS,
            close_ns=self._ends_ns,
            open=self._open,
            high=self._high,
            low=self._low,
            close=self._close,
            volume=self._volume,
            ask_volume=self._ask,
            bid_volume=self._bid,
            bars=bars,
            complete=bars == self._minutes,
        )


def _sum(a: int | None, b: int | None) -> int | None:
    """Of two volumes; None if either is not known."""
    return None if a is None or b is None else a + b

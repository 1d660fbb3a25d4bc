"""Longer timeframes of the feed: two minutes, five, fifteen, an hour, or any other number (strategies/candles.py).

Buckets follow the clock and are counted from the midnight at which the trade date's calendar day begins. The end of the trade date
cuts a bucket: each part makes a candle of its own. So the next evening's first bar closes a candle that is still open at 17:00.
"""

from __future__ import annotations

from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.messages import Bar, TimeframeBar
from tapewire.strategies.candles import Candle, FlowCandles, bucket_end
from tapewire.strategies.clock import MINUTE_NS


class Bucket(NamedTuple):
    """The name of one bucket: the trade date of its bars, and the end of its last minute in UTC nanoseconds."""

    session: str
    ends_ns: int


class Timeframe:
    """One instrument in buckets of `minutes` minutes. topic: where its bars are published."""

    __slots__ = ("_candles", "_instrument", "_minutes", "topic")

    def __init__(self, instrument: str, minutes: int) -> None:
        self._instrument = instrument
        self._minutes = minutes
        self._candles = FlowCandles[Bucket]()
        self.topic = topics.timeframe(instrument, minutes)

    def fold(self, session: str, at: int, bar: Bar) -> tuple[TimeframeBar, ...]:
        """Take the bar stamped `at` (daemons/market/clock.py). Returns the candles that it closes, oldest first, at most two."""
        last = bucket_end(at, self._minutes)
        bucket = Bucket(session, bar.close_ns + (last - at) * MINUTE_NS)
        return tuple(self._published(closed) for closed in self._candles.fold(bucket, bar, last=at == last))

    def _published(self, candle: Candle[Bucket]) -> TimeframeBar:
        session, ends_ns = candle.bucket
        return TimeframeBar(
            instrument=self._instrument,
            minutes=self._minutes,
            session=session,
            open_ns=ends_ns - self._minutes * MINUTE_NS,
            close_ns=ends_ns,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
            ask_volume=candle.ask_volume,
            bid_volume=candle.bid_volume,
            bars=candle.bars,
            complete=candle.bars == self._minutes,
            delta=candle.delta,
            up_ticks=candle.up_ticks,
            down_ticks=candle.down_ticks,
            timeframe=f"{self._minutes}m",
        )

"""Other timeframes of the feed, built from one-minute bars, or from a second's candles of its trades (daemons/tracker/trades.py).

Buckets follow the clock (daemons/market/periods.py). The end of the trade date cuts those that are shorter than a week: each part
makes a candle of its own. So the next evening's first bar closes a candle that is still open at 17:00.
"""

from __future__ import annotations

from tapewire.bus import topics
from tapewire.bus.messages import Bar, TimeframeBar
from tapewire.daemons.market.periods import Bucket, Buckets, Period
from tapewire.strategies.candles import Candle, FlowCandles, Part


class Timeframe:
    """One instrument in buckets of a timeframe. topic: where its bars are published.

    Args:
        product: the calendar of the instrument. trades: its parts are candles of trades, not bars.
    """

    __slots__ = ("_buckets", "_candles", "_date", "_done", "_hole", "_instrument", "_last", "_period", "_trades", "_whole", "topic")

    def __init__(self, instrument: str, period: Period, product: str, *, trades: bool = False) -> None:
        self._instrument = instrument
        self._period = period
        self._buckets = Buckets(period, product)
        self._candles = FlowCandles[Bucket]()
        self._trades = trades
        self._last: Bucket | None = None
        self._done: Bucket | None = None
        self._date = ""
        self._whole = False  # the beginning of the bucket was seen, and nothing is missing since
        self._hole = True  # something may be missing before the next part
        self.topic = topics.timeframe(instrument, period.word)

    def fold(self, session: str, at: int, bar: Bar) -> tuple[TimeframeBar, ...]:
        """Take the bar stamped `at` (daemons/market/clock.py). Returns the candles that it closes, oldest first, at most two."""
        return self.part(session, at, bar.close_ns, bar, bar.close_ns)

    def part(self, session: str, at: int, minute_ns: int, part: Part, close_ns: int) -> tuple[TimeframeBar, ...]:
        """Take a part that closes at `close_ns`, in the minute stamped `at`, which closes at `minute_ns`."""
        bucket = self._buckets.of(session, at, minute_ns, close_ns)
        if bucket == self._done:  # after the product's close, and still of the trade date
            return ()
        whole, date = self._whole, self._date
        if bucket != self._last:
            self._last = bucket
            self._whole = not self._hole
        self._hole = False
        self._date = session
        closed = self._candles.fold(bucket, part, last=close_ns == bucket.ends_ns)
        if close_ns == bucket.ends_ns:
            self._done = bucket
        return tuple(
            self._published(each, session, self._whole) if each.bucket == bucket else self._published(each, date, whole)
            for each in closed
        )

    def ended(self, by_ns: int) -> tuple[TimeframeBar, ...]:
        """Close what has ended by this time; trades are later now."""
        if self._last is None or self._last.ends_ns > by_ns:
            return ()
        return tuple(self._published(each, self._date, self._whole) for each in self._candles.close())

    def lost(self) -> None:
        """Something was lost between the last part and the next one: both buckets lack it, perhaps."""
        self._whole = False
        self._hole = True

    def _published(self, candle: Candle[Bucket], date: str, whole: bool) -> TimeframeBar:
        bucket, period = candle.bucket, self._period
        by_minutes = period.minutes and not self._trades
        return TimeframeBar(
            instrument=self._instrument,
            minutes=period.minutes,
            session=date,
            open_ns=bucket.opens_ns,
            close_ns=bucket.ends_ns,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
            ask_volume=candle.ask_volume,
            bid_volume=candle.bid_volume,
            bars=0 if self._trades else candle.bars,
            complete=candle.bars == period.minutes if by_minutes else whole,
            delta=candle.delta,
            up_ticks=candle.up_ticks,
            down_ticks=candle.down_ticks,
            timeframe=period.word,
            ticks=candle.ticks,
        )

"""Candles of several minutes from one-minute bars, in buckets by the clock (playbook 2.6, 3.4, 9.3).

This is the only place that makes them: the tracker (longer timeframes, quarter-hour gaps) and the strategies both use it.

Bucket n of m minutes holds the bars stamped n*m+1 to (n+1)*m. Its last minute names it, as NinjaTrader stamps bars at their close:
the five-minute candle of 09:35 holds 09:31 to 09:35. A candle closes on the bar stamped at its last minute; if that bar is missing,
it closes on the next bar, which belongs to a later candle. So a missing minute delays a candle and never lets a later price in. A
bucket without bars makes no candle.
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from mypy_extensions import mypyc_attr

from tapewire.bus.messages import Bar

K = TypeVar("K")


def bucket_end(minute: int, length: int) -> int:
    """The last minute of the bucket of `length` minutes that holds the bar stamped `minute`.

    minute: any count of minutes whose zero is a boundary between buckets. It may be negative.
    """
    return -(-minute // length) * length


class Candle(NamedTuple, Generic[K]):
    """A closed candle. bucket: the name its bars came under. bars: how many. Prices in points, volumes in contracts.

    ask_volume, bid_volume: None if one of the bars has none; likewise delta, up_ticks and down_ticks, which only `FlowCandles` has.
    ticks: trades, if it is made of them.
    """

    bucket: K
    open: float
    high: float
    low: float
    close: float
    volume: int
    ask_volume: int | None
    bid_volume: int | None
    bars: int
    delta: int | None = None
    up_ticks: int | None = None
    down_ticks: int | None = None
    ticks: int | None = None


Part: TypeAlias = Bar | Candle[Any]
"""What a candle is made of: one-minute bars, or shorter candles (daemons/tracker/trades.py)."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Candles(Generic[K]):
    """One-minute bars in, closed candles out. One candle is open at a time."""

    __slots__ = ("_ask", "_bars", "_bid", "_bucket", "_close", "_high", "_low", "_open", "_volume")

    _bucket: K

    def __init__(self) -> None:
        self._bars = 0  # 0: no candle is open, and the other attributes mean nothing
        self._open = self._high = self._low = self._close = 0.0
        self._volume = 0
        self._ask: int | None = None
        self._bid: int | None = None

    def fold(self, bucket: K, bar: Part, *, last: bool) -> tuple[Candle[K], ...]:
        """Take a bar and return the candles that it closes, oldest first, at most two.

        Args:
            bucket: names the bar's bucket. Another name than the last bar's closes the open candle.
            last: the bar is stamped at its bucket's last minute, so that its own candle closes now.
        """
        closed: tuple[Candle[K], ...] = ()
        if not self._bars:
            self._begin(bucket, bar)
        elif bucket == self._bucket:
            self._add(bar)
        else:
            closed = (self._finish(),)
            self._begin(bucket, bar)
        return (*closed, self._finish()) if last else closed

    def close(self) -> tuple[Candle[K], ...]:
        """Close the open candle, if there is one: its bucket is over, and no bar says so."""
        return (self._finish(),) if self._bars else ()

    def _begin(self, bucket: K, bar: Part) -> None:
        self._bucket = bucket
        self._bars = 1
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._volume, self._ask, self._bid = bar.volume, bar.ask_volume, bar.bid_volume

    def _add(self, bar: Part) -> None:
        high, low = bar.high, bar.low
        self._bars += 1
        if high > self._high:
            self._high = high
        if low < self._low:
            self._low = low
        self._close = bar.close
        self._volume += bar.volume
        self._ask = added(self._ask, bar.ask_volume)
        self._bid = added(self._bid, bar.bid_volume)

    def _finish(self) -> Candle[K]:
        bars, self._bars = self._bars, 0
        return Candle(self._bucket, self._open, self._high, self._low, self._close, self._volume, self._ask, self._bid, bars)


class FlowCandles(Candles[K]):
    """Candles with all order flow: apart from the others, because no strategy reads these sums and each bar would pay for them."""

    __slots__ = ("_delta", "_down", "_ticks", "_up")

    def _begin(self, bucket: K, bar: Part) -> None:
        super()._begin(bucket, bar)
        self._delta, self._up, self._down = bar.delta, bar.up_ticks, bar.down_ticks
        self._ticks = None if isinstance(bar, Bar) else bar.ticks

    def _add(self, bar: Part) -> None:
        super()._add(bar)
        self._delta = added(self._delta, bar.delta)
        self._up = added(self._up, bar.up_ticks)
        self._down = added(self._down, bar.down_ticks)
        if not isinstance(bar, Bar):
            self._ticks = added(self._ticks, bar.ticks)

    def _finish(self) -> Candle[K]:
        return super()._finish()._replace(delta=self._delta, up_ticks=self._up, down_ticks=self._down, ticks=self._ticks)


def added(sum: int | None, part: int | None) -> int | None:
    """A sum and one part more; None once a part is not known."""
    return None if sum is None or part is None else sum + part

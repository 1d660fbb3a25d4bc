"""Bars from last trades: of seconds, and of any timeframe of an instrument that the run does not trade.

Trades become a candle a second, and these the longer candles. A candle closes with the first trade at or after its end: before that
nobody knows whether one is missing. A trade at a boundary begins a bar (strategies/trades.py), as in a recording of trades
(replay/sources/candles.py), which gives the same bars. A `Tick` that sums up a window of trades counts whole, where its last trade
belongs.
"""

from __future__ import annotations

from tapewire.bus.messages import Tick, TimeframeBar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.tracker.timeframes import Timeframe
from tapewire.strategies import trades
from tapewire.strategies.candles import Candle, added
from tapewire.strategies.clock import MINUTE_NS, SECOND_NS


class TradeBars:
    """The bars of one instrument. late: trades of a second that is over, which are left out."""

    __slots__ = (
        "_ask",
        "_bid",
        "_broken",
        "_clock",
        "_close",
        "_count",
        "_down",
        "_high",
        "_low",
        "_open",
        "_second_ns",
        "_timeframes",
        "_up",
        "_volume",
        "late",
    )

    def __init__(self, clock: SessionClock, timeframes: tuple[Timeframe, ...]) -> None:
        self._clock = clock
        self._timeframes = timeframes
        self._second_ns = 0  # its end; 0 before the first trade
        self._open = self._high = self._low = self._close = 0.0
        self._count = self._volume = 0
        self._ask: int | None = 0
        self._bid: int | None = 0
        self._up: int | None = 0
        self._down: int | None = 0
        self._broken = False  # trades were lost since the second began
        self.late = 0

    def fold(self, tick: Tick) -> list[tuple[str, TimeframeBar]]:
        """Take a trade. Returns topic and bar of the candles that it closes, shorter timeframes first."""
        second_ns: int = trades.closes(tick.at_ns, SECOND_NS)
        if second_ns < self._second_ns:
            self.late += 1
            return []
        moves = self._moves(tick)
        closed = self._turn(second_ns) if second_ns > self._second_ns else []
        price = tick.price
        high = price if tick.high is None else tick.high
        low = price if tick.low is None else tick.low
        if not self._count:
            self._open = price if tick.open is None else tick.open
            self._high, self._low = high, low
        self._high = max(self._high, high)
        self._low = min(self._low, low)
        self._close = price
        self._count += tick.trades
        self._volume += tick.size
        ask, bid = _sides(tick)
        self._ask, self._bid = added(self._ask, ask), added(self._bid, bid)
        self._up, self._down = added(self._up, moves[0]), added(self._down, moves[1])
        return closed

    def lost(self) -> None:
        """Trades were lost between the last one and the next."""
        self._broken = True

    def _moves(self, tick: Tick) -> tuple[int | None, int | None]:
        """Up and down ticks: as the feed counts them, or of a single trade against the one before."""
        if tick.up_ticks is not None and tick.down_ticks is not None:
            return tick.up_ticks, tick.down_ticks
        if tick.trades != 1:
            return None, None
        moved = trades.moved(self._close, tick.price) if self._second_ns else 0  # nobody knows what was before the first
        return int(moved > 0), int(moved < 0)

    def _turn(self, second_ns: int) -> list[tuple[str, TimeframeBar]]:
        """Close the second, and what ends with it or before the next one."""
        closed: list[tuple[str, TimeframeBar]] = []
        if self._count:
            done_ns = self._second_ns
            candle = self._finish()
            minute_ns = -(-done_ns // MINUTE_NS) * MINUTE_NS
            day, at = self._clock.read(minute_ns)
            broken, self._broken = self._broken, False
            for each in self._timeframes:
                if broken:
                    each.lost()
                made = each.part(day.date, at, minute_ns, candle, done_ns)
                if broken:
                    each.lost()
                closed += [(each.topic, bar) for bar in (*made, *each.ended(second_ns - SECOND_NS))]
        self._second_ns = second_ns
        return closed

    def _finish(self) -> Candle[int]:
        delta = None if self._ask is None or self._bid is None else self._ask - self._bid
        candle = Candle(
            self._second_ns,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._ask,
            self._bid,
            1,
            delta,
            self._up,
            self._down,
            self._count,
        )
        self._count = self._volume = 0
        self._ask = self._bid = self._up = self._down = 0
        return candle


def _sides(tick: Tick) -> tuple[int | None, int | None]:
    """Contracts bought at the ask and sold at the bid: as the feed counts them, or of a single trade by its quote."""
    if tick.ask_volume is not None and tick.bid_volume is not None:
        return tick.ask_volume, tick.bid_volume
    if tick.trades != 1 or tick.ask is None or tick.bid is None:
        return None, None
    side = trades.side(tick.price, tick.bid, tick.ask)
    return tick.size * (side > 0), tick.size * (side < 0)

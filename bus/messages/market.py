"""Topics `raw.` and `bar.`: what NinjaTrader (or a recording) reports, and the longer bars that the tracker builds."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Delta, Dollars, Price, Quantity, TimeNs, Volume
from tapewire.bus.messages.words import Phase


class CrossBar(Struct, frozen=True, gc=False):
    """The bar of another instrument with the same close stamp (ES and YM beside NQ)."""

    instrument: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    ask_volume: Volume | None = None
    bid_volume: Volume | None = None


class Position(Struct, frozen=True, gc=False):
    """The account's position in one instrument as the venue reports it. The venue is the authority on positions.

    qty: signed contracts, 0 when flat. price: average fill of the entry, None when flat.
    entry_id: our order id behind the open position; empty when flat or when no order of ours opened it.
    stop, target: prices of the resting bracket; None when there is no such order.
    working: ids of our orders that have been accepted and not finished (entries and market exits, not the bracket).
    realised: net profit of the trade date in dollars, after commissions.
    """

    account: str
    qty: Quantity = 0
    price: Price | None = None
    entry_id: str = ""
    stop: Price | None = None
    target: Price | None = None
    working: tuple[str, ...] = ()
    realised: Dollars = 0.0


class Bar(Struct, frozen=True, gc=False, tag="bar"):
    """One closed bar of the traded instrument, with the account as the venue reported it at the close.

    ask_volume, bid_volume: contracts bought at the ask, sold at the bid; None when the series is not volumetric (never 0).
    index: the feed's own bar number (NinjaTrader's CurrentBar); rises by one per accepted bar; a bar that
        the bridge dropped leaves a hole.
    phase: origin of the bar; a "historical" bar is warm-up and never traded.
    delta: contracts bought less contracts sold, as the source has it. up_ticks, down_ticks: trades at a price above, below that of
        the trade before. None where the source has none (never 0).
    """

    instrument: str
    open_ns: TimeNs
    close_ns: TimeNs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    ask_volume: Volume | None = None
    bid_volume: Volume | None = None
    index: int = 0
    cross: tuple[CrossBar, ...] = ()
    position: Position | None = None
    phase: Phase = "realtime"
    delta: Delta | None = None
    up_ticks: Volume | None = None
    down_ticks: Volume | None = None


class TimeframeBar(Struct, frozen=True, gc=False, tag="timeframe_bar"):
    """A longer bar, built from the one-minute bars that the tracker accepted, or from trades (daemons/tracker/timeframes.py).

    minutes: its timeframe; 0 for one that is not counted in minutes. session: the trade date, of a week or a month the last one in
    it; the bar of a shorter timeframe never extends beyond it. open_ns, close_ns: the bounds of its bucket on the clock, also where
    bars are missing. ask_volume, bid_volume, delta, up_ticks, down_ticks: None if a part of it has none.
    bars: one-minute bars in it; 0 if it is built from trades. complete: nothing of the bucket is missing, as far as is known.
    timeframe: the word of the topic: "5s", "15m", "4h", "1d", "1w", "1mo". ticks: trades in it; None if it is built from bars.
    """

    instrument: str
    minutes: int
    session: str
    open_ns: TimeNs
    close_ns: TimeNs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    ask_volume: Volume | None
    bid_volume: Volume | None
    bars: int
    complete: bool
    delta: Delta | None = None
    up_ticks: Volume | None = None
    down_ticks: Volume | None = None
    timeframe: str = ""
    ticks: int | None = None


class Tick(Struct, frozen=True, gc=False, tag="tick"):
    """A last trade, or a window of them summed up.

    at_ns: of the last trade. price: of the last trade. size: contracts, of all of them. bid, ask: the quote at the last trade, None
    where it is not known. trades: how many. open, high, low: of the window; None for a single trade, whose price they are.
    ask_volume, bid_volume: contracts bought at the ask, sold at the bid; up_ticks, down_ticks: trades at a price above, below that
    of the trade before. None where nobody knows.
    """

    instrument: str
    at_ns: TimeNs
    price: Price
    size: Volume
    bid: Price | None = None
    ask: Price | None = None
    trades: Volume = 1
    open: Price | None = None
    high: Price | None = None
    low: Price | None = None
    ask_volume: Volume | None = None
    bid_volume: Volume | None = None
    up_ticks: Volume | None = None
    down_ticks: Volume | None = None

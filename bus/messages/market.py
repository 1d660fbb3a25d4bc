"""Topics `raw.` and `bar.`: what NinjaTrader (or a recording) reports, and the longer bars that the tracker builds."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Dollars, Price, Quantity, TimeNs, Volume
from tapewire.bus.messages.words import Phase


class CrossBar(Struct, frozen=True):
    """The bar of another instrument with the same close stamp (ES and YM beside NQ)."""

    instrument: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    ask_volume: Volume | None = None
    bid_volume: Volume | None = None


class Position(Struct, frozen=True):
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


class Bar(Struct, frozen=True, tag="bar"):
    """One closed bar of the traded instrument, with the account as the venue reported it at the close.

    ask_volume, bid_volume: contracts bought at the ask, sold at the bid; None when the series is not volumetric (never 0).
    index: the feed's own bar number (NinjaTrader's CurrentBar); rises by one per accepted bar; a bar that
        the bridge dropped leaves a hole.
    phase: origin of the bar; a "historical" bar is warm-up and never traded.
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


class TimeframeBar(Struct, frozen=True, tag="timeframe_bar"):
    """A bar of several minutes, built from the one-minute bars that the tracker accepted (daemons/tracker/timeframes.py).

    minutes: its timeframe. session: the trade date; the bar never extends beyond it. open_ns, close_ns: the bounds of its bucket on
    the clock, also where bars are missing. ask_volume, bid_volume: None if one of its bars has none.
    bars: one-minute bars in it. complete: every minute of the bucket has a bar.
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

"""The venue link: commands of the gate, and the reports of NinjaTrader."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tapewire.bus.bounds import Dollars, Price, Quantity, TimeNs
from tapewire.bus.messages.market import Position
from tapewire.bus.messages.words import Action, OrderStatus, Role


class PlaceOrder(Struct, frozen=True, tag="place_order"):
    """Enter with a resting bracket. id is unique for ever: the venue executes it once. target None: no target.

    limit: None enters at the market; a price rests there, and the venue cancels the unfilled part at `valid_until_ns`.
    contract: the month that is meant, `MNQ 03-26`; the venue refuses another one than its chart's. Empty: the chart's.
    stop_points, target_points: where set, stop or target is this far from the price at which the entry fills, in whole ticks;
    `stop` or `target` is then where it stands if that is the price it was proposed at. after: id of the close that the entry
    follows: the venue enters once that position is flat. What is UNSET is not on the wire.
    """

    id: str
    account: str
    instrument: str
    action: Action
    qty: Quantity
    stop: float
    target: float | None
    valid_until_ns: int
    limit: float | None = None
    contract: str = ""
    stop_points: float | UnsetType = UNSET
    target_points: float | UnsetType = UNSET
    after: str | UnsetType = UNSET


class ClosePosition(Struct, frozen=True, tag="close_position"):
    """Close the open position at the market, cancel its bracket and the rest of its entry. reason travels to the trade."""

    id: str
    account: str
    instrument: str
    entry_id: str
    reason: str


class MoveBracket(Struct, frozen=True, tag="move_bracket"):
    """Replace the resting stop and/or target; None leaves it as it is."""

    id: str
    account: str
    instrument: str
    entry_id: str
    stop: float | None = None
    target: float | None = None


class CancelOrder(Struct, frozen=True, tag="cancel_order"):
    """Cancel a working order. Confirmed by an OrderUpdate; a fill may still overtake it."""

    id: str
    account: str
    instrument: str
    order_id: str


class Lease(Struct, frozen=True, tag="lease"):
    """The gate is alive. The venue refuses new entries when the last one is older than 5 s; resting stops stay.

    killed: the kill switch is latched; the venue keeps a copy and refuses entries by itself. boot: when this gate process started
    (its clock); a new value requests a new `Hello` with the current snapshot.
    """

    killed: bool = False
    boot: int = 0


class VenuePosition(Struct, frozen=True):
    """One position in the venue's snapshot."""

    instrument: str
    position: Position


class TradingDay(Struct, frozen=True):
    """A trade date, YYYY-MM-DD, by a trading-hours template: the begin of its first session and the end of its last one."""

    date: str
    opens_ns: TimeNs
    closes_ns: TimeNs


class VenueChart(Struct, frozen=True):
    """A chart of the bridge that trades. contract: the month that it holds, `MNQ 03-26`; empty if it holds no future.

    template: the name of its trading-hours template. days: today's trade date and the next ten by it; a date between them that is
    missing has no session.
    """

    instrument: str
    contract: str = ""
    template: str = ""
    days: tuple[TradingDay, ...] = ()


class AccountFigures(Struct, frozen=True):
    """An account of the platform. Money is in dollars as the platform reports it; None if it reports none.

    simulated: no money is at risk. connection: the name of its connection. trades: it is connected and enabled, so it may trade.
    cash: its cash value. realised, unrealised: profit of its trading day, of the whole account.
    """

    name: str
    simulated: bool = False
    connection: str = ""
    trades: bool = False
    cash: Dollars | None = None
    realised: Dollars | None = None
    unrealised: Dollars | None = None


class Accounts(Struct, frozen=True, tag="accounts"):
    """All accounts of the platform, whenever one has changed, and once a minute. A later one replaces it."""

    figures: tuple[AccountFigures, ...]


class Hello(Struct, frozen=True, tag="hello"):
    """The venue's first message on the link, and after every reconnect: its name, its accounts and a snapshot of both.

    words: epoch and number of the venue's last message on each topic at the time of the snapshot. For a receiver of a later message
    the snapshot is outdated. charts: those that take orders; empty if the venue has no charts.
    accounts: of its charts. figures: every account of the platform; empty if the venue does not report them.
    """

    venue: str
    version: str
    accounts: tuple[str, ...]
    positions: tuple[VenuePosition, ...] = ()
    working: tuple[str, ...] = ()
    words: dict[str, tuple[int, int]] = {}
    charts: tuple[VenueChart, ...] = ()
    figures: tuple[AccountFigures, ...] = ()


class OrderUpdate(Struct, frozen=True, tag="order_update"):
    """The venue's report on one of our orders: ACCEPTED, REJECTED, CANCELLED or DONE (a move or a close that was carried out).

    id: unique event id, so a duplicate is recognised. stop, target: the bracket after a move.
    """

    id: str
    order_id: str
    instrument: str
    status: OrderStatus
    stop: Price | None = None
    target: Price | None = None
    detail: str = ""


class Execution(Struct, frozen=True, tag="execution"):
    """One fill at the venue. id is the venue's execution id; qty is signed (positive buys).

    order_id: our id of the order that filled; for STOP, TARGET and SESSION_END the entry whose position it closed.
    bar_ns, bar_index: the bar in which it happened.
    """

    id: str
    order_id: str
    account: str
    instrument: str
    qty: Quantity
    price: Price
    role: Role
    bar_ns: TimeNs
    bar_index: int


class Ack(Struct, frozen=True, tag="ack"):
    """Acknowledges a message: the receiver is responsible for it now (the gate: it is on disk). ref is its `topic@epoch:seq`."""

    ref: str

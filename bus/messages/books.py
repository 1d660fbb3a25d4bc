"""Topics `order.`, `fill.`, `position.`, `trade.` and `risk.`: the gate's books, as facts."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Cents, Price, Quantity, TimeNs
from tapewire.bus.messages.words import Action, Direction, OrderStatus, Role, TradingState


class OrderEvent(Struct, frozen=True, tag="order_event"):
    """An order changed its status. `detail` holds the venue's text where it gave one. contract: the month, as in `Signal`."""

    order_id: str
    instrument: str
    action: Action
    status: OrderStatus
    qty: int
    filled: int = 0
    stop: float | None = None
    target: float | None = None
    detail: str = ""
    contract: str = ""


class Fill(Struct, frozen=True, tag="fill"):
    """One execution as booked: qty is signed (positive buys)."""

    execution_id: str
    order_id: str
    instrument: str
    account: str
    qty: Quantity
    price: Price
    role: Role
    bar_ns: TimeNs
    bar_index: int


class PositionChanged(Struct, frozen=True, tag="position_changed"):
    """Our position after a fill, by our own books. price: average entry, None when flat."""

    instrument: str
    account: str
    qty: Quantity
    price: Price | None = None


class Trade(Struct, frozen=True, tag="trade"):
    """A finished round turn.

    signal_ns: close of the deciding bar; entry_ns, exit_ns: close of the bars in which the fills happened.
    bars_held: bars closed in the position, the first bar after the signal bar being 1 (playbook 5.2).
    stop, target: as they stood at the exit. reason: the role of the execution that ended it, or the exit's own code: an open set.
    gross_cents = (exit - entry) * direction in money; net_cents = gross_cents - commission_cents.
    """

    id: str
    instrument: str
    account: str
    session: str
    strategy: str
    setup: str
    direction: Direction
    size: Quantity
    signal_ns: TimeNs
    entry_ns: TimeNs
    entry_price: Price
    exit_ns: TimeNs
    exit_price: Price
    reason: str
    bars_held: int
    stop: float | None
    target: float | None
    gross_cents: Cents
    commission_cents: Cents
    net_cents: Cents


class StrategyDay(Struct, frozen=True):
    """One strategy's share of the account in a session: closed trades and their net, and open profit before commissions."""

    strategy: str
    realised_cents: Cents
    open_cents: Cents
    trades: int


class Risk(Struct, frozen=True, tag="risk"):
    """The account's standing after a trade or a change of state.

    reason: the text of the `Reason` behind `state`, empty while ACTIVE. drawdown_cents: highest realised equity minus current.
    open_cents: profit of open positions at the last closes that the gate observed, before commissions. strategies: those that
    closed a trade in the session or hold a position, by name.
    """

    account: str
    session: str
    state: TradingState
    realised_cents: Cents
    total_cents: Cents
    drawdown_cents: Cents
    trades: int
    reason: str = ""
    open_cents: Cents = 0
    strategies: tuple[StrategyDay, ...] = ()

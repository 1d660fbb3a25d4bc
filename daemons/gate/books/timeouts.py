"""Overdue orders: one that the venue has not acknowledged in time, an entry that works longer than it may, and a close of the kill
switch that has not filled.

None of it ends an order. An unanswered order stays in flight, because it may have arrived; it stops entries until the venue reports
on it. An entry that works too long is cancelled, and may still fill before the venue receives the cancel; the fill counts. Times
are market time; while the feed has stopped, the process around the gate counts the seconds (`Due`).
"""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.bus.messages import Action, CancelOrder
from tapewire.daemons.gate.books.orders import ACCEPTED, PARTIAL, PENDING, Order, Orders
from tapewire.daemons.settings.structs import Trading
from tapewire.strategies.clock import SECOND_NS

KILL = "KILL"  # the setup of a close that the kill switch ordered (daemons/gate/flatten.py)


def due_ns(orders: Orders, trading: Trading) -> int:
    """When the next order is overdue; 0 if none will be."""
    return min((each for order in _working(orders) if (each := _deadline(order, trading))), default=0)


def overdue(orders: Orders, trading: Trading, at_ns: int) -> list[Order]:
    """The orders that are overdue at this time and were not found overdue before, by instrument, oldest first."""
    return [order for order in _working(orders) if 0 < _deadline(order, trading) <= at_ns]


def found(orders: Orders, trading: Trading, at_ns: int) -> Iterator[tuple[str, str, CancelOrder | None]]:
    """Each order that is overdue, once: the alarm's name and text, and the command that cancels it, if it is to be cancelled."""
    for order in overdue(orders, trading, at_ns):
        if order.status is PENDING:
            order.unanswered = True
            yield "unanswered", f"the venue has not acknowledged {order.order_id}", None
        elif order.intent.action is Action.EXIT:
            order.unfilled = True
            text = f"{order.order_id} was accepted and has not closed {order.left} {order.instrument}; close it in NinjaTrader"
            yield "not_closed", text, None
        else:
            order.recalled = True
            yield "asked_back", f"{order.order_id} works beyond its validity; asked the venue to cancel it", recall(order)


def unanswered(orders: Orders) -> list[str]:
    """Ids of orders that were found unanswered and still are."""
    return [order.order_id for order in _working(orders) if order.unanswered and order.status is PENDING]


def recall(order: Order) -> CancelOrder:
    """The command that cancels a late entry."""
    return CancelOrder(f"{order.order_id}-T", order.account, order.instrument, order.order_id)


def _deadline(order: Order, trading: Trading) -> int:
    if order.status is PENDING and not order.unanswered:
        return order.at_ns + round(trading.answer_s * SECOND_NS)
    if order.entry and order.status in (ACCEPTED, PARTIAL) and not order.recalled:
        return order.intent.valid_until_ns + round(trading.cancel_s * SECOND_NS)
    if order.intent.setup == KILL and order.status in (ACCEPTED, PARTIAL) and not order.unfilled:
        return order.at_ns + round(trading.cancel_s * SECOND_NS)
    return 0


def _working(orders: Orders) -> Iterator[Order]:
    for instrument in orders.instruments:
        yield from orders.working(instrument)

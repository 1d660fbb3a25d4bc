"""What the venue lets pass: an order without any word on it, and an entry that works longer than it may.

Neither ends an order. One that is unanswered stays in flight, because it may have arrived; it stops entries until the venue says
what became of it. One that is too late is asked back, and may still fill before the venue has heard of that; the fill counts. Times
are market time; while the market is silent the process around the gate counts the seconds (`Due`).
"""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.bus.messages import CancelOrder
from tapewire.daemons.gate.books.orders import ACCEPTED, PARTIAL, PENDING, Order, Orders
from tapewire.daemons.settings.structs import Trading

SECOND_NS = 1_000_000_000


def due_ns(orders: Orders, trading: Trading) -> int:
    """When the next order is overdue; 0 if none will be."""
    return min((each for order in _working(orders) if (each := _deadline(order, trading))), default=0)


def overdue(orders: Orders, trading: Trading, at_ns: int) -> list[Order]:
    """The orders that are overdue at this time and have not been found so before, by instrument, oldest first."""
    return [order for order in _working(orders) if 0 < _deadline(order, trading) <= at_ns]


def unanswered(orders: Orders) -> list[str]:
    """Ids of orders that are known to be without an answer."""
    return [order.order_id for order in _working(orders) if order.unanswered and order.status is PENDING]


def recall(order: Order) -> CancelOrder:
    """The command that asks a late entry back."""
    return CancelOrder(f"{order.order_id}-T", order.account, order.instrument, order.order_id)


def _deadline(order: Order, trading: Trading) -> int:
    if order.status is PENDING and not order.unanswered:
        return order.at_ns + round(trading.answer_s * SECOND_NS)
    if order.entry and order.status in (ACCEPTED, PARTIAL) and not order.recalled:
        return order.intent.valid_until_ns + round(trading.cancel_s * SECOND_NS)
    return 0


def _working(orders: Orders) -> Iterator[Order]:
    for instrument in orders.asked:
        yield from orders.working(instrument)

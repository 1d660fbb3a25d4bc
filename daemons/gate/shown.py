"""What the gate shows of its books on its control port: for a person who wants to know his position, whatever the feed does."""

from __future__ import annotations

from typing import Any

from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import Orders
from tapewire.daemons.gate.books.reconcile import Disputes


def books(traded: tuple[str, ...], book: Ledger, orders: Orders, disputes: Disputes) -> dict[str, Any]:
    """Positions and working orders, as JSON can hold them.

    Returns:
        positions: of each traded instrument its quantity (signed), average price (None when flat) and, where the venue's last
        report differs, the venue's quantity (None where it does not). working: orders that have not ended, oldest first.
    """
    return {
        "positions": {
            name: {"qty": book.qty(name), "price": book.average(name), "venue_qty": disputes.held.get(name)} for name in traded
        },
        "working": [
            {
                "order_id": order.order_id,
                "instrument": name,
                "entry": order.entry,
                "status": order.status.value,
                "qty": order.qty,
                "filled": order.filled,
            }
            for name in traded
            for order in orders.working(name)
        ],
    }

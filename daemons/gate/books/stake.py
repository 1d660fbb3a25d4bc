"""The amount at stake: what the account loses if every open position and every entry in flight is stopped."""

from __future__ import annotations

from collections.abc import Mapping

from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import Orders
from tapewire.daemons.settings.structs import Instrument


def entry_cents(terms: Instrument, qty: int, entry: float, stop: float) -> int:
    """An entry of `qty` contracts at its stop, in cents: distance and both commissions. Slippage is not included."""
    return qty * (sizing.risk_cents(terms, entry, stop) + 2 * terms.commission_cents)


def at_stake_cents(instruments: Mapping[str, Instrument], book: Ledger, orders: Orders) -> int:
    """The same for every position that we opened, and for entries in flight, as if they were filled.

    A stop that has been moved beyond the entry costs nothing and is not counted as a gain either.
    """
    total = 0
    for name, terms in instruments.items():
        held, average, qty = orders.get(book.entry_id(name)), book.average(name), book.qty(name)
        if held is not None and held.stop is not None and average is not None:
            losing = (average - held.stop) * qty > 0
            total += entry_cents(terms, abs(qty), average, held.stop if losing else average)
        for order in orders.working(name):
            price = order.intent.entry if order.intent.limit is None else order.intent.limit
            if order.entry and price is not None and order.stop is not None:
                total += entry_cents(terms, order.left, price, order.stop)
    return total

"""The account at one moment, as its limits see it: orders in flight count as if they were filled, on the worse side.

So two entries in flight cannot pass a limit together, and a late venue message never allows what an early one would have forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import Order, Orders
from tapewire.daemons.gate.books.rates import Rates
from tapewire.daemons.settings.structs import Conf, RiskLimits


@dataclass(frozen=True, slots=True)
class Account:
    """Everything a limit may look at.

    session: the trade date of the request; now_ns: its market time. disputed: positions as the venue reported them on connecting,
    where our books differ. closes: the last close of each instrument that requests carried.
    """

    conf: Conf
    book: Ledger
    orders: Orders
    rates: Rates
    disputed: Mapping[str, int]
    closes: Mapping[str, float]
    session: str
    now_ns: int

    @property
    def limits(self) -> RiskLimits:
        return self.conf.preset.risk

    @property
    def realised_cents(self) -> int:
        """Net profit of the session's finished round turns."""
        return self.book.realised_cents(self.session)

    @property
    def open_cents(self) -> int:
        """Profit of open positions at the last closes, before commissions. One without a close counts 0."""
        return sum(self.book.open_cents(name, close) for name, close in self.closes.items())

    @property
    def worst_cents(self) -> int:
        """Open profit with every entry in flight filled at its price. One that would gain counts 0: it may never fill."""
        return self.open_cents + sum(
            min(0, self._entry_cents(name, order)) for name in self.closes for order in self.orders.working(name) if order.entry
        )

    @property
    def touched(self) -> set[str]:
        """Instruments that may have a position or an order in flight; the others have neither."""
        return {*self.book.held, *self.orders.instruments, *self.disputed}

    @property
    def unfinished_trades(self) -> int:
        """Open trades and possible new ones: positions, and entries of which nothing has filled."""
        count = 0
        for name in self.touched:
            entries = [order for order in self.orders.working(name) if order.entry]
            fresh = sum(order.filled == 0 for order in entries)
            count += fresh + (self.held(name) > 0 or fresh < len(entries))
        return count

    @property
    def exposed(self) -> set[str]:
        """Instruments with a position or an entry in flight."""
        return {name for name in self.touched if self.contracts(name)}

    def held(self, name: str) -> int:
        """Contracts of the open position: the larger of our books' quantity and the venue's."""
        return max(abs(self.book.qty(name)), abs(self.disputed.get(name, 0)))

    def contracts(self, name: str) -> int:
        """Contracts in an instrument: the position, and what entries in flight may still add."""
        return self.held(name) + sum(order.left for order in self.orders.working(name) if order.entry)

    @property
    def all_contracts(self) -> int:
        return sum(self.contracts(name) for name in self.touched)

    def _entry_cents(self, name: str, order: Order) -> int:
        entry = order.intent.entry if order.intent.limit is None else order.intent.limit
        if entry is None:
            return 0
        terms = self.conf.instruments[name]
        points = (self.closes[name] - entry) * order.direction
        return terms.cents(round(points / terms.tick) * order.left)

"""Venue messages, entered into orders and books: the half of the gate that decides nothing.

An order update moves the order's status. A fill also moves the position, whether or not an order of ours caused it, because the
account holds it. The venue resends both until they are acknowledged, and each counts once: the orders recognise an update by its
id, the books an execution. A message that contradicts our orders raises an alarm for a person; one that makes no sense is not
booked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.daemon import Output, Publish
from tapewire.bus.messages import AccountFigures, Execution, Hello, OrderUpdate, PositionChanged
from tapewire.daemons.gate import facts
from tapewire.daemons.gate.books.ledger import Ledger, Turn
from tapewire.daemons.gate.books.orders import CARRIED, TRIGGERS, Order, Orders, Trigger
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.external import inbox
from tapewire.daemons.gate.external.inbox import Inbox
from tapewire.daemons.gate.figures import Compared
from tapewire.daemons.gate.firm.program import ProgramAccount, cents
from tapewire.daemons.gate.observed import Observed
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.ticks import real
from tapewire.daemons.settings.structs import Conf


class Ended(NamedTuple):
    """A round turn has ended. session: the trade date that it counts for. cause: of its entry, "" if no order of ours opened it."""

    session: str
    cause: str


@dataclass(frozen=True, slots=True)
class Blotter:
    """Everything that venue messages change. The gate owns these parts, and decides by them."""

    conf: Conf
    clock: SessionClock
    observed: Observed
    orders: Orders
    book: Ledger
    disputes: Disputes
    program: ProgramAccount | None
    inbox: Inbox
    compared: Compared

    def hours(self, hello: Hello) -> list[Output]:
        """Compare the trading hours of the venue's charts with the calendar. What is new is an alarm."""
        calendars = {name: self.conf.calendar_of(name) for name in self.conf.traded}
        then = "no entries on that day until conf/calendar.toml says which holds"
        return [facts.alarm("calendar", f"{text}; {then}") for text in self.observed.hours(hello, calendars)]

    def accounts(self, figures: Iterable[AccountFigures], at_ns: int) -> list[Output]:
        """Compare the platform's figures of our account with the books, once there is a bar to date them by. at_ns: market time."""
        account = next((each for each in figures if each.name == self.conf.trading.account), None)
        if account is None or at_ns == 0:
            return []
        start = cents(self.conf.preset.risk.start)
        alarms = self.compared.report(
            account,
            self.conf.trading,
            realised_cents=self.book.realised_cents(self.clock.read(at_ns)[0].date),
            equity_cents=self.program.equity_cents if self.program else start + self.book.total_cents,
        )
        return [facts.alarm(*each) for each in alarms]

    def update(self, update: OrderUpdate) -> list[Output]:
        """Enter the venue's update of one of our orders. A duplicate is recognised by its id and publishes nothing."""
        if not self.orders.register(update.id):
            return []
        if self.orders.is_cancel(update.order_id):
            return []  # the cancel command itself; the venue reports the entry's fate under the entry's id
        order = self.orders.get(update.order_id)
        if order is None:
            return [facts.alarm("unknown_order", f"the venue reports {update.status} of {update.order_id}, which is not ours")]
        trigger = TRIGGERS.get(update.status)
        if trigger is Trigger.CARRY_OUT and not order.changes_position:
            entry = self.orders.get(order.intent.entry_id or self.book.entry_id(order.instrument))
            if entry is not None:
                entry.moved(update.stop, update.target)
        changed = order.apply(trigger) if trigger else None
        contradiction = f"{update.status} by the venue's update {update.id}"
        published: list[Output] = [*facts.advanced(order, changed, update.detail, contradiction)]
        if trigger in inbox.EVENTS and not order.filled and not (order.status is CARRIED and trigger is not Trigger.CARRY_OUT):
            published += self.inbox.venue_reported(order.order_id, inbox.EVENTS[trigger], update.detail)
        return published

    def execute(self, execution: Execution) -> tuple[list[Output], Ended | None]:
        """Book one fill, once. Returns what to publish, and the round turn that it ended. Fills of unknown orders count as well."""
        if self.book.seen(execution.id):
            return [], None
        name = execution.instrument
        if execution.account != self.conf.trading.account:
            text = f"execution {execution.id} is of account {execution.account!r}, which is not ours; it is not booked"
            return [facts.alarm("other_account", text)], None
        if name not in self.conf.instruments or execution.qty == 0 or not real(execution.price):
            text = f"execution {execution.id}: {execution.qty} {name} at {execution.price} cannot be booked"
            return [facts.alarm("bad_execution", text)], None
        self.observed.bar(name, execution.bar_index)
        order = None if execution.role == facts.FOREIGN else self.orders.get(execution.order_id)
        cause = order.cause if order else ""
        # A bracket names its entry too. But a stop that fills after the position was closed by hand opens a foreign position.
        opens = order is not None and order.entry and execution.role == facts.ENTRY
        turn = self.book.book(execution, *((order.order_id, order.intent.strategy) if order and opens else ()))
        if order is not None and opens:
            order.filled_at(self.book.average(name) or execution.price, self.conf.instruments[name].tick)
        outputs: list[Output] = []
        if order is not None and execution.role in (facts.ENTRY, facts.EXIT):
            outputs += facts.advanced(order, order.fill(execution.qty), "", f"filled by execution {execution.id}")
            outputs += self.inbox.venue_reported(order.order_id, inbox.SignalEvent.CONFIRM)
        position = PositionChanged(name, execution.account, self.book.qty(name), self.book.average(name))
        outputs.append(Publish(topics.of(topics.FILL, name), facts.fill(execution, ours=order is not None), cause))
        outputs.append(Publish(topics.of(topics.POSITION, name), position, cause))
        self.disputes.booked(name, execution.qty, self.book.qty(name))
        if turn is None:
            return outputs, None
        published, ended = self._end(turn, execution, order)
        return [*outputs, *published], ended

    def _end(self, turn: Turn, execution: Execution, order: Order | None) -> tuple[list[Output], Ended]:
        """Book the money of an ended round turn, and publish its trade where an entry of ours opened it."""
        name = execution.instrument
        entry = self.orders.get(turn.entry_id)
        session = entry.session if entry else self.clock.read(execution.bar_ns)[0].date
        money = self.book.realise(turn, name, session, execution.bar_ns)
        cause = entry.cause if entry else ""
        if self.program is not None:
            self.program.trade(name, session, turn.first_ns, execution.bar_ns, money[0] - money[1])
        outputs: list[Output] = [*facts.news(self.program)]
        if self.book.qty(name) == 0:
            for left in self.orders.working(name):
                if not left.entry:
                    outputs += facts.advanced(left, left.apply(Trigger.FLAT), "the position is gone", "")
                    outputs += self.inbox.venue_reported(left.order_id, inbox.SignalEvent.CONFIRM, "the position is gone")
        if entry is not None:
            trade = facts.trade(self.book, turn, entry, execution, order, money)
            outputs.append(Publish(topics.of(topics.TRADE, name), trade, cause))
        return outputs, Ended(session, cause)

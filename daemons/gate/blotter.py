"""The venue's words, into orders and books: the half of the gate that decides nothing.

A word on an order moves its status; a fill moves the position as well, whoever's it is, because that is the account's truth. Both
come until they are acknowledged, and count once: a word is known by its id at the orders, an execution at the books. What they say
against what we know is told to a person, and what makes no sense is not booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.daemon import Output, Publish
from tapewire.bus.messages import Execution, OrderUpdate, PositionChanged
from tapewire.daemons.gate import facts
from tapewire.daemons.gate.books.ledger import Ledger, Turn
from tapewire.daemons.gate.books.orders import WORDS, Order, Orders, Trigger
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.external import inbox
from tapewire.daemons.gate.external.inbox import Inbox
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.observed import Heard
from tapewire.daemons.market.clock import Clock
from tapewire.daemons.market.ticks import real
from tapewire.daemons.settings.structs import Conf


class Ended(NamedTuple):
    """A round turn is over. session: the trade date that it counts for. cause: of its entry, "" if none of ours opened it."""

    session: str
    cause: str


@dataclass(frozen=True, slots=True)
class Blotter:
    """Everything that the venue's words move; the gate owns it, and decides by it."""

    conf: Conf
    clock: Clock
    heard: Heard
    orders: Orders
    book: Ledger
    disputes: Disputes
    program: ProgramAccount | None
    inbox: Inbox

    def update(self, update: OrderUpdate) -> list[Output]:
        """The venue's word on one of our orders. A repeat is recognised by its id and says nothing new."""
        if not self.orders.hear(update.id):
            return []
        if self.orders.is_cancel(update.order_id):
            return []  # the cancel itself; what became of the entry is said under the entry's id
        order = self.orders.get(update.order_id)
        if order is None:
            return [facts.alarm("unknown_order", f"the venue says {update.status} of {update.order_id}, which is not ours")]
        trigger = WORDS.get(update.status)
        if trigger is Trigger.CARRY_OUT and not order.changes_position:
            entry = self.orders.get(order.intent.entry_id or self.book.entry_id(order.instrument))
            if entry is not None:
                entry.moved(update.stop, update.target)
        changed = order.apply(trigger) if trigger else None
        contradiction = f"{update.status} by the venue's update {update.id}"
        said: list[Output] = [*facts.advanced(order, changed, update.detail, contradiction)]
        if trigger in inbox.WORDS and not order.filled:
            said += self.inbox.heard(order.order_id, inbox.WORDS[trigger], update.detail)
        return said

    def execute(self, execution: Execution) -> tuple[list[Output], Ended | None]:
        """One fill, booked once: what is said of it, and the round turn that it ended. Fills of unknown orders count as well."""
        if self.book.seen(execution.id):
            return [], None
        name = execution.instrument
        if execution.account != self.conf.trading.account:
            text = f"execution {execution.id} is of account {execution.account!r}, which is not ours; it is not booked"
            return [facts.alarm("other_account", text)], None
        if name not in self.conf.instruments or execution.qty == 0 or not real(execution.price):
            text = f"execution {execution.id}: {execution.qty} {name} at {execution.price} cannot be booked"
            return [facts.alarm("bad_execution", text)], None
        self.heard.bar(name, execution.bar_index)
        order = None if execution.role == facts.FOREIGN else self.orders.get(execution.order_id)
        cause = order.cause if order else ""
        outputs: list[Output] = []
        if order is not None and execution.role in (facts.ENTRY, facts.EXIT):
            outputs += facts.advanced(order, order.fill(execution.qty), "", f"filled by execution {execution.id}")
            outputs += self.inbox.heard(order.order_id, inbox.Step.CONFIRM)
        # A bracket names its entry too, but a stop that fills after somebody closed by hand opens a position that is nobody's.
        opens = order is not None and order.entry and execution.role == facts.ENTRY
        turn = self.book.book(execution, *((order.order_id, order.intent.strategy) if order and opens else ()))
        position = PositionChanged(name, execution.account, self.book.qty(name), self.book.average(name))
        outputs.append(Publish(topics.of(topics.FILL, name), facts.fill(execution, ours=order is not None), cause))
        outputs.append(Publish(topics.of(topics.POSITION, name), position, cause))
        self.disputes.booked(name, execution.qty, self.book.qty(name))
        if turn is None:
            return outputs, None
        said, ended = self._end(turn, execution, order)
        return [*outputs, *said], ended

    def _end(self, turn: Turn, execution: Execution, order: Order | None) -> tuple[list[Output], Ended]:
        """A round turn has ended: its money, and the trade, where it was one of ours."""
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
        if entry is not None:
            trade = facts.trade(self.book, turn, entry, execution, order, money)
            outputs.append(Publish(topics.of(topics.TRADE, name), trade, cause))
        return outputs, Ended(session, cause)

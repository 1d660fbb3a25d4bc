"""Gate and venue over a bad link: with any message resent, late or traded by hand, the books are right and no order is sent twice.

The machine plays evaluator, market and link. Orders and venue messages wait in two queues, each in its own order, as the link's
numbering guarantees: a dropped frame waits, with all behind it, until it is resent. Bars pass while they wait, and any earlier
message may be resent at any time. Hellos overtake and trail the other messages. The gate dies and folds its log at any time.
"""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tapewire.bus.daemon import Command, Event, Output
from tapewire.bus.messages import (
    Action,
    Alarm,
    Arm,
    Body,
    CancelOrder,
    Decisions,
    Due,
    Execution,
    Header,
    Hello,
    Intent,
    Intents,
    Kill,
    LinkState,
    OrderUpdate,
    PlaceOrder,
    VenuePosition,
)
from tapewire.bus.testing import bar, eastern, intent
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.settings.structs import RiskLimits
from tapewire.replay.venue.core import Venue
from tests.gates import ACCOUNT, conf

MINUTE_NS = 60_000_000_000
TICK = 0.25
VENUE = "venue.MNQ."
CONF = conf(risk=RiskLimits(budget=4_000.0, risk_cap=8_000.0, day_loss=1e9, drawdown=1e9, max_trades=1_000, max_contracts=5))

ticks = st.integers(1, 60)


class GateAndVenue(RuleBasedStateMachine):
    """One instrument, one account. Prices walk in ticks around 21,000."""

    fill = "next_open"

    @initialize()
    def begin(self) -> None:
        self.gate = Gate(CONF)
        self.venue = Venue(CONF.instruments, ACCOUNT, self.fill)
        self.minutes = 0
        self.close = 21_000.0
        self.numbers = 0
        self.events: list[tuple[Event, list[Output]]] = []
        self.approved: set[str] = set()
        self.sent: Counter[str] = Counter()
        self.orders: list[Body] = []
        self.orders_at = 0
        self.cancels: Counter[str] = Counter()
        self.messages: list[Body] = []
        self.delivered = 0
        self.hellos: list[Hello] = []
        self.requests: list[Intents] = []
        self.executions: dict[str, Execution] = {}
        self.foreign = 0
        self.by_hand = False
        self.link_up = True
        self.entered = -1
        self.next_bar(0, 1, 1, 0)

    # --- the market -------------------------------------------------------------------------------------------------------

    @rule(gap=st.integers(-40, 40), up=ticks, down=ticks, body=st.integers(-20, 20))
    def next_bar(self, gap: int, up: int, down: int, body: int) -> None:
        """A minute passes; the venue fills its orders."""
        self.minutes += 1
        opened = self.close + gap * TICK
        self.close = opened + body * TICK
        high, low = max(opened, self.close) + up * TICK, min(opened, self.close) - down * TICK
        now_ns = eastern("09:30") + self.minutes * MINUTE_NS
        candle = bar("09:31", opened, self.close, high=high, low=low, index=self.minutes)
        self.messages += self.venue.on_bar(replace(candle, close_ns=now_ns))

    # --- the evaluator ------------------------------------------------------------------------------------------------------

    @rule(long=st.booleans(), stop=ticks, goal=st.none() | ticks)
    def ask_to_enter(self, long: bool, stop: int, goal: int | None) -> None:
        """A new entry at the last close. Approved exactly when we are flat with nothing in flight, on a bar that had none."""
        sign = 1 if long else -1
        free = self.gate.book.qty("MNQ") == 0 and not self.gate.orders.working("MNQ")
        free = free and self.link_up and self.entered != self.minutes and not self._disputed()
        wanted = self._intent(
            Action.ENTER_LONG if long else Action.ENTER_SHORT,
            entry=self.close,
            stop=self.close - sign * stop * TICK,
            target=None if goal is None else self.close + sign * goal * TICK,
        )

        assert self._ask(wanted) is free
        self.entered = self.minutes if free else self.entered

    @rule()
    def ask_to_exit(self) -> None:
        """Exits are never blocked: refused only when there is nothing to close, by our books or by the venue's report."""
        wanted = self._intent(Action.EXIT, reason="EOD", entry_id=self.gate.book.entry_id("MNQ"))

        assert self._ask(wanted) is self._open()

    @rule(distance=ticks)
    def ask_to_move(self, distance: int) -> None:
        """A stop somewhere on the losing side of the last close; only a tighter one passes."""
        qty = self.gate.book.qty("MNQ")
        stop = self.close - distance * TICK if qty > 0 else self.close + distance * TICK
        self._ask(self._intent(Action.MOVE_STOP, stop=stop, entry_id=self.gate.book.entry_id("MNQ")))

    @rule()
    def the_switch(self) -> None:
        """The kill switch goes on and off; entries of that moment are refused, exits are not."""
        self._step(Kill("a test"))
        assert not self._ask(self._intent(Action.ENTER_LONG, entry=self.close, stop=self.close - 5))
        assert self._ask(self._intent(Action.EXIT, reason="KILL")) is self._open()
        self._step(Arm("a test"))

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """An old request is resent: it never leads to a new order."""
        outputs = self._step(data.draw(st.sampled_from(self.requests)))

        assert not any(isinstance(output, Command) for output in outputs)

    # --- the link -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.orders_at < len(self.orders))
    @rule()
    def an_order_arrives(self) -> None:
        self.messages += self.venue.on_order(self.orders[self.orders_at])
        self.orders_at += 1

    @precondition(lambda self: self.orders_at)
    @rule(data=st.data())
    def an_order_arrives_again(self, data: st.DataObject) -> None:
        self.messages += self.venue.on_order(self.orders[data.draw(st.integers(0, self.orders_at - 1))])

    @precondition(lambda self: self.delivered < len(self.messages))
    @rule()
    def a_venue_message_arrives(self) -> None:
        self.delivered += 1
        self._deliver(self.delivered)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def a_venue_message_arrives_again(self, data: st.DataObject) -> None:
        """Duplicates give no outputs."""
        assert self._deliver(data.draw(st.integers(1, self.delivered))) == []

    @rule(up=st.booleans())
    def the_link_comes_and_goes(self, up: bool) -> None:
        """Without it there are no entries; exits wait for it in the outbox."""
        self.link_up = up
        self._step(LinkState(up))

    @rule(qty=st.sampled_from([-2, -1, 1, 2]))
    def a_person_trades_by_hand(self, qty: int) -> None:
        self.numbers += 1
        self.foreign += qty
        self.by_hand = True
        now_ns = self.venue.now_ns
        self.messages.append(
            Execution(f"HAND-{self.numbers}", "", ACCOUNT, "MNQ", qty, self.close, "FOREIGN", now_ns, self.minutes)
        )

    @rule()
    def the_venue_takes_a_snapshot(self) -> None:
        """It makes a Hello: its positions now, and the number of its last message. Some messages may still be pending."""
        stands = self.venue.position("MNQ")
        qty = stands.qty + self.foreign
        there = (VenuePosition("MNQ", replace(stands, qty=qty, price=stands.price or self.close)),) if qty else ()
        self.hellos.append(Hello("venue", "1", (ACCOUNT,), there, stands.working, {VENUE: (1, len(self.messages))}))

    @precondition(lambda self: self.hellos)
    @rule(data=st.data())
    def a_hello_arrives(self, data: st.DataObject) -> None:
        """Any of them, at any time: it never moves the books."""
        before = self.gate.book.qty("MNQ")
        self._step(self.hellos.pop(data.draw(st.integers(0, len(self.hellos) - 1))))
        self.link_up = True

        assert self.gate.book.qty("MNQ") == before

    @precondition(lambda self: self.gate.due_ns)
    @rule()
    def the_venue_is_silent_for_long(self) -> None:
        self._step(Due(self.gate.due_ns))

    @rule()
    def the_gate_dies(self) -> None:
        """And folds its log: the same events give the same outputs and the same gate."""
        self.gate = Gate(CONF)
        for event, outputs in self.events:
            assert list(self.gate.step(event)) == outputs

    # --- what always holds ----------------------------------------------------------------------------------------------------

    @invariant()
    def the_position_is_the_sum_of_the_fills(self) -> None:
        assert self.gate.book.qty("MNQ") == sum(execution.qty for execution in self.executions.values())

    @invariant()
    def every_order_was_approved_and_sent_once(self) -> None:
        assert set(self.sent) == self.approved
        assert all(count == 1 for count in (self.sent + self.cancels).values())

    @invariant()
    def the_venue_never_holds_more_than_one_entry(self) -> None:
        largest = max((order.qty for order in self.orders if isinstance(order, PlaceOrder)), default=0)
        assert abs(self.venue.position("MNQ").qty) <= largest

    def teardown(self) -> None:
        """When the link has caught up both sides agree; and the same events give the same gate again."""
        while self.orders_at < len(self.orders) or self.delivered < len(self.messages):
            if self.delivered < len(self.messages):
                self.a_venue_message_arrives()
            else:
                self.an_order_arrives()
        truth = self.venue.position("MNQ").qty + self.foreign
        assert self.gate.book.qty("MNQ") == truth
        assert self._disputed() in ({}, {"MNQ": truth})
        alarms = [output.body for _, outputs in self.events for output in outputs if isinstance(output.body, Alarm)]
        # A trade by hand in our position does contradict the status of our orders.
        assert {alarm.name for alarm in alarms} <= {"killed", "armed", "unanswered", "asked_back", "reconcile"} or self.by_hand
        self.the_gate_dies()

    # --- helpers of the machine -------------------------------------------------------------------------------------------------

    def _intent(self, action: Action, **fields: object) -> Intent:
        self.numbers += 1
        return intent(action, id=f"I-{self.numbers}", valid_until_ns=self.venue.now_ns + 2 * MINUTE_NS, **fields)

    def _ask(self, wanted: Intent) -> bool:
        request = Intents(f"Q-{wanted.id}", "MNQ", "2026-03-03", self.venue.now_ns, self.minutes, self.close, (wanted,))
        self.requests.append(request)
        outputs = self._step(request)
        (answer,) = (output.body for output in outputs if isinstance(output.body, Decisions))
        (decision,) = answer.decisions
        if decision.approved:
            self.approved.add(decision.order_id)
        return decision.approved

    def _open(self) -> bool:
        return bool(self._disputed().get("MNQ") or self.gate.book.qty("MNQ"))

    def _disputed(self) -> dict[str, int]:
        return dict(self.gate.account("").disputed)

    def _deliver(self, number: int) -> list[Output]:
        message = self.messages[number - 1]
        assert isinstance(message, Execution | OrderUpdate)
        if isinstance(message, Execution):
            self.executions.setdefault(message.id, message)
        return self._step(message, VENUE, number)

    def _step(self, body: Body, topic: str = "test.", number: int = 0) -> list[Output]:
        header = Header(1, "test", 1, number or len(self.events) + 1, self.venue.now_ns)
        event = Event(topic, header, body, "evaluator")
        outputs = list(self.gate.step(event))
        self.events.append((event, outputs))
        for output in outputs:
            if isinstance(output, Command):
                counter = self.cancels if isinstance(output.body, CancelOrder) else self.sent
                counter[output.body.id] += 1  # type: ignore[union-attr]
                self.orders.append(output.body)
        return outputs


class GateAndVenueAtTheClose(GateAndVenue):
    """The same with fills at the close of the deciding bar: fills arrive with the acceptance, before any bar."""

    fill = "close"


TestNextOpen = GateAndVenue.TestCase
TestNextOpen.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, print_blob=True)
TestAtTheClose = GateAndVenueAtTheClose.TestCase
TestAtTheClose.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, print_blob=True)

"""Limits against orders in flight: orders fill in parts, late or never, the gate dies or begins anew, and all limits hold.

The machine plays evaluator and venue for three instruments of one account that may add to its positions. It keeps its own count
of contracts, trades, orders and money, from the messages of both sides. It does not play a fill after a confirmed cancel:
that race is at the exchange, and no limit can be held against it.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tapewire.bus.daemon import Command, Event, Output
from tapewire.bus.messages import (
    Action,
    Body,
    ClosePosition,
    Decisions,
    Execution,
    Header,
    Intents,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
)
from tapewire.bus.testing import DAY, eastern, intent
from tapewire.daemons.gate import state
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.settings.structs import RiskLimits
from tests.gates import ACCOUNT, conf

MINUTE_NS = 60_000_000_000
CLOSES = {"MNQ": 21_000.0, "MES": 6_000.0, "MYM": 42_000.0}
LIMITS = RiskLimits(
    budget=400.0,
    risk_cap=800.0,
    max_contracts=4,
    instrument_contracts=6,
    account_contracts=9,
    max_positions=2,
    max_trades=4,
    trade_risk=600.0,
    day_loss=150.0,
    orders_per_second=3,
    orders_per_minute=4,
    orders_per_day=12,
    loosened=("one_position", "one_entry_per_bar"),
)
CONF = conf(risk=LIMITS, traded=tuple(CLOSES))

instruments = st.sampled_from(sorted(CLOSES))


class Sent:
    """An entry as the venue holds it: contracts that may still fill, and contracts that have."""

    def __init__(self, order: PlaceOrder) -> None:
        self.order = order
        self.side = 1 if order.action is Action.ENTER_LONG else -1
        self.left = order.qty
        self.filled = 0


class LimitsHold(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.gate = Gate(CONF)
        self.events: list[tuple[Event, list[Output]]] = []
        self.now_ns = eastern("09:31")
        self.numbers = 0
        self.entries: dict[str, Sent] = {}
        self.exits: list[ClosePosition] = []
        self.position = dict.fromkeys(CLOSES, 0)
        self.sent_ns: list[int] = []
        self.closed = 0

    # --- the evaluator --------------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([0, 0, 1, 1, 5]))
    def time_passes(self, minutes: int) -> None:
        self.now_ns += minutes * MINUTE_NS + 300_000_000

    @rule(name=instruments, wanted=st.lists(st.tuples(st.booleans(), st.integers(4, 1_200)), min_size=1, max_size=3))
    def ask_to_enter(self, name: str, wanted: list[tuple[bool, int]]) -> None:
        """One to three entries on one bar, with stops near and far."""
        tick, close = CONF.instruments[name].tick, CLOSES[name]
        intents = []
        for long, ticks in wanted:
            self.numbers += 1
            side = 1 if long else -1
            intents.append(
                intent(
                    Action.ENTER_LONG if long else Action.ENTER_SHORT,
                    id=f"{name}-{self.numbers}",
                    entry=close,
                    stop=close - side * ticks * tick,
                    target=None,
                    valid_until_ns=self.now_ns + MINUTE_NS,
                )
            )
        realised = self.gate.book.realised_cents(DAY)
        approved = self._ask(name, *intents)

        if approved:
            assert realised > -15_000
            assert sum(at > self.now_ns - 1_000_000_000 for at in self.sent_ns) <= 3
            assert sum(at > self.now_ns - MINUTE_NS for at in self.sent_ns) <= 4
            assert len(self.sent_ns) <= 12

    @rule(name=instruments)
    def ask_to_exit(self, name: str) -> None:
        """Never refused while a position is open, whatever limit is reached."""
        self.numbers += 1
        command = intent(Action.EXIT, id=f"{name}-{self.numbers}", reason="EOD")

        assert self._ask(name, command) is (self.position[name] != 0)

    # --- the venue --------------------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(sent.left for sent in self.entries.values()))
    @rule(data=st.data())
    def an_entry_fills(self, data: st.DataObject) -> None:
        """All of it or a part."""
        sent = data.draw(st.sampled_from([each for each in self.entries.values() if each.left]))
        qty = data.draw(st.integers(1, sent.left))
        sent.left -= qty
        sent.filled += qty
        self._execute(sent.order.id, sent.order.instrument, sent.side * qty, CLOSES[sent.order.instrument], "ENTRY")

    @precondition(lambda self: any(sent.left for sent in self.entries.values()))
    @rule(data=st.data(), status=st.sampled_from([OrderStatus.ACCEPTED, OrderStatus.CANCELLED, OrderStatus.REJECTED]))
    def the_venue_answers(self, data: st.DataObject, status: OrderStatus) -> None:
        """An acknowledgement changes nothing; a cancel or a rejection ends the unfilled rest."""
        sent = data.draw(st.sampled_from([each for each in self.entries.values() if each.left]))
        self._answer(sent, status)

    @precondition(lambda self: any(self.position.values()))
    @rule(data=st.data(), ticks=st.integers(-200, 200))
    def a_bracket_ends_a_position(self, data: st.DataObject, ticks: int) -> None:
        """At any price. The unfilled rest of its entry ends with it."""
        name = data.draw(st.sampled_from([each for each, qty in self.position.items() if qty]))
        self._cancel_rest(name)
        price = CLOSES[name] + ticks * CONF.instruments[name].tick
        self._execute(self.gate.book.entry_id(name), name, -self.position[name], price, "STOP")

    @precondition(lambda self: self.exits)
    @rule()
    def an_exit_fills(self) -> None:
        """Or finds nothing left to close. The unfilled rest of the entry ends with it, as `ClosePosition` asks."""
        command = self.exits.pop(0)
        if self.position[command.instrument]:
            self._cancel_rest(command.instrument)
            self._execute(command.id, command.instrument, -self.position[command.instrument], CLOSES[command.instrument], "EXIT")

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def any_event_is_resent(self, data: st.DataObject) -> None:
        """A duplicate request or venue message leads to no order."""
        event, _ = data.draw(st.sampled_from(self.events))

        assert not any(isinstance(output, Command) for output in self._step(event.body))

    # --- a crash ----------------------------------------------------------------------------------------------------

    @rule()
    def the_gate_dies(self) -> None:
        """And folds its log: it gives the same outputs again, and goes on without a difference."""
        self.gate = Gate(CONF)
        for event, outputs in self.events:
            assert list(self.gate.step(event)) == outputs

    @rule()
    def a_new_epoch_begins(self) -> None:
        """With the gate's state, and nothing else."""
        self.gate, findings = Gate.restored(CONF, state.decode(state.encode(self.gate.snapshot())))

        assert findings == []

    # --- what always holds --------------------------------------------------------------------------------------------------------

    @invariant()
    def no_limit_on_contracts_can_be_passed_by_any_fill(self) -> None:
        at_most = {name: abs(qty) for name, qty in self.position.items()}
        for sent in self.entries.values():
            at_most[sent.order.instrument] += sent.left
        assert all(contracts <= 6 for contracts in at_most.values())
        assert sum(at_most.values()) <= 9
        assert sum(contracts > 0 for contracts in at_most.values()) <= 2

    @invariant()
    def no_more_trades_than_allowed_can_come_of_it(self) -> None:
        fresh = sum(sent.left > 0 and not sent.filled for sent in self.entries.values())
        assert self.closed + sum(qty != 0 for qty in self.position.values()) + fresh <= 4

    @invariant()
    def no_entry_risks_more_than_it_may(self) -> None:
        for sent in self.entries.values():
            terms = CONF.instruments[sent.order.instrument]
            ticks = abs(CLOSES[sent.order.instrument] - sent.order.stop) / terms.tick
            assert sent.order.qty <= 4
            assert terms.cents(sent.order.qty * ticks) <= 60_000

    @invariant()
    def the_books_agree_with_the_venue(self) -> None:
        assert {name: self.gate.book.qty(name) for name in CLOSES} == self.position

    # --- helpers of the machine ------------------------------------------------------------------------------------------

    def _ask(self, name: str, *wanted: object) -> bool:
        """Whether any of these was approved."""
        self.numbers += 1
        request = Intents(f"Q-{self.numbers}", name, DAY, self.now_ns, self.numbers, CLOSES[name], wanted)  # type: ignore[arg-type]
        outputs = self._step(request)
        (answer,) = (output.body for output in outputs if isinstance(output.body, Decisions))
        return any(decision.approved for decision in answer.decisions)

    def _execute(self, order_id: str, name: str, qty: int, price: float, role: str) -> None:
        self.numbers += 1
        was = self.position[name]
        self.position[name] += qty
        self.closed += was != 0 and self.position[name] == 0
        self._step(Execution(f"E-{self.numbers}", order_id, ACCOUNT, name, qty, price, role, self.now_ns, self.numbers))

    def _cancel_rest(self, name: str) -> None:
        for sent in self.entries.values():
            if sent.order.instrument == name and sent.filled and sent.left:
                self._answer(sent, OrderStatus.CANCELLED)

    def _answer(self, sent: Sent, status: OrderStatus) -> None:
        self.numbers += 1
        if status is not OrderStatus.ACCEPTED:
            sent.left = 0
        self._step(OrderUpdate(f"U-{self.numbers}", sent.order.id, sent.order.instrument, status))

    def _step(self, body: Body) -> list[Output]:
        event = Event("test.", Header(1, "test", 1, len(self.events) + 1, self.now_ns), body, "evaluator")
        outputs = list(self.gate.step(event))
        self.events.append((event, outputs))
        for output in outputs:
            if isinstance(output, Command):
                self.sent_ns.append(self.now_ns)
                if isinstance(output.body, PlaceOrder):
                    self.entries[output.body.id] = Sent(output.body)
                elif isinstance(output.body, ClosePosition):
                    self.exits.append(output.body)
        return outputs


TestLimitsHold = LimitsHold.TestCase
TestLimitsHold.settings = settings(max_examples=100, stateful_step_count=60, deadline=None, print_blob=True)

"""A gate that goes on from a snapshot gives the same outputs as the one that went on itself, to any later event.

The machine sends a gate every kind of event that its process may hand it: requests, venue messages in any order and more than once,
snapshots of the venue, connections, bars, external signals, the operator's commands. At any point a twin is made of the gate's
state, as bytes, and from then on both receive the same events.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Event, Output, Reply
from tapewire.bus.messages import (
    Action,
    Arm,
    Body,
    Due,
    Execution,
    ExternalSignal,
    Header,
    Hello,
    Intent,
    Intents,
    Kill,
    LinkState,
    OrderStatus,
    OrderUpdate,
    Position,
    VenuePosition,
)
from tapewire.bus.testing import bar, eastern, intent, session
from tapewire.daemons.gate import state
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.gate.state import GateState
from tapewire.daemons.settings.programs import Consistency, DailyLoss, Evaluation, Funded, Payouts, Trailing
from tapewire.daemons.settings.structs import Ingress, LossStreak, RiskLimits
from tests.gates import ACCOUNT, conf
from tests.programs import bare

MINUTE_NS = 60_000_000_000
DAYS = tuple(f"2026-03-{day:02}" for day in range(2, 28))
CLOSES = {"MNQ": 21_000.0, "MES": 6_000.0}
LIMITS = RiskLimits(
    contracts=2,
    max_trades=6,
    day_loss=400.0,
    feed_age_s=600.0,
    loss_streak=LossStreak(losses=2, cooldown_min=5),
    orders_per_minute=5,
    orders_per_day=20,
    loosened=("one_position", "one_entry_per_bar"),
)
PROGRAM = bare(
    Evaluation(target=100.0, trailing=Trailing(distance=900.0, mode="intraday"), daily_loss=DailyLoss(limit=300.0, breach="pause")),
    Funded(payouts=Payouts(days=1, day_profit=1.0, share=0.5, cap=100.0, live_after=2)),
    consistency=Consistency(share=0.9),
)
CONF = conf(risk=LIMITS, traded=tuple(CLOSES), ingress=Ingress(enabled=True))

names = st.sampled_from(sorted(CLOSES))
ticks = st.integers(-80, 80)
few = st.integers(1, 3)


class Twins(RuleBasedStateMachine):
    """Two instruments, one account, and a gate with its twins."""

    conf = CONF

    @initialize(days=st.lists(st.integers(-60, 80), max_size=6))
    def begin(self, days: list[int]) -> None:
        """After some days with a trade each, which is where programs pass, pay and fail."""
        self.gate = Gate(self.conf)
        self.twins: list[Gate] = []
        self.pictures: list[tuple[GateState, bytes]] = []
        self.earlier: list[Event] = []
        self.day = 0
        self.now_ns = eastern("09:31", DAYS[0])
        self.numbers = 0
        for up in days:
            self.a_trade_opens_and_closes("MNQ", True, up)
            self.the_next_day_begins()

    # --- the twin -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.twins) < 3)
    @rule()
    def a_twin_is_made(self) -> None:
        """From bytes, under the same settings; there is no finding."""
        picture = self.gate.snapshot()
        data = state.encode(picture)
        read = state.decode(data)
        twin, findings = Gate.restored(self.conf, read)

        assert findings == []
        assert state.encode(twin.snapshot()) == data
        self.twins.append(twin)
        self.pictures += [(picture, data), (read, data)]

    # --- time, and the market -------------------------------------------------------------------------------------------------

    @rule(minutes=few)
    def time_passes(self, minutes: int) -> None:
        self.now_ns += minutes * MINUTE_NS

    @precondition(lambda self: self.day + 1 < len(DAYS))
    @rule()
    def the_next_day_begins(self) -> None:
        self.day += 1
        self.now_ns = eastern("09:31", DAYS[self.day])

    @rule(name=names, up=ticks, held=st.booleans())
    def a_bar_closes(self, name: str, up: int, held: bool) -> None:
        """With the venue's position, and then as the tracker's session of it."""
        close = self._price(name, up)
        book = self.gate.book
        position = Position(ACCOUNT, book.qty(name), book.average(name)) if held else None
        candle = bar("09:31", close, day=DAYS[self.day], instrument=name, high=close + 5, low=close - 5, position=position)
        candle = replace(candle, close_ns=self.now_ns)
        self._step(candle)
        self._step(session("09:31", day=DAYS[self.day], bar=candle))

    # --- the evaluator, and external clients --------------------------------------------------------------------------------

    @rule(name=names | st.just("XYZ"), wanted=st.lists(st.tuples(st.booleans(), st.integers(-5, 60)), max_size=2), up=ticks)
    def the_evaluator_requests_an_entry(self, name: str, wanted: list[tuple[bool, int]], up: int) -> None:
        close = self._price(name, up)
        self._ask(name, close, *(self._entry(close, long, distance) for long, distance in wanted))

    @rule(name=names, odd=st.sampled_from([float("nan"), float("inf"), 1e300, 0.1]), close=st.booleans())
    def the_evaluator_requests_an_odd_price(self, name: str, odd: float, close: bool) -> None:
        self._ask(name, odd if close else CLOSES[name], self._intent(Action.ENTER_LONG, entry=CLOSES[name], stop=odd))

    @rule(name=names)
    def the_evaluator_requests_an_exit(self, name: str) -> None:
        self._ask(name, CLOSES[name], self._intent(Action.EXIT, reason="EOD", entry_id=self.gate.book.entry_id(name)))

    @rule(name=names, distance=ticks, stop=st.booleans())
    def the_evaluator_requests_a_move(self, name: str, distance: int, stop: bool) -> None:
        price = {"stop" if stop else "target": self._price(name, distance)}
        action = Action.MOVE_STOP if stop else Action.MOVE_TARGET
        self._ask(name, CLOSES[name], self._intent(action, entry_id=self.gate.book.entry_id(name), **price))

    @rule(name=names, buy=st.booleans(), number=few, ttl_s=st.sampled_from([1, 90, 300]))
    def a_client_sends_a_signal(self, name: str, buy: bool, number: int, ttl_s: int) -> None:
        """After a bar; with one of few request ids, so that the same one repeats. The third sender gives none."""
        self.a_bar_closes(name, 0, held=False)
        fields: dict[str, Any] = {"action": "buy" if buy else "sell", "instrument": name, "price": CLOSES[name]}
        fields |= {"tp_points": 40, "sl_points": 20, "ttl_s": ttl_s}
        self._step(ExternalSignal(fields if number == 3 else {**fields, "request_id": f"R-{number}"}), event_ns=self.now_ns)

    # --- the venue --------------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._orders())
    @rule(
        data=st.data(),
        status=st.sampled_from([OrderStatus.ACCEPTED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.DONE]),
        stop=st.none() | ticks,
    )
    def the_venue_updates_an_order(self, data: st.DataObject, status: OrderStatus, stop: int | None) -> None:
        order_id, name = data.draw(st.sampled_from(self._orders()))
        price = None if stop is None else self._price(name, stop)
        self._step(OrderUpdate(self._id("U"), order_id, name, status, stop=price, detail="so it is"))

    @precondition(lambda self: self._orders())
    @rule(data=st.data(), qty=few, up=ticks, role=st.sampled_from(["ENTRY", "ENTRY", "EXIT", "STOP", "TARGET"]))
    def an_order_fills(self, data: st.DataObject, qty: int, up: int, role: str) -> None:
        """In parts, twice, or too much; a bracket by the id of its entry."""
        order_id, name = data.draw(st.sampled_from(self._orders()))
        order = self.gate.orders.get(order_id)
        assert order is not None
        side = order.direction if order.entry and role == "ENTRY" else -order.direction
        self._fill(order_id, name, side * qty, self._price(name, up), role)

    @rule(name=names, long=st.booleans(), up=ticks)
    def a_trade_opens_and_closes(self, name: str, long: bool, up: int) -> None:
        """Where no check refuses it; many of them make streaks, days, payouts and an end of the program."""
        self.time_passes(1)
        wanted = self._entry(CLOSES[name], long, 10)
        self._ask(name, CLOSES[name], wanted)
        order = self.gate.orders.get(wanted.id)
        if order is not None:
            self._fill(wanted.id, name, order.direction * order.qty, CLOSES[name], "ENTRY")
            self.all_is_closed(name, up)

    @rule(name=names, qty=st.integers(-3, 3), up=ticks)
    def a_person_trades_by_hand(self, name: str, qty: int, up: int) -> None:
        self._fill("", name, qty, self._price(name, up), "FOREIGN")

    @rule(name=names, up=ticks)
    def all_is_closed(self, name: str, up: int) -> None:
        """By the bracket of the entry that opened it: this makes round turns, and with them money, days and programs."""
        qty = self.gate.book.qty(name)
        if qty:
            self._fill(self.gate.book.entry_id(name), name, -qty, self._price(name, up), "STOP")

    @rule(qty=st.dictionaries(names, st.integers(-2, 2)), honest=st.booleans(), there=st.booleans(), late=st.booleans())
    def the_venue_sends_a_hello(self, qty: dict[str, int], honest: bool, there: bool, late: bool) -> None:
        """With its true positions, or with others."""
        positions = tuple(
            VenuePosition(name, Position(ACCOUNT, self.gate.book.qty(name) if honest else qty[name], CLOSES[name])) for name in qty
        )
        words = {topics.of(topics.VENUE, name): (1, 1 if late else 10_000) for name in qty}
        accounts = (ACCOUNT,) if there else ("another",)
        self._step(Hello("nt", "8", accounts, positions, words=words), topic="venue.", event_ns=self.now_ns)

    @precondition(lambda self: self.earlier)
    @rule(data=st.data())
    def an_event_is_resent(self, data: st.DataObject) -> None:
        self._deliver(data.draw(st.sampled_from(self.earlier)))

    # --- around it --------------------------------------------------------------------------------------------------------------

    @rule(up=st.booleans(), of=st.sampled_from(["venue", "journal"]))
    def a_connection_comes_or_goes(self, up: bool, of: str) -> None:
        self._step(LinkState(up, "so it is", of), topic="venue.link.")

    @rule()
    def a_time_out_is_over(self) -> None:
        self._step(Due(self.gate.due_ns or self.now_ns), topic="due.")

    @rule(flatten=st.booleans())
    def the_operator_kills(self, flatten: bool) -> None:
        self._step(Kill("anna", flatten), topic="operator.word.", event_ns=self.now_ns)

    @rule()
    def the_operator_arms(self) -> None:
        self._step(Arm("anna"), topic="operator.word.", event_ns=self.now_ns)

    @rule()
    def all_is_well_again(self) -> None:
        """Connections are up, the venue has the account and stands where we do, orders are answered, the switch is released."""
        for of in ("venue", "journal"):
            self.a_connection_comes_or_goes(True, of)
        self.the_venue_sends_a_hello(dict.fromkeys(CLOSES, 0), honest=True, there=True, late=False)
        for order in self.gate.orders.snapshot().placed:
            if order.status is OrderStatus.PENDING:
                self._step(OrderUpdate(self._id("U"), order.order_id, order.instrument, OrderStatus.CANCELLED))
        self.the_operator_arms()

    def teardown(self) -> None:
        """All states are equal in the end, and no snapshot has changed since it was taken."""
        now = state.encode(self.gate.snapshot())
        for twin in self.twins:
            assert state.encode(twin.snapshot()) == now
        for picture, data in self.pictures:
            assert state.encode(picture) == data

    # --- helpers of the machine --------------------------------------------------------------------------------------------

    def _orders(self) -> list[tuple[str, str]]:
        """The last few orders, with their instruments."""
        return [(order.order_id, order.instrument) for order in self.gate.orders.snapshot().placed[-4:]]

    def _id(self, kind: str) -> str:
        self.numbers += 1
        return f"{kind}-{self.numbers}"

    def _price(self, name: str, up: int) -> float:
        tick = self.conf.instruments[name].tick if name in CLOSES else 0.25
        return CLOSES.get(name, 100.0) + up * tick

    def _intent(self, action: Action, **fields: Any) -> Intent:
        return intent(action, id=self._id("I"), valid_until_ns=self.now_ns + MINUTE_NS, **fields)

    def _entry(self, close: float, long: bool, distance: int) -> Intent:
        side = 1 if long else -1
        action = Action.ENTER_LONG if long else Action.ENTER_SHORT
        return self._intent(action, entry=close, stop=close - side * distance, target=close + side * distance * 2)

    def _ask(self, name: str, close: float, *wanted: Intent) -> None:
        self._step(Intents(self._id("Q"), name, DAYS[self.day], self.now_ns, self.numbers, close, wanted))

    def _fill(self, order_id: str, name: str, qty: int, price: float, role: str) -> None:
        self._step(Execution(self._id("E"), order_id, ACCOUNT, name, qty, price, role, self.now_ns, self.numbers))

    def _step(self, body: Body, *, topic: str = "", event_ns: int | None = None) -> None:
        self.numbers += 1
        at_ns = self.now_ns if event_ns is None else event_ns
        where = topic or topics.of(topics.VENUE, getattr(body, "instrument", "MNQ"))
        event = Event(where, Header(1, "test", 1, self.numbers, at_ns), body, "a client")
        self.earlier.append(event)
        self._deliver(event)

    def _deliver(self, event: Event) -> None:
        """Every gate receives its own decoded copy, and all give the same outputs to the byte."""
        frame = wire.encode(event.header, event.body)
        first, *others = (
            frames(gate.step(Event(event.topic, *wire.decode(frame), event.sender)), event) for gate in (self.gate, *self.twins)
        )

        assert all(other == first for other in others)
        assert {twin.due_ns for twin in self.twins} <= {self.gate.due_ns}


def frames(step: Any, event: Event) -> list[tuple[str, str, bytes]]:
    """The outputs as they are sent: kind, topic and bytes of each."""
    outputs: list[Output] = list(step)
    return [
        (
            type(each).__name__,
            each.topic,
            wire.encode(Header(1, "gate", 1, 1, 0, "" if isinstance(each, Reply) else each.cause or event.ref), each.body),
        )
        for each in outputs
    ]


class TwinsInAProgram(Twins):
    """The same with an account in a prop firm's program that looks at every bar."""

    conf = conf(risk=LIMITS, traded=tuple(CLOSES), ingress=Ingress(enabled=True), program=PROGRAM)


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=150, stateful_step_count=50, deadline=None, print_blob=True)
TestTwinsInAProgram = TwinsInAProgram.TestCase
TestTwinsInAProgram.settings = settings(max_examples=150, stateful_step_count=50, deadline=None, print_blob=True)

"""External signals: their fields, which of them are duplicates, and the states of one in the gate.

One request, the source's, is of ES at 4500.25; the rest is MNQ at 21,000, where the last bar has closed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Command, Output, Reply
from tapewire.bus.messages import (
    ExternalAnswer,
    ExternalSignal,
    IngressError,
    IngressEvent,
    IngressState,
    Kill,
    LinkState,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Reason,
    Reject,
    Signal,
)
from tapewire.bus.testing import bar, eastern, event, intent, session
from tapewire.daemons.gate.core import Gate, daemon
from tapewire.daemons.gate.external import inbox, ingress
from tapewire.daemons.gate.external.ingress import Refusal, TradeRequest
from tapewire.daemons.settings.structs import Conf, Ingress, RiskLimits, Trading
from tests.gates import ACCOUNT, Desk, conf

SECOND_NS = 1_000_000_000
TODAY = dt.date(2026, 3, 3)
SEED = {"action": "buy", "instrument": "ES 03-25", "price": 4500.25, "tp_points": 20, "sl_points": 10}
ASK = topics.of(topics.INGRESS, "ask")
BUY = {"action": "buy", "instrument": "MNQ", "price": 21_000.0, "tp_points": 40, "sl_points": 20}
FKS = {"symbol": "MNQ", "side": "SHORT", "strength": 0.8, "timestamp": 1_772_553_660, "strategy": "Breakout"}
PRICES = {"price": 21_000, "tp_points": 40, "sl_points": 20}


def taking(**changes: Any) -> Conf:
    """A configuration that takes signals, of MNQ and ES."""
    risk = RiskLimits(contracts=1, loosened=("one_entry_per_bar",))
    return conf(**{"ingress": Ingress(enabled=True), "traded": ("MNQ", "ES"), "risk": risk, **changes})


class Outside(Desk):
    """A gate that takes signals and has seen the bar of 11:00, and a sender with a clock in seconds after it."""

    def __init__(self, settings: Conf | None = None, *instruments: str) -> None:
        super().__init__(settings or taking())
        for name in instruments or ("MNQ",):
            self.session("11:00", instrument=name)

    def session(self, at: str, instrument: str = "MNQ") -> Sequence[Output]:
        return self.step(session(at, bar=bar(at, 21_000.0, instrument=instrument, index=90)))

    def send(self, fields: dict[str, Any], after_s: float = 1.0) -> ExternalAnswer:
        self.events += 1
        now_ns = eastern("11:00") + round(after_s * SECOND_NS)
        outputs = self.gate.step(
            event(
                ExternalSignal(fields), topic=topics.of(topics.INGRESS, "ask"), seq=self.events, event_ns=now_ns, sender="a client"
            ),
        )
        self.outputs += outputs
        (answer,) = (output.body for output in outputs if isinstance(output, Reply))
        assert isinstance(answer, ExternalAnswer)
        return answer

    @property
    def states(self) -> list[IngressState]:
        return [each.state for each in self.bodies(IngressEvent)]


# --- what a signal must look like -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        ({"action": "hold"}, "action", "'hold' is none of the words buy, long, sell, short, cover, close, move"),
        ({"action": 1}, "action", "1 is none of the words"),
        ({"action": None}, "action", "None is none of the words"),
        ({"instrument": "NQM"}, "instrument", "did you mean 'MNQ'?"),
        ({"instrument": "MNQ 13-25"}, "instrument", "'MNQ 13-25' is not traded here"),
        ({"instrument": "CL"}, "instrument", "traded: MNQ, ES"),
        ({"instrument": ["MNQ"]}, "instrument", "['MNQ'] is not traded here"),
        ({"price": "21000"}, "price", "'21000' is not a number"),
        ({"price": True}, "price", "True is not a number"),
        ({"price": float("nan")}, "price", "nan is no price"),
        ({"price": float("inf")}, "price", "inf is no price"),
        ({"price": -21_000.0}, "price", "positive"),
        ({"price": 0}, "price", "positive"),
        ({"price": 21_000.1}, "price", "not a multiple of the tick 0.25"),
        ({"tp_points": 20.0}, "tp_points", "20.0 is not a whole number of points"),
        ({"tp_points": 0}, "tp_points", "at least 1 and at most 200"),
        ({"tp_points": 201}, "tp_points", "at least 1 and at most 200 (conf [ingress] max_tp_points)"),
        ({"sl_points": -5}, "sl_points", "at least 1 and at most 100"),
        ({"sl_points": 101}, "sl_points", "at most 100"),
        ({"sl_points": False}, "sl_points", "not a whole number of points"),
        ({"price": 5.0}, "tp_points", "40 points lead from 5.0 to a price that does not exist"),
        ({"request_id": ""}, "request_id", "text of 1 to 50"),
        ({"request_id": 7}, "request_id", "7 is not a text"),
        ({"ttl_s": 0}, "ttl_s", "seconds above 0 and up to 300"),
        ({"ttl_s": "soon"}, "ttl_s", "'soon' is not a number"),
        ({"account": "Sim999"}, "account", f"leave it out, or write {ACCOUNT}"),
        ({"strategy": "Pipeline"}, "strategy", "without the account's daily limits"),
        ({"strategy": "a\nb"}, "strategy", "printable"),
        ({"meta": [1]}, "meta", "not a map"),
        ({"meta": {"blob": b"x" * 70_000}}, "meta", "at most 65536; meta is the largest field"),
        ({"sl_point": 20}, "sl_point", "unknown field (did you mean 'sl_points'?)"),
        ({"side": "LONG"}, "action", "unknown field"),
    ],
)
def test_a_bad_field_is_named(changes: dict[str, Any], field: str, error: str) -> None:
    """The reply names the wrong field, its value and the remedy; nothing enters the queue."""
    desk = Outside(taking(trading=Trading(enabled=True, account=ACCOUNT, unlimited=("Pipeline",))))

    answer = desk.send({**BUY, **changes})

    assert (answer.success, answer.error, answer.field) == (False, IngressError.INVALID, field)
    assert answer.message.startswith(f"{field}: ")
    assert error in answer.message
    assert desk.states == []


@pytest.mark.parametrize("field", BUY)
def test_a_missing_field_is_named(field: str) -> None:
    """Each of the five must be given."""
    answer = Outside().send({name: value for name, value in BUY.items() if name != field})

    assert (answer.error, answer.field) == (IngressError.INVALID, field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "price"),
        ({"meta": {"price": 21_000}}, "tp_points"),
        ({"meta": {**PRICES, "sl_points": "x"}}, "sl_points"),
        ({**PRICES, "strength": 1.5}, "strength"),
        ({**PRICES, "timestamp": "yesterday"}, "timestamp"),
        ({**PRICES, "side": "buy"}, "side"),
        ({**PRICES, "symbol": ""}, "symbol"),
    ],
)
def test_a_bad_field_of_the_fks_form_is_named(changes: dict[str, Any], field: str) -> None:
    """The same rules under the names of that schema; prices that are in neither place are missing."""
    answer = Outside().send({**FKS, **changes})

    assert (answer.error, answer.field) == (IngressError.INVALID, field)


@pytest.mark.parametrize(
    ("fields", "direction", "stop", "target", "signal_id"),
    [
        (SEED, 1, 4490.25, 4520.25, "ES_03-25_buy_4500.25"),
        ({**SEED, "action": "LONG"}, 1, 4490.25, 4520.25, "ES_03-25_long_4500.25"),
        ({**SEED, "action": "Sell"}, -1, 4510.25, 4480.25, "ES_03-25_sell_4500.25"),
        ({**SEED, "action": "short", "instrument": "ES", "price": 4500}, -1, 4510.0, 4480.0, "ES_short_4500"),
        ({**FKS, **PRICES}, -1, 21_020.0, 20_960.0, "MNQ_short_21000"),
        ({**FKS, "meta": PRICES, "side": "long"}, 1, 20_980.0, 21_040.0, "MNQ_long_21000"),
    ],
)
def test_points_count_from_the_price_on_the_side_of_the_trade(
    fields: dict[str, Any], direction: int, stop: float, target: float, signal_id: str
) -> None:
    """LONG: stop below, target above; SHORT mirrored. The id is instrument, action, price."""
    request = ingress.read(fields, taking(), TODAY)

    assert isinstance(request, TradeRequest)
    assert (request.direction, request.stop, request.target, request.signal_id) == (direction, stop, target, signal_id)


@pytest.mark.parametrize("spelled", ["ES 03-26", "ESH6", "esh26", "ES MAR26", "es 3-2026"])
def test_a_contract_has_one_id_however_it_is_spelled(spelled: str) -> None:
    """So a repeat under another spelling is a duplicate."""
    request = ingress.read({**SEED, "instrument": spelled}, taking(), TODAY)

    assert isinstance(request, TradeRequest)
    assert (request.instrument, request.contract, request.signal_id) == ("ES", "ES 03-26", "ES_03-26_buy_4500.25")


@pytest.mark.parametrize(("spare", "taken"), [(0, True), (1, False)])
def test_the_size_limit_is_64_kib(spare: int, taken: bool) -> None:
    """Counted as MessagePack, the whole map: one byte more is refused."""
    empty = len(msgspec.msgpack.encode({**BUY, "meta": {"blob": b"x" * 60_000}})) - 60_000
    fields = {**BUY, "meta": {"blob": b"x" * (ingress.MAX_BYTES - empty + spare)}}

    assert isinstance(ingress.read(fields, taking(), TODAY), TradeRequest if taken else Refusal)


# --- an order like any other --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "direction", "stop", "target"), [("buy", "LONG", 20_980.0, 21_040.0), ("sell", "SHORT", 21_020.0, 20_960.0)]
)
def test_a_signal_takes_the_path_of_an_intent(action: str, direction: str, stop: float, target: float) -> None:
    """One order with its bracket and the time it is good for, one signal with setup EXTERNAL, and four states on the way."""
    desk = Outside()

    answer = desk.send({**BUY, "action": action, "ttl_s": 45})
    (order,) = desk.bodies(PlaceOrder)
    (signal,) = desk.bodies(Signal)

    assert (answer.success, answer.state, answer.order_id, answer.reason) == (True, IngressState.QUEUED, order.id, None)
    assert (order.stop, order.target, order.limit, order.account) == (stop, target, None, ACCOUNT)
    assert order.valid_until_ns == eastern("11:00") + 46 * SECOND_NS
    assert (signal.strategy, signal.setup, signal.direction) == ("external", "EXTERNAL", direction)
    assert desk.states == [IngressState.RECEIVED, IngressState.QUEUED, IngressState.APPROVED, IngressState.SENT]
    assert answer.ingress_id == "MNQ-20260303-1100-EXT1"


def test_what_comes_of_a_signal_is_caused_by_its_session() -> None:
    """The sender's message is no fact of the bus, so the order's cause leads to the bar that it was decided by."""
    desk = Outside()
    desk.send(BUY)
    outputs = [output for output in desk.outputs if not isinstance(output, Reply)]

    assert {getattr(output, "cause", "") for output in outputs} == {"session.MNQ.@1:1"}


def test_a_signal_of_a_strategy_carries_its_name_and_strength() -> None:
    """Limits and books keep it under that name."""
    desk = Outside()
    desk.send({**FKS, **PRICES})
    (signal,) = desk.bodies(Signal)

    assert (signal.strategy, signal.score) == ("Breakout", 0.8)


def test_the_risk_checks_refuse_a_signal_as_they_would_an_intent() -> None:
    """Queued all the same, with the reason in the reply, in the facts and as a Reject."""
    desk = Outside()
    desk.step(Kill("anna"), topic="operator.word.")

    answer = desk.send(BUY)
    (reject,) = desk.bodies(Reject)

    assert (answer.success, answer.reason, answer.order_id) == (True, Reason.KILLED, "")
    assert (reject.reason, reject.strategy) == (Reason.KILLED, "external")
    assert desk.states == [IngressState.RECEIVED, IngressState.QUEUED, IngressState.REJECTED]
    assert desk.bodies(IngressEvent)[-1].detail.startswith("KILLED: ")


@pytest.mark.parametrize(
    ("limits", "after_s", "price", "reason"),
    [
        ({"price_band_ticks": 8}, 1.0, 21_002.25, Reason.OFF_MARKET),
        ({"feed_age_s": 90.0}, 91.0, 21_000.0, Reason.FEED_STALE),
        ({"missing_bars": 0}, 1.0, 21_000.0, None),
        ({"reward_to_risk": 2.5}, 1.0, 21_000.0, Reason.REWARD_TOO_SMALL),
    ],
)
def test_rails_hold_for_signals_from_outside(limits: dict[str, Any], after_s: float, price: float, reason: Reason | None) -> None:
    """The price against the last bar, and that bar against the time that has passed since."""
    desk = Outside(taking(risk=RiskLimits(contracts=1, **limits)))

    assert desk.send({**BUY, "price": price}, after_s).reason is reason


def test_a_second_signal_waits_for_the_first_like_any_entry() -> None:
    """One order in flight in an instrument."""
    desk = Outside()
    desk.send(BUY)

    assert desk.send({**BUY, "price": 21_000.25}).reason is Reason.ORDER_WORKING


# --- the same signal again ----------------------------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_reply() -> None:
    """However much later, and in whatever state the signal is: no second entry."""
    desk = Outside()
    first = desk.send({**BUY, "request_id": "r-1"})

    again = desk.send({**BUY, "request_id": "r-1"}, after_s=3_000.0)

    assert again == first
    assert len(desk.bodies(PlaceOrder)) == 1
    assert len(desk.states) == 4


def test_a_refused_request_may_be_mended_under_its_id() -> None:
    """A signal that never entered the queue leaves nothing behind."""
    desk = Outside()
    desk.send({**BUY, "request_id": "r-1", "price": "cheap"})

    assert desk.send({**BUY, "request_id": "r-1"}).success


@pytest.mark.parametrize(("after_s", "taken"), [(1.0, False), (60.9, False), (61.0, True)])
def test_without_a_request_id_the_same_signal_within_60_s_is_a_duplicate(after_s: float, taken: bool) -> None:
    """The reply names the first one and its state; from 60 s on it is a new signal."""
    desk = Outside()
    first = desk.send(BUY, after_s=1.0)

    answer = desk.send(BUY, after_s)

    assert answer.success is taken
    if not taken:
        assert (answer.error, answer.field) == (IngressError.DUPLICATE, "request_id")
        assert (answer.ingress_id, answer.state) == (first.ingress_id, IngressState.SENT)


def test_two_requests_with_ids_of_their_own_are_two_signals() -> None:
    """The same signal twice on purpose."""
    desk = Outside()
    answers = [desk.send({**BUY, "request_id": each}) for each in ("r-1", "r-2")]

    assert all(answer.success for answer in answers)
    assert len({answer.ingress_id for answer in answers}) == 2


# --- unavailable --------------------------------------------------------------------------------------------------------------


def test_signals_are_off_by_default() -> None:
    """Unavailable, with the setting to change; and a gate that accepts none does not read sessions."""
    desk = Outside(conf())

    answer = desk.send(BUY)

    assert answer.error is IngressError.UNAVAILABLE
    assert "set enabled = true in [ingress]" in answer.message
    assert daemon(conf()).subscribe == ()
    assert daemon(taking()).subscribe == ("session.",)


def test_a_signal_before_the_first_bar_is_unavailable() -> None:
    """There is nothing to decide it by."""
    answer = Outside().send({**BUY, "instrument": "ES", "price": 4500.25})

    assert (answer.error, answer.message) == (IngressError.UNAVAILABLE, "no bar of ES has come yet; send the signal again")


def test_a_signal_without_a_venue_is_unavailable_and_may_be_sent_again() -> None:
    """Nothing was queued, so the same request works once the venue is back."""
    desk = Outside()
    desk.step(LinkState(up=False), topic="venue.link.")
    gone = desk.send({**BUY, "request_id": "r-1"})
    desk.step(LinkState(up=True), topic="venue.link.")

    assert (gone.error, gone.message) == (IngressError.UNAVAILABLE, "the venue is not connected; send the signal again")
    assert desk.send({**BUY, "request_id": "r-1"}).success


def test_an_order_id_that_is_taken_is_an_internal_error() -> None:
    """Two orders under one id would be one order to the venue: neither is sent."""
    desk = Outside()
    desk.ask(intent(id="MNQ-20260303-1100-EXT1-EL"))
    before = len(desk.bodies(PlaceOrder))

    answer = desk.send(BUY)

    assert (answer.success, answer.error) == (False, IngressError.INTERNAL)
    assert len(desk.bodies(PlaceOrder)) == before


# --- the life of a signal -----------------------------------------------------------------------------------------------------


def accepted(desk: Outside, order_id: str) -> None:
    desk.updated(order_id, OrderStatus.ACCEPTED)


def refused(desk: Outside, order_id: str) -> None:
    desk.updated(order_id, OrderStatus.REJECTED, detail="no margin")


def cancelled(desk: Outside, order_id: str) -> None:
    desk.updated(order_id, OrderStatus.CANCELLED)


def filled(desk: Outside, order_id: str) -> None:
    desk.filled(order_id, 1, 21_000.0)


def in_time(desk: Outside, order_id: str) -> None:
    """Market time reaches the last moment at which the signal is valid: 11:01 with 59 s, sent at 11:00:01."""
    desk.session("11:01")


def late(desk: Outside, order_id: str) -> None:
    desk.session("11:02")


@pytest.mark.parametrize(
    ("reports", "ends"),
    [
        ((accepted,), [IngressState.CONFIRMED]),
        ((filled,), [IngressState.CONFIRMED]),
        ((accepted, filled, late), [IngressState.CONFIRMED]),
        ((refused,), [IngressState.FAILED]),
        ((cancelled,), [IngressState.FAILED]),
        ((accepted, refused), [IngressState.CONFIRMED, IngressState.FAILED]),
        ((accepted, cancelled), [IngressState.CONFIRMED, IngressState.FAILED]),
        ((cancelled, filled), [IngressState.FAILED, IngressState.CONFIRMED]),
        ((in_time,), []),
        ((late,), [IngressState.EXPIRED]),
        ((late, accepted), [IngressState.EXPIRED, IngressState.CONFIRMED]),
        ((late, refused), [IngressState.EXPIRED, IngressState.FAILED]),
    ],
)
def test_the_venues_reports_decide_a_signals_end(reports: Sequence[Any], ends: list[IngressState]) -> None:
    """CONFIRMED by an acceptance or a fill, FAILED by a refusal, EXPIRED without a report within the signal's validity."""
    desk = Outside()
    order_id = desk.send({**BUY, "ttl_s": 59}).order_id

    for report in reports:
        report(desk, order_id)

    assert desk.states[4:] == ends


def test_the_states_of_a_signal_are_a_fold() -> None:
    """A gate that folds the same events again, as after a crash, gives the same outputs and has registered the same requests."""
    once, again = Outside(), Outside()
    for desk in (once, again):
        order_id = desk.send({**BUY, "request_id": "r-1"}).order_id
        accepted(desk, order_id)

    assert once.outputs == again.outputs
    assert again.send({**BUY, "request_id": "r-1"}, 600.0) == once.send({**BUY, "request_id": "r-1"}, 600.0)


def test_ids_fit_the_venue() -> None:
    """At most 50 characters for an order, after a million signals and with the longest symbol."""
    request = ingress.read(BUY, taking(), TODAY)
    assert isinstance(request, TradeRequest)
    entry = inbox.QueuedSignal(request, "EIGHTLTR-20260303-1100-EXT1000000", "", 0, 0)

    assert len(entry.intent.id) <= 50


def test_updates_of_a_strategys_order_publish_no_signal_state() -> None:
    """Only a signal's own order changes its state."""
    desk = Outside()
    order_id = desk.enter()
    accepted(desk, order_id)

    assert desk.states == []
    assert not [output for output in desk.outputs if isinstance(output, Command) and output.topic.startswith("ingress.")]


def test_a_new_gate_is_total_for_signals() -> None:
    """A gate without any earlier event replies, too."""
    gate = Gate(taking())
    (answer,) = gate.step(event(ExternalSignal({}), topic=topics.of(topics.INGRESS, "ask")))

    assert isinstance(answer.body, ExternalAnswer)
    assert not gate.step(event(OrderUpdate("u", "x", "MNQ", OrderStatus.ACCEPTED)))[0].topic.startswith("ingress.")

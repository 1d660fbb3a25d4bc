"""Signals from outside that close a position or move its bracket, and several entries on one bar."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.daemon import Reply
from tapewire.bus.messages import (
    Action,
    ClosePosition,
    ExternalAnswer,
    IngressError,
    IngressEvent,
    IngressState,
    Kill,
    LinkState,
    MoveBracket,
    OrderStatus,
    PlaceOrder,
    Reason,
    Reject,
)
from tapewire.bus.testing import intent
from tapewire.daemons.settings.structs import Ingress, RiskLimits, Trading
from tests.gates import ACCOUNT, conf
from tests.unit.test_gate_ingress import BUY, Outside, taking

CLOSE = {"action": "close", "instrument": "MNQ"}


def holding(action: str = "buy", **changes: Any) -> Outside:
    """A signal's position: one contract from 21,000, stop 20 points away, target 40."""
    desk = Outside()
    order_id = desk.send({**BUY, "action": action, **changes}).order_id
    desk.filled(order_id, 1 if action == "buy" else -1, 21_000.0)
    return desk


def latest(**changes: Any) -> Outside:
    """A gate that trades the latest entry of a bar."""
    trading = Trading(enabled=True, account=ACCOUNT, of_one_bar="latest")
    return Outside(conf(ingress=Ingress(enabled=True), trading=trading, risk=RiskLimits(contracts=1), **changes))


# --- closing and moving -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opened", "word"), [("buy", "close"), ("buy", "SELL"), ("sell", "close"), ("sell", "Cover")])
def test_what_a_signal_opened_a_signal_closes(opened: str, word: str) -> None:
    """`close` either side, `sell` a long position, `cover` a short one: one order, and the life of a signal."""
    desk = holding(opened)
    entry = desk.bodies(PlaceOrder)[0].id
    before = len(desk.states)

    answer = desk.send({**CLOSE, "action": word}, 2.0)
    (close,) = desk.bodies(ClosePosition)
    desk.filled(close.id, -1 if opened == "buy" else 1, 21_001.0, "EXIT")

    assert (answer.success, answer.order_id) == (True, close.id)
    assert answer.signal_id == f"MNQ_{word.lower()}"
    assert (close.entry_id, close.account, close.reason) == (entry, ACCOUNT, "EXTERNAL")
    assert close.id == "MNQ-20260303-1100-EXT2-X"
    assert desk.states[before:] == ["RECEIVED", "QUEUED", "APPROVED", "SENT", "CONFIRMED"]
    assert desk.gate.book.qty("MNQ") == 0


@pytest.mark.parametrize(
    ("field", "price", "command", "signal_id"),
    [
        ("stop", 20_990.0, (20_990.0, None), "MNQ_stop_20990"),
        ("target", 21_050.25, (None, 21_050.25), "MNQ_target_21050.25"),
    ],
)
def test_a_signal_moves_the_stop_or_the_target(
    field: str, price: float, command: tuple[float | None, float | None], signal_id: str
) -> None:
    """The venue's DONE confirms it."""
    desk = holding()

    answer = desk.send({"action": "move", "instrument": "MNQ", field: price}, 2.0)
    (move,) = desk.bodies(MoveBracket)
    desk.updated(move.id, OrderStatus.DONE, stop=command[0], target=command[1])

    assert answer.signal_id == signal_id
    assert (move.stop, move.target) == command
    assert desk.states[-1] is IngressState.CONFIRMED
    assert desk.bodies(IngressEvent)[-1].price == price


@pytest.mark.parametrize(
    ("fields", "field", "error"),
    [
        ({"action": "close"}, "instrument", "missing"),
        ({**CLOSE, "price": 21_000.0}, "price", "unknown field"),
        ({**CLOSE, "ttl_s": 5}, "ttl_s", "unknown field"),
        ({**CLOSE, "instrument": "CL"}, "instrument", "not traded here"),
        ({"action": "move", "instrument": "MNQ"}, "stop", "no price is given"),
        ({"action": "move", "instrument": "MNQ", "stop": 20_990.0, "target": 21_050.0}, "stop", "one in a signal"),
        ({"action": "move", "instrument": "MNQ", "stop": 20_990.1}, "stop", "not a multiple of the tick 0.25"),
        ({"action": "move", "instrument": "MNQ", "stop": "low"}, "stop", "is not a number"),
        ({"action": "sell", "instrument": "MNQ", "price": 21_000.0}, "tp_points", "missing"),
    ],
)
def test_a_bad_field_of_a_change_is_named(fields: dict[str, Any], field: str, error: str) -> None:
    """As for an entry; a `sell` with a price is one."""
    answer = holding().send(fields, 2.0)

    assert (answer.error, answer.field) == (IngressError.INVALID, field)
    assert error in answer.message


def strategys() -> Outside:
    """A strategy's position."""
    desk = Outside()
    desk.position()
    return desk


@pytest.mark.parametrize(
    ("desk", "fields", "detail"),
    [
        (Outside, CLOSE, "without an open position"),
        (strategys, CLOSE, "was opened by Test"),
        (lambda: holding(strategy="Breakout"), CLOSE, "was opened by Breakout (EXTERNAL), not by a signal of external"),
        (holding, {**CLOSE, "action": "cover"}, "no SHORT position in MNQ, it is +1"),
        (lambda: holding("sell"), {**CLOSE, "action": "sell"}, "no LONG position in MNQ, it is -1"),
    ],
    ids=["flat", "a strategy's", "another program's", "cover a long", "sell a short"],
)
def test_a_signal_changes_only_what_its_strategy_opened_outside(desk: Any, fields: dict[str, Any], detail: str) -> None:
    """NO_POSITION, in the reply, as a Reject and as a state; nothing is sent."""
    gate = desk()

    answer = gate.send(fields, 2.0)

    assert (answer.success, answer.reason, answer.order_id) == (True, Reason.NO_POSITION, "")
    assert detail in gate.bodies(Reject)[-1].detail
    assert gate.bodies(ClosePosition) == []
    assert gate.states[-1] is IngressState.REJECTED


def test_a_stop_moves_only_towards_the_market() -> None:
    """The check of a strategy's move."""
    answer = holding().send({"action": "move", "instrument": "MNQ", "stop": 20_970.0}, 2.0)

    assert answer.reason is Reason.STOP_WIDENED


def test_neither_kill_switch_nor_a_venue_that_is_away_keeps_a_position_open() -> None:
    """The close is accepted, and delivered once the venue is back."""
    desk = holding()
    desk.step(Kill("anna"), topic="operator.word.")
    desk.step(LinkState(up=False), topic="venue.link.")

    assert desk.send(CLOSE, 2.0).order_id
    assert len(desk.bodies(ClosePosition)) == 1


def test_a_close_that_is_sent_twice_is_one_order_until_it_has_failed() -> None:
    """A duplicate while it is under way; after a refusal of the venue the same close is a new one."""
    desk = holding()
    first = desk.send(CLOSE, 2.0)
    again = desk.send(CLOSE, 3.0)
    desk.updated(first.order_id, OrderStatus.REJECTED, detail="no")
    failed = desk.states[-1]
    retried = desk.send(CLOSE, 4.0)

    assert (again.error, again.ingress_id) == (IngressError.DUPLICATE, first.ingress_id)
    assert failed is IngressState.FAILED
    assert retried.order_id not in ("", first.order_id)


def test_a_close_of_the_next_position_is_no_duplicate() -> None:
    """Within the same minute."""
    desk = holding()
    first = desk.send(CLOSE, 2.0)
    desk.filled(first.order_id, -1, 21_000.0, "EXIT")
    second = desk.send({**BUY, "price": 21_000.25}, 3.0)
    desk.filled(second.order_id, 1, 21_000.0)

    assert desk.send(CLOSE, 4.0).order_id


def test_a_close_whose_position_is_gone_is_confirmed() -> None:
    """The stop was quicker; the venue then finds nothing to close."""
    desk = holding()
    entry = desk.bodies(PlaceOrder)[0].id
    close = desk.send(CLOSE, 2.0).order_id
    desk.filled(entry, -1, 20_980.0, "STOP")
    desk.updated(close, OrderStatus.REJECTED, detail="nothing is open")

    assert desk.states[-1] is IngressState.CONFIRMED
    assert desk.bodies(IngressEvent)[-1].detail == "the position is gone"


# --- several entries on one bar ---------------------------------------------------------------------------------------------


def three(desk: Outside) -> list[ExternalAnswer]:
    """Buy, sell, buy on the bar after 11:00."""
    prices = (21_000.0, 21_000.0, 21_000.25)
    return [
        desk.send({**BUY, "action": action, "price": price}, 1.0 + number)
        for number, (action, price) in enumerate(zip(("buy", "sell", "buy"), prices, strict=True))
    ]


def test_of_several_signals_on_a_bar_the_first_is_traded_at_once() -> None:
    """By default: the others are refused in their replies and as facts."""
    desk = Outside(conf(ingress=Ingress(enabled=True), risk=RiskLimits(contracts=1)))

    answers = three(desk)

    assert [answer.reason for answer in answers] == [None, Reason.ENTRY_ON_BAR, Reason.ENTRY_ON_BAR]
    assert [order.id for order in desk.bodies(PlaceOrder)] == [answers[0].order_id]
    assert [reject.reason for reject in desk.bodies(Reject)] == [Reason.ENTRY_ON_BAR] * 2


def test_of_several_signals_on_a_bar_the_latest_is_traded_when_it_closes() -> None:
    """With the setting: all are queued, and nothing is sent until the bar has closed. The latest is then one order, valid from
    that moment; the others are told which."""
    desk = latest()

    answers = three(desk)
    early = desk.bodies(PlaceOrder)
    desk.session("11:01")
    (order,) = desk.bodies(PlaceOrder)
    last = {event.ingress_id: event for event in desk.bodies(IngressEvent)}

    assert early == []
    assert [(answer.success, answer.state, answer.order_id) for answer in answers] == [(True, IngressState.QUEUED, "")] * 3
    assert order.action is Action.ENTER_LONG
    assert order.id.startswith(answers[2].ingress_id)
    assert [last[answer.ingress_id].state for answer in answers] == ["REJECTED", "REJECTED", "SENT"]
    assert all(f"{order.id} of the same bar came later" in last[answer.ingress_id].detail for answer in answers[:2])
    assert [reject.reason for reject in desk.bodies(Reject)] == [Reason.ENTRY_ON_BAR] * 2


def test_the_latest_signal_meets_the_checks_of_the_moment_it_is_decided() -> None:
    """The kill switch was latched while it waited."""
    desk = latest()
    desk.send(BUY)
    desk.step(Kill("anna"), topic="operator.word.")
    desk.session("11:01")

    assert desk.bodies(PlaceOrder) == []
    assert desk.bodies(IngressEvent)[-1].detail.startswith("KILLED")


def test_a_close_does_not_wait_for_the_bar() -> None:
    """Only entries do."""
    desk = latest()
    desk.send(BUY)
    outputs = desk.session("11:01")
    desk.filled(desk.bodies(PlaceOrder)[0].id, 1, 21_000.0)

    assert not any(isinstance(output, Reply) for output in outputs)
    assert desk.send(CLOSE, 62.0).order_id


@pytest.mark.parametrize(("settings", "traded"), [(taking(risk=RiskLimits(contracts=1)), 0), (latest().gate.conf, 1)])
def test_of_several_intents_of_a_bar_the_first_or_the_latest_is_traded(settings: Any, traded: int) -> None:
    """A strategy's, in one request: the other one is refused with ENTRY_ON_BAR or by the order in flight."""
    desk = Outside(settings)

    decisions = desk.ask(intent(id="A"), intent(id="B"))

    assert [decision.approved for decision in decisions] == [traded == 0, traded == 1]
    assert desk.bodies(Reject)[0].reason is Reason.ENTRY_ON_BAR

"""Each check on both sides of its limit, their order, and what is never blocked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tapewire.bus.daemon import Command, Publish, Reply
from tapewire.bus.messages import (
    Action,
    ClosePosition,
    Decisions,
    MoveBracket,
    OrderEvent,
    OrderStatus,
    PlaceOrder,
    Reason,
    Reject,
    Risk,
    Signal,
    StopRounding,
)
from tapewire.bus.testing import bar, eastern, event, intent, intents
from tapewire.daemons.gate.checks.risk import APPLIES, CHECKS
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.settings.structs import RiskLimits, Sizing, Trading
from tests.gates import ACCOUNT, Desk, conf

NAN, INFINITE = float("nan"), float("inf")


def decided(desk: Desk, **fields: Any) -> Reason | None:
    """The gate's reason on one entry at 11:00, None if it was approved."""
    request = {name: fields.pop(name) for name in ("degraded", "instrument", "session") if name in fields}
    (decision,) = desk.ask(intent(fields.pop("action", Action.ENTER_LONG), **fields), **request)
    assert decision.approved is (decision.reason is None)
    return decision.reason


SHORT = {"action": Action.ENTER_SHORT}
AT = eastern("11:00")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"instrument": "ES"}, Reason.UNKNOWN_INSTRUMENT),
        ({"instrument": "ZZ"}, Reason.UNKNOWN_INSTRUMENT),
        ({"valid_until_ns": AT}, None),
        ({"valid_until_ns": AT - 1}, Reason.EXPIRED),
        ({"entry": None}, Reason.NOT_FINITE),
        ({"entry": NAN}, Reason.NOT_FINITE),
        ({"stop": INFINITE}, Reason.NOT_FINITE),
        ({"target": -INFINITE}, Reason.NOT_FINITE),
        ({"target": 1e300}, Reason.NOT_FINITE),
        ({"entry": 21_000.25}, None),
        ({"entry": 21_000.3}, Reason.OFF_TICK),
        ({"stop": None}, Reason.STOP_MISSING),
        ({"stop": 20_999.99}, None),  # rounds down, to one tick away
        ({"stop": 21_000.0}, Reason.STOP_SIDE),
        ({"stop": 21_000.25}, Reason.STOP_SIDE),
        ({**SHORT, "stop": 21_000.01}, None),
        ({**SHORT, "stop": 21_000.0}, Reason.STOP_SIDE),
        ({**SHORT, "stop": 20_999.75}, Reason.STOP_SIDE),
        ({"target": None}, None),
        ({"target": 21_000.25}, None),
        ({"target": 21_000.24}, Reason.TARGET_SIDE),  # rounds down onto the entry
        ({"target": 20_999.0}, Reason.TARGET_SIDE),
        ({**SHORT, "target": 20_999.75}, None),
        ({**SHORT, "target": 21_000.0}, Reason.TARGET_SIDE),
        ({"limit": 20_990.0}, None),
        ({"limit": NAN}, Reason.NOT_FINITE),
        ({"limit": 20_990.1}, Reason.OFF_TICK),
        ({"limit": 20_980.25}, None),  # the stop is 20,980: one tick below where it would enter
        ({"limit": 20_980.0}, Reason.STOP_SIDE),
        ({"limit": 21_040.0, "stop": 21_030.0}, Reason.TARGET_SIDE),
        ({"stop": 20_999.8, "stop_rounding": StopRounding.TOWARD}, Reason.STOP_SIDE),  # rounds up, onto the entry
        ({"stop": 20_999.75, "stop_rounding": StopRounding.TOWARD}, None),
        ({"degraded": True}, Reason.DEGRADED),
    ],
)
def test_what_is_wrong_with_an_entry_itself(fields: dict[str, Any], reason: Reason | None) -> None:
    """An entry long at 21,000 with one thing changed."""
    assert decided(Desk(), **fields) is reason


@pytest.mark.parametrize(
    ("trading", "reason"),
    [
        (Trading(enabled=True, account=ACCOUNT), None),
        (Trading(enabled=False, account=ACCOUNT), Reason.TRADING_DISABLED),
        (Trading(enabled=True, account=""), Reason.TRADING_DISABLED),
        (Trading(), Reason.TRADING_DISABLED),
    ],
)
def test_trading_is_off_until_enabled_for_a_named_account(trading: Trading, reason: Reason | None) -> None:
    """Both are needed, and neither is the default."""
    assert decided(Desk(conf(trading=trading))) is reason


def test_the_kill_switch_refuses_entries() -> None:
    """Latched: no entry, whatever else is fine."""
    desk = Desk()
    desk.gate.killed = True

    assert decided(desk) is Reason.KILLED


@pytest.mark.parametrize(
    ("story", "before", "reason"),
    [
        ("nothing before", lambda desk: None, None),
        ("an entry that the venue has not answered yet", lambda desk: desk.enter("10:50"), Reason.ORDER_WORKING),
        ("an accepted entry", lambda desk: desk.updated(desk.enter("10:50"), OrderStatus.ACCEPTED), Reason.ORDER_WORKING),
        ("a cancelled entry", lambda desk: desk.updated(desk.enter("10:50"), OrderStatus.CANCELLED), None),
        ("a refused entry", lambda desk: desk.updated(desk.enter("10:50"), OrderStatus.REJECTED), None),
        ("an open position", lambda desk: desk.position("10:50"), Reason.POSITION_OPEN),
        ("an open short", lambda desk: desk.position("10:50", action=Action.ENTER_SHORT), Reason.POSITION_OPEN),
        ("a foreign position", lambda desk: desk.filled("", 1, 21_000.0, "FOREIGN"), Reason.POSITION_OPEN),
        (
            "a cancelled entry that filled after all",
            lambda desk: desk.filled(cancelled(desk), 1, 21_000.0, at="10:51"),
            Reason.POSITION_OPEN,
        ),
        ("a finished round turn", lambda desk: desk.lose(41.24), None),
    ],
)
def test_one_position_per_instrument(story: str, before: Callable[[Desk], object], reason: Reason | None) -> None:
    """What is in flight counts as if it were filled; what is finished does not."""
    desk = Desk()
    before(desk)

    assert decided(desk) is reason, story


def cancelled(desk: Desk) -> str:
    order_id = desk.enter("10:50")
    desk.updated(order_id, OrderStatus.CANCELLED)
    return order_id


def test_two_entries_of_one_bar_cannot_pass_together() -> None:
    """The second of two sees the first: as the entry of this bar, and where a bar may have several, as a working order."""
    first, second = Desk().ask(intent(), intent(Action.ENTER_SHORT))
    desk = Desk(conf(risk=RiskLimits(contracts=1, loosened=("one_entry_per_bar",))))
    third, fourth = desk.ask(intent(), intent(Action.ENTER_SHORT))

    assert (first.reason, second.reason) == (None, Reason.ENTRY_ON_BAR)
    assert (third.reason, fourth.reason) == (None, Reason.ORDER_WORKING)


@pytest.mark.parametrize(
    ("limits", "losses", "reason"),
    [
        ({"day_loss": 41.25}, [41.24], None),
        ({"day_loss": 41.24}, [41.24], Reason.DAILY_LOSS),
        ({"day_loss": 82.48}, [41.24, 41.24], Reason.DAILY_LOSS),
        ({"day_loss": 82.49}, [41.24, 41.24], None),
        ({"drawdown": 41.25}, [41.24], None),
        ({"drawdown": 41.24}, [41.24], Reason.MAX_DRAWDOWN),
        ({"drawdown": 100.0}, [-78.76, 41.24], None),
        ({"drawdown": 41.24}, [-78.76, 41.24], Reason.MAX_DRAWDOWN),  # in profit, but that far below the high
        ({"max_trades": 2}, [-18.76], None),
        ({"max_trades": 2}, [-18.76, -18.76], Reason.MAX_TRADES),
        ({"strategy_day_loss": {"Test": 41.24}}, [41.24], Reason.STRATEGY_DAILY_LOSS),
        ({"strategy_day_loss": {"Test": 41.25}}, [41.24], None),
        ({"strategy_day_loss": {"Other": 41.24}}, [41.24], None),
        ({"contracts": None, "risk_cap": 40.0}, [], None),
        ({"contracts": None, "risk_cap": 39.99}, [], Reason.SIZE_ZERO),
    ],
)
def test_the_limits_of_the_account(limits: dict[str, Any], losses: list[float], reason: Reason | None) -> None:
    """After these round turns of one contract (net, gains negative), one more entry at a risk of 40 dollars."""
    desk = Desk(conf(risk=RiskLimits(**{"contracts": 1, **limits})))
    for number, dollars in enumerate(losses):
        desk.lose(dollars, at=f"10:4{number}")

    assert decided(desk) is reason


def test_a_new_session_starts_its_day_anew() -> None:
    """Yesterday's loss, trades and strategy losses do not count today; the drawdown does."""
    risk = RiskLimits(contracts=1, day_loss=41.24, max_trades=1, strategy_day_loss={"Test": 41.24}, drawdown=82.48)
    desk = Desk(conf(risk=risk))
    desk.lose(41.24, day="2026-03-02")

    desk.lose(41.24)
    (decision,) = desk.ask(intent())
    assert decision.reason is Reason.DAILY_LOSS
    (decision,) = desk.ask(intent(day="2026-03-04"), day="2026-03-04")
    assert decision.reason is Reason.MAX_DRAWDOWN


def test_a_strategy_that_only_tests_the_plumbing_may_be_unlimited() -> None:
    """Named in the configuration of a replay, it trades on past the account's limits; all other checks hold for it too."""
    trading = Trading(enabled=True, account=ACCOUNT, unlimited=("Test",))
    desk = Desk(conf(risk=RiskLimits(contracts=1, day_loss=0.0, drawdown=0.0, max_trades=0), trading=trading))

    assert decided(desk, strategy="Other") is Reason.DAILY_LOSS
    assert decided(desk, id="SECOND") is None
    assert decided(desk, id="THIRD") is Reason.ENTRY_ON_BAR


def test_the_first_reason_in_the_documented_order_is_given() -> None:
    """The checks stand in the order of Reason, and so do the ones of every action."""
    order = list(Reason)

    assert list(CHECKS) == sorted(CHECKS, key=order.index)
    assert all(list(reasons) == sorted(reasons, key=order.index) for reasons in APPLIES.values())


def test_only_the_first_of_several_reasons_is_given() -> None:
    """Expired, without a stop, and the kill switch is on: the switch comes first."""
    desk = Desk()
    desk.gate.killed = True

    assert decided(desk, valid_until_ns=0, stop=None) is Reason.KILLED


def test_an_approved_entry_is_sent_signalled_and_decided() -> None:
    """The order has the intent's id, rounded prices and the account; the signal publishes the same."""
    desk = Desk(conf(risk=RiskLimits(contracts=None)))
    outputs = desk.step(intents(intent(stop=20_980.1, target=21_040.1)))

    tell, publish, answer = outputs
    assert isinstance(tell, Command)
    assert tell.body == PlaceOrder(intent().id, ACCOUNT, "MNQ", Action.ENTER_LONG, 10, 20_980.0, 21_040.0, intent().valid_until_ns)
    assert isinstance(publish, Publish)
    assert isinstance(publish.body, Signal)
    assert (publish.body.size, publish.body.stop, publish.body.target) == (10, 20_980.0, 21_040.0)
    assert isinstance(answer, Reply)
    assert isinstance(answer.body, Decisions)
    assert [(d.order_id, d.size) for d in answer.body.decisions] == [(intent().id, 10)]
    assert [output.topic for output in outputs] == ["command.MNQ.", "signal.MNQ.", "decision.MNQ."]


def test_a_refusal_has_a_sentence_with_numbers() -> None:
    """Code and sentence are in the decision and in the published fact; the prices are rounded as they would have been sent."""
    desk = Desk(conf(risk=RiskLimits(contracts=None, risk_cap=30.0)))
    (decision,) = desk.ask(intent(stop=20_980.1, target=21_040.1))

    (reject,) = desk.bodies(Reject)
    assert (reject.reason, reject.stop, reject.target) == (Reason.SIZE_ZERO, 20_980.0, 21_040.0)
    assert reject.detail == decision.detail == "one contract risks 40.00, cap 30.00"
    assert desk.bodies(PlaceOrder) == []


def test_a_risk_too_small_for_one_contract_gives_its_cost() -> None:
    """20 points of MNQ are 40 dollars; 1 % of 3,000 is 30, and nothing is forced."""
    sizing = {"Test": Sizing(account=3_000.0, risk_share=0.01)}
    desk = Desk(conf(risk=RiskLimits(sizing=sizing)))
    (decision,) = desk.ask(intent())

    assert (decision.reason, decision.detail) == (Reason.SIZE_ZERO, "one contract risks 40.00, cap 30.00")


def test_no_target_is_no_target_order() -> None:
    """A null target stays null; it is never a target of 0."""
    desk = Desk()
    desk.enter(target=None)

    assert desk.bodies(PlaceOrder)[0].target is None
    assert desk.bodies(Signal)[0].target is None


# --- repeats ------------------------------------------------------------------------------------------------------------------


def test_a_limit_order_has_the_intents_price_and_validity() -> None:
    """The command to the venue has price and time, and the published signal has the same."""
    desk = Desk()
    desk.ask(intent(limit=20_995.0, valid_until_ns=eastern("11:30"), score=0.8))
    (order,), (signal,) = desk.bodies(PlaceOrder), desk.bodies(Signal)

    assert (order.limit, order.valid_until_ns) == (20_995.0, eastern("11:30"))
    assert (signal.limit, signal.score) == (20_995.0, 0.8)


@pytest.mark.parametrize(
    ("action", "rounding", "computed", "sent", "signalled"),
    [
        (Action.ENTER_LONG, StopRounding.AWAY, 20_980.1, 20_980.0, 20_980.0),
        (Action.ENTER_LONG, StopRounding.TOWARD, 20_980.1, 20_980.25, 20_980.1),
        (Action.ENTER_SHORT, StopRounding.AWAY, 21_020.1, 21_020.25, 21_020.25),
        (Action.ENTER_SHORT, StopRounding.TOWARD, 21_020.1, 21_020.0, 21_020.1),
        (Action.ENTER_LONG, StopRounding.TOWARD, 20_980.25, 20_980.25, 20_980.25),
    ],
)
def test_the_stop_is_rounded_to_the_side_of_the_setup(
    action: Action, rounding: StopRounding, computed: float, sent: float, signalled: float
) -> None:
    """Away from the entry (playbook 5.1), or toward it: then the signal keeps two decimals (playbook 8.4)."""
    desk = Desk()
    order_id = desk.enter(action=action, stop=computed, stop_rounding=rounding)
    desk.updated(order_id, OrderStatus.ACCEPTED)
    (order,), (signal,), (fact,) = desk.bodies(PlaceOrder), desk.bodies(Signal), desk.bodies(OrderEvent)

    assert (order.stop, fact.stop, signal.stop) == (sent, sent, signalled)


def test_a_resting_limit_is_in_flight_until_the_venue_cancels_it() -> None:
    """No second entry beside it; when its time is over the next one may pass."""
    desk = Desk()
    first = desk.enter(limit=20_995.0, valid_until_ns=eastern("11:30"))
    desk.updated(first, OrderStatus.ACCEPTED)
    (refused,) = desk.ask(intent(at="11:05"), at="11:05")
    desk.updated(first, OrderStatus.CANCELLED)
    (approved,) = desk.ask(intent(at="11:31"), at="11:31")

    assert refused.reason is Reason.ORDER_WORKING
    assert approved.approved


def test_a_repeat_gets_the_first_answer() -> None:
    """A resent request gets the stored reply and opens no second order."""
    desk = Desk()
    first = desk.step(intents())
    again = desk.step(intents())

    assert again == [first[-1]]
    assert len(desk.bodies(PlaceOrder)) == 1


@pytest.mark.parametrize("approved", [True, False])
def test_an_id_is_decided_on_once(approved: bool) -> None:
    """The same intent in another request is a duplicate, also if it was refused the first time."""
    desk = Desk()
    desk.gate.killed = not approved
    desk.ask(intent())
    desk.gate.killed = False
    (decision,) = desk.ask(intent(), close=1.0)

    assert decision.reason is Reason.DUPLICATE


# --- exits and moves ------------------------------------------------------------------------------------------------------------


def exhausted() -> Desk:
    """A position is open, and every reason against entries is there: killed, off, limits reached."""
    desk = Desk()
    desk.position("10:50")
    desk.gate.killed = True
    risk = RiskLimits(contracts=1, day_loss=0.0, drawdown=0.0, max_trades=0)
    desk.gate.conf = conf(risk=risk, trading=Trading(enabled=False, account=ACCOUNT))
    return desk


@pytest.mark.parametrize(
    "wanted",
    [
        intent(Action.EXIT, reason="EOD", valid_until_ns=0),
        intent(Action.MOVE_STOP, stop=20_990.0, valid_until_ns=0),
        intent(Action.MOVE_TARGET, target=21_010.0, valid_until_ns=0),
    ],
    ids=lambda wanted: wanted.action,
)
def test_exits_and_moves_are_never_blocked(wanted: Any) -> None:
    """Neither kill switch nor limits nor age nor a degraded session keeps a position from being protected."""
    (decision,) = exhausted().ask(wanted, degraded=True)

    assert decision.approved


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (intent(Action.EXIT, at="10:50"), Reason.NO_POSITION),
        (intent(Action.MOVE_STOP, stop=20_990.0), Reason.NO_POSITION),
        (intent(Action.MOVE_TARGET, target=21_010.0), Reason.NO_POSITION),
    ],
    ids=lambda each: str(getattr(each, "action", each)),
)
def test_there_must_be_something_to_protect(wanted: Any, reason: Reason) -> None:
    """Flat: nothing to close or to move."""
    assert Desk().ask(wanted)[0].reason is reason


@pytest.mark.parametrize(
    ("action", "entry_stop", "stop", "reason"),
    [
        (Action.ENTER_LONG, 20_980.0, 20_980.25, None),
        (Action.ENTER_LONG, 20_980.0, 20_980.0, None),
        (Action.ENTER_LONG, 20_980.0, 20_979.75, Reason.STOP_WIDENED),
        (Action.ENTER_SHORT, 21_020.0, 21_019.75, None),
        (Action.ENTER_SHORT, 21_020.0, 21_020.25, Reason.STOP_WIDENED),
        (Action.ENTER_LONG, 20_980.0, None, Reason.STOP_MISSING),
        (Action.ENTER_LONG, 20_980.0, NAN, Reason.NOT_FINITE),
    ],
)
def test_stops_only_tighten(action: Action, entry_stop: float, stop: float | None, reason: Reason | None) -> None:
    """A stop may stay or come closer; further away is refused, and so is none."""
    desk = Desk()
    desk.position("10:50", action=action, stop=entry_stop)

    assert desk.ask(intent(Action.MOVE_STOP, stop=stop))[0].reason is reason


def test_a_confirmed_move_is_what_the_next_one_is_measured_by() -> None:
    """Once the venue has moved the stop to 20,990, going back to 20,985 is a widening, although the entry had 20,980."""
    desk = Desk()
    entry_id = desk.position("10:50")
    (move,) = desk.ask(intent(Action.MOVE_STOP, stop=20_990.1, entry_id=entry_id))
    desk.updated(move.order_id, OrderStatus.DONE, stop=20_990.0, target=21_040.0)
    (back,) = desk.ask(intent(Action.MOVE_STOP, at="11:01", stop=20_985.0, entry_id=entry_id), at="11:01")

    assert desk.bodies(MoveBracket) == [MoveBracket(move.order_id, ACCOUNT, "MNQ", entry_id, stop=20_990.0)]
    assert back.reason is Reason.STOP_WIDENED
    assert back.detail == "stop 20985.0 would risk more than the resting one at 20990.0; stops only tighten"


def test_a_move_of_the_target_leaves_the_stop() -> None:
    """MOVE_TARGET needs its price and sends only that one, rounded toward the entry."""
    desk = Desk()
    entry_id = desk.position("10:50")
    desk.ask(intent(Action.MOVE_TARGET, target=21_010.1, entry_id=entry_id))
    (nothing,) = desk.ask(intent(Action.MOVE_TARGET, at="11:01"), at="11:01")

    assert desk.bodies(MoveBracket)[0].target == 21_010.0
    assert desk.bodies(MoveBracket)[0].stop is None
    assert nothing.reason is Reason.NOT_FINITE


def test_an_exit_names_what_it_closes_and_why() -> None:
    """The close carries entry and reason to the venue; its signal has the position's size."""
    desk = Desk()
    entry_id = desk.position("10:50")
    (decision,) = desk.ask(intent(Action.EXIT, reason="EOD", entry_id=entry_id))

    assert desk.bodies(ClosePosition) == [ClosePosition(decision.order_id, ACCOUNT, "MNQ", entry_id, "EOD")]
    assert desk.bodies(Signal)[-1].size == 1


# --- the account's state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "killed", "state", "reason"),
    [
        ({}, False, "ACTIVE", ""),
        ({"day_loss": 41.24}, False, "REDUCING", "DAILY_LOSS"),
        ({"max_trades": 1}, False, "REDUCING", "MAX_TRADES"),
        ({}, True, "HALTED", "KILLED"),
    ],
)
def test_the_account_states_its_standing_after_a_trade(limits: dict[str, Any], killed: bool, state: str, reason: str) -> None:
    """The trading state and what led to it: the kill switch before the first limit that is reached."""
    desk = Desk(conf(risk=RiskLimits(**{"contracts": 1, **limits})))
    entry_id = desk.position("10:50")
    desk.gate.killed = killed
    desk.filled(entry_id, -1, 20_980.0, "STOP")

    stands = desk.bodies(Risk)[-1]
    assert (stands.state, stands.reason) == (state, reason)
    assert stands.realised_cents == -4_124


def test_other_messages_give_no_outputs() -> None:
    """The gate's step is total: a bar gives no outputs."""
    assert Gate(conf()).step(event(bar())) == ()

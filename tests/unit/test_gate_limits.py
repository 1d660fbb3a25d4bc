"""Each rail on both sides of its limit, with what is in flight, and its way into the facts.

An entry is long MNQ at 21,000 with its stop 80 ticks below and its target 160 above; one contract risks 40 dollars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tapewire.bus.messages import (
    Action,
    Decision,
    Hello,
    LinkState,
    OrderStatus,
    PlaceOrder,
    Position,
    Reason,
    Reject,
    Risk,
    VenuePosition,
)
from tapewire.bus.testing import DAY, eastern, intent, intents
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import LossStreak, RiskLimits, Trading
from tests.gates import ACCOUNT, Desk, conf

ADDING = ("one_position", "one_entry_per_bar")


def desk(**limits: Any) -> Desk:
    """A gate with these limits and MNQ, MES and MYM to trade, one contract at a time unless they say otherwise."""
    return Desk(conf(risk=RiskLimits(**{"contracts": 1, **limits}), traded=("MNQ", "MES", "MYM")))


def entry(at: str = "11:00", **fields: Any) -> dict[str, Any]:
    """The arguments of one request for one entry; `close`, `missing` and so on are the request's."""
    request = {name: fields.pop(name) for name in ("close", "missing", "instrument", "session") if name in fields}
    return {"wanted": intent(fields.pop("action", Action.ENTER_LONG), at=at, **fields), "at": at, **request}


def decide(at_desk: Desk, at: str = "11:00", **fields: Any) -> Decision:
    request = entry(at, **fields)
    (decision,) = at_desk.ask(request.pop("wanted"), **request)
    return decision


def reason(at_desk: Desk, at: str = "11:00", **fields: Any) -> Reason | None:
    decision = decide(at_desk, at, **fields)
    assert decision.approved is (decision.reason is None)
    return decision.reason


# --- the intent itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "fields", "expected"),
    [
        ({"stop_ticks_at_least": 80}, {}, None),
        ({"stop_ticks_at_least": 81}, {}, Reason.STOP_TOO_NEAR),
        ({"stop_ticks_at_least": 80}, {"stop": 20_980.25}, Reason.STOP_TOO_NEAR),
        ({"stop_ticks_at_least": 80}, {"stop": 20_980.2}, None),  # rounds down, to 80 ticks
        ({"stop_ticks_at_most": 80}, {}, None),
        ({"stop_ticks_at_most": 79}, {}, Reason.STOP_TOO_FAR),
        ({"stop_ticks_at_most": 80}, {"action": Action.ENTER_SHORT, "stop": 21_020.25}, Reason.STOP_TOO_FAR),
        ({"stop_ticks_at_most": 80}, {"limit": 20_999.0}, None),  # measured from where the entry rests
        ({"stop_ticks_at_most": 80}, {"limit": 21_001.0}, Reason.STOP_TOO_FAR),
        ({"reward_to_risk": 2.0}, {}, None),
        ({"reward_to_risk": 2.0}, {"target": 21_039.75}, Reason.REWARD_TOO_SMALL),
        ({"reward_to_risk": 2.0}, {"target": None}, None),
        ({"price_band_ticks": 8}, {"close": 20_998.0}, None),
        ({"price_band_ticks": 8}, {"close": 20_997.75}, Reason.OFF_MARKET),
        ({"price_band_ticks": 8}, {"close": 21_002.25}, Reason.OFF_MARKET),
        ({"price_band_ticks": 8}, {"limit": 20_998.0}, None),
        ({"price_band_ticks": 8}, {"limit": 20_997.75}, Reason.OFF_MARKET),
        ({"price_band_ticks": 8}, {"close": float("nan")}, Reason.OFF_MARKET),
    ],
)
def test_an_entry_is_sane(limits: dict[str, Any], fields: dict[str, Any], expected: Reason | None) -> None:
    """Distances in ticks on the grid, from the price at which it would be in."""
    assert reason(desk(**limits), **fields) is expected


@pytest.mark.parametrize(("enabled", "expected"), [(True, None), (False, Reason.INSTRUMENT_DISABLED)])
def test_an_instrument_can_be_switched_off(enabled: bool, expected: Reason | None) -> None:
    """No new positions in it; one that is open can still be closed."""
    defined = instruments()
    terms = {name: getattr(defined["MNQ"], name) for name in defined["MNQ"].__struct_fields__} | {"enabled": enabled}
    at_desk = Desk()
    at_desk.position("10:50")
    at_desk.gate.conf = conf(instruments=defined | {"MNQ": type(defined["MNQ"])(**terms)})

    (left,) = at_desk.ask(intent(Action.EXIT))
    assert left.approved
    assert reason(Desk(at_desk.gate.conf)) is expected


# --- the moment -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("latest", "expected"), [("11:01", None), ("11:02", Reason.FEED_STALE)])
def test_an_old_bar_is_no_ground_for_an_entry(latest: str, expected: Reason | None) -> None:
    """At most 60 seconds behind: another instrument has shown that the market is a minute further, or two."""
    at_desk = desk(feed_age_s=60.0)
    decide(at_desk, latest, instrument="MES", id="MES-1")

    assert reason(at_desk, valid_until_ns=eastern("11:05")) is expected


@pytest.mark.parametrize(("missing", "expected"), [(10, None), (11, Reason.MISSING_BARS)])
def test_a_session_with_holes_is_not_traded(missing: int, expected: Reason | None) -> None:
    """The request holds the count of RTH minutes without a bar so far."""
    assert reason(desk(missing_bars=10), missing=missing) is expected


def test_without_the_venue_nothing_is_opened() -> None:
    """Link down: no entry. Up again: entries. What protects a position passes all the while."""
    at_desk = desk()
    at_desk.position("10:50")
    at_desk.step(LinkState(False, "no lease could be sent"), topic="venue.link.")

    assert reason(at_desk) is Reason.VENUE_DOWN
    (left,) = at_desk.ask(intent(Action.EXIT, at="11:01"), at="11:01")
    assert left.approved
    at_desk.filled(left.order_id, -1, 21_000.0, "EXIT", at="11:02")
    assert reason(at_desk, "11:03") is Reason.VENUE_DOWN
    at_desk.step(LinkState(True), topic="venue.link.")
    assert reason(at_desk, "11:04") is None


def test_a_venue_that_says_hello_is_there() -> None:
    """A Hello on a new link counts as a LinkState."""
    at_desk = desk()
    at_desk.step(LinkState(False), topic="venue.link.")
    at_desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")

    assert reason(at_desk) is None


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [((ACCOUNT,), None), (("Sim102", ACCOUNT), None), (("Sim102",), Reason.ACCOUNT_UNKNOWN), ((), Reason.ACCOUNT_UNKNOWN)],
)
def test_the_venue_must_have_the_account(accounts: tuple[str, ...], expected: Reason | None) -> None:
    """Its Hello lists what it has; a misspelt account trades nothing."""
    at_desk = desk()
    at_desk.step(Hello("nt8", "1", accounts), topic="venue.nt.")

    assert reason(at_desk) is expected


@pytest.mark.parametrize(("qty", "expected"), [(0, None), (2, Reason.UNRECONCILED)])
def test_a_position_in_dispute_stops_entries(qty: int, expected: Reason | None) -> None:
    """We are flat; the venue reports flat too, or two contracts behind an order of ours."""
    at_desk = desk()
    order_id = at_desk.enter("10:50")
    at_desk.updated(order_id, OrderStatus.CANCELLED)
    stands = (VenuePosition("MNQ", Position(ACCOUNT, qty, 21_000.0, order_id)),) if qty else ()
    at_desk.step(Hello("nt8", "1", (ACCOUNT,), stands), topic="venue.nt.")

    assert reason(at_desk) is expected


@pytest.mark.parametrize(
    ("limits", "day", "at", "expected"),
    [
        ({"entry_windows": ("09:30-11:00",)}, DAY, "10:59", None),
        ({"entry_windows": ("09:30-11:00",)}, DAY, "11:00", Reason.OUTSIDE_WINDOW),
        ({"flatten_from": "15:30"}, DAY, "15:29", None),
        ({"flatten_from": "15:30"}, DAY, "15:30", Reason.FLATTENING),
        ({"close_min": 1}, DAY, "15:58", None),
        ({"close_min": 1}, DAY, "15:59", Reason.SESSION_CLOSING),
        ({"close_min": 1}, "2026-03-10", "12:58", None),
        ({"close_min": 1}, "2026-03-10", "12:59", Reason.SESSION_CLOSING),  # a half day
        ({}, "2026-03-11", "11:00", Reason.HOLIDAY),
        ({"loosened": ("holidays",)}, "2026-03-11", "11:00", None),
    ],
)
def test_the_clock_and_the_calendar_refuse(limits: dict[str, Any], day: str, at: str, expected: Reason | None) -> None:
    """By the close stamp of the bar that decided (tests of the minutes themselves: test_gate_hours.py)."""
    calendar = Calendar(half_days={"2026-03-10": "13:00"}, holidays=("2026-03-11",))
    at_desk = Desk(conf(risk=RiskLimits(contracts=1, **limits), calendar=calendar))

    (decision,) = at_desk.ask(intent(at=at, day=day), at=at, day=day)
    assert decision.reason is expected


# --- positions and contracts ------------------------------------------------------------------------------------------------


def test_of_all_signals_of_a_bar_one_is_traded() -> None:
    """The entry of this bar was refused by the venue; its bar is used up all the same, the next one is free."""
    at_desk = desk()
    at_desk.updated(at_desk.enter("11:00"), OrderStatus.REJECTED)

    assert reason(at_desk, "11:00", id="SECOND") is Reason.ENTRY_ON_BAR
    assert reason(at_desk, "11:00", id="OTHER", instrument="MES", entry=6_000.0, stop=5_990.0, target=None) is None
    assert reason(at_desk, "11:01") is None


def test_a_refused_entry_leaves_its_bar_free() -> None:
    """Only what is sent counts as the bar's entry."""
    at_desk = desk(stop_ticks_at_most=80)

    assert reason(at_desk, id="FAR", stop=20_000.0) is Reason.STOP_TOO_FAR
    assert reason(at_desk, id="NEAR") is None


@pytest.mark.parametrize(
    ("loosened", "action", "before", "expected"),
    [
        ((), Action.ENTER_LONG, "open", Reason.POSITION_OPEN),
        (ADDING, Action.ENTER_LONG, "open", None),
        (ADDING, Action.ENTER_SHORT, "open", Reason.POSITION_OPEN),
        (ADDING, Action.ENTER_LONG, "in flight", None),
        (ADDING, Action.ENTER_SHORT, "in flight", Reason.ORDER_WORKING),
        (ADDING, Action.ENTER_LONG, "leaving", Reason.ORDER_WORKING),
    ],
)
def test_a_position_is_added_to_only_where_that_is_allowed(
    loosened: tuple[str, ...], action: Action, before: str, expected: Reason | None
) -> None:
    """On its own side, never against it, and not while it is being closed."""
    at_desk = desk(loosened=loosened)
    if before == "in flight":
        at_desk.enter("10:50")
    else:
        at_desk.position("10:50")
    if before == "leaving":
        at_desk.ask(intent(Action.EXIT, at="10:55"), at="10:55")

    assert reason(at_desk, action=action) is expected


def in_mes(at_desk: Desk, at: str = "10:50") -> str:
    """An entry in another instrument that the venue has not answered yet."""
    decision = decide(at_desk, at, instrument="MES", id="MES-1", entry=6_000.0, stop=5_990.0, target=None)
    assert decision.approved, decision.detail
    return decision.order_id


@pytest.mark.parametrize(
    ("limits", "before", "expected"),
    [
        ({"max_positions": 2}, in_mes, None),
        ({"max_positions": 1}, in_mes, Reason.MAX_POSITIONS),
        ({"max_positions": 1}, lambda at_desk: at_desk.filled(in_mes(at_desk), 1, 6_000.0, instrument="MES"), Reason.MAX_POSITIONS),
        ({"max_positions": 1}, lambda at_desk: at_desk.lose(41.24), None),
        ({"account_contracts": 2}, in_mes, None),
        ({"account_contracts": 1}, in_mes, Reason.ACCOUNT_CONTRACTS),
        ({"instrument_contracts": 1}, in_mes, None),
        ({"instrument_contracts": 1, "loosened": ADDING}, lambda at_desk: at_desk.enter("10:50"), Reason.INSTRUMENT_CONTRACTS),
        ({"instrument_contracts": 2, "loosened": ADDING}, lambda at_desk: at_desk.enter("10:50"), None),
        ({"instrument_contracts": 1, "loosened": ADDING}, lambda at_desk: at_desk.position("10:50"), Reason.INSTRUMENT_CONTRACTS),
    ],
)
def test_what_is_open_or_on_its_way_is_limited(
    limits: dict[str, Any], before: Callable[[Desk], object], expected: Reason | None
) -> None:
    """An unanswered entry counts as if it were filled."""
    at_desk = desk(**limits)
    before(at_desk)

    assert reason(at_desk) is expected


@pytest.mark.parametrize(
    ("limits", "size", "detail"),
    [
        ({"max_contracts": 5}, 5, ""),
        ({"max_contracts": 4}, 4, "4 of 5 contracts, by max_contracts = 4"),
        ({"instrument_contracts": 3}, 3, "3 of 5 contracts, by instrument_contracts = 3"),
        ({"account_contracts": 3}, 2, "2 of 5 contracts, by account_contracts = 3"),  # one MES is on its way
        ({"trade_risk": 200.0}, 5, ""),
        ({"trade_risk": 199.99}, 4, "4 of 5 contracts, by trade_risk = 199.99"),
        ({"trade_risk": 40.0}, 1, "1 of 5 contracts, by trade_risk = 40.0"),
    ],
)
def test_an_entry_is_cut_to_what_the_limits_leave(limits: dict[str, Any], size: int, detail: str) -> None:
    """Five contracts wanted; the decision states both numbers and the limit."""
    at_desk = Desk(conf(risk=RiskLimits(contracts=5, **limits), traded=("MNQ", "MES")))
    in_mes_one(at_desk)

    decision = decide(at_desk)

    assert (decision.size, decision.detail) == (size, detail)
    assert at_desk.bodies(PlaceOrder)[-1].qty == size


def in_mes_one(at_desk: Desk) -> None:
    """One contract of MES is in flight, however many are wanted."""
    order_id = "MES-1"
    at_desk.filled(order_id, 1, 6_000.0, "FOREIGN", instrument="MES")


@pytest.mark.parametrize(
    ("limits", "expected", "detail"),
    [
        ({"trade_risk": 40.0}, None, ""),
        ({"trade_risk": 39.99}, Reason.SIZE_ZERO, "one contract risks 40.00: 0 of 1 contracts, by trade_risk = 39.99"),
        ({"contracts": None, "risk_cap": 39.99}, Reason.SIZE_ZERO, "one contract risks 40.00, cap 39.99"),
    ],
)
def test_no_entry_is_forced_to_one_contract(limits: dict[str, Any], expected: Reason | None, detail: str) -> None:
    """Where not one contract fits the risk, the size is 0, and the sentence has the numbers."""
    decision = decide(desk(**limits))

    assert (decision.reason, decision.detail) == (expected, detail)


# --- money ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "results", "expected"),
    [
        ({"day_profit": 78.76}, [-78.76], Reason.DAILY_PROFIT),
        ({"day_profit": 78.77}, [-78.76], None),
        ({"day_profit": 50.0}, [41.24], None),
        ({"day_loss_open": 41.24}, [41.24], Reason.DAILY_LOSS_OPEN),
        ({"day_loss_open": 41.25}, [41.24], None),
        ({"loss_streak": LossStreak(losses=2, cooldown_min=20)}, [41.24], None),
        ({"loss_streak": LossStreak(losses=2, cooldown_min=20)}, [41.24, 41.24], Reason.LOSS_STREAK),
        ({"loss_streak": LossStreak(losses=2, cooldown_min=19)}, [41.24, 41.24], None),  # the last ended at 10:41
        ({"loss_streak": LossStreak(losses=2, cooldown_min=20)}, [41.24, -78.76, 41.24], None),
    ],
)
def test_the_money_of_the_session(limits: dict[str, Any], results: list[float], expected: Reason | None) -> None:
    """After these round turns from 10:40 on (net, gains negative), one more entry at 11:00."""
    at_desk = desk(**limits)
    for number, dollars in enumerate(results):
        at_desk.lose(dollars, at=f"10:4{number}")

    assert reason(at_desk) is expected


def test_a_cooldown_begins_again_with_every_further_loss() -> None:
    """Two losses, ten minutes; a third after them, and ten more. A new session has no row of losses."""
    at_desk = desk(loss_streak=LossStreak(losses=2, cooldown_min=10))
    at_desk.lose(41.24, "10:40")
    at_desk.lose(41.24, "10:41")

    assert reason(at_desk, "10:50") is Reason.LOSS_STREAK
    at_desk.lose(41.24, "10:51")
    assert reason(at_desk, "11:00") is Reason.LOSS_STREAK
    (tomorrow,) = at_desk.ask(intent(day="2026-03-04"), day="2026-03-04")
    assert tomorrow.approved


def test_a_loss_by_hand_is_no_part_of_a_row() -> None:
    """The row counts the strategies' trades; a trade by hand neither begins nor ends it."""
    at_desk = desk(loss_streak=LossStreak(losses=1, cooldown_min=60))
    at_desk.filled("", 1, 21_000.0, "FOREIGN")
    at_desk.filled("", -1, 20_000.0, "FOREIGN", number=2)

    assert reason(at_desk) is None


@pytest.mark.parametrize(
    ("close", "limit", "expected"),
    [(5_990.0, 50.0, Reason.DAILY_LOSS_OPEN), (5_990.0, 50.01, None), (6_010.0, 0.01, None)],
)
def test_open_loss_counts_at_the_last_close(close: float, limit: float, expected: Reason | None) -> None:
    """Long one MES from 6,000: 10 points of 5 dollars down, or up, at the last close that the gate has seen of it."""
    at_desk = desk(day_loss_open=limit)
    at_desk.filled(in_mes(at_desk), 1, 6_000.0, instrument="MES")
    decide(at_desk, "10:55", instrument="MES", id="MES-2", close=close)

    assert reason(at_desk) is expected


def test_an_entry_in_flight_counts_where_it_would_stand() -> None:
    """A purchase resting at 6,000 with the market now at 5,990 would be 50 dollars down; one that would gain counts nothing."""
    at_desk = desk(day_loss_open=50.0)
    in_mes(at_desk)

    decide(at_desk, "10:55", instrument="MES", id="MES-2", close=6_100.0)
    assert reason(at_desk, "10:56") is None
    at_desk = desk(day_loss_open=50.0)
    in_mes(at_desk)
    decide(at_desk, "10:55", instrument="MES", id="MES-2", close=5_990.0)
    assert reason(at_desk, "10:56") is Reason.DAILY_LOSS_OPEN


@pytest.mark.parametrize(("limit", "expected"), [(3, None), (2, Reason.MAX_TRADES)])
def test_a_pending_trade_is_one_of_the_sessions(limit: int, expected: Reason | None) -> None:
    """One closed, one in flight in another instrument: this would be the third."""
    at_desk = desk(max_trades=limit)
    at_desk.lose(41.24)
    in_mes(at_desk)

    assert reason(at_desk) is expected


# --- rates --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "earlier", "expected"),
    [
        ({"orders_per_second": 2}, ["11:00"], None),
        ({"orders_per_second": 2}, ["11:00", "11:00"], Reason.ORDERS_PER_SECOND),
        ({"orders_per_second": 1}, ["10:59"], None),
        ({"orders_per_minute": 2}, ["11:00", "11:00"], Reason.ORDERS_PER_MINUTE),
        ({"orders_per_minute": 2}, ["10:59", "11:00"], None),  # exactly a minute ago is over
        ({"orders_per_day": 3}, ["10:00", "10:30"], None),
        ({"orders_per_day": 2}, ["10:00", "10:30"], Reason.ORDERS_PER_DAY),
    ],
)
def test_order_rates_by_market_time(limits: dict[str, Any], earlier: list[str], expected: Reason | None) -> None:
    """So many entries, each cancelled at once, before the one at 11:00."""
    at_desk = desk(**limits, loosened=("one_entry_per_bar",))
    for number, at in enumerate(earlier):
        decision = decide(at_desk, at, id=f"E-{number}")
        at_desk.updated(decision.order_id, OrderStatus.CANCELLED)

    assert reason(at_desk) is expected


def test_exits_count_and_pass() -> None:
    """One order a day, and it is used up: the position can still be closed and its stop moved."""
    at_desk = desk(orders_per_day=1)
    at_desk.position("10:50")

    (moved,) = at_desk.ask(intent(Action.MOVE_STOP, at="10:55", stop=20_990.0), at="10:55")
    (left,) = at_desk.ask(intent(Action.EXIT, at="10:56"), at="10:56")
    assert moved.approved
    assert left.approved
    at_desk.filled(left.order_id, -1, 21_000.0, "EXIT", at="10:57")
    assert decide(at_desk).detail == "3 orders in the session, at most 1"


# --- facts ----------------------------------------------------------------------------------------------------------------------

EVERY_RAIL: dict[str, Any] = {
    "stop_ticks_at_least": 10_000,
    "stop_ticks_at_most": 1,
    "reward_to_risk": 1_000.0,
    "price_band_ticks": 0,
    "feed_age_s": 0.0,
    "missing_bars": 0,
    "entry_windows": (),
    "flatten_from": "00:00",
    "close_min": 1_000,
    "max_contracts": 1,
    "instrument_contracts": 1,
    "account_contracts": 1,
    "max_positions": 1,
    "trade_risk": 1.0,
    "day_loss": 1.0,
    "day_loss_open": 1.0,
    "day_profit": 1.0,
    "drawdown": 1.0,
    "max_trades": 1,
    "loss_streak": LossStreak(losses=1, cooldown_min=1_000),
    "orders_per_second": 1,
    "orders_per_minute": 1,
    "orders_per_day": 1,
}


def test_no_rail_stands_in_the_way_of_an_exit() -> None:
    """All of them violated at once, trading off, the switch latched, the link down, the account gone: exit and moves pass."""
    at_desk = Desk()
    at_desk.lose(41.24)
    at_desk.position("10:50")
    before = at_desk.gate
    strict = Gate(conf(risk=RiskLimits(contracts=1, **EVERY_RAIL), trading=Trading(enabled=False, account=ACCOUNT)))
    strict.book, strict.orders, strict.killed = before.book, before.orders, True
    strict.observed.link_up, strict.observed.accounts, strict.observed.now_ns = False, (), eastern("15:00")
    at_desk.gate = strict

    wanted = (
        intent(Action.MOVE_STOP, stop=20_990.0),
        intent(Action.MOVE_TARGET, target=21_010.0),
        intent(Action.EXIT, reason="EOD"),
    )
    decisions = at_desk.ask(*wanted, degraded=True, missing=100)
    assert [decision.reason for decision in decisions] == [None, None, None]


def test_every_reason_reaches_the_reject_fact_with_its_numbers() -> None:
    """The code and the sentence are in the decision and in the fact that is published, journaled and tapped."""
    at_desk = desk(stop_ticks_at_most=79)
    decision = decide(at_desk)

    (fact,) = at_desk.bodies(Reject)
    assert (
        (fact.reason, fact.detail) == (decision.reason, decision.detail) == (Reason.STOP_TOO_FAR, "stop 80 ticks away, at most 79")
    )


def test_the_trading_state_is_published_when_it_changes() -> None:
    """A trade that reaches a limit publishes the new standing; the next session's first request publishes ACTIVE."""
    at_desk = desk(day_loss=41.24)
    at_desk.lose(41.24)
    at_desk.ask(intent())
    at_desk.ask(intent(day="2026-03-04"), day="2026-03-04")

    published = [(stands.session, stands.state, stands.reason) for stands in at_desk.bodies(Risk)]
    assert published == [(DAY, "REDUCING", "DAILY_LOSS"), ("2026-03-04", "ACTIVE", "")]


def test_a_dispute_halts_until_it_is_resolved() -> None:
    """The venue reports flat, our books are long: HALTED at once. The missing fill arrives: ACTIVE again."""
    at_desk = desk()
    entry_id = at_desk.position()
    at_desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")
    at_desk.filled(entry_id, -1, 21_000.0, "STOP", at="11:04")

    assert [(stands.state, stands.reason) for stands in at_desk.bodies(Risk)] == [("HALTED", "UNRECONCILED"), ("ACTIVE", "")]


def test_the_standing_holds_open_and_realised_by_strategy() -> None:
    """One strategy has lost 41.24 and is out, another stands 25 dollars up in MES."""
    at_desk = desk()
    at_desk.lose(41.24, strategy="Loser")
    order_id = decide(at_desk, "10:50", instrument="MES", id="MES-1", strategy="Holder", entry=6_000.0, stop=5_990.0, target=None)
    at_desk.filled(order_id.order_id, 1, 6_000.0, instrument="MES")
    at_desk.step(intents(at="10:55", id="Q", instrument="MES", close=6_005.0))

    stands = at_desk.gate.standing(DAY)
    assert (stands.realised_cents, stands.open_cents, stands.total_cents) == (-4_124, 2_500, -4_124)
    assert [(own.strategy, own.realised_cents, own.open_cents, own.trades) for own in stands.strategies] == [
        ("Holder", 0, 2_500, 0),
        ("Loser", -4_124, 0, 1),
    ]

"""An entry on the bar of an exit: requested where the strategy says so, filled with the exit, and never lost in silence."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from tapewire.bus.messages import (
    LONG,
    SHORT,
    Action,
    ClosePosition,
    Intents,
    OrderStatus,
    PlaceOrder,
    Reason,
    Reject,
    Suppressed,
    Trade,
)
from tapewire.bus.testing import bar, eastern, intent
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import RiskLimits
from tapewire.replay.venue.core import Venue
from tapewire.strategies import registry
from tests.crossing import ZIGZAG, bars, of, played, settings
from tests.gates import ACCOUNT, Desk, conf
from tests.mean_cross import MeanCross


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "mean_cross", MeanCross)  # type: ignore[arg-type]


# --- a run ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["next_open", "close"])
def test_each_turn_is_an_exit_and_an_entry_of_one_fill(fill: str) -> None:
    """Long, short, long: a trade ends in the bar and at the price at which the next one begins, in both fill models."""
    told = played(settings(fill=fill, mean_cross__reverses=True), bars())

    trades = of(told, Trade)
    assert [trade.direction for trade in trades] == [SHORT, LONG, SHORT, LONG, SHORT]
    assert [(one.exit_ns, one.exit_price) for one in trades[:-1]] == [(two.entry_ns, two.entry_price) for two in trades[1:]]
    assert {trade.reason for trade in trades[:-1]} == {"CROSS"}
    assert not of(told, Reject)
    assert not of(told, Suppressed)


def test_an_exit_that_does_not_ask_counts_the_entry_that_it_costs() -> None:
    """Every second signal is then lost: not in silence, but under the name of the rule, with its prices."""
    told = played(settings(mean_cross__reverses=True, mean_cross__asks=False), bars())

    asked, lost = of(told, Trade), of(told, Suppressed)
    assert (len(asked), len(lost)) == (3, 2)
    assert {each.reason for each in lost} == {"EXIT_BAR"}
    assert {each.direction for each in lost} == {LONG}
    assert all(each.stop < each.entry for each in lost)


def test_the_request_has_the_exit_first_and_names_it_in_the_entry() -> None:
    """One request, so the gate decides on both in one step."""
    told = played(settings(mean_cross__reverses=True), bars())

    both = [request.intents for request in of(told, Intents) if len(request.intents) == 2]
    assert len(both) == 4
    for leaves, enters in both:
        assert (leaves.action, enters.after) == (Action.EXIT, leaves.id)
    assert [order.after for order in of(told, PlaceOrder)] == [msgspec.UNSET, *(leaves.id for leaves, _ in both)]


def test_the_last_turn_of_a_date_leaves_and_does_not_enter() -> None:
    """The date ends before the entry could fill: the position ends at the last close, by its exit."""
    told = played(settings(mean_cross__reverses=True), bars((*ZIGZAG[:4],)))

    assert [(trade.direction, trade.reason) for trade in of(told, Trade)] == [(SHORT, "CROSS")]


# --- the gate ------------------------------------------------------------------------------------------------------------------


def turn(desk: Desk, at: str = "11:05", after: str = "", **fields: Any) -> Any:
    """An exit of the open position and an entry that follows it, in one request."""
    leaves = intent(Action.EXIT, at=at, direction=LONG, entry_id=desk.gate.book.entry_id("MNQ"), reason="CROSS")
    enters = intent(Action.ENTER_SHORT, at=at, after=after or leaves.id, **fields)
    return desk.ask(leaves, enters, at=at)


def test_the_gate_lets_an_entry_follow_the_close_of_all_of_the_position() -> None:
    """The close first, then the entry, which names it: the venue holds it back until the position is flat."""
    desk = Desk()
    desk.position()

    leaves, enters = turn(desk)

    assert (leaves.approved, enters.approved) == (True, True), enters.detail
    (close,), (*_, order) = desk.bodies(ClosePosition), desk.bodies(PlaceOrder)
    assert (order.action, order.after, order.qty) == (Action.ENTER_SHORT, close.id, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"after": "MNQ-20260303-1105-OTHER-X"}, Reason.POSITION_OPEN),  # there is no such close
        ({"stop": 20_900.0}, Reason.STOP_SIDE),  # the other checks stay
    ],
)
def test_an_entry_that_follows_nothing_is_refused_as_ever(change: dict[str, Any], reason: Reason) -> None:
    """Only a close of ours that is in flight makes room."""
    desk = Desk()
    desk.position()

    _, enters = turn(desk, **change)

    assert enters.reason is reason


def test_a_part_of_the_position_does_not_make_room() -> None:
    """A close of fewer contracts than are held leaves a position, so no entry follows it."""
    desk = Desk(conf(risk=RiskLimits(contracts=2)))
    desk.position()
    (leaves,) = desk.ask(intent(Action.EXIT, at="11:05", direction=LONG, reason="CROSS"), at="11:05")
    order = desk.gate.orders.get(leaves.order_id)
    assert order is not None
    order.filled = 1

    (enters,) = desk.ask(intent(Action.ENTER_SHORT, at="11:06", after=leaves.order_id), at="11:06")

    assert enters.reason is Reason.POSITION_OPEN


def test_limits_on_contracts_count_what_will_be_held() -> None:
    """One contract after the other is one contract, not two."""
    desk = Desk(conf(risk=RiskLimits(contracts=1, instrument_contracts=1, account_contracts=1, max_positions=1)))
    desk.position()

    leaves, enters = turn(desk)

    assert (leaves.approved, enters.approved, enters.size) == (True, True, 1), enters.detail


def test_the_books_turn_with_the_two_fills() -> None:
    """The trade ends with the close's fill and the next position is the entry's own."""
    desk = Desk()
    desk.position()
    leaves, enters = turn(desk)
    desk.filled(leaves.order_id, -1, 21_010.0, "EXIT", at="11:06")
    desk.filled(enters.order_id, -1, 21_010.0, at="11:06")

    (trade,) = desk.bodies(Trade)
    assert (trade.reason, trade.exit_price) == ("CROSS", 21_010.0)
    assert (desk.gate.book.qty("MNQ"), desk.gate.book.entry_id("MNQ")) == (-1, enters.order_id)


def test_a_state_in_between_is_restored() -> None:
    """A gate that dies between the two fills goes on with both orders in flight."""
    desk = Desk()
    desk.position()
    _, enters = turn(desk)
    held = desk.gate.orders.get(enters.order_id)
    assert held is not None

    again, _ = type(desk.gate).restored(desk.gate.conf, desk.gate.snapshot())

    kept = again.orders.get(enters.order_id)
    assert kept is not None
    assert dataclasses.asdict(kept) == dataclasses.asdict(held)
    assert kept.after


# --- the venue -------------------------------------------------------------------------------------------------------------------


def order(name: str, action: Action, **fields: Any) -> PlaceOrder:
    sign = 1 if action is Action.ENTER_LONG else -1
    return PlaceOrder(name, ACCOUNT, "MNQ", action, 1, 100.0 - 10 * sign, None, eastern("11:09"), **fields)


def held() -> Venue:
    """A venue with a long position."""
    venue = Venue(instruments(), ACCOUNT)
    venue.on_bar(bar("11:00", 100.0))
    venue.on_order(order("IN", Action.ENTER_LONG))
    venue.on_bar(bar("11:01", 100.0))
    assert venue.position("MNQ").qty == 1
    return venue


def test_the_venue_holds_the_entry_until_the_close_has_filled() -> None:
    """Both work until the next open; there the close fills, then the entry, at one price less each side's slippage."""
    venue = held()
    venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "IN", "CROSS"))
    (taken,) = venue.on_order(order("TURN", Action.ENTER_SHORT, after="OUT"))
    working = venue.position("MNQ").working
    filled = venue.on_bar(bar("11:02", 102.0))

    assert (taken.status, working) == (OrderStatus.ACCEPTED, ("TURN", "OUT"))  # type: ignore[union-attr]
    assert [(each.role, each.qty, each.price) for each in filled] == [  # type: ignore[union-attr]
        ("EXIT", -1, 101.75),
        ("ENTRY", -1, 101.75),
    ]
    assert venue.position("MNQ").entry_id == "TURN"


@pytest.mark.parametrize("after", [msgspec.UNSET, "ANOTHER"])
def test_the_venue_takes_no_second_position_otherwise(after: str | msgspec.UnsetType) -> None:
    """Without the close that it names, the entry is one too many."""
    venue = held()
    venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "IN", "CROSS"))

    (refused,) = venue.on_order(order("TURN", Action.ENTER_SHORT, after=after))

    assert refused.status is OrderStatus.REJECTED  # type: ignore[union-attr]
    assert "one position per instrument" in refused.detail  # type: ignore[union-attr]


def test_an_empty_bar_keeps_both_waiting_in_the_model_close() -> None:
    """Nobody traded at its prices: the close and the entry fill on the next bar that trades, in this order."""
    venue = Venue(instruments(), ACCOUNT, "close")
    venue.on_bar(bar("11:00", 100.0))
    venue.on_order(order("IN", Action.ENTER_LONG))
    venue.on_bar(msgspec.structs.replace(bar("11:01", 100.0), volume=0))
    venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "IN", "CROSS"))
    venue.on_order(order("TURN", Action.ENTER_SHORT, after="OUT"))

    filled = venue.on_bar(bar("11:02", 102.0))

    assert [each.role for each in filled] == ["EXIT", "ENTRY"]  # type: ignore[union-attr]

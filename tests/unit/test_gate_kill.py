"""The kill switch: latched until a person arms again; exits pass; flattening cancels working entries and closes open positions."""

from __future__ import annotations

import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Command, Reply
from tapewire.bus.messages import Action, Arm, CancelOrder, ClosePosition, Kill, OrderStatus, Reason, Risk, Trade
from tapewire.bus.testing import intent
from tests.gates import ACCOUNT, Desk

WORD = topics.of(topics.OPERATOR, "word")
KILL, FLATTEN, ARM = Kill("anna"), Kill("anna", flatten=True), Arm("anna")


def obey(desk: Desk, *controls: Kill | Arm) -> None:
    for control in controls:
        desk.step(control, topic=WORD)


def test_a_killed_gate_refuses_entries_until_it_is_armed() -> None:
    """KILLED is the reason; arming lets the next entry through."""
    desk = Desk()
    obey(desk, KILL)
    (refused,) = desk.ask(intent(at="11:00"), at="11:00")

    obey(desk, ARM)
    (approved,) = desk.ask(intent(at="11:01"), at="11:01")

    assert refused.reason is Reason.KILLED
    assert approved.approved


def test_exits_pass_a_killed_gate() -> None:
    """Protecting a position is never blocked."""
    desk = Desk()
    order_id = desk.position()
    obey(desk, KILL)

    (decision,) = desk.ask(intent(Action.EXIT, at="11:05", entry_id=order_id), at="11:05")

    assert decision.approved


def test_the_operator_receives_the_standing_in_reply() -> None:
    """The reply to a command holds the account's state."""
    outputs = Desk().step(KILL, topic=WORD)

    assert isinstance(outputs[-1], Reply)
    assert isinstance(outputs[-1].body, Risk)


def test_killing_without_flatten_leaves_the_position_to_its_bracket() -> None:
    """No command goes out: the stop and the target rest at the venue."""
    desk = Desk()
    desk.position()

    assert not [output for output in desk.step(KILL, topic=WORD) if isinstance(output, Command)]


def test_flattening_closes_what_is_open() -> None:
    """One close for the position; the trade that it ends has the reason KILL."""
    desk = Desk()
    order_id = desk.position()
    obey(desk, FLATTEN)
    (close,) = desk.bodies(ClosePosition)

    desk.filled(close.id, -1, 21_010.0, "EXIT", at="11:06", index=96)

    assert (close.entry_id, close.account, close.reason) == (order_id, ACCOUNT, "KILL")
    assert [trade.reason for trade in desk.bodies(Trade)] == ["KILL"]


def test_flattening_cancels_an_entry_in_flight() -> None:
    """The entry that has not filled is cancelled, and the venue's update of the cancel itself raises no alarm."""
    desk = Desk()
    order_id = desk.enter()
    obey(desk, FLATTEN)
    (cancel,) = desk.bodies(CancelOrder)

    desk.updated(cancel.id, OrderStatus.DONE)
    desk.updated(order_id, OrderStatus.CANCELLED)

    order = desk.gate.orders.get(order_id)
    assert cancel.order_id == order_id
    assert order is not None
    assert order.status is OrderStatus.CANCELLED


def test_a_fill_that_wins_the_race_is_closed_by_the_next_kill() -> None:
    """The cancel came too late: there is a position now, and killing again closes it under an id of its own."""
    desk = Desk()
    order_id = desk.enter()
    obey(desk, FLATTEN)
    desk.filled(order_id, 1, 21_000.0)

    obey(desk, FLATTEN)

    assert [close.entry_id for close in desk.bodies(ClosePosition)] == [order_id]


@pytest.mark.parametrize("controls", [(KILL,), (KILL, ARM), (KILL, ARM, FLATTEN)])
def test_the_latch_is_a_fold(controls: tuple[Kill | Arm, ...]) -> None:
    """A gate that folds the same commands again, as after a crash, has the same state."""
    once, again = Desk(), Desk()
    obey(once, *controls)
    obey(again, *controls)

    assert once.gate.killed == again.gate.killed == isinstance(controls[-1], Kill)


def test_ids_of_a_kill_fit_the_venue() -> None:
    """At most fifty characters, also for the longest order id there can be."""
    desk = Desk()
    long = "M" * 50
    desk.ask(intent(id=long))
    obey(desk, FLATTEN)

    assert all(len(cancel.id) <= 50 for cancel in desk.bodies(CancelOrder))

"""The states of an order: the transition table, and what the gate publishes about it."""

import pytest

from tapewire.bus.messages import Action, Alarm, OrderEvent, OrderStatus
from tapewire.bus.testing import intent
from tapewire.daemons.gate.books.orders import DONE, TRANSITIONS, TRIGGERS, WORKING, Order, Orders, Trigger
from tests.gates import ACCOUNT, Desk

PENDING, ACCEPTED, PARTIAL = OrderStatus.PENDING, OrderStatus.ACCEPTED, OrderStatus.PARTIAL
FILLED, CARRIED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.DONE, OrderStatus.CANCELLED, OrderStatus.REJECTED


def order(action: Action = Action.ENTER_LONG, *, qty: int = 2, status: OrderStatus = PENDING) -> Order:
    wanted = intent(action)
    return Order(wanted.id, "MNQ", ACCOUNT, wanted, "2026-03-03", 0, 0, "intent.MNQ.@1:1", qty, status=status)


@pytest.mark.parametrize(
    ("story", "path", "ends"),
    [
        ("accepted, then filled", [Trigger.ACCEPT, Trigger.FULL], FILLED),
        ("accepted and filled in two parts", [Trigger.ACCEPT, Trigger.PART, Trigger.FULL], FILLED),
        ("refused at once", [Trigger.REJECT], REJECTED),
        ("refused by the exchange after the platform took it", [Trigger.ACCEPT, Trigger.REJECT], REJECTED),
        ("filled before the acknowledgement arrives", [Trigger.FULL, Trigger.ACCEPT], FILLED),
        ("cancelled before it was acknowledged", [Trigger.CANCEL, Trigger.ACCEPT], CANCELLED),
        ("a fill that won the race against the cancel", [Trigger.ACCEPT, Trigger.CANCEL, Trigger.FULL], FILLED),
        ("half filled, the rest cancelled", [Trigger.ACCEPT, Trigger.PART, Trigger.CANCEL], CANCELLED),
        ("half filled, the rest refused", [Trigger.ACCEPT, Trigger.PART, Trigger.REJECT], CANCELLED),
        ("cancelled, and part of it had filled", [Trigger.ACCEPT, Trigger.CANCEL, Trigger.PART], CANCELLED),
        ("a fill of an order reported as refused", [Trigger.REJECT, Trigger.FULL], FILLED),
        ("a move carried out, and reported twice", [Trigger.CARRY_OUT, Trigger.CARRY_OUT], CARRIED),
        ("a close whose position a stop took first", [Trigger.ACCEPT, Trigger.FLAT, Trigger.CANCEL], CARRIED),
        ("acknowledged twice", [Trigger.ACCEPT, Trigger.ACCEPT], ACCEPTED),
    ],
)
def test_paths_through_the_table(story: str, path: list[Trigger], ends: OrderStatus) -> None:
    """Each path is one that happens; none of its steps is a contradiction."""
    walked = order()

    assert None not in [walked.apply(trigger) for trigger in path], story
    assert walked.status is ends, story


@pytest.mark.parametrize(
    ("status", "trigger"),
    [
        (FILLED, Trigger.REJECT),
        (FILLED, Trigger.CANCEL),
        (FILLED, Trigger.PART),
        (CARRIED, Trigger.FULL),
        (REJECTED, Trigger.CANCEL),
    ],
)
def test_a_contradiction_changes_nothing(status: OrderStatus, trigger: Trigger) -> None:
    """A pair outside the table is reported as None and leaves the order as it was."""
    contradicted = order(status=status)

    assert contradicted.apply(trigger) is None
    assert contradicted.status is status


def test_nothing_returns_from_done_to_working() -> None:
    """Whatever arrives late, a finished order never blocks entries again."""
    assert {after for (before, _), after in TRANSITIONS.items() if before in DONE} <= DONE


def test_every_status_is_either_working_or_done() -> None:
    """The two sets divide all statuses, and every working one has a transition for each trigger."""
    assert set(OrderStatus) == WORKING | DONE
    assert not WORKING & DONE
    assert all((status, trigger) in TRANSITIONS for status in WORKING for trigger in Trigger)


def test_an_update_may_have_four_statuses() -> None:
    """PENDING is ours alone, and executions report fills."""
    assert set(TRIGGERS) == {ACCEPTED, REJECTED, CANCELLED, CARRIED}


def test_fills_count_up_to_the_quantity() -> None:
    """Two contracts fill one by one: PARTIAL, then FILLED."""
    two = order(qty=2, status=ACCEPTED)

    assert (two.fill(1), two.status) == (True, PARTIAL)
    assert (two.fill(1), two.status) == (True, FILLED)


def test_moves_do_not_count_as_working() -> None:
    """A move of the bracket cannot change the position, so it never blocks an entry."""
    orders = Orders()
    orders.add(order(Action.MOVE_STOP))
    entry = order()
    orders.add(entry)

    assert orders.working("MNQ") == [entry]
    entry.apply(Trigger.CANCEL)
    assert orders.working("MNQ") == []


def test_each_status_is_published_once() -> None:
    """One OrderEvent per change: acknowledged, filled. The resent acknowledgement publishes nothing."""
    desk = Desk()
    order_id = desk.enter()
    desk.updated(order_id, ACCEPTED)
    desk.updated(order_id, ACCEPTED)
    desk.filled(order_id, 1, 21_000.25)
    desk.updated(order_id, ACCEPTED, number=2)

    assert [change.status for change in desk.bodies(OrderEvent)] == [ACCEPTED, FILLED]


def test_the_venues_reason_is_published_with_a_rejection() -> None:
    """The fact of a rejected order carries the venue's reason."""
    desk = Desk()
    desk.updated(desk.enter(), REJECTED, detail="margin")

    assert desk.bodies(OrderEvent)[-1].detail == "margin"


@pytest.mark.parametrize("status", [PENDING, PARTIAL, FILLED])
def test_a_status_that_an_update_may_not_have_raises_an_alarm(status: OrderStatus) -> None:
    """Fills come as executions only, so a FILLED without one is a contradiction and moves nothing."""
    desk = Desk()
    order_id = desk.enter()
    desk.updated(order_id, status)

    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["contradiction"]
    assert desk.gate.orders.working("MNQ")


def test_an_unknown_order_raises_an_alarm() -> None:
    """An update of an order that is not ours needs a person's attention."""
    desk = Desk()
    desk.updated("NOT-OURS", ACCEPTED)

    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["unknown_order"]


def test_a_close_that_came_too_late_is_done() -> None:
    """The stop filled while our close was in flight: the close is finished, and the next entry is free."""
    desk = Desk()
    entry_id = desk.position()
    (close,) = desk.ask(intent(Action.EXIT, at="11:10", reason="EOD"), at="11:10")
    desk.filled(entry_id, -1, 20_980.0, "STOP", at="11:11")

    assert desk.bodies(OrderEvent)[-1].order_id == close.order_id
    assert desk.bodies(OrderEvent)[-1].status is CARRIED
    assert desk.enter("11:12")

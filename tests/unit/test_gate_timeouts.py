"""Overdue orders: unanswered ones stop entries until the venue reports on them, late entries are cancelled."""

import pytest
from msgspec.structs import replace

from tapewire.bus.daemon import Command, When
from tapewire.bus.messages import Action, Alarm, CancelOrder, Due, Kill, LinkState, OrderStatus, Reason, Risk
from tapewire.bus.testing import eastern, event, intent
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Trading
from tests.gates import ACCOUNT, Desk, conf

SECOND_NS = 1_000_000_000
REQUESTED = eastern("11:00")
TRADING = Trading(enabled=True, account=ACCOUNT, answer_s=10, cancel_s=30)


@pytest.fixture
def desk() -> Desk:
    """A gate that waits ten seconds for an answer, and thirty beyond the validity of an entry."""
    return Desk(conf(trading=TRADING, traded=("MNQ", "MES")))


def test_a_gate_with_nothing_in_flight_needs_no_due_time(desk: Desk) -> None:
    """Before an order, after its fill, and with its bracket resting."""
    before = desk.gate.due_ns
    desk.position()

    assert (before, desk.gate.due_ns) == (0, 0)


def test_an_unanswered_order_stops_entries_until_its_update(desk: Desk) -> None:
    """Due ten seconds after it was sent, not before; one alarm; it stays in flight; the venue's update lets entries pass again."""
    order_id = desk.enter()
    due = desk.gate.due_ns
    early = desk.step(Due(due - 1), topic="due.")
    desk.step(Due(due), topic="due.")
    elsewhere = intent(at="11:01", id="MES-1", entry=6_000.0, stop=5_990.0, target=None)
    (refused,) = desk.ask(elsewhere, at="11:01", id="Q", instrument="MES", close=6_000.0)
    desk.updated(order_id, OrderStatus.REJECTED)

    assert due == REQUESTED + 10 * SECOND_NS
    assert early == []
    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["unanswered"]
    assert refused.reason is Reason.UNANSWERED
    assert order_id in refused.detail
    assert [(stands.state, stands.reason) for stands in desk.bodies(Risk)] == [("REDUCING", "UNANSWERED"), ("ACTIVE", "")]
    assert desk.enter("11:02")


def test_a_close_of_the_kill_switch_that_does_not_fill_is_an_alarm(desk: Desk) -> None:
    """Thirty seconds after the operator's word the venue has accepted it and filled nothing: a person must look, once."""
    desk.position()
    kill = event(Kill("anna", flatten=True), topic="operator.word.", seq=99)
    desk.gate.step(kill.but(header=replace(kill.header, event_ns=REQUESTED + 300 * SECOND_NS)))
    desk.updated("MNQ-KILL1-X", OrderStatus.ACCEPTED)
    due = desk.gate.due_ns
    desk.step(Due(due), topic="due.")

    (alarm,) = [each for each in desk.bodies(Alarm) if each.name == "not_closed"]
    assert due == REQUESTED + 330 * SECOND_NS
    assert "MNQ-KILL1-X was accepted and has not closed 1 MNQ" in alarm.text
    assert desk.gate.due_ns == 0


def test_the_word_of_a_person_is_as_old_as_it_is(desk: Desk) -> None:
    """On a quiet feed the last market time is long ago. An order of that time would be unanswered before the venue has it."""
    assert gate.daemon(conf()).admission(Kill("anna")).when is When.ESTIMATED


def test_an_exit_passes_while_an_order_is_unanswered(desk: Desk) -> None:
    """A move of the stop without an answer does not keep the position from being closed."""
    entry_id = desk.position()
    (first,) = desk.ask(intent(Action.EXIT, at="11:02", entry_id=entry_id, id="X1"), at="11:02")
    desk.step(Due(desk.gate.due_ns), topic="due.")
    (second,) = desk.ask(intent(Action.EXIT, at="11:03", entry_id=entry_id, id="X2"), at="11:03")

    assert first.approved
    assert second.approved


def test_an_entry_that_works_beyond_its_validity_is_cancelled_once(desk: Desk) -> None:
    """Thirty seconds after the end of its validity, with a cancel of its own id; then there is nothing more to wait for."""
    order_id = desk.enter(valid_until_ns=REQUESTED + 60 * SECOND_NS)
    desk.updated(order_id, OrderStatus.ACCEPTED)
    due = desk.gate.due_ns
    outputs = desk.step(Due(due), topic="due.")

    assert due == REQUESTED + 90 * SECOND_NS
    assert [output.body for output in outputs if isinstance(output, Command)] == [
        CancelOrder(f"{order_id}-T", ACCOUNT, "MNQ", order_id)
    ]
    assert desk.gate.due_ns == 0
    assert desk.step(Due(due + 1), topic="due.") == []


@pytest.mark.parametrize(
    ("story", "updates", "qty", "free"),
    [
        ("cancelled in time", ["CANCELLED"], 0, True),
        ("filled before the cancel arrived", ["fill"], 1, False),
        ("cancelled, and a fill that was under way", ["CANCELLED", "fill"], 1, False),
    ],
)
def test_an_entry_after_its_cancel(desk: Desk, story: str, updates: list[str], qty: int, free: bool) -> None:
    """The cancel or the fill that wins the race is booked, and nothing stays in flight."""
    order_id = desk.enter(valid_until_ns=REQUESTED + 60 * SECOND_NS)
    desk.updated(order_id, OrderStatus.ACCEPTED)
    desk.step(Due(desk.gate.due_ns), topic="due.")
    for update in updates:
        if update == "fill":
            desk.filled(order_id, 1, 21_000.0)
        else:
            desk.updated(order_id, OrderStatus(update))
    desk.updated(f"{order_id}-T", OrderStatus.DONE)

    assert desk.gate.book.qty("MNQ") == qty
    assert desk.gate.orders.working("MNQ") == []
    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["asked_back"]
    assert desk.ask(intent(at="11:05"), at="11:05")[0].approved is free


def test_a_logger_without_heartbeat_stops_entries_until_it_is_back(desk: Desk) -> None:
    """No trade may go unrecorded. The account's standing has the reason, and an exit still passes."""
    entry_id = desk.position()
    desk.step(LinkState(up=False, detail="silent", of="journal"), topic="journal.link.")
    (exit_,) = desk.ask(intent(Action.EXIT, at="11:02", entry_id=entry_id), at="11:02")
    desk.filled(exit_.order_id, -1, 21_000.0, "EXIT")
    (refused,) = desk.ask(intent(at="11:03"), at="11:03")
    desk.step(LinkState(up=True, of="journal"), topic="journal.link.")

    assert exit_.approved
    assert refused.reason is Reason.JOURNAL_DOWN
    assert [stands.reason for stands in desk.bodies(Risk)] == ["JOURNAL_DOWN", "JOURNAL_DOWN", ""]
    assert desk.enter("11:04")

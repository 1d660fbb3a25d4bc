"""At-least-once sending: at once, then with doubling pauses, until acknowledged."""

import pytest

from tapewire.bus.outbox import Outbox

A, B = [b"", b"order.MNQ.", b"a"], [b"", b"order.MNQ.", b"b"]


def test_a_message_is_due_at_once_and_then_ever_less_often():
    """Pauses double from first_ns up to cap_ns and stay there."""
    outbox = Outbox(first_ns=10, cap_ns=40)
    outbox.put("a", A, 100)

    sent = [now_ns for now_ns in range(100, 260) if outbox.due(now_ns)]

    assert sent == [100, 110, 130, 170, 210, 250]


def test_messages_leave_in_the_order_they_were_put():
    """Orders must reach the venue in the order in which they were decided."""
    outbox = Outbox()
    outbox.put("b", B, 0)
    outbox.put("a", A, 0)

    assert outbox.due(0) == [B, A]
    assert outbox.pending() == ["b", "a"]


def test_an_acknowledged_message_is_not_sent_again():
    """An acknowledgement ends the resending; a second one is recognised as a duplicate."""
    outbox = Outbox()
    outbox.put("a", A, 0)

    assert outbox.done("a")
    assert not outbox.done("a")
    assert outbox.due(10**12) == []
    assert len(outbox) == 0


def test_putting_a_message_twice_changes_nothing():
    """Recovery may put a pending message again; its pauses continue."""
    outbox = Outbox(first_ns=10, cap_ns=10)
    outbox.put("a", A, 0)
    outbox.due(0)
    outbox.put("a", B, 5)

    assert outbox.due(5) == []
    assert outbox.due(10) == [A]


def test_the_next_time_bounds_the_wait_of_the_poller():
    """None while no message is pending, else the time of the earliest resend."""
    outbox = Outbox(first_ns=10, cap_ns=40)
    assert outbox.next_ns() is None

    outbox.put("a", A, 100)
    assert outbox.next_ns() == 100
    outbox.due(100)
    outbox.put("b", B, 105)
    assert outbox.next_ns() == 105
    outbox.due(105)
    assert outbox.next_ns() == 110


@pytest.mark.parametrize("first_ns, cap_ns", [(0, 10), (-1, 10), (20, 10)])
def test_impossible_pauses_are_refused(first_ns, cap_ns):
    """A pause of 0 would flood the other side."""
    with pytest.raises(ValueError, match="0 < first_ns <= cap_ns"):
        Outbox(first_ns, cap_ns)

"""A reader and its numbers: order, duplicates, holes, gaps and epochs (PROTOCOL.md, "Order and loss")."""

import pytest

from tapewire.bus.messages import Gap, Header, Resend
from tapewire.bus.sequence import RESEND_EVERY_NS, Sequencer

TOPIC = "raw.bar.MNQ.1m."
HEAL_NS = 2_000_000_000


def reader(**choices):
    return Sequencer("reader", **{"complete": True, "heal_ns": HEAL_NS, **choices})


def admit(sequencer, *seqs, epoch=1, now_ns=0):
    """Feed numbers and return the delivered items; the item of number n in epoch e is the text "e:n"."""
    out = []
    for seq in seqs:
        out += sequencer.admit(TOPIC, Header(1, "nt", epoch, seq, 0), f"{epoch}:{seq}", now_ns)
    return out


def items(*seqs, epoch=1):
    return [f"{epoch}:{seq}" for seq in seqs]


@pytest.mark.parametrize(
    "arriving, delivered, repeats",
    [
        pytest.param([1, 2, 3], [1, 2, 3], 0, id="in order: at once"),
        pytest.param([1, 1, 2, 2], [1, 2], 2, id="a duplicate is dropped"),
        pytest.param([1, 3, 2], [1, 2, 3], 0, id="overtaken: restored order"),
        pytest.param([1, 3, 3, 2, 3], [1, 2, 3], 2, id="a duplicate of a held one is dropped"),
        pytest.param([3, 2, 1], [1, 2, 3], 0, id="backwards"),
        pytest.param([1, 4, 2], [1, 2], 0, id="a hole that is half filled holds the rest"),
        pytest.param([1, 6, 4, 3, 2, 5], [1, 2, 3, 4, 5, 6], 0, id="a hole filled from the middle"),
        pytest.param([0, 1], [1], 1, id="numbers start at 1"),
    ],
)
def test_messages_are_delivered_once_and_in_order(arriving, delivered, repeats):
    """For any order of arrival, a core gets rising numbers, each once."""
    sequencer = reader()

    assert admit(sequencer, *arriving) == items(*delivered)
    assert sequencer.repeats == repeats
    assert sequencer.last == {TOPIC: (1, delivered[-1])}


def test_a_complete_reader_expects_a_topic_from_its_first_number():
    """A complete reader holds number 5 until 1 to 4 have arrived."""
    sequencer = reader()

    assert admit(sequencer, 5) == []
    assert sequencer.missing(0) == [Resend(TOPIC, 1, 1, 4)]


def test_a_tap_starts_with_the_first_number_it_sees():
    """A late reader delivers from its first message on, and requests a loss from then on."""
    sequencer = reader(complete=False)

    assert admit(sequencer, 5, 6, 8) == items(5, 6)
    assert sequencer.missing(0) == [Resend(TOPIC, 1, 7, 7)]


def test_a_tap_ignores_heartbeats_of_topics_it_has_not_seen():
    """A heartbeat must not make the broker's last value, which arrives later, look like a duplicate."""
    sequencer = reader(complete=False)
    sequencer.announced(TOPIC, 1, 5, 0)

    assert admit(sequencer, 5) == items(5)


def test_a_primed_topic_continues_where_the_journal_ended():
    """After recovery, numbers of the journal are duplicates and the next one is expected."""
    sequencer = reader()
    sequencer.prime(TOPIC, 1, 5)

    assert admit(sequencer, 5, 6) == items(6)
    assert sequencer.repeats == 1


def test_priming_releases_the_messages_held_for_the_journal():
    """A joiner subscribes first; live messages are delivered as soon as history closes the hole before them."""
    sequencer = reader()
    admit(sequencer, 6, 7, 9)

    assert sequencer.prime(TOPIC, 1, 6) == items(7)
    assert sequencer.missing(0) == [Resend(TOPIC, 1, 8, 8)]
    assert admit(sequencer, 8) == items(8, 9)


def test_priming_never_goes_back():
    """A journal that ends before the delivered numbers changes nothing."""
    sequencer = reader()
    admit(sequencer, 1, 2, 3)
    admit(sequencer, 1, epoch=2)
    sequencer.prime(TOPIC, 2, 0)
    sequencer.prime(TOPIC, 1, 7)

    assert sequencer.last == {TOPIC: (2, 1)}


def test_a_hole_is_requested_at_once_and_then_four_times_a_second():
    """Resend requests are paced per hole; a new hole does not wait for the turn of an old one."""
    sequencer = reader()
    admit(sequencer, 1, 3)

    assert sequencer.missing(0) == [Resend(TOPIC, 1, 2, 2)]
    assert sequencer.missing(RESEND_EVERY_NS - 1) == []
    admit(sequencer, 6, now_ns=RESEND_EVERY_NS - 1)
    assert sequencer.missing(RESEND_EVERY_NS - 1) == [Resend(TOPIC, 1, 4, 5)]
    assert sequencer.missing(RESEND_EVERY_NS) == [Resend(TOPIC, 1, 2, 2)]


def test_a_heartbeat_shows_that_the_last_message_was_lost():
    """No message follows a lost last message, so only the writer's own count can reveal the hole."""
    sequencer = reader()
    admit(sequencer, 1)
    sequencer.announced(TOPIC, 1, 3, 0)

    assert sequencer.missing(0) == [Resend(TOPIC, 1, 2, 3)]
    assert admit(sequencer, 2, 3) == items(2, 3)
    assert sequencer.healed == 2


def test_a_heartbeat_without_a_new_number_opens_no_hole():
    """Equal, older and older-epoch counts are ignored."""
    sequencer = reader()
    admit(sequencer, 1, 2)
    sequencer.announced(TOPIC, 1, 2, 0)
    sequencer.announced(TOPIC, 1, 1, 0)
    sequencer.announced(TOPIC, 0, 9, 0)

    assert sequencer.missing(0) == []


def test_a_heartbeat_alone_reveals_a_topic_to_a_complete_reader():
    """Every message of a topic may have been lost; the heartbeat's count is then the first information."""
    sequencer = reader()
    sequencer.announced(TOPIC, 3, 2, 0)

    assert sequencer.missing(0) == [Resend(TOPIC, 3, 1, 2)]


def test_a_hole_that_does_not_heal_becomes_a_gap_before_the_held_messages():
    """After heal_ns the loss is a fact: the core gets the gap and then the held messages."""
    sequencer = reader()
    admit(sequencer, 1, 4, 5)

    assert sequencer.given_up(HEAL_NS - 1) == []
    assert sequencer.given_up(HEAL_NS) == [(Gap(TOPIC, 1, 2, 3, "reader"), items(4, 5))]
    assert sequencer.lost == 2
    assert sequencer.last == {TOPIC: (1, 5)}
    assert sequencer.missing(HEAL_NS) == []


def test_a_message_that_arrives_after_its_gap_is_a_duplicate():
    """A Gap is final: the core has already decided on it."""
    sequencer = reader()
    admit(sequencer, 1, 3)
    sequencer.given_up(HEAL_NS)

    assert admit(sequencer, 2) == []
    assert sequencer.repeats == 1


def test_each_hole_has_its_own_time_to_heal():
    """A younger hole behind an old one continues to wait, and holds only the messages after it."""
    sequencer = reader()
    admit(sequencer, 1, 3)
    admit(sequencer, 5, now_ns=1)

    assert sequencer.given_up(HEAL_NS) == [(Gap(TOPIC, 1, 2, 2, "reader"), items(3))]
    assert admit(sequencer, 4) == items(4, 5)


def test_without_a_limit_a_hole_waits_for_ever():
    """heal_ns=None is for links that resend until acknowledged: no message is lost there, only late."""
    sequencer = reader(heal_ns=None)
    admit(sequencer, 1, 3)

    assert sequencer.given_up(10**18) == []
    assert admit(sequencer, 2) == items(2, 3)


def test_a_higher_epoch_starts_the_topic_again():
    """A restarted writer counts from 1; stragglers of its former epoch are dropped."""
    sequencer = reader()
    admit(sequencer, 1, 2)

    assert admit(sequencer, 1, epoch=2) == items(1, epoch=2)
    assert admit(sequencer, 3) == []
    assert sequencer.last == {TOPIC: (2, 1)}


def test_a_new_epoch_is_expected_from_its_first_number():
    """The first message received from a new epoch may be its third."""
    sequencer = reader()
    admit(sequencer, 1)

    assert admit(sequencer, 3, epoch=2) == []
    assert sequencer.missing(0) == [Resend(TOPIC, 2, 1, 2)]
    assert admit(sequencer, 1, 2, epoch=2) == items(1, 2, 3, epoch=2)


@pytest.mark.parametrize("heal_ns", [HEAL_NS, None])
def test_holes_of_an_old_epoch_become_gaps_before_any_new_message(heal_ns):
    """The writer that could fill the holes has ended: gaps and held messages come out first, in order, then the new epoch."""
    sequencer = reader(heal_ns=heal_ns)
    admit(sequencer, 1, 3, 5)

    assert admit(sequencer, 1, 2, epoch=2) == []
    assert sequencer.given_up(0) == [
        (Gap(TOPIC, 1, 2, 2, "reader"), items(3)),
        (Gap(TOPIC, 1, 4, 4, "reader"), items(5) + items(1, 2, epoch=2)),
    ]
    assert admit(sequencer, 3, epoch=2) == items(3, epoch=2)


def test_two_epochs_may_pass_while_gaps_are_pending():
    """Holes of several former epochs keep their order."""
    sequencer = reader()
    admit(sequencer, 1, 3)
    admit(sequencer, 1, 3, epoch=2)
    admit(sequencer, 1, epoch=3)

    assert sequencer.given_up(0) == [
        (Gap(TOPIC, 1, 2, 2, "reader"), [*items(3), *items(1, epoch=2)]),
        (Gap(TOPIC, 2, 2, 2, "reader"), [*items(3, epoch=2), *items(1, epoch=3)]),
    ]


def test_a_heartbeat_may_announce_a_new_epoch():
    """The hole of the new epoch opens before its first message arrives."""
    sequencer = reader()
    admit(sequencer, 1)
    sequencer.announced(TOPIC, 2, 1, 0)

    assert sequencer.missing(0) == [Resend(TOPIC, 2, 1, 1)]
    assert admit(sequencer, 1, epoch=2) == items(1, epoch=2)


def test_holding_is_bounded_and_the_overflow_is_requested_later():
    """A hole cannot fill the memory: the overflow is dropped, and requested when the front has moved."""
    sequencer = reader(hold=2)

    assert admit(sequencer, 1, 3, 4, 5, 6) == [*items(1)]
    assert sequencer.missing(0) == [Resend(TOPIC, 1, 2, 2)]
    assert admit(sequencer, 2) == items(2, 3, 4)
    assert sequencer.missing(0) == [Resend(TOPIC, 1, 5, 6)]
    assert admit(sequencer, 5, 6, 7) == items(5, 6, 7)


def test_with_no_room_only_the_front_of_a_hole_is_taken():
    """Filling the hole from the front makes room; filling it from the back would need some."""
    sequencer = reader(hold=2)
    admit(sequencer, 1, 4, 5)

    assert admit(sequencer, 3) == []
    assert admit(sequencer, 2) == items(2)
    assert admit(sequencer, 3) == items(3, 4, 5)


def test_topics_do_not_wait_for_each_other():
    """A hole in one topic delays nothing in another."""
    sequencer = reader()
    admit(sequencer, 2)

    assert sequencer.admit("session.MNQ.", Header(1, "tracker", 1, 1, 0), "other", 0) == ["other"]

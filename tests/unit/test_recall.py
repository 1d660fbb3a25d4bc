"""Recovery hears a topic as the reader heard it: its gaps in their places, and nothing of what they stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus import topics
from tapewire.bus.messages import Gap
from tapewire.bus.recall import recall
from tapewire.bus.testing import LossyBus, account_for, bar, event

TOPIC = topics.bar("MNQ")


def fact(seq, epoch=1):
    """A bar with this number, one second of market time after the one before."""
    return event(bar(), topic=TOPIC, epoch=epoch, seq=seq, event_ns=(epoch * 100 + seq) * 10**9)


def gap(first, last, epoch=1):
    """A gap as the reader published it: its header has a wall clock, years away."""
    lost = Gap(TOPIC, epoch, first, last, "tracker")
    return event(lost, topic="sys.gap.tracker.", source="tracker", event_ns=2 * 10**18)


def recalled(facts, gaps=()):
    return [each.event for each in recall(TOPIC, facts, gaps, reader="tracker")]


def shown(events):
    """Numbers of facts, and (first, last) of gaps."""
    return [(each.body.first, each.body.last) if isinstance(each.body, Gap) else each.header.seq for each in events]


def test_a_journal_read_from_its_middle_has_lost_nothing_there():
    """What lies before is another affair, gaps included; what is lost behind it is lost."""
    events = recall(TOPIC, [fact(5), fact(8)], [gap(2, 3), gap(6, 6)], reader="tracker", after=(1, 4))

    assert shown(each.event for each in events) == [5, (6, 6), (7, 7), 8]


@pytest.mark.parametrize(
    "journal, gaps, heard",
    [
        ([1, 2, 3], [], [1, 2, 3]),
        ([], [], []),
        ([1, 2, 3, 4, 5], [(3, 4)], [1, 2, (3, 4), 5]),
        ([1, 2, 5], [(3, 4)], [1, 2, (3, 4), 5]),
        ([3, 4], [(1, 2)], [(1, 2), 3, 4]),
        ([1, 2, 3], [(3, 3)], [1, 2, (3, 3)]),
        ([1, 2], [(3, 9)], [1, 2, (3, 9)]),
        ([], [(1, 4)], [(1, 4)]),
        ([1, 2, 3, 4, 5, 6], [(4, 5), (2, 2)], [1, (2, 2), 3, (4, 5), 6]),
        ([1, 4], [], [1, (2, 3), 4]),
        ([3], [], [(1, 2), 3]),
        ([1, 9], [(4, 5)], [1, (2, 3), (4, 5), (6, 8), 9]),
        ([1, 2], [(5, 6)], [1, 2, (3, 4), (5, 6)]),
    ],
    ids=[
        "nothing lost",
        "nothing said",
        "the logger has what we lost",
        "nobody has it",
        "at the beginning",
        "at the end, journaled",
        "at the end, not journaled",
        "all of it",
        "two, told out of order",
        "the logger lost some",
        "the logger came late",
        "the logger lost more than we",
        "a hole in front of a last gap",
    ],
)
def test_every_number_is_a_fact_or_in_a_gap(journal, gaps, heard):
    """Ours where we published one; else what the journal lacks is one, too: it cannot be folded."""
    assert shown(recalled([fact(seq) for seq in journal], [gap(*each) for each in gaps])) == heard


def test_a_new_epoch_is_expected_from_its_first_number():
    """The old one's gap comes in front of everything new; what else it may have had at its end nobody knows."""
    facts = [fact(1), fact(2), fact(3), fact(2, epoch=2)]

    heard = recalled(facts, [gap(3, 4)])

    assert shown(heard) == [1, 2, (3, 4), (1, 1), 2]
    assert heard[3].body == Gap(TOPIC, 2, 1, 1, "tracker")


def test_a_gap_comes_at_the_market_time_of_the_fact_before_it():
    """Its own time is the wall clock, which would put it behind everything when topics are merged."""
    heard = recall(TOPIC, [fact(2), fact(4)], [gap(1, 1), gap(3, 3)], reader="tracker")

    assert [each.at_ns for each in heard] == [0, 102 * 10**9, 102 * 10**9, 104 * 10**9]


@given(st.integers(0), st.lists(st.sampled_from(["say", "say", "say", "beat", "wait"]), max_size=60), st.floats(0, 0.9))
def test_what_is_recalled_is_what_the_reader_was_given(seed, steps, drop):
    """Over any lossy network: the writer's whole output and the reader's gaps give again what its core saw, in its order."""
    bus = LossyBus(seed, drop=drop, ring=5, topic=TOPIC)
    journal = []
    for step in steps:
        if step == "say":
            said = bar(volume=len(journal))
            journal.append(event(said, topic=TOPIC, seq=bus.publish(said).seq))
        elif step == "beat":
            bus.beat()
        else:
            bus.advance(3_000_000_000)
    bus.drain()

    heard = recalled(journal, [event(each, topic="sys.gap.reader.") for each in bus.received if isinstance(each, Gap)])

    assert [each.body for each in heard] == [each if isinstance(each, Gap) else each.body for each in bus.received]


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_a_journal_with_holes_is_owned_up_to(journaled, lost):
    """Whatever the journal lacks and whatever we lost: each number up to the last one once, in order."""
    heard = recalled([fact(seq) for seq in sorted(journaled)], [gap(seq, seq) for seq in lost])

    told = account_for(each.body if isinstance(each.body, Gap) else each for each in heard)
    assert told == [(1, seq) for seq in range(1, max(journaled | lost, default=0) + 1)]
    assert not {each.header.seq for each in heard if not isinstance(each.body, Gap)} & lost

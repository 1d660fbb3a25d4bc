"""Recovery gives a topic as the reader received it: each gap in its place, and none of the messages that the gap replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus import topics
from tapewire.bus.messages import Gap
from tapewire.bus.recall import recall
from tapewire.bus.testing import LossyBus, account_for, bar, event

TOPIC = topics.bar("MNQ")


def fact(seq, epoch=1):
    """A bar with this number, one second of market time after the previous one."""
    return event(bar(), topic=TOPIC, epoch=epoch, seq=seq, event_ns=(epoch * 100 + seq) * 10**9)


def gap(first, last, epoch=1):
    """A gap as the reader published it: its header has wall-clock time, years away."""
    lost = Gap(TOPIC, epoch, first, last, "tracker")
    return event(lost, topic="sys.gap.tracker.", source="tracker", event_ns=2 * 10**18)


def recalled(facts, gaps=()):
    return [each.event for each in recall(TOPIC, facts, gaps, reader="tracker")]


def shown(events):
    """Numbers of facts, and (first, last) of gaps."""
    return [(each.body.first, each.body.last) if isinstance(each.body, Gap) else each.header.seq for each in events]


def test_a_journal_read_from_its_middle_lacks_nothing_before_it():
    """Earlier records and gaps are ignored; a later loss is a gap."""
    events = recall(TOPIC, [fact(5), fact(8)], [gap(2, 3), gap(6, 6)], reader="tracker", after=(1, 4))

    assert shown(each.event for each in events) == [5, (6, 6), (7, 7), 8]


@pytest.mark.parametrize(
    "journal, gaps, delivered",
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
        "nothing published",
        "the logger has the lost ones",
        "no journal has them",
        "at the beginning",
        "at the end, journaled",
        "at the end, not journaled",
        "all of it",
        "two, published out of order",
        "the logger lost some",
        "the logger started late",
        "the logger lost more than the reader",
        "a hole in front of a last gap",
    ],
)
def test_every_number_is_a_fact_or_in_a_gap(journal, gaps, delivered):
    """The reader's own gap where it published one; any other number that the journal lacks is a gap, too: it cannot be folded."""
    assert shown(recalled([fact(seq) for seq in journal], [gap(*each) for each in gaps])) == delivered


def test_a_new_epoch_is_expected_from_its_first_number():
    """The old epoch's gap comes before every new message; a further loss at its end cannot be detected."""
    facts = [fact(1), fact(2), fact(3), fact(2, epoch=2)]

    delivered = recalled(facts, [gap(3, 4)])

    assert shown(delivered) == [1, 2, (3, 4), (1, 1), 2]
    assert delivered[3].body == Gap(TOPIC, 2, 1, 1, "tracker")


def test_a_gap_comes_at_the_market_time_of_the_fact_before_it():
    """Its own time is wall-clock time, which would sort it behind every message when topics are merged."""
    delivered = recall(TOPIC, [fact(2), fact(4)], [gap(1, 1), gap(3, 3)], reader="tracker")

    assert [each.at_ns for each in delivered] == [0, 102 * 10**9, 102 * 10**9, 104 * 10**9]


@given(st.integers(0), st.lists(st.sampled_from(["publish", "publish", "publish", "beat", "wait"]), max_size=60), st.floats(0, 0.9))
def test_recovery_gives_the_events_of_the_reader(seed, steps, drop):
    """Over any lossy network: the writer's whole output and the reader's gaps reproduce the events of its core, in order."""
    bus = LossyBus(seed, drop=drop, ring=5, topic=TOPIC)
    journal = []
    for step in steps:
        if step == "publish":
            body = bar(volume=len(journal))
            journal.append(event(body, topic=TOPIC, seq=bus.publish(body).seq))
        elif step == "beat":
            bus.beat()
        else:
            bus.advance(3_000_000_000)
    bus.drain()

    delivered = recalled(journal, [event(each, topic="sys.gap.reader.") for each in bus.received if isinstance(each, Gap)])

    assert [each.body for each in delivered] == [each if isinstance(each, Gap) else each.body for each in bus.received]


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_holes_of_the_journal_become_gaps(journaled, lost):
    """With any loss in the journal and at the reader: each number up to the last one once, in order."""
    delivered = recalled([fact(seq) for seq in sorted(journaled)], [gap(seq, seq) for seq in lost])

    numbers = account_for(each.body if isinstance(each.body, Gap) else each for each in delivered)
    assert numbers == [(1, seq) for seq in range(1, max(journaled | lost, default=0) + 1)]
    assert not {each.header.seq for each in delivered if not isinstance(each.body, Gap)} & lost

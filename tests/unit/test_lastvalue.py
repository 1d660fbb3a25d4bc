"""What a broker sends to a reader that has just subscribed, and how much memory that takes."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tapewire.bus.lastvalue import ENTRY, LastValues


def test_a_joiner_gets_the_newest_frame_of_each_topic_it_subscribes_to():
    """One frame per topic, prefixes matched as ZeroMQ matches them."""
    last = LastValues()
    last.keep("raw.bar.ES.1m.", b"es")
    last.keep("raw.bar.MNQ.1m.", b"old")
    last.keep("raw.bar.MNQ.1m.", b"new")
    last.keep("session.MNQ.", b"session")

    assert last.matching("raw.bar.") == [("raw.bar.ES.1m.", b"es"), ("raw.bar.MNQ.1m.", b"new")]
    assert last.matching("session.MNQ.") == [("session.MNQ.", b"session")]
    assert last.matching("order.") == []
    assert len(last.matching("")) == len(last) == 3


def test_the_value_written_longest_ago_is_dropped_first():
    """A topic that is written again is young again."""
    last = LastValues(3 * (ENTRY + 2))
    for topic in ("a", "b", "c", "a", "d"):
        last.keep(topic, b"x")

    assert [topic for topic, _ in last.matching("")] == ["c", "a", "d"]
    assert last.dropped == 1


def test_a_value_larger_than_the_budget_leaves_no_outdated_one():
    """The topic then has no last value; the others keep theirs."""
    last = LastValues(2 * (ENTRY + 2))
    last.keep("a", b"x")
    last.keep("b", b"x")
    last.keep("a", b"x" * 2 * (ENTRY + 2))

    assert last.matching("") == [("b", b"x")]
    assert last.dropped == 1


@given(
    budget=st.integers(1, 4 * ENTRY),
    written=st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=2 * ENTRY)), max_size=60),
)
def test_the_budget_holds_and_what_is_kept_is_the_newest(budget, written):
    """Whatever is written: the bytes stay within the budget, and a kept value is the last of its topic."""
    last = LastValues(budget)
    newest = {}
    for topic, frame in written:
        last.keep(topic, frame)
        newest[topic] = frame
        kept = last.matching("")

        assert last.size == sum(len(name) + len(value) + ENTRY for name, value in kept) <= budget
        assert all(newest[name] == value for name, value in kept)


@given(written=st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=20)), max_size=60))
def test_nothing_is_dropped_while_there_is_room(written):
    """With room for all, every topic has its last value."""
    last = LastValues()
    for topic, frame in written:
        last.keep(topic, frame)

    assert dict(last.matching("")) == dict(written)
    assert last.dropped == 0


def test_a_budget_without_room_is_refused():
    """Every joiner would wait for the next message of each topic, in silence."""
    with pytest.raises(ValueError, match="budget is 0"):
        LastValues(0)

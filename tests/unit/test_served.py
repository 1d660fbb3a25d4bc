"""Answers kept for repeats."""

import pytest

from bus.served import Served

ANSWER, OTHER = [b"", b"decision.MNQ.", b"yes"], [b"", b"decision.MNQ.", b"no"]


def test_a_new_question_has_no_answer():
    """None tells the server to do the work."""
    served = Served()

    assert served.get("intent.MNQ.@1:1") is None
    assert "intent.MNQ.@1:1" not in served


def test_a_repeat_gets_the_first_answer():
    """Whatever is stored later under the same question does not change what was already said."""
    served = Served()
    served.store("intent.MNQ.@1:1", ANSWER)
    served.store("intent.MNQ.@1:1", OTHER)

    assert served.get("intent.MNQ.@1:1") == ANSWER
    assert "intent.MNQ.@1:1" in served
    assert len(served) == 1


def test_the_oldest_answers_are_forgotten_first():
    """Memory is bounded; a question is resent within seconds, not after thousands of others."""
    served = Served(limit=2)
    for ref in ("a", "b", "c"):
        served.store(ref, ANSWER)

    assert [ref for ref in ("a", "b", "c") if ref in served] == ["b", "c"]


def test_a_store_without_room_is_refused():
    """It would execute every repeat."""
    with pytest.raises(ValueError, match="limit is 0"):
        Served(0)

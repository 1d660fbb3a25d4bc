"""Answers kept for repeats."""

import pytest

from tapewire.bus.served import Served

REF = "intent.MNQ.@1:1"
ANSWER, OTHER = [b"", b"decision.MNQ.", b"yes"], [b"", b"decision.MNQ.", b"no"]


def test_a_new_question_has_no_answer():
    """None tells the server to do the work."""
    served = Served()

    assert served.get(REF, "may I?") is None
    assert REF not in served


def test_a_repeat_gets_the_first_answer():
    """Whatever is stored later under the same question does not change what was already said."""
    served = Served()
    served.store(REF, "may I?", ANSWER)
    served.store(REF, "may I?", OTHER)

    assert served.get(REF, "may I?") == ANSWER
    assert REF in served
    assert len(served) == 1


def test_another_question_of_the_same_name_is_new():
    """Its asker has lost its past and counts again. It gets an answer of its own, which replaces the old one."""
    served = Served(limit=1)
    served.store(REF, "may I?", ANSWER)

    assert served.get(REF, "must I?") is None
    served.store(REF, "must I?", OTHER)
    assert served.get(REF, "must I?") == OTHER
    assert len(served) == 1


def test_the_oldest_answers_are_forgotten_first():
    """Memory is bounded; a question is resent within seconds, not after thousands of others."""
    served = Served(limit=2)
    for ref in ("a", "b", "c"):
        served.store(ref, "?", ANSWER)

    assert [ref for ref in ("a", "b", "c") if ref in served] == ["b", "c"]


def test_a_store_without_room_is_refused():
    """It would execute every repeat."""
    with pytest.raises(ValueError, match="limit is 0"):
        Served(0)

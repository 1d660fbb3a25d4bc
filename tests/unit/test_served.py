"""Replies stored for duplicate requests."""

import pytest

from tapewire.bus.served import Served

REF = "intent.MNQ.@1:1"
REPLY, OTHER = [b"", b"decision.MNQ.", b"yes"], [b"", b"decision.MNQ.", b"no"]


def test_a_new_request_has_no_reply():
    """None means that the server must process the request."""
    served = Served()

    assert served.get(REF, "may I?") is None
    assert REF not in served


def test_a_duplicate_gets_the_first_reply():
    """A later reply to the same request does not replace the one that was sent."""
    served = Served()
    served.store(REF, "may I?", REPLY)
    served.store(REF, "may I?", OTHER)

    assert served.get(REF, "may I?") == REPLY
    assert REF in served
    assert len(served) == 1


def test_another_request_of_the_same_name_is_new():
    """Its requester has lost its history and reuses the number. The request gets a reply of its own, which replaces the old one."""
    served = Served(limit=1)
    served.store(REF, "may I?", REPLY)

    assert served.get(REF, "must I?") is None
    served.store(REF, "must I?", OTHER)
    assert served.get(REF, "must I?") == OTHER
    assert len(served) == 1


def test_the_oldest_replies_are_dropped_first():
    """Memory is bounded; a request is resent within seconds, not after thousands of others."""
    served = Served(limit=2)
    for ref in ("a", "b", "c"):
        served.store(ref, "?", REPLY)

    assert [ref for ref in ("a", "b", "c") if ref in served] == ["b", "c"]


def test_large_answers_are_forgotten_earlier():
    """Memory is bounded in bytes as well; the newest answer stays, however large it is."""
    served = Served(stored=1_000)
    for ref, length in (("a", 400), ("b", 400), ("c", 400), ("d", 4_000)):
        served.store(ref, "?", [b"x" * length])
        kept = [name for name in "abcd" if name in served]

        assert kept == {"a": ["a"], "b": ["a", "b"], "c": ["b", "c"], "d": ["d"]}[ref]


def test_a_question_with_any_map_can_be_told_from_another():
    """A map of a request may have keys of several kinds, and a NaN, which is not even equal to itself."""
    served = Served()
    served.store(REF, {"meta": {1: float("nan"), "a": None}}, REPLY)

    assert served.get(REF, {"meta": {1: float("nan"), "a": None}}) == REPLY
    assert served.get(REF, {"meta": {1: float("nan"), "a": 0}}) is None


def test_a_store_without_room_is_refused():
    """It would execute every duplicate."""
    with pytest.raises(ValueError, match="limit is 0"):
        Served(0)

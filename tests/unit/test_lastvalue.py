"""The last values that a broker sends to a new subscriber."""

from tapewire.bus.lastvalue import LastValues


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

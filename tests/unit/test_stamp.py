"""Numbers for the messages of a source."""

from tapewire.bus.messages import PROTOCOL_VERSION, Header
from tapewire.bus.stamp import Stamper, ref


def test_each_topic_is_counted_from_one():
    """Holes show per topic, so each topic has its own count."""
    stamper = Stamper("tracker")

    assert [stamper.header(topic, 7).seq for topic in ("a.", "a.", "b.", "a.")] == [1, 2, 1, 3]
    assert stamper.last == {"a.": 3, "b.": 1}


def test_counting_continues_behind_an_earlier_run():
    """The next number is a new one; an earlier number does not lower the count."""
    stamper = Stamper("tracker")
    stamper.resume("sys.gap.tracker.", 3)
    stamper.resume("sys.gap.tracker.", 2)

    assert stamper.header("sys.gap.tracker.", 7).seq == 4


def test_a_header_has_source_time_and_cause():
    """Source and epoch are the stamper's, event time and cause the message's own."""
    header = Stamper("gate", epoch=4).header("order.MNQ.", 99, "intent.MNQ.@4:1")

    assert header == Header(PROTOCOL_VERSION, "gate", 4, 1, 99, "intent.MNQ.@4:1")


def test_a_message_is_named_by_topic_epoch_and_number():
    """The name in `cause` is greppable and unique."""
    assert ref("session.MNQ.", Stamper("tracker", epoch=3).header("session.MNQ.", 0)) == "session.MNQ.@3:1"

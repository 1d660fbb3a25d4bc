"""The writer's side of a resend: the frames that it still holds."""

from collections import Counter

import pytest

from tapewire.bus.bounds import OutOfBounds
from tapewire.bus.messages import Resend
from tapewire.bus.ring import MESSAGE_COST, REQUEST_COST, RESEND_BYTES, RESEND_NS, Resends, Ring
from tests.mono import SOURCES


def ring_of(size, count, topic="raw.bar.MNQ.1m.", epoch=1):
    ring = Ring(size)
    for seq in range(1, count + 1):
        ring.keep(topic, epoch, seq, b"%d" % seq)
    return ring


@pytest.mark.parametrize(
    "first, last, again",
    [
        pytest.param(2, 3, [b"2", b"3"], id="a hole in the middle, both ends included"),
        pytest.param(1, 9, [b"1", b"2", b"3", b"4"], id="more than held"),
        pytest.param(5, 9, [], id="not published yet"),
        pytest.param(3, 2, [], id="an empty range"),
    ],
)
def test_published_frames_can_be_resent(first, last, again):
    """A range gives the frames with those numbers, oldest first, unchanged."""
    assert ring_of(10, 4).again("raw.bar.MNQ.1m.", 1, first, last) == again


def test_a_full_ring_forgets_the_oldest():
    """The memory of a topic is bounded; a dropped frame stays a hole at the reader and becomes a Gap there."""
    assert ring_of(3, 5).again("raw.bar.MNQ.1m.", 1, 1, 5) == [b"3", b"4", b"5"]


def test_large_frames_leave_earlier():
    """A topic's frames have a limit in bytes as well; the newest frame stays, however large it is."""
    ring = Ring(10, most=10)
    for seq, length in enumerate((4, 4, 4, 30), start=1):
        ring.keep("a.", 1, seq, b"x" * length)
        kept = ring.again("a.", 1, 1, 9)

        assert [len(frame) for frame in kept] == {1: [4], 2: [4, 4], 3: [4, 4], 4: [30]}[seq]

    ring.keep("a.", 1, 5, b"y")
    assert ring.again("a.", 1, 1, 9) == [b"y"]


def test_each_topic_has_its_own_room():
    """A busy topic does not push a quiet one out."""
    ring = ring_of(2, 5)
    ring.keep("session.MNQ.", 1, 1, b"quiet")

    assert ring.again("session.MNQ.", 1, 1, 1) == [b"quiet"]
    assert ring.again("raw.bar.MNQ.1m.", 1, 1, 5) == [b"4", b"5"]


@pytest.mark.parametrize("topic, epoch", [("raw.bar.MNQ.1m.", 2), ("raw.bar.ES.1m.", 1)])
def test_an_unknown_epoch_or_topic_gives_nothing(topic, epoch):
    """Numbers of another epoch of the writer name other messages."""
    assert ring_of(10, 4).again(topic, epoch, 1, 4) == []


def test_a_new_epoch_forgets_the_old_one():
    """A resend request for the old epoch gets nothing rather than other messages."""
    ring = ring_of(10, 4)
    ring.keep("raw.bar.MNQ.1m.", 2, 1, b"new")

    assert ring.again("raw.bar.MNQ.1m.", 1, 1, 4) == []
    assert ring.again("raw.bar.MNQ.1m.", 2, 1, 4) == [b"new"]


def test_a_ring_without_room_is_refused():
    """A ring of 0 would turn every lost message into a Gap, without an error."""
    with pytest.raises(ValueError, match=r"size is 0: .* \(bus\.ring"):
        Ring(0)


# --- how much one reader may request ----------------------------------------------------------------------------------------------

EVERY = Resend("raw.bar.MNQ.1m.", 1, 1, 100)


def of_a_kibibyte(count):
    """A ring of messages of 1 KiB."""
    ring = Ring(10_000)
    for seq in range(1, count + 1):
        ring.keep(EVERY.topic, 1, seq, bytes(1_024))
    return Resends(ring)


def test_an_honest_reader_gets_a_whole_ring_at_once():
    """4,096 messages, the default of `bus.ring`, in one request."""
    assert len(of_a_kibibyte(4_096).serve("sys.resend.gate.", Resend(EVERY.topic, 1, 1, 4_096), 0)) == 4_096


def test_a_reader_that_asks_without_end_gets_its_allowance():
    """However it asks: the bytes of a second have a limit. Beyond it each request is refused with a code, until the next second."""
    resends = of_a_kibibyte(100)
    served, codes = 0, Counter()
    for number in range(10_000):
        try:
            served += sum(map(len, resends.serve("sys.resend.anna.", EVERY, number * RESEND_NS // 20_000)))
        except OutOfBounds as error:
            codes[error.code] += 1

    assert RESEND_BYTES // 2 < served <= RESEND_BYTES
    assert codes.keys() == {"resend"}
    assert codes.total() > 9_900
    assert resends.serve("sys.resend.anna.", EVERY, RESEND_NS)


def test_the_bridge_gives_the_same_allowance():
    """Its numbers stand in C#."""
    found = (SOURCES / "Sequence.cs").read_text("utf-8")

    assert f"Bytes = {RESEND_BYTES >> 20} << 20, RequestCost = {REQUEST_COST >> 10} << 10, MessageCost = {MESSAGE_COST}" in found


def test_requests_for_nothing_have_their_price():
    """Each costs the writer a look at its ring."""
    resends = of_a_kibibyte(1)
    nothing = Resend(EVERY.topic, 1, 5, 9)
    for _ in range(RESEND_BYTES // REQUEST_COST):
        assert resends.serve("sys.resend.anna.", nothing, 0) == []

    with pytest.raises(OutOfBounds, match="within a second"):
        resends.serve("sys.resend.anna.", nothing, 0)


def test_one_readers_greed_costs_no_other_reader():
    """Each has an allowance of its own. What it has no room for is left out, the newest first."""
    resends = of_a_kibibyte(10_000)
    every = Resend(EVERY.topic, 1, 1, 10_000)
    room = -(-(RESEND_BYTES - REQUEST_COST) // (1_024 + MESSAGE_COST))

    assert len(resends.serve("sys.resend.anna.", every, 0)) == room
    assert len(resends.serve("sys.resend.gate.", every, 0)) == room

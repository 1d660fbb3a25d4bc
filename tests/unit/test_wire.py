"""Frames to values and back, and the handling of foreign frames."""

import msgpack
import pytest

from tapewire.bus import wire
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Ack, Header, Position, Resend
from tapewire.bus.testing import bar, session

HEADER = Header(1, "nt", 2, 91, 5, "order.MNQ.@1:5")
GOOD = {"v": 1, "source": "nt", "epoch": 1, "seq": 1, "event_ns": 0, "type": "ack", "ref": "order.MNQ.@1:5"}


def test_a_message_is_one_flat_map():
    """Header fields first, then the type, then the body."""
    read = msgpack.unpackb(wire.encode(HEADER, Ack("a.@1:1")))

    assert list(read.items()) == [
        ("v", 1),
        ("source", "nt"),
        ("epoch", 2),
        ("seq", 91),
        ("event_ns", 5),
        ("cause", "order.MNQ.@1:5"),
        ("type", "ack"),
        ("ref", "a.@1:1"),
    ]


@pytest.mark.parametrize(
    "body, pairs, marker",
    [
        pytest.param(Resend("a.", 1, 2, 3), 11, b"\x8b", id="up to 15 pairs: one byte"),
        pytest.param(bar(position=Position("Sim101")), 24, b"\xde\x00\x18", id="16 pairs and more: three bytes"),
    ],
)
def test_the_map_has_the_number_of_its_pairs(body, pairs, marker):
    """The joined map has the shortest length field MessagePack knows, as any encoder would write it."""
    frame = wire.encode(HEADER, body)

    assert frame.startswith(marker)
    assert len(msgpack.unpackb(frame)) == pairs
    assert msgpack.packb(msgpack.unpackb(frame)) == frame


def test_a_message_is_a_topic_and_a_map():
    """Two frames in, topic, header and body out."""
    message = wire.decode_message([b"ack.", wire.encode(HEADER, Ack("a.@1:1"))])

    assert message == wire.Message("ack.", HEADER, Ack("a.@1:1"))


def test_the_cause_may_be_left_out():
    """It has a default: the start of a chain has no cause."""
    header, body = wire.decode(msgpack.packb(GOOD))

    assert (header.cause, body) == ("", Ack("order.MNQ.@1:5"))


@pytest.mark.parametrize(
    "frame, complaint",
    [
        pytest.param(b"", "undecodable frame", id="empty"),
        pytest.param(b"\xc1", "undecodable frame", id="not MessagePack"),
        pytest.param(b"\x81\xa1v", "undecodable frame: Input data was truncated", id="cut off"),
        pytest.param(msgpack.packb(GOOD) + b"\x00", "undecodable frame", id="something behind the map"),
        pytest.param(msgpack.packb([1, 2]), "Expected `object`, got `array`", id="an array"),
        pytest.param(msgpack.packb({}), "missing required field `v`", id="an empty map"),
        pytest.param(msgpack.packb(GOOD | {"v": 2}), "protocol version 2, this side speaks 1", id="another version"),
        pytest.param(msgpack.packb(GOOD | {"seq": "7"}), r"Expected `int`, got `str` - at `\$\.seq`", id="a wrong type"),
        pytest.param(msgpack.packb(GOOD | {"type": "nack"}), "Invalid value 'nack'", id="an unknown type"),
        pytest.param(
            msgpack.packb({k: v for k, v in GOOD.items() if k != "ref"}), "missing required field `ref`", id="a field short"
        ),
        pytest.param(
            msgpack.packb(GOOD | {"ref": None}),
            r"Expected `str`, got `None` - at `\$.ref`",
            id="null",
        ),
        pytest.param(
            b"\xa1a" * (wire.MAX_FRAME // 2 + 1),
            f"frame of {wire.MAX_FRAME + 2} bytes, the limit is {wire.MAX_FRAME}",
            id="too long",
        ),
        pytest.param(b"\x91" * 100_000, "undecodable frame", id="nested without end"),
        pytest.param(b"\x81\xa5extra" + b"\x91" * 100_000, "undecodable frame", id="nested in a field that is skipped"),
    ],
)
def test_a_bad_frame_is_the_peers_fault(frame, complaint):
    """PeerError, with the field and the reason; nothing else is ever raised."""
    with pytest.raises(PeerError, match=complaint):
        wire.decode(frame)


@pytest.mark.parametrize(
    "frames, complaint",
    [
        ([], "0 frames, a message has 2"),
        ([b"ack."], "1 frames, a message has 2"),
        ([b"", b"ack.", b""], "3 frames, a message has 2"),
        (["straße.".encode(), msgpack.packb(GOOD)], "not a topic"),
        ([b"../../etc/passwd.", msgpack.packb(GOOD)], "not a topic"),
        ([b"session.MNQ", msgpack.packb(GOOD)], "not a topic"),
        ([b"session..MNQ.", msgpack.packb(GOOD)], "not a topic"),
    ],
)
def test_a_message_has_an_ascii_topic_and_one_map(frames, complaint):
    """Everything else is refused before it is decoded."""
    with pytest.raises(PeerError, match=complaint):
        wire.decode_message(frames)


@pytest.mark.parametrize(
    "prices, finite",
    [
        ((), True),
        ((21000.25, None), True),
        ((None,), True),
        ((21000.25, float("nan")), False),
        ((float("inf"), 1.0), False),
        ((1.0, float("-inf")), False),
    ],
)
def test_prices_are_numbers_or_absent(prices, finite):
    """MessagePack can carry NaN and infinity; a process that trades on a price checks first."""
    assert wire.finite(*prices) is finite


def test_a_bar_that_is_encoded_once_leaves_the_same_bytes():
    """The session of the bar before it, that of an equal bar, that of another one; and the session is what it was."""
    first, other = session("11:00"), session("11:01")
    messages = (first.bar, first, session("11:00"), other, Ack("a.@1:1"), other.bar, first, other)
    encode = wire.Encoder().encode

    assert [encode(HEADER, each) for each in messages] == [wire.encode(HEADER, each) for each in messages]
    assert first == session("11:00")
    assert first.bar is messages[0]

"""Every message survives the wire, and no received bytes raise anything but PeerError."""

import re
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from tapewire.bus import wire
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import PROTOCOL_VERSION, Body, Header

INTEGERS = st.integers(-(2**63), 2**64 - 1)
LEAVES = {
    int: INTEGERS,
    float: st.floats(allow_nan=False),
    str: st.text(max_size=40),
    bool: st.booleans(),
    bytes: st.binary(max_size=300),
    type(None): st.none(),
}


def values(hint):
    """Any value of a type as the messages use them."""
    if hint is Any:
        return ANYTHING
    if hint in LEAVES:
        return LEAVES[hint]
    if hint is msgspec.UnsetType:
        return st.just(msgspec.UNSET)
    if get_origin(hint) is Annotated:
        return bounded(*get_args(hint))
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of(*map(values, get_args(hint)))
    if get_origin(hint) is dict:
        return st.dictionaries(*map(values, get_args(hint)), max_size=20)
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        if kinds[-1] is Ellipsis:
            return st.lists(values(kinds[0]), max_size=20 if kinds[0] in LEAVES else 2).map(tuple)
        return st.tuples(*map(values, kinds))
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert issubclass(hint, Struct), f"no strategy for {hint}"
    return st.builds(hint, **{name: values(field) for name, field in get_type_hints(hint, include_extras=True).items()})


def bounded(kind, meta):
    """Any value within the bounds of a field."""
    if meta.pattern is not None:
        return st.from_regex(re.compile(meta.pattern))
    if kind is int:
        return st.integers(meta.ge, meta.le)
    return st.floats(meta.ge, meta.le)


BODIES = {kind.__struct_config__.tag: kind for kind in get_args(Body)}
HEADERS = values(Header).map(lambda header: msgspec.structs.replace(header, v=PROTOCOL_VERSION))
ANYTHING = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize("tag", BODIES)
@given(data=st.data())
def test_every_message_comes_back_as_it_was_sent(tag, data):
    """decode o encode is the identity, and the frame is one map that plain msgpack reads with every field in it that is set."""
    header = data.draw(HEADERS)
    body = data.draw(values(BODIES[tag]))
    frame = wire.encode(header, body)

    assert wire.decode(frame) == (header, body)
    written = [name for name in body.__struct_fields__ if getattr(body, name) is not msgspec.UNSET]
    assert list(msgpack.unpackb(frame)) == [*Header.__struct_fields__, "type", *written]


@given(st.binary(max_size=200))
def test_garbage_raises_peer_error_only(garbage):
    """Random bytes are the peer's fault, never a fault of the reader."""
    with pytest.raises(PeerError):
        wire.decode(garbage)


@given(ANYTHING)
def test_any_other_messagepack_raises_peer_error_only(value):
    """Well-formed MessagePack that is no message."""
    with pytest.raises(PeerError):
        wire.decode(msgpack.packb(value))


@given(st.data())
def test_a_message_with_wrong_values_decodes_or_raises_peer_error(data):
    """Right names, any values: the message is valid, or it is refused."""
    tag = data.draw(st.sampled_from(sorted(BODIES)))
    names = [*Header.__struct_fields__, *BODIES[tag].__struct_fields__]
    wrong = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, ANYTHING)))
    mapped = {"v": 1, "source": "x", "epoch": 1, "seq": 1, "event_ns": 0, **wrong, "type": tag}

    decodes_or_raises_peer_error(msgpack.packb(mapped))


@given(st.data())
def test_a_damaged_message_decodes_or_raises_peer_error(data):
    """Any bytes of a good frame replaced, and any cut."""
    body = data.draw(values(BODIES[data.draw(st.sampled_from(sorted(BODIES)))]))
    frame = bytearray(wire.encode(data.draw(HEADERS), body))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(frame) - 1), st.integers(0, 255)), max_size=5)):
        frame[at] = byte

    decodes_or_raises_peer_error(bytes(frame[: data.draw(st.integers(0, len(frame)))]))


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_any_frames_decode_or_raise_peer_error(frames):
    """Any number of frames, with any topic."""
    with pytest.raises(PeerError):
        wire.decode_message(frames)


def decodes_or_raises_peer_error(frame):
    try:
        wire.decode(frame)
    except PeerError:
        return

"""Frames to values and back. A message on the wire is two frames: the topic, and one MessagePack map.

The map holds the header's fields first, then `type`, then the body's. It is made by joining the encoded header and the encoded
body (a map in MessagePack is its length followed by its pairs), and read by two typed decoders that each ignore the other's
fields. So bodies stay free of routing, and any MessagePack reader sees one flat map.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from tapewire.bus import bounds
from tapewire.bus.bounds import MAX_FRAME, MAX_MESSAGE, Bound, OutOfBounds
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Body, Header, Session

_encoder: Final = msgspec.msgpack.Encoder()
_header_decoder: Final = msgspec.msgpack.Decoder(Header)
_body_decoder: Final[msgspec.msgpack.Decoder[Body]] = msgspec.msgpack.Decoder(Body)

# A struct encodes to a map: of up to 15 pairs with one byte in front (0x80 + pairs), of more with three (0xDE, pairs in two bytes).
_MAP16: Final = 0xDE
_HEADER_PAIRS: Final = len(Header.__struct_fields__)
_STARTS: Final = tuple(
    bytes((0x80 | pairs,)) if pairs < 16 else b"\xde" + pairs.to_bytes(2, "big") for pairs in range(_HEADER_PAIRS, 256)
)
"""How a message starts, by the number of its body's pairs (`type` is one of them)."""


class Message(NamedTuple):
    """A decoded message."""

    topic: str
    header: Header
    body: Body


def encode(header: Header, body: Body) -> bytes:
    """One MessagePack map with the header's fields first."""
    return _joined(header, _encoder.encode(body))


class Encoder:
    """`encode`, for messages of which a session holds the very bar that was a message before it: that bar is encoded once.

    A bar is two thirds of its session. The encoder takes what is encoded already if it finds it in the bar's place; so the session,
    which nobody else reads meanwhile, has it there for the moment.
    """

    __slots__ = ("_bar", "_encoded")

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._encoded = msgspec.Raw()

    def encode(self, header: Header, body: Body) -> bytes:
        """The same bytes as `encode`."""
        bar = self._bar
        if type(body) is Bar:
            tail = _encoder.encode(body)
            self._bar, self._encoded = body, msgspec.Raw(tail)
        elif type(body) is Session and body.bar is bar:
            force_setattr(body, "bar", self._encoded)
            try:
                tail = _encoder.encode(body)
            finally:
                force_setattr(body, "bar", bar)
        else:
            tail = _encoder.encode(body)
        return _joined(header, tail)


def _joined(header: Header, tail: bytes) -> bytes:
    if tail[0] == _MAP16:
        return b"".join((_STARTS[tail[1] << 8 | tail[2]], _encoder.encode(header)[1:], tail[3:]))
    return b"".join((_STARTS[tail[0] & 0x0F], _encoder.encode(header)[1:], tail[1:]))


def decode(frame: bytes) -> tuple[Header, Body]:
    """Read one map.

    Raises:
        PeerError: the frame is too long, not MessagePack, of an unknown version or type, or a field has the wrong type or is out of
            its bounds. The text names the field.
    """
    if len(frame) > MAX_FRAME:
        raise OutOfBounds(Bound.FRAME, f"frame of {len(frame)} bytes, the limit is {MAX_FRAME}")
    try:
        header = _header_decoder.decode(frame)
        if header.v != PROTOCOL_VERSION:
            raise PeerError(f"protocol version {header.v}, this side speaks {PROTOCOL_VERSION}")
        return header, _body_decoder.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PeerError(f"undecodable frame: {error}") from error


def decode_message(frames: list[bytes]) -> Message:
    """Read the two frames of a published message. Raises PeerError as `decode` does."""
    if len(frames) != 2:
        raise PeerError(f"{len(frames)} frames, a message has 2 (topic, map)")
    topic = bounds.topic(frames[0])
    if len(frames[1]) > MAX_MESSAGE:
        raise OutOfBounds(Bound.FRAME, f"message of {len(frames[1])} bytes, the limit is {MAX_MESSAGE}")
    header, body = decode(frames[1])
    return Message(topic, header, body)


def finite(*prices: float | None) -> bool:
    """Whether every given price is a real number; None counts as absent, not as wrong."""
    return all(price is None or math.isfinite(price) for price in prices)

"""The public feed: what subscribers get, as one chain in which every line names the digest of the line before it.

    {"number":7,"topic":"public.signal.MNQ.","previous":"9f2c...","frame":"g6F2..."}
    {"number":8,"topic":"public.head.","previous":"51d0...","frame":"hKR0..."}

A line's digest is SHA-256 over

    "tapewire feed 1\\n", the previous digest (32 bytes), the number (8 bytes, big-endian), the length of the topic (2 bytes,
    big-endian), the topic, the frame

The frame is the MessagePack map that was published, byte for byte, so nobody has to encode it again to check it. The line before
the first has the digest of 32 zero bytes.

Some lines are heads. A head signs the digest of the line before it: who has it knows that no line before was altered, left out, put
in or moved after the head was signed. It proves nothing about what was signed first: an owner who shows one feed to one subscriber
and another to the next is found out only when the two compare their heads.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError, DataError

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

FIRST = bytes(32)
"""The digest before the first line."""

HEAD = "public.head."
"""The topic of heads."""

MAX_TEXT = 2 << 20
"""Longest line of a feed's file in bytes: a frame of 1 MiB in base64, and the rest."""

_CHAIN = b"tapewire feed 1\n"
_SIGNED = b"tapewire head 1\n"


class FeedLine(Struct, frozen=True):
    """A public message.

    number: from 1, without a hole. previous: digest of the line before, 64 hexadecimal digits. frame: the message, as published.
    """

    number: int
    topic: str
    previous: str
    frame: bytes

    @property
    def digest(self) -> bytes:
        """What the next line names as `previous`."""
        topic = self.topic.encode()
        about = self.number.to_bytes(8, "big") + len(topic).to_bytes(2, "big")
        return hashlib.sha256(_CHAIN + bytes.fromhex(self.previous) + about + topic + self.frame).digest()


class FeedHead(Struct, frozen=True, tag="public_head"):
    """The frame of a head.

    session: trade date. market_ns: market time, UTC ns. closed: the trade date is over. signature: Ed25519 (RFC 8032) over
    "tapewire head 1\\n", the number of the head's line and the market time (8 bytes each, big-endian), 1 or 0 for `closed` (1
    byte), the digest of the line before (32 bytes), the trade date.
    """

    session: str
    market_ns: int
    closed: bool
    signature: bytes = b""

    def signed(self, line: FeedLine) -> bytes:
        """The bytes that the signature is of. line: the head's."""
        numbers = line.number.to_bytes(8, "big") + self.market_ns.to_bytes(8, "big", signed=True) + bytes((self.closed,))
        return _SIGNED + numbers + bytes.fromhex(line.previous) + self.session.encode()


_decoder = msgspec.json.Decoder(FeedLine)
_head_decoder = msgspec.msgpack.Decoder(FeedHead)
_packed = msgspec.msgpack.Encoder().encode
encoded = msgspec.json.Encoder().encode
"""A line as text, without its end."""


def decoded(text: bytes) -> FeedLine:
    """A line from its text. Further fields are ignored: a subscriber may note when he got it.

    Raises:
        DataError: it is none.
    """
    try:
        line = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DataError(f"no line of a feed: {error}") from None
    return right(line)


def right(line: FeedLine) -> FeedLine:
    """The line, if a feed may have it.

    Raises:
        DataError: it may not.
    """
    try:
        fits = len(bytes.fromhex(line.previous)) == len(FIRST) and len(line.previous) == 2 * len(FIRST)
        fits = fits and 0 < line.number < 1 << 63 and len(line.topic.encode()) < 1 << 16
    except (UnicodeError, ValueError) as error:
        raise DataError(f"no line of a feed: {error}") from None
    if not fits:
        raise DataError("no line of a feed: a number, topic or digest that no feed has")
    return line


def next_line(last: FeedLine | None, topic: str, frame: bytes) -> FeedLine:
    """The line that follows."""
    if last is None:
        return FeedLine(1, topic, FIRST.hex(), frame)
    return FeedLine(last.number + 1, topic, last.digest.hex(), frame)


def next_head(last: FeedLine, key: SigningKey, head: FeedHead) -> FeedLine:
    """The head that follows, signed. head: without its signature."""
    line = next_line(last, HEAD, b"")
    signature = key.sign(head.signed(line)).signature
    return msgspec.structs.replace(line, frame=_packed(msgspec.structs.replace(head, signature=signature)))


def head_of(line: FeedLine) -> FeedHead:
    """What a line on the topic HEAD holds.

    Raises:
        DataError: no head.
    """
    try:
        head = _head_decoder.decode(line.frame)
        head.signed(line)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise DataError(f"no head: {error}") from None
    return head


class Checked(NamedTuple):
    """A feed in which nothing is wrong.

    first, last: its numbers, 0 without any. signed: the last number that a signature covers. heads: their count. closed: the feed
    ends with a head that closes its trade date.
    """

    first: int
    last: int
    signed: int
    heads: int
    closed: bool


def check(texts: Iterable[bytes], key: VerifyKey, heads: Iterable[FeedLine] = ()) -> Checked:
    """Follow the chain of a feed, and prove its heads.

    Args:
        texts: its lines, as in a file. heads: further ones, for instance of the free tier; the feed must have the lines they cover.

    Raises:
        DataError: with the number of the text at which the feed is not what was signed, and why.
    """
    others = {line.number: line for line in heads if line.topic == HEAD}
    for line in others.values():
        prove(line, key, f"the head with number {line.number}")
    last: FeedLine | None = None
    first = signed = count = 0
    closed = False
    for at, text in enumerate(texts, 1):
        line = _read(text, at)
        _follow(line, last, at)
        other = others.pop(line.number, None)
        if other is not None and other != line:
            raise DataError(f"line {at}: number {line.number} is not the head that was signed")
        first, last, closed = first or line.number, line, False
        if line.topic == HEAD:
            closed = prove(line, key, f"line {at}, number {line.number}").closed
            signed, count = line.number, count + 1
    end = 0 if last is None else last.number
    if any(number > end for number in others):
        raise DataError(f"cut: the feed ends with number {end}, and there is a head with number {max(others)}")
    return Checked(first, end, signed, count, closed)


def _read(text: bytes, at: int) -> FeedLine:
    try:
        return decoded(text)
    except DataError as error:
        raise DataError(f"line {at}: {error}") from None


def _follow(line: FeedLine, last: FeedLine | None, at: int) -> None:
    if last is None:
        if line.number == 1 and line.previous != FIRST.hex():
            raise DataError(f"line {at}: number 1 names a line before it, and there is none")
        return
    if line.number != last.number + 1:
        what = "lines are missing" if line.number > last.number + 1 else "a line is there twice, or was moved"
        raise DataError(f"line {at}: number {line.number} follows {last.number}: {what}")
    if line.previous != last.digest.hex():
        which = f"{last.number} or {line.number} was altered"
        raise DataError(f"line {at}: number {line.number} does not name the line before it: {which}")


def prove(line: FeedLine, key: VerifyKey, where: str) -> FeedHead:
    """The head of a line on the topic HEAD, if this key has signed it.

    Args:
        where: begins the error.

    Raises:
        DataError: it has not.
    """
    from nacl.exceptions import BadSignatureError

    try:
        head = head_of(line)
        key.verify(head.signed(line), head.signature)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except (BadSignatureError, ValueError):
        raise DataError(f"{where}: the signature is not of this key, or what it covers was altered") from None
    return head


class _Received(Struct):
    """What a subscriber has noted beside a line. received_ns: when he got it, UTC ns; 0 where he did not note it."""

    frame: bytes
    received_ns: int = 0


class _Moment(Struct):
    """The market time of a message, or of a head."""

    event_ns: int = 0
    market_ns: int = 0


_received_decoder = msgspec.json.Decoder(_Received)
_moment_decoder = msgspec.msgpack.Decoder(_Moment)


def lateness(texts: Iterable[bytes]) -> list[float]:
    """How many seconds after its market time each line was received, where the subscriber has noted that; of a checked feed."""
    found = []
    for text in texts:
        try:
            line = _received_decoder.decode(text)
            at = _moment_decoder.decode(line.frame)
        except msgspec.MsgspecError:  # his own note, or a message without a time
            continue
        if line.received_ns:
            found.append((line.received_ns - (at.event_ns or at.market_ns)) / 1e9)
    return found


def verify_key(text: str) -> VerifyKey:
    """The public half of a signing key, from its base64 text.

    Raises:
        ConfError: it is none.
    """
    from nacl.signing import VerifyKey

    try:
        return VerifyKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise ConfError(f"{text.strip()[:60]!r} is no public key: 44 characters of base64 are, as in a subscriber's file") from None


def texts(content: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of an open file without their ends. Empty ones are left out; one too long for a feed is cut, and so refused."""
    for text in content:
        if stripped := text[: MAX_TEXT + 1].strip():
            yield stripped

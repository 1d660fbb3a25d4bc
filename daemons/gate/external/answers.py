"""The replies to external signals that have a `request_id`, for repeats (bus/PROTOCOL.md, section 7).

A repeat stays a repeat for ever, and memory stays bounded: the newest replies are kept encoded, up to `KEPT` bytes. Of an older one
only a digest of its `request_id` remains, `DIGEST` bytes, so its repeat is refused as a duplicate without the first reply. The
journal has that reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from tapewire.bus.messages import ExternalAnswer

KEPT = 1 << 20
DIGEST = 16
ENTRY = 200
"""Bytes that a reply costs besides its `request_id` and its encoding."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ExternalAnswer).decode


class Answers:
    """Replies by `request_id`.

    Args:
        kept: bytes for whole replies; the newest one is kept in any case.
    """

    __slots__ = ("_answers", "_forgotten", "_kept", "_size")

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._size = 0
        self._answers: dict[str, bytes] = {}
        self._forgotten: set[bytes] = set()

    def restore(self, answers: Mapping[str, ExternalAnswer], forgotten: Iterable[bytes]) -> None:
        """Take these replies, oldest first, and the digests of older ones."""
        self._forgotten.update(forgotten)
        for request_id, reply in answers.items():
            self.keep(request_id, reply)

    def all(self) -> dict[str, ExternalAnswer]:
        """The whole replies, oldest first."""
        return {request_id: _decode(data) for request_id, data in self._answers.items()}

    @property
    def forgotten(self) -> tuple[bytes, ...]:
        """Digests of the ids whose replies are no longer kept, in rising order."""
        return tuple(sorted(self._forgotten))

    def get(self, request_id: str) -> ExternalAnswer | None:
        """The reply, if it is kept."""
        data = self._answers.get(request_id)
        return None if data is None else _decode(data)

    def __contains__(self, request_id: str) -> bool:
        """Whether this id has had a reply, kept or not."""
        return request_id in self._answers or (bool(self._forgotten) and _digest(request_id) in self._forgotten)

    def keep(self, request_id: str, reply: ExternalAnswer) -> None:
        """Keep the reply to a new `request_id`. The oldest ones become digests where there is no room."""
        data = self._answers[request_id] = _encode(reply)
        self._size += _cost(request_id, data)
        while self._size > self._kept and len(self._answers) > 1:
            oldest = next(iter(self._answers))
            self._size -= _cost(oldest, self._answers.pop(oldest))
            self._forgotten.add(_digest(oldest))


def _cost(request_id: str, data: bytes) -> int:
    return len(request_id) + len(data) + ENTRY


def _digest(request_id: str) -> bytes:
    return blake2b(request_id.encode(), digest_size=DIGEST).digest()

"""Idempotent replies: a repeated request gets the first reply, and nothing happens twice.

The service stores its reply before it sends it (zguide, ch. 4, "Idempotent Services"), so a repeated request recovers a lost
reply. The store is bounded, in replies and in bytes, and forgets the oldest replies first. Clients resend within seconds, and
unchanged. `limit` is far more than can be pending at once, and a service that needs more keeps ids of its own (the gate refuses a
second intent of the same id as DUPLICATE).

A request has a name, its ref, but the name alone does not make a duplicate. A client that recovers from a journal whose end was
lost (a power cut takes its last second) counts from there, and uses names a second time for new requests. Such a request needs
its own reply: the stored one would leave it unanswered for ever.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

DIGEST = 16
STORED = 8 << 20

_encode = msgspec.msgpack.Encoder().encode


class Served:
    """The last `limit` replies, by the ref of their request, and at most `stored` bytes of them. The newest is always kept."""

    __slots__ = ("_replies", "_size", "limit", "stored")

    def __init__(self, limit: int = 10_000, stored: int = STORED) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: at least 1 reply must be kept, or duplicates are executed again")
        self.limit = limit
        self.stored = stored
        self._size = 0
        self._replies: dict[str, tuple[bytes, ...]] = {}  # the request's digest, then the reply's frames

    def __len__(self) -> int:
        return len(self._replies)

    def __contains__(self, ref: object) -> bool:
        return ref in self._replies

    def get(self, ref: str, request: object) -> list[bytes] | None:
        """The reply's frames, or None if the request is new (or so old that its reply was dropped)."""
        first = self._replies.get(ref)
        return list(first[1:]) if first is not None and first[0] == _digest(request) else None

    def store(self, ref: str, request: object, reply: list[bytes]) -> None:
        """Keep the reply to `request`, named `ref`. The first one stands: a second reply to the same request is ignored."""
        digest = _digest(request)
        before = self._replies.get(ref)
        if before is not None:
            if before[0] == digest:
                return
            self._size -= _cost(ref, before)
        entry = self._replies[ref] = (digest, *reply)
        self._size += _cost(ref, entry)
        while len(self._replies) > self.limit or (self._size > self.stored and len(self._replies) > 1):
            oldest = next(each for each in self._replies if each != ref)
            self._size -= _cost(oldest, self._replies.pop(oldest))


def _digest(request: object) -> bytes:
    return blake2b(_encode(request), digest_size=DIGEST).digest()


def _cost(ref: str, entry: tuple[bytes, ...]) -> int:
    return len(ref) + sum(map(len, entry))

"""Idempotent replies: a repeated request gets the first reply, and nothing happens twice.

The service stores its reply before it sends it (zguide, ch. 4, "Idempotent Services"), so a repeated request recovers a lost
reply. The store is bounded and forgets the oldest replies first. Clients resend within seconds; `limit` is far more than can be
pending at once, and a service that needs more keeps ids of its own (the gate refuses a second intent of the same id as DUPLICATE).

A request has a name, its ref, but the name alone does not make a duplicate. A client that recovers from a journal whose end was
lost (a power cut takes its last second) counts from there, and uses names a second time for new requests. Such a request needs
its own reply: the stored one would leave it unanswered for ever.
"""

from __future__ import annotations

from typing import Any


class Served:
    """The last `limit` replies, by the ref of their request."""

    __slots__ = ("_replies", "limit")

    def __init__(self, limit: int = 10_000) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: at least 1 reply must be kept, or duplicates are executed again")
        self.limit = limit
        self._replies: dict[str, tuple[Any, list[bytes]]] = {}

    def __len__(self) -> int:
        return len(self._replies)

    def __contains__(self, ref: object) -> bool:
        return ref in self._replies

    def get(self, ref: str, request: object) -> list[bytes] | None:
        """The reply's frames, or None if the request is new (or so old that its reply was dropped)."""
        first, reply = self._replies.get(ref, (None, None))
        return reply if first == request else None

    def store(self, ref: str, request: object, reply: list[bytes]) -> None:
        """Keep the reply to `request`, named `ref`. The first one stands: a second reply to the same request is ignored."""
        if ref in self._replies and self._replies[ref][0] == request:
            return
        if len(self._replies) >= self.limit and ref not in self._replies:
            del self._replies[next(iter(self._replies))]
        self._replies[ref] = request, reply

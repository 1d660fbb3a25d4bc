"""What a writer keeps for resending: the last frames of each topic, with their numbers; and how much of it a reader may request."""

from __future__ import annotations

from collections import Counter, deque

from tapewire.bus.bounds import Bound, OutOfBounds
from tapewire.bus.messages import Resend

RING_BYTES = 16 << 20
"""Bytes of frames that a ring keeps of one topic; 4,096 messages of ordinary size stay below it."""


RESEND_BYTES = 8 << 20
"""Bytes that a writer resends to one reader's requests in `RESEND_NS`. A request counts as `REQUEST_COST` of them, and each message
as `MESSAGE_COST` more than it has: a reader that asks without end gets less time than the writer's own work."""

RESEND_NS = 1_000_000_000
REQUEST_COST = 16 << 10
MESSAGE_COST = 512


class Ring:
    """The last `size` frames of every topic, and at most `most` bytes of each. A new epoch of a topic forgets the old one."""

    __slots__ = ("_bytes", "_epochs", "_frames", "most", "size")

    def __init__(self, size: int, most: int = RING_BYTES) -> None:
        if size < 1:
            raise ValueError(f"size is {size}: a ring keeps at least 1 message per topic (bus.ring in the configuration)")
        self.size = size
        self.most = most
        self._epochs: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._frames: dict[str, deque[tuple[int, bytes]]] = {}

    def keep(self, topic: str, epoch: int, seq: int, frame: bytes) -> None:
        """Keep a published frame; when the ring is full, the topic's oldest frames are dropped. The newest is always kept."""
        if self._epochs.get(topic) != epoch:
            self._epochs[topic] = epoch
            self._bytes[topic] = 0
            self._frames[topic] = deque()
        frames = self._frames[topic]
        frames.append((seq, frame))
        held = self._bytes[topic] + len(frame)
        while len(frames) > self.size or (held > self.most and len(frames) > 1):
            held -= len(frames.popleft()[1])
        self._bytes[topic] = held

    def again(self, topic: str, epoch: int, first: int, last: int) -> list[bytes]:
        """The frames numbered first to last (inclusive) that are still here, oldest first; empty for another epoch."""
        if self._epochs.get(topic) != epoch:
            return []
        return [frame for seq, frame in self._frames[topic] if first <= seq <= last]


class Resends:
    """Serves requests from a ring, each asker's within its allowance."""

    __slots__ = ("_from_ns", "_ring", "_spent")

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._from_ns = -RESEND_NS
        self._spent: Counter[str] = Counter()

    def serve(self, asker: str, wanted: Resend, now_ns: int) -> list[bytes]:
        """The frames to publish again, oldest first, as many as the allowance has room for.

        Args:
            now_ns: monotonic.

        Raises:
            OutOfBounds: the allowance is used up. An honest reader asks again.
        """
        if now_ns - self._from_ns >= RESEND_NS:
            self._from_ns = now_ns
            self._spent.clear()
        if self._spent[asker] >= RESEND_BYTES:
            raise OutOfBounds(Bound.RESEND, f"{wanted.topic}: more than {RESEND_BYTES >> 20} MiB requested again within a second")
        self._spent[asker] += REQUEST_COST
        served: list[bytes] = []
        for frame in self._ring.again(wanted.topic, wanted.of_epoch, wanted.first, wanted.last):
            if self._spent[asker] >= RESEND_BYTES:
                break
            self._spent[asker] += len(frame) + MESSAGE_COST
            served.append(frame)
        return served

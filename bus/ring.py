"""What a writer keeps for resending: the last frames of each topic, with their numbers."""

from __future__ import annotations

from collections import deque

RING_BYTES = 16 << 20
"""Bytes of frames that a ring keeps of one topic; 4,096 messages of ordinary size stay below it."""


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

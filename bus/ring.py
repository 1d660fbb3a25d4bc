"""What a writer keeps for resending: the last frames of each topic, with their numbers."""

from __future__ import annotations

from collections import deque


class Ring:
    """The last `size` frames of every topic. A new epoch of a topic forgets the old one."""

    __slots__ = ("_epochs", "_frames", "size")

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is {size}: a ring keeps at least 1 message per topic (bus.ring in the configuration)")
        self.size = size
        self._epochs: dict[str, int] = {}
        self._frames: dict[str, deque[tuple[int, bytes]]] = {}

    def keep(self, topic: str, epoch: int, seq: int, frame: bytes) -> None:
        """Keep a published frame; when the ring is full, the topic's oldest frame is dropped."""
        if self._epochs.get(topic) != epoch:
            self._epochs[topic] = epoch
            self._frames[topic] = deque(maxlen=self.size)
        self._frames[topic].append((seq, frame))

    def again(self, topic: str, epoch: int, first: int, last: int) -> list[bytes]:
        """The frames numbered first to last (inclusive) that are still here, oldest first; empty for another epoch."""
        if self._epochs.get(topic) != epoch:
            return []
        return [frame for seq, frame in self._frames[topic] if first <= seq <= last]

"""The last frame of each topic. The broker sends it to a reader that has just subscribed."""

from __future__ import annotations

from collections import OrderedDict

ENTRY = 256
"""Bytes that an entry costs besides its topic and its frame, so that many small topics count for what they take."""


class LastValues:
    """One frame per topic, the newest kept, within `budget` bytes (topics, frames, and `ENTRY` for each).

    Where the budget is full, the value that was written longest ago is dropped first, and a value that alone is larger is not kept.
    A joiner then gets no last value of that topic. Its writer's next message or heartbeat shows the joiner the topic, and the
    writer resends from its ring what the joiner asks for (bus/PROTOCOL.md, section 4). An outdated value is never kept.

    size: bytes in use. dropped: values that found no room, over all time.
    """

    __slots__ = ("_frames", "budget", "dropped", "size")

    def __init__(self, budget: int = 32 << 20) -> None:
        if budget < 1:
            raise ValueError(f"budget is {budget}: last values need at least 1 byte (bus.last_values_mib in the configuration)")
        self.budget = budget
        self.size = 0
        self.dropped = 0
        self._frames: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._frames)

    def keep(self, topic: str, frame: bytes) -> None:
        """Remember this frame as the topic's last one. Drops what was written longest ago until the budget holds."""
        before = self._frames.get(topic)
        self.size += _cost(topic, frame) if before is None else len(frame) - len(before)
        self._frames[topic] = frame
        self._frames.move_to_end(topic)
        if self.size > self.budget:
            self._make_room(topic, _cost(topic, frame))

    def _make_room(self, newest: str, cost: int) -> None:
        if cost > self.budget:
            del self._frames[newest]
            self.size -= cost
            self.dropped += 1
        while self.size > self.budget:
            self.size -= _cost(*self._frames.popitem(last=False))
            self.dropped += 1

    def matching(self, prefix: str) -> list[tuple[str, bytes]]:
        """Topic and last frame of every topic that matches `prefix`; the one written longest ago comes first."""
        return [(topic, frame) for topic, frame in self._frames.items() if topic.startswith(prefix)]


def _cost(topic: str, frame: bytes) -> int:
    return len(topic) + len(frame) + ENTRY

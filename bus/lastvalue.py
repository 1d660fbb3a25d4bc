"""The last frame of each topic. The broker sends it to a reader that has just subscribed."""

from __future__ import annotations


class LastValues:
    """One frame per topic, the newest kept."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def keep(self, topic: str, frame: bytes) -> None:
        """Remember this frame as the topic's last one."""
        self._frames[topic] = frame

    def matching(self, prefix: str) -> list[tuple[str, bytes]]:
        """Topic and last frame of every topic that matches `prefix`, in the order of each topic's first message."""
        return [(topic, frame) for topic, frame in self._frames.items() if topic.startswith(prefix)]

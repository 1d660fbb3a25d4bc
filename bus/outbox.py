"""At-least-once delivery: an unacknowledged message is resent, at growing intervals.

The receiver sees duplicates and must act once per id; that makes the effect exactly once. The outbox never drops a message by
itself: its user decides when a message no longer matters, and calls `done`.
"""

from __future__ import annotations


class _Pending:
    __slots__ = ("due_ns", "frames", "wait_ns")

    def __init__(self, frames: list[bytes], due_ns: int, wait_ns: int) -> None:
        self.frames = frames
        self.due_ns = due_ns
        self.wait_ns = wait_ns


class Outbox:
    """Pending messages, by their ref.

    Args:
        first_ns: wait before the first repeat; each further wait is twice as long.
        cap_ns: the longest wait.
    """

    __slots__ = ("_cap_ns", "_first_ns", "_pending")

    def __init__(self, first_ns: int = 250_000_000, cap_ns: int = 2_000_000_000) -> None:
        if not 0 < first_ns <= cap_ns:
            raise ValueError(f"first_ns={first_ns}, cap_ns={cap_ns}: need 0 < first_ns <= cap_ns")
        self._first_ns = first_ns
        self._cap_ns = cap_ns
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, ref: str, frames: list[bytes], now_ns: int) -> None:
        """Add a message; `due` returns it at once. A ref that is already pending stays as it is."""
        if ref not in self._pending:
            self._pending[ref] = _Pending(frames, now_ns, self._first_ns)

    def done(self, ref: str) -> bool:
        """Remove a message: it was acknowledged, or no longer matters. False if it was not pending (a second acknowledgement)."""
        return self._pending.pop(ref, None) is not None

    def due(self, now_ns: int) -> list[list[bytes]]:
        """The messages to send now, in the order they were added. The caller sends them: each is next due after its next wait."""
        ready: list[list[bytes]] = []
        for waiting in self._pending.values():
            if waiting.due_ns <= now_ns:
                ready.append(waiting.frames)
                waiting.due_ns = now_ns + waiting.wait_ns
                waiting.wait_ns = min(2 * waiting.wait_ns, self._cap_ns)
        return ready

    def next_ns(self) -> int | None:
        """When the next message is due; None when none is pending."""
        return min((waiting.due_ns for waiting in self._pending.values()), default=None)

    def all(self) -> list[list[bytes]]:
        """Every pending message, in the order they were added."""
        return [waiting.frames for waiting in self._pending.values()]

    def pending(self) -> list[str]:
        """The refs of the pending messages, oldest first."""
        return list(self._pending)

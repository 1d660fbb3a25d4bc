"""At-least-once sending: what has not been acknowledged is sent again, less and less often.

The other side sees repeats and must act once per id; that is what makes the effect exactly once. The outbox gives up nothing by
itself: whoever put a message decides when it no longer matters, and says `done`.
"""

from __future__ import annotations


class _Waiting:
    __slots__ = ("due_ns", "frames", "wait_ns")

    def __init__(self, frames: list[bytes], due_ns: int, wait_ns: int) -> None:
        self.frames = frames
        self.due_ns = due_ns
        self.wait_ns = wait_ns


class Outbox:
    """Messages under way, by their ref.

    Args:
        first_ns: wait before the first repeat; each further wait is twice as long.
        cap_ns: the longest wait.
    """

    __slots__ = ("_cap_ns", "_first_ns", "_waiting")

    def __init__(self, first_ns: int = 250_000_000, cap_ns: int = 2_000_000_000) -> None:
        if not 0 < first_ns <= cap_ns:
            raise ValueError(f"first_ns={first_ns}, cap_ns={cap_ns}: need 0 < first_ns <= cap_ns")
        self._first_ns = first_ns
        self._cap_ns = cap_ns
        self._waiting: dict[str, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, ref: str, frames: list[bytes], now_ns: int) -> None:
        """Take charge of a message; `due` hands it out at once. A ref that is already under way is left as it is."""
        if ref not in self._waiting:
            self._waiting[ref] = _Waiting(frames, now_ns, self._first_ns)

    def done(self, ref: str) -> bool:
        """It was acknowledged, or no longer matters. False if it was not under way (a second acknowledgement)."""
        return self._waiting.pop(ref, None) is not None

    def due(self, now_ns: int) -> list[list[bytes]]:
        """The messages to send now, in the order they were put. Asking is sending: each is then due after its next wait."""
        ready: list[list[bytes]] = []
        for waiting in self._waiting.values():
            if waiting.due_ns <= now_ns:
                ready.append(waiting.frames)
                waiting.due_ns = now_ns + waiting.wait_ns
                waiting.wait_ns = min(2 * waiting.wait_ns, self._cap_ns)
        return ready

    def next_ns(self) -> int | None:
        """When `due` will next have something; None when nothing is under way."""
        return min((waiting.due_ns for waiting in self._waiting.values()), default=None)

    def all(self) -> list[list[bytes]]:
        """Every message under way, in the order they were put."""
        return [waiting.frames for waiting in self._waiting.values()]

    def pending(self) -> list[str]:
        """The refs under way, oldest first."""
        return list(self._waiting)

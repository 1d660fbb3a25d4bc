"""Who reads the history: at most so many at a time, and one that stops asking is forgotten.

The run's own daemons and the bridge are always let in: they cannot start without the journal. They count, too. Times are monotonic.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from tapewire.strategies.clock import SECOND_NS

FORGOTTEN_NS = 60 * SECOND_NS
QUIET_NS = SECOND_NS  # a reader that asks has no pause so long


class Readers:
    """The readers of one logger. refused: requests of those that found no room.

    Args:
        most: at a time. gone: whether a reader has closed its connection; asked only where room is needed.
    """

    def __init__(self, most: int, gone: Callable[[Hashable], bool]) -> None:
        self.most = most
        self.refused = 0
        self._gone = gone
        self._asked_ns: dict[Hashable, int] = {}  # the longest silent first

    def admit(self, reader: Hashable, now_ns: int, *, ours: bool) -> bool:
        """Whether a reader that asks now may read."""
        known = self._asked_ns.pop(reader, None) is not None
        if not known and not ours and self.count(now_ns) >= self.most:
            self._leave_out(now_ns)
            if len(self._asked_ns) >= self.most:
                self.refused += 1
                return False
        self._asked_ns[reader] = now_ns
        return True

    def count(self, now_ns: int) -> int:
        """How many have asked within the last minute."""
        while self._asked_ns and now_ns - next(iter(self._asked_ns.values())) >= FORGOTTEN_NS:
            del self._asked_ns[next(iter(self._asked_ns))]
        return len(self._asked_ns)

    def _leave_out(self, now_ns: int) -> None:
        """Forget those that have gone without a word."""
        quiet = [reader for reader, asked_ns in self._asked_ns.items() if now_ns - asked_ns >= QUIET_NS]
        for reader in quiet:
            if self._gone(reader):
                del self._asked_ns[reader]

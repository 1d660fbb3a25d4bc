"""Keys whose readers did not read. Each waits before it may read again, and longer each time.

A reader that is cut off and comes again costs as much as before: it is told the past again. So the past of a key has a budget, and
a key that did not take it waits.
"""

from __future__ import annotations

from collections.abc import Callable

from tapewire.daemons.api.allotment import Allotment

FIRST_S, LONGEST_S = 2.0, 60.0  # each wait is twice the one before
CALM_S = 120.0  # after a wait: a key that was not cut off for so long begins anew
PAST_PER_S = 8 << 20  # bytes of the past for one key, as the bus resends to one reader; twice as many at once


class SlowKeys:
    """How long each key waits, and how much of the past it has had.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waits: dict[str, tuple[float, float]] = {}  # by name: until when, and how long it was
        self._past: dict[str, Allotment] = {}

    def cut(self, name: str) -> float:
        """A reader of this key was cut off. Returns how long the key waits from now on; 0 if it waits already for another one."""
        now_s = self._clock()
        until_s, last_s = self._waits.get(name, (0.0, 0.0))
        if now_s < until_s:
            return 0.0
        wait_s = FIRST_S if now_s - until_s >= CALM_S or not last_s else min(2 * last_s, LONGEST_S)
        self._waits[name] = now_s + wait_s, wait_s
        return wait_s

    def wait(self, name: str) -> float:
        """Seconds until the key may read again."""
        until_s, _ = self._waits.get(name, (0.0, 0.0))
        return max(0.0, until_s - self._clock())

    def past(self, name: str, size: int) -> float:
        """Take so many bytes from what may be told of the past. 0 if there is room; otherwise the seconds until there is."""
        own = self._past.get(name)
        if own is None:
            own = self._past[name] = Allotment(PAST_PER_S)
        return own.take(self._clock(), size)

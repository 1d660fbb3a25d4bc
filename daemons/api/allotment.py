"""How much one may have in a time: requests of a key, new connections, bytes of the past."""

from __future__ import annotations


class Allotment:
    """So much a second, and twice as much at once, one at least."""

    __slots__ = ("_at_once", "_at_s", "_left", "_per_s")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = self._at_once = max(1.0, 2 * per_s)
        self._at_s = 0.0

    def take(self, now_s: float, much: float = 1.0) -> float:
        """0 if there is room for so much; otherwise the seconds until there is, and nothing is taken."""
        self._left = min(self._at_once, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left >= much:
            self._left -= much
            return 0.0
        return (much - self._left) / self._per_s

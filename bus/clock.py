"""Time for shells. Cores never read a clock: their only time is the event's time.

A part of a shell takes a `Clock` as an argument, so that a test moves a `ManualClock` by hand and finishes at once.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings in nanoseconds, as `WallClock` has them."""

    def now_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...


class WallClock:
    """The machine's own clocks. Readings in nanoseconds."""

    __slots__ = ()

    def now_ns(self) -> int:
        """UTC wall time since 1970. May jump; only for what people read and for comparing with market time."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Time that never goes back, from an unknown origin. For every waiting, timing out and trying again."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that stands still until `advance` moves it. Both readings are the same number."""

    __slots__ = ("_at_ns",)

    def __init__(self, at_ns: int = 0) -> None:
        self._at_ns = at_ns

    def now_ns(self) -> int:
        return self._at_ns

    def monotonic_ns(self) -> int:
        return self._at_ns

    def advance(self, by_ns: int) -> None:
        """Move on. Raises ValueError for a step back: a clock that goes back would hide the bug it causes."""
        if by_ns < 0:
            raise ValueError(f"by_ns is {by_ns}: a ManualClock only moves forward; make a new one to start earlier")
        self._at_ns += by_ns

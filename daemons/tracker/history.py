"""The initial balances of earlier sessions, and the volatility regime that follows from them (playbook 2.8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from tapewire.bus.messages import IbHistory

KEPT = 20
LEAST = 5  # entries from which on means, percentile and regime are published
LOW, NORMAL = 150.0, 250.0  # NQ points; a median below them is a low, a normal regime


class BalanceHistory:
    """The last 20 values of R, newest last. A session's own value is added when the session is over."""

    __slots__ = ("_ranges", "summary")

    def __init__(self) -> None:
        self._ranges: deque[float] = deque(maxlen=KEPT)
        self.summary = IbHistory()

    def add(self, r: float) -> None:
        """Take the R of a finished session, in points."""
        self._ranges.append(r)
        self.summary = self._summarise()

    def _summarise(self) -> IbHistory:
        ranges = self._ranges
        if len(ranges) < LEAST:
            return IbHistory(count=len(ranges))
        ordered = sorted(ranges)
        median = percentile(ordered, 0.5)
        return IbHistory(
            count=len(ranges),
            mean5=_mean_of_last(ranges, 5),
            mean10=_mean_of_last(ranges, 10),
            p90=percentile(ordered, 0.9),
            regime="low" if median < LOW else "normal" if median < NORMAL else "high",
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value at position `share*(n-1)` of an ascending sequence, interpolated linearly."""
    position = share * (len(ordered) - 1)
    below = int(position)
    if below + 1 == len(ordered):
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (position - below)


def _mean_of_last(ranges: deque[float], n: int) -> float:
    last = list(islice(reversed(ranges), n))
    return sum(last) / len(last)

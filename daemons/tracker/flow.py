"""Order flow of a bar: its delta, the deltas before it, and its rank among the last 20 RTH bars (playbook 2.3, 2.5).

The 20-bar window and the cumulative delta run over RTH bars across sessions: the first bars of a day are compared with the end of
the previous day, never with the night. The pre-delta sums belong to one session. Deltas are whole contracts held as doubles, so
running sums are exact.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import Final

from tapewire.bus.messages import Bar, Flow

WINDOW: Final = 20


class PreDelta:
    """Sums of the deltas up to this bar, within a session (playbook 2.3)."""

    __slots__ = ("_last9", "_last10", "_sum9", "delta10")

    def __init__(self) -> None:
        self.delta10 = 0.0
        self._last10: deque[float] = deque()
        self._sum9 = 0.0
        self._last9: deque[float] = deque()

    def fold(self, delta: float, *, post_ib: bool) -> float | None:
        """Take an RTH bar's delta.

        Afterwards `delta10` is the sum of the last up to 10 deltas, this one included.
        Returns the sum of up to 9 post-IB deltas before this one, or None before the post-IB part.
        """
        self.delta10 += delta
        self._last10.append(delta)
        if len(self._last10) > 10:
            self.delta10 -= self._last10.popleft()
        if not post_ib:
            return None
        previous9 = self._sum9
        self._sum9 += delta
        self._last9.append(delta)
        if len(self._last9) > 9:
            self._sum9 -= self._last9.popleft()
        return previous9


class OrderFlow:
    """The window of the last 20 RTH bars and the cumulative delta, carried from session to session (playbook 2.5)."""

    __slots__ = ("_cvd", "_deltas", "_ranked", "_volume", "_volumes")

    def __init__(self) -> None:
        self._cvd = 0.0
        self._deltas: deque[float] = deque()
        self._ranked: list[float] = []
        self._volumes: deque[int] = deque()
        self._volume = 0

    def fold(self, bar: Bar, pre: PreDelta, *, post_ib: bool) -> Flow:
        """Take an RTH bar and return its order flow. `pre` is the session's; it takes the bar's delta, too."""
        ask, bid, volume = bar.ask_volume, bar.bid_volume, bar.volume
        if ask is None or bid is None or (volume > 0 and ask == 0 and bid == 0):
            present, delta, imbalance = False, 0.0, None
        else:
            present, delta, imbalance = True, float(ask - bid), ask / bid if bid else None
        self._cvd += delta
        previous9 = pre.fold(delta, post_ib=post_ib)
        percentile = self._rank(delta)
        spike = self._spike(volume)
        quality = (percentile >= 60) + (imbalance is not None and imbalance > 1.0) + (spike is not None and spike >= 1.0)
        return Flow(delta, pre.delta10, previous9, percentile, imbalance, spike, quality, self._cvd, present)

    def _rank(self, delta: float) -> float:
        deltas, ranked = self._deltas, self._ranked
        deltas.append(delta)
        insort(ranked, delta)
        if len(deltas) > WINDOW:
            del ranked[bisect_left(ranked, deltas.popleft())]
        less = bisect_left(ranked, delta)
        equal = bisect_right(ranked, delta) - less
        return 100 * (less + (equal + 1) / 2) / len(ranked)

    def _spike(self, volume: int) -> float | None:
        volumes = self._volumes
        volumes.append(volume)
        self._volume += volume
        if len(volumes) > WINDOW:
            self._volume -= volumes.popleft()
        mean = self._volume / len(volumes)
        return volume / mean if mean else None

"""Whether an instrument's bars come: connected, delayed or silent (PROTOCOL.md 12, feed_status).

Pure: times are arguments. `now_ns` is monotonic, `wall_ns` the clock of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from tapewire.bus.messages import Bar, FeedState, FeedStatus
from tapewire.daemons.operator.snapshot import span
from tapewire.strategies.clock import SECOND_NS

SILENT_NS = 3 * SECOND_NS
NO_BAR_NS = 125 * SECOND_NS
LATE_S = 15.0
"""NinjaTrader closes a bar with the first tick of the next one: some seconds late where few trade."""

Open: TypeAlias = Callable[[str, int], bool]
"""Whether an instrument's market is open at a wall-clock time."""


class FeedWatch:
    """The state of each instrument's feed, from the bridge's heartbeats and the bars.

    Args:
        told: what was last published of an instrument.
    """

    def __init__(self, instruments: Iterable[str], market_open: Open, now_ns: int, told: Iterable[FeedStatus] = ()) -> None:
        self._instruments = tuple(instruments)
        self._open = market_open
        self._beat_ns = now_ns
        self._heard = False
        self._came_ns = dict.fromkeys(self._instruments, now_ns)
        self._last: dict[str, tuple[Bar, float]] = {}
        self._told = {status.instrument: status for status in told}

    def beat(self, now_ns: int) -> None:
        """The bridge has sent a heartbeat."""
        self._heard = True
        self._beat_ns = now_ns

    def bar(self, bar: Bar, now_ns: int, wall_ns: int) -> None:
        """A bar has come; one of a chart's past, or one that is sent again, says nothing."""
        known = self._last.get(bar.instrument)
        if bar.phase == "historical" or (known is not None and bar.close_ns <= known[0].close_ns):
            return
        self._came_ns[bar.instrument] = now_ns
        self._last[bar.instrument] = bar, round((wall_ns - bar.close_ns) / SECOND_NS, 3)

    def changes(self, now_ns: int, wall_ns: int) -> Iterator[FeedStatus]:
        """The status of each instrument that has another one than was told; nothing before the first heartbeat could have come."""
        if not self._heard and now_ns - self._beat_ns < SILENT_NS:
            return
        for name in self._instruments:
            status = self._status(name, now_ns, wall_ns)
            told = self._told.get(name)
            if told is None or told.status != status.status:
                self._told[name] = status
                yield status

    def _status(self, name: str, now_ns: int, wall_ns: int) -> FeedStatus:
        bar, late_s = self._last.get(name, (None, 0.0))
        state, text = self._judged(name, bar, late_s, now_ns, wall_ns)
        return FeedStatus(name, state, text, 0 if bar is None else bar.close_ns, late_s)

    def _judged(self, name: str, bar: Bar | None, late_s: float, now_ns: int, wall_ns: int) -> tuple[FeedState, str]:
        if now_ns - self._beat_ns >= SILENT_NS:
            return "silent", "the bridge sends no heartbeat"
        if bar is not None and bar.phase == "playback":
            return "connected", "bars are played back"
        if not self._open(name, wall_ns):
            return "connected", "the market is closed"
        if now_ns - self._came_ns[name] >= NO_BAR_NS:
            return "silent", f"no bar for {span((now_ns - self._came_ns[name]) / SECOND_NS)} of an open market"
        if late_s > LATE_S:
            return "delayed", f"the newest bar came {span(late_s)} after its close"
        return "connected", "waiting for the first bar" if bar is None else "bars come"

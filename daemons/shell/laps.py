"""When a process began and ended its work for a bar: noted while it works, told with its next heartbeat.

A note costs one reading of the clock and one entry of a list. Nothing is encoded or sent before the heartbeat. No message of the
decision chain carries a time of the wall clock: the journal of a live day stays comparable with that of a backtest.
"""

from __future__ import annotations

from collections import deque

from tapewire.bus.messages import Bar, Body, Intents, Lap, Session, Stage

MOST = 512  # between two heartbeats; of more, as in a fast replay, the newest are told


class Laps:
    """The laps of one process since its last heartbeat. Times in are monotonic."""

    def __init__(self) -> None:
        self._noted: deque[tuple[Stage, str, int, int, int]] = deque(maxlen=MOST)

    def note(self, stage: Stage, instrument: str, bar_ns: int, in_ns: int, out_ns: int) -> None:
        """One stage has done its work for a bar."""
        self._noted.append((stage, instrument, bar_ns, in_ns, out_ns))

    def take(self, offset_ns: int) -> tuple[Lap, ...]:
        """Those since the last call, in wall-clock time, which is `offset_ns` ahead of the monotonic clock."""
        laps = tuple(
            Lap(stage, instrument, bar_ns, offset_ns + in_ns, offset_ns + out_ns)
            for stage, instrument, bar_ns, in_ns, out_ns in self._noted
        )
        self._noted.clear()
        return laps


def bar_of(body: Body) -> tuple[str, int] | None:
    """Instrument and close of the bar that a message of the chain is about; None for a bar of the past, which nobody waits for."""
    if isinstance(body, Intents):
        return body.instrument, body.bar_ns
    bar = body.bar if isinstance(body, Session) else body
    return (bar.instrument, bar.close_ns) if isinstance(bar, Bar) and bar.phase != "historical" else None

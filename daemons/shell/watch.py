"""What only a clock can tell a core: the market time, that a time-out is over, that the logger is silent.

Market time stands still between two messages. So it is estimated: the latest market time read, and the time waited since. In a
replay it really stands still (`clock_runs` of the bus is off): a pause may not let an order expire. What
follows from it reaches a core as a note of its own process (daemons/shell/notes.py).
"""

from __future__ import annotations

from tapewire.bus.daemon import Event
from tapewire.bus.messages import Due, Gap, LinkState
from tapewire.strategies.clock import SECOND_NS

JOURNAL = "journal.link."
DUE = "due."
_TIMELESS = (Gap, Due)
NOT_WHOLE = "journal not whole: "  # begins the note of a logger's beat while a file of the journal is not as written


class Watch:
    """Market time as one process has it, and the logger's silence. All `now_ns` are readings of one monotonic clock.

    market_ns: the latest market time; 0 before any. journal_up: what the core was last told of the logger.

    Args:
        journal_s: how long the logger may be silent. runs: market time goes on between two messages.
    """

    def __init__(self, journal_s: float, now_ns: int, *, runs: bool = True) -> None:
        self.market_ns = 0
        self.journal_up = True
        self._journal_s = journal_s
        self._runs = runs
        self._opened_ns = self._heard_ns = now_ns

    def open(self, now_ns: int) -> None:
        """Recovery is over; silence counts from here."""
        self._opened_ns = now_ns

    def heard(self, event: Event, now_ns: int) -> None:
        """A core takes this event. A Gap carries wall-clock time and a Due an estimate; neither advances market time."""
        body = event.body
        if event.header.event_ns > self.market_ns and not isinstance(body, _TIMELESS):
            self.market_ns, self._heard_ns = event.header.event_ns, now_ns
        if isinstance(body, LinkState) and event.topic == JOURNAL:
            self.journal_up = body.up

    def estimated_ns(self, now_ns: int) -> int:
        """Market time now. After a restart the waiting counts anew."""
        return self.market_ns + (now_ns - self._heard_ns if self._runs else 0)

    def journal(self, beat_ns: int | None, now_ns: int, note: str = "") -> LinkState | None:
        """What is new about the logger, whose last beat came at `beat_ns` with this note (None: none since our start)."""
        beats = now_ns - (self._opened_ns if beat_ns is None else beat_ns) < self._journal_s * SECOND_NS
        up = beats and not note.startswith(NOT_WHOLE)
        if up is self.journal_up:
            return None
        down = note if beats else f"nothing heard of the logger for {self._journal_s:g} s"
        return LinkState(up, "" if up else down, "journal")

    def due(self, due_ns: int, now_ns: int) -> Due | None:
        """The time-out that a core wants (0: none), if market time has reached it."""
        return Due(due_ns) if due_ns and self.estimated_ns(now_ns) >= due_ns else None

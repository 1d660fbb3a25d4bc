"""The time of day by which a prop-firm program wants every position closed (playbook 6)."""

from __future__ import annotations

from tapewire.daemons.market.clock import SessionClock
from tapewire.strategies.clock import RTH_CLOSE, minute_of


class FlatBy:
    """The rule of one program. time: "HH:MM" Eastern, None for no rule."""

    def __init__(self, time: str | None, clock: SessionClock) -> None:
        self.time = time
        self._clock = clock

    def minutes_left(self, at_ns: int) -> int | None:
        """Minutes from a bar's close until its trade date's flat-by time, negative when that is past. None without the rule."""
        if self.time is None:
            return None
        date, at = self._clock.read(at_ns)
        last = minute_of(self.time)
        # The exit time of a half day lies before its close (playbook 5.2), whatever hour the firm names for a whole one.
        return (last if date.closes == RTH_CLOSE else min(last, date.closes)) - at

    def breach(self, entry_ns: int, exit_ns: int) -> str | None:
        """How a round turn broke the rule, or None.

        Args:
            entry_ns, exit_ns: closes of the bars of its first and its last fill.
        """
        left = self.minutes_left(exit_ns)
        if left is None:
            return None
        entered, gone = self._clock.read(entry_ns)[0].date, self._clock.read(exit_ns)[0].date
        if entered != gone:
            return f"entered on {entered}, closed on {gone}"
        return f"closed {-left} min after the flat-by time {self.time}" if left < 0 else None

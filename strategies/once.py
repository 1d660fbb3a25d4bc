"""The part that strategies with one trade a session share: whether they have traded, and until when they may."""

from __future__ import annotations

from tapewire.bus.messages import Session
from tapewire.strategies.clock import TimeOfDay, minute_of
from tapewire.strategies.protocol import DayTypeOf, Proposal


class OnceASession:
    """The methods of such a strategy other than `propose`. A consumed proposal sets `used`; a new trade date clears it.

    Its `propose` reads `used`, `until` (minutes after midnight) and `day_type`.
    """

    used: bool

    def __init__(self, until: TimeOfDay, day_type: DayTypeOf) -> None:
        """until: no proposal from this time on."""
        self.until = minute_of(until)
        self.day_type = day_type
        self.start("")

    def start(self, session: str) -> None:
        """A new trade date: the strategy may trade again. A strategy with more state clears it here, too."""
        self.used = False

    def update(self, s: Session) -> None:
        """Nothing, unless a strategy keeps state of earlier bars: the tracker counts touches, closes and scores."""

    def consume(self, proposal: Proposal) -> None:
        """The proposal was consumed."""
        self.used = True


def ib_at_most(r: float, p90: float | None, times_p90: float | None, points: float | None) -> bool:
    """Whether an initial balance of height R is small enough.

    Args:
        r: in points. p90: the history's 90th percentile of it, None while the history is too short.
        times_p90: largest R as a multiple of that percentile; None, or no percentile: `points` applies.
        points: largest R; None: no limit.
    """
    if times_p90 is not None and p90 is not None:
        return r <= times_p90 * p90
    return points is None or r <= points

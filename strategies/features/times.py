"""Features of the clock: the trade date, its hours, and how whole they are."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.strategies.clock import DAY, EVENING, RTH_CLOSE, RTH_OPEN
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment


def _rth(m: Moment, value: float) -> float | None:
    return value if m.s.rth else None


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature(
        "date_age_minutes",
        "minutes",
        "The bar's close after 18:00 New York, when the trade date began.",
        lambda m: (m.s.minute - EVENING) % DAY,
    )
    yield Feature("rth_age_minutes", "minutes", "The bar's close after 09:30, in RTH.", lambda m: _rth(m, m.s.minute - RTH_OPEN))
    yield Feature(
        "rth_left_minutes", "minutes", "From the bar's close to the end of RTH, in RTH.", lambda m: _rth(m, m.s.closes - m.s.minute)
    )
    yield Feature("rth_flag", "flag", "1 in regular trading hours, 0 outside.", lambda m: m.s.rth)
    yield Feature("half_day_flag", "flag", "1 if RTH ends before 16:00.", lambda m: m.s.closes < RTH_CLOSE)
    yield Feature("weekday_code", "code", "The trade date's weekday, 0 for Monday to 4 for Friday.", lambda m: m.weekday)
    yield Feature("missing_count", "count", "Minutes of RTH without a bar so far.", lambda m: m.s.missing)
    yield Feature("degraded_flag", "flag", "1 if a hole of the feed makes the session unreliable.", lambda m: m.s.degraded)

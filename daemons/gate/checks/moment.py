"""Checks of the moment: the feed is complete and current, the venue is connected, and entries are allowed at this time."""

from __future__ import annotations

from tapewire.daemons.gate.books import timeouts
from tapewire.daemons.gate.checks.case import Case


def feed_stale(case: Case) -> str | None:
    """The bar is old by market time: messages of the venue, or of another instrument, are later."""
    most, age_s = case.limits.feed_age_s, (case.observed.now_ns - case.request.bar_ns) / 1e9
    if most is not None and age_s > most:
        return f"the bar is {age_s:.3f} s behind the market, at most {most} s"
    return None


def degraded(case: Case) -> str | None:
    return "the session has a gap that did not heal; no entries until the next one" if case.request.degraded else None


def missing_bars(case: Case) -> str | None:
    most, missing = case.limits.missing_bars, case.request.missing
    if most is not None and missing > most:
        return f"{missing} RTH minutes of the session have no bar, at most {most}"
    return None


def venue_down(case: Case) -> str | None:
    return None if case.observed.link_up else "the venue is not connected; its resting stops stand"


def journal_down(case: Case) -> str | None:
    return None if case.observed.journal_up else "the logger is silent, so what happens now would be lost; see its log and the disk"


def unanswered(case: Case) -> str | None:
    waiting = timeouts.unanswered(case.orders)
    return f"the venue has not acknowledged {', '.join(waiting)}" if waiting else None


def unreconciled(case: Case) -> str | None:
    name, disputed = case.request.instrument, case.account.disputed
    if name not in disputed:
        return None
    return f"the venue reports {disputed[name]:+d} {name}, our books {case.book.qty(name):+d}; a person must look"


def calendar_disputed(case: Case) -> str | None:
    days = case.observed.disputed_days.get(case.request.instrument, {})
    return days.get(case.hours.trade_date(case.request.bar_ns).isoformat())


def holiday(case: Case) -> str | None:
    return None if "holidays" in case.limits.loosened else case.hours.holiday(case.request.bar_ns)


def outside_window(case: Case) -> str | None:
    return case.hours.outside(case.request.bar_ns)


def flattening(case: Case) -> str | None:
    return case.hours.flattening(case.request.bar_ns)


def session_closing(case: Case) -> str | None:
    return case.hours.closing(case.request.bar_ns)

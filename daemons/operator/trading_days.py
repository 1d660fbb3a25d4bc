"""On which days a scheduled start happens: the exchange's calendar says it, and why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from tapewire.daemons.settings.calendar import RTH_CLOSES, RTH_OPENS, closes_of
from tapewire.strategies.clock import NEW_YORK

AHEAD = dt.timedelta(30)
Closes = Mapping[dt.date, dt.time | None]


class Judgement(NamedTuple):
    """Whether to start at a moment, and the reason in words."""

    starts: bool
    why: str


class Ahead(NamedTuple):
    """The next start, in New York; None if the calendar has none. skipped: days before it on which nothing is started, with why."""

    at: dt.datetime | None
    skipped: list[str]


def closes(today: dt.date) -> Closes:
    """When trading of the equity index futures ends on each weekday of the next weeks; None on a day without trading."""
    return closes_of("equity", today, today + AHEAD)


def judge(now: dt.datetime, at: dt.time, known: Closes) -> Judgement:
    """Whether a start at this moment is wanted: on a trading day, from `at` until its close.

    Args:
        now: with its zone. at: New York.
    """
    here = now.astimezone(NEW_YORK)
    if why := _closed(here.date(), known):
        return Judgement(False, why)
    close = _close(here.date(), known)
    if here.time() < at:
        return Judgement(False, f"it is {here:%H:%M} in New York, and the start is at {at:%H:%M}")
    if here.time() >= close:
        return Judgement(False, f"it is {here:%H:%M} in New York, and the session has closed at {close:%H:%M}")
    return Judgement(True, f"{here:%Y-%m-%d} closes at {close:%H:%M} New York" + (", a half day" if close < RTH_CLOSES else ""))


def ahead(now: dt.datetime, at: dt.time, known: Closes) -> Ahead:
    """The next start after this moment."""
    here, skipped = now.astimezone(NEW_YORK), []
    for day in sorted(known):
        moment = dt.datetime.combine(day, at, NEW_YORK)
        if moment <= here:
            continue
        if why := _closed(day, known):
            skipped.append(f"{why}: nothing is started")
            continue
        return Ahead(moment, skipped)
    return Ahead(None, skipped)


def _closed(day: dt.date, known: Closes) -> str:
    if day.weekday() >= 5:
        return f"{day:%A} {day} is no trade date"
    close = known.get(day)
    return "" if close is not None and close > RTH_OPENS else f"{day:%A} {day} is a holiday of the exchange"


def _close(day: dt.date, known: Closes) -> dt.time:
    return min(known.get(day) or RTH_CLOSES, RTH_CLOSES)

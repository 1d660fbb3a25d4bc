"""The trading hours of the bridge's chart against the calendar of the run, day by day.

Three sources say when a trade date closes: the template of the chart, the library's calendar, and conf/calendar.toml, in which a
person has written down what holds. The calendar of a run is the library's with that file laid over it. Compared is what the rules
use, the close of RTH: a template of the whole session and one of RTH alone then say the same.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tapewire.bus.messages import TradingDay, VenueChart
from tapewire.daemons.market.calendar import Calendar
from tapewire.strategies.clock import DAY, RTH_CLOSE, RTH_OPEN, hhmm, minute_of, new_york

LIBRARY, CORRECTIONS = "the library pandas_market_calendars", "conf/calendar.toml"
SPAN = 21  # days that today and the next ten trade dates can take, with holidays


class Disagreement(NamedTuple):
    """A trade date on which the sources differ. settled: conf/calendar.toml has it, so that its word holds."""

    date: str
    text: str
    settled: bool


def disagreements(calendar: Calendar, chart: VenueChart) -> list[Disagreement]:
    """The trade dates of a chart's template on which its RTH close is not the calendar's, in order; none without a template."""
    closes = _closes(chart.days)
    if not closes:
        return []
    usual, _ = max(Counter(closes.values()).items(), key=lambda each: (each[1], each[0]))
    latest = min(usual, RTH_CLOSE)
    if latest <= RTH_OPEN:
        return []  # the template has no RTH on any day
    found = []
    for day in _weekdays(min(closes), max(closes)):
        there, here = _capped(closes.get(day), latest), _capped(_expected(calendar, day), latest)
        if there != here:
            settled = day.isoformat() in calendar.corrected
            source = f"{CORRECTIONS}, which holds," if settled else LIBRARY
            text = f"{day}: by the template {chart.template!r} of {chart.instrument}'s chart {_words(there, latest)}"
            found.append(Disagreement(day.isoformat(), f"{text}, by {source} {_words(here, latest)}", settled))
    return found


def _closes(days: tuple[TradingDay, ...]) -> Mapping[dt.date, int]:
    """The close of each trade date in minutes after its midnight. What is no date, or far from its close, is left out."""
    closes = {}
    for day in days:
        closed = new_york(day.closes_ns)
        try:
            date = dt.date.fromisoformat(day.date)
        except ValueError:
            continue
        later = (closed.date() - date).days
        if abs(later) <= 1:
            closes[date] = closed.hour * 60 + closed.minute + DAY * later
    return closes


def _weekdays(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for number in range(min((last - first).days + 1, SPAN)):
        day = first + dt.timedelta(number)
        if day.weekday() < 5:
            yield day


def _expected(calendar: Calendar, day: dt.date) -> int | None:
    date = day.isoformat()
    if date in calendar.holidays:
        return None
    return minute_of(calendar.half_days[date]) if date in calendar.half_days else RTH_CLOSE


def _capped(close: int | None, latest: int) -> int | None:
    """The RTH close; None for a date without RTH."""
    return None if close is None or close <= RTH_OPEN else min(close, latest)


def _words(close: int | None, latest: int) -> str:
    if close is None:
        return "there is no RTH"
    return "it is an ordinary day" if close == latest else f"it closes at {hhmm(close)}"

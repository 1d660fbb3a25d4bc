"""From a bar's close in UTC nanoseconds to its trade date and its place in that date.

Every session rule is written in New York wall-clock time (strategies/clock.py). A place is one number, `at`: minutes from midnight
of the trade date, negative in the evening before. 18:01 of the evening before is -359, 24:00 of that evening is 0, 09:31 is 571. So
each window of the playbook is a plain range of numbers, and an evening that does not border the date (Friday's, which trades for
Monday) falls outside all of them without a rule of its own.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from mypy_extensions import mypyc_attr

from tapewire.bus.errors import ConfError
from tapewire.bus.value import Value
from tapewire.daemons.market.calendar import Calendar
from tapewire.strategies.clock import DAY, EVENING, MINUTE_NS, NEW_YORK, RTH_CLOSE, RTH_OPEN


def session_id(date: str, instrument: str) -> str:
    """How the session of an instrument on a trade date is named: `2027-02-24-MNQ`."""
    return f"{date}-{instrument}"


@mypyc_attr(acyclic=True)
class TradeDate(Value):
    """One trade date. closes: the RTH close in minutes after midnight; equal to RTH_OPEN on a holiday, which has no RTH."""

    __slots__ = ("closes", "date")
    __match_args__ = ("date", "closes")

    def __init__(self, date: str, closes: int) -> None:
        self.date: Final = date
        self.closes: Final = closes


class SessionClock:
    """Reads stamps. It caches the last hour, since bars come in order; the result depends on the stamp alone."""

    __slots__ = ("_at", "_closes", "_day", "_group")

    def __init__(self, calendar: Calendar) -> None:
        """Raises ConfError if the calendar names a close that is not a time within RTH."""
        self._closes = {date: _close(date, clock) for date, clock in calendar.half_days.items()}
        self._closes.update((date, RTH_OPEN) for date in calendar.holidays)
        self._locate(0)

    def read(self, close_ns: int) -> tuple[TradeDate, int]:
        """The trade date of a bar and the bar's place `at` in it (playbook 1.1, 1.2)."""
        stamp = close_ns // MINUTE_NS
        # Minutes 1 to 59 of an hour share trade date and UTC offset; the full hour stands alone, as 18:00 ends a trade date.
        group = stamp - (stamp % 60 or 1) + 1
        if group != self._group:
            self._locate(group)
        return self._day, self._at + stamp - group

    def _locate(self, group: int) -> None:
        wall = dt.datetime.fromtimestamp(group * 60, NEW_YORK)
        minute = wall.hour * 60 + wall.minute
        today = wall.date()
        trade = today + dt.timedelta(days=minute > EVENING)
        while trade.weekday() > 4:
            trade += dt.timedelta(days=1)
        date = trade.isoformat()
        self._group = group
        self._day = TradeDate(date, self._closes.get(date, RTH_CLOSE))
        self._at = minute - DAY * (trade - today).days


def _close(date: str, clock: str) -> int:
    try:
        at = dt.time.fromisoformat(clock)
    except ValueError as error:
        raise ConfError(f"calendar: half_days[{date}] = {clock!r} is not a time; write HH:MM Eastern, such as 13:00") from error
    minute = at.hour * 60 + at.minute
    if not RTH_OPEN < minute <= RTH_CLOSE:
        raise ConfError(f"calendar: half_days[{date}] = {clock!r} is outside RTH; write a time from 09:31 to 16:00")
    return minute

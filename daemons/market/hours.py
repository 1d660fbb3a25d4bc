"""When entries are allowed, in minutes of the trade date: windows, the time to be flat, the close, holidays (playbook 9.4).

A trade date runs from 18:00 of the evening before to 18:00. Its minutes are those of daemons/market/clock.py: 09:31 is 571, and the
evening before is negative. Every rule reads the close stamp of the bar that decided. A window includes its start and excludes its
end; "18:00-16:45" is the whole trade date except its last part.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from tapewire.bus.errors import ConfError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.strategies.clock import DAY, EVENING, RTH_CLOSE, RTH_OPEN, hhmm, is_friday, minute_of


class EntryTimes(NamedTuple):
    """The times of day among an account's limits, as the configuration writes them. None: no limit.

    windows: "HH:MM-HH:MM" each. flatten_from, friday_until, friday_flatten_from: "HH:MM". close_min: minutes. All Eastern.
    """

    windows: tuple[str, ...] | None = None
    flatten_from: str | None = None
    close_min: int | None = None
    friday_until: str | None = None
    friday_flatten_from: str | None = None


class Window(NamedTuple):
    """From `first` on and before `end`, in minutes of the trade date."""

    first: int
    end: int
    text: str


class Hours:
    """The hours of one configuration.

    Raises:
        ConfError: a text is not a window or not a time; the error names the key, the value and the remedy.
    """

    def __init__(self, times: EntryTimes, calendar: Calendar) -> None:
        self._clock = SessionClock(calendar)
        self._times = times
        self._windows = None if times.windows is None else [window(text) for text in times.windows]
        self._friday_until = _end(times.friday_until, "friday_until")
        self._flatten = _end(times.flatten_from, "flatten_from")
        self._friday_flatten = _end(times.friday_flatten_from, "friday_flatten_from")

    def trade_date(self, bar_ns: int) -> dt.date:
        """The trade date of a bar."""
        return dt.date.fromisoformat(self._clock.read(bar_ns)[0].date)

    def holiday(self, bar_ns: int) -> str | None:
        """Why not: the trade date has no RTH. None otherwise."""
        date, _ = self._clock.read(bar_ns)
        return f"{date.date} is a holiday" if date.closes <= RTH_OPEN else None

    def outside(self, bar_ns: int) -> str | None:
        """Why not: the bar is in none of the entry windows. None otherwise."""
        date, at = self._clock.read(bar_ns)
        if self._friday_until is not None and is_friday(date.date) and at >= self._friday_until:
            return f"{hhmm(at)} on a Friday, entries until {self._times.friday_until}"
        if self._windows is None or any(first <= at < end for first, end, _ in self._windows):
            return None
        return f"{hhmm(at)} is in none of {', '.join(text for *_, text in self._windows)}"

    def flattening(self, bar_ns: int) -> str | None:
        """Why not: the time to be flat has come; a half day brings it forward by as much as the close. None otherwise."""
        date, at = self._clock.read(bar_ns)
        friday = is_friday(date.date) and self._friday_flatten is not None
        last = self._friday_flatten if friday else self._flatten
        if last is None:
            return None
        last -= RTH_CLOSE - max(date.closes, RTH_OPEN)
        return f"{hhmm(at)}, positions are closed from {hhmm(last)} on" if at >= last else None

    def closing(self, bar_ns: int) -> str | None:
        """Why not: the session's close is too near. None otherwise; the windows decide after the close."""
        date, at = self._clock.read(bar_ns)
        least = self._times.close_min
        if least is None or not date.closes - least <= at <= date.closes:
            return None
        return f"{hhmm(at)}, no entries in the last {least} min before the close at {hhmm(date.closes)}"


def window(text: str) -> Window:
    """`HH:MM-HH:MM` Eastern. A start from 18:00 on, and an end after 18:00, lie in the evening before.

    Raises:
        ConfError: not a window, or one that ends before it begins.
    """
    first, dash, end = text.partition("-")
    try:
        if not dash:
            raise ValueError
        begins = minute_of(first)
        ends = DAY if end == "24:00" else minute_of(end)
    except ValueError:
        raise ConfError(f"entry_windows: {text!r} is not a window; write HH:MM-HH:MM Eastern, such as 09:30-16:00") from None
    begins -= DAY * (begins >= EVENING)
    ends -= DAY * (ends > EVENING)
    if begins >= ends:
        raise ConfError(f"entry_windows: {text!r} ends before it begins; a trade date runs from 18:00 to 18:00, split it there")
    return Window(begins, ends, text)


def _end(text: str | None, key: str) -> int | None:
    """A time from which on a rule holds, up to the end of the trade date at 18:00; in minutes of the trade date."""
    if text is None:
        return None
    try:
        at = minute_of(text)
    except ValueError as error:
        raise ConfError(f"{key}: {error}") from error
    if at >= EVENING:
        raise ConfError(f"{key} = {text!r} is in the evening, where the next trade date begins; write a time before 18:00")
    return at

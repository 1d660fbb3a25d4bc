"""Timeframes of longer bars, and their buckets: seconds, minutes, hours, the trade date, its week, its month.

    "5s"          divides a minute; counted from the full minute
    15, "15m"     minutes, counted from the midnight at which the trade date's calendar day begins, by the clock of New York
    "4h"          hours, likewise
    "1d"          a trade date, from 18:00 of the evening before to the product's close
    "1w", "1mo"   the trade dates of a week, of a month

The end of the trade date cuts every bucket but those of weeks and months.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from tapewire.daemons.market.week import hours_of
from tapewire.strategies.candles import bucket_end
from tapewire.strategies.clock import EVENING, FRIDAY, MINUTE_NS, NEW_YORK, SECOND_NS

LONGEST_MIN = 720  # minutes of a timeframe; midnight and the evening would cut a longer bucket into parts without meaning
WRITTEN = re.compile(r"([1-9]\d{0,2})(s|m|h)")
BY_CALENDAR = ("1d", "1w", "1mo")
SHAPES = (
    f'seconds that divide a minute ("5s"), minutes from 1 to {LONGEST_MIN} (15 or "15m"), hours to 12 ("4h"), "1d", "1w" or "1mo"'
)


class Period(NamedTuple):
    """One timeframe. word: as topics have it. seconds: its length; 0 for a trade date, a week, a month."""

    word: str
    seconds: int = 0

    @property
    def minutes(self) -> int:
        """Its length in minutes; 0 if it is not counted in minutes."""
        return self.seconds // 60

    @property
    def needs_trades(self) -> bool:
        """Whether one-minute bars are too long for it."""
        return 0 < self.seconds < 60


def period(written: int | str) -> Period:
    """A timeframe as the configuration writes it. Raises ValueError: it is none."""
    if written in BY_CALENDAR:
        return Period(str(written))
    found = WRITTEN.fullmatch(f"{written}m" if isinstance(written, int) else written)
    number, unit = (int(found[1]), found[2]) if found else (0, "m")
    seconds = number * {"s": 1, "m": 60, "h": 3_600}[unit]
    fits = 60 % number == 0 and number < 60 if unit == "s" and number else 60 <= seconds <= LONGEST_MIN * 60
    if not fits:
        raise ValueError(f"timeframes: {written!r} is none of these: {SHAPES}")
    return Period(f"{number}{unit}", seconds)


class Bucket(NamedTuple):
    """One bucket. session: its trade date, of a week or a month the first of its calendar. opens_ns, ends_ns: its bounds."""

    session: str
    opens_ns: int
    ends_ns: int


class Buckets:
    """Finds the bucket of a place in a trade date (daemons/market/clock.py), for one timeframe.

    Args:
        product: the calendar by whose hours a trade date closes (daemons/market/week.py).
    """

    __slots__ = ("_bucket", "_date", "_length_ns", "_minutes", "_product", "_seconds_ns", "_word")

    def __init__(self, of: Period, product: str) -> None:
        self._word = of.word
        self._product = product
        self._minutes = of.minutes
        self._length_ns = of.seconds * SECOND_NS
        self._seconds_ns = self._length_ns if of.needs_trades else 0
        self._date = ""
        self._bucket = Bucket("", 0, 0)

    def of(self, session: str, at: int, minute_ns: int, close_ns: int) -> Bucket:
        """The bucket of what closes at `close_ns`, in the minute that is stamped `at` and closes at `minute_ns`."""
        if self._seconds_ns:
            ends_ns = -(-close_ns // self._seconds_ns) * self._seconds_ns
            return Bucket(session, ends_ns - self._length_ns, ends_ns)
        if self._minutes:
            ends_ns = minute_ns + (bucket_end(at, self._minutes) - at) * MINUTE_NS
            return Bucket(session, ends_ns - self._length_ns, ends_ns)
        if session != self._date:
            self._date = session
            self._bucket = _by_calendar(self._word, session, self._product)
        return self._bucket


def _by_calendar(word: str, session: str, product: str) -> Bucket:
    date = dt.date.fromisoformat(session)
    if word == "1d":
        first = last = date
    elif word == "1w":
        first = date - dt.timedelta(days=date.weekday())
        last = first + dt.timedelta(days=FRIDAY)
    else:
        first = date.replace(day=1)
        last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        while last.weekday() > FRIDAY:
            last -= dt.timedelta(days=1)
    week = hours_of(product, last)
    return Bucket(
        first.isoformat(), _at(first - dt.timedelta(days=1), EVENING), _at(last, EVENING if week.weekend else week.closes)
    )


def _at(date: dt.date, minute: int) -> int:
    """A time of day in New York, in UTC nanoseconds."""
    return int(dt.datetime(date.year, date.month, date.day, minute // 60, minute % 60, tzinfo=NEW_YORK).timestamp()) * SECOND_NS

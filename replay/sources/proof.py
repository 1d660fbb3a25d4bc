"""Whether a file's clock can be true: its stamps against the market's own day.

CME futures do not trade from 17:00 to 18:00 New York time, and an index future's volume rises most in the minute after 09:30.
Stamps in a wrong zone, or of the wrong end of a bar, put bars into that hour and that rise elsewhere. What contradicts the declared
clock is refused with what was seen, and with the zone and the end of the bar under which the same rows fit.

The stamps of other markets' hours cannot be proved so; nor can a few bars. Then a sentence says that the clock was not checked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import zones
from tapewire.replay.sources.table import EXCHANGE, UTC, Flags, Floats, Whole
from tapewire.strategies.clock import EVENING, MINUTE_NS, RTH_CLOSE, RTH_OPEN, hhmm

BREAK = EVENING - 60  # the last bar of a trade date closes here
LONGER = 30  # minutes that the market stayed open, at most, before SHORTER
EPOCH = dt.date(1970, 1, 1)
SHORTER = (dt.date(2015, 9, 21) - EPOCH).days  # NinjaTrader's advisory 25 of 2015-09-15
MOST_STRAY = 5  # bars in the break on a day that are single bad prints, not a clock
MOST_BAD = 30  # so many are no prints
DAYS = ((380, RTH_CLOSE - RTH_OPEN + 1), (404, 406))  # minutes from the first bar of a day session to its last, 16:00 or 16:15
FEWEST = 60  # bars that make a day one
PIECE = 1 << 15  # bars that a processor keeps at hand
NEVER = 1 << 40  # a day that does not come
FEW_DAYS = 2  # on which news at another minute may have moved the market more than an opening
OPENING = 4.0  # the volume of 09:31 is nine times that of the minutes before, London's opening doubles it
ZONES = (
    UTC,
    EXCHANGE,
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Etc/GMT+5",  # the standard time of New York and of Chicago without summer, as some vendors have it
    "Etc/GMT+6",
)


class StampClock(NamedTuple):
    """How stamps are read: a zone, and whether they name a bar's open."""

    zone: str
    at_open: bool = False


class Evidence(NamedTuple):
    """What the bars look like under one clock. Minutes are close stamps after midnight, New York time.

    days: dates with enough bars; broken: of them with more than a few bars in the break; bars: bars in the break.
    around: days with bars on both sides of the break. right: days with the last bar at 17:00 and the next at 18:01; early: none at
    17:00 and one at 18:00; late: one at 17:01 and none at 18:01.
    contrary: the dates, since 1970, that have another clock by themselves: much of the break is filled, or a session begins or ends
    a minute off. peak: the minute after which volume rises most; rise: by how much at 09:31, 0 if that cannot be told.
    fits: nothing contradicts on most days.
    """

    days: int
    broken: int
    bars: int
    around: int
    right: int
    early: int
    late: int
    contrary: tuple[int, ...]
    first: int
    last: int
    peak: int
    rise: float
    best: float

    @property
    def telling(self) -> bool:
        """There is something to go by: the break, the hours of the day session, or a rise as that of the bell."""
        return bool(self.days) and bool(self.around or self.broken or self.day_only or self.best > OPENING)

    @property
    def day_only(self) -> bool:
        """Bars of the day session alone: 390 minutes, or 405 as NinjaTrader's template has them, and none of the night."""
        return not self.around and any(low <= self.last - self.first + 1 <= high for low, high in DAYS)

    @property
    def misplaced(self) -> bool:
        """Bars stand in the break, or the day session at another time, or without either the volume rises elsewhere."""
        if not self.days:
            return False
        if self.day_only:
            return self.first not in (RTH_OPEN, RTH_OPEN + 1, RTH_OPEN + 2)
        return 2 * self.broken >= self.days or (not self.around and self.best > max(2 * self.rise, OPENING))

    @property
    def hinted(self) -> bool:
        """Volume alone speaks against the clock, and 09:31 is not there to compare with: news may have come at another minute."""
        return self.misplaced and not (self.around or self.broken or self.day_only or self.rise)

    @property
    def ahead(self) -> bool:
        """Closes are a minute early, as stamps of the open read as closes are."""
        if self.around:
            return self.early > self.right and 2 * self.early >= self.around
        return self.day_only and self.first == RTH_OPEN

    @property
    def behind(self) -> bool:
        """Closes are a minute late, as closes read as stamps of the open are."""
        if self.around:
            return self.late > self.right and 2 * self.late >= self.around
        return self.day_only and self.first == RTH_OPEN + 2

    @property
    def fits(self) -> bool:
        return self.telling and not (self.misplaced or self.ahead or self.behind)


def date_of(day: int) -> dt.date:
    """The date of a day since 1970, as the columns of this package count them."""
    return EPOCH + dt.timedelta(int(day))


def day_of(date: dt.date) -> int:
    """The day since 1970 of a date."""
    return (date - EPOCH).days


def check(
    file: str,
    close: Whole,
    volume: Whole,
    declared: StampClock,
    times: tuple[Whole, Whole] | None = None,
    *,
    said: bool = False,
) -> list[str]:
    """Compare bars with the market's day.

    Args:
        file: for the text. close: nanoseconds UTC under the declared clock. volume: of the same bars.
        times: of the closes, if `new_york` has told them already. said: a person named the zone; then volume alone refuses nothing
        in a day or two, as news may have moved it.
    Returns:
        A sentence if there is too little to go by.
    Raises:
        DataError: the bars contradict the clock; it names what was seen, and the options under which they fit.
    """
    found = evidence(close, volume, times)
    if not found.telling:
        why = "they show neither the daily break nor the opening of the day session"
        return [f"{Path(file).name}: nothing in these bars proves their clock ({_in_words(declared)}), as {why}"]
    if found.fits and not found.contrary:
        return []
    fitting = best(written(close, declared), volume, (declared.at_open, not declared.at_open))
    few = found.hinted and found.days <= FEW_DAYS
    if few and (said or fitting is None):
        rise = f"the volume rises most at {hhmm(found.peak)} New York time; if that was the opening, say another --zone"
        return [f"{Path(file).name}: nothing in these bars proves their clock ({_in_words(declared)}): {rise}"]
    if found.fits and fitting in (None, declared):
        raise DataError(f"{file}: {_mixed(found)}")
    seen = _seen(found)
    if fitting is None:
        raise DataError(f"{file}: {seen}: no time zone makes these stamps those of a CME future; check how the file was made")
    if fitting == declared:
        return []
    kept = f", or --zone {declared.zone} if there was news" if few else ""
    raise DataError(f"{file}: {seen}: these stamps look like {_likely(fitting, declared)}; say {options(fitting, declared)}{kept}")


def suggest(stamp: Whole, volume: Whole, *, at_open: bool) -> str:
    """The zone under which stamps of an unknown clock fit; empty if none does or there are too few."""
    found = best(stamp, volume, ends=(at_open,))
    return "" if found is None else found.zone


def best(stamp: Whole, volume: Whole, ends: Sequence[bool] = (False, True)) -> StampClock | None:
    """The clock under which bars fit best; None if under none.

    Args:
        stamp: nanoseconds as the file has them, in an unknown zone. volume: of the same bars. ends: which ends of a bar to try.
    """
    fitting: list[tuple[int, float, StampClock]] = []
    for at_open, zone in product(ends, ZONES):
        utc, skipped = zones.to_utc(stamp, zone)
        found = evidence(utc[~skipped] + MINUTE_NS * at_open, volume[~skipped])
        if found.fits and 4 * len(found.contrary) < found.days:
            rise = round(found.rise / found.best, 1) if found.best else 0.0
            fitting.append((-len(found.contrary), rise, StampClock(zone, at_open)))
    # Where several fit, the one with the fewest other days, then the one whose volume rises at the bell; of equals the first.
    return max(fitting, key=lambda found: found[:2])[2] if fitting else None


def written(close: Whole, clock: StampClock) -> Whole:
    """The stamps that a file has for these closes."""
    return zones.from_utc(close - MINUTE_NS * clock.at_open, clock.zone)


def new_york(close: Whole) -> tuple[Whole, Whole]:
    """Closes as New York dates (days since 1970) and minutes after midnight; a bar that closes at midnight is 24:00 of its day."""
    day: Any = np.empty(len(close), np.int32)
    minute: Any = np.empty(len(close), np.int32)
    for start in range(0, len(close), PIECE):
        piece = slice(start, start + PIECE)
        wall = (written(close[piece], StampClock(EXCHANGE)) // MINUTE_NS).astype(np.int32)
        day[piece] = (wall - 1) // 1440
        minute[piece] = wall - day[piece] * 1440
    return day, minute


def resting(day: Whole, minute: Whole) -> Flags:
    """Which closes, as `new_york` gives them, lie in the daily break. Until 2015 it began up to half an hour later."""
    within: Flags = (minute > BREAK) & (minute <= EVENING)
    return within & ((day >= SHORTER) | (minute > BREAK + LONGER)) if len(day) and day.min() < SHORTER else within


def evidence(close: Whole, volume: Whole, times: tuple[Whole, Whole] | None = None) -> Evidence:
    """What the bars look like; see `Evidence`. times: as in `check`."""
    day, minute = new_york(close) if times is None else times
    dates, at = _numbered(day)
    # Saturday and Sunday have no break; 1970-01-01 was a Thursday.
    counts = np.bincount(at, minlength=len(dates))
    weekday = ((dates + 3) % 7 < 5) & (counts >= FEWEST)
    rest = np.flatnonzero(resting(day, minute))
    if volume.any():
        rest = rest[volume[rest] > 0]
    in_break = np.bincount(at[rest], minlength=len(dates))[weekday]
    near = (minute >= BREAK - 29) & (minute <= EVENING + 30)
    date_near, minute_near = at[near], minute[near]

    def number(first: int, last: int) -> Whole:
        return np.bincount(date_near[(minute_near >= first) & (minute_near <= last)], minlength=len(dates))[weekday]

    def has(first: int, last: int | None = None) -> Flags:
        return np.asarray(number(first, first if last is None else last) > 0)

    around = has(BREAK - 29, BREAK) & has(EVENING, EVENING + 30)
    early = around & ~has(BREAK) & has(EVENING)
    late = around & has(BREAK + 1) & ~has(EVENING + 1)
    dense = number(BREAK - 9, BREAK - 1) + number(EVENING + 2, EVENING + 10) == 18  # a minute that is missing there is a sign
    contrary = (in_break >= MOST_BAD) | ((in_break > MOST_STRAY) & ~around) | ((early | late) & dense)
    usual = slice(None) if weekday.all() else weekday[at]
    peak, best, rise = _rise(minute[usual], volume[usual])
    return Evidence(
        days=int(weekday.sum()),
        broken=int((in_break > MOST_STRAY).sum()),
        bars=int(in_break.sum()),
        around=int(around.sum()),
        right=int((has(BREAK) & ~has(BREAK + 1) & ~has(EVENING) & has(EVENING + 1)).sum()),
        early=int(early.sum()),
        late=int(late.sum()),
        contrary=tuple(dates[weekday][contrary].tolist()),
        first=int(minute.min(initial=1440)),
        last=int(minute.max(initial=0)),
        peak=peak,
        rise=rise,
        best=best,
    )


def _numbered(day: Whole) -> tuple[Whole, Whole]:
    """The dates that there are, and the place of each day among them."""
    first = int(day.min()) if len(day) else 0
    there = np.bincount(day - first) > 0 if len(day) else np.zeros(0, np.bool_)
    return np.flatnonzero(there) + first, (np.cumsum(there) - 1)[day - first]


def _rise(minute: Whole, volume: Whole) -> tuple[int, float, float]:
    """The minute whose mean volume is the largest multiple of the five minutes' before it, that multiple, and 09:31's."""
    total: Floats = np.bincount(minute, volume, minlength=1441).astype(np.float64)
    bars = np.bincount(minute, minlength=1441)
    mean = np.where(bars > 0, total / np.maximum(bars, 1), 0.0)
    whole = np.convolve(bars > 0, np.ones(6), "valid") == 6  # six minutes that all have bars
    before, after = np.convolve(mean, np.full(5, 0.2), "valid")[:-1], mean[5:]
    ratio = np.where(whole & (before > 0), after / np.maximum(before, 1e-9), 0.0)
    peak = int(ratio.argmax()) + 5 if len(ratio) else 0
    return peak, float(ratio.max(initial=0.0)), float(ratio[RTH_OPEN + 1 - 5])


def _seen(found: Evidence) -> str:
    if found.broken:
        seen = f"bars between 17:00 and 18:00 New York time on {found.broken} of {found.days} days"
    elif found.ahead and found.around:
        seen = f"no bar at 17:00 and one at 18:00 New York time on {found.early} of {found.around} days"
    elif found.behind:
        seen = f"a bar at 17:01 and none at 18:01 New York time on {found.late} of {found.around} days"
    elif found.ahead:
        seen = "a first bar at 09:30 New York time"
    elif found.day_only:
        seen = f"bars from {hhmm(found.first)} to {hhmm(found.last)} New York time alone"
    else:
        seen = "the steepest rise of volume is not at 09:31 New York time"
    return f"{seen}, the steepest rise of volume at {hhmm(found.peak)}" if found.best else seen


def _mixed(found: Evidence) -> str:
    first, last = (str(np.datetime64(found.contrary[at], "D")) for at in (0, -1))
    span = f"on {first}" if first == last else f"on {len(found.contrary)} of {found.days} days from {first} to {last}"
    return (
        f"{span} the stamps have another clock than on the other days (bars between 17:00 and 18:00 New York time, or a session "
        "that begins or ends a minute off); export the file in one clock, or split it there and convert each part with its own "
        "--zone or --stamps"
    )


def _likely(fitting: StampClock, declared: StampClock) -> str:
    parts = [fitting.zone] if fitting.zone != declared.zone else []
    if fitting.at_open != declared.at_open:
        parts.append("the open of each bar" if fitting.at_open else "the close of each bar")
    return " and ".join(parts)


def options(fitting: StampClock, declared: StampClock) -> str:
    """The options that make a clock right."""
    parts = [f"--zone {fitting.zone}"] if fitting.zone != declared.zone else []
    if fitting.at_open != declared.at_open:
        parts.append("--stamps open" if fitting.at_open else "--stamps close")
    return " ".join(parts)


def _in_words(clock: StampClock) -> str:
    return f"{clock.zone}, stamped at the {'open' if clock.at_open else 'close'}"

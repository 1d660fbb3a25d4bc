"""The trade dates that a file writes beside its stamps, against those of the stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import doubts, proof, zones
from tapewire.replay.sources.cells import AGAIN
from tapewire.replay.sources.doubts import FRIDAY, Times
from tapewire.replay.sources.proof import StampClock
from tapewire.replay.sources.table import EXCHANGE, Bad, Bars, Flags, Whole, WrittenDates
from tapewire.strategies.clock import EVENING, MINUTE_NS

FEW = 100  # of so many rows one may be wrong; more are no mistakes of single rows
EARLY = 13 * 60 + 30  # a holiday's session ends before, and may count to the next trade date


def check(
    path: Path, bars: Bars, times: Times, written: WrittenDates, declared: StampClock, *, believed: bool
) -> tuple[list[Bad], list[str]]:
    """Compare the dates in a file with those of its bars.

    Args:
        times: of the bars, under the declared clock. believed: the zone stands in the stamps.
    Returns:
        Rows that are wrong, if they are few, and what is to be told.
    Raises:
        DataError: many are wrong. It names the first, and the clock under which all dates are right.
    """
    dates, days = _of(bars.line, written), doubts.trade_dates(times)
    wrong = dates != days
    if not wrong.any():
        return [], []
    wrong &= ~_holidays(dates, days, times)
    count, rows = int(wrong.sum()), len(bars)
    if not count:
        return [], []
    at = int(wrong.argmax())
    shown = f"{zones.at(int(bars.stamp[at]), EXCHANGE):%Y-%m-%d %H:%M}"
    seen = f"session_date {proof.date_of(dates[at])}, but {shown} New York time belongs to {proof.date_of(days[at])}"
    where = f"line {bars.line[at]}: {seen} ({count:,} of {rows:,} rows)"
    if believed:
        return [], [f"{path.name}, {where}; the zone stands in the stamps and was believed"]
    if FEW * count <= rows or (rows < FEW and count == 1 < rows):
        return [_bad(bars, int(row), dates, days) for row in np.flatnonzero(wrong)], []
    found = proof.evidence(bars.stamp, bars.volume)
    if found.telling and found.fits:
        if (dates == times.day).all():
            return [], [f"{path.name}: session_date is the calendar date of each stamp; the trade date is taken from the stamps"]
        remedy = "the hours of the market fit, so correct the column session_date, or leave it out"
    else:
        fitting = _fitting(bars, dates, declared)
        remedy = (
            "correct the column session_date, or leave it out"
            if fitting is None
            else f"the dates fit {fitting.zone}: say {proof.options(fitting, declared)}"
        )
    raise DataError(f"{path}, {where}; {remedy}")


def _bad(bars: Bars, row: int, dates: Whole, days: Whole) -> Bad:
    why = f"its stamp belongs to {proof.date_of(days[row])}; {AGAIN}"
    return Bad(int(bars.line[row]), "session_date", str(proof.date_of(dates[row])), why)


def _of(line: Whole, written: WrittenDates) -> Whole:
    """The date that stands in each of some rows."""
    if (line[1:] >= line[:-1]).all():
        days: Whole = np.repeat(written.days, np.diff(np.searchsorted(line, written.lines), append=len(line)))
        return days
    return written.days[np.searchsorted(written.lines, line, side="right") - 1]


def _holidays(dates: Whole, days: Whole, times: Times) -> Flags:
    """Bars of a session that ends early and counts to the next trade date, as on an American holiday."""
    day, at = np.unique(days, return_inverse=True)
    last = np.zeros(len(day), np.int64)
    np.maximum.at(last, at, np.where(times.minute > EVENING, 0, times.minute))
    following = day + np.where((day + 3) % 7 == FRIDAY, 3, 1)
    whole = np.bincount(at, dates == following[at]) == np.bincount(at)
    early: Flags = (whole & (last <= EARLY) & (last > 0))[at]
    return early


def _fitting(bars: Bars, dates: Whole, declared: StampClock) -> StampClock | None:
    """The clock under which every date is right; None if there is none."""
    stamp = proof.written(bars.stamp, declared)
    for at_open in (declared.at_open, not declared.at_open):
        for zone in proof.ZONES:
            utc, skipped = zones.to_utc(stamp, zone)
            if not skipped.any() and (doubts.trade_date(utc + MINUTE_NS * at_open) == dates).all():
                return StampClock(zone, at_open)
    return None

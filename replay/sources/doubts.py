"""Bars that are doubtful though each alone could be one: outside trading hours, in the future, without volume, far from the rest.

What no market can have done is bad (`--skip-bad` leaves it out). What is only strange is told, by name and counted.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np

from tapewire.replay.sources import proof, zones
from tapewire.replay.sources.series import SHOWN, Series, plain, unnamed
from tapewire.replay.sources.table import EXCHANGE, Bad, Bars, Flags, Whole
from tapewire.strategies.clock import EVENING, MINUTE_NS, RTH_CLOSE, RTH_OPEN, hhmm

SATURDAY, SUNDAY, FRIDAY = 5, 6, 4
SAMPLE = 50_000  # bars that tell the usual range
FAR = 15  # how many usual bar ranges a print is beyond its neighbours
FLAT = 10  # minutes without volume in a row that are worth a line


class Times(NamedTuple):
    """Closes as `proof.new_york` tells them: dates and minutes after midnight."""

    day: Whole
    minute: Whole

    def only(self, keep: Flags) -> Times:
        """Those of some of the bars."""
        return self if keep.all() else Times(self.day[keep], self.minute[keep])


def closed(
    series: Series, times: Times, now: dt.datetime, *, dated: bool, odd_clock: bool = False, always_from: int = proof.NEVER
) -> tuple[Flags, list[Bad]]:
    """Bars at times at which nothing trades: the break, the weekend, a year that has not come.

    Args:
        times: of its bars. now: of the wall clock. dated: something beside the stamps has the same dates; then a future year is
        not a mistake.
        odd_clock: the clock is known to contradict the market's day, so that the hours prove nothing.
        always_from: the first day, since 1970, on which the product trades around the clock.
    """
    bars = series.bars
    day, minute = times
    weekday = (day + 3) % 7
    resting = proof.resting(day, minute) & (not odd_clock)
    night = ((weekday == SUNDAY) & (minute <= EVENING)) | ((weekday == FRIDAY) & (minute > EVENING))
    weekend = (weekday == SATURDAY) | (night & (not odd_clock))
    resting, weekend = resting & (day < always_from), weekend & (day < always_from)
    coming = (bars.stamp >= int(np.datetime64(f"{now.year + 2}", "ns").astype(np.int64))) & (not dated)
    bad: list[Bad] = []
    wrong = np.zeros(len(bars), np.bool_)
    for flags, why in (
        (coming, "a year that has not come; correct the stamp"),
        (weekend, "the market is closed at the weekend; correct the stamp"),
        (resting, "in the daily break from 17:00 to 18:00 New York time; correct the stamp"),
    ):
        bad += [Bad(int(bars.line[at]), "stamp", _shown(bars, int(at)), why) for at in np.flatnonzero(flags & ~wrong)]
        wrong |= flags
    return wrong, bad


def strange(series: Series, times: Times) -> list[str]:
    """Sentences about minutes without volume, prints far outside their neighbours, and jumps between sessions."""
    return [
        *_silent(series),
        *_holes(series, times),
        *_empty(series),
        *_prints(series),
        *jumps(series.bars, series.file.name, trade_dates(times)),
    ]


def jumps(bars: Bars, name: str, session: Whole) -> list[str]:
    """Jumps between two sessions that are larger than any move within one. session: the trade date of each bar."""
    if len(bars) < 2:
        return []
    first = session[1:] != session[:-1]
    apart = bars.open[1:] - bars.close[:-1]
    follows = ~first & (bars.stamp[1:] - bars.stamp[:-1] == MINUTE_NS)
    usual = max((bars.high - bars.low).max(), np.abs(apart[follows]).max(initial=0.0))
    found = np.flatnonzero(first & (np.abs(apart) > usual))
    told = [
        f"{name}: the price jumps by {apart[at]:+g} from {_date(session[at])} to {_date(session[at + 1])}, more than any minute "
        "moved; if a contract was rolled there, the levels of the day before are off by as much"
        for at in found[:SHOWN]
    ]
    return told + unnamed(name, len(found), "such jumps")


def trade_date(close: Whole) -> Whole:
    """The trade date of each bar in days since 1970: after 18:00 New York time the next one, over a weekend Monday."""
    return trade_dates(Times(*proof.new_york(close)))


def trade_dates(times: Times) -> Whole:
    """The same of times that are known."""
    day, minute = times
    day = day + (minute > EVENING)
    weekday = (day + 3) % 7
    return day + np.where(weekday > FRIDAY, 7 - weekday, 0)


def _silent(series: Series) -> list[str]:
    bars = series.bars
    known = bars.ask is not None and bool((bars.ask >= 0).any())
    return (
        []
        if known or not len(bars)
        else [f"{series.file.name}: no order flow (volume at bid and ask); strategies that need it find nothing"]
    )


def _holes(series: Series, times: Times) -> list[str]:
    """Minutes without a bar between the first and the last bar of an RTH session."""
    day, minute = times
    regular = np.flatnonzero((minute > RTH_OPEN) & (minute <= RTH_CLOSE))
    day, minute = day[regular], minute[regular]
    missing: dict[int, list[int]] = {}
    for at in np.flatnonzero((np.diff(day) == 0) & (np.diff(minute) > 1)).tolist():
        missing.setdefault(int(day[at]), []).extend(range(int(minute[at]) + 1, int(minute[at + 1])))
    told: list[str] = []
    for date, minutes in missing.items():
        named = ", ".join(map(hhmm, minutes[:SHOWN])) + (", ..." if len(minutes) > SHOWN else "")
        told.append(f"{series.file.name}: {_date(date)}: {len(minutes)} minutes of the day session have no bar ({named})")
    return told[:SHOWN] + unnamed(series.file.name, len(told), "sessions with such minutes")


def _empty(series: Series) -> list[str]:
    bars, name = series.bars, series.file.name
    empty = bars.volume == 0
    count = int(empty.sum())
    if not count:
        return []
    told = [f"{name}: {count:,} of {len(bars):,} minutes have volume 0; nothing fills there without --fill-empty"]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], empty, [False]))))
    runs = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start >= FLAT]
    told += [f"{name}: volume 0 for {end - start} minutes from {_shown(bars, start)} on" for start, end in runs[:SHOWN]]
    return told + unnamed(name, len(runs), "such stretches")


def _prints(series: Series) -> list[str]:
    bars, name = series.bars, series.file.name
    if len(bars) < 20:
        return []
    some = slice(None, None, len(bars) // SAMPLE + 1)
    usual = float(np.median(bars.high[some] - bars.low[some]))
    middle = slice(1, -1)
    over = bars.high[middle] - np.maximum(bars.high[:-2], bars.high[2:])
    under = np.minimum(bars.low[:-2], bars.low[2:]) - bars.low[middle]
    found = np.flatnonzero(np.maximum(over, under) > max(FAR * usual, 1e-9)) + 1
    told = [
        f"{name}, line {bars.line[at]}, {_shown(bars, int(at))}: a print far outside its neighbours "
        f"(low {plain(bars.low[at])}, high {plain(bars.high[at])}); kept"
        for at in found[:SHOWN]
    ]
    return told + unnamed(name, len(found), "such prints")


def _shown(bars: Bars, at: int) -> str:
    return f"{zones.at(int(bars.stamp[at]), EXCHANGE):%Y-%m-%d %H:%M} New York"


def _date(day: int) -> str:
    return str(np.datetime64(int(day), "D"))

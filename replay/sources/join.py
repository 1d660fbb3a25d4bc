"""Contracts of one root into one series: by volume, by the roll table, or not at all.

By volume, a session's contract is the one that traded most in the session before (the first session: its own), and it never goes
back to a contract that expires earlier; so a decision does not know the day's own volume. By the table, it is the contract in front
on the trade date (conf/rolls.toml). Prices stay as they were traded, unless the user asks for a back-adjusted series: then each
contract before a roll is moved by the difference of the two at the last minute that both traded, and the offsets are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources import candles
from tapewire.replay.sources.doubts import trade_date
from tapewire.replay.sources.series import Series
from tapewire.replay.sources.table import Bars, Floats, Whole

Key = Callable[[str], tuple[int, int]]
"""Year and month of a contract by its name, so that contracts have an order."""


class Change(NamedTuple):
    """A change of the contract. date: the first trade date of the later one. apart: later minus earlier, in points, where known."""

    date: str
    before: str
    after: str
    apart: float | None


class Joined(NamedTuple):
    """A series over contracts. by: for each bar the number of its contract in `contracts`."""

    bars: Bars
    contracts: tuple[str, ...]
    by: NDArray[np.integer[Any]]
    rolls: tuple[Change, ...]
    adjusted: bool = False


def one(contract: str, bars: Bars) -> Joined:
    """A series of one contract."""
    return Joined(bars, (contract,), np.broadcast_to(np.zeros(1, np.int16), len(bars)), ())


class Merged(NamedTuple):
    """Files of one contract as one run of bars. twice: bars that two files had; other: those of them that were not the same."""

    bars: Bars
    twice: int
    other: int = 0


def files(parts: Sequence[Series], seconds: int) -> Merged:
    """Files of one contract as one run of bars. Of a minute that two files have, the first file's bar is kept.

    Files that each hold the trades of an hour of their own share the minute at the border: it is one bar of both. Two of one name
    hold the same hour.
    """
    apart = all(part.apart for part in parts)
    hours = list({part.file.name: part for part in reversed(parts)}.values())[::-1] if apart else parts
    bars = concatenated([part.bars for part in hours])
    if len(parts) == 1 and not apart:
        return Merged(bars, 0)
    order = np.argsort(bars.stamp, kind="stable")
    bars = bars.only(order)
    if apart:
        return Merged(candles.joined(parts[0].file, bars, seconds, seconds), sum(len(part.bars) for part in parts) - len(bars))
    fresh = np.diff(bars.stamp, prepend=bars.stamp[:1] - 1) != 0
    again = np.flatnonzero(~fresh)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    other = np.any([column[again] != column[again - 1] for column in columns], axis=0)
    return Merged(bars.only(fresh), len(again), int(other.sum()))


def concatenated(parts: Sequence[Bars]) -> Bars:
    """Columns one after the other; flow that a part lacks is unknown for its rows."""

    def column(name: str) -> Whole | None:
        columns = [getattr(part, name) for part in parts]
        if all(each is None for each in columns):
            return None
        return np.concatenate([np.full(len(part), -1) if each is None else each for part, each in zip(parts, columns, strict=True)])

    if len(parts) == 1:
        return parts[0]
    always = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("stamp", "open", "high", "low", "close", "volume", "line")
    }
    return Bars(**always, ask=column("ask"), bid=column("bid"), up=column("up"), down=column("down"))


def by_volume(contracts: Mapping[str, Bars], key: Key) -> dict[int, str]:
    """The contract of each trade date (days since 1970)."""
    traded: dict[int, dict[str, int]] = {}
    for name, bars in contracts.items():
        dates, at = np.unique(trade_date(bars.stamp), return_inverse=True)
        for date, volume in zip(dates.tolist(), np.bincount(at, bars.volume).tolist(), strict=True):
            traded.setdefault(date, {})[name] = int(volume)
    chosen: dict[int, str] = {}
    current = ""
    before: dict[str, int] = {}
    for date in sorted(traded):
        there = traded[date]
        known = {name: volume for name, volume in (before or there).items() if name in there} or there
        later = {name: volume for name, volume in known.items() if not current or key(name) >= key(current)} or known
        if current not in there or max(later.values()) > known.get(current, -1):
            current = max(later, key=lambda name: (later[name], key(name)))
        chosen[date] = current
        before = there
    return chosen


def joined(contracts: Mapping[str, Bars], chosen: Mapping[int, str], *, adjust: bool) -> Joined:
    """One series, in which each trade date has the bars of its chosen contract.

    Raises:
        DataError: two contracts have no minute in common at a roll, so that the offset is unknown.
    """
    names = tuple(dict.fromkeys(chosen[date] for date in sorted(chosen)))
    kept: list[Bars] = []
    numbers: list[Whole] = []
    for number, name in enumerate(names):
        bars = contracts[name]
        mine = np.isin(trade_date(bars.stamp), [date for date, each in chosen.items() if each == name])
        kept.append(bars.only(mine))
        numbers.append(np.full(int(mine.sum()), number))
    whole, by = concatenated(kept), np.concatenate(numbers)
    order = np.argsort(whole.stamp, kind="stable")
    whole, by = whole.only(order), by[order]
    changes = np.flatnonzero(np.diff(by)) + 1
    dates = trade_date(whole.stamp[changes])
    rolls = tuple(
        Change(
            str(np.datetime64(int(date), "D")),
            names[by[at - 1]],
            names[by[at]],
            _apart(contracts, names[by[at - 1]], names[by[at]], int(whole.stamp[at])),
        )
        for at, date in zip(changes.tolist(), dates.tolist(), strict=True)
    )
    if adjust and rolls:
        whole = _adjusted(whole, changes, rolls)
    return Joined(whole, names, by, rolls, adjust and bool(rolls))


def _apart(contracts: Mapping[str, Bars], before: str, after: str, at_ns: int) -> float | None:
    """Later minus earlier contract at the last minute before a roll that both traded."""
    one, other = contracts[before], contracts[after]
    both, mine, theirs = np.intersect1d(one.stamp, other.stamp, assume_unique=True, return_indices=True)
    place = int(np.searchsorted(both, at_ns)) - 1
    return None if place < 0 else float(other.close[theirs[place]] - one.close[mine[place]])


def _adjusted(bars: Bars, changes: Whole, rolls: Sequence[Change]) -> Bars:
    offset: Floats = np.zeros(len(bars))
    for at, roll in zip(changes.tolist(), rolls, strict=True):
        if roll.apart is None:
            raise DataError(
                f"{roll.before} and {roll.after} share no minute before {roll.date}: the offset is unknown; leave out --adjust"
            )
        offset[:at] += roll.apart
    moved = {name: np.round(getattr(bars, name) + offset, 9) for name in ("open", "high", "low", "close")}
    return replace(bars, **moved)

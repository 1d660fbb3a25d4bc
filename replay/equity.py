"""Equity after each closed trade, the same for the files of a run and for its tables. It is realised money, from the capital on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.strategies.clock import NEW_YORK, SECOND_NS

COLUMNS = ("time", "session", "id", "net", "equity", "drawdown")


class Drawdown(Struct, frozen=True):
    """The deepest fall of an equity, in cents, 0 or more. peak, deepest, until: places in the equity; until None: not yet."""

    cents: int
    peak: int
    deepest: int
    until: int | None


def drawdown(changes: Iterable[int]) -> Drawdown:
    """The deepest fall of a sum of cents below its highest value so far, the start being 0; of two equally deep ones the first.

    Place 0 is before the first change, place n behind the n-th. The peak is the last place with the highest value before the fall.
    """
    equity = highest = peak = 0
    found = Drawdown(0, 0, 0, 0)
    for place, change in enumerate(changes, 1):
        equity += change
        if equity >= highest:
            highest, peak = equity, place
            if found.until is None:
                found = replace(found, until=place)
        elif highest - equity > found.cents:
            found = Drawdown(highest - equity, peak, place, None)
    return found


class Walk:
    """Equity and drawdown along results, to the cent. Dollars; drawdown is below the highest value so far, 0 or more."""

    def __init__(self, capital: float) -> None:
        self._equity = self._highest = round(capital * 100)

    def on(self, net: float) -> dict[str, float]:
        self._equity += round(net * 100)
        self._highest = max(self._highest, self._equity)
        return {"equity": self._equity / 100, "drawdown": (self._highest - self._equity) / 100}


def rows(trades: Iterable[Mapping[str, Any]], capital: float, calendar: Calendar) -> Iterator[dict[str, Any]]:
    """A row for each line of trades.jsonl, with the trade date on which it was closed."""
    walk = Walk(capital)
    for trade, session in zip(kept := list(trades), closed(kept, calendar), strict=True):
        yield {"time": trade["exit_time"], "session": session, "id": trade["id"], "net": trade["net"], **walk.on(trade["net"])}


def closed(trades: Iterable[Mapping[str, Any]], calendar: Calendar) -> Iterator[str]:
    """The trade date on which each line of trades.jsonl was closed; a trade over night was entered on an earlier one."""
    clock = SessionClock(calendar)
    for trade in trades:
        at = dt.datetime.fromisoformat(trade["exit_time"]).replace(tzinfo=NEW_YORK)
        yield clock.read(int(at.timestamp()) * SECOND_NS)[0].date

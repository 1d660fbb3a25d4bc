"""What a record of Sierra Chart is, in its text as in its binary files: a bar, or a single trade with the quote beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import columns
from tapewire.replay.sources.table import Bars, Floats, Ticks, Whole
from tapewire.strategies.clock import SECOND_NS

PART = -1e37  # the open of the first and the last part of a trade that was split lies below it
UNITS = "choose one storage unit (one minute or one tick) in Sierra Chart and export it again"


@dataclass(slots=True)
class Records:
    """Records in columns, as they stand in the file. ask, bid: volume; None if the file has none."""

    stamp: Whole
    open: Floats
    high: Floats
    low: Floats
    last: Floats
    volume: Whole
    line: Whole
    trades: Whole | None = None
    bid: Whole | None = None
    ask: Whole | None = None


class Read(NamedTuple):
    """Records as bars or trades."""

    rows: Bars | Ticks
    stamps: Literal["open", "trade"]
    period_s: int


def rows_of(path: Path, records: Records) -> Read:
    """Records as what they are.

    A single trade has the open 0 (or a mark of a part), the ask as its high and the bid as its low. Where a feed has no quotes, it
    has one price four times, and stamps between the seconds.

    Raises:
        DataError: the file has bars and single trades, or bars of no fixed length.
    """
    single = (records.open <= PART) | ((records.open == 0) & (records.last != 0))
    if single.all() and len(single):
        return Read(_trades(records, quoted=True), "trade", 0)
    if single.any():
        at = int(np.flatnonzero(single != single[0])[0])
        kinds = ("single trades", "bars") if single[0] else ("bars", "single trades")
        raise DataError(
            f"{path}, record {records.line[at]}: {kinds[0]} before it, {kinds[1]} from here on; {UNITS}, "
            "or name the days of one kind with --from and --to"
        )
    if np.count_nonzero(records.stamp % SECOND_NS) * 2 > len(single):
        if records.trades is None or (records.trades > 1).any():
            raise DataError(f"{path}: stamps between the seconds, so these are bars of no fixed length; {UNITS}")
        return Read(_trades(records, quoted=False), "trade", 0)
    bars = Bars(
        stamp=records.stamp,
        open=records.open,
        high=records.high,
        low=records.low,
        close=records.last,
        volume=records.volume,
        line=records.line,
        **columns.flow(records.volume, records.ask, records.bid),
    )
    return Read(bars, "open", columns.period_s(records.stamp))


def _trades(records: Records, *, quoted: bool) -> Ticks:
    side = None
    if records.ask is not None and records.bid is not None:
        side = np.sign(records.ask - records.bid)
    return Ticks(
        stamp=records.stamp,
        price=records.last,
        size=records.volume,
        line=records.line,
        side=side,
        bid=_quote(records.low) if quoted else None,
        ask=_quote(records.high) if quoted else None,
    )


def _quote(price: Floats) -> Floats:
    return np.where((price == 0) | (np.abs(price) >= -PART), np.nan, price)

"""Bars of some seconds from trades or from shorter bars, by the clock of the data.

A trade at exactly hh:mm:00 belongs to the bar that begins then, as NinjaTrader has it. A minute without a trade has no bar. The
last minute ends with the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from tapewire.replay.sources.table import Bars, Floats, Ticks, Unwanted, Whole
from tapewire.strategies import trades as rules
from tapewire.strategies.clock import SECOND_NS

Column = TypeVar("Column", Whole, Floats)

BY_SIDE = "sides as the file has them"
BY_QUOTE = "sides by the quote: at the ask or above bought, at the bid or below sold"
BY_TICK = "the file has no quotes: sides by the tick rule (above the price before bought, below it sold, equal as before)"


def of_trades(trades: Ticks, seconds: int) -> tuple[Bars, str]:
    """Bars of so many seconds from trades, and by which rule the volume has its side.

    Args:
        trades: in order of time; `stamp` in nanoseconds. Equal stamps keep their order. seconds: of a bar.
    """
    order = np.argsort(trades.stamp, kind="stable")
    trades = trades.only(order)
    side, how = _sides(trades)
    moved = _moves(trades.price)
    close = rules.closes(trades.stamp, seconds * SECOND_NS)
    starts = _starts(close)
    return (
        Bars(
            stamp=close[starts],
            open=trades.price[starts],
            high=_each(np.maximum, trades.price, starts),
            low=_each(np.minimum, trades.price, starts),
            close=trades.price[_ends(starts, len(trades))],
            volume=_each(np.add, trades.size, starts),
            line=trades.line[starts],
            ask=_each(np.add, np.where(side > 0, trades.size, 0), starts),
            bid=_each(np.add, np.where(side < 0, trades.size, 0), starts),
            up=_each(np.add, (moved > 0).astype(np.int64), starts),
            down=_each(np.add, (moved < 0).astype(np.int64), starts),
        ),
        how,
    )


def joined(path: Path, bars: Bars, period_s: int, seconds: int) -> Bars:
    """Bars of so many seconds from shorter ones; bars of that length as they are, but rows of one close become one.

    Raises:
        Unwanted: their period is longer, or no part of it.
    """
    if period_s == seconds and (bars.stamp[1:] > bars.stamp[:-1]).all():
        return bars
    if period_s <= 0 or seconds % period_s:
        raise Unwanted(f"{path}: bars of {period_s} s; bars of {seconds} s are made of trades, or of bars that divide them")
    span = seconds * SECOND_NS
    close = -(-bars.stamp // span) * span
    starts = _starts(close)

    def both(one: Whole | None, other: Whole | None) -> tuple[Whole | None, Whole | None]:
        """Two columns of order flow, added up where both are known of every row."""
        if one is None or other is None:
            return None, None
        known = _each(np.minimum, np.minimum(one, other), starts) >= 0
        return np.where(known, _each(np.add, one, starts), -1), np.where(known, _each(np.add, other, starts), -1)

    (ask, bid), (up, down) = both(bars.ask, bars.bid), both(bars.up, bars.down)

    return Bars(
        stamp=close[starts],
        open=bars.open[starts],
        high=_each(np.maximum, bars.high, starts),
        low=_each(np.minimum, bars.low, starts),
        close=bars.close[_ends(starts, len(bars))],
        volume=_each(np.add, bars.volume, starts),
        line=bars.line[starts],
        ask=ask,
        bid=bid,
        up=up,
        down=down,
    )


def _sides(trades: Ticks) -> tuple[Whole, str]:
    """1 bought, -1 sold, 0 unknown, of each trade."""
    if trades.side is not None:
        return trades.side, BY_SIDE
    if trades.bid is not None and trades.ask is not None:
        return rules.side(trades.price, trades.bid, trades.ask), BY_QUOTE
    moved = _moves(trades.price)
    last = np.maximum.accumulate(np.where(moved != 0, np.arange(len(moved)), 0))
    return moved[last] if len(moved) else moved, BY_TICK


def _moves(price: Floats) -> Whole:
    """1 for an up tick, -1 for a down tick, of each trade; nobody knows what was before the first."""
    moves: Whole = rules.moved(np.concatenate((price[:1], price[:-1])), price)
    return moves


def _starts(close: Whole) -> Whole:
    """Where each bar's first row stands."""
    return np.flatnonzero(np.diff(close, prepend=close[:1] - 1))


def _ends(starts: Whole, count: int) -> Whole:
    return np.append(starts[1:], count)[: len(starts)] - 1


def _each(fold: np.ufunc, column: Column, starts: Whole) -> Column:
    return fold.reduceat(column, starts) if len(starts) else column[:0]

"""Features of volatility: how much the price moves, the ranges that it has made, and where it lies in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import sqrt

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, place, ratio


def _deviation(n: int, m: Moment) -> float | None:
    total = m.squares.total(n)
    return None if total is None else sqrt(total / n)


def _volatility(n: int, m: Moment) -> float | None:
    return m.in_atr(_deviation(n, m))


def _height(n: int, m: Moment) -> float | None:
    found = m.extremes(n)
    return None if found is None else found[1] - found[0]


def _range(n: int, m: Moment) -> float | None:
    return m.in_atr(_height(n, m))


def _place(n: int, m: Moment) -> float | None:
    found = m.extremes(n)
    return None if found is None else place(m.bar.close, *found)


def _rth_range(m: Moment) -> float | None:
    high, low = m.s.rth_high, m.s.rth_low
    return None if high is None or low is None else m.in_atr(high - low)


def _atr_bp(m: Moment) -> float | None:
    return None if m.atr is None or m.bar.close <= 0 else 10_000 * m.atr / m.bar.close


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    for n in (10, 30, 60):
        yield Feature(
            f"volatility_{n}_atr",
            "ATR",
            f"Realised volatility of the last {n} bars: root of the mean of (c - c[1])^2, over ATR.",
            partial(_volatility, n),
        )
    yield Feature(
        "volatility_10_60_ratio",
        "ratio",
        "Realised volatility of the last 10 bars over that of the last 60.",
        lambda m: ratio(_deviation(10, m), _deviation(60, m)),
    )
    yield Feature(
        "true_range_atr", "ATR", "The true range: max(h, c[1]) - min(l, c[1]), over ATR.", lambda m: m.in_atr(m.true_range)
    )
    for n in (5, 15, 30, 60):
        yield Feature(f"range_{n}_atr", "ATR", f"Highest high less lowest low of the last {n} bars, over ATR.", partial(_range, n))
    yield Feature(
        "range_5_60_ratio",
        "ratio",
        "The range of the last 5 bars over that of the last 60.",
        lambda m: ratio(_height(5, m), _height(60, m)),
    )
    yield Feature("range_date_atr", "ATR", "Range of the trade date so far, over ATR.", lambda m: m.in_atr(m.high - m.low))
    yield Feature("range_rth_atr", "ATR", "Range of RTH so far, over ATR.", _rth_range)
    for n in (15, 60):
        yield Feature(
            f"place_{n}_share",
            "share",
            f"Where the close lies in the range of the last {n} bars: 0 low, 1 high.",
            partial(_place, n),
        )
    yield Feature(
        "place_date_share",
        "share",
        "Where the close lies in the trade date's range so far: 0 low, 1 high.",
        lambda m: place(m.bar.close, m.low, m.high),
    )
    yield Feature(
        "place_rth_share",
        "share",
        "Where the close lies in the range of RTH so far: 0 low, 1 high; beyond it after RTH.",
        lambda m: place(m.bar.close, m.s.rth_low, m.s.rth_high),
    )
    yield Feature("atr_bp", "bp", "ATR 14 by the close: 10000 * ATR / c.", _atr_bp)

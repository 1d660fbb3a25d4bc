"""Features of movement: how far the close has come, and how straight."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, ratio

HORIZONS = (1, 2, 5, 10, 15, 30, 60)


def _moved(n: int, m: Moment) -> float | None:
    return m.in_atr(m.moved(n))


def _efficiency(n: int, m: Moment) -> float | None:
    moved = m.moved(n)
    return None if moved is None else ratio(abs(moved), m.ways.total(n))


def _up(n: int, m: Moment) -> float | None:
    rises = m.rises.total(n)
    return None if rises is None else rises / n


def _gap(m: Moment) -> float | None:
    before = m.closes.back(1)
    return None if before is None else m.in_atr(m.bar.open - before)


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    for n in HORIZONS:
        yield Feature(f"move_{n}_atr", "ATR", f"The close less the close {n} bars before: (c - c[{n}]) / ATR.", partial(_moved, n))
    yield Feature(
        "move_date_atr", "ATR", "The close less the trade date's first open, over ATR.", lambda m: m.from_level(m.first_open)
    )
    yield Feature("move_rth_atr", "ATR", "The close less the first open of RTH, over ATR.", lambda m: m.from_level(m.rth.open))
    yield Feature("gap_atr", "ATR", "The open less the close of the bar before: (o - c[1]) / ATR.", _gap)
    yield Feature("run_bars", "bars", "Closes in a row above the one before, below 0 if below it.", lambda m: m.run)
    for n in (10, 30, 60):
        yield Feature(
            f"efficiency_{n}_ratio",
            "ratio",
            f"Way made good over way gone, 0 to 1: |c - c[{n}]| / sum of |c - c[1]| of the last {n} bars (Kaufman).",
            partial(_efficiency, n),
        )
    for n in (10, 30):
        yield Feature(
            f"up_{n}_share", "share", f"Share of the last {n} bars that closed above the close before them.", partial(_up, n)
        )

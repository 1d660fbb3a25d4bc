"""Features of movement: how far the close has come, and how straight."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment

HORIZONS = (1, 2, 5, 10, 15, 30, 60)


def _moved(n: int, m: Moment) -> float | None:
    return m.in_atr(m.moved(n))


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    for n in HORIZONS:
        yield Feature(f"move_{n}_atr", "ATR", f"The close less the close {n} bars before: (c - c[{n}]) / ATR.", partial(_moved, n))

"""One feature of a bar: its name with its unit, its meaning, and the function that gives its value.

Names end with the unit: `_atr` is multiples of ATR 14 (so that a distance means the same on every instrument), `_r` shares of the
initial balance range R, `_w` shares of a range that is named, `_sigma` deviations, `_share` a part of a whole, `_ratio` a quotient,
`_percent`, `_bp` hundredths of a percent, `_minutes`, `_bars`, `_count`, `_flag` 0 or 1, `_code` whole numbers in a told order.

A value uses +, -, *, /, comparisons and square roots alone. IEEE 754 rounds these alike everywhere, so that a bar has the same
bits in training, live and in a backtest, on every machine. A logarithm or a sine depends on the library that computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tapewire.strategies.features.moment import Moment


class Feature(NamedTuple):
    """One row of the table.

    meaning: a sentence with the formula; o, h, l, c, v are the bar's prices and volume, c[n] is the close n bars before.
    value: reads a moment; None where it is missing. revision: rises by one when a value changes, so that a model that was trained
    on the old values is refused.
    """

    name: str
    unit: str
    meaning: str
    value: Callable[[Moment], float | None]
    revision: int = 1

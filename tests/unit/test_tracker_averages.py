"""The moving averages of one-minute bars: the textbook's numbers, and those of NinjaTrader's own indicators on its own bars."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.testing import bar
from tapewire.daemons.tracker.averages import Averages
from tapewire.daemons.tracker.prices import BarPrices
from tests.shared import SHARED, needs_shared

TICKS = st.integers(80_000, 84_000).map(lambda ticks: ticks * 0.25)
CANDLES = st.lists(st.tuples(TICKS, TICKS, TICKS).map(lambda three: (max(three), min(three), three[0])), min_size=1, max_size=260)


def folded(candles):
    """The published values after each bar: (ema20, ema50, ema200, atr14)."""
    averages = Averages()
    known = []
    for high, low, close in candles:
        averages.fold(BarPrices(bar(high=high, low=low, close=close)))
        known.append((averages.ema20.value, averages.ema50.value, averages.ema200.value, averages.atr14))
    return known


def ema(closes, period):
    """As a weighted sum of everything so far: the first close keeps what the later ones leave."""
    share = 2 / (period + 1)
    weights = share * (1 - share) ** np.arange(len(closes))[::-1]
    weights[0] = (1 - share) ** (len(closes) - 1)
    return float(np.dot(weights, closes))


def atr(candles):
    """Wilder's: a mean of the first fourteen, then one fourteenth of each new range."""
    before = [None, *[close for *_, close in candles]]
    ranges = [
        max(high, high if last is None else last) - min(low, low if last is None else last)
        for (high, low, _), last in zip(candles, before, strict=False)
    ]
    value = float(np.mean(ranges[:14]))
    for each in ranges[14:]:
        value = (value * 13 + each) / 14
    return value


@given(CANDLES)
def test_they_are_what_their_definitions_give(candles):
    """Over any feed, to a billionth of a point; None until as many bars as they are named for."""
    known = folded(candles)[-1]

    closes = [close for *_, close in candles]
    expected = [ema(closes, period) if len(closes) >= period else None for period in (20, 50, 200)]
    expected.append(atr(candles) if len(candles) >= 14 else None)
    assert known == tuple(value if value is None else pytest.approx(value, rel=0, abs=1e-9) for value in expected)


@pytest.mark.parametrize("index, bars", [(3, 14), (0, 20), (1, 50), (2, 200)], ids=["atr14", "ema20", "ema50", "ema200"])
def test_each_has_a_value_from_the_bar_it_is_named_for(index, bars):
    """Not one bar earlier."""
    known = [values[index] for values in folded([(101.0, 99.0, 100.0)] * 210)]

    assert known == [None] * (bars - 1) + [2.0 if index == 3 else 100.0] * (211 - bars)


@pytest.mark.parametrize(
    "high, low, range",
    [(110.0, 105.0, 10.0), (95.0, 90.0, 10.0), (104.0, 98.0, 6.0)],
    ids=["a gap up", "a gap down", "around the close before"],
)
def test_the_true_range_reaches_out_to_the_close_before(high, low, range):
    """Fourteen flat bars at 100, then one: a fourteenth of it."""
    known = folded([(100.0, 100.0, 100.0)] * 14 + [(high, low, low)])

    assert known[-1][3] == pytest.approx(range / 14)


@needs_shared
@pytest.mark.parametrize("instrument", ["NQ", "ES", "YM"])
def test_they_equal_the_columns_of_a_ninjatrader_export(instrument):
    """Every bar of the recording, from the bar on which each has a value."""
    with (SHARED / "data" / "ninjatrader" / f"{instrument}_Volumetric_1.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    known = folded([(float(row["high"]), float(row["low"]), float(row["close"])) for row in rows])

    for index, column in enumerate(("ema20", "ema50", "ema200", "atr14")):
        mine = [(number, values[index]) for number, values in enumerate(known) if values[index] is not None]
        assert [value for _, value in mine] == pytest.approx([float(rows[number][column]) for number, _ in mine], abs=1e-6)

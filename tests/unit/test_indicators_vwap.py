"""The running VWAP and deviation equal the formula over all bars at once (playbook 2.1)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.strategies.indicators import Vwap, typical

TICKS = st.integers(80_000, 100_000).map(lambda ticks: ticks * 0.25)
CANDLES = st.lists(st.tuples(TICKS, TICKS, TICKS, st.integers(0, 50_000)), min_size=2, max_size=60)


def run(candles):
    """A VWAP over bars of these (high, low, close, volume)."""
    vwap = Vwap()
    for high, low, close, volume in candles:
        vwap.fold(typical(high, low, close), volume)
    return vwap


def batch(candles):
    """VWAP and deviation by the formula, with all bars at hand."""
    high, low, close, volume = np.array(candles, dtype=np.float64).T
    typical = (high + low + close) / 3
    vwap = np.sum(typical * volume) / np.sum(volume)
    return vwap, np.sqrt(np.sum(volume * (typical - vwap) ** 2) / np.sum(volume))


def v_shape():
    """Thirty bars down from 5800 and up again: vector W1 of the VWAP bounce."""
    prices = [5800 - 2 * i if i < 15 else 5770 + 1.5 * (i - 15) for i in range(30)]
    return [(price + 1, price - 1.5, price - 0.5, 1000 + 10 * i) for i, price in enumerate(prices)]


def test_the_vector_w1_has_its_vwap():
    """5782.6958 by typical prices; its deviation is that of the batch formula."""
    vwap = run(v_shape())

    assert vwap.value == pytest.approx(5782.6958, abs=5e-5)
    assert (vwap.value, vwap.sigma) == pytest.approx(batch(v_shape()), abs=1e-9)


def test_the_vector_w1_has_its_deviation_where_all_prices_are_closes():
    """With closes for highs and lows it is the published one: 5782.53, one deviation 7.9503, bands at 5798.43 and 5766.63."""
    vwap = run((close, close, close, volume) for _, _, close, volume in v_shape())

    assert vwap.value == pytest.approx(5782.53, abs=0.005)
    assert vwap.sigma == pytest.approx(7.9503, abs=5e-5)
    assert (vwap.value + 2 * vwap.sigma, vwap.value - 2 * vwap.sigma) == pytest.approx((5798.43, 5766.63), abs=0.005)


@given(CANDLES.filter(lambda candles: any(volume for *_, volume in candles)))
def test_it_is_what_the_batch_formula_gives(candles):
    """To a billionth of a point, whatever the prices and volumes, zero included."""
    vwap = run(candles)

    assert (vwap.value, vwap.sigma) == pytest.approx(batch(candles), rel=0, abs=1e-9)


@pytest.mark.parametrize(
    "candles, defined",
    [
        ([], (None, None)),
        ([(100, 100, 100, 10)], (100.0, None)),
        ([(100, 100, 100, 0), (101, 101, 101, 0)], (None, None)),
        ([(100, 100, 100, 0), (101, 101, 101, 5)], (101.0, 0.0)),
        ([(100, 100, 100, 10), (101, 101, 101, 0)], (100.0, 0.0)),
        ([(100, 100, 100, 10), (102, 102, 102, 10)], (101.0, 1.0)),
    ],
    ids=["no bar", "one bar", "no volume", "volume on the second", "volume on the first", "both"],
)
def test_each_is_none_until_it_is_defined(candles, defined):
    """The VWAP from the first volume, the deviation from the second bar and volume."""
    vwap = run(candles)

    assert (vwap.value, vwap.sigma) == defined


@given(TICKS, TICKS, st.integers(1, 10**7))
def test_trading_at_one_price_has_no_deviation(first, price, volume):
    """Exactly none, also far from a first bar without volume: rounding makes no band."""
    vwap = run([(first, first, first, 0), *[(price, price, price, volume)] * 9])

    assert vwap.sigma == 0.0

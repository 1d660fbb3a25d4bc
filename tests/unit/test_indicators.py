"""Indicators against values worked out by hand, and against their own definitions (playbook 9.3)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.strategies.indicators import Bands, Ema, Mean, Method, Rsi, Vwap


def banded(bars: list[tuple[float, int]]) -> Bands:
    bands = Bands()
    for price, volume in bars:
        bands.fold(price, volume)
    return bands


def w1(offset: float) -> list[tuple[float, int]]:
    """The 30 bars of vector W1, priced at this distance from their middle."""
    middle = [5800 - 2 * i if i < 15 else 5770 + 1.5 * (i - 15) for i in range(30)]
    return [(price + offset, 1000 + 10 * i) for i, price in enumerate(middle)]


# --- VWAP and bands ---------------------------------------------------------------------------------------------------------


def test_vector_w1_the_seeds_printed_values() -> None:
    """On closes: VWAP 5782.53, sigma 7.9503, upper band 5798.43, lower band 5766.63."""
    bands = banded(w1(-0.5))
    band = bands.band(2.0)

    assert bands.vwap is not None
    assert bands.sigma is not None
    assert band is not None
    assert (round(bands.vwap, 2), round(bands.sigma, 4)) == (5782.53, 7.9503)
    assert (round(band[1], 2), round(band[0], 2)) == (5798.43, 5766.63)


def test_vector_w1_on_typical_prices() -> None:
    """(high + low + close) / 3 of the same bars: 5782.6958."""
    vwap = banded(w1((1.0 - 1.5 - 0.5) / 3)).vwap

    assert vwap is not None
    assert round(vwap, 4) == 5782.6958


@pytest.mark.parametrize(
    ("bars", "vwap", "sigma"),
    [
        ([], None, None),
        ([(100.0, 5)], None, None),  # one bar has no deviation
        ([(100.0, 0), (102.0, 0)], None, None),  # no volume
        ([(100.0, 0), (102.0, 5)], 102.0, 0.0),
        ([(100.0, 1), (102.0, 1)], 101.0, 1.0),
        ([(100.0, 3), (104.0, 1)], 101.0, math.sqrt(3)),  # (3 * 1 + 1 * 9) / 4
        ([(100.0, 1), (100.0, 7)], 100.0, 0.0),
    ],
)
def test_vwap_and_deviation_by_hand(bars: list[tuple[float, int]], vwap: float | None, sigma: float | None) -> None:
    """Weighted by volume, of the population; None until there are two bars and some volume."""
    bands = banded(bars)

    assert (bands.vwap, bands.sigma) == (vwap, sigma)
    assert bands.band(2.0) == (None if vwap is None or sigma is None else (vwap - 2 * sigma, vwap + 2 * sigma))


@given(st.lists(st.tuples(st.integers(80_000, 84_000), st.integers(1, 5_000)), min_size=2, max_size=200))
def test_running_sums_equal_the_definition(ticks: list[tuple[int, int]]) -> None:
    """Folding bar by bar loses nothing against summing over all of them, at NQ's prices."""
    bars = [(price / 4, volume) for price, volume in ticks]
    bands, total = banded(bars), sum(volume for _, volume in bars)
    vwap = math.fsum(price * volume for price, volume in bars) / total
    variance = math.fsum(volume * (price - vwap) ** 2 for price, volume in bars) / total

    assert bands.vwap == pytest.approx(vwap, abs=1e-9)
    assert bands.sigma == pytest.approx(math.sqrt(variance), abs=1e-6)


def test_a_band_on_a_tick_is_where_the_two_running_sums_disagree() -> None:
    """Two bars put the lower band on 20997.75, a tick. A low there touches it by `Bands`, but not by `Vwap`: both must stay."""
    bars = [(20_997.75, 4), (21_009.75, 16)]
    vwap = Vwap()
    for price, volume in bars:
        vwap.fold(price, volume)
    band = banded(bars).band(2.0)

    assert band is not None
    assert vwap.value is not None
    assert vwap.sigma is not None
    assert vwap.value - 2 * vwap.sigma < 20_997.75 <= band[0]


# --- RSI --------------------------------------------------------------------------------------------------------------------


def rsi(closes: list[float], period: int, method: Method = "simple") -> float | None:
    index = Rsi(period, method)
    for close in closes:
        index.fold(close)
    return index.value


@pytest.mark.parametrize("method", ["simple", "wilder"])
@pytest.mark.parametrize(
    ("closes", "value"),
    [
        ([10.0, 11.0, 12.0], None),  # two changes of three
        ([10.0, 11.0, 12.0, 13.0], 100.0),  # no losses
        ([10.0, 10.0, 10.0, 10.0], 100.0),  # no change
        ([13.0, 12.0, 11.0, 10.0], 0.0),
        ([10.0, 12.0, 11.0, 12.0], 75.0),  # gains 3, losses 1
        ([10.0, 9.0, 10.0, 9.0], 100 - 100 / 1.5),
    ],
)
def test_the_first_value_is_the_same_in_both_methods(closes: list[float], value: float | None, method: Method) -> None:
    """The means over the first three changes."""
    assert rsi(closes, 3, method) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("simple", 75.0),  # gains 1 and 2, losses 1 of the last three
        ("wilder", 100 - 100 / 7),  # gain (1 * 2 + 2) / 3 = 4/3, loss (1/3 * 2 + 0) / 3 = 2/9
    ],
)
def test_afterwards_simple_drops_old_changes_and_wilder_fades_them(method: Method, value: float) -> None:
    """Changes +2, -1, +1 and then +2: of the first one Wilder's mean keeps two thirds."""
    assert rsi([10.0, 12.0, 11.0, 12.0, 14.0], 3, method) == pytest.approx(value)


@pytest.mark.parametrize(("last", "value"), [(5795.0, 24.39), (5795.5, 27.91)])
def test_vector_w3s_rsi(last: float, value: float) -> None:
    """14 changes of the bounce's closes."""
    closes = [*[5799.75, 5800.25] * 10, *[5799.5 - 0.5 * i for i in range(8)], 5793.5, last]
    index = rsi(closes, 14)

    assert index is not None
    assert round(index, 2) == value


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=80), st.sampled_from(["simple", "wilder"]), st.integers(1, 20))
def test_it_stays_between_0_and_100(changes: list[int], method: Method, period: int) -> None:
    """For any prices; it has a value from `period` changes on, and not before."""
    closes = [1000.0]
    for change in changes:
        closes.append(closes[-1] + change / 4)
    value = rsi(closes, period, method)

    assert (value is not None) is (len(changes) >= period)
    assert value is None or 0 <= value <= 100


# --- the others -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "average"),
    [([10.0, 12.0], None), ([10.0, 12.0, 14.0], 12.0), ([10.0, 12.0, 14.0, 16.0], 14.0), ([10.0, 12.0, 14.0, 16.0, 10.0], 12.0)],
)
def test_an_ema_starts_with_a_mean_and_weighs_new_values(values: list[float], average: float | None) -> None:
    """Period 3 gives the new value a weight of a half."""
    ema = Ema(3)
    for value in values:
        ema.fold(value)

    assert ema.value == average


def test_an_ema_may_start_at_its_first_value() -> None:
    """As NinjaTrader's own does; it has a value from the third price on all the same."""
    ema, told = Ema(3, from_first=True), []
    for value in (10.0, 12.0, 14.0, 16.0):
        ema.fold(value)
        told.append(ema.value)

    assert told == [None, None, 12.5, 14.25]


def test_a_mean_has_a_value_when_it_is_full_and_drops_the_oldest() -> None:
    """Of the last three, None before."""
    mean, seen = Mean(3), []
    for value in (3, 6, 9, 12, 0):
        mean.fold(value)
        seen.append(mean.value)

    assert seen == [None, None, 6.0, 9.0, 7.0]

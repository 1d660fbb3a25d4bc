"""Levels of the night and of the previous session, and the history of initial balances (playbook 1.3, 2.8)."""

import pytest

from tapewire.bus.messages import IbHistory, Levels
from tapewire.bus.testing import bar
from tapewire.daemons.tracker.history import BalanceHistory
from tapewire.daemons.tracker.levels import NightLevels, Previous
from tapewire.daemons.tracker.prices import BarPrices


def levels_of(at):
    """Names of the levels that have a value after a single bar at this place."""
    night = NightLevels(None)
    night.fold(at, BarPrices(bar(open=100.0)))
    return {name.removesuffix("_high") for name in Levels.__struct_fields__ if getattr(night.levels, name) and "_high" in name}


@pytest.mark.parametrize(
    "at, expected",
    [
        (-360, set()),
        (-359, {"overnight"}),
        (-240, {"overnight"}),
        (-239, {"overnight", "asia"}),
        (0, {"overnight", "asia"}),
        (1, {"overnight"}),
        (120, {"overnight"}),
        (121, {"overnight", "london"}),
        (300, {"overnight", "london"}),
        (301, {"overnight"}),
        (360, {"overnight"}),
        (361, {"overnight", "premarket"}),
        (570, {"overnight", "premarket"}),
        (961, set()),
        (-359 - 2 * 1440, set()),
    ],
    ids=[
        "18:00",
        "18:01",
        "20:00",
        "20:01",
        "24:00",
        "00:01",
        "02:00",
        "02:01",
        "05:00",
        "05:01",
        "06:00",
        "06:01",
        "09:30",
        "after the close",
        "Friday evening, seen from Monday",
    ],
)
def test_each_window_begins_and_ends_on_its_stamp(at, expected):
    """Both ends are part of a window."""
    assert levels_of(at) == expected


def test_levels_hold_the_bars_so_far():
    """Highs and lows widen bar by bar; a bar inside the range changes nothing."""
    night = NightLevels(Previous(high=120.0, low=80.0, close=110.0))
    seen = []
    for at, low, high in [(-300, 99.0, 101.0), (-299, 99.5, 100.5), (-298, 98.0, 100.0), (-297, 99.0, 103.0)]:
        night.fold(at, BarPrices(bar(open=99.75, low=low, high=high)))
        seen.append((night.levels.overnight_high, night.levels.overnight_low))

    assert seen == [(101.0, 99.0), (101.0, 99.0), (101.0, 98.0), (103.0, 98.0)]
    assert (night.levels.pdh, night.levels.pdl, night.levels.pdc) == (120.0, 80.0, 110.0)
    assert night.levels.asia_high is None


def summary(*ranges):
    history = BalanceHistory()
    for r in ranges:
        history.add(r)
    return history.summary


def test_four_sessions_are_too_few_for_a_history():
    """Regime, means and percentile are None; the count runs."""
    assert summary(100.0, 100.0, 100.0, 100.0) == IbHistory(count=4)


def test_five_sessions_make_a_history():
    """Median 120, means of what there is, the 90th percentile linear at position 0.9*(n-1) = 3.6."""
    assert summary(100.0, 140.0, 110.0, 120.0, 130.0) == IbHistory(
        count=5, mean5=120.0, mean10=120.0, p90=pytest.approx(136.0, abs=1e-9), regime="low"
    )


def test_means_look_at_the_newest():
    """Of twelve sessions mean5 takes the last five and mean10 the last ten."""
    got = summary(*(float(r) for r in range(1, 13)))

    assert (got.mean5, got.mean10) == (10.0, 7.5)
    assert got.p90 == pytest.approx(10.9, abs=1e-9)


def test_only_the_last_twenty_sessions_are_kept():
    """The five wide ones at the beginning no longer count."""
    got = summary(*[999.0] * 5, *[100.0] * 20)

    assert got == IbHistory(count=20, mean5=100.0, mean10=100.0, p90=100.0, regime="low")


@pytest.mark.parametrize(
    "median, regime",
    [(149.75, "low"), (150.0, "normal"), (249.75, "normal"), (250.0, "high")],
)
def test_the_regime_is_the_medians(median, regime):
    """low < 150, normal < 250, else high; with an even number the median lies between the two in the middle."""
    assert summary(1.0, 1.0, median, 999.0, 999.0).regime == regime
    assert summary(1.0, 1.0, median - 10, median + 10, 999.0, 999.0).regime == regime

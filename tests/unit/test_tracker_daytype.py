"""Day types on either side of every threshold, and exactly on it (playbook 2.9)."""

import pytest

from tapewire.bus.testing import bar
from tapewire.daemons.tracker.daytype import Widest, edge, extensions, midpoint
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance

IB = InitialBalance(high=1100.0, low=1000.0, mid=1050.0, r=100.0)


@pytest.mark.parametrize(
    "high, low, expected",
    [
        (1100.0, 1000.0, "b_day"),
        (1119.75, 1000.0, "b_day"),
        (1120.0, 1000.0, "neutral"),
        (1100.0, 980.0, "neutral"),
        (1120.0, 980.0, "neutral"),
        (1120.25, 1000.0, "p_day"),
        (1120.25, 980.0, "p_day"),
        (1100.0, 979.75, "b_day_bear"),
        (1125.0, 975.0, "b_day_bear"),
        (1125.25, 975.0, "p_day"),
        (1150.0, 1000.0, "p_day"),
        (1150.0, 950.0, "b_day_bear"),
        (1150.25, 949.0, "p_day"),
        (1150.0, 949.75, "b_day_bear"),
        (1200.0, 1000.0, "p_day"),
        (1100.0, 900.0, "b_day_bear"),
        (1200.25, 1000.0, "trend_up"),
        (1100.0, 899.75, "trend_down"),
        (1200.0, 899.75, "trend_down"),
        (1200.25, 800.0, "trend_up"),
    ],
)
def test_the_edge_model_reads_the_wicks_first_match(high, low, expected):
    """0.2, 0.5 and 1.0 belong to the smaller type; outside bars resolve upward; an equal 0.25 both ways goes down."""
    assert edge(*extensions(IB, BarPrices(bar(open=1050.0, high=high, low=low)))) == expected


@pytest.mark.parametrize(
    "close, expected",
    [
        (1050.0, "b_day"),
        (1100.0, "b_day"),
        (1000.0, "b_day"),
        (1100.25, "p_day"),
        (999.75, "p_day"),
        (1150.0, "p_day"),
        (950.0, "p_day"),
        (1150.25, "trend_up"),
        (949.75, "trend_down"),
        (1249.75, "trend_up"),
        (850.25, "trend_down"),
        (1250.0, "super_trend_up"),
        (850.0, "super_trend_down"),
        (1300.0, "super_trend_up"),
    ],
)
def test_the_midpoint_model_reads_the_close(close, expected):
    """1.0 is still a p_day, 2.0 is already a super trend, and a close on the edge is inside."""
    assert midpoint(IB, close) == expected


def test_an_extension_is_never_negative():
    """A bar within the initial balance extends it by nothing."""
    assert extensions(IB, BarPrices(bar(open=1050.0))) == (0.0, 0.0)


def test_the_widest_type_of_the_day_stays_while_the_bars_type_moves_on():
    """The type of the bar that reached farthest; an equal reach later does not replace it."""
    widest, seen = Widest(), [Widest().type]
    for u, w in [(0.1, 0.0), (0.6, 0.0), (0.0, 0.3), (0.0, 0.6), (0.0, 0.7), (0.0, 0.0)]:
        widest.fold(u, w, edge(u, w))
        seen.append(widest.type)

    assert seen == ["none", "b_day", "p_day", "p_day", "p_day", "b_day_bear", "b_day_bear"]

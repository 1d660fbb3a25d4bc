"""Acceptance beyond the initial balance, touches of its low, and the downside extension (playbook 2.2, 2.4)."""

import pytest

from tapewire.bus.testing import bar
from tapewire.daemons.tracker.acceptance import Acceptance
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance

IB = InitialBalance(high=1100.0, low=1000.0, mid=1050.0, r=100.0)
UP, IN, DOWN = 1100.25, 1050.0, 999.75


def after(*closes):
    """The counters after post-IB bars with these closes."""
    acceptance = Acceptance(IB)
    for k, close in enumerate(closes):
        acceptance.fold(k, BarPrices(bar(open=close)))
    return acceptance


@pytest.mark.parametrize(
    "closes, above, below, accepted_long, accepted_short, first_side",
    [
        ([UP], 1, 0, False, False, None),
        ([UP, UP], 2, 0, True, False, "long"),
        ([UP, 1100.0, UP], 1, 0, False, False, None),
        ([UP, UP, IN], 0, 0, True, False, "long"),
        ([DOWN, DOWN], 0, 2, False, False, "short"),
        ([DOWN, DOWN, DOWN], 0, 3, False, True, "short"),
        ([DOWN, DOWN, 1000.0, DOWN, DOWN], 0, 2, False, False, "short"),
        ([DOWN, DOWN, UP, UP], 2, 0, True, False, "short"),
        ([UP, UP, DOWN, DOWN, DOWN, DOWN], 0, 4, True, True, "long"),
        ([UP, DOWN, UP, DOWN], 0, 1, False, False, None),
    ],
)
def test_closes_beyond_an_edge_are_counted_and_latched(closes, above, below, accepted_long, accepted_short, first_side):
    """Two closes above or three below accept; a close on the edge is not beyond it; the first side to two is fixed."""
    got = after(*closes)

    assert (got.above, got.below) == (above, below)
    assert (got.accepted_long, got.accepted_short, got.first_side) == (accepted_long, accepted_short, first_side)


def touches(*bars):
    """Count after post-IB bars given as (low, close)."""
    acceptance = Acceptance(IB)
    for k, (low, close) in enumerate(bars):
        acceptance.fold(k, BarPrices(bar(open=close, low=low)))
    return acceptance.touches


TOUCH, MISS = (1000.0, 1000.0), (1000.25, 1010.0)


@pytest.mark.parametrize(
    "bars, expected",
    [
        ([TOUCH], 1),
        ([(990.0, 1020.0)], 1),
        ([(990.0, 999.75)], 0),
        ([MISS], 0),
        ([TOUCH, TOUCH], 2),
        ([TOUCH, MISS, MISS, TOUCH], 2),
        ([TOUCH, MISS, MISS, MISS, TOUCH], 1),
        ([TOUCH, TOUCH, MISS, MISS, MISS, MISS, MISS], 2),
        ([TOUCH, (990.0, 995.0), (990.0, 995.0), TOUCH, MISS, MISS, TOUCH], 3),
    ],
)
def test_touches_of_the_low_follow_each_other_within_three_bars(bars, expected):
    """`L <= IBL <= C` touches; after more than three bars the count starts again; other bars leave it as it is."""
    assert touches(*bars) == expected


def test_the_downside_extension_counts_wicks_and_never_falls():
    """Widest `(IBL-L)/R` so far, 0 while no bar went below."""
    acceptance, seen = Acceptance(IB), []
    for k, low in enumerate([1010.0, 980.0, 990.0, 970.0, 1050.0]):
        acceptance.fold(k, BarPrices(bar(open=1060.0, low=low)))
        seen.append(acceptance.max_down)

    assert seen == [0.0, 0.2, 0.2, 0.3, 0.3]

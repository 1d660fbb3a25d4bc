"""The opening ranges close by the clock, and count only with enough bars (playbook 1.2)."""

import pytest

from tapewire.bus.messages import Range
from tapewire.bus.testing import bar
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance, OpeningRanges


def fold(minutes, *, wide=1.0):
    """Ranges after RTH bars at these places; each bar's high is its place, so that a range's high names its last bar."""
    ranges = OpeningRanges()
    for at in minutes:
        ranges.fold(at, BarPrices(bar(open=float(at) - wide, close=float(at))))
    return ranges


def minutes(first, last, *without):
    """Places from first to last (570 + minutes since the open), some missing."""
    return [at for at in range(first, last + 1) if at not in without]


@pytest.mark.parametrize("name, last", [("drive", 575), ("or15", 585), ("or30", 600), ("ib", 630)])
def test_a_range_runs_until_its_last_minute_and_is_then_final(name, last):
    """Not final a minute before; final on the bar of its last minute; the bars after it change nothing."""
    before, on, after = (getattr(fold(minutes(571, end)), name) for end in (last - 1, last, last + 20))

    assert not before.final
    assert not before.valid
    assert on == Range(high=last, low=570, open=570, close=last, bars=last - 570, final=True, valid=True)
    assert after == on


@pytest.mark.parametrize("name, last", [("drive", 575), ("or15", 585), ("or30", 600), ("ib", 630)])
def test_a_range_whose_last_minute_is_missing_closes_on_the_next_bar(name, last):
    """10:00 or 10:30 missing: the first later bar closes the range and does not belong to it."""
    before = getattr(fold(minutes(571, last - 1)), name)
    closed = getattr(fold([*minutes(571, last - 1), last + 1]), name)

    assert not before.final
    assert (closed.final, closed.valid, closed.high, closed.bars) == (True, True, last - 1, last - 571)


@pytest.mark.parametrize("name, last, least", [("drive", 575, 4), ("or15", 585, 12), ("or30", 600, 25), ("ib", 630, 50)])
def test_a_range_needs_enough_bars(name, last, least):
    """4 of 5, 12 of 15, 25 of 30, 50 of 60; one fewer is final and not valid."""
    enough = getattr(fold(minutes(last - least + 1, last)), name)
    short = getattr(fold(minutes(last - least + 2, last)), name)

    assert (enough.final, enough.valid) == (True, True)
    assert (short.final, short.valid) == (True, False)


def test_a_range_without_bars_does_not_exist():
    """A feed that starts at 10:05 has no drive, no OR15 and no OR30."""
    ranges = fold(minutes(605, 640))

    assert (ranges.drive, ranges.or15, ranges.or30) == (None, None, None)
    assert ranges.ib is not None
    assert not ranges.ib.valid
    assert ranges.balance is None


def test_a_valid_initial_balance_has_its_middle_and_height():
    """IBM is the midpoint of the edges, R their distance; neither exists before the end."""
    assert fold(minutes(571, 629)).balance is None
    assert fold(minutes(571, 630)).balance == InitialBalance(high=630.0, low=570.0, mid=600.0, r=60.0)


def test_an_initial_balance_without_height_is_not_valid():
    """Only the IB requires R > 0: the flat drive of the same bars is valid."""
    ranges = OpeningRanges()
    for at in minutes(571, 630):
        ranges.fold(at, BarPrices(bar(open=100.0)))

    assert ranges.drive is not None
    assert ranges.drive.valid
    assert ranges.ib is not None
    assert (ranges.ib.final, ranges.ib.valid) == (True, False)
    assert ranges.balance is None

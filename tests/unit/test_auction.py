"""Profiles by hand: rows of TPOs and volume, point of control, value area, tails and single prints (strategies/auction.py)."""

from __future__ import annotations

import pytest

from tapewire.strategies.auction import MOST_ROWS, AuctionRows, point_of_control, single_prints, tails, value_area


def rows(*brackets: tuple[int, int], row_ticks: int = 1) -> AuctionRows:
    """A profile of brackets with one bar each, without volume."""
    made = AuctionRows(row_ticks)
    for bracket, (low, high) in enumerate(brackets):
        made.fold(bracket, low, high, 0)
    return made


def test_a_bracket_leaves_one_tpo_in_each_row_of_its_range() -> None:
    """Also where no bar of it traded: its bars at 10 to 11 and 14 to 15 span 10 to 15. A second bar adds nothing twice."""
    made = AuctionRows(1)
    made.fold(0, 10, 11, 0)
    made.fold(0, 14, 15, 0)
    made.fold(0, 9, 12, 0)

    assert (made.lowest, made.counts) == (9, [1] * 7)


def test_brackets_of_one_row_are_counted_and_named() -> None:
    """A spans 0 to 3, B 2 to 5, C 2 to 2."""
    made = rows((0, 3), (2, 5), (2, 2))

    assert made.counts == [1, 1, 3, 2, 1, 1]
    assert made.letters == [0b001, 0b001, 0b111, 0b011, 0b010, 0b010]
    assert made.tpos == 9


def test_a_gap_between_brackets_stays_empty() -> None:
    """Nothing traded there, but the rows belong to the range."""
    assert rows((0, 1), (4, 5)).counts == [1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("low", "high", "row_ticks", "lowest", "count"),
    [(7, 8, 4, 1, 2), (8, 11, 4, 2, 1), (-1, 0, 4, -1, 2), (-4, -1, 4, -1, 1), (5, 5, 1, 5, 1)],
)
def test_rows_are_whole_ticks(low: int, high: int, row_ticks: int, lowest: int, count: int) -> None:
    """Row r of n ticks holds r*n to r*n + n - 1, also below zero."""
    made = rows((low, high), row_ticks=row_ticks)

    assert (made.lowest, len(made.counts)) == (lowest, count)


@pytest.mark.parametrize(
    ("low", "high", "row_ticks", "volume", "shares"),
    [
        (0, 3, 1, 8, [2, 2, 2, 2]),
        (0, 2, 1, 1, [0, 1, 0]),  # one contract, three ticks: the middle
        (0, 3, 1, 2, [1, 0, 1, 0]),
        (0, 3, 1, 6, [2, 1, 2, 1]),
        (2, 5, 4, 8, [4, 4]),  # half of the ticks in each row
        (3, 7, 4, 10, [2, 8]),  # one tick of the first, four of the second
        (6, 6, 1, 7, [7]),
        (0, 3, 1, 0, [0, 0, 0, 0]),
    ],
)
def test_a_bars_volume_is_spread_over_its_ticks(low: int, high: int, row_ticks: int, volume: int, shares: list[int]) -> None:
    """Evenly, in whole contracts, and none is lost."""
    made = AuctionRows(row_ticks)
    made.fold(0, low, high, volume)

    assert (made.volumes, made.volume) == (shares, volume)


@pytest.mark.parametrize(
    ("counts", "poc"),
    [
        ([1, 3, 2], 1),
        ([3, 1, 1, 3, 1], 3),  # 3 is nearer to the middle, 2, than 0
        ([1, 3, 1, 3, 1], 1),  # as near: the lower
        ([2, 2, 2], 1),
        ([2, 2], 0),
        ([5], 0),
    ],
)
def test_the_point_of_control_is_the_fullest_row_nearest_the_middle(counts: list[int], poc: int) -> None:
    """Of two as near, the lower."""
    assert point_of_control(counts) == poc


@pytest.mark.parametrize(
    ("counts", "area"),
    [
        # 40 TPOs, 28 are needed. 7 of the point of control, then 6+5 below against 5+4 above: 18. 5+4 above against 4+3 below: 27.
        # 4+3 below against 3+2 above: 34.
        ([1, 3, 4, 5, 6, 7, 5, 4, 3, 2], (5, 1, 7)),
        # 20, 14 are needed: 8, and 3+3 on both sides: the upper pair.
        ([3, 3, 8, 3, 3], (2, 2, 4)),
        # A single row is left above: it stands against a pair. 8, then 4+3 below against 5 above.
        ([1, 3, 4, 8, 5], (3, 1, 3)),
        # Nothing is left above: below only.
        ([1, 1, 1, 1, 1, 5], (5, 3, 5)),
        # Nothing is left below.
        ([5, 1, 1, 1, 1, 1], (0, 0, 2)),
        # The pair is added whole, though its first row would do: 10 of 14 are needed.
        ([1, 9, 1, 3], (1, 1, 3)),
        # Exactly 70 % are enough.
        ([1, 7, 1, 1], (1, 1, 1)),
        # Rows without anything are rows: 0+4 above against 1+1 below.
        ([1, 1, 6, 0, 4], (2, 2, 4)),
        ([4], (0, 0, 0)),
    ],
)
def test_the_value_area_adds_the_larger_pair(counts: list[int], area: tuple[int, int, int]) -> None:
    """Worked out by hand from the handbook's rule; ties as the module says."""
    assert value_area(counts, sum(counts)) == area


def test_nothing_has_no_value_area() -> None:
    """A session without volume."""
    assert value_area([0, 0], 0) is None


def test_single_prints_at_an_extreme_are_a_tail() -> None:
    """A spans 0 to 9, B 3 to 6, C 4 to 5: two tails of three rows, nothing single between them."""
    made = rows((0, 9), (3, 6), (4, 5))

    assert tails(made, 2) == (3, 3)
    assert single_prints(made, 2) == []


def test_an_extreme_of_the_newest_bracket_has_no_tail() -> None:
    """No later bracket has turned away from it, not even when it is over."""
    made = rows((0, 5), (3, 9))

    assert tails(made, 1) == (3, 0)
    assert tails(made, 2) == (3, 0)
    assert single_prints(made, 2) == []


def test_single_prints_inside_are_a_run() -> None:
    """A fell from 20 to 10, B and C stayed below 13, D traded above 17 again: 14 to 16 are A's alone."""
    made = rows((10, 20), (8, 13), (9, 13), (17, 22))

    assert made.lowest == 8
    assert single_prints(made, 3) == [(14 - 8, 16 - 8)]


def test_a_running_bracket_has_no_single_prints() -> None:
    """What it leaves may still be traded again: B is not over."""
    made = rows((0, 5), (9, 12), (11, 14))

    assert single_prints(made, 1) == []
    assert single_prints(made, 2) == [(9, 10)]


def test_a_range_beyond_any_market_does_not_fit() -> None:
    """A million rows would be a memory that only a broken price asks for."""
    made = rows((0, 10))

    assert made.fits(0, MOST_ROWS - 1)
    assert not made.fits(0, MOST_ROWS)
    assert not made.fits(-1, MOST_ROWS - 1)
    assert not AuctionRows(1).fits(0, MOST_ROWS)

"""The windows of a walk-forward: samples before tests, tests without a gap, and what purge and embargo cut off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import ConfError
from tapewire.replay.research.windows import Plan, WalkWindow, windows


def test_a_rolling_sample_keeps_its_length_and_an_anchored_one_grows() -> None:
    """Eleven sessions, a sample of four, tests of three; the last test is shorter."""
    rolling, anchored = (windows(11, Plan(4, 3, anchored)) for anchored in (False, True))

    assert rolling == [WalkWindow((0, 4), (4, 7)), WalkWindow((3, 7), (7, 10)), WalkWindow((6, 10), (10, 11))]
    assert anchored == [WalkWindow((0, 4), (4, 7)), WalkWindow((0, 7), (7, 10)), WalkWindow((0, 10), (10, 11))]


def test_a_purge_shortens_the_sample_and_an_embargo_moves_it_away() -> None:
    """The sample is [test - embargo - sample, test - embargo - purge)."""
    assert windows(12, Plan(5, 4, purge=1)) == [WalkWindow((0, 4), (5, 9)), WalkWindow((4, 8), (9, 12))]
    assert windows(12, Plan(5, 4, embargo=2)) == [WalkWindow((0, 5), (7, 11)), WalkWindow((4, 9), (11, 12))]
    assert windows(12, Plan(5, 4, True, purge=1, embargo=2)) == [WalkWindow((0, 4), (7, 11)), WalkWindow((0, 8), (11, 12))]


@given(st.integers(1, 300), st.integers(2, 60), st.integers(1, 40), st.booleans(), st.integers(0, 10), st.integers(0, 10))
def test_tests_follow_each_other_to_the_end_and_no_sample_reaches_its_test(
    sessions: int, sample: int, test: int, anchored: bool, purge: int, embargo: int
) -> None:
    """For any lengths that fit."""
    plan = Plan(sample, test, anchored, purge, embargo)
    if sample - purge < 2 or sessions <= sample + embargo:
        with pytest.raises(ConfError):
            windows(sessions, plan)
        return
    found = windows(sessions, plan)

    assert [found[0].test[0], *(each.test[1] for each in found)] == [*(each.test[0] for each in found), sessions]
    assert all(0 <= each.sample[0] < each.sample[1] == each.test[0] - embargo - purge for each in found)
    assert all(each.sample[0] == (0 if anchored else each.test[0] - embargo - sample) for each in found)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(0, 5), "sample = 0"),
        (Plan(5, 0), "test = 0"),
        (Plan(5, 5, purge=-1), "purge = -1"),
        (Plan(5, 5, embargo=-1), "embargo = -1"),
        (Plan(5, 5, purge=4), "purge = 4 leaves 1 of 5"),
        (Plan(20, 5), "has 20 sessions, and the first test begins after 20"),
    ],
)
def test_lengths_that_do_not_fit_are_refused_by_name(plan: Plan, words: str) -> None:
    """With the value and what is needed."""
    with pytest.raises(ConfError, match=words):
        windows(20, plan)

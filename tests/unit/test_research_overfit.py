"""The doubt about the best cell of a sweep."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest

from tapewire.replay.research import overfit
from tapewire.replay.research.overfit import Doubt, Try


def tries(*nets: tuple[int, ...], trades: int = 3) -> list[Try]:
    """Cells given by their cents per session."""
    return [Try(f"cell {at}", each, trades) for at, each in enumerate(nets)]


def judge(*nets: tuple[int, ...], near: dict[int, list[int]] | None = None, share: float = 0.5) -> Doubt:
    return overfit.judge(tries(*nets), near or {}, share)


# --- the best, and the rest of the sessions -----------------------------------------------------------------------------------


def test_the_best_is_chosen_in_sample_and_judged_outside() -> None:
    """The first half decides; that the other cell would have been better later does not count."""
    doubt = judge((100, 300, -500, -500), (100, 100, 400, 400))

    assert (doubt.best, doubt.net_in, doubt.net_out, doubt.rank_out) == (0, 4.0, -10.0, 2)
    assert any("made -10.00 on the last 2, rank 2 of 2 there" in words for words in doubt.words)


def test_equal_cells_give_the_first_of_the_grid() -> None:
    """A sweep gives the same result every time."""
    assert judge((100, 0), (100, 0)).best == 0


@pytest.mark.parametrize(("share", "inside"), [(0.7, 7), (0.05, 1), (1.0, 10), (0.99, 9)])
def test_the_split_keeps_at_least_one_session_in_sample(share: float, inside: int) -> None:
    """Rounded down; with all sessions in sample none is left outside, and the words say so."""
    doubt = judge(tuple(range(10)), share=share)

    assert (doubt.sessions_in, doubt.sessions_out) == (inside, 10 - inside)
    assert (doubt.net_out is None) is (inside == 10)
    assert any("no session outside the sample" in words for words in doubt.words) is (inside == 10)


def test_nothing_to_choose_is_said() -> None:
    """The best of losses is a loss."""
    assert any("Not even the best made money" in words for words in judge((-100, -100), (-200, -100)).words)


def test_no_words_promise_profit() -> None:
    """The last sentence of every sweep."""
    assert judge((100, 100)).words[-1] == "None of this says that any cell will make money."


# --- peak or plateau -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "around", "shape"),
    [
        (100.0, (50.0, 90.0), "plateau"),
        (100.0, (49.99, 90.0), "peak"),
        (100.0, (-10.0,), "peak"),
        (-10.0, (-5.0,), "peak"),
        (0.0, (0.0, 0.0), "level"),
        (100.0, (), "alone"),
    ],
)
def test_a_plateau_keeps_half_of_the_best_on_every_side(best: float, around: tuple[float, ...], shape: str) -> None:
    """On both sides of the half."""
    assert overfit.shape(best, around) == shape


def test_neighbours_are_reported_with_their_spread() -> None:
    """Mean and range, in sample."""
    doubt = judge((1000, 0), (200, 0), (-400, 0), near={0: [1, 2]})

    assert doubt.neighbours == (2.0, -4.0)
    assert any("-1.00 on average (-4.00 to +2.00)" in words and "a peak" in words for words in doubt.words)


# --- how good the best of many is by chance -----------------------------------------------------------------------------------


def test_the_expected_best_of_chance_agrees_with_chance() -> None:
    """The formula against 400 draws of 50 worthless tries (seed 4): within five percent."""
    draw = random.Random(4)
    best = fmean(max(draw.gauss(0, 1) for _ in range(50)) for _ in range(400))
    ratios = [draw.gauss(0, 1) for _ in range(50)]
    spread = math.sqrt(fmean((ratio - fmean(ratios)) ** 2 for ratio in ratios) * 50 / 49)

    assert overfit.expected_best(ratios) / spread == pytest.approx(best, rel=0.05)


def test_more_tries_raise_what_chance_alone_gives() -> None:
    """And a single try is not a choice."""
    few, many = [0.0, 1.0] * 2, [0.0, 1.0] * 50

    assert overfit.expected_best([0.7]) == 0.0
    assert overfit.expected_best(few) < overfit.expected_best(many)


def test_a_ratio_without_skew_is_deflated_as_the_source_says() -> None:
    """Sessions +3, -1, +3, -1: mean 1, sample deviation 4/sqrt(3), skewness 0, kurtosis 1."""
    ratio = 1 / (4 / math.sqrt(3))

    assert overfit.sharpe((3, -1, 3, -1)) == pytest.approx(ratio)
    assert overfit.deflated((3, -1, 3, -1), 0.1) == pytest.approx((ratio - 0.1) * math.sqrt(3))


@pytest.mark.parametrize("seed", range(5))
def test_a_skewed_ratio_is_deflated_as_by_a_second_implementation(seed: int) -> None:
    """From raw moments, not from deviations: many small losses and few large gains."""
    drawn = random.Random(seed)
    nets = [drawn.choice((-3, -2, -2, -1, 9, 14)) for _ in range(40)]
    count = len(nets)
    first, second, third, fourth = (sum(net**power for net in nets) / count for power in (1, 2, 3, 4))
    variance = second - first**2
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2
    ratio = first / math.sqrt(variance * count / (count - 1))
    error = math.sqrt((1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2) / (count - 1))

    assert overfit.deflated(nets, 0.05) == pytest.approx((ratio - 0.05) / error)


@pytest.mark.parametrize("nets", [(), (5,), (5, 5, 5), (1, 2)])
def test_a_ratio_that_is_undefined_is_none(nets: tuple[int, ...]) -> None:
    """Too few sessions, or all alike."""
    assert overfit.deflated(nets, 0.0) is None


def test_equal_results_are_one_try() -> None:
    """A setting that changes nothing does not make the best more suspicious."""
    doubt = judge((100, 50, 0, 0), (100, 50, 9, 9), (50, 70, 0, 0))

    assert (doubt.trials, doubt.distinct) == (3, 2)

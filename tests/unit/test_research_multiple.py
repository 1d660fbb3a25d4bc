"""Tests of a whole search: made by hand, and beside slow second implementations."""

from __future__ import annotations

import itertools
import math
import random
from statistics import fmean, stdev

import numpy as np
import pytest

from tapewire.replay.research import multiple
from tapewire.replay.research.multiple import Overfit, deviations, overfit, superior


def noise(cells: int, sessions: int, seed: int, drift: float = 0.0) -> list[list[float]]:
    """Cells without value, but for the first, which has this mean."""
    drawn = random.Random(seed)
    return [[drawn.gauss(drift if at == 0 else 0.0, 1.0) for _ in range(sessions)] for at in range(cells)]


# --- probability of overfitting ------------------------------------------------------------------------------------------------


def slow(nets: list[list[float]], blocks: int) -> tuple[float, float, float]:
    """The definition, way by way: probability, loss, mean logit."""
    sessions = len(nets[0])
    edges = [round(number) for number in np.cumsum([0, *map(len, np.array_split(range(sessions), blocks))])]
    parts = [range(first, end) for first, end in itertools.pairwise(edges)]
    logits, losses = [], 0

    def ratio(nets: list[float]) -> float:
        return fmean(nets) / stdev(nets) if stdev(nets) > 1e-9 else 0.0

    for way in itertools.combinations(range(blocks), blocks // 2):
        inside = [at for block in way for at in parts[block]]
        outside = [at for block in range(blocks) if block not in way for at in parts[block]]
        first = [ratio([cell[at] for at in inside]) for cell in nets]
        second = [ratio([cell[at] for at in outside]) for cell in nets]
        mine = second[first.index(max(first))]
        rank = sum(each < mine for each in second) + (sum(each == mine for each in second) + 1) / 2
        share = rank / (len(nets) + 1)
        logits.append(math.log(share / (1 - share)))
        losses += sum(nets[first.index(max(first))][at] for at in outside) < 0
    return sum(each <= 0 for each in logits) / len(logits), losses / len(logits), fmean(logits)


@pytest.mark.parametrize(("cells", "sessions", "blocks"), [(2, 16, 4), (5, 41, 6), (9, 64, 8)])
def test_the_probability_of_overfitting_is_that_of_its_definition(cells: int, sessions: int, blocks: int) -> None:
    """Also where the sessions cannot be cut into equal blocks."""
    nets = noise(cells, sessions, seed=cells)
    found = overfit(nets, blocks)

    assert found is not None
    assert (found.cells, found.blocks, found.ways) == (cells, blocks, math.comb(blocks, blocks // 2))
    assert (found.probability, found.loss, found.logit) == pytest.approx(slow(nets, blocks))


def test_a_cell_that_is_better_everywhere_is_not_overfitted() -> None:
    """Two cells over eight sessions in four blocks: the better one is the better one in all six ways."""
    found = overfit([[2.0, 3.0] * 4, [-2.0, 1.0] * 4], 4)

    assert found is not None
    assert found == Overfit(2, 4, 6, 0.0, 0.0, found.logit)
    assert found.logit == pytest.approx(math.log(2))


def test_the_best_of_one_half_that_is_the_worst_of_the_other_is_overfitted() -> None:
    """Each cell has its own block of gains and loses on the others: whichever is chosen loses."""
    nets = [[(10.0 if block == cell else -2.0) + at * 0.1 for block in range(4) for at in range(2)] for cell in range(4)]
    found = overfit(nets, 4)

    assert found is not None
    assert (found.probability, found.loss) == (1.0, 1.0)


def test_cells_without_value_come_to_about_a_half() -> None:
    """Thirty times ten of them."""
    found = [overfit(noise(10, 96, seed), 8) for seed in range(30)]

    assert 0.4 < fmean(each.probability for each in found if each is not None) < 0.6


def test_equal_cells_are_one_and_too_little_is_nothing() -> None:
    """One distinct cell, or fewer than four blocks of two sessions, give no figure."""
    nets = noise(3, 40, 1)
    twice = overfit([*nets, nets[0], nets[2]], 8)

    assert twice == overfit(nets, 8)
    assert overfit(nets[:1] * 3) is None
    assert overfit([cell[:7] for cell in nets]) is None
    short = overfit([cell[:8] for cell in nets])
    assert short is not None
    assert short.blocks == 4


def test_blocks_of_a_large_search_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways are computed so many at a time."""
    nets = noise(6, 60, 3)
    whole = overfit(nets, 10)
    monkeypatch.setattr(multiple, "AT_ONCE", 100)

    assert overfit(nets, 10) == whole


# --- reality check ---------------------------------------------------------------------------------------------------------------


def resampled(nets: list[list[float]], times: int, seed: int) -> tuple[float, float]:
    """White's and Hansen's p-value by their definitions, with a stationary bootstrap of our own."""
    drawn = random.Random(seed)
    count = len(nets[0])
    part = 1 / math.isqrt(count)
    means = [fmean(cell) for cell in nets]
    errors = [long_run(cell, part) for cell in nets]
    least = -math.sqrt(2 * math.log(math.log(count)) / count)
    centres = [mean if mean >= error * least else 0.0 for mean, error in zip(means, errors, strict=True)]
    white = hansen = 0
    for _ in range(times):
        at, places = 0, []
        for number in range(count):
            at = drawn.randrange(count) if number == 0 or drawn.random() < part else (at + 1) % count
            places.append(at)
        drawn_means = [fmean(cell[place] for place in places) for cell in nets]
        white += max(d - m for d, m in zip(drawn_means, means, strict=True)) > max(means)
        hansen += max((d - c) / e for d, c, e in zip(drawn_means, centres, errors, strict=True)) > max(
            m / e for m, e in zip(means, errors, strict=True)
        )
    return white / times, hansen / times


def long_run(cell: list[float], part: float) -> float:
    count, mean = len(cell), fmean(cell)
    found = fmean((net - mean) ** 2 for net in cell)
    for lag in range(1, count):
        weight = (1 - lag / count) * (1 - part) ** lag + lag / count * (1 - part) ** (count - lag)
        found += 2 * weight * sum((cell[at] - mean) * (cell[at + lag] - mean) for at in range(count - lag)) / count
    return math.sqrt(found)


@pytest.mark.parametrize(("drift", "seed"), [(0.0, 1), (0.12, 2), (0.35, 3)])
def test_the_p_values_are_those_of_their_definitions(drift: float, seed: int) -> None:
    """Up to what a thousand resamples can tell; the cells have very different deviations, and one is far worse."""
    pytest.importorskip("arch")
    nets = [[net * (1 + 4 * at) for net in cell] for at, cell in enumerate(noise(4, 100, seed, drift))]
    nets.append([net - 3.0 for net in noise(1, 100, 9)[0]])
    found = superior(nets)
    white, hansen = resampled(nets, 1_000, 7)

    assert found is not None
    assert found.cells == 5
    assert found.white == pytest.approx(white, abs=0.06)
    assert found.hansen == pytest.approx(hansen, abs=0.06)


def test_deviations_are_those_of_the_sum_over_lags() -> None:
    """By the transform and by the definition."""
    nets = noise(3, 37, 4)

    assert [*deviations(np.array(nets), 6)] == pytest.approx([long_run(cell, 1 / 6) for cell in nets])


def test_the_account_that_does_not_trade_among_the_cells_changes_nothing() -> None:
    """With it among the candidates the library answers 0 where nothing is better."""
    pytest.importorskip("arch")
    nets, worse = noise(4, 60, 5), [[net - 2.0 for net in cell] for cell in noise(4, 60, 5)]
    still = [0.0] * 60

    assert superior([*nets, still]) == superior(nets)
    found = superior([*worse, still])
    assert found is not None
    assert (found.cells, found.white, found.hansen) == (4, 1.0, 1.0)


def test_too_little_to_resample_gives_no_p_value() -> None:
    """Few sessions, or nothing that traded."""
    assert superior([cell[:10] for cell in noise(3, 40, 1)]) is None
    assert superior([[0.0] * 40] * 3) is None


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other test is made all the same."""
    monkeypatch.setitem(__import__("sys").modules, "arch.bootstrap", None)
    found, better, words = multiple.words(noise(3, 40, 1, drift=1.0))

    assert found is not None
    assert better is None
    assert "pip install 'tapewire[doubt]'" in words[-1]

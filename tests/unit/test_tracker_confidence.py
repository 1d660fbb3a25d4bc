"""Day confidence: the three scores against their definitions, and the ties of the point of control (playbook 2.7)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.messages import Scores
from tapewire.bus.testing import bar
from tapewire.daemons.tracker.confidence import DayConfidence, PointOfControl
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance

IB = InitialBalance(high=1100.0, low=1000.0, mid=1050.0, r=100.0)


def scores(*closes, balance=IB):
    """The scores after each of these post-IB bars, high and low at the close."""
    confidence = DayConfidence(balance)
    return [confidence.fold(BarPrices(bar(open=close))) for close in closes]


def test_four_bars_score_nothing():
    """With `N < 5` all scores are 0."""
    assert scores(1250.0, 1250.0, 1250.0, 1250.0) == [Scores()] * 4
    assert scores(*[1250.0] * 5)[4] != Scores()


def test_a_strong_trend_up_holds_all_eight_checks():
    """From 1150 to 1250 in steps and staying there; usage is the one check that a trend down shares."""
    last = scores(*[1150.0] * 4, *(1150.0 + 10 * step for step in range(11)), *[1250.0] * 10)[-1]

    assert last == Scores(trend_bull=8 / 8, trend_bear=1 / 8, b_day=0 / 5)


def test_a_strong_trend_down_is_the_mirror_image():
    """The same day upside down swaps the trend scores."""
    last = scores(*[950.0] * 4, *(950.0 - 10 * step for step in range(11)), *[850.0] * 10)[-1]

    assert last == Scores(trend_bull=1 / 8, trend_bear=8 / 8, b_day=0 / 5)


def test_a_balanced_day_holds_all_five():
    """Closes on both sides of the middle, inside, in short runs."""
    assert scores(1040.0, 1060.0, 1040.0, 1060.0, 1040.0, 1060.0)[-1].b_day == 1.0


@pytest.mark.parametrize(
    "closes, trend_bull",
    [
        ([1050.0, 1060.0, 1070.0, 1070.0, 1080.0, 1090.0], 4 / 8),
        ([1050.0, 1060.0, 1070.0, 1069.0, 1080.0, 1090.0], 3 / 8),
    ],
    ids=["an equal close keeps the run", "a falling close ends it"],
)
def test_runs_of_closes(closes, trend_bull):
    """Four rises in a row are a run, with equal closes between them; here the checks usage, eD and pm hold besides."""
    assert scores(*closes)[-1].trend_bull == trend_bull


@pytest.mark.parametrize(
    "bins, mode",
    [
        ([7, 7, 7, 5, 5], 7),
        ([7, 7, 5, 5, 6], 5),
        ([5, 5, 7, 7, 6], 5),
        ([9, 8, 7, 6, 5], 5),
        ([5, 6, 7, 8, 9], 5),
        ([-1, 0, 1, 2, 3], -1),
        ([9] * 10 + [5] * 10, 5),
        ([5] * 10 + [9] * 10, 5),
        ([5] * 10 + [9] * 10 + [9], 9),
        ([5] * 10 + [9] * 10 + [5], 5),
        ([9] * 10 + [5] * 10 + [1], 5),
        ([5] * 7 + [9] * 7 + [1] * 6 + [1], 1),
    ],
)
def test_a_tie_of_the_point_of_control_takes_the_lowest_bin(bins, mode):
    """Among the last 20 closes; the 21st pushes the first one out."""
    poc = PointOfControl(2.5)
    for bin in bins:
        poc.fold(bin)

    assert poc.value == 2.5 * mode


def test_the_point_of_control_starts_with_the_fifth_close_and_moves_from_the_seventh():
    """`move` compares the latest value with the first one, once there are three."""
    poc, seen = PointOfControl(10.0), []
    for bin in [1, 2, 3, 4, 5, 5, 4, 5]:
        poc.fold(bin)
        seen.append((poc.value, poc.move))

    assert seen == [(None, 0.0)] * 4 + [(10.0, 0.0), (50.0, 0.0), (40.0, 30.0), (50.0, 40.0)]


def lowest_mode(bins):
    window = bins[-20:]
    return min(window, key=lambda bin: (-window.count(bin), bin))


DAY = st.lists(st.tuples(st.integers(-40, 640), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=70)


@given(DAY, st.sampled_from([0.5, 8.0, 47.25, 100.0, 333.5]))
def test_running_scores_are_the_playbooks_definitions(shapes, r):
    """After every bar the scores equal a literal reading of 2.7 over all bars so far."""
    balance = InitialBalance(high=1000.0 + r, low=1000.0, mid=1000.0 + r / 2, r=r)
    bars = []
    for place, up, down in shapes:
        close = 1000.0 + (place - 300) * r / 200
        bars.append(BarPrices(bar(open=close, high=close + up * r / 50, low=close - down * r / 50)))
    confidence = DayConfidence(balance)

    assert [confidence.fold(each) for each in bars] == [definition(balance, bars[:n]) for n in range(1, len(bars) + 1)]


def definition(balance, bars):
    """Playbook 2.7, term by term over whole lists."""
    ibh, ibl, ibm, r = balance.high, balance.low, balance.mid, balance.r
    n, closes = len(bars), [each.close for each in bars]
    if n < 5:
        return Scores()
    b = max(0.1 * r, 1.0)
    pa, pb = sum(c > ibh for c in closes) / n, sum(c < ibl for c in closes) / n
    pi = sum(ibl <= c <= ibh for c in closes) / n
    pm, pl = sum(c > ibm for c in closes) / n, sum(c <= ibm for c in closes) / n
    sr = max(ibh, *(each.high for each in bars)) - min(ibl, *(each.low for each in bars))
    eu = max([0.0, *((c - ibm) / r for c in closes if c > ibm)])
    ed = max([0.0, *((ibm - c) / r for c in closes if c <= ibm)])
    ru, rd = longest_run(closes), longest_run([-c for c in closes])
    bins = [int(c / b) for c in closes]
    usage = len(set(bins)) / max(sr / b, 1)
    values = [b * lowest_mode(bins[:m]) for m in range(5, n + 1)]
    move = values[-1] - values[0] if len(values) >= 3 else 0.0
    bull = [eu >= 0.5, eu >= 1.0, pa > 0.6, ru >= 4, move > 0.3 * r, usage < 0.7, ed < 0.3, pm > 0.7]
    bear = [ed >= 0.5, ed >= 1.0, pb > 0.6, rd >= 4, -move > 0.3 * r, usage < 0.7, eu < 0.3, pl > 0.7]
    balanced = [max(eu, ed) < 0.5, pi > 0.4, sr < 1.8 * r, max(ru, rd) < 4, abs(pm - 0.5) < 0.15]
    return Scores(sum(bull) / 8, sum(bear) / 8, sum(balanced) / 5)


def longest_run(closes):
    longest = run = 0
    for before, close in pairwise(closes):
        run = run + 1 if close > before else 0 if close < before else run
        longest = max(longest, run)
    return longest

"""Two revisions beside each other: ratios are made within a round, of figures that both have."""

from __future__ import annotations

import pytest

from tests.bench import against
from tests.bench.figures import Figure


def figures(**p50: float) -> list[Figure]:
    return [Figure("loop", name, each, p99=2 * each) for name, each in p50.items()]


def test_a_ratio_is_that_of_one_round_not_of_two() -> None:
    """In the second round the machine was ten times as busy, for both."""
    (found,) = against.compared([(figures(bar=10), figures(bar=20)), (figures(bar=90), figures(bar=200))])

    assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.45, 0.5))
    assert found.ratio99 == pytest.approx(0.5)


def test_what_only_one_revision_measures_is_left_out() -> None:
    """A new figure here, an old one there, and one that was missing in a round."""
    rounds = [(figures(both=1, new=1, once=1), figures(both=2, old=1, once=1)), (figures(both=1, new=1), figures(both=2, old=1))]

    assert [each.name for each in against.compared(rounds)] == ["both"]


def test_the_table_names_each_bench_once() -> None:
    """Ratio, range and the p99s' ratio on one line."""
    lines = against.table(against.compared([(figures(bar=10, tick=1), figures(bar=20, tick=1))])).splitlines()

    assert [line.strip() for line in lines if line.startswith("loop")] == ["loop"]
    assert lines[-2].split() == ["bar", "10.00", "20.00", "0.50", "0.50", "to", "0.50", "0.50"]

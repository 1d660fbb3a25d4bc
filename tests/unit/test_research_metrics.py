"""The figures by which a search chooses are those of a run, and ties and nothing at all are decided."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import ConfError
from tapewire.replay.desk import numbers
from tapewire.replay.desk.numbers import ClosedTrade
from tapewire.replay.research import metrics
from tests import command

DATES = tuple(f"2026-03-{day:02}" for day in range(2, 8))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-500, 500)), max_size=12))
def test_a_metric_is_the_figure_of_a_run_with_these_trades(trades: list[tuple[int, int]]) -> None:
    """Each of them, by its name, also with sessions without a trade."""
    ordered = sorted(trades, key=lambda each: each[0])
    days = [sum(cents for at, cents in ordered if at == day) for day in range(6)]
    run = numbers.figures(
        [ClosedTrade(DATES[at], cents / 100, cents / 100, 0.0, None, 1) for at, cents in ordered], DATES, capital=1_000.0
    )

    for name in metrics.METRICS:
        found = metrics.value(name, [cents for _, cents in ordered], days)
        if not ordered:
            assert found is None
        elif found is not None and math.isinf(found):
            assert run[name] is None
        else:
            assert found == (None if run[name] is None else pytest.approx(run[name]))


def test_a_gain_without_anything_to_divide_by_is_the_best_of_all() -> None:
    """No loss at all, no drawdown: infinite, and not unknown."""
    found = {name: metrics.value(name, [100, 300], [100, 300, 0]) for name in ("profit_factor", "calmar", "sortino")}

    assert set(found.values()) == {math.inf}
    assert metrics.value("sharpe", [0], [0, 0]) is None


def test_of_equal_values_the_first_is_best_and_without_a_value_none() -> None:
    """The order of the grid decides; a cell without a figure is never chosen."""
    assert metrics.best([None, 1.0, 3.0, 3.0]) == 2
    assert metrics.best([None, math.inf, 5.0]) == 1
    assert metrics.best([None, -4.0]) == 1
    assert metrics.best([None, None]) is None


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    """Before anything is computed."""
    with pytest.raises(ConfError, match="did you mean 'sharpe'"):
        metrics.checked("sharp")


def test_the_command_names_every_metric() -> None:
    """In its help."""
    shown = " ".join(command.ready().run("walk-forward", "--help", timeout=60).stdout.replace("│", " ").split())

    assert f"{', '.join(metrics.METRICS[:-1])} or {metrics.METRICS[-1]}" in shown

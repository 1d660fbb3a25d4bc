"""The figures of a run: by hand, against a slow second implementation, and an independent library with the same conventions."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.replay.desk import numbers
from tapewire.replay.desk.numbers import ClosedTrade, figures
from tapewire.replay.equity import Drawdown, drawdown

DAYS = ("2027-02-22", "2027-02-23", "2027-02-24", "2027-02-25")
money = st.integers(-500_000, 500_000).map(lambda cents: cents / 100)


def result(session: str, net: float, *, r: float | None = None, held: int = 1) -> ClosedTrade:
    return ClosedTrade(session, net, net + 1.24, 1.24, r, held)


def of(nets: dict[str, list[float]]) -> list[ClosedTrade]:
    return [result(session, net) for session, each in nets.items() for net in each]


WITHOUT_TRADES = ("win_rate", "average_win", "expectancy", "sessions_needed")
HAND = of({DAYS[0]: [-100.0, 50.0], DAYS[1]: [], DAYS[2]: [-30.0, -20.0, 0.0], DAYS[3]: [200.0]})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sessions", 4),
        ("trades", 6),
        ("trades_a_session", 1.5),
        ("net", 100.0),
        ("commission", 7.44),
        ("return", 0.01),
        ("win_rate", 2 / 6),
        ("average_win", 125.0),
        ("average_loss", -50.0),
        ("profit_factor", 250 / 150),
        ("expectancy", 100 / 6),
        ("expectancy_r", None),
        ("longest_losing_row", 2),
        ("max_drawdown", 100.0),  # of the first trade, from the initial capital; -100 in all once more after the fourth, not deeper
        ("exposure", 0.06),
        ("session_mean", 25.0),
        ("drawdown_sessions", 4),
        ("recovery_sessions", 1),
        ("calmar", 25 * 252 / 100),
        ("buy_and_hold", None),
    ],
)
def test_six_trades_in_four_sessions(name, expected):
    """Computed by hand: -50, 0, -50 and 200 dollars a session; the second session has no trade and counts."""
    assert figures(HAND, DAYS, capital=10_000, bars=100)[name] == (pytest.approx(expected) if expected is not None else None)


def test_sharpe_and_sortino_of_those_sessions():
    """From their definitions: deviation with n - 1, downside over all four."""
    found = figures(HAND, DAYS, capital=10_000)

    assert found["sharpe"] == pytest.approx(25 / statistics.stdev([-50, 0, -50, 200]) * math.sqrt(252))
    assert found["sortino"] == pytest.approx(25 / math.sqrt((50**2 + 50**2) / 4) * math.sqrt(252))


@pytest.mark.parametrize(
    ("trades", "absent"),
    [
        (
            [],
            (
                "win_rate",
                "average_win",
                "average_loss",
                "profit_factor",
                "expectancy",
                "sharpe",
                "sortino",
                "calmar",
                "sessions_needed",
            ),
        ),
        ([result(DAYS[0], 10.0)], ("average_loss", "profit_factor", "sortino", "calmar")),
        (of({day: [5.0] for day in DAYS}), ("average_loss", "profit_factor", "sharpe", "sortino", "calmar")),
    ],
    ids=["no trade", "one trade", "all won alike"],
)
def test_what_has_nothing_to_divide_by_is_none(trades, absent):
    """Never infinite, never a number that means nothing."""
    found = figures(trades, DAYS, capital=10_000)

    assert [name for name in absent if found[name] is not None] == []
    assert all(math.isfinite(value) for value in found.values() if value is not None)


def test_no_session_at_all_has_no_figures():
    """A recording without a session, such as an evening alone."""
    found = figures([], [], capital=10_000)

    assert {found[name] for name in ("session_mean", "confidence_low", "sharpe", "trades_a_session")} == {None}


def test_a_trade_of_a_session_that_is_not_there_is_refused():
    """It would be missing from every figure of sessions and stand in those of trades."""
    with pytest.raises(ValueError, match="2027-03-01"):
        figures([result("2027-03-01", 1.0)], DAYS, capital=10_000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], Drawdown(0, 0, 0, 0)),
        ([500, 500], Drawdown(0, 0, 0, 0)),
        ([-500], Drawdown(500, 0, 1, None)),
        ([-500, 500], Drawdown(500, 0, 1, 2)),
        ([1_000, -500, 500, -500, 2_000], Drawdown(500, 1, 2, 3)),
        ([1_000, -500, 400, -600, 2_000], Drawdown(700, 1, 4, 5)),
        ([10] * 3 + [-30] + [10] * 3, Drawdown(30, 3, 4, 7)),
    ],
)
def test_the_deepest_fall_and_its_way_back(changes, expected):
    """From the initial capital on; of equal falls the first."""
    assert drawdown(changes) == expected


def test_the_drawdown_of_dollars_is_one_of_whole_cents():
    """0.1 three times is 0.3, so that the highest value is reached again."""
    trades = of({DAYS[0]: [0.1, 0.1, 0.1], DAYS[1]: [-0.3], DAYS[2]: [0.1, 0.1, 0.1], DAYS[3]: []})
    found = figures(trades, DAYS, capital=10_000)

    assert (found["max_drawdown"], found["drawdown_sessions"], found["recovery_sessions"]) == (0.3, 2, 1)


@given(st.lists(money, max_size=40))
def test_the_drawdown_is_that_of_every_pair_of_places(changes):
    """The slow way: the largest difference of an earlier and a later place, in exact fractions."""
    equity = [Fraction(0)]
    for change in changes:
        equity.append(equity[-1] + Fraction(round(change * 100), 100))
    deepest = max(equity[i] - equity[j] for i in range(len(equity)) for j in range(i, len(equity)))
    found = drawdown(round(change * 100) for change in changes)

    assert Fraction(found.cents, 100) == deepest == equity[found.peak] - equity[found.deepest]
    after = [place for place in range(found.deepest, len(equity)) if equity[place] >= equity[found.peak]]
    assert found.until == (after[0] if after else None)


@given(st.lists(st.tuples(st.sampled_from(DAYS), money, st.none() | st.floats(-5, 5)), max_size=30))
def test_every_figure_is_that_of_a_slow_second_implementation(drawn):
    """With the standard library's statistics over exact fractions."""
    trades = [result(session, net, r=r) for session, net, r in drawn]
    nets = [Fraction(round(net * 100), 100) for _, net, _ in drawn]
    days = [sum((net for (session, *_), net in zip(drawn, nets, strict=True) if session == day), Fraction(0)) for day in DAYS]
    won, lost = [net for net in nets if net > 0], [net for net in nets if net < 0]
    found = figures(trades, DAYS, capital=50_000)

    def same(name, value):
        assert found[name] == (None if value is None else pytest.approx(float(value), rel=1e-9, abs=1e-9)), name

    same("net", sum(nets))
    same("win_rate", Fraction(len(won), len(nets)) if nets else None)
    same("average_win", statistics.mean(won) if won else None)
    same("average_loss", statistics.mean(lost) if lost else None)
    same("profit_factor", sum(won) / -sum(lost) if lost else None)
    same("expectancy", statistics.mean(nets) if nets else None)
    same("session_mean", statistics.mean(days))
    same("session_deviation", statistics.stdev(days))
    spread, below = statistics.stdev(days), statistics.mean([min(day, 0) ** 2 for day in days])
    same("sharpe", float(statistics.mean(days)) / float(spread) * math.sqrt(252) if spread else None)
    same("sortino", float(statistics.mean(days)) / math.sqrt(below) * math.sqrt(252) if below else None)
    rows = "".join("L" if net < 0 else " " for net in nets).split()
    assert found["longest_losing_row"] == max(map(len, rows), default=0)


@given(st.lists(money, min_size=3, max_size=60).filter(lambda days: len({*days}) > 1 and min(days) < 0))
def test_sharpe_and_sortino_are_those_of_an_independent_library(days):
    """empyrical-reloaded takes returns, annualises with 252 by default, and shares our definitions of these two."""
    empyrical = pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")
    import numpy as np

    sessions = [f"{number:04}" for number in range(len(days))]
    found = figures([result(session, net) for session, net in zip(sessions, days, strict=True)], sessions, capital=10_000)
    returns = np.array(days) / 10_000

    assert found["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-6, abs=1e-9)
    assert found["sortino"] == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-6, abs=1e-9)


def test_the_interval_is_the_same_each_time_and_holds_the_mean():
    """The random numbers are always the same, so a run has one interval."""
    days = [10.0, -20.0, 35.0, 5.0, -8.0, 12.0]
    low, high = numbers.confidence(days)

    assert (low, high) == numbers.confidence(days)
    assert low is not None
    assert high is not None
    assert low < statistics.mean(days) < high


def test_the_interval_is_near_that_of_the_normal_distribution():
    """Of many sessions the bootstrap's interval is the mean and 1.96 standard errors on each side, within a few percent."""
    days = [float((number * 7_919) % 1_001 - 450) for number in range(800)]
    low, high = numbers.confidence(days)
    half = 1.96 * statistics.stdev(days) / math.sqrt(len(days))

    assert low == pytest.approx(statistics.mean(days) - half, abs=half * 0.1)
    assert high == pytest.approx(statistics.mean(days) + half, abs=half * 0.1)


@pytest.mark.parametrize(
    ("average", "spread", "expected"),
    [(10.0, 10.0, 8), (10.0, 100.0, 785), (-10.0, 100.0, 785), (0.0, 1.0, None), (1.0, None, None)],
)
def test_sessions_needed_is_cohens_formula(average, spread, expected):
    """(1.96 + 0.842)^2 = 7.85 times the square of deviation over mean, rounded up; as its tables have it."""
    assert numbers.sessions_needed(average, spread) == expected


def test_groups_are_the_trades_of_each_name():
    """Counted and summed apart; together they are the whole."""
    found = numbers.groups([result(DAYS[0], 10.0, r=1.0), result(DAYS[0], -4.0, r=-0.4), result(DAYS[1], 3.0)], ["b", "a", "b"])

    assert list(found) == ["a", "b"]
    assert found["b"] == {"trades": 2, "net": 13.0, "win_rate": 1.0, "profit_factor": None, "expectancy": 6.5, "expectancy_r": 1.0}
    assert found["a"]["profit_factor"] == 0.0

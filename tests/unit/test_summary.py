"""Summaries of the public stream: when they come, and that a month is the sum of its days."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tapewire.bus.messages import EvalDone, PublicSignal, PublicSummary, PublicTrade
from tapewire.daemons.publisher.summary import Summaries, figures
from tests.golden.examples import EXAMPLES

SIGNAL, TRADE = EXAMPLES["public_signal"][2], EXAMPLES["public_trade"][2]
assert isinstance(SIGNAL, PublicSignal)
assert isinstance(TRADE, PublicTrade)


def signal(session: str, action: str = "ENTER_LONG") -> PublicSignal:
    return msgspec.structs.replace(SIGNAL, session=session, action=action)


def trade(session: str, ticks: int, strategy: str = "A") -> PublicTrade:
    return msgspec.structs.replace(TRADE, session=session, ticks=ticks, strategy=strategy)


def done(session: str, clock: str) -> EvalDone:
    """The end of a bar of a trade date, at this time in New York."""
    day = dt.date.fromisoformat(session) - dt.timedelta(clock > "18:00")
    at = dt.datetime.combine(day, dt.time.fromisoformat(clock), ZoneInfo("America/New_York"))
    return EvalDone("MNQ", session, int(at.timestamp()) * 10**9, 1)


def shown(found: list[PublicSummary]) -> list[tuple[str, int, int, int]]:
    return [(each.period, each.signals, each.trades, each.ticks) for each in found]


def test_a_date_is_summed_up_at_the_close() -> None:
    """Once; on a half day with the first bar of the next date. A date without a signal has a summary as well."""
    sums = Summaries()
    sums.take(signal("2026-03-02"))
    sums.take(signal("2026-03-02", "EXIT"))
    sums.take(trade("2026-03-02", 7))

    assert sums.passed(done("2026-03-02", "16:59")) == []
    assert shown(sums.passed(done("2026-03-02", "17:00"))) == [("2026-03-02", 1, 1, 7)]
    assert sums.passed(done("2026-03-03", "18:01")) == []
    assert sums.passed(done("2026-03-03", "13:00")) == []
    assert shown(sums.passed(done("2026-03-04", "18:01"))) == [("2026-03-03", 0, 0, 0)]


def test_a_trade_that_is_booked_after_the_close_corrects_the_summary() -> None:
    sums = Summaries()
    assert shown(sums.passed(done("2026-03-02", "17:00"))) == [("2026-03-02", 0, 0, 0)]

    sums.take(trade("2026-03-02", -3))

    assert shown(sums.passed(done("2026-03-03", "18:01"))) == [("2026-03-02", 0, 1, -3)]


@pytest.mark.parametrize("seed", range(5))
def test_a_month_is_the_sum_of_its_days(seed: int) -> None:
    """In counts and ticks; its drawdown runs over all of them. It comes with the first bar of the next month."""
    chance = random.Random(seed)
    sums = Summaries()
    days, found, results = [f"2026-03-{day:02}" for day in range(2, 28)], [], []
    for day in days:
        for _ in range(chance.randrange(4)):
            results.append(chance.randrange(-40, 40))
            sums.take(signal(day))
            sums.take(trade(day, results[-1], chance.choice("AB")))
        found += sums.passed(done(day, "17:00"))
    month = sums.passed(done("2026-04-01", "18:01"))

    assert [each.period for each in found] == days
    (whole,) = month
    assert (whole.period, whole.session, whole.days) == ("2026-03", days[-1], len(days))
    for name in ("signals", "trades", "won", "lost", "ticks"):
        assert getattr(whole, name) == sum(getattr(each, name) for each in found)
    strategies = {name for each in found for name in each.by_strategy}
    assert whole.by_strategy == {name: sum(each.by_strategy.get(name, 0) for each in found) for name in sorted(strategies)}
    assert whole.drawdown == figures(results).drawdown
    assert sums.passed(done("2026-04-01", "18:02")) == []


@pytest.mark.parametrize(
    "results, expected",
    [
        ([], (0, 0, 0, 0, 0, None)),
        ([5], (1, 1, 0, 5, 0, None)),
        ([-5], (1, 0, 1, -5, 5, 0.0)),
        ([0, 0], (2, 0, 0, 0, 0, None)),
        ([10, -4, -8, 20, -1], (5, 2, 3, 17, 12, 2.3077)),
        ([-3, -3, 10], (3, 1, 2, 4, 6, 1.6667)),
    ],
)
def test_figures_of_ticks(results: list[int], expected: tuple[float | None, ...]) -> None:
    """By hand. Drawdown begins at 0, so a first loss counts; without a loss there is no profit factor."""
    assert msgspec.structs.astuple(figures(results)) == expected

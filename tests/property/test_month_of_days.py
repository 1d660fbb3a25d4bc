"""A month is the sum of its days: joined results equal those of all trades at once, whatever the trades and however they fall."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.messages import Trade
from tapewire.replay.days import sums
from tapewire.replay.days.sums import Sums
from tapewire.replay.outputs import max_drawdown_cents
from tests.runs import at, trade


class Made(NamedTuple):
    """A trade's day, hour, strategy, exit and net."""

    day: int
    hour: int
    strategy: str
    reason: str
    net: int


MADE = st.builds(
    Made,
    st.integers(0, 20),
    st.integers(9, 15),
    st.sampled_from(("Edge Fade", "P Day", "V-Reversal")),
    st.sampled_from(("STOP", "TARGET", "EOD")),
    st.integers(-100_000, 100_000),
)


def trades_of(made: list[Made]) -> list[Trade]:
    made = sorted(made, key=lambda each: each.day)
    starts = [(each.day * 24 + each.hour) * 60 for each in made]
    return [
        trade(start, start + 5, each.net, reason=each.reason, strategy=each.strategy)
        for start, each in zip(starts, made, strict=True)
    ]


def day_of(trade: Trade) -> int:
    return (trade.entry_ns - at(0)) // (1440 * 60_000_000_000)


def weekday(day: int) -> str:
    return f"{dt.date(2027, 2, 24) + dt.timedelta(day):%A}"


@given(st.lists(MADE, max_size=60))
def test_joined_days_equal_all_trades_at_once(made: list[Made]) -> None:
    """Money, counts and drawdown, in all and in each group."""
    trades = trades_of(made)

    month = sums.joined(sums.of_trades(own, weekday(day)) for day, own in groupby(trades, day_of))

    assert month.total.trades == len(trades)
    assert month.total.net == sum(each.net_cents for each in trades)
    assert month.total.commission == sum(each.commission_cents for each in trades)
    assert month.total.drawdown == max_drawdown_cents(each.net_cents for each in trades)
    for group, key in (
        (month.by_strategy, lambda each: each.strategy),
        (month.by_reason, lambda each: each.reason),
        (month.by_weekday, lambda each: weekday(day_of(each))),
    ):
        assert set(group) == {key(each) for each in trades}
        for name, found in group.items():
            nets = [each.net_cents for each in trades if key(each) == name]
            assert (found.trades, found.net, found.drawdown) == (len(nets), sum(nets), max_drawdown_cents(nets))


@given(st.lists(MADE, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_joining_does_not_depend_on_the_parts(made: list[Made], first: int, second: int) -> None:
    """Any two cuts give the same: a month may be joined from days, or from weeks of days."""
    trades = trades_of(made)
    a, b = sorted((min(first, len(trades)), min(second, len(trades))))
    parts = [sums.of_trades(part, "Monday") for part in (trades[:a], trades[a:b], trades[b:])]

    assert parts[0].then(parts[1]).then(parts[2]) == parts[0].then(parts[1].then(parts[2])) == sums.of_trades(trades, "Monday")
    assert Sums().then(parts[0]) == parts[0] == parts[0].then(Sums())

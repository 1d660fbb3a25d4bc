"""Bars from trades and from shorter bars: whose minute a trade is, whose side, and what a silent minute is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import DataError
from tapewire.replay.sources import candles
from tapewire.replay.sources.table import Bars, Ticks

SECOND = 10**9
MINUTE = 60 * SECOND


def ticks(*rows: tuple[float, float, int], side=None, quotes=None) -> Ticks:
    """Trades by second, price and size."""
    seconds, prices, sizes = zip(*rows, strict=True)
    bid, ask = (None, None) if quotes is None else (np.array(column, np.float64) for column in zip(*quotes, strict=True))
    return Ticks(
        stamp=(np.array(seconds) * SECOND).astype(np.int64),
        price=np.array(prices, np.float64),
        size=np.array(sizes, np.int64),
        line=np.arange(1, len(rows) + 1),
        side=None if side is None else np.array(side, np.int64),
        bid=bid,
        ask=ask,
    )


def rows(bars: Bars) -> list[tuple[object, ...]]:
    assert bars.ask is not None
    assert bars.bid is not None
    columns = (bars.stamp // SECOND, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.ask, bars.bid)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_trade_on_the_full_minute_begins_the_next_bar():
    """59.9 s is the first bar's, 60.0 s the second's, as NinjaTrader counts; a minute without a trade has no bar."""
    bars, _ = candles.of_trades(ticks((1, 10, 1), (59.9, 12, 2), (60, 11, 3), (185, 9, 4), side=[1, 1, -1, 0]), 60)

    assert rows(bars) == [(60, 10, 12, 10, 12, 3, 3, 0), (120, 11, 11, 11, 11, 3, 0, 3), (240, 9, 9, 9, 9, 4, 0, 0)]


def test_bars_may_have_any_length():
    """The same trades as bars of 30 seconds."""
    bars, _ = candles.of_trades(ticks((1, 10, 1), (30, 12, 2), (59, 11, 3), side=[1, 1, 1]), 30)

    assert [row[0] for row in rows(bars)] == [30, 60]


def test_the_quote_tells_the_side():
    """At the ask or above it was bought, at the bid or below sold; between, at both, or without a quote nobody knows."""
    nan = float("nan")
    quotes = [(9, 10), (10, 11), (9, 11), (10, 10), (nan, nan), (8, 9)]
    bars, how = candles.of_trades(ticks(*((at, 10, 1) for at in range(1, 7)), quotes=quotes), 60)

    assert rows(bars)[0][-2:] == (2, 1)
    assert "by the quote" in how


def test_without_quotes_the_tick_rule_tells_the_side_and_is_named():
    """Above the price before: bought. Below: sold. The same: as before. The first trades until a move: unknown."""
    prices = (10, 10, 11, 11, 10, 10)
    bars, how = candles.of_trades(ticks(*((at, price, 1) for at, price in enumerate(prices, 1))), 60)

    assert rows(bars)[0][-2:] == (2, 2)
    assert "tick rule" in how


def test_up_and_down_ticks_are_counted_against_the_trade_before():
    """Across bars as well; the same price is neither, and nobody knows what was before the first trade."""
    prices = (10, 11, 11, 10, 9, 10)
    bars, _ = candles.of_trades(ticks(*((at * 20, price, 1) for at, price in enumerate(prices))), 60)
    longer = candles.joined(Path("a"), bars, 60, 120)

    assert bars.up is not None
    assert bars.down is not None
    assert list(zip(bars.up.tolist(), bars.down.tolist(), strict=True)) == [(1, 0), (1, 2)]
    assert longer.up is not None
    assert longer.up.tolist() == [2]


def test_trades_of_one_stamp_keep_their_order():
    """Open and close are the first and the last as the file has them."""
    bars, _ = candles.of_trades(ticks((5, 3, 1), (5, 1, 1), (5, 2, 1), side=[0, 0, 0]), 60)

    assert rows(bars)[0][1:5] == (3, 3, 1, 2)


def test_no_trades_are_no_bars():
    """Nothing comes of nothing."""
    empty = ticks((1, 1, 1), side=[1]).only(np.zeros(1, np.bool_))

    assert len(candles.of_trades(empty, 60)[0]) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(1, 50), st.integers(1, 9), st.sampled_from((-1, 0, 1))), min_size=1, max_size=60
    )
)
def test_seconds_joined_to_minutes_are_the_minutes_of_the_trades(trades):
    """Bars of five seconds, joined, equal bars of a minute: nothing is lost or counted twice on the way."""
    trades = sorted(trades, key=lambda trade: trade[0])
    made = ticks(*((second, price, size) for second, price, size, _ in trades), side=[side for *_, side in trades])
    at_once, _ = candles.of_trades(made, 60)
    short, _ = candles.of_trades(made, 5)

    assert rows(candles.joined(Path("a"), short, 5, 60)) == rows(at_once)
    assert int(at_once.volume.sum()) == sum(size for _, _, size, _ in trades)


@pytest.mark.parametrize("period_s", [7, 90, 86_400])
def test_a_period_that_divides_no_minute_is_refused(period_s):
    """Longer bars, and odd ones, cannot become minutes."""
    bars, _ = candles.of_trades(ticks((1, 10, 1), side=[1]), 60)

    with pytest.raises(DataError, match=f"bars of {period_s} s"):
        candles.joined(Path("a"), bars, period_s, 60)

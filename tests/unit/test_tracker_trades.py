"""Bars from last trades: those that a recording of the same trades gives, as soon as a later trade shows that they are over."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import Gap, Header, Tick, TimeframeBar
from tapewire.bus.testing import MINUTE_NS, bar, eastern, event
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.tracker import Tracker
from tapewire.replay.sources import candles
from tapewire.replay.sources.table import Ticks

DAY = "2026-03-03"
START_NS = eastern("10:00", DAY)
SECOND_NS = 10**9
PRODUCTS = {"MNQ": "equity", "NQ": "equity"}


def tracker(*timeframes, traded=("MNQ",)):
    return Tracker({name: Calendar() for name in traded}, timeframes, PRODUCTS)


def tick(second, price=100.0, size=1, *, instrument="NQ", **more):
    """A trade, so many seconds after 10:00."""
    at_ns = START_NS + round(second * SECOND_NS)
    return Event(topics.tick(instrument), Header(1, "nt", 1, 1, at_ns), Tick(instrument, at_ns, price, size, **more))


def gap(instrument="NQ"):
    topic = topics.tick(instrument)
    return Event(topic, Header(1, "tracker", 1, 1, 0), Gap(topic, 1, 5, 9, "tracker"))


def made(core, *events):
    """The bars of some events: (seconds after 10:00 of the close, open, high, low, close, volume)."""
    bars = [output.body for each in events for output in core.step(each)]
    assert all(isinstance(each, TimeframeBar) for each in bars)
    return [((each.close_ns - START_NS) / SECOND_NS, each.open, each.high, each.low, each.close, each.volume) for each in bars]


def test_a_bar_closes_with_the_first_trade_at_or_after_its_end():
    """10.0 s begins a bar of its own, as a trade on a full minute does; a silent bucket makes no bar."""
    core = tracker("5s")

    assert made(core, tick(5, 10), tick(7.2, 12, 2), tick(9.999, 11)) == []
    assert made(core, tick(10, 9, 4)) == [(10, 10, 12, 10, 11, 4)]
    assert made(core, tick(27, 8)) == [(15, 9, 9, 9, 9, 4)]


def test_it_closes_although_its_last_second_has_no_trade():
    """It waits for no second of its own: the trade at 17.2 s shows that the bucket to 15 s is over."""
    assert made(tracker("5s"), tick(10.5, 10), tick(17.2, 11)) == [(15, 10, 10, 10, 10, 1)]


def test_each_timeframe_has_a_topic_and_shorter_ones_come_first():
    """Seconds, minutes and hours of an instrument that nobody follows by its minutes."""
    core = tracker("4h", 1, "30s", "5s")
    said = [output for each in (tick(1), tick(7_200)) for output in core.step(each)]

    assert [output.topic for output in said] == ["bar.NQ.5s.", "bar.NQ.30s.", "bar.NQ.1m.", "bar.NQ.4h."]
    assert [(output.body.minutes, output.body.timeframe, output.body.bars, output.body.ticks) for output in said] == [
        (0, "5s", 0, 1),
        (0, "30s", 0, 1),
        (1, "1m", 0, 1),
        (240, "4h", 0, 1),
    ]


def test_what_has_minutes_gets_no_minutes_from_trades():
    """Of a traded instrument only bars of seconds are made of trades; the others come from its minutes, as ever."""
    core = tracker("5s", 1, 5)

    said = [output.topic for each in (tick(1, instrument="MNQ"), tick(400, instrument="MNQ")) for output in core.step(each)]
    said += [output.topic for minute in range(31, 36) for output in core.step(event(bar(f"09:{minute}")))]

    assert said == ["bar.MNQ.5s.", *["session.MNQ."] * 5, "bar.MNQ.5m."]


TRADES = st.lists(
    st.tuples(st.integers(0, 400_000), st.integers(95, 105), st.integers(1, 9), st.integers(96, 104), st.integers(0, 2)),
    min_size=1,
    max_size=80,
)


@given(TRADES, st.sampled_from([1, 5, 10, 15, 30, 60]))
def test_the_bars_are_those_of_a_recording_of_the_same_trades(trades, seconds):
    """BarPrices, volume, sides, delta, up and down ticks: one rule for a feed and for a file (strategies/trades.py)."""
    trades = sorted(trades)
    ms, price, size, bid, spread = (np.array(column) for column in zip(*trades, strict=True))
    stamp = START_NS + ms * 1_000_000
    columns = (price.astype(float), size, np.arange(len(ms)), None, bid.astype(float), (bid + spread).astype(float))
    expected, _ = candles.of_trades(Ticks(stamp, *columns), seconds)
    core = tracker(f"{seconds}s" if seconds < 60 else 1)

    feed = [tick(at / 1000, float(p), s, bid=float(b), ask=float(b + w)) for at, p, s, b, w in trades]
    got = [output.body for each in (*feed, tick(4_000)) for output in core.step(each)]

    rows = [
        (x.close_ns, x.open, x.high, x.low, x.close, x.volume, x.ask_volume, x.bid_volume, x.up_ticks, x.down_ticks) for x in got
    ]
    names = ("stamp", "open", "high", "low", "close", "volume", "ask", "bid", "up", "down")
    assert rows == list(zip(*(getattr(expected, name).tolist() for name in names), strict=True))
    assert [x.delta for x in got] == [x.ask_volume - x.bid_volume for x in got]


def test_a_window_of_trades_counts_whole():
    """Highest and lowest price, both sides and the number of trades of the window, not those of its last trade."""
    window = tick(1, 10, 7, trades=3, open=9, high=12, low=8, ask_volume=5, bid_volume=2, up_ticks=1, down_ticks=1)

    core = tracker("5s")
    core.step(window)
    (output,) = core.step(tick(6))

    got = output.body
    assert (got.open, got.high, got.low, got.close, got.volume, got.ticks) == (9, 12, 8, 10, 7, 3)
    assert (got.ask_volume, got.bid_volume, got.delta, got.up_ticks, got.down_ticks) == (5, 2, 3, 1, 1)


@pytest.mark.parametrize(
    "more", [{}, {"bid": 9.0}, {"trades": 2, "bid": 9.0, "ask": 10.0}], ids=["no quote", "half a quote", "a window"]
)
def test_what_nobody_knows_of_one_trade_nobody_knows_of_the_bar(more):
    """One trade without a side among others with one: null, and not the sum of the others."""
    core = tracker("5s")
    for each in (tick(1, bid=99.0, ask=100.0), tick(2, **more)):
        core.step(each)
    (output,) = core.step(tick(6))

    assert (output.body.ask_volume, output.body.bid_volume, output.body.delta) == (None, None, None)


def test_only_a_bar_that_was_seen_from_its_beginning_is_complete():
    """The first one was not. A loss is in the bar of the trade before it or after it, and nobody knows in which."""
    core = tracker("5s")
    feed = [tick(1), tick(6), tick(11), tick(12), gap(), tick(17), tick(21), tick(26)]

    got = [output.body.complete for each in feed for output in core.step(each)]

    assert got == [False, True, False, False, True]


def test_a_late_trade_is_left_out():
    """Its second is over, and its bar perhaps published."""
    core = tracker("5s")

    assert made(core, tick(7, 10), tick(6.9, 99), tick(12, 11)) == [(10, 10, 10, 10, 10, 1)]


def test_trades_of_what_is_not_defined_are_foreign():
    """Nor does a topic speak for another instrument."""
    core = tracker("5s")
    other = tick(1).but(topic="raw.tick.ES.")

    assert [*core.step(tick(1, instrument="XX")), *core.step(other)] == []
    assert core.foreign == 2


# --- trade dates, weeks, months ---------------------------------------------------------------------------------------------------


def daily(core, *stamps):
    """(timeframe, trade date, open, close in New York, bars, complete) of what some minutes close."""
    bars = [bar(clock, day=day) for day, clock in (stamp.split() for stamp in stamps)]
    said = [output.body for each in bars for output in core.step(event(each)) if isinstance(output.body, TimeframeBar)]
    return [(each.timeframe, each.session, each.open_ns, each.close_ns, each.bars, each.complete) for each in said]


def test_a_trade_date_closes_at_the_close_of_its_product():
    """From 18:00 of the evening before to 17:00; the first one may have begun before we came."""
    got = daily(tracker("1d"), "2026-03-03 09:31", "2026-03-03 17:00", "2026-03-03 18:01", "2026-03-04 17:00")

    assert got == [
        ("1d", "2026-03-03", eastern("18:00", "2026-03-02"), eastern("17:00", "2026-03-03"), 2, False),
        ("1d", "2026-03-04", eastern("18:00", "2026-03-03"), eastern("17:00", "2026-03-04"), 2, True),
    ]


def test_a_half_day_closes_with_the_next_bar():
    """Nobody says beforehand that no bar comes until 17:00."""
    got = daily(tracker("1d"), "2026-03-03 09:31", "2026-03-03 13:00", "2026-03-03 18:01")

    assert [(session, bars) for _, session, _, _, bars, _ in got] == [("2026-03-03", 2)]


def test_weeks_and_months_hold_their_trade_dates():
    """A week ends on Friday at 17:00, a month with its last weekday; each is named by the last date in it."""
    stamps = [f"{day} 17:00" for day in ("2026-03-05", "2026-03-06", "2026-03-09", "2026-03-13", "2026-03-31", "2026-04-01")]
    got = daily(tracker("1w", "1mo"), *stamps)

    assert got == [
        ("1w", "2026-03-06", eastern("18:00", "2026-03-01"), eastern("17:00", "2026-03-06"), 2, False),
        ("1w", "2026-03-13", eastern("18:00", "2026-03-08"), eastern("17:00", "2026-03-13"), 2, True),
        ("1mo", "2026-03-31", eastern("18:00", "2026-02-28"), eastern("17:00", "2026-03-31"), 5, False),
    ]


def test_a_lost_bar_leaves_a_longer_bar_incomplete():
    """The day in which the loss was told, and the next one, if it was between the two."""
    core = tracker("1d")
    before = daily(core, "2026-03-02 17:00", "2026-03-03 16:00")
    core.step(Event("sys.gap.tracker.", Header(1, "tracker", 1, 1, 0), Gap(topics.bar("MNQ"), 1, 5, 5, "tracker")))
    after = daily(core, "2026-03-03 18:01", "2026-03-04 17:00", "2026-03-04 18:01", "2026-03-05 17:00")

    assert [complete for *_, complete in before + after] == [False, False, False, True]


def test_a_bar_after_the_close_of_the_product_opens_no_second_day():
    """17:01 is of the same trade date, whose bar has been published."""
    got = daily(tracker("1d"), "2026-03-03 17:00", "2026-03-03 17:01", "2026-03-03 18:01", "2026-03-04 17:00")

    assert [session for _, session, *_ in got] == ["2026-03-03", "2026-03-04"]


def test_a_product_that_never_closes_has_days_to_18_00():
    """Crypto since 2026-05-29."""
    core = Tracker({"MNQ": Calendar()}, ["1d"], {"MNQ": "crypto"})
    got = daily(core, "2026-06-10 17:00", "2026-06-10 18:00")

    assert [close_ns for *_, close_ns, _, _ in got] == [eastern("18:00", "2026-06-10")]


def test_the_day_from_trades_is_the_day():
    """Of an instrument without minutes; the flow of its seconds adds up."""
    core = tracker("1d")
    first, last = eastern("09:31", DAY), eastern("17:00", DAY)
    feed = [
        msgspec.structs.replace(tick(0).body, at_ns=at_ns, ask_volume=1, bid_volume=0)
        for at_ns in (first, last - 1, last + MINUTE_NS)
    ]

    got = [output.body for body in feed for output in core.step(tick(0).but(body=body))]

    assert [(each.session, each.close_ns, each.volume, each.delta, each.ticks) for each in got] == [(DAY, last, 2, 2, 2)]

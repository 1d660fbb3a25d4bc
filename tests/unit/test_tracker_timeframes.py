"""Longer timeframes: the same buckets as pandas computes, and correct ones where minutes are missing."""

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapewire.bus import topics
from tapewire.bus.messages import Session, TimeframeBar
from tapewire.bus.testing import MINUTE_NS, bar, eastern, event
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.tracker import Tracker

MINUTES = [2, 3, 5, 7, 15, 30, 45, 60, 240, 720]
TUESDAY = "2026-03-03"
FLOW = ("ask_volume", "bid_volume", "delta", "up_ticks", "down_ticks")


def tape(*stretches, without=()):
    """Bars of every minute of some stretches, each "YYYY-MM-DD HH:MM HH:MM". BarPrices are a fixed walk."""
    bars = []
    for stretch in stretches:
        day, first, last = stretch.split()
        begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (first, last))
        for minute in range(begin, end + 1):
            clock = f"{minute // 60:02}:{minute % 60:02}"
            open, close = (21_000.0 + at * 7919 % 400 * 0.25 for at in (minute, minute + 1))
            shape = {"high": max(open, close) + minute % 5, "low": min(open, close) - minute % 3}
            flow = {"ask_volume": minute % 20, "bid_volume": 30 - minute % 20, "delta": 2 * (minute % 20) - 30}
            flow |= {"up_ticks": minute % 7, "down_ticks": minute % 3}
            if clock not in without:
                bars.append(bar(clock, open, close, day=day, volume=30, **flow, **shape))
    return bars


def longer(bars, *minutes, calendar=None):
    """The longer bars that the tracker publishes, by topic, in order."""
    tracker = Tracker({"MNQ": calendar or Calendar()}, minutes)
    said = [output for each in bars for output in tracker.step(event(each))]
    return [output for output in said if isinstance(output.body, TimeframeBar)]


def resampled(bars, minutes):
    """The same by pandas, trade date by trade date, each counted from its own midnight."""
    tracker = Tracker({"MNQ": Calendar()})
    sessions = [output.body for each in bars for output in tracker.step(event(each))]
    frame = pd.DataFrame(
        {
            "session": [each.session for each in sessions],
            "at": [wall(each.bar.close_ns) for each in sessions],
            **{name: [getattr(each.bar, name) for each in sessions] for name in ("open", "high", "low", "close", "volume")},
            **{name: [getattr(each.bar, name) for each in sessions] for name in FLOW},
        }
    ).set_index("at")
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    how |= dict.fromkeys(("volume", *FLOW), "sum")
    rows = []
    for session, part in frame.groupby("session"):
        buckets = part.drop(columns="session").resample(
            f"{minutes}min", label="right", closed="right", origin=pd.Timestamp(session)
        )
        table = buckets.agg(how).assign(bars=buckets.size())
        for label, row in table[table.bars > 0].iterrows():
            close_ns = label.tz_localize("America/New_York").value
            prices = {name: float(row[name]) for name in ("open", "high", "low", "close")}
            counts = {name: int(row[name]) for name in ("volume", *FLOW, "bars")}
            open_ns, complete = close_ns - minutes * MINUTE_NS, counts["bars"] == minutes
            named = {"complete": complete, "timeframe": f"{minutes}m"}
            rows.append(TimeframeBar("MNQ", minutes, session, open_ns, close_ns, **prices, **counts, **named))
    return rows


def wall(ns):
    """The wall-clock time in New York, without a zone."""
    return pd.Timestamp(ns, tz="UTC").tz_convert("America/New_York").tz_localize(None)


def closed_by_the_end(bars, minutes):
    """All longer bars, the last one closed by a bar of a later trade date, whose minute 727 is a prime and ends no bucket."""
    after = bar("12:07", day="2027-01-05")
    return [output.body for output in longer([*bars, after], minutes)]


WHOLE = ("2026-03-02 18:01 23:59", "2026-03-03 00:00 17:00", "2026-03-03 18:01 23:59", "2026-03-04 00:00 17:00")


@pytest.mark.parametrize("minutes", MINUTES)
def test_two_whole_trade_dates_equal_pandas(minutes):
    """Every field of every bucket, over the midnights and the evening between the dates."""
    bars = tape(*WHOLE)

    assert closed_by_the_end(bars, minutes) == resampled(bars, minutes)


@settings(max_examples=30)
@given(
    st.sampled_from(MINUTES),
    st.lists(st.booleans(), min_size=400, max_size=400),
)
def test_with_missing_minutes_the_rest_equals_pandas(minutes, there):
    """A feed with holes, around an evening: no price in a bucket that it does not belong to, no bucket without bars."""
    minute_by_minute = tape("2026-03-03 13:31 17:00", "2026-03-03 18:01 21:10")
    bars = [each for each, came in zip(minute_by_minute, there, strict=True) if came]
    if not bars:
        return

    assert closed_by_the_end(bars, minutes) == resampled(bars, minutes)


@pytest.mark.parametrize(
    "weekend",
    [
        ("2026-03-06 15:00 17:00", "2026-03-08 18:01 23:59", "2026-03-09 00:00 10:00"),
        ("2026-10-30 15:00 17:00", "2026-11-01 18:01 23:59", "2026-11-02 00:00 10:00"),
    ],
    ids=["the clock goes forward", "the clock goes back"],
)
@pytest.mark.parametrize("minutes", [5, 60, 240])
def test_buckets_follow_the_wall_clock_over_a_change_of_time(weekend, minutes):
    """Friday's and Sunday evening's buckets end on the same wall-clock times, an hour apart in UTC."""
    bars = tape(*weekend)
    got = closed_by_the_end(bars, minutes)

    assert got == resampled(bars, minutes)
    ends = [wall(each.close_ns) for each in got]
    assert {(end.hour * 60 + end.minute) % minutes for end in ends} == {0}


def test_a_half_day_ends_its_last_bucket_by_the_clock():
    """No bars after 13:00: the hour to 13:00 is whole, and the quarter of an hour that 13:01 would begin does not exist."""
    calendar = Calendar(half_days={TUESDAY: "13:00"})
    said = [output.body for output in longer(tape(f"{TUESDAY} 09:31 13:00"), 15, 60, calendar=calendar)]

    hours = [each for each in said if each.minutes == 60]
    assert [(each.bars, each.complete) for each in hours] == [(30, False), (60, True), (60, True), (60, True)]
    assert hours[-1].close_ns == eastern("13:00", TUESDAY)
    assert sum(each.minutes == 15 for each in said) == 14


# --- when a bucket closes ---------------------------------------------------------------------------------------------------


def test_a_bucket_closes_on_the_bar_of_its_last_minute():
    """After that bar's own session, on its own topic, shorter timeframes first."""
    tracker = Tracker({"MNQ": Calendar()}, [15, 5])
    said = [tracker.step(event(each)) for each in tape(f"{TUESDAY} 09:31 09:45")]

    assert [len(outputs) for outputs in said] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 3]
    assert [output.topic for output in said[-1]] == ["session.MNQ.", "bar.MNQ.5m.", "bar.MNQ.15m."]
    assert isinstance(said[-1][0].body, Session)
    assert said[-1][2].body.open_ns == eastern("09:30", TUESDAY)


@pytest.mark.parametrize(
    "without, closes",
    [
        ([], [("09:35", "09:35", 5, True), ("09:40", "09:40", 5, True)]),
        (["09:33"], [("09:35", "09:35", 4, False), ("09:40", "09:40", 5, True)]),
        (["09:35"], [("09:36", "09:35", 4, False), ("09:40", "09:40", 5, True)]),
        (["09:35", "09:36", "09:37"], [("09:38", "09:35", 4, False), ("09:40", "09:40", 3, False)]),
        (["09:35", "09:36", "09:37", "09:38", "09:39"], [("09:40", "09:35", 4, False), ("09:40", "09:40", 1, False)]),
        (["09:31", "09:32", "09:33", "09:34", "09:35"], [("09:40", "09:40", 5, True)]),
        (["09:40"], [("09:35", "09:35", 5, True), ("09:41", "09:40", 4, False)]),
    ],
    ids=["nothing", "a middle one", "the last one", "three across the end", "only the very last came", "a whole bucket", "the end"],
)
def test_a_missing_minute_delays_a_bucket_and_lets_no_later_price_in(without, closes):
    """(closed by the bar of, named, bars, complete): the next bar closes what is overdue, even as it closes its own bucket."""
    bars = tape(f"{TUESDAY} 09:31 09:41", without=without)
    tracker = Tracker({"MNQ": Calendar()}, [5])

    said = [(each, output.body) for each in bars for output in tracker.step(event(each))[1:]]

    assert [(by.close_ns, made.close_ns, made.bars, made.complete) for by, made in said] == [
        (eastern(by, TUESDAY), eastern(named, TUESDAY), *rest) for by, named, *rest in closes
    ]


def test_what_is_open_at_17_00_is_closed_by_the_evening_and_does_not_reach_into_it():
    """Twelve hours to midnight would hold both: each trade date has its own part of it."""
    said = longer(tape(f"{TUESDAY} 16:51 17:00", f"{TUESDAY} 18:01 23:59", "2026-03-04 00:00 00:00"), 45, 720)

    (afternoon,) = [each.body for each in said if each.body.minutes == 45 and each.body.session == TUESDAY]
    assert (afternoon.close_ns, afternoon.bars, afternoon.complete) == (eastern("17:15", TUESDAY), 10, False)
    halves = [each.body for each in said if each.body.minutes == 720]
    assert [(each.session, each.bars, each.complete) for each in halves] == [(TUESDAY, 10, False), ("2026-03-04", 360, False)]
    assert halves[0].close_ns == halves[1].close_ns == eastern("00:00", "2026-03-04")


def test_one_bar_without_order_flow_leaves_the_bucket_without():
    """A sum with a missing part is None, never the sum of the others; prices and volume do not change."""
    bars = tape(f"{TUESDAY} 09:31 09:35")
    bars[2] = msgspec.structs.replace(bars[2], **dict.fromkeys(FLOW))

    (made,) = [output.body for output in longer(bars, 5)]

    assert ([getattr(made, name) for name in FLOW], made.volume, made.complete) == ([None] * 5, 150, True)


def test_a_repeated_late_or_refused_bar_is_in_no_bucket():
    """Only accepted bars count: here a duplicate, an earlier stamp, and a price that is not finite are left out."""
    bars = tape(f"{TUESDAY} 09:31 09:35")
    bad = [bars[1], bars[0], msgspec.structs.replace(bars[2], high=float("nan"))]

    made = [output.body for output in longer([*bars[:2], *bad, *bars[2:]], 5)]

    assert made == [output.body for output in longer(bars, 5)]


def test_without_a_configured_timeframe_there_is_none():
    """A backtest does not compute timeframes that its configuration does not name."""
    assert longer(tape(f"{TUESDAY} 09:31 10:30")) == []


def test_instruments_have_buckets_of_their_own():
    """Two instruments, minute by minute, on two topics."""
    tracker = Tracker({"MNQ": Calendar(), "MES": Calendar()}, [5])
    mnq = tape(f"{TUESDAY} 09:31 09:35")
    mes = [msgspec.structs.replace(each, instrument="MES", volume=7) for each in mnq]

    said = [output for pair in zip(mnq, mes, strict=True) for each in pair for output in tracker.step(event(each))]

    made = {output.topic: output.body for output in said if isinstance(output.body, TimeframeBar)}
    assert {topic: each.volume for topic, each in made.items()} == {"bar.MNQ.5m.": 150, "bar.MES.5m.": 35}
    assert set(made) == {topics.timeframe("MNQ", "5m"), topics.timeframe("MES", "5m")}

"""The tracker as a whole: one session record per bar, on ordinary and unusual days (playbook 1 and 2)."""

import datetime as dt
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus import topics
from tapewire.bus.daemon import Publish
from tapewire.bus.messages import Control, Gap, Range, Session
from tapewire.bus.testing import bar, eastern, event
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as conf
from tapewire.daemons.tracker import Tracker
from tapewire.daemons.tracker.core import daemon

MONDAY, TUESDAY, WEDNESDAY = "2026-03-02", "2026-03-03", "2026-03-04"
MINUTE_NS = 60_000_000_000


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def tape(day=TUESDAY, first="09:31", last="16:00", *without, evening=False):
    """Bars of a lively day, every minute from first to last but some; evening: on the evening before the trade date.

    BarPrices depend on the wall-clock minute alone, so that any two days are alike.
    """
    date = (dt.date.fromisoformat(day) - dt.timedelta(days=evening)).isoformat()
    begin, end = (int(at[:2]) * 60 + int(at[3:]) for at in (first, last))
    return [candle(minute, date) for minute in range(begin, end + 1) if clock(minute) not in without]


def candle(minute, date):
    open, close = (20_950.0 + at * 7919 % 400 * 0.25 for at in (minute, minute + 1))
    ask, bid = minute * 31 % 300, minute * 17 % 290
    fields = {"high": max(open, close) + 2, "low": min(open, close) - 1.5, "volume": ask + bid}
    return bar(clock(minute), open, close, day=date, ask_volume=ask, bid_volume=bid, **fields)


def sessions(bars, calendar=None, tracker=None):
    """The session records of these bars."""
    tracker = tracker or Tracker({"MNQ": calendar or Calendar()})
    return [output.body for each in bars for output in tracker.step(event(each))]


def at(records, time, day=TUESDAY):
    """The one record of a bar."""
    (found,) = [each for each in records if each.bar.close_ns == eastern(time, day)]
    return found


# --- one bar, one record ----------------------------------------------------------------------------------------------------


def test_a_bar_gives_one_record_on_the_session_topic():
    """It carries the unchanged bar, its trade date and its minute."""
    given_bar = bar("09:31", day=TUESDAY)

    (output,) = Tracker({"MNQ": Calendar()}).step(event(given_bar))

    assert isinstance(output, Publish)
    assert output.topic == "session.MNQ."
    assert isinstance(output.body, Session)
    assert output.body.bar is given_bar
    assert (output.body.session, output.body.minute, output.body.rth, output.body.closes) == (TUESDAY, 571, True, 960)


def test_every_bar_of_a_trade_date_has_a_record_and_only_rth_is_numbered():
    """18:01 of the evening before to 17:00; i runs from 0 to 389 over RTH, k from 0 to 329 beyond the initial balance."""
    bars = [*tape(first="18:01", last="23:59", evening=True), *tape(first="00:00", last="17:00")]

    records = sessions(bars)

    assert [each.bar for each in records] == bars
    assert {each.session for each in records} == {TUESDAY}
    assert [each.i for each in records if each.rth] == list(range(390))
    assert [each.k for each in records if each.rth] == [None] * 60 + list(range(330))
    assert {(each.i, each.k) for each in records if not each.rth} == {(None, None)}
    assert (at(records, "09:31").rth, at(records, "16:00").rth) == (True, True)
    assert (at(records, "09:30").rth, at(records, "16:01").rth) == (False, False)


def test_before_the_bell_only_the_nights_fields_have_values():
    """Levels, the 18:01 VWAP and the averages run; the fields of RTH are empty."""
    record = sessions(tape(first="09:00", last="09:30"))[-1]

    assert None not in (record.vwap_eth, record.vwap_eth_sigma, record.ema20, record.atr14)
    assert record.vwap_sigma is None
    assert record.levels.overnight_high is not None
    assert (record.vwap, record.flow, record.drive, record.ib, record.rth_high, record.missing) == (None,) * 5 + (0,)


def test_after_the_close_the_session_does_not_change():
    """The fields of the session stay as at 16:00; the fields of an RTH bar are empty; the 18:01 VWAP runs on."""
    records = sessions(tape(last="16:05"))
    close, later = at(records, "16:00"), at(records, "16:05")

    for name in (
        "vwap",
        "vwap_sigma",
        "drive",
        "or15",
        "or30",
        "ib",
        "above",
        "below",
        "accepted_long",
        "first_side",
        "touches",
        "max_down",
    ):
        assert getattr(later, name) == getattr(close, name)
    for name in ("scores", "widest", "levels", "history", "rth_high", "rth_low", "missing"):
        assert getattr(later, name) == getattr(close, name)
    assert (later.flow, later.fvg_bull, later.fvg_bear, later.fvg_bull_15m) == (None, False, False, False)
    assert (later.day_type_edge, later.day_type_midpoint) == ("none", "none")
    for name in ("vwap_eth", "vwap_eth_sigma", "ema20", "ema50", "ema200", "atr14"):
        assert getattr(later, name) != getattr(close, name)


def test_vwap_is_anchored_at_the_bell_and_at_18_01():
    """`sum(typ*V)/sum(V)`: two night bars and one RTH bar, by hand; None while there is no volume."""
    night = [bar("09:29", 100.0, volume=0), bar("09:30", 100.0, volume=10)]
    bell = bar("09:31", 106.0, 109.0, high=112.0, low=106.0, volume=30)

    first, second, third = sessions([*night, bell])

    assert (first.vwap_eth, second.vwap_eth) == (None, 100.0)
    assert third.vwap == 109.0
    assert third.vwap_eth == (100.0 * 10 + 109.0 * 30) / 40


# --- what is ignored --------------------------------------------------------------------------------------------------------


def test_a_repeated_or_late_bar_is_ignored_whatever_it_holds():
    """Same stamp with another close, an earlier stamp, the same bar again: no record, no effect, counted."""
    tracker, alone = Tracker({"MNQ": Calendar()}), sessions(tape(last="10:45"))
    records = sessions(tape(last="10:40"), tracker=tracker)

    for ignored in (bar("10:40", 99.0, 1.0), bar("10:35", math.nan), tape(last="10:40")[-1]):
        assert tracker.step(event(ignored)) == ()

    assert records + sessions(tape(first="10:41", last="10:45"), tracker=tracker) == alone
    assert tracker.late == 3


def test_bars_of_other_instruments_and_timeframes_are_ignored():
    """Only the one-minute bars of the tracked instruments count, on their own topic."""
    tracker = Tracker({"MNQ": Calendar()})

    assert tracker.step(event(bar("09:31", instrument="ES"))) == ()
    assert tracker.step(event(bar("09:35"), topic=topics.bar("MNQ", "5m"))) == ()
    assert tracker.step(event(bar("09:36", instrument="ES"), topic=topics.bar("MNQ"))) == ()
    assert (tracker.foreign, tracker.late) == (3, 0)
    assert sessions([bar("09:31")], tracker=tracker)[0].i == 0


def test_instruments_do_not_touch_each_other():
    """Bars of two instruments, minute by minute, give what each gives alone."""
    both = Tracker({"MNQ": Calendar(), "MES": Calendar()})
    mnq = tape(last="11:00")
    mes = [msgspec.structs.replace(each, instrument="MES", open=each.open + 1) for each in mnq]

    records = sessions([each for pair in zip(mnq, mes, strict=True) for each in pair], tracker=both)

    assert records[::2] == sessions(mnq)
    assert records[1::2] == sessions(mes, tracker=Tracker({"MES": Calendar()}))


def test_each_instrument_has_its_own_half_days():
    """On one date a session may end at 13:15 for one product and at 16:00 for the other."""
    both = Tracker({"MNQ": Calendar(half_days={TUESDAY: "13:15"}), "MES": Calendar()})
    last = tape(first="13:14", last="13:16")
    other = [msgspec.structs.replace(each, instrument="MES") for each in last]

    assert [record.rth for record in sessions(last, tracker=both)] == [True, True, False]
    assert [record.rth for record in sessions(other, tracker=both)] == [True, True, True]


def test_other_messages_change_nothing():
    """The core ignores a request on the control port."""
    assert Tracker({"MNQ": Calendar()}).step(event(Control("1", "state"), topic="control.")) == ()


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_a_price_that_is_not_finite_is_refused_and_degrades_the_session(field, price):
    """No record; the bar may come again in order; the session is degraded until the next trade date."""
    tracker = Tracker({"MNQ": Calendar()})
    good = tape(last="09:33")
    sessions(good[:2], tracker=tracker)

    assert tracker.step(event(msgspec.structs.replace(good[2], **{field: price}))) == ()

    (record,) = sessions(good[2:], tracker=tracker)
    assert (tracker.refused, record.i, record.degraded) == (1, 2, True)
    assert not sessions(tape(WEDNESDAY, last="09:31"), tracker=tracker)[0].degraded


def test_a_refused_first_bar_degrades_the_session_it_would_have_opened():
    """The bar is missing in the trade date that is about to begin."""
    tracker = Tracker({"MNQ": Calendar()})
    sessions(tape(MONDAY), tracker=tracker)
    tracker.step(event(bar("09:31", math.nan, day=TUESDAY)))

    assert sessions(tape(TUESDAY, "09:32", "09:32"), tracker=tracker)[0].degraded


# --- lost bars --------------------------------------------------------------------------------------------------------------


def gap(topic):
    lost = Gap(topic=topic, of_epoch=1, first=7, last=9, reader="tracker")
    return event(lost, topic=topics.of(topics.GAP, "tracker"))


def test_a_gap_degrades_the_session_until_the_next_trade_date():
    """From the next record on, for the rest of the trade date; the evening's first bar is not degraded."""
    tracker = Tracker({"MNQ": Calendar()})
    before = sessions(tape(first="10:00", last="10:05"), tracker=tracker)
    assert tracker.step(gap(topics.bar("MNQ"))) == ()

    after = sessions(tape(first="10:09", last="16:30"), tracker=tracker)
    evening = sessions(tape(WEDNESDAY, "18:01", "18:02", evening=True), tracker=tracker)

    assert {each.degraded for each in before} == {False}
    assert {each.degraded for each in after} == {True}
    assert {each.degraded for each in evening} == {False}


def test_a_gap_over_the_evening_degrades_both_trade_dates():
    """Lost bars may belong to the trade date before the gap or to the one that begins after it."""
    tracker = Tracker({"MNQ": Calendar()})
    sessions(tape(first="16:30", last="16:40"), tracker=tracker)
    tracker.step(gap(topics.bar("MNQ")))

    evening = sessions(tape(WEDNESDAY, "18:07", "18:09", evening=True), tracker=tracker)
    morning = sessions(tape(WEDNESDAY, last="09:31"), tracker=tracker)

    assert {each.degraded for each in evening + morning} == {True}
    assert not sessions(tape("2026-03-05", last="09:31"), tracker=tracker)[0].degraded


def test_a_gap_before_the_first_bar_degrades_the_first_session():
    """The lost bars belong to the trade date that is being joined."""
    tracker = Tracker({"MNQ": Calendar()})
    tracker.step(gap(topics.bar("MNQ")))

    assert sessions([bar("11:00")], tracker=tracker)[0].degraded


@pytest.mark.parametrize("topic", ["raw.bar.ES.1m.", "session.MNQ.", "raw.bar.MNQ.5m."])
def test_a_gap_in_another_topic_changes_nothing(topic):
    """Bars of other instruments, and topics that the tracker does not read."""
    tracker = Tracker({"MNQ": Calendar()})
    tracker.step(gap(topic))

    assert not sessions([bar("11:00")], tracker=tracker)[0].degraded


@pytest.mark.parametrize(
    "bars, missing",
    [
        (tape(last="09:40"), 0),
        (tape("2026-03-03", "09:31", "09:40", "09:33", "09:34"), 2),
        (tape(first="09:40", last="09:40"), 9),
        (tape("2026-03-03", "09:31", "16:30", "09:33", "16:00"), 2),
        (tape(first="16:10", last="16:10"), 390),
    ],
    ids=["complete", "two minutes missing", "a late start", "the last one missing", "no RTH bars at all"],
)
def test_missing_counts_rth_minutes_without_a_bar(bars, missing):
    """So far, and no further than the close."""
    assert sessions(bars)[-1].missing == missing


# --- the initial balance and what hangs on it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "without, first, bars_in_ib",
    [
        ([], "10:31", 60),
        (["10:30"], "10:31", 59),
        (["10:30", "10:31"], "10:32", 59),
        (["10:00", "10:31"], "10:32", 59),
    ],
    ids=["nothing missing", "10:30 missing", "10:30 and 10:31 missing", "10:31 missing"],
)
def test_the_post_ib_part_begins_after_10_30(without, first, bars_in_ib):
    """k = 0 is the first bar stamped after 10:30, whether or not 10:30 came to close the initial balance."""
    records = sessions(tape(TUESDAY, "09:31", "10:40", *without))
    (start,) = [each for each in records if each.k == 0]

    assert start.bar.close_ns == eastern(first, TUESDAY)
    assert start.ib is not None
    assert (start.ib.bars, start.ib.final, start.ib.valid) == (bars_in_ib, True, True)
    assert start.flow is not None
    assert start.flow.delta_previous9 == 0.0


def test_without_the_10_00_bar_10_01_closes_or30_and_stays_outside():
    """10:01 closes the range; its own high and low stay outside."""
    complete, record = (sessions(tape(TUESDAY, "09:31", "10:01", *gone))[-1] for gone in ([], ["10:00"]))
    inside = tape(last="09:59")

    assert complete.or30 is not None
    assert complete.or30.bars == 30
    assert record.or30 == Range(
        high=max(each.high for each in inside),
        low=min(each.low for each in inside),
        open=inside[0].open,
        close=inside[-1].close,
        bars=29,
        final=True,
        valid=True,
    )


ELEVEN_MISSING = [clock(minute) for minute in range(605, 616)]


def test_without_a_valid_initial_balance_there_is_no_post_ib_part():
    """49 of 60 bars: no k, no day type, no scores, no acceptance; flow, VWAP and gaps go on."""
    records = sessions(tape(TUESDAY, "09:31", "16:00", *ELEVEN_MISSING))
    last = records[-1]

    assert last.ib is not None
    assert (last.ib.bars, last.ib.final, last.ib.valid) == (49, True, False)
    assert {(each.k, each.day_type_edge, each.day_type_midpoint, each.widest) for each in records} == {
        (None, "none", "none", "none")
    }
    assert {(each.above, each.below, each.touches, each.scores.b_day) for each in records} == {(0, 0, 0, 0.0)}
    assert last.i == 378
    assert last.vwap is not None
    assert last.flow is not None
    assert last.flow.delta_previous9 is None


@pytest.mark.parametrize(
    "between",
    [
        [],
        tape(TUESDAY, "09:31", "16:00", *ELEVEN_MISSING),
        tape(TUESDAY, "11:00", "16:00"),
        tape(TUESDAY, "18:01", "23:59", evening=True),
        [bar(clock(minute), 20_000.0, day=TUESDAY) for minute in range(571, 961)],
    ],
    ids=["no bars", "49 of 60 bars", "a late start", "a night without RTH", "a flat day"],
)
def test_a_session_without_a_valid_initial_balance_adds_nothing_to_the_history(between):
    """Wednesday's history and previous-day levels are Monday's, as if Tuesday had not existed."""
    records = sessions([*tape(MONDAY, last="16:30"), *between, *tape(WEDNESDAY, last="09:31")])
    monday, wednesday = at(records, "16:00", MONDAY), records[-1]

    assert wednesday.session == WEDNESDAY
    assert wednesday.history.count == 1
    assert (wednesday.levels.pdh, wednesday.levels.pdl) == (monday.rth_high, monday.rth_low)
    assert wednesday.levels.pdc == monday.bar.close


def test_a_new_trade_date_begins_in_the_evening():
    """At 18:01 the session that ended becomes the previous one and enters the history; today is never part of it."""
    records = sessions([*tape(MONDAY, last="17:00"), *tape(TUESDAY, "18:01", "18:01", evening=True)])
    old, new = records[-2:]

    assert (old.session, old.history.count, old.levels.pdh) == (MONDAY, 0, None)
    assert (new.session, new.history.count, new.levels.pdh) == (TUESDAY, 1, old.rth_high)
    assert (new.minute, new.vwap, new.ib, new.flow) == (1081, None, None, None)


def test_the_order_flow_window_and_the_gaps_carry_over_and_the_rest_restarts():
    """The first bar of a day is ranked among 20 and adds to the CVD; its delta10 is its own delta."""
    records = sessions([*tape(MONDAY), *tape(TUESDAY, last="09:31")])
    last, first = records[-2].flow, records[-1].flow

    assert last is not None
    assert first is not None
    assert first.cvd == last.cvd + first.delta
    assert first.delta10 == first.delta
    assert first.delta_percentile != 100.0
    assert records[-1].i == 0
    assert records[-1].rth_high == records[-1].bar.high


def test_a_bar_without_order_flow_advances_everything_and_is_marked():
    """Volume without sides: numbers and VWAP advance, delta is 0, and `present` is False, so strategies do not trade."""
    bars = tape(last="11:00")
    bars[-1] = msgspec.structs.replace(bars[-1], ask_volume=0, bid_volume=0)

    record = sessions(bars)[-1]

    assert (record.i, record.k) == (89, 29)
    assert record.flow is not None
    assert (record.flow.present, record.flow.delta, record.flow.imbalance_ratio) == (False, 0.0, None)
    assert record.flow.volume_spike is not None


# --- days out of the ordinary -----------------------------------------------------------------------------------------------


def test_a_half_day_ends_at_the_calendars_close():
    """13:00 is the last of 210 RTH bars; 13:01 is outside, and the day counts as the previous session."""
    calendar = Calendar(half_days={TUESDAY: "13:00"})
    records = sessions([*tape(TUESDAY, last="13:10"), *tape(WEDNESDAY, last="09:31")], calendar)
    close = at(records, "13:00")

    assert (close.rth, close.i, close.closes) == (True, 209, 780)
    assert not at(records, "13:01").rth
    assert (records[-1].closes, records[-1].levels.pdc, records[-1].history.count) == (960, close.bar.close, 1)


def test_a_holiday_has_no_rth_and_changes_nothing():
    """Bars of the shortened night have records; they make no session."""
    calendar = Calendar(holidays=(TUESDAY,))
    records = sessions([*tape(MONDAY), *tape(TUESDAY, last="12:00"), *tape(WEDNESDAY, last="09:31")], calendar)

    holiday = [each for each in records if each.session == TUESDAY]
    assert {(each.rth, each.missing, each.ib) for each in holiday} == {(False, 0, None)}
    assert len(holiday) == 150
    assert records[-1].levels.pdh == at(records, "16:00", MONDAY).rth_high


def without_dates(record):
    """A record without the fields that name its day."""
    return msgspec.structs.replace(record, bar=msgspec.structs.replace(record.bar, open_ns=0, close_ns=0), session="")


def weekend(friday, monday):
    """Friday's RTH, Sunday evening and Monday's RTH."""
    return [
        *tape(friday),
        *tape(monday, "18:01", "23:59", evening=True),
        *tape(monday, "00:00", "16:00"),
    ]


@pytest.mark.parametrize(
    "friday, monday",
    [("2026-07-10", "2026-07-13"), ("2026-03-06", "2026-03-09"), ("2026-10-30", "2026-11-02")],
    ids=["July", "the clocks go forward", "the clocks go back"],
)
def test_wall_clock_windows_do_not_depend_on_the_season(friday, monday):
    """The same bars at the same wall-clock times: summer and both clock changes give the records of a weekend in January."""
    winter = sessions(weekend("2026-01-09", "2026-01-12"))
    other = sessions(weekend(friday, monday))

    assert [without_dates(each) for each in other] == [without_dates(each) for each in winter]
    assert {each.session for each in other} == {friday, monday}
    assert other[-1].levels.asia_high is not None


# --- properties -------------------------------------------------------------------------------------------------------------


@st.composite
def tapes(draw):
    """Some eighty to a hundred and fifty bars around the bell of a day, and of the next: gaps in time, any shape of bar."""
    bars, moment, price = [], eastern("09:25", MONDAY), 20_000.0
    shapes = draw(st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 20), st.integers(0, 20)), min_size=80, max_size=150))
    skips = draw(st.sets(st.integers(0, 149), max_size=12))
    overnight = draw(st.integers(60, 149))
    for n, (move, above, below) in enumerate(shapes):
        moment += MINUTE_NS * (2 if n in skips else 24 * 60 - 90 if n == overnight else 1)
        open, close = price, price + move * 0.25
        high, low = max(open, close) + above * 0.25, min(open, close) - below * 0.25
        sides = {"ask_volume": above * 9, "bid_volume": below * 9, "volume": (above + below) * 9}
        template = bar("09:31", open, close, high=high, low=low, **sides)
        bars.append(msgspec.structs.replace(template, open_ns=moment - MINUTE_NS, close_ns=moment))
        price = close
    return bars


@given(tapes(), st.integers(0, 150))
def test_any_prefix_of_bars_gives_a_prefix_of_sessions(bars, cut):
    """No look-ahead: cutting the input changes nothing up to the cut, and a published record never changes (playbook 7.2)."""
    tracker, said = Tracker({"MNQ": Calendar()}), []
    whole = []
    for each in bars:
        whole += sessions([each], tracker=tracker)
        said.append(msgspec.msgpack.encode(whole[-1]))

    assert [msgspec.msgpack.encode(each) for each in whole] == said
    assert sessions(bars[:cut]) == whole[:cut]


@given(tapes())
def test_feeding_each_bar_twice_changes_nothing(bars):
    """At-least-once delivery gives the records of exactly-once delivery, and duplicates are counted."""
    tracker = Tracker({"MNQ": Calendar()})

    assert sessions([each for each in bars for _ in range(2)], tracker=tracker) == sessions(bars)
    assert tracker.late == len(bars)


PRICES = st.floats(allow_nan=True, allow_infinity=True)
COUNTS = st.integers(-(2**63), 2**64 - 1)


@given(st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, COUNTS, st.none() | COUNTS, st.none() | COUNTS, COUNTS), max_size=8))
def test_no_decodable_bar_makes_the_tracker_raise(rows):
    """Absurd prices, volumes and times are refused or folded, never an exception: `step` is total."""
    tracker = Tracker({"MNQ": Calendar()})
    sessions(tape(last="10:35"), tracker=tracker)
    records = []
    for n, (open, high, low, close, volume, ask, bid, far) in enumerate(rows):
        stamp = far if n % 2 else eastern("10:36", TUESDAY) + n * MINUTE_NS
        fields = {"high": high, "low": low, "volume": volume, "ask_volume": ask, "bid_volume": bid}
        absurd = msgspec.structs.replace(bar("10:36", open, close, **fields), close_ns=stamp)
        records += sessions([absurd], tracker=tracker)

    assert len(records) + tracker.late + tracker.refused == len(rows)


# --- the daemon ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "timeframes, wanted, unwanted",
    [([], [], ["MNQ", "NQ"]), (["5s"], ["MNQ", "NQ"], []), ([5, "1d"], ["NQ"], ["MNQ"])],
    ids=["no timeframe", "seconds", "minutes"],
)
def test_the_daemon_reads_only_the_trades_that_it_needs(timeframes, wanted, unwanted):
    """Of a traded instrument none for minutes: those it has."""
    changes = {"tracker": {"timeframes": timeframes}}
    run = conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset(conf.preset_names()[0]), changes=changes)

    read = daemon(run).ticks

    assert all(topics.matches(topics.tick(name), read) for name in wanted)
    assert not any(topics.matches(topics.tick(name), read) for name in unwanted)


def test_the_daemon_reads_raw_bars_and_gaps_and_recovers_from_the_journal():
    """Its state is a fold of the raw topics and of what a person gave, so those topics rebuild it."""
    run = conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset(conf.preset_names()[0]))

    tracker = daemon(run)

    assert (tracker.name, tracker.serves) == ("tracker", "tracker")
    assert (tracker.subscribe, tracker.recover) == (("raw.", "sys.gap."), ("raw.", "levels."))
    assert tracker.core.step(event(bar("09:31")))

"""The clock of a recording against the market's own day: both clock changes, short days, Sunday evenings, day sessions alone."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources import proof, zones
from tapewire.replay.sources.proof import StampClock
from tapewire.replay.sources.table import Whole
from tapewire.strategies.clock import MINUTE_NS

NEW_YORK = ZoneInfo("America/New_York")
RIGHT = StampClock("America/New_York")
SPRING = ("2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10")  # clocks change on Sunday, 2026-03-08
AUTUMN = ("2026-10-29", "2026-10-30", "2026-11-02", "2026-11-03")
LONDON_APART = ("2026-03-10", "2026-03-11", "2026-03-12")  # London is four hours ahead in these weeks, not five
BLACK_FRIDAY = ("2026-11-25", "2026-11-27", "2026-11-30")  # Thursday is a holiday, Friday ends at 13:15
EVENING, CLOSE, EARLY = dt.time(18, 0), dt.time(17, 0), dt.time(13, 15)


def minutes(begin: dt.datetime, end: dt.datetime) -> list[int]:
    first, last = (int(at.replace(tzinfo=NEW_YORK).timestamp()) for at in (begin, end))
    return [at * 10**9 for at in range(first + 60, last + 1, 60)]


def market(dates: tuple[str, ...], *, day_only: bool = False) -> tuple[Whole, Whole]:
    """Closes in UTC and volume of every minute that CME's index futures trade, the evening before included."""
    closes: list[int] = []
    for text in dates:
        day = dt.date.fromisoformat(text)
        before = day - dt.timedelta(days=1)
        end = dt.datetime.combine(day, EARLY if text == "2026-11-27" else CLOSE)
        start = dt.datetime.combine(before, EVENING)
        if day_only:
            start, end = dt.datetime.combine(day, dt.time(9, 30)), dt.datetime.combine(day, dt.time(16, 0))
        closes += minutes(start, end)
    close = np.array(closes, np.int64)
    _, minute = proof.new_york(close)
    return close, np.where((minute > 570) & (minute <= 960), np.where(minute < 600, 3000, 900), 100)


@pytest.mark.parametrize("dates", [SPRING, AUTUMN, LONDON_APART, BLACK_FRIDAY])
@pytest.mark.parametrize("day_only", [False, True])
def test_a_right_clock_is_taken_in_silence(dates, day_only):
    """Both changes of the clock, a holiday and an early close contradict nothing."""
    close, volume = market(dates, day_only=day_only and dates != BLACK_FRIDAY)

    assert proof.check("a", close, volume, RIGHT) == []


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize("at_open", [False, True])
@pytest.mark.parametrize("dates", [SPRING, AUTUMN])
def test_a_wrong_clock_is_refused_with_the_right_one(zone, at_open, dates):
    """Stamps of another zone or of the other end, read as New York's closes, are refused, and the options read them."""
    close, volume = market(dates)
    written = proof.written(close, StampClock(zone, at_open))
    misread, _ = zones.to_utc(written, "America/New_York")

    with pytest.raises(DataError) as refused:
        proof.check("a", misread, volume, RIGHT)

    assert str(refused.value).endswith(f"say {proof.options(StampClock(zone, at_open), RIGHT)}")


def test_stamps_of_the_open_are_told_from_closes():
    """A minute is enough: the last bar before the break and the first after it name the end of the bar."""
    close, volume = market(SPRING)

    with pytest.raises(DataError, match=r"no bar at 17:00 and one at 18:00 .*; say --stamps open"):
        proof.check("a", close - 60 * 10**9, volume, RIGHT)
    with pytest.raises(DataError, match=r"a bar at 17:01 and none at 18:01 .*; say --stamps close"):
        proof.check("a", close + 60 * 10**9, volume, StampClock("America/New_York", at_open=True))


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Europe/Berlin"])
def test_a_day_session_alone_has_its_hours(zone):
    """Without the night there is no break to look at; the first minute must be 09:31."""
    close, volume = market(SPRING, day_only=True)
    misread, _ = zones.to_utc(proof.written(close, StampClock(zone)), "America/New_York")

    with pytest.raises(DataError, match=f"say --zone {zone}"):
        proof.check("a", misread, volume, RIGHT)


def test_a_day_session_until_a_quarter_past_four_has_its_hours():
    """NinjaTrader's template of index futures' regular hours ends at 16:15."""
    days = (dt.date(2026, 6, day) for day in (1, 2, 3))
    closes = [minutes(dt.datetime.combine(day, dt.time(9, 30)), dt.datetime.combine(day, dt.time(16, 15))) for day in days]
    close = np.array([at for day in closes for at in day], np.int64)

    assert proof.check("a", close, close * 0 + 9, RIGHT) == []
    with pytest.raises(DataError, match="say --stamps open"):
        proof.check("a", close - MINUTE_NS, close * 0 + 9, RIGHT)
    with pytest.raises(DataError, match="say --zone America/Chicago"):
        proof.check("a", close - 60 * MINUTE_NS, close * 0 + 9, RIGHT)


def test_london_is_told_from_utc_where_they_differ():
    """In summer a London clock is an hour ahead of UTC; in the weeks between the changes New York's distance is another."""
    close, volume = market(("2026-06-02", "2026-06-03", "2026-06-04"))

    assert proof.suggest(proof.written(close, StampClock("Europe/London")), volume, at_open=False) == "Europe/London"
    assert proof.suggest(proof.written(close, StampClock("UTC")), volume, at_open=False) == "UTC"


def test_bars_without_volume_are_placed_by_the_break_alone():
    """Index data has no volume; the daily break still tells the clock."""
    close, volume = market(SPRING)

    assert proof.check("a", close, volume * 0, RIGHT) == []
    with pytest.raises(DataError, match="say --zone America/Chicago"):
        proof.check("a", close - 3600 * 10**9, volume * 0, RIGHT)


def test_too_few_bars_are_told():
    """Ten bars prove nothing, and nobody claims that they do."""
    close, volume = market(SPRING)

    (told,) = proof.check("a", close[:10], volume[:10], RIGHT)

    assert "nothing in these bars proves their clock" in told


def test_a_market_that_no_zone_explains_is_refused():
    """Bars around the clock are no CME future in any zone."""
    close = np.arange(0, 4 * 1440, dtype=np.int64) * 60 * 10**9 + 1_770_000_000_000_000_000 // (60 * 10**9) * 60 * 10**9

    with pytest.raises(DataError, match="no time zone makes these stamps"):
        proof.check("a", close, np.ones(len(close), np.int64), RIGHT)


@pytest.mark.parametrize("minutes_off", [1, -1, 60, -60, 300, -300, 30])
@pytest.mark.parametrize("from_session", [6, 7])
def test_a_clock_that_changes_within_a_file_is_refused(minutes_off, from_session):
    """Leaving out what lies in the break would hide it: the rest of those sessions is as wrong."""
    dates = tuple(f"2026-06-{day:02}" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11))
    close, volume = market(dates)
    begin, _ = market(dates[from_session:])
    mixed = np.where(close >= begin[0], close + minutes_off * MINUTE_NS, close)

    with pytest.raises(DataError, match=r"the stamps have another clock than on the other days .* split it there"):
        proof.check("a", mixed, volume, RIGHT)


def test_standard_time_without_summer_is_named():
    """Vendors that keep EST the year round are an hour off in summer, and right again in winter."""
    close, volume = market(
        ("2026-03-04", "2026-03-05", "2026-03-06", *(f"2026-03-{day:02}" for day in (9, 10, 11, 12, 13, 16, 17)))
    )
    misread, _ = zones.to_utc(proof.written(close, StampClock("Etc/GMT+5")), "America/New_York")

    with pytest.raises(DataError, match=r"say --zone Etc/GMT\+5"):
        proof.check("a", misread, volume, RIGHT)


def test_single_prints_in_the_break_are_no_clock():
    """They are bad bars, which the user may leave out; so are minutes without volume that a vendor fills in."""
    close, volume = market(SPRING)
    evening = close[(proof.new_york(close)[1] == 1020)][0]
    prints = evening + np.arange(1, 60) * MINUTE_NS

    assert proof.check("a", np.append(close, prints[:5]), np.append(volume, np.full(5, 9)), RIGHT) == []
    assert proof.check("a", np.append(close, prints), np.append(volume, np.zeros(59, np.int64)), RIGHT) == []


def test_the_break_was_shorter_until_2015():
    """Index futures, energy and metals traded until 17:15 until 2015-09-18; that is no wrong clock."""
    before, after = dt.date(2015, 9, 18), dt.date(2015, 9, 21)
    quarter = np.array(minutes(dt.datetime.combine(before, CLOSE), dt.datetime.combine(before, dt.time(17, 15))))
    close, volume = market(("2015-09-17", "2015-09-18"))

    assert proof.check("a", np.sort(np.append(close, quarter)), np.append(volume, np.ones(15, np.int64)), RIGHT) == []
    assert not proof.resting(*proof.new_york(quarter)).any()
    assert proof.resting(*proof.new_york(quarter + (after - before).days * 86_400 * 10**9)).all()


def morning(spike: int) -> tuple[Whole, Whole]:
    """A day's bars from 07:01 to 09:19, whose volume rises most at a minute after midnight."""
    close, volume = market(SPRING[:1])
    _, minute = proof.new_york(close)
    some = (minute > 420) & (minute < 560)
    return close[some], np.where(minute == spike, 9000, volume)[some]


def test_volume_that_no_zone_brings_to_the_opening_refuses_nothing():
    """A few hours without 09:31: another minute had news. That is told, and the file is read."""
    (told,) = proof.check("a", *morning(8 * 60 + 17), RIGHT)

    assert "the volume rises most at 08:17 New York time; if that was the opening, say another --zone" in told


def test_volume_that_looks_like_an_opening_is_believed_unless_the_zone_was_said():
    """News at 08:30 looks like an opening in Chicago; whoever knows better says the zone."""
    with pytest.raises(DataError, match="say --zone America/Chicago, or --zone America/New_York if there was news"):
        proof.check("a", *morning(8 * 60 + 31), RIGHT)

    assert len(proof.check("a", *morning(8 * 60 + 31), RIGHT, said=True)) == 1

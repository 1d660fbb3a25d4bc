"""Stamps and trade dates: which trade date a bar belongs to, and where in it, summer and winter."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import ConfError
from tapewire.bus.testing import eastern
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock, TradeDate
from tapewire.strategies.clock import MINUTE_NS, RTH_CLOSE, RTH_OPEN

# 2026-03-03 is a Tuesday, -06 a Friday, -08 the Sunday on which summer time begins.
PLACES = [
    ("Tuesday's first RTH bar", "2026-03-03", "09:31", "2026-03-03", 571),
    ("the last stamp of a trade date", "2026-03-03", "18:00", "2026-03-03", 1080),
    ("the first stamp of the next one", "2026-03-03", "18:01", "2026-03-04", -359),
    ("a full hour of the evening", "2026-03-03", "20:00", "2026-03-04", -240),
    ("midnight closes the evening", "2026-03-04", "00:00", "2026-03-04", 0),
    ("the night", "2026-03-04", "02:01", "2026-03-04", 121),
    ("Sunday evening trades for Monday", "2026-03-01", "18:01", "2026-03-02", -359),
    ("Friday evening trades for Monday, far from its windows", "2026-03-06", "18:01", "2026-03-09", -359 - 2 * 1440),
    ("Saturday is nowhere near a window", "2026-03-07", "10:00", "2026-03-09", 600 - 2 * 1440),
    ("Sunday morning neither", "2026-03-08", "10:00", "2026-03-09", 600 - 1440),
    ("Sunday evening after the clocks went forward", "2026-03-08", "18:01", "2026-03-09", -359),
    ("the Monday after", "2026-03-09", "09:31", "2026-03-09", 571),
    ("the Friday before the clocks go back", "2026-10-30", "16:00", "2026-10-30", 960),
    ("Sunday evening after the clocks went back", "2026-11-01", "18:01", "2026-11-02", -359),
    ("the Monday after that", "2026-11-02", "09:31", "2026-11-02", 571),
    ("a summer afternoon", "2026-07-07", "15:59", "2026-07-07", 959),
    ("the last evening of a year", "2026-12-31", "18:01", "2027-01-01", -359),
]


@pytest.mark.parametrize("day, clock, date, at", [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_a_stamp_has_one_place(day, clock, date, at):
    """18:01 and later belong to the next trading day; places are minutes from that date's midnight (playbook 1.1)."""
    assert SessionClock(Calendar()).read(eastern(clock, day)) == (TradeDate(date, RTH_CLOSE), at)


@given(st.lists(st.integers(0, 2 * 366 * 1440), max_size=20))
def test_a_reading_depends_on_the_stamp_alone(minutes):
    """Two years of minutes in any order, jumps and clock changes included: each reads as it does on a fresh clock."""
    start = eastern("00:00", "2026-01-01")
    stamps = [start + minute * MINUTE_NS for minute in minutes]
    clock = SessionClock(Calendar())

    assert [clock.read(stamp) for stamp in stamps] == [SessionClock(Calendar()).read(stamp) for stamp in stamps]


@given(st.integers(0, 2 * 366 * 1440))
def test_a_place_is_the_minute_of_new_york_wall_clock_time(minute):
    """In every season the place, counted around the day, is the wall-clock time of the bar's close."""
    stamp = eastern("00:00", "2026-01-01") + minute * MINUTE_NS
    wall = dt.datetime.fromtimestamp(stamp // 1_000_000_000, ZoneInfo("America/New_York"))

    _, at = SessionClock(Calendar()).read(stamp)

    assert at % 1440 == wall.hour * 60 + wall.minute


@pytest.mark.parametrize("clock, closes", [("13:00", 780), ("13:15", 795), ("16:00", 960)])
def test_a_half_day_closes_at_the_calendars_time(clock, closes):
    """The calendar's time replaces 16:00."""
    day, _ = SessionClock(Calendar(half_days={"2026-03-03": clock})).read(eastern("09:31", "2026-03-03"))

    assert day == TradeDate("2026-03-03", closes)


def test_a_holiday_has_no_rth():
    """Its close equals its open, also if it is listed as a half day, too; it stays a trade date of its own."""
    calendar = Calendar(holidays=("2026-03-03",), half_days={"2026-03-03": "13:00"})

    day, at = SessionClock(calendar).read(eastern("18:01", "2026-03-02"))

    assert (day, at) == (TradeDate("2026-03-03", RTH_OPEN), -359)


@pytest.mark.parametrize("close", ["1 pm", "", "25:00", "09:30", "17:00"])
def test_an_impossible_close_is_refused_with_a_remedy(close):
    """The error names the date, the value and the remedy."""
    with pytest.raises(ConfError, match=r"half_days\[2026-03-03\] = .*; write "):
        SessionClock(Calendar(half_days={"2026-03-03": close}))

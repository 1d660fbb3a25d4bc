"""The trading week of each calendar: the daily break, the weekend, and crypto's week without either."""

import datetime as dt

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.market.week import PRODUCTS, hours_of

MONDAY, WEDNESDAY, FRIDAY, SATURDAY, SUNDAY = 0, 2, 4, 5, 6


@pytest.mark.parametrize(
    "weekday, clock, traded",
    [
        (SUNDAY, "18:00", False),
        (SUNDAY, "18:01", True),
        (MONDAY, "00:00", True),
        (WEDNESDAY, "17:00", True),
        (WEDNESDAY, "17:01", False),
        (WEDNESDAY, "18:00", False),
        (WEDNESDAY, "18:01", True),
        (FRIDAY, "17:00", True),
        (FRIDAY, "18:01", False),
        (SATURDAY, "00:00", False),
        (SATURDAY, "12:00", False),
        (SUNDAY, "00:00", False),
    ],
)
def test_a_week_opens_on_sunday_evening_and_breaks_every_day(weekday, clock, traded):
    """A stamp is the close of its minute: 17:00 is the last one before the break and 18:01 the first one after it."""
    hours, minutes = clock.split(":")

    assert hours_of("energy").trades(weekday, int(hours) * 60 + int(minutes)) is traded


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_calendar_opens_at_six_and_closes_at_five(name):
    """The library says so as well, in Chicago time."""
    import pandas_market_calendars

    week, library = hours_of(name), pandas_market_calendars.get_calendar(PRODUCTS[name].library)

    assert (week.opens, week.closes) == (library.open_time.hour * 60 + 60, library.close_time.hour * 60 + 60)


def test_the_break_lasts_from_five_to_six():
    """In minutes after midnight, New York."""
    assert hours_of("rates").pause == (17 * 60, 18 * 60)
    assert hours_of("crypto").pause is None


def test_crypto_has_no_break_since_the_end_of_may_2026():
    """On 2026-05-29 it did not close for the weekend; a recording of before then has the break."""
    assert not hours_of("crypto", dt.date(2026, 5, 28)).weekend
    assert hours_of("crypto", dt.date(2026, 6, 1)).weekend
    assert hours_of("crypto").trades(SATURDAY, 12 * 60)
    assert not hours_of("equity").weekend


@pytest.mark.parametrize(
    "name, closes", [("equity", 1035), ("energy", 1035), ("metals", 1035), ("currencies", 1020), ("rates", 1020)]
)
def test_a_week_of_before_2015_closed_at_a_quarter_past_five(name, closes):
    """Index futures, energy and metals; an old recording has bars there. Since Monday, 2015-09-21, all close at 17:00."""
    assert hours_of(name, dt.date(2015, 9, 18)).closes == closes
    assert hours_of(name, dt.date(2015, 9, 21)).closes == 1020


def test_an_unknown_calendar_is_refused_with_the_known_ones():
    """The nearest name is suggested."""
    with pytest.raises(ConfError, match=r"unknown calendar 'metal' \(did you mean 'metals'.*; known: equity, energy"):
        hours_of("metal")

"""The chart's trading hours against the calendar: which trade dates differ, and which of these conf/calendar.toml settles."""

from __future__ import annotations

import datetime as dt

import pytest

from tapewire.bus.messages import TradingDay, VenueChart
from tapewire.bus.testing import eastern
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.quorum import disagreements

ETH, RTH = "CME US Index Futures ETH", "CME US Index Futures RTH"
FIRST = dt.date(2026, 11, 23)  # a Monday; Thanksgiving is the 26th


def chart(closes: dict[str, str | None] | None = None, *, usual: str = "17:00", template: str = ETH, days: int = 11) -> VenueChart:
    """A template with its usual close on every weekday, but for these; None: no session."""
    dates = [day for number in range(40) if (day := FIRST + dt.timedelta(number)).weekday() < 5][:days]
    at = {day.isoformat(): (closes or {}).get(day.isoformat(), usual) for day in dates}
    listed = tuple(TradingDay(day, eastern(close, day) - 1, eastern(close, day)) for day, close in at.items() if close)
    return VenueChart("MNQ", "MNQ 12-26", template, listed)


def dates(calendar: Calendar, there: VenueChart) -> list[str]:
    return [each.date for each in disagreements(calendar, there)]


HALF = Calendar(half_days={"2026-11-26": "13:00", "2026-11-27": "13:15"})


@pytest.mark.parametrize(
    ("calendar", "closes", "expected"),
    [
        (Calendar(), {}, []),
        (HALF, {"2026-11-26": "13:00", "2026-11-27": "13:15"}, []),
        (HALF, {"2026-11-26": "13:00"}, ["2026-11-27"]),
        (HALF, {"2026-11-26": "13:00", "2026-11-27": "13:00"}, ["2026-11-27"]),
        (HALF, {"2026-11-26": None, "2026-11-27": "13:15"}, ["2026-11-26"]),
        (Calendar(), {"2026-11-26": "13:00"}, ["2026-11-26"]),
        (Calendar(holidays=("2026-11-26",)), {"2026-11-26": None}, []),
        (Calendar(holidays=("2026-11-26",)), {"2026-11-26": "09:15"}, []),
        (Calendar(holidays=("2026-11-26",)), {"2026-11-26": "09:30"}, []),
        (Calendar(holidays=("2026-11-26",)), {}, ["2026-11-26"]),
        (Calendar(holidays=("2026-12-25",)), {}, []),
    ],
    ids=lambda value: None,
)
def test_a_trade_date_with_another_close_of_rth_is_found(
    calendar: Calendar, closes: dict[str, str | None], expected: list[str]
) -> None:
    """A session that ends before the bell is none; what is beyond the template's dates is not compared."""
    assert dates(calendar, chart(closes)) == expected


@pytest.mark.parametrize("usual", ["16:00", "16:15", "17:00"])
def test_templates_of_rth_and_of_the_whole_session_say_the_same(usual: str) -> None:
    """An ordinary close is one that the template has on most days."""
    agreed = {"2026-11-26": "13:00", "2026-11-27": "13:15"}

    assert dates(HALF, chart(agreed, usual=usual, template=RTH)) == []
    assert dates(HALF, chart(usual=usual, template=RTH)) == ["2026-11-26", "2026-11-27"]


def test_both_sources_are_named_with_what_they_say() -> None:
    """A person looks at both."""
    (found,) = disagreements(HALF, chart({"2026-11-26": "13:00"}))

    assert found.text == (
        "2026-11-27: by the template 'CME US Index Futures ETH' of MNQ's chart it is an ordinary day, "
        "by the library pandas_market_calendars it closes at 13:15"
    )
    assert not found.settled


def test_a_line_in_the_file_of_corrections_settles_it() -> None:
    """Its word holds, and the text says so."""
    settled = Calendar(half_days=HALF.half_days, corrected=("2026-11-27",))
    (found,) = disagreements(settled, chart({"2026-11-26": "13:00"}))

    assert found.settled
    assert found.text.endswith("by conf/calendar.toml, which holds, it closes at 13:15")


@pytest.mark.parametrize(
    "days",
    [
        (),
        (TradingDay("no date", 0, eastern("17:00")),),
        (TradingDay("9999-12-31", 0, eastern("17:00")),),
        (TradingDay("2026-11-27", 0, eastern("03:00", "2026-11-27")),),
    ],
    ids=["none", "no date", "far from its close", "without RTH"],
)
def test_a_template_that_says_nothing_of_rth_is_not_compared(days: tuple[TradingDay, ...]) -> None:
    """An old bridge sends none; an Asian session has no RTH."""
    assert disagreements(HALF, VenueChart("MNQ", template="x", days=days)) == []


def test_the_library_and_the_file_of_corrections_are_one_calendar() -> None:
    """The day of mourning of 2025-01-09 stands in conf/calendar.toml, so a template that does not know it stops nothing."""
    from tapewire.daemons.settings.calendar import calendar_for

    calendar = calendar_for(None, dt.date(2025, 1, 6), dt.date(2025, 1, 17))
    week = [dt.date(2025, 1, day) for day in (6, 7, 8, 9, 10)]
    days = tuple(TradingDay(f"{day}", 0, eastern("17:00", f"{day}")) for day in week)

    (found,) = disagreements(calendar, VenueChart("MNQ", template=ETH, days=days))

    assert (found.date, found.settled) == ("2025-01-09", True)

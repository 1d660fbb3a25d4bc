"""Half days and holidays: from the exchange's calendar, or from a calendar.json that replaces it."""

import datetime as dt
from pathlib import Path

import pytest

from tapewire.bus.errors import DataError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.calendar import calendar_for, dated


def exchange(first: str, last: str) -> Calendar:
    return calendar_for(None, dt.date.fromisoformat(first), dt.date.fromisoformat(last))


@pytest.mark.parametrize(
    "day, close",
    [
        ("2026-11-27", "13:15"),
        ("2026-12-24", "13:15"),
        ("2026-11-26", "13:00"),
        ("2026-01-19", "13:00"),
    ],
    ids=["day after Thanksgiving", "Christmas Eve", "Thanksgiving", "Martin Luther King Day"],
)
def test_an_early_close_is_a_half_day(day, close):
    """The exchange's early closes are given in Eastern time."""
    assert exchange(day, day) == Calendar(half_days={day: close})


@pytest.mark.parametrize("day", ["2026-12-25", "2026-01-01", "2026-04-03"], ids=["Christmas", "New Year", "closes at 09:15"])
def test_a_day_without_rth_is_a_holiday(day):
    """Closed all day, or closed before the bell: there is no session."""
    assert exchange(day, day) == Calendar(holidays=(day,))


def test_ordinary_days_are_not_listed():
    """The regular close at 17:00 is not a half day; weekends and clock changes are not holidays."""
    assert exchange("2026-03-02", "2026-03-20") == Calendar()


def test_a_run_of_several_products_has_a_calendar_for_each():
    """The first product's is the account's; on the day after Thanksgiving index futures end at 13:15, crude oil at 14:45."""
    settings = conf.load("replay", instance="t", traded=["MNQ", "CL", "ES", "MCL"], preset=conf.preset("seed"))

    found = dated(settings, dt.date(2026, 11, 1))

    assert list(found.calendars) == ["energy"]
    assert found.calendar_of("ES").half_days["2026-11-27"] == "13:15"
    assert found.calendar_of("MCL").half_days["2026-11-27"] == "14:45"
    assert {"2026-12-25", "2027-12-24"} <= {*found.calendar.holidays}


def test_a_run_of_one_product_has_one_calendar():
    """No second one stands in run.json."""
    settings = conf.load("replay", instance="t", traded=["ZN", "ZB"], preset=conf.preset("seed"))

    assert dated(settings, dt.date(2026, 11, 1)).calendars == {}


def test_the_datas_own_calendar_replaces_the_exchanges(tmp_path):
    """Invented dates need their own calendar; no date of the real one is added."""
    (tmp_path / "calendar.json").write_text('{"half_days": {"2026-03-11": "13:00"}, "holidays": ["2026-03-12"]}')

    calendar = calendar_for(tmp_path, dt.date(2026, 1, 1), dt.date(2026, 12, 31))

    assert calendar == Calendar(half_days={"2026-03-11": "13:00"}, holidays=("2026-03-12",))


def test_an_empty_calendar_means_no_special_days(tmp_path):
    """The existence of the file decides."""
    (tmp_path / "calendar.json").write_text("{}")

    assert calendar_for(tmp_path, dt.date(2026, 12, 25), dt.date(2026, 12, 25)) == Calendar()


def test_without_a_calendar_json_the_exchange_decides(tmp_path):
    """Real recordings need no file."""
    assert calendar_for(tmp_path, dt.date(2026, 12, 25), dt.date(2026, 12, 25)) == Calendar(holidays=("2026-12-25",))


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('{"halfdays": {}}', "unknown key 'halfdays' (did you mean 'half_days'"),
        ('{"half_days": ["2026-03-11"]}', "write dates with their close"),
        ('{"half_days": {"11.03.2026": "13:00"}}', "'11.03.2026' is not a date; write YYYY-MM-DD"),
        ('{"half_days": {"2026-03-11": "1 pm"}}', "'1 pm' is not a time; write HH:MM"),
        ('{"half_days": {"2026-03-11": 13}}', "13 is not a time; write HH:MM"),
        ('{"half_days": {"2026-03-11": "09:30"}}', "'09:30' is not a close"),
        ('{"half_days": {"2026-03-11": "17:00"}}', "'17:00' is not a close"),
        ('{"holidays": "2026-03-11"}', "write a list of dates"),
        ('{"holidays": [20260311]}', "20260311 is not a date"),
        ('["2026-03-11"]', "an object is needed"),
        ("{", "truncated"),
    ],
)
def test_a_wrong_calendar_is_refused_with_a_remedy(tmp_path: Path, text, complaint):
    """The error names the file, the value and the remedy."""
    (tmp_path / "calendar.json").write_text(text)

    with pytest.raises(DataError) as refused:
        calendar_for(tmp_path, dt.date(2026, 1, 1), dt.date(2026, 1, 2))

    assert str(refused.value).startswith(f"{tmp_path / 'calendar.json'}: ")
    assert complaint in str(refused.value)

"""conf/calendar.toml: what the library lacks or has wrong, and how a mistake in it is refused."""

import datetime as dt
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.week import PRODUCTS
from tapewire.daemons.settings.calendar import calendar_for, closes_of
from tapewire.daemons.settings.corrections import corrections

MOURNING = dt.date(2025, 1, 9)
DAY = """
[[day]]
date = 2025-01-09
calendars = ["equity"]
close = "09:30"
why = "day of mourning"
sources = ["the exchange"]
"""


@pytest.mark.parametrize(
    "name, calendar",
    [
        ("equity", Calendar(holidays=("2025-01-09",), corrected=("2025-01-09",))),
        ("rates", Calendar(half_days={"2025-01-09": "13:15"}, corrected=("2025-01-09",))),
        ("energy", Calendar()),
        ("crypto", Calendar()),
    ],
)
def test_the_day_of_mourning_ended_by_product(name, calendar):
    """Index futures ended at the bell, so the day has no RTH; treasuries at 13:15; the others as on any other day."""
    assert calendar_for(None, MOURNING, MOURNING, name) == calendar


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_shipped_file_is_readable(name):
    """Every calendar reads the whole file."""
    corrections(name)


@pytest.mark.parametrize(
    "close, calendar",
    [
        ("closed", Calendar(holidays=("2025-01-08",), corrected=("2025-01-08",))),
        ("regular", Calendar(corrected=("2025-01-08",))),
        ("12:00", Calendar(half_days={"2025-01-08": "12:00"}, corrected=("2025-01-08",))),
    ],
)
def test_a_correction_says_closed_regular_or_a_time(tmp_path, monkeypatch, close, calendar):
    """The three forms of `close`, on a day that the library has as a regular one."""
    (tmp_path / "calendar.toml").write_text(DAY.replace("01-09", "01-08").replace("09:30", close))
    monkeypatch.setattr("tapewire.daemons.settings.corrections.FILE", tmp_path / "calendar.toml")

    assert calendar_for(None, dt.date(2025, 1, 8), dt.date(2025, 1, 8)) == calendar


def test_regular_takes_a_holiday_of_the_library_back(tmp_path, monkeypatch):
    """Christmas would be a day like any other, if the file said so."""
    (tmp_path / "calendar.toml").write_text(DAY.replace("2025-01-09", "2025-12-25").replace("09:30", "regular"))
    monkeypatch.setattr("tapewire.daemons.settings.corrections.FILE", tmp_path / "calendar.toml")

    assert calendar_for(None, dt.date(2025, 12, 25), dt.date(2025, 12, 25)) == Calendar(corrected=("2025-12-25",))


@pytest.mark.parametrize(
    "before, after, complaint",
    [
        ("2025-01-09", "2025-01-11", "2025-01-11: is a Saturday, which is no trade date"),
        ("2025-01-09", '"9 January"', "Invalid RFC3339"),
        ('["equity"]', '["equities"]', "2025-01-09: calendars: unknown calendar 'equities' (did you mean 'equity'"),
        ('["equity"]', "[]", "2025-01-09: calendars is empty"),
        ('["equity"]', '["equity", "equity"]', "2025-01-09: equity stands there twice; keep one"),
        ("09:30", "9:30", "close = '9:30': write HH:MM New York before 17:00"),
        ("09:30", "17:00", "close = '17:00': write HH:MM New York before 17:00"),
        ('["the exchange"]', "[]", "sources is empty"),
        ("why =", "reason =", "unknown field `reason`"),
        ("why =", "why", "calendar.toml: Expected '='"),
    ],
)
def test_a_wrong_line_is_refused_with_a_remedy(tmp_path: Path, before, after, complaint):
    """The error names the file, the date, the value and the remedy."""
    file = tmp_path / "calendar.toml"
    file.write_text(DAY.replace(before, after))

    with pytest.raises(ConfError) as refused:
        corrections("equity", file)

    assert str(refused.value).startswith(str(file))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "day, name, close",
    [
        ("2018-12-05", "equity", None),
        ("2018-12-05", "rates", None),
        ("2024-03-29", "currencies", None),
        ("2024-07-03", "equity", "13:15"),
        ("2024-07-03", "crypto", "17:00"),
        ("2024-09-02", "energy", "14:30"),
        ("2024-12-24", "metals", "13:45"),
        ("2025-07-04", "currencies", "13:00"),
        ("2025-11-28", "energy", "14:45"),
        ("2026-11-27", "energy", "14:45"),
        ("2026-11-27", "equity", "13:15"),
        ("2026-11-27", "rates", "13:15"),
        ("2026-11-27", "currencies", "14:45"),
        ("2026-12-24", "metals", "13:45"),
        ("2026-01-19", "energy", "14:30"),
        ("2026-01-19", "currencies", "17:00"),
    ],
)
def test_each_product_ends_when_a_second_source_says(day, name, close):
    """The library corrected: these days are in QuantConnect's market hours or in an announcement of the exchange as well."""
    date = dt.date.fromisoformat(day)

    at = closes_of(name, date, date)[date]

    assert (at is None or at <= dt.time(9, 30)) if close is None else at == dt.time.fromisoformat(close)


def test_crypto_trades_on_holidays_since_the_end_of_may_2026():
    """The library's early closes ended with the week of five days."""
    assert calendar_for(None, dt.date(2026, 6, 1), dt.date(2026, 12, 31), "crypto") == Calendar()


def test_crypto_kept_the_holidays_before():
    """On 2026-04-03, Good Friday with a jobs report, it ended at 11:15."""
    assert calendar_for(None, dt.date(2026, 4, 3), dt.date(2026, 4, 3), "crypto") == Calendar(half_days={"2026-04-03": "11:15"})

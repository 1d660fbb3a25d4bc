"""`session_date` of an export against its stamps: the trade date that a file writes proves the clock, or is wrong itself."""

import datetime as dt

import pytest

from tapewire.bus.errors import DataError
from tests.recordings import read

HEADER = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid,session_date"
FEBRUARY = dt.datetime(2026, 2, 24)


def export(folder, rows):
    """Bars at some closes, each with the date that the file writes beside it."""
    lines = [f"{close:%Y-%m-%dT%H:%M}:00.000,NQ,Volumetric_1,100,101,99,100,10,6,4,{date}" for close, date in rows]
    (folder / "NQ_Volumetric_1.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return folder


def minutes(first, last, date, shift_h=0):
    """The bars of a stretch of a day, New York time, written so many hours later."""
    start, stop = (FEBRUARY + dt.timedelta(hours=int(each[:2]), minutes=int(each[3:])) for each in (first, last))
    count = int((stop - start).total_seconds() // 60) + 1
    return [(start + dt.timedelta(hours=shift_h, minutes=at), date) for at in range(count)]


def test_the_date_of_the_stamps_is_no_news(tmp_path):
    """A bar of the evening belongs to the next trade date."""
    rows = [*minutes("16:50", "17:00", "2026-02-24"), *minutes("18:01", "18:11", "2026-02-25")]

    assert len(read(export(tmp_path, rows)).bars) == 22


def test_a_clock_that_contradicts_the_dates_is_refused_with_the_zone(tmp_path):
    """Too few bars for the market's own day, but they cross an evening: in UTC the dates are right."""
    rows = minutes("13:00", "16:30", "2026-02-24", shift_h=5)

    with pytest.raises(
        DataError, match=r"line 3: session_date 2026-02-24, but .* belongs to 2026-02-25 .*; the dates fit UTC: say --zone UTC"
    ):
        read(export(tmp_path, rows))

    assert len(read(tmp_path, zone="UTC").bars) == 211


def test_dates_name_the_zone_where_the_hours_name_none(tmp_path):
    """Bars of an afternoon in UTC fill the break; what they are is said by their dates."""
    rows = minutes("10:00", "14:00", "2026-02-24", shift_h=5)

    with pytest.raises(DataError, match="the dates fit UTC: say --zone UTC"):
        read(export(tmp_path, rows))


def test_one_wrong_date_is_a_bad_row(tmp_path):
    """Of many rows a single one is a mistake, not a clock."""
    rows = [*minutes("10:00", "12:00", "2026-02-24")]
    rows[7] = (rows[7][0], "2026-02-25")

    with pytest.raises(DataError, match=r"line 9, session_date '2026-02-25': its stamp belongs to 2026-02-24.*--skip-bad 1"):
        read(export(tmp_path, rows))

    assert len(read(tmp_path, skip_bad=1).bars) == 120


def test_dates_that_no_clock_fits_are_refused(tmp_path):
    """The remedy is another column, or none."""
    with pytest.raises(DataError, match=r"session_date 2027-01-04, but .*; correct the column session_date, or leave it out"):
        read(export(tmp_path, minutes("10:00", "12:00", "2027-01-04")))


def test_a_holiday_counts_to_the_next_trade_date(tmp_path):
    """On an American holiday trading ends early, and exchange and NinjaTrader call it the next date."""
    rows = minutes("09:00", "13:00", "2026-02-25")

    assert len(read(export(tmp_path, rows)).bars) == 241


def test_calendar_dates_are_told_where_the_hours_prove_the_clock(tmp_path):
    """Some exporters write the date of the stamp; the market's day says that the stamps are right."""
    day = dt.timedelta(days=1)
    one = [*minutes("00:01", "17:00", ""), *minutes("18:01", "23:59", "")]
    rows = [(close + day * number, f"{close + day * number:%Y-%m-%d}") for number in range(3) for close, _ in one]

    notes = read(export(tmp_path, rows)).notes

    assert any("session_date is the calendar date of each stamp" in note for note in notes)

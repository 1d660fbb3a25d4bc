"""Stamps of vendors' files: what is written comes back to the last digit, and nothing else is taken for a stamp."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.replay.sources import cells, layouts, stamps, text

FORM = "YYYY-MM-DDThh:mm:ss.fffffffffZ"
MOMENTS = st.tuples(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2199, 12, 31)), st.integers(0, 999))
SECOND_NS = 1_000_000_000


def table(folder: Path, wanted: cells.Wanted, *cells: str) -> text.Table:
    path = folder / "stamps.csv"
    path.write_text("".join(f"{cell}\n" for cell in cells))
    head = layouts.head_of(path)
    return text.read(head, layouts.Layout(("stamp",)), {"stamp": wanted}, lambda _: None)


@given(st.lists(MOMENTS, min_size=1, max_size=20))
def test_a_fixed_stamp_is_read_to_the_nanosecond(tmp_path_factory, moments):
    """Every moment from 1970 to 2199 comes back as it was written."""
    written = [f"{moment:%Y-%m-%dT%H:%M:%S.%f}{nanos:03}Z" for moment, nanos in moments]
    expected = [np.datetime64(moment, "us").astype(np.int64) * 1000 + nanos for moment, nanos in moments]

    read = table(tmp_path_factory.getbasetemp(), stamps.fixed(FORM, ""), *written)

    assert (read.columns["stamp"].tolist(), read.bad) == (expected, [])


@given(st.text("0123456789-T:.Z ", min_size=1, max_size=32).filter(str.strip))
def test_what_is_no_moment_is_bad(tmp_path_factory, cell):
    """A cell of the same signs in another order is a bad row, whatever it looks like."""
    read = table(tmp_path_factory.getbasetemp(), stamps.fixed(FORM, "no"), cell)

    assert len(read.bad) == 1
    assert read.bad[0].value.strip() in cell


@pytest.mark.parametrize(
    "cell", ["2027-02-29T00:00:00", "2027-13-01T00:00:00", "2027-00-01T00:00:00", "2027-01-01T24:00:00", "1969-12-31T00:00:00"]
)
def test_dates_that_do_not_exist_are_bad(tmp_path, cell):
    """No 29 February in a common year, no month 13, no hour 24, and nothing before 1970."""
    assert len(table(tmp_path, stamps.fixed(FORM, "no"), f"{cell}.000000000Z").bad) == 1


@pytest.mark.parametrize(
    "form, cells",
    [
        ("%d.%m.%Y %H:%M", ["31.01.2027 18:01", "31.1.2027 18:01"]),
        ("%m/%d/%Y %I:%M:%S %p", ["01/31/2027 06:01:00 PM"]),
        ("%y%m%d %H%M", ["270131 1801"]),
        ("%H:%M %Y-%m-%d", ["18:01 2027-01-31"]),
    ],
)
def test_a_strptime_form_is_read_by_its_digits_or_by_strptime(tmp_path, form, cells):
    """The quick way and the slow one give the same."""
    read = table(tmp_path, stamps.written(form, "no"), *cells)

    assert (read.columns["stamp"].tolist(), read.bad) == (
        [np.datetime64("2027-01-31T18:01", "ns").astype(np.int64)] * len(cells),
        [],
    )


@pytest.mark.parametrize("rows", [["{}"], ["{},"], ['"{}"'], ["{}", "{},"], ["{}", '"{}"', " {}"]])
def test_a_stamp_is_found_in_rows_of_any_shape(tmp_path, rows):
    """A separator at the end, quotes and a blank before the cell do not move it, in all rows or in some."""
    cell = "2027-01-31 18:01:00"
    path = tmp_path / "stamps.csv"
    path.write_text("".join(row.format(cell) + "\n" for row in rows))

    read = text.read(layouts.head_of(path), layouts.Layout(("stamp",)), {"stamp": stamps.fixed(stamps.PLAIN, "no")}, lambda _: None)

    assert (len(read.columns["stamp"]), read.bad) == (len(rows), [])


@pytest.mark.parametrize(
    "first, cells, expected_s",
    [
        ("09:31", ["09:31", "9:32"], [34_260, 34_320]),
        ("09:31:00.5", ["09:31:00.5", "09:31:01"], [34_260.5, 34_261]),
        ("9:31", ["9:31"], [34_260]),
    ],
)
def test_times_of_day_may_differ_from_the_first(tmp_path, first, cells, expected_s):
    """The first cell says how most are written; the others are read, too."""
    read = table(tmp_path, stamps.time_of_day(first, "no"), *cells)

    assert (read.columns["stamp"] / SECOND_NS).tolist() == expected_s

"""Numbers and dates as Windows' regions write them: proved from all values of a file, refused where nothing proves them."""

import datetime as dt
from decimal import Decimal

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.compare import region


@pytest.mark.parametrize(
    "text, mark, value",
    [
        ("24954.25", ".", "24954.25"),
        ("24,954.25", ".", "24954.25"),
        ("44,123", ".", "44123"),
        ("24.954,25", ",", "24954.25"),
        ("24954,25", ",", "24954.25"),
        ("24\u202f954,25", ",", "24954.25"),
        ("24'954.25", ".", "24954.25"),
        ("$1.00", ".", "1.00"),
        ("($1,234.50)", ".", "-1234.50"),
        ("-$18.98", ".", "-18.98"),
        ("-$ 1.250,00", ",", "-1250.00"),
        ("0,62 €", ",", "0.62"),
        ("90,00 $", ",", "90.00"),
        ("$-705,76", ",", "-705.76"),
        (".5", ".", "0.5"),
        ("2", ".", "2"),
    ],
)
def test_an_amount_is_read_as_its_region_writes_it(text, mark, value):
    """Signs, parentheses, currencies and groups of thousands."""
    assert region.number(text, mark) == Decimal(value)


@pytest.mark.parametrize("text", ["", "-", "12 %", "109'16x", "abc", "1.2.3,4,5"])
def test_what_is_no_amount_is_refused(text):
    """A unit other than money is none: the grid then shows percent or points."""
    with pytest.raises(ValueError, match="is not a number"):
        region.number(text, ".")


@pytest.mark.parametrize(
    "texts, separator, mark",
    [
        (["44,123", "$0.62"], ",", "."),
        (["44.123", "0,62 €"], ";", ","),
        (["1,234,567"], ";", "."),
        (["44.123"], ";", ","),
        (["44,123"], ",", "."),
        (["5"], ";", ","),
    ],
)
def test_one_number_that_reads_in_one_way_decides_for_all(texts, separator, mark):
    """`44,123` alone could be either; where nothing decides, the columns' separator does."""
    assert region.decimal_mark(texts, separator) == mark


def test_two_decimal_marks_contradict_each_other():
    """The error shows both numbers."""
    with pytest.raises(DataError, match=r"'1\.25' has a decimal point and '0,62' a decimal comma"):
        region.decimal_mark(["1.25", "0,62"], ";")


@pytest.mark.parametrize(
    "text, order, moment",
    [
        ("2/24/2027 9:31:05 AM", "mdy", (2027, 2, 24, 9, 31, 5)),
        ("2/24/2027 12:00:00 AM", "mdy", (2027, 2, 24, 0, 0, 0)),
        ("2/24/2027 12:31:05\u202fPM", "mdy", (2027, 2, 24, 12, 31, 5)),
        ("24/02/2027 3:31:05 p.m.", "dmy", (2027, 2, 24, 15, 31, 5)),
        ("24.02.2027 15:31:05", "dmy", (2027, 2, 24, 15, 31, 5)),
        ("24. 2. 2027 15:31:05", "dmy", (2027, 2, 24, 15, 31, 5)),
        ("24-02-2027 15.31.05", "dmy", (2027, 2, 24, 15, 31, 5)),
        ("2027-02-03 15:31", "dmy", (2027, 2, 3, 15, 31, 0)),
        ("2027/02/03 15:31:05", "mdy", (2027, 2, 3, 15, 31, 5)),
    ],
)
def test_a_stamp_is_read_in_24_and_in_12_hours(text, order, moment):
    """A year that stands first is followed by the month, whatever the order is."""
    assert region.moment(text, order) == dt.datetime(*moment)


@pytest.mark.parametrize("text", ["", "2/24/27 9:31 AM", "2027-02-24", "2/24/2027 13:00 PM", "2/24/2027 9:61", "24.02/2027 9:31"])
def test_what_is_no_stamp_is_refused(text):
    """The error shows the text."""
    with pytest.raises(DataError, match=r"is not|not an hour"):
        region.day_order([text], None)


@pytest.mark.parametrize(
    "texts, asked, order",
    [
        (["02.03.2027 9:31", "24.02.2027 9:31"], None, "dmy"),
        (["2/3/2027 9:31", "2/24/2027 9:31"], None, "mdy"),
        (["2/3/2027 9:31"], "mdy", "mdy"),
        (["2/3/2027 9:31"], "dmy", "dmy"),
        (["2/24/2027 9:31"], "mdy", "mdy"),
        (["2/2/2027 9:31", "2027-02-03 9:31"], None, "dmy"),
    ],
)
def test_a_day_above_12_proves_the_order(texts, asked, order):
    """Else the option says it. Dates that read in one way only need neither."""
    assert region.day_order(texts, asked)[0] == order


def test_an_order_that_nothing_proves_is_refused():
    """The error names the date and the option."""
    with pytest.raises(ConfError, match=r"'02\.03\.2027 9:31' has the day or the month first .* say --dates dmy .* or --dates mdy"):
        region.day_order(["02.03.2027 9:31"], None)


def test_dates_that_contradict_each_other_or_the_option_are_refused():
    """The errors show the dates."""
    with pytest.raises(DataError, match=r"'24/2/2027 9:31' has the day first and '2/24/2027 9:31' the month"):
        region.day_order(["24/2/2027 9:31", "2/24/2027 9:31"], None)
    with pytest.raises(DataError, match=r"--dates dmy: '2/24/2027 9:31' is no such date"):
        region.day_order(["2/24/2027 9:31"], "dmy")

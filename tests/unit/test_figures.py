"""Prices in words: in full where a bar or an order has them, to six digits where they were computed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.strategies.figures import decimals, shown


@pytest.mark.parametrize(
    "price, text",
    [
        (21_000.25, "21000.25"),
        (21_000.0, "21000.00"),
        (110.328125, "110.328125"),
        (103.67578125, "103.67578125"),
        (0.0064325, "0.0064325"),
        (1.08505, "1.08505"),
        (75.13, "75.13"),
        (-37.63, "-37.63"),
        (0.0, "0.00"),
        (0.0000015, "0.0000015"),
    ],
    ids=["index", "whole", "10-year note", "2-year note", "yen", "euro", "crude oil", "below zero", "zero", "three ticks of yen"],
)
def test_a_price_on_a_tick_is_written_in_full(price, text):
    """No digit is lost, and two decimals stand there at least."""
    assert shown(price) == text


@pytest.mark.parametrize(
    "price, text",
    [
        (21_345 + 2 / 3, "21345.67"),
        (75 + 1 / 7, "75.1429"),
        (0.045 / 7, "0.00642857"),
        (75.13 - 75.08, "0.05"),
        (-110 - 1 / 3, "-110.333"),
    ],
    ids=["index", "crude oil", "yen", "a difference", "below zero"],
)
def test_a_computed_price_has_six_digits(price, text):
    """A VWAP does not fill the line with digits that mean nothing."""
    assert shown(price) == text


def test_no_price_is_a_dash():
    """A setup without a target has none."""
    assert shown(None) == "-"


def test_a_page_separates_thousands():
    """The form stands before the decimals."""
    assert shown(21_000.25, ",") == "21,000.25"


@given(st.integers(-10_000_000, 10_000_000), st.sampled_from([0.25, 0.1, 0.01, 0.005, 0.001, 0.00005, 5e-7, 1 / 64, 1 / 256, 5.0]))
def test_any_multiple_of_a_tick_survives(count, tick):
    """Read again, the text is the price."""
    price = round(count * tick, 10)

    assert float(shown(price)) == price


@given(st.floats(-1e7, 1e7))
def test_any_price_is_written_to_six_digits_at_least(price):
    """The error is less than a millionth of the price, or than the finest tick."""
    assert abs(float(shown(price)) - price) <= max(5e-6 * abs(price), 1e-10)
    assert 2 <= decimals(price) <= 10

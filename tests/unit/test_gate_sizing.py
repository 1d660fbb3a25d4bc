"""Rounding to the tick, and how many contracts an entry gets."""

import pytest

from daemons.conf import instruments
from daemons.gate import rounding
from daemons.gate.sizing import risk_cents, size
from daemons.settings import RiskLimits

MNQ = instruments()["MNQ"]
BY_RISK = RiskLimits(contracts=None, budget=400.0, risk_cap=800.0, max_contracts=30)


@pytest.mark.parametrize(
    ("price", "direction", "rounded"),
    [
        (100.0, 1, 100.0),
        (100.0, -1, 100.0),
        (100.01, 1, 100.0),
        (100.01, -1, 100.25),
        (100.24, 1, 100.0),
        (100.24, -1, 100.25),
        (24907.999999999996, 1, 24908.0),
        (24908.000000000004, -1, 24908.0),
        (100.0 - 0.0000003, 1, 99.75),
    ],
)
def test_protective_prices_round_down_for_a_long_and_up_for_a_short(price: float, direction: int, rounded: float) -> None:
    """Stops away from the entry, targets toward it. A formula's error in the last places costs no tick, a real remainder does."""
    assert rounding.protective(price, 0.25, direction) == rounded


@pytest.mark.parametrize(("count", "tick", "price"), [(3, 0.1, 0.3), (99_632, 0.25, 24_908.0), (41_003, 1.0, 41_003.0)])
def test_ticks_and_prices_convert_without_float_dust(count: int, tick: float, price: float) -> None:
    """Three ticks of 0.1 are 0.3, and the way back gives three again."""
    assert rounding.price(count, tick) == price
    assert rounding.ticks(price, tick) == count


@pytest.mark.parametrize(("price", "on"), [(100.25, True), (100.2, False), (100.125, False), (0.1 + 0.2, False)])
def test_a_price_is_on_the_grid_or_not(price: float, on: bool) -> None:
    """Only multiples of the tick are."""
    assert rounding.on_grid(price, 0.25) is on


def test_risk_is_the_distance_to_the_stop_in_money() -> None:
    """29.50 points of MNQ at 2 dollars are 59 dollars, in either direction."""
    assert risk_cents(MNQ, 24_937.5, 24_908.0) == risk_cents(MNQ, 24_908.0, 24_937.5) == 5_900


@pytest.mark.parametrize(
    ("points", "contracts"),
    [
        (29.5, 6),  # 400 / 59 = 6.8
        (200.0, 1),  # exactly the budget
        (199.75, 1),
        (100.0, 2),
        (100.25, 1),
        (300.0, 1),  # over the budget: still one, which may risk up to the cap
        (400.0, 1),  # exactly the cap
        (400.25, 0),  # above it
        (6.5, 30),  # 400 / 13 = 30.8
        (6.25, 30),  # 32 would fit, but never more than max_contracts
    ],
)
def test_size_by_risk(points: float, contracts: int) -> None:
    """As many as the budget pays for, at least one, none above the cap, never more than the limit."""
    assert size(BY_RISK, MNQ, 25_000.0, 25_000.0 - points) == contracts


def test_a_fixed_size_ignores_the_risk() -> None:
    """`contracts` is the size however far the stop, up to max_contracts."""
    assert size(RiskLimits(contracts=1), MNQ, 25_000.0, 20_000.0) == 1
    assert size(RiskLimits(contracts=50, max_contracts=30), MNQ, 25_000.0, 24_990.0) == 30

"""Rounding to the tick, and how many contracts an entry gets."""

import pytest

from tapewire.bus.testing import DAY
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.sizing import risk_cents
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import Instrument, RiskLimits, Sizing
from tests.gates import conf

MNQ, ES = instruments()["MNQ"], instruments()["ES"]
BY_RISK = RiskLimits(contracts=None, budget=400.0, risk_cap=800.0, max_contracts=30)


def size(limits: RiskLimits, terms: Instrument, entry: float, stop: float, strategy: str = "") -> int:
    """What an entry gets in an account with nothing open."""
    gate = Gate(conf(risk=limits))
    wanted = sizing.wanted(limits, terms, entry, stop, strategy)
    return min(wanted, *(room for room, _ in sizing.rooms(gate.account(DAY), "MNQ", risk_cents(terms, entry, stop))))


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


@pytest.mark.parametrize(
    ("ticks", "contracts"),
    [
        (8, 5),  # vector W2: 500 dollars of risk, 8 ticks of 12.50
        (7, 5),  # 500 / 87.50 = 5.7
        (40, 1),  # exactly the risk
        (41, 0),  # one contract would risk more: none, there is no forced minimum (playbook 9.5)
        (2, 20),
        (1, 25),  # 40 would fit, but never more than the strategy's maximum
    ],
)
def test_a_strategy_may_be_sized_by_its_own_account_risk(ticks: int, contracts: int) -> None:
    """1 % of 50,000 dollars, at most 25 contracts, whatever the account's own rule says."""
    limits = RiskLimits(contracts=1, sizing={"VWAP Bounce": Sizing(account=50_000.0, risk_share=0.01, max_contracts=25)})

    assert size(limits, ES, 5800.0, 5800.0 - ticks * 0.25, "VWAP Bounce") == contracts
    assert size(limits, ES, 5800.0, 5800.0 - ticks * 0.25, "Edge Fade") == 1


@pytest.mark.parametrize(
    ("own", "most", "contracts"),
    [
        (Sizing(contracts=3), 30, 3),
        (Sizing(contracts=3), 2, 2),
        (Sizing(contracts=3, max_contracts=1), 30, 1),
        (Sizing(account=50_000.0, risk_share=0.012, max_contracts=3), 30, 3),  # 600 / 137.50 = 4.4
        (Sizing(account=50_000.0, risk_share=0.012), 30, 4),
        (Sizing(account=50_000.0, risk_share=0.012), 2, 2),
    ],
)
def test_neither_maximum_is_passed(own: Sizing, most: int, contracts: int) -> None:
    """The strategy's and the account's; 11 ticks of ES away from the stop."""
    assert size(RiskLimits(max_contracts=most, sizing={"Own": own}), ES, 5795.0, 5792.25, "Own") == contracts


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"contracts": 0},
        {"account": 50_000.0},
        {"risk_share": 0.01},
        {"account": 50_000.0, "risk_share": 1.0},
        {"contracts": 3, "account": 50_000.0, "risk_share": 0.01},
        {"contracts": 3, "account": 50_000.0},
        {"contracts": 3, "max_contracts": -1},
    ],
)
def test_a_size_of_its_own_is_said_in_one_way(wrong: dict[str, float]) -> None:
    """Neither, both, or half of one would have to be guessed; the refusal says what to write."""
    with pytest.raises(ValueError, match=r"write either contracts .* or account .* and risk_share"):
        Sizing(**wrong)

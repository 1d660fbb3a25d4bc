"""Pipeline: the plumbing test strategy, which trades by the bar count."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import Position
from tapewire.strategies.protocol import Exit
from tests.scenes import propose, scene, strategy

HELD = Position("Replay", qty=1, price=21_000.0)


@pytest.mark.parametrize(
    ("i", "buys", "sells"), [(0, True, False), (1, False, False), (2, False, True), (3, False, False), (4, True, False)]
)
def test_it_buys_on_the_first_of_four_bars_and_sells_on_the_third(i: int, buys: bool, sells: bool) -> None:
    """The RTH bar number decides alone."""
    pipeline = strategy("pipeline", "seed")
    bar = scene("09:40", i=i)

    assert (propose(pipeline, bar) is not None) is buys
    assert pipeline.manage(bar, HELD) == (Exit("PIPELINE") if sells else None)  # type: ignore[attr-defined]


def test_it_needs_neither_order_flow_nor_a_balance() -> None:
    """It shows that orders and fills flow, on any data."""
    answer = propose(strategy("pipeline", "seed"), scene("09:31", i=0, flow={"present": False}, ib=None, vwap=None))

    assert answer is not None
    assert (answer.entry, answer.stop, answer.target) == (21_000.0, 20_980.0, 21_020.0)


def test_the_distance_of_its_bracket_is_a_parameter() -> None:
    """Stop and target lie at the same distance."""
    answer = propose(strategy("pipeline", "seed", distance_points=5.0), scene("09:31", i=0))

    assert answer is not None
    assert (answer.stop, answer.target) == (20_995.0, 21_005.0)

"""P-Day (playbook 3.2): the same pullback, on p_day bars, in the direction of the first acceptance."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
LONG_SIDE: dict[str, Any] = {"accepted_long": True, "first_side": "long"}
PULLBACK: dict[str, Any] = {"close": 21_060.0, "vwap": 21_030.0, "day_type": "p_day", **LONG_SIDE}


def proposal(preset: str, changes: dict[str, Any], before: dict[str, Any] = LONG_SIDE) -> Proposal | None:
    """The result on a pullback bar after a bar with the fields of `before`."""
    return propose(strategy("p_day", preset), scene("10:59", **before), scene(**{**PULLBACK, **changes}))


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    (ALL, {"day_type": "p_day"}, True),
    (ALL, {"day_type": "trend_up"}, False),
    (ALL, {"day_type": "b_day"}, False),
    (ALL, {"at": "12:59"}, True),
    (ALL, {"at": "13:00"}, False),
    (ALL, {"close": 21_050.25}, True),
    (ALL, {"close": 21_050.0}, False),
    (ALL, {"vwap": 21_059.75}, True),
    (ALL, {"vwap": 21_060.0}, False),
    (ALL, {"vwap": 21_020.25}, True),
    (ALL, {"vwap": 21_020.0}, False),
    (ALL, {"flow": {"delta": 1.0}}, True),
    (ALL, {"flow": {"delta": 0.0}}, False),
    (ALL, {"flow": {"quality": 2}}, True),
    (ALL, {"flow": {"quality": 1}}, False),
    (ALL, {"flow": {"present": False}}, False),
    (("seed",), {"flow": {"delta10": -499.0}}, True),
    (("seed",), {"flow": {"delta10": -500.0}}, False),
    (("absolute",), {"flow": {"delta_previous9": -500.0}}, True),
    (("absolute",), {"flow": {"delta_previous9": -501.0}}, False),
    (("adaptive",), {"flow": {"delta_previous9": -300.0}}, True),
    (("adaptive",), {"flow": {"delta_previous9": -301.0}}, False),
    (("adaptive",), {"history": {"regime": "low"}}, False),
    (("adaptive",), {"history": {"regime": "high"}}, True),
    (("seed", "absolute"), {"history": {"regime": "low"}}, True),
    (ALL, {"scores": {"trend_bull": 0.0}}, True),
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says; no score is required."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


@pytest.mark.parametrize(
    ("preset", "before", "enters"),
    [
        ("seed", {"accepted_long": True, "first_side": "short"}, True),
        ("seed", {"accepted_long": False, "first_side": "long"}, False),
        ("absolute", {"accepted_long": True, "first_side": "short"}, False),
        ("absolute", {"accepted_long": False, "first_side": "long"}, True),
        ("adaptive", {"accepted_long": True, "first_side": None}, False),
        ("adaptive", {"accepted_long": True, "first_side": "long"}, True),
    ],
)
def test_the_direction_is_that_before_the_bar(preset: str, before: dict[str, Any], enters: bool) -> None:
    """seed reads acceptance above at any time, the others the first side; the bar itself does not count."""
    assert (proposal(preset, {}, before) is not None) is enters


@pytest.mark.parametrize(("preset", "target"), [("seed", None), ("absolute", 21_210.0), ("adaptive", 21_210.0)])
def test_the_target_is_one_and_a_half_balances_away(preset: str, target: float | None) -> None:
    """C + 1.5R; seed has none and holds to the exit time. The stop is that of the pullback."""
    answer = proposal(preset, {"scores": {"trend_bull": 0.25}})

    assert answer is not None
    assert (answer.stop, answer.target, answer.day_confidence) == (20_990.0, target, 0.25)
    assert (answer.strategy, answer.setup, answer.confidence) == ("P-Day", "P_DAY_VWAP_LONG", "high")


def test_the_minimum_of_the_stop_is_that_of_trend_day_bull() -> None:
    """absolute: at least 15 points below the close. R 20, VWAP - 8 is only 10 away."""
    answer = proposal("absolute", {"ib": (21_030.0, 21_050.0), "vwap": 21_058.0})

    assert answer is not None
    assert answer.stop == 21_045.0


def test_it_enters_once_a_session() -> None:
    """A consumed proposal is the last one of the day."""
    p_day = strategy("p_day", "seed")
    first = propose(p_day, scene("10:59", **LONG_SIDE), scene("11:00", **PULLBACK))
    assert first is not None
    p_day.consume(first)

    assert p_day.propose(scene("11:00", **PULLBACK)) is None

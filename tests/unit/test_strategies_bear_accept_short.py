"""Bear Accept Short (playbook 3.6): half a balance below it, after acceptance there."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
LATER = ("absolute", "adaptive")
# IBL 20,950, R 100: entries below 20,900, target 20,875, stop 20,975.
BELOW: dict[str, Any] = {"close": 20_890.0, "below": 3, "day_type": "trend_down", "scores": {"trend_bear": 0.75}}


def proposal(preset: str, changes: dict[str, Any], **parameters: Any) -> Proposal | None:
    return propose(strategy("bear_accept_short", preset, **parameters), scene(**{**BELOW, **changes}))


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    (ALL, {"below": 3}, True),
    (ALL, {"below": 2}, False),
    (ALL, {"below": 2, "accepted_short": True}, False),  # the running count, not the latch
    (ALL, {"day_type": "trend_down"}, True),
    (("seed",), {"day_type": "b_day_bear"}, True),
    (LATER, {"day_type": "b_day_bear"}, False),
    (ALL, {"day_type": "super_trend_down"}, False),
    (ALL, {"day_type": "p_day"}, False),
    (ALL, {"at": "13:59"}, True),
    (ALL, {"at": "14:00"}, False),
    # (IBL - C) / R > 0.5
    (ALL, {"close": 20_899.75}, True),
    (ALL, {"close": 20_900.0}, False),
    # C - target > m
    (("seed",), {"close": 20_875.25}, True),
    (("seed",), {"close": 20_875.0}, False),
    (LATER, {"close": 20_880.25}, True),
    (LATER, {"close": 20_880.0}, False),
    # adaptive: 0.03R is 6 when R is 200 (target 20,800)
    (("adaptive",), {"ib": (20_950.0, 21_150.0), "close": 20_806.25}, True),
    (("adaptive",), {"ib": (20_950.0, 21_150.0), "close": 20_806.0}, False),
    (("absolute",), {"ib": (20_950.0, 21_150.0), "close": 20_806.0}, True),
    # negative delta is not required, but order flow must be present
    (ALL, {"flow": {"delta": 50.0, "quality": 0}}, True),
    (ALL, {"flow": {"present": False}}, False),
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


@pytest.mark.parametrize(("margin", "enters"), [(84.75, True), (85.0, False)])
def test_the_stop_keeps_the_margin_too(margin: float, enters: bool) -> None:
    """`stop - C > m`. With the shipped margins the zone keeps it anyway, so the target is moved out of the way."""
    answer = proposal("seed", {}, margin_points=margin, target_below_r=3.0)

    assert (answer is not None) is enters


@pytest.mark.parametrize(("below", "confidence"), [(5, "medium"), (6, "high")])
def test_six_closes_below_are_confident(below: int, confidence: str) -> None:
    """High from six closes in a row on, else medium."""
    answer = proposal("seed", {"below": below})

    assert answer is not None
    assert answer.confidence == confidence


def test_the_bracket_is_fixed_to_the_balance_low() -> None:
    """Stop IBL + 0.25R, target IBL - 0.75R."""
    answer = proposal("seed", {})

    assert answer is not None
    assert (answer.entry, answer.stop, answer.target, answer.day_confidence) == (20_890.0, 20_975.0, 20_875.0, 0.75)
    assert (answer.strategy, answer.setup, answer.direction) == ("Bear Accept Short", "BEAR_ACCEPTANCE", "SHORT")
    assert answer.reason == "close 20890.00 is 0.60 IB below IBL 20950.00, 3 closes below, trend score 0.75"


def test_it_enters_once_a_session() -> None:
    """A consumed proposal is the last one of the day."""
    bear = strategy("bear_accept_short", "seed")
    first = propose(bear, scene(**BELOW))
    assert first is not None
    bear.consume(first)

    assert bear.propose(scene(**BELOW)) is None

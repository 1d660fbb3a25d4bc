"""B-Day IBL Fade (playbook 3.3): the touch of the initial balance low on a balanced day."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
LATER = ("absolute", "adaptive")
# Low at the IBL 20,950, close 20,955, lower wick 5 of 10; spike and gap are there, so three terms hold in every preset.
TOUCH: dict[str, Any] = {
    "open": 20_958.0,
    "high": 20_960.0,
    "low": 20_950.0,
    "close": 20_955.0,
    "fvg_bull": True,
    "scores": {"b_day": 0.8},
}
POOR = {"fvg_bull": False, "flow": {"volume_spike": 1.0}, "open": 20_955.0, "low": 20_950.0, "high": 20_980.0}  # wick 1/6


def proposal(preset: str, changes: dict[str, Any]) -> Proposal | None:
    return propose(strategy("b_day_ibl_fade", preset), scene(**{**TOUCH, **changes}))


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    (ALL, {}, True),
    (ALL, {"day_type": "neutral"}, False),
    (ALL, {"day_type": "p_day"}, False),
    (ALL, {"scores": {"b_day": 0.5}}, True),
    (ALL, {"scores": {"b_day": 0.49}}, False),
    (ALL, {"at": "13:59"}, True),
    (ALL, {"at": "14:00"}, False),
    # low at or below the IBL
    (ALL, {"low": 20_950.0}, True),
    (ALL, {"low": 20_950.25}, False),
    # delta
    (ALL, {"flow": {"delta": 1.0}}, True),
    (ALL, {"flow": {"delta": 0.0}}, False),
    (ALL, {"flow": {"present": False}}, False),
    # IB cap
    (("seed",), {"ib": (20_950.0, 21_349.75)}, True),
    (("seed",), {"ib": (20_950.0, 21_350.0)}, False),
    (LATER, {"ib": (20_950.0, 21_350.0)}, True),
    (LATER, {"ib": (20_950.0, 21_350.25)}, False),
    (("adaptive",), {"ib": (20_950.0, 21_070.0), "history": {"p90": 100.0}}, True),  # 120 is 1.2 times 100
    (("adaptive",), {"ib": (20_950.0, 21_070.25), "history": {"p90": 100.0}}, False),
    (("adaptive",), {"ib": (20_950.0, 21_450.0), "history": {"p90": 500.0}}, True),  # with a history, 400 points do not apply
    (("absolute",), {"ib": (20_950.0, 21_350.0), "history": {"p90": 100.0}}, True),
    # regime
    (("adaptive",), {"history": {"regime": "low"}}, False),
    (("adaptive",), {"history": {"regime": None}}, True),
    (("seed", "absolute"), {"history": {"regime": "low"}}, True),
    # close above the IBL, except in seed
    (("seed",), {"close": 20_950.0, "low": 20_945.0}, True),
    (LATER, {"close": 20_950.25, "low": 20_945.0}, True),
    (LATER, {"close": 20_950.0, "low": 20_945.0}, False),
    # stop < close < target: stop is 20,940, target 21,000
    (("seed",), {"close": 20_940.25, "low": 20_930.0}, True),
    (("seed",), {"close": 20_940.0, "low": 20_930.0}, False),
    (("seed",), {"close": 20_999.75, "high": 21_010.0}, True),
    (("seed",), {"close": 21_000.0, "high": 21_010.0}, False),
    # (close - stop) / (target - close) at most 2.5, except in seed: ib 0 to 140 gives stop -14, target 70, so 46 is the edge
    (LATER, {"ib": (20_950.0, 21_090.0), "close": 20_996.0, "high": 21_000.0}, True),
    (LATER, {"ib": (20_950.0, 21_090.0), "close": 20_996.25, "high": 21_000.0}, False),
    (("seed",), {"ib": (20_950.0, 21_090.0), "close": 20_996.25, "high": 21_000.0}, True),
    # no valid initial balance
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


TERMS: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (("seed",), POOR, "none"),
    (("seed",), {**POOR, "fvg_bull": True}, "none"),
    (("seed",), {**POOR, "fvg_bull_15m": True, "flow": {"volume_spike": 1.31}}, "medium"),
    (("seed",), {**POOR, "fvg_bull": True, "flow": {"volume_spike": 1.3}}, "none"),
    (("seed",), {**POOR, "fvg_bull": True, "flow": {"volume_spike": None}}, "none"),
    # lower wick: (min(open, close) - low) / height
    (("seed",), {**POOR, "fvg_bull": True, "close": 20_953.0, "open": 20_959.0, "high": 20_960.0}, "medium"),  # 0.3 exactly
    (("seed",), {**POOR, "fvg_bull": True, "close": 20_952.75, "open": 20_959.0, "high": 20_960.0}, "none"),
    (("seed",), {**POOR, "fvg_bull": True, "close": 20_950.0, "open": 20_950.0, "high": 20_950.0}, "none"),  # no height, no wick
    (("seed",), {}, "high"),
    (("seed",), {**POOR, "touches": 9}, "none"),  # seed does not count touches
    (LATER, POOR, "none"),  # the delta alone
    (LATER, {**POOR, "touches": 1}, "none"),
    (LATER, {**POOR, "touches": 2}, "medium"),
    (LATER, {**POOR, "fvg_bull_15m": True}, "medium"),
    (LATER, {**POOR, "flow": {"volume_spike": 1.31}}, "medium"),
    (LATER, {**POOR, "flow": {"volume_spike": 1.3}}, "none"),
    (LATER, {**POOR, "flow": {"volume_spike": 1.31}, "touches": 2}, "high"),
    (LATER, {**POOR, "open": 20_955.0, "high": 20_960.0}, "none"),  # a wick counts in seed only
]


@pytest.mark.parametrize(("presets", "changes", "confidence"), TERMS)
def test_two_terms_enter_and_three_are_confident(presets: tuple[str, ...], changes: dict[str, Any], confidence: str) -> None:
    """seed counts spike, wick, gap; the others gap, delta, touches, spike. A missing value is a failed term."""
    for preset in presets:
        answer = proposal(preset, changes)

        assert (answer.confidence if answer else "none") == confidence, preset


def test_the_bracket_spans_from_a_tenth_below_to_the_middle() -> None:
    """Stop IBL - 0.10R, target IBM."""
    answer = proposal("seed", {})

    assert answer is not None
    assert (answer.entry, answer.stop, answer.target) == (20_955.0, 20_940.0, 21_000.0)
    assert (answer.strategy, answer.setup, answer.direction) == ("B-Day IBL Fade", "B_DAY_IBL_FADE", "LONG")
    assert answer.day_confidence == 0.8


def test_it_enters_once_a_session() -> None:
    """A consumed proposal is the last one of the day."""
    fade = strategy("b_day_ibl_fade", "seed")
    first = propose(fade, scene(**TOUCH))
    assert first is not None
    fade.consume(first)

    assert fade.propose(scene(**TOUCH)) is None

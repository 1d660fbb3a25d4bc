"""Trend Day Bull (playbook 3.1): the pullback to VWAP after acceptance above the initial balance."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
PULLBACK: dict[str, Any] = {"close": 21_060.0, "vwap": 21_030.0, "day_type": "p_day", "scores": {"trend_bull": 0.5}}


def proposal(preset: str, changes: dict[str, Any], **parameters: Any) -> Proposal | None:
    """The result on a pullback bar after a bar with acceptance."""
    accepted = scene("10:59", close=21_060.0, accepted_long=True)
    return propose(
        strategy("trend_day_bull", preset, **parameters), accepted, scene(**{**PULLBACK, "accepted_long": True, **changes})
    )


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    # close above IBH 21,050 and above VWAP
    (ALL, {"close": 21_050.25}, True),
    (ALL, {"close": 21_050.0}, False),
    (ALL, {"vwap": 21_059.75}, True),
    (ALL, {"vwap": 21_060.0}, False),
    (ALL, {"vwap": None}, False),
    # (close - VWAP) / R < 0.40
    (ALL, {"vwap": 21_020.25}, True),
    (ALL, {"vwap": 21_020.0}, False),
    # buyers: delta > 0, two terms of quality, order flow there at all
    (ALL, {"flow": {"delta": 1.0}}, True),
    (ALL, {"flow": {"delta": 0.0}}, False),
    (ALL, {"flow": {"quality": 2}}, True),
    (ALL, {"flow": {"quality": 1}}, False),
    (ALL, {"flow": {"present": False}}, False),
    # pre-delta
    (("seed",), {"flow": {"delta10": -499.0, "delta_previous9": -9_000.0}}, True),
    (("seed",), {"flow": {"delta10": -500.0}}, False),
    (("absolute",), {"flow": {"delta_previous9": -500.0, "delta10": -9_000.0}}, True),
    (("absolute",), {"flow": {"delta_previous9": -501.0}}, False),
    (("adaptive",), {"flow": {"delta_previous9": -300.0, "delta10": -9_000.0}}, True),
    (("adaptive",), {"flow": {"delta_previous9": -301.0}}, False),
    # time
    (ALL, {"at": "12:59"}, True),
    (ALL, {"at": "13:00"}, False),
    # day type
    (ALL, {"day_type": "trend_up"}, True),
    (("seed",), {"day_type": "super_trend_up"}, False),
    (("absolute", "adaptive"), {"day_type": "super_trend_up"}, True),
    (ALL, {"day_type": "b_day"}, False),
    (ALL, {"day_type": "trend_down"}, False),
    # score
    (("seed",), {"scores": {"trend_bull": 0.0}}, True),
    (("absolute",), {"scores": {"trend_bull": 0.375}}, True),
    (("absolute",), {"scores": {"trend_bull": 0.374}}, False),
    (("adaptive",), {"scores": {"trend_bull": 0.40}}, True),
    (("adaptive",), {"scores": {"trend_bull": 0.399}}, False),
    # regime
    (("adaptive",), {"history": {"regime": "low"}}, False),
    (("adaptive",), {"history": {"regime": "normal"}}, True),
    (("adaptive",), {"history": {"regime": None}}, True),
    (("seed", "absolute"), {"history": {"regime": "low"}}, True),
    # no valid initial balance
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


def test_the_bar_that_completes_acceptance_cannot_enter() -> None:
    """Acceptance must hold before the bar; on the next bar it does."""
    bull = strategy("trend_day_bull", "seed")
    before = scene("10:59", close=21_060.0, accepted_long=False)
    accepting = scene("11:00", **PULLBACK, accepted_long=True)

    assert propose(bull, before, accepting) is None
    assert propose(bull, before, accepting, scene("11:01", **PULLBACK, accepted_long=True)) is not None


@pytest.mark.parametrize(
    ("preset", "changes", "stop"),
    [
        ("seed", {}, 20_990.0),  # VWAP 21,030 - 0.40 R
        ("absolute", {}, 20_990.0),
        # R 20: VWAP - 8 is 10 below the close, the minimum is 15
        ("absolute", {"ib": (21_030.0, 21_050.0), "vwap": 21_058.0}, 21_045.0),
        ("seed", {"ib": (21_030.0, 21_050.0), "vwap": 21_058.0}, 21_050.0),
    ],
)
def test_the_stop_lies_below_vwap_and_keeps_its_minimum(preset: str, changes: dict[str, Any], stop: float) -> None:
    """`min(VWAP - 0.40R, C - minimum)`; seed has no minimum."""
    answer = proposal(preset, changes)

    assert answer is not None
    assert answer.stop == stop


def test_a_minimum_in_shares_of_the_balance_pushes_the_stop_down() -> None:
    """adaptive's 0.10R can never be the lower of the two while 0.40R hangs below VWAP, so a larger one shows the rule."""
    answer = proposal("adaptive", {}, stop_at_least_r=0.75)

    assert answer is not None
    assert answer.stop == 21_060.0 - 75.0


@pytest.mark.parametrize(
    ("preset", "changes", "target"),
    [
        ("seed", {}, None),
        ("seed", {"day_type": "trend_up"}, None),
        ("absolute", {"day_type": "p_day"}, 21_060.0 + 150.0),
        ("absolute", {"day_type": "trend_up"}, 21_060.0 + 200.0),
        ("absolute", {"day_type": "trend_up", "ib": (21_000.0, 21_050.0), "vwap": 21_050.0}, 21_060.0 + 100.0),  # R 50
        ("absolute", {"day_type": "trend_up", "ib": (21_000.25, 21_050.0), "vwap": 21_050.0}, 21_060.0 + 2.5 * 49.75),
        ("absolute", {"day_type": "p_day", "ib": (21_010.0, 21_050.0), "vwap": 21_050.0}, 21_060.0 + 60.0),  # p_day comes first
        ("adaptive", {"day_type": "trend_up", "history": {"mean10": 200.0}}, 21_060.0 + 200.0),  # R is half the mean exactly
        ("adaptive", {"day_type": "trend_up", "history": {"mean10": 200.5}}, 21_060.0 + 250.0),
        # once the history is known, 50 points say nothing
        ("adaptive", {"day_type": "trend_up", "ib": (21_010.0, 21_050.0), "vwap": 21_050.0, "history": {"mean10": 60.0}}, 21_140.0),
        ("adaptive", {"day_type": "trend_up", "ib": (21_010.0, 21_050.0), "vwap": 21_050.0}, 21_060.0 + 100.0),
    ],
)
def test_the_target_depends_on_the_day_type_and_on_compression(preset: str, changes: dict[str, Any], target: float | None) -> None:
    """1.5R on p_day, else 2.5R compressed, else 2.0R; seed holds to the exit time."""
    answer = proposal(preset, changes)

    assert answer is not None
    assert answer.target == target


def test_it_enters_once_a_session() -> None:
    """A consumed proposal is the last one of the day; on the next day it may enter again."""
    bull = strategy("trend_day_bull", "seed")
    bars = [scene(at, **PULLBACK, accepted_long=True) for at in ("11:00", "11:01", "11:02")]
    first = propose(bull, *bars[:2])
    assert first is not None
    bull.consume(first)
    bull.update(bars[2])

    assert bull.propose(bars[2]) is None
    assert propose(bull, *bars) is not None


def test_a_proposal_carries_its_facts() -> None:
    """Strategy, setup, confidence, score and quality come with the prices, and the reason is in words and numbers."""
    answer = proposal("absolute", {})

    assert answer is not None
    assert (answer.strategy, answer.setup, answer.direction) == ("Trend Day Bull", "VWAP_PULLBACK", "LONG")
    assert (answer.entry, answer.day_type, answer.confidence, answer.day_confidence) == (21_060.0, "p_day", "high", 0.5)
    assert (answer.quality.score, answer.quality.volume_spike) == (3, 1.5)
    assert answer.reason.startswith("close 21060.00 is 0.30 IB above VWAP 21030.00, delta +100, quality 3/3")


def test_propose_changes_nothing() -> None:
    """`propose` may be called any number of times."""
    bull = strategy("trend_day_bull", "seed")
    bars = [scene(at, **PULLBACK, accepted_long=True) for at in ("11:00", "11:01")]

    assert propose(bull, *bars) == bull.propose(bars[-1]) == bull.propose(bars[-1])

"""IBH Sweep+Fail (playbook 3.5): above the initial balance high and back inside on one bar."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
LATER = ("absolute", "adaptive")
# IBH 21,050: high 10 above it, close 10 below it, upper wick 12 of 32 points.
SWEEP: dict[str, Any] = {
    "open": 21_048.0,
    "high": 21_060.0,
    "low": 21_028.0,
    "close": 21_040.0,
    "flow": {"delta": -100.0},
    "scores": {"b_day": 0.6},
    "levels": {"pdh": 21_055.0},
}
SELLERS = {"delta": -100.0}


def proposal(preset: str, changes: dict[str, Any]) -> Proposal | None:
    return propose(strategy("ibh_sweep_fail", preset), scene(**{**SWEEP, **changes}))


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    (ALL, {"day_type": "b_day"}, True),
    (ALL, {"day_type": "neutral"}, False),
    (ALL, {"day_type": "p_day"}, False),
    (ALL, {"at": "13:59"}, True),
    (ALL, {"at": "14:00"}, False),
    # high above, close below the IBH
    (("seed",), {"high": 21_050.25, "open": 21_035.0, "close": 21_035.0}, True),
    (("seed",), {"high": 21_050.0, "open": 21_035.0, "close": 21_035.0}, False),
    (ALL, {"close": 21_049.75, "open": 21_049.75}, True),
    (ALL, {"close": 21_050.0}, False),
    # sellers
    (ALL, {"flow": {"delta": -1.0}}, True),
    (ALL, {"flow": {"delta": 0.0}}, False),
    (ALL, {"flow": {"delta": -1.0, "present": False}}, False),
    # upper wick: 12 of 40 points is 0.3
    (ALL, {"low": 21_020.0}, True),
    (ALL, {"low": 21_019.75}, False),
    # score
    (("seed",), {"scores": {"b_day": 0.0}}, True),
    (("absolute",), {"scores": {"b_day": 0.30}}, True),
    (("absolute",), {"scores": {"b_day": 0.29}}, False),
    (("adaptive",), {"scores": {"b_day": 0.50}}, True),
    (("adaptive",), {"scores": {"b_day": 0.49}}, False),
    # IB cap, with a sweep that is large enough for any R
    (("seed",), {"ib": (20_000.0, 21_050.0)}, True),
    (LATER, {"ib": (20_750.0, 21_050.0), "high": 21_070.0}, True),
    (LATER, {"ib": (20_749.75, 21_050.0), "high": 21_070.0}, False),
    (("adaptive",), {"ib": (20_930.0, 21_050.0), "history": {"p90": 100.0}}, True),
    (("adaptive",), {"ib": (20_929.75, 21_050.0), "history": {"p90": 100.0}}, False),
    (("adaptive",), {"ib": (20_650.0, 21_050.0), "high": 21_070.0, "history": {"p90": 400.0}}, True),
    # target < close: the middle is 21,000
    (ALL, {"close": 21_000.25, "open": 21_040.0, "low": 21_000.25}, True),
    (ALL, {"close": 21_000.0, "open": 21_040.0, "low": 21_000.0}, False),
    # seed: near one existing level (0.07R is 7), and a volume spike
    (("seed",), {"levels": {"pdh": 21_067.0}}, True),
    (("seed",), {"levels": {"pdh": 21_067.25}}, False),
    (("seed",), {"levels": {"london_high": 21_067.0}}, True),
    (("seed",), {"levels": {"overnight_high": 21_067.0}}, True),
    (("seed",), {"levels": {"asia_high": 21_060.0, "premarket_high": 21_060.0}}, False),
    (("seed",), {"levels": {"pdh": 20_000.0}}, True),  # far above a level has passed it
    (("seed",), {"levels": {"pdh": 21_500.0, "overnight_high": 21_060.0}}, True),  # one is enough
    (("seed",), {"levels": {}}, False),
    (("seed",), {"flow": {**SELLERS, "volume_spike": 1.31}}, True),
    (("seed",), {"flow": {**SELLERS, "volume_spike": 1.3}}, False),
    (("seed",), {"flow": {**SELLERS, "volume_spike": None}}, False),
    (LATER, {"flow": {**SELLERS, "volume_spike": None}}, True),
    # absolute, adaptive: the sweep itself (5 points, 0.05R)
    (LATER, {"high": 21_055.0, "open": 21_040.0, "levels": {}}, True),
    (LATER, {"high": 21_054.75, "open": 21_040.0, "levels": {}}, False),
    # absolute: more than 10 short of the prior day's high it must be 15
    (("absolute",), {"levels": {"pdh": 21_070.0}}, True),
    (("absolute",), {"levels": {"pdh": 21_070.25}}, False),
    (("absolute",), {"levels": {"pdh": 21_200.0}, "high": 21_065.0}, True),
    (("absolute",), {"levels": {"pdh": 21_200.0}, "high": 21_064.75}, False),
    # adaptive: more than 0.07R short of it must be 0.10R
    (("adaptive",), {"levels": {"pdh": 21_063.0}, "high": 21_056.0, "open": 21_040.0}, True),
    (("adaptive",), {"levels": {"pdh": 21_063.25}, "high": 21_056.0, "open": 21_040.0}, False),
    (("adaptive",), {"levels": {"pdh": 21_200.0}, "high": 21_060.0}, True),
    (("adaptive",), {"levels": {"pdh": 21_200.0}, "high": 21_059.75}, False),
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


def test_the_bracket_is_set_from_the_bars_high() -> None:
    """Stop H + 0.15R, target IBM, and the proposal sells."""
    answer = proposal("seed", {})

    assert answer is not None
    assert (answer.entry, answer.stop, answer.target) == (21_040.0, 21_075.0, 21_000.0)
    assert (answer.strategy, answer.setup, answer.direction) == ("IBH Sweep+Fail", "IBH_SWEEP_FAIL", "SHORT")
    assert (answer.confidence, answer.day_confidence) == ("high", 0.6)
    assert answer.reason.startswith("high 21060.00 swept IBH 21050.00 by 10.00, close 21040.00 back inside, delta -100")


def test_it_enters_once_a_session() -> None:
    """A consumed proposal is the last one of the day."""
    sweep = strategy("ibh_sweep_fail", "seed")
    first = propose(sweep, scene(**SWEEP))
    assert first is not None
    sweep.consume(first)

    assert sweep.propose(scene(**SWEEP)) is None

"""Every strategy alone against the conformance vectors, through the tracker, for every preset (playbook 7.1).

Tolerances are those of the vectors' own description: prices 1e-6, quality 1e-9, all else equal, in the same order.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tapewire.bus.messages import Session
from tapewire.daemons.settings import load as conf
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal
from tapewire.strategies.roster import Independent
from tests.conformance.test_session import FEATURE_TOLERANCE, PRICE_TOLERANCE, VECTORS, lines, sessions
from tests.scenes import PRESETS
from tests.shared import needs_shared

PRICES = ("entry", "stop", "target")


@needs_shared
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("vectors", ["synth", "real"])
def test_every_proposal_is_the_expected_one(vectors: str, preset: str) -> None:
    """Same keys in the same order, text equal, prices and quality within their tolerance."""
    expected = list(lines(VECTORS / vectors / "expected" / preset / "proposals.jsonl"))
    got = [line(s, proposal) for s, proposal in proposals(vectors, preset)]

    assert [key(each) for each in got] == [key(each) for each in expected]
    for mine, theirs in zip(got, expected, strict=True):
        assert mine == close_to(theirs), key(theirs)


@needs_shared
@pytest.mark.parametrize("preset", PRESETS)
def test_a_longer_recording_changes_no_earlier_proposal(preset: str) -> None:
    """No look-ahead: the proposals up to a bar are the same whether or not more bars follow."""
    shipped = conf.preset(preset)
    whole = [(s.bar.index, proposal) for s, proposal in proposals("synth", preset)]
    recorded = tracked("synth")
    cut = len(recorded) // 2
    independent = Independent(registry.build(shipped.strategies, shipped.parameters, shipped.day_type), shipped.exits.exit_time)
    half = [(s.bar.index, proposal) for s in recorded[:cut] for proposal in independent.step(s)]

    assert half
    assert half == [each for each in whole if each[0] <= recorded[cut - 1].bar.index]


def proposals(vectors: str, preset: str) -> list[tuple[Session, Proposal]]:
    """The proposals of the preset's strategies, each alone, with the session of each."""
    shipped = conf.preset(preset)
    strategies = registry.build(shipped.strategies, shipped.parameters, shipped.day_type)
    independent = Independent(strategies, shipped.exits.exit_time)
    return [(s, proposal) for s in tracked(vectors) for proposal in independent.step(s)]


@functools.cache
def tracked(vectors: str) -> list[Session]:
    return sessions(vectors)


def line(s: Session, proposal: Proposal) -> dict[str, Any]:
    """A proposal in the columns of the vectors."""
    quality = proposal.quality
    return {
        "session": s.session,
        "time": f"{s.session}T{s.minute // 60:02}:{s.minute % 60:02}:00",
        "strategy": proposal.strategy,
        "setup": proposal.setup,
        "direction": proposal.direction,
        "entry": proposal.entry,
        "stop": proposal.stop,
        "target": proposal.target,
        "day_type": proposal.day_type,
        "confidence": proposal.confidence,
        "day_confidence": proposal.day_confidence,
        "quality": {
            "delta_percentile": quality.delta_percentile,
            "imbalance_ratio": quality.imbalance_ratio,
            "volume_spike": quality.volume_spike,
            "score": quality.score,
        },
    }


def key(line: dict[str, Any]) -> tuple[str, str]:
    return line["time"], line["strategy"]


def close_to(line: dict[str, Any]) -> dict[str, Any]:
    """An expected line, with the tolerance of each number."""
    return {name: within(name, value) for name, value in line.items()}


def within(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return close_to(value)
    if isinstance(value, float):
        return pytest.approx(value, rel=0, abs=PRICE_TOLERANCE if name in PRICES else FEATURE_TOLERANCE)
    return value

"""Fuzzed frames at every port while a replay runs: a bounded round of what `python -m tests.bench hostile` does at length."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests import hostile
from tests.integration.test_files import prepared

pytestmark = pytest.mark.slow

FRAMES = 6_000


def test_hostile_frames_change_nothing(home: Path, bars: Path, tmp_path: Path) -> None:
    """Under every key and under none, on tcp and inside: every daemon lives on under its pid, no log has a stack trace, and every
    message and result of the replay is as in an undisturbed run. Every port was sent something, and refused or turned away some."""
    conf, recording = prepared("hostile", bars)
    recording = msgspec.structs.replace(recording, bars=recording.bars[:1_200])

    outcome = hostile.run(conf, recording, tmp_path, frames=FRAMES)

    assert (outcome.died, outcome.faults, outcome.changed) == ((), (), ())
    assert sum(outcome.sent.values()) >= FRAMES
    assert {name.partition(",")[0] for name in outcome.sent} == set(hostile.PLACES)
    assert all(count > 0 for count in outcome.refused.values()), outcome.refused
    assert sum(outcome.turned_away.values()) > 0

"""A million fuzzed frames to every port of a replay, under every key and under none: what each port got, its cost, what changed.

The attack itself is `tests/hostile.py`; a test makes a bounded round of it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.replay.sources.recording import Recording
from tests import hostile
from tests.bench import ours
from tests.bench.figures import Figure, compared

FRAMES = 1_000_000
ALONE, MEANWHILE = "a bar undisturbed", "a bar meanwhile"


def run(folder: Path, recorded: ours.Recorded, *, quick: bool, frames: int = FRAMES) -> list[Figure]:
    """Play the recording while so many frames are sent, a fiftieth of them if `quick`."""
    conf = ours.settings("seed", ["pipeline"])
    bus = msgspec.structs.replace(conf.bus, base_port=supervise.free_base_port(conf.bus.host, ours.PORTS_FROM))
    conf = msgspec.structs.replace(conf, calendar=recorded.calendar, bus=bus)
    bars = recorded.bars[: 1_500 if quick else 8_000]
    recording = Recording(ours.INSTRUMENT, configuration.instrument(ours.INSTRUMENT).root, bars)
    outcome = hostile.run(conf, recording, folder / "hostile", frames=frames // 50 if quick else frames)
    name = f"hostile, {sum(outcome.sent.values()):,} frames"
    counts = [
        *((f"sent to {port}", count) for port, count in outcome.sent.items()),
        *((f"refused by {process}", count) for process, count in outcome.refused.items()),
        *((f"turned away at {port}", count) for port, count in outcome.turned_away.items()),
    ]
    return [
        *compared(name, {ALONE: outcome.alone_us, MEANWHILE: outcome.meanwhile_us}, ALONE, notes={MEANWHILE: verdict(outcome)}),
        *(
            Figure(name, each, 1e6 * outcome.seconds / count, per_s=count / outcome.seconds, note=f"{count:,}")
            for each, count in counts
            if count
        ),
    ]


def verdict(outcome: hostile.Outcome) -> str:
    """What the attack has changed, in a line."""
    parts = (("died", outcome.died), ("faults", outcome.faults), ("changed", outcome.changed))
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)
    return found or "same processes, no stack trace, every message and result as undisturbed"

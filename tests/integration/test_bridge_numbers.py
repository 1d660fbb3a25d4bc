"""The numbers of bars, when a chart's history waits for the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.bus.messages import Bar
from tapewire.replay import tapes
from tests import bridges
from tests.bridges import PATIENCE_S, Bridge
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

CREDIT = 1024  # bars that the bridge sends ahead of the journal
HISTORY = CREDIT + 176


def until(holds: Callable[[], bool]) -> None:
    """The time limit only ends a test that would never pass."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def indices(run: Path) -> list[int]:
    """The numbers of the journal's bars."""
    topic = "raw.bar.MNQ.1m."
    return [bar.index for bar in tapes.facts(run, topic, Bar)] if topic in tapes.topics(run, topic) else []


def test_a_bar_that_comes_while_older_ones_wait_gets_the_number_after_them(
    home: Path, program: Path, plain: Path, tmp_path: Path
) -> None:
    """Without a logger the first burst stops when the credit is used up. A bar closes then, and a chart with another lookback is
    opened: both number on behind the bars that wait, not behind the last one that has gone out. The indicator's chart keeps the
    connection alive."""
    conf = bridges.conf()
    run = tmp_path / "run"
    with bridges.bus(conf, run, ("broker",)):
        bridge = Bridge(program, conf, run, plain, tmp_path / "nt", "--historical", HISTORY, "--from", HISTORY)
        try:
            bridge.done()
            until(lambda: f" bars {CREDIT} " in bridge.do("lights")[0])
            for line in ("bar", "chart YM YM YM 0", "on YM indicator", "unload", f"chart again MNQ NQ {HISTORY - 10}"):
                bridge.do(line)
            for line in ("load", "bar", "bar"):
                bridge.do(f"on again {line}")

            with bridges.daemons(run, ("logger",)):
                until(lambda: len(indices(run)) >= HISTORY + 2)
        finally:
            bridge.kill()

    assert indices(run) == list(range(HISTORY + 2))

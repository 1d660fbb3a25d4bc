"""Charts whose bars are not one-minute are refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import bridges
from tests.bridges import Bridge
from tests.integration.test_processes import eventually
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


@pytest.mark.parametrize(
    ("period", "shows"),
    [("Tick 100", "100 Tick"), ("Minute 5", "5 Minute"), ("Volumetric Range 8", "8 Range, volumetric")],
    ids=["ticks", "five minutes", "volumetric ranges"],
)
def test_a_strategy_on_other_bars_opens_nothing_and_says_why(
    home: Path, program: Path, plain: Path, tmp_path: Path, period: str, shows: str
) -> None:
    """Corner and log name what the chart shows and what to choose; no socket is opened."""
    bridge = Bridge(program, bridges.conf(), None, plain, tmp_path / "nt", "--period", period, "--from", 10)
    try:
        bridge.done()
        bridge.do("bar")
        corner, log, sockets = (bridge.do(line) for line in ("corner", "printed", "sockets"))
    finally:
        bridge.kill()

    assert corner[0].startswith(f"this chart's bars are not one-minute ({shows}), so none is sent: Data Series > ")
    assert log == [f"Error: tapewire: {corner[0]}"]
    assert sockets == ["0"]


def test_an_indicator_on_other_minutes_sends_nothing_and_answers_backfill(
    home: Path, program: Path, plain: Path, tmp_path: Path
) -> None:
    """Its sockets are open for `tapewire backfill`; no bar waits to be sent."""
    bridge = Bridge(program, bridges.conf(), None, plain, tmp_path / "nt", "--period", "Minute 5", "--from", 10)
    try:
        bridge.done()
        for line in ("unload", "indicator", "bar"):
            bridge.do(line)
        assert eventually(lambda: "not one-minute" in "".join(bridge.do("corner")))
        corner, sockets = (bridge.do(line) for line in ("corner", "sockets"))
    finally:
        bridge.kill()

    assert corner[0] == "sent 0 failed 0 queued 0 dropped 0"
    assert sockets != ["0"]

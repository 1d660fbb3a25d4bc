"""The signal files of a running publisher."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.pace import Pace
from tapewire.replay.sources.recording import Recording
from tests.candles import bars
from tests.unit.test_strategies_v_reversal import BIDIRECTIONAL, DAY, V1

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


def test_a_replay_of_vector_v1_leaves_its_file(tmp_path: Path) -> None:
    """The folder that the configuration names holds one complete file for the approved signal, and nothing else."""
    conf = configuration.load(
        "replay",
        instance="test-signal-files",
        traded=["ES"],
        preset=configuration.preset(BIDIRECTIONAL),
        changes={"publisher": {"signal_files": str(tmp_path / "signals")}},
    )
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    conf = replace(conf, bus=replace(conf.bus, base_port=base), instance=f"test-signal-files-{base}")
    recording = Recording("ES", "ES", bars("13:39", V1, day=DAY))

    summary = runs.replay(
        conf, recording, tmp_path / "run", lambda share: None, pace=Pace(), logger=logs.configure("replay"), tell=lambda text: None
    )

    written = [path for path in (tmp_path / "signals").rglob("*") if path.is_file()]
    assert summary.signals == 1
    assert [path.relative_to(tmp_path / "signals") for path in written] == [
        Path("enhanced/enhanced_vreversal_buy_20250213_135900.txt")
    ]
    assert "SIGNAL_ID=BUY_20250213_135900_6107.25_6091.50" in written[0].read_text("utf-8").splitlines()

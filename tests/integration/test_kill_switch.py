"""The kill switch as an operator uses it: latched through restarts, obeyed in the middle of a replay, released by hand."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import zmq

from bus.client import ask_control
from daemons import instances, latch, supervise
from daemons.settings import PORTS
from tests.integration.conftest import Run
from tests.integration.test_processes import eventually, is_back, up  # noqa: F401 - `up` is a fixture
from tests.integration.test_tap import replaying

pytestmark = pytest.mark.slow


def killed(instance: instances.Instance) -> bool:
    """Whether the gate itself says that its switch is latched."""
    address = f"tcp://{instance.host}:{instance.base_port + PORTS['control.gate']}"
    with zmq.Context() as context:
        return bool(ask_control(context, address, "state")["killed"])


def test_the_latch_survives_the_death_of_the_gate(tapewire: Run, up: instances.Instance) -> None:  # noqa: F811
    """Killed, SIGKILLed and restarted, the gate is still killed; only `arm` releases it."""
    assert tapewire("kill").returncode == 0
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "gate")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "gate", pid))
    after_restart = killed(up)

    assert tapewire("arm").returncode == 0

    assert after_restart
    assert not killed(up)
    assert latch.read(Path(up.run)) == ""


def test_a_kill_without_a_gate_holds_when_the_gate_comes(tapewire: Run, up: instances.Instance) -> None:  # noqa: F811
    """With the gate frozen the command says that nobody obeyed yet; the latch is on disk and is obeyed on the next start."""
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "gate")
    os.kill(pid, signal.SIGSTOP)

    done = tapewire("kill", "--flatten")
    os.kill(pid, signal.SIGKILL)

    assert done.returncode != 0
    assert "latched on disk" in done.stderr
    assert "NOTHING WAS FLATTENED" in done.stderr
    assert eventually(lambda: is_back(tapewire, "gate", pid))
    assert killed(up)


def test_killing_a_replay_flattens_it_and_stops_its_entries(tapewire: Run, home: Path, bars: Path, tmp_path: Path) -> None:
    """Bars go on, evaluation goes on; entries are refused with KILLED, and no position is left open."""
    out = tmp_path / "out"
    signals = out / "journal" / "signal.MNQ.tape"
    with replaying(bars, out) as player:
        while not signals.exists():
            assert player.poll() is None
        done = tapewire("kill", "--flatten")
    summary = json.loads((out / "summary.json").read_text())
    trades = [json.loads(line) for line in (out / "trades.jsonl").read_text().splitlines()]

    assert done.returncode == 0, done.stderr
    assert summary["refusals"]["KILLED"] > 50
    assert [each["missing"] for each in summary["sessions"]] == [0, 0]
    assert sum(1 for trade in trades if trade["reason"] == "KILL") <= 1

"""The kill switch as an operator uses it: latched across restarts, applied in the middle of a replay, released by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest
import zmq

from tapewire.bus import access
from tapewire.bus.client import request_control
from tapewire.bus.messages import Bar
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import latch, logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_processes import eventually, is_back

pytestmark = pytest.mark.slow


def killed(run: Path) -> bool:
    """Whether the gate itself reports a latched switch."""
    gate = access.local(run, "reader").to("control.gate")
    with zmq.Context() as context:
        return bool(request_control(context, gate, "state")["killed"])


def test_the_latch_survives_the_death_of_the_gate(tapewire: Run, up: instances.Instance) -> None:
    """After `kill`, SIGKILL and a restart, the gate's switch is still latched; only `arm` releases it."""
    assert tapewire("kill").returncode == 0
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "gate")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "gate", pid))
    after_restart = killed(Path(up.run))

    assert tapewire("arm").returncode == 0

    assert after_restart
    assert not killed(Path(up.run))
    assert latch.read(Path(up.run) / LATCH.file) == ""


def test_a_kill_without_a_gate_holds_when_the_gate_comes(tapewire: Run, up: instances.Instance) -> None:
    """With the gate frozen, the command reports that the gate does not reply. The latch is on disk, and the gate applies it at its
    next start."""
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "gate")
    os.kill(pid, signal.SIGSTOP)

    done = tapewire("kill", "--flatten")
    os.kill(pid, signal.SIGKILL)

    assert done.returncode != 0
    assert "latched on disk, but the gate does not reply" in done.stderr
    assert "repeat `tapewire kill` until it succeeds" in done.stderr
    assert "NOTHING WAS FLATTENED" in done.stderr
    assert eventually(lambda: is_back(tapewire, "gate", pid))
    assert killed(Path(up.run))


def test_killing_a_replay_flattens_it_and_stops_its_entries(tapewire: Run, home: Path, bars: Path, tmp_path: Path) -> None:
    """`kill --flatten` with a position open closes it. Every later entry is refused with KILLED, in the journal, the log and
    `explain`. Bars and evaluation continue."""
    conf = configuration.load("replay", instance="killed", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))
    out = runs.prepare(tmp_path / "out")
    configuration.write(conf, out)
    venue = runs.venue(conf)
    latched: list[Bar] = []
    commands: list[subprocess.Popen[str]] = []

    with runs.supervised(conf, out, lambda text: None), Player(conf, out, venue, logs.configure("replay")) as player:

        def played(bar: Bar) -> None:
            if not latched and venue.position("MNQ").qty:
                commands.append(subprocess.Popen([TAPEWIRE, "kill", "--flatten"], stdout=subprocess.PIPE, text=True))
                assert eventually(lambda: killed(out))
                latched.append(bar)

        player.join()
        player.play(recording.bars, played=played)
        player.finish()
    told, _ = commands[0].communicate()
    summary = runs.finish(out, conf, recording)
    trades = [json.loads(line) for line in (out / "trades.jsonl").read_text().splitlines()]

    assert [trade["reason"] for trade in trades] == ["KILL"]
    assert commands[0].returncode == 0
    assert f"at {trades[0]['exit_price']:.12g}" in told
    assert trades[0]["exit_time"] > trades[0]["entry_time"]
    assert set(summary.refusals) == {"KILLED"}
    assert summary.refusals["KILLED"] == summary.intents - 1
    assert [session.missing for session in summary.sessions] == [0, 0]
    refused = [line for line in logged(out, "gate") if line["event"] == "reject"]
    explained = tapewire("explain", refused[0]["id"], "--run", out)
    assert {line["reason"] for line in refused} == {"KILLED"}
    assert len(refused) == summary.refusals["KILLED"]
    assert explained.returncode == 0
    assert "KILLED" in explained.stdout


def logged(run: Path, name: str) -> list[dict[str, str]]:
    """A daemon's log, line by line."""
    return [json.loads(line) for line in (run / "logs" / f"{name}.log").read_text().splitlines() if line.startswith("{")]

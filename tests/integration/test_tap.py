"""The tap shows what passes, and a tap that is stopped changes nothing for anybody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from daemons import instances
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_parity import journal

pytestmark = pytest.mark.slow


def replay(bars: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [str(TAPEWIRE), "replay", "--data", str(bars), "--out", str(out), "--strategies", "pipeline", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def is_up() -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if instances.running():
            return True
    return False


def test_a_tap_prints_decoded_messages_during_a_replay(home: Path, bars: Path, tmp_path: Path) -> None:
    """`tapewire tap session. signal.` in a second terminal: named messages with readable fields, of these topics only."""
    player = replay(bars, tmp_path / "out")
    assert is_up()

    tap = subprocess.run(
        [str(TAPEWIRE), "tap", "session.", "signal.", "--count", "900", "--since", "all"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    player.wait(240)
    lines = tap.stdout.splitlines()

    assert tap.returncode == 0, tap.stderr
    assert len(lines) == 900
    assert {line.split()[2].partition("@")[0] for line in lines} <= {"session.MNQ.", "signal.MNQ."}
    assert any("vwap=" in line and "close=" in line for line in lines)


def test_a_json_tap_is_one_object_a_line(home: Path, bars: Path, tmp_path: Path) -> None:
    """For programs: every line parses and carries topic, header and body in one flat map."""
    player = replay(bars, tmp_path / "out")
    assert is_up()

    tap = subprocess.run(
        [str(TAPEWIRE), "tap", "raw.", "--count", "50", "--json", "--since", "all"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    player.wait(240)
    messages = [json.loads(line) for line in tap.stdout.splitlines()]

    assert [message["seq"] for message in messages] == list(range(1, 51))
    assert all(message["topic"] == "raw.bar.MNQ.1m." and message["type"] == "bar" for message in messages)


def test_a_stopped_tap_changes_nothing(home: Path, bars: Path, tmp_path: Path, tapewire: Run) -> None:
    """SIGSTOP a tap that has subscribed to everything: the replay ends as usual, with the same bytes as without a tap."""
    assert tapewire("backtest", "--data", bars, "--out", tmp_path / "alone", "--strategies", "pipeline").returncode == 0
    player = replay(bars, tmp_path / "out")
    assert is_up()
    tap = subprocess.Popen([str(TAPEWIRE), "tap"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert tap.stdout is not None
    tap.stdout.readline()

    os.kill(tap.pid, signal.SIGSTOP)
    try:
        _, errors = player.communicate(timeout=240)
    finally:
        os.kill(tap.pid, signal.SIGCONT)
        threading.Thread(target=tap.stdout.read, daemon=True).start()
        tap.kill()
        tap.wait()

    assert player.returncode == 0, errors
    assert journal(tmp_path / "out") == journal(tmp_path / "alone")

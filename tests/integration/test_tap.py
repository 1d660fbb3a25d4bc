"""The tap prints the messages of a run, and a stopped tap changes nothing for the daemons."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tapewire.daemons.operator import instances
from tests.integration.conftest import TAPEWIRE, Run, home_in, run
from tests.integration.test_parity import journal
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow


@contextmanager
def replaying(bars: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """A replay in another process. Its run is up when the block begins; the block ends when it has ended without an error."""
    command = [str(TAPEWIRE), "replay", "--data", str(bars), "--out", str(out), "--strategies", "pipeline"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as player:
        assert eventually(lambda: bool(instances.running() or player.poll()))
        assert player.poll() is None, player.communicate()[1]
        yield player
        _, errors = player.communicate(timeout=240)
        assert player.returncode == 0, errors


@contextmanager
def stopped_tap() -> Iterator[subprocess.Popen[bytes]]:
    """A tap on every topic that has printed its first line and is then stopped for good."""
    with subprocess.Popen([str(TAPEWIRE), "tap"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap:
        assert tap.stdout is not None
        assert tap.stdout.readline()
        os.kill(tap.pid, signal.SIGSTOP)
        try:
            yield tap
        finally:
            tap.kill()


class Tapped(NamedTuple):
    """What two taps have printed of one replay, for a person and for a script."""

    text: subprocess.CompletedProcess[str]
    json: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def tapped(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Tapped:
    folder = tmp_path_factory.mktemp("tapped")
    with home_in(folder), replaying(bars, folder / "out"):
        return Tapped(
            run("tap", "session.", "signal.", "--count", 900, "--since", "all"),
            run("tap", "raw.", "--count", 50, "--json", "--since", "all"),
        )


def test_a_tap_prints_decoded_messages_during_a_replay(tapped: Tapped) -> None:
    """`tapewire tap session. signal.` in a second terminal prints readable fields, of these topics only."""
    tap = tapped.text
    lines = tap.stdout.splitlines()

    assert tap.returncode == 0, tap.stderr
    assert len(lines) == 900
    assert {line.split()[2].partition("@")[0] for line in lines} <= {"session.MNQ.", "signal.MNQ."}
    assert any("vwap=" in line and "close=" in line for line in lines)


def test_a_json_tap_is_one_object_a_line(tapped: Tapped) -> None:
    """For scripts: every line parses and has topic, header and body in one flat map."""
    messages = [json.loads(line) for line in tapped.json.stdout.splitlines()]

    assert [message["seq"] for message in messages] == list(range(1, 51))
    assert all(message["topic"] == "raw.bar.MNQ.1m." and message["type"] == "bar" for message in messages)


def test_a_stopped_tap_changes_nothing(home: Path, bars: Path, tmp_path: Path, tapewire: Run) -> None:
    """SIGSTOP a tap that has subscribed to every topic: the replay ends with the same journal bytes as without a tap."""
    alone, watched = tmp_path / "alone", tmp_path / "out"
    assert tapewire("backtest", "--data", bars, "--out", alone, "--strategies", "pipeline").returncode == 0

    with replaying(bars, watched) as player, stopped_tap() as tap:
        player.wait(240)
        assert tap.poll() is None

    assert journal(watched) == journal(alone)

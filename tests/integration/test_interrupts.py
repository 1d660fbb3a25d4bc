"""Ctrl-C in the middle of a command: one line, status 130, nothing left running."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import instances
from tapewire.replay import runs
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow


def started(*arguments: object) -> subprocess.Popen[str]:
    """A command that a terminal has started: SIGINT has its usual meaning."""
    command = [str(TAPEWIRE), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def interrupted(process: subprocess.Popen[str], when: Callable[[], bool]) -> tuple[int, str]:
    """Press Ctrl-C at this moment; the exit status and the last line on stderr."""
    assert eventually(lambda: when() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert "Traceback" not in errors
    return process.returncode, errors.strip().splitlines()[-1]


def test_an_interrupted_replay_stops_its_daemons(home: Path, bars: Path, tmp_path: Path) -> None:
    """In the middle of the recording: the line says what was stopped, and what is left."""
    out = tmp_path / "out"
    process = started("replay", "--data", bars, "--out", out)

    status, line = interrupted(process, lambda: (out / "journal" / "raw.bar.MNQ.1m.tape").exists())

    assert status == 130
    assert line.startswith("tapewire: interrupted; the daemons are stopped;")
    assert f"{out} holds an unfinished run" in line
    assert instances.running() == []


def test_an_interrupted_start_leaves_nothing(home: Path, tmp_path: Path) -> None:
    """`up` was waiting for its daemons."""
    process = started("up", "--var", tmp_path / "var")

    status, line = interrupted(process, lambda: bool(instances.running()))

    assert status == 130
    assert line.startswith("tapewire: interrupted")
    assert instances.daemons(str(tmp_path / "var" / "live")) == {}


def test_two_runs_do_not_share_a_folder(tapewire: Run, home: Path, bars: Path, tmp_path: Path) -> None:
    """The second is refused and touches nothing; the first goes on."""
    out = runs.prepare(tmp_path / "out")
    (out / "run.json").write_text("of the first")

    second = tapewire("backtest", "--data", bars, "--out", out)

    assert second.returncode == ConfError.status
    assert "another run writes there; wait for its end, or name another folder" in second.stderr
    assert (out / "run.json").read_text() == "of the first"


def test_a_folder_is_free_when_its_run_has_ended(tmp_path: Path) -> None:
    """The kernel drops the lock of a process that was killed, so nothing has to be removed by hand."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(ConfError, match="another run writes there"):
        runs.prepare(tmp_path)
    os.close(descriptor)

    assert runs.prepare(tmp_path) == tmp_path

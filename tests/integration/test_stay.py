"""`tapewire up --stay`: one process for a service manager or a container, which ends when the run does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tapewire.daemons.operator import instances
from tests.integration.conftest import TAPEWIRE
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow


@contextmanager
def staying(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, from the moment on at which its daemons are registered."""
    command = [str(TAPEWIRE), "up", "--stay", "--var", str(folder / "var")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert eventually(lambda: bool(instances.running()) or process.poll() is not None)
            yield process
        finally:
            process.kill()


def test_a_run_that_is_told_to_stop_stops_in_order(home: Path, tmp_path: Path) -> None:
    """SIGTERM, as systemd and a container's engine send it: exit status 0, and nothing is left."""
    with staying(tmp_path) as process:
        assert eventually(lambda: all(each.ready for each in instances.running()))
        process.send_signal(signal.SIGTERM)
        told, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    assert told.splitlines()[-1] == "down: live"
    assert instances.known() == []
    assert instances.daemons(str(tmp_path / "var" / "live")) == {}


def test_a_run_whose_supervisord_dies_ends_for_a_restart(home: Path, tmp_path: Path) -> None:
    """Exit status 75, which a service manager answers with a start; nothing is left in its way."""
    with staying(tmp_path) as process:
        assert eventually(lambda: all(each.ready for each in instances.running()))
        os.kill(instances.running()[0].pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=120)

    assert process.returncode == 75
    assert "has ended with status -9; nothing is left running" in errors
    assert instances.running() == []


def test_a_start_that_is_told_to_stop_leaves_nothing(home: Path, tmp_path: Path) -> None:
    with staying(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)

    assert process.returncode in (0, 130)
    assert instances.running() == []

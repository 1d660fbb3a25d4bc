"""Which processes count as alive, for the commands that wait for an end."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import commands, instances
from tapewire.daemons.settings import load as configuration

EXIT_OF_ONE_THREAD = {"x86_64": 60, "aarch64": 93}.get(platform.machine())
STAYS = "import sys; print(flush=True); sys.stdin.read()"
LEAVES_A_THREAD = f"""
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
print(flush=True)
ctypes.CDLL(None).syscall({EXIT_OF_ONE_THREAD}, 0)
"""


def started(code: str) -> subprocess.Popen[bytes]:
    """A Python process that has come to its `print` and goes on until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def wait_until_zombie(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z":
        pass


def test_a_running_process_is_alive_and_a_zombie_is_not() -> None:
    """A zombie only waits to be collected: all that it held is free."""
    process = started(STAYS)
    running = instances.alive(process.pid)
    process.kill()
    wait_until_zombie(process.pid)
    ended = instances.alive(process.pid)
    process.communicate()

    assert (running, ended, instances.alive(process.pid)) == (True, False, False)


@pytest.mark.skipif(EXIT_OF_ONE_THREAD is None, reason="the number of the system call is not known for this processor")
def test_a_zombie_with_a_thread_left_is_alive() -> None:
    """Its first thread has ended and another one still holds its files: a daemon that is killed passes through this."""
    process = started(LEAVES_A_THREAD)
    wait_until_zombie(process.pid)
    held = instances.alive(process.pid)
    process.communicate()

    assert held


def test_a_run_whose_folder_is_gone_is_told_with_the_way_to_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows which account it trades, so no other run is started beside it."""
    gone = instances.Instance("anna", instances.LIVE, str(tmp_path / "gone"), "127.0.0.1", 7550, 1, "")
    monkeypatch.setattr(instances, "running", lambda: [gone])
    conf = configuration.load("live", instance="bob", traded=["MNQ"], preset=configuration.preset("seed"))

    with pytest.raises(ConfError, match=r"run anna is up, and nobody can tell .*; stop it with `tapewire down --instance anna`"):
        commands._check_account(conf)

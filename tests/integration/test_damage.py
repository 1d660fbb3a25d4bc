"""Damaged files: a torn tail is repaired in silence, damage before it stops the daemon for good and says which file and why."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bus.errors import JournalError
from daemons import instances, supervise
from tests.integration.conftest import Run
from tests.integration.test_processes import eventually, is_back, status, up  # noqa: F401 - `up` is a fixture

pytestmark = pytest.mark.slow


def restarted(tapewire: Run, name: str) -> None:
    """SIGKILL a daemon, so that it starts again over its files."""
    os.kill(status(tapewire)[name]["pid"], signal.SIGKILL)


def with_records(tapewire: Run, up: instances.Instance) -> Path:  # noqa: F811
    """A gate log with something in it: three words of the operator."""
    for command in ("kill", "arm", "kill"):
        assert tapewire(command).returncode == 0
    return Path(up.run) / "gate.log"


def test_a_torn_tail_is_cut_and_the_gate_goes_on(tapewire: Run, up: instances.Instance) -> None:  # noqa: F811
    """Half a record at the end is what a death in mid-write leaves: it is set aside, and the gate comes back."""
    log = with_records(tapewire, up)
    with log.open("ab") as file:
        file.write(b"\x40\x00\x00\x00half of a rec")
    old = status(tapewire)["gate"]["pid"]

    restarted(tapewire, "gate")

    assert eventually(lambda: is_back(tapewire, "gate", old))
    assert log.with_name("gate.log.torn").exists()


def test_damage_before_the_tail_stops_the_gate(tapewire: Run, up: instances.Instance) -> None:  # noqa: F811
    """A flipped byte in an early record: the gate refuses to trade on it, stays down with status 74, and its log says why."""
    log = with_records(tapewire, up)
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 0xFF
    log.write_bytes(content)

    restarted(tapewire, "gate")

    def down() -> bool:
        (gate,) = (each for each in supervise.processes(up) if each["name"] == "gate")
        return bool(gate["statename"] == "EXITED" and gate["exitstatus"] == JournalError.status)

    assert eventually(down)
    assert "quarantined" in (Path(up.run) / "logs" / "gate.log").read_text()
    assert tapewire("status").returncode == 1
    assert tapewire("doctor").returncode == 1

"""Damaged files and full disks: a torn tail is repaired without an error. Any other damage stops the daemon for good, with the file
and the reason, and blocks trading."""

from __future__ import annotations

import os
import resource
import signal
import xmlrpc.client
from pathlib import Path

import msgspec
import pytest
from supervisor.xmlrpc import SupervisorTransport

from tapewire.bus.client import request_control
from tapewire.bus.errors import JournalError
from tapewire.bus.messages import Bar, Reject, Trade
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import logs
from tapewire.replay import runs, tapes
from tapewire.replay.player import Player
from tests.integration.conftest import Run
from tests.integration.test_kill_switch import killed
from tests.integration.test_processes import eventually, is_back, status

pytestmark = pytest.mark.slow


def restarted(tapewire: Run, name: str) -> None:
    """SIGKILL a daemon, so that it starts again over its files."""
    os.kill(status(tapewire)[name]["pid"], signal.SIGKILL)


def with_records(tapewire: Run, up: instances.Instance) -> Path:
    """A gate log with three commands of the operator."""
    for command in ("kill", "arm", "kill"):
        assert tapewire(command).returncode == 0
    return Path(up.run) / "gate.log"


def test_a_torn_tail_is_cut_and_the_gate_continues(tapewire: Run, up: instances.Instance) -> None:
    """A death in mid-write leaves half a record at the end: it is set aside, and the gate restarts."""
    log = with_records(tapewire, up)
    with log.open("ab") as file:
        file.write(b"\x40\x00\x00\x00half of a rec")
    old = status(tapewire)["gate"]["pid"]

    restarted(tapewire, "gate")

    assert eventually(lambda: is_back(tapewire, "gate", old))
    assert log.with_name("gate.log.torn").exists()


def test_damage_before_the_tail_stops_the_gate(tapewire: Run, up: instances.Instance) -> None:
    """A flipped byte in an early record: the gate refuses to trade on it, stays down with status 74, and its log has the reason."""
    log = with_records(tapewire, up)
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 0xFF
    log.write_bytes(content)

    restarted(tapewire, "gate")

    assert eventually(lambda: ended(up, "gate") == JournalError.status)
    assert "quarantined" in (Path(up.run) / "logs" / "gate.log").read_text()
    assert tapewire("status").returncode == 1
    assert tapewire("doctor").returncode == 1


def test_damaged_books_are_not_left_behind_by_a_new_start(tapewire: Run, up: instances.Instance) -> None:
    """`down` and `up` do not start with empty books beside a damaged log: the command refuses and names the file."""
    log = with_records(tapewire, up)
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 0xFF
    log.write_bytes(content)
    restarted(tapewire, "gate")
    assert eventually(lambda: ended(up, "gate") == JournalError.status)

    tapewire("down")
    again = tapewire("up", "--var", Path(up.run).parent)

    assert again.returncode == JournalError.status
    assert "gate.log.quarantined" in again.stderr


def test_a_gate_without_room_on_the_disk_stops_and_loses_nothing(tapewire: Run, up: instances.Instance) -> None:
    """The next record does not fit: the gate sends no reply, ends with status 74 and names the file. Its earlier replies are
    restored once there is room."""
    log = with_records(tapewire, up)
    resource.prlimit(status(tapewire)["gate"]["pid"], resource.RLIMIT_FSIZE, (log.stat().st_size + 10, resource.RLIM_INFINITY))

    refused = tapewire("arm")
    stopped = eventually(lambda: ended(up, "gate") == JournalError.status)
    text = (Path(up.run) / "logs" / "gate.log").read_text()
    assert tapewire("down").returncode == 0
    assert tapewire("up", "--var", Path(up.run).parent).returncode == 0

    assert refused.returncode != 0
    assert stopped
    assert str(log) in text
    assert killed(Path(instances.choose("live").run))


def test_without_a_logger_nothing_is_entered_and_nothing_is_lost(home: Path, bars: Path, tmp_path: Path) -> None:
    """The logger's disk is full in the middle of a replay: after a while entries are refused with JOURNAL_DOWN, bars and exits go
    on. With room again it writes the missed messages, and entries pass."""
    conf = configuration.load("replay", instance="full", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base, journal_s=2.0))
    out = runs.prepare(tmp_path / "out")
    configuration.write(conf, out)
    first, last = 1_030, 1_200  # within RTH

    with (
        runs.supervised(conf, out, lambda text: None) as instance,
        Player(conf, out, runs.venue(conf), logs.configure("replay")) as player,
    ):

        def misses_the_logger() -> bool:
            player.pump(0.05)
            latest = request_control(player.context, player.reading.to("gate"), "state", "risk.")
            return any(risk["reason"] == "JOURNAL_DOWN" for risk in latest.values())

        def played(bar: Bar) -> None:
            if bar.index == first:
                (pid,) = (each["pid"] for each in supervise.processes(instance) if each["name"] == "logger")
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            elif bar.index == first + 10:
                assert eventually(lambda: ended(instance, "logger") == JournalError.status)
                assert eventually(misses_the_logger)
            elif bar.index == last:
                start(instance, "logger")
                assert eventually(lambda: not misses_the_logger())

        player.join()
        player.play(recording.bars, played=played)
        player.finish()
    at = [bar.close_ns for bar in recording.bars]
    entered = [trade.entry_ns for trade in tapes.facts(out, "trade.", Trade)]

    assert {reject.reason for reject in tapes.facts(out, "reject.", Reject)} == {"JOURNAL_DOWN"}
    assert [entry for entry in entered if at[first + 11] < entry <= at[last]] == []
    assert min(entered) < at[first] < at[last] < max(entered)
    assert [bar.close_ns for bar in tapes.facts(out, "raw.", Bar)] == at


def start(instance: instances.Instance, name: str) -> None:
    """Start a daemon that has ended, as an operator would with supervisorctl."""
    transport = SupervisorTransport(serverurl=f"unix://{instance.socket}")
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as rpc:
        rpc.supervisor.startProcess(name, False)


def ended(instance: instances.Instance, name: str) -> int | None:
    """The exit status of a daemon that has ended and is not restarted; None otherwise."""
    (row,) = (each for each in supervise.processes(instance) if each["name"] == name)
    return int(row["exitstatus"]) if row["statename"] == "EXITED" else None

"""The commands under fault, with real processes: `kill` latches whatever else is broken, and each command says what it saw.

RUNBOOK has the table for the trader. A full disk is in test_disks.py, `--flatten` with a position in test_kill_flatten.py. The
daemons are started once for all tests of this file. After each test its fault is repaired and the gate armed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import zmq

from tapewire.bus import access
from tapewire.bus.client import request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.journal import scan
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.structs import PORTS
from tapewire.daemons.shell.recovery import CARRIED, Entry
from tests.command import Command, Done
from tests.integration.conftest import Run, home_in, live, run
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

SideBySide = Callable[..., list[Done]]
BESIDE = "replay-6550"  # a run that is registered beside the live one


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("standing")
    with home_in(folder), live(folder) as instance:
        yield instance


@pytest.fixture
def tapewire(standing: Instance) -> Run:
    return run


@pytest.fixture
def up(standing: Instance) -> Iterator[Instance]:
    """The live daemons, all of them up and armed."""
    yield instances.choose("live")
    repair(standing)


@pytest.fixture(scope="module")
def side_by_side() -> Iterator[SideBySide]:
    """Run commands that only look at the same time: most of it they wait."""
    programs = [Command() for _ in range(3)]
    with ThreadPoolExecutor(len(programs)) as pool:
        yield lambda *words: [*pool.map(lambda program, word: program.run(word, timeout=60), programs, words)]
    for program in programs:
        program.end()


def repair(standing: Instance) -> None:
    """Undo every fault of this file."""
    shutil.rmtree(Path(standing.run) / LATCH.file, ignore_errors=True)
    instances.forget(BESIDE)
    for pid in instances.daemons(standing.run).values():
        os.kill(pid, signal.SIGCONT)
    if not instances.running():
        assert run("up", "--var", Path(standing.run).parent).returncode == 0
    instance = instances.choose("live")
    with supervise.remote(instance) as rpc:
        for each in supervise.processes(instance):
            if each["statename"] == "STOPPED":
                rpc.supervisor.startProcess(each["name"])
    supervise.wait_ready(instance)
    assert run("arm").returncode == 0


def pid_of(up: Instance, name: str) -> int:
    return instances.daemons(up.run)[name]


def gate_is_killed(up: Instance) -> bool:
    """Whether the gate itself reports a latched switch."""
    try:
        with zmq.Context() as context:
            line = access.local(Path(up.run), "reader").to("control.gate")
            return bool(request_control(context, line, "state", timeout_s=1.0)["killed"])
    except (Transient, PeerError):
        return False


def on_disk(up: Instance) -> bool:
    return (Path(up.run) / LATCH.file).is_file()


def supervisord_dies(up: Instance) -> None:
    os.kill(up.pid, signal.SIGKILL)
    assert eventually(lambda: not instances.daemons(up.run))


def the_gate_is_stopped(up: Instance) -> None:
    with supervise.remote(up) as rpc:
        rpc.supervisor.stopProcess("gate")


def the_broker_is_stopped(up: Instance) -> None:
    with supervise.remote(up) as rpc:
        rpc.supervisor.stopProcess("broker")


def the_latch_cannot_be_written(up: Instance) -> None:
    (Path(up.run) / LATCH.file / "in the way").mkdir(parents=True)


def a_replay_is_up_beside_it(up: Instance) -> None:
    instances.register(Instance(BESIDE, "replay", "/elsewhere", up.host, 6550, os.getpid(), ""))


def the_gate_is_frozen(up: Instance) -> None:
    os.kill(pid_of(up, "gate"), signal.SIGSTOP)


def the_bridge_is_gone(up: Instance) -> None:
    """It never was there: no test of this file plays NinjaTrader."""


class Row(NamedTuple):
    """What each command says: its exit status and words of its output.

    kill: as `kill --flatten` says it as well. flatten: what only that says. latched: on disk. told: the gate itself is killed.
    """

    kill: tuple[int, str]
    flatten: str
    status: tuple[int, str]
    ready: tuple[int, str]
    doctor: tuple[int, str]
    latched: bool = True
    told: bool = True


KILLED, CLOSE = "latched on disk and in the gate", "NOTHING WAS FLATTENED: close positions in NinjaTrader"
NO_BRIDGE = (1, "off  platform  no heartbeat received; NinjaTrader connects when its bridge runs")

TABLE = {
    supervisord_dies: Row(
        kill=(75, "is latched on disk, but the gate does not reply (it does not run"),
        flatten=CLOSE,
        status=(78, "nothing is running; live has ended without `tapewire down`"),
        ready=(1, "off  orders    the gate does not reply"),
        doctor=(1, "broken   instance          live has ended without `tapewire down`"),
        told=False,
    ),
    the_broker_is_stopped: Row(
        kill=(0, KILLED),
        flatten="there was no position to close, and no entry works",
        status=(1, "broker     stopped"),
        ready=NO_BRIDGE,
        doctor=(1, "broken   bus                the broker does not reply"),
    ),
    the_gate_is_frozen: Row(
        kill=(75, "is latched on disk, but the gate does not reply (no reply from"),
        flatten=CLOSE,
        status=(1, "gate       running"),
        ready=(1, "off  position  the gate does not reply"),
        doctor=(1, "broken   gate control       no reply from"),
        told=False,
    ),
    the_gate_is_stopped: Row(
        kill=(75, "is latched on disk, but the gate does not reply (it does not run"),
        flatten=CLOSE,
        status=(1, "gate       stopped"),
        ready=(1, "off  position  the gate does not reply"),
        doctor=(1, "broken   supervisord        not running: gate"),
        told=False,
    ),
    the_bridge_is_gone: Row(
        kill=(0, "the venue is not connected; it takes no entry without a lease"),
        flatten="there was no position to close, and no entry works",
        status=(0, "bridge: no heartbeat since the broker started"),
        ready=NO_BRIDGE,
        doctor=(1, "broken   bridge             no heartbeat received; enable TapewireBridge"),
    ),
    the_latch_cannot_be_written: Row(
        kill=(74, "the latch is NOT ON DISK: "),
        flatten="there was no position to close, and no entry works",
        status=(0, "gate       running"),
        ready=NO_BRIDGE,
        doctor=(1, "broken   kill switch        latched: the gate refuses entries"),
        latched=False,
    ),
    a_replay_is_up_beside_it: Row(
        kill=(0, "killed: live (live, "),
        flatten="there was no position to close, and no entry works",
        status=(1, f"{BESIDE} (replay): /elsewhere is not up"),
        ready=NO_BRIDGE,
        doctor=(1, "broken   kill switch        latched: the gate refuses entries"),
    ),
}


@pytest.mark.parametrize("fault", TABLE, ids=lambda fault: fault.__name__.replace("_", " "))
def test_each_command_tells_the_truth_whatever_is_broken(
    tapewire: Run, side_by_side: SideBySide, up: Instance, fault: Callable[[Instance], None]
) -> None:
    """`kill` latches on disk, in the gate, or both; each command says what it sees, with its exit status, and none fails."""
    row = TABLE[fault]
    fault(up)

    killed = tapewire("kill", "--flatten", "--wait", "1")
    looks = side_by_side("status", "ready", "doctor")

    assert on_disk(up) == row.latched
    assert gate_is_killed(up) == row.told
    for each, (status, text) in zip((killed, *looks), (row.kill, *row[2:5]), strict=True):
        said = each.stdout + each.stderr
        assert (each.args[1], each.returncode) == (each.args[1], status), said
        assert text in said, each.args
        assert "Traceback" not in said
    assert row.flatten in killed.stdout + killed.stderr


def test_a_frozen_gate_is_killed_as_soon_as_it_goes_on(tapewire: Run, up: Instance) -> None:
    """It could not be told, and nobody repeats the command: it finds the latch at its next heartbeat."""
    pid = pid_of(up, "gate")
    os.kill(pid, signal.SIGSTOP)
    done = tapewire("kill")

    os.kill(pid, signal.SIGCONT)

    assert done.returncode == 75
    assert "latched on disk, but the gate does not reply" in done.stderr
    assert eventually(lambda: gate_is_killed(up))


def test_a_frozen_supervisord_holds_nobody_up(tapewire: Run, up: Instance) -> None:
    """It takes connections and never answers: `status` shows what lives as unknown, and `kill` needs it for nothing."""
    os.kill(up.pid, signal.SIGSTOP)
    try:
        looked, killed = tapewire("status"), tapewire("kill")
    finally:
        os.kill(up.pid, signal.SIGCONT)

    assert "unknown" in looked.stdout
    assert killed.returncode == 0
    assert on_disk(up)


def test_arm_releases_the_latch_for_good(tapewire: Run, up: Instance) -> None:
    """The gate looks at the file at each heartbeat, so the file goes first. What still stops trading is told with its remedy."""
    assert tapewire("kill").returncode == 0
    armed = tapewire("arm")

    assert armed.returncode == 0
    assert (
        "trading is still HALTED (TRADING_DISABLED): trading is off, or names no account; set both, and start again" in armed.stdout
    )
    assert "no venue is connected; NinjaTrader connects when its bridge runs" in armed.stdout
    assert not on_disk(up)
    assert tapewire("status").returncode == 0  # a heartbeat of every daemon has passed
    assert not gate_is_killed(up)


def test_arm_without_a_gate_changes_nothing(tapewire: Run, up: Instance) -> None:
    """The switch stays latched on disk for the gate that starts next."""
    assert tapewire("kill").returncode == 0
    the_gate_is_stopped(up)

    done = tapewire("arm")

    assert done.returncode == Transient.status
    assert on_disk(up)


def test_daemons_end_with_their_supervisord(tapewire: Run, up: Instance) -> None:
    """Within seconds, in order; the commands say what is left, and the next `up` goes on."""
    epoch = conf.read(Path(up.run)).epoch
    supervisord_dies(up)

    status, down, again = tapewire("status"), tapewire("down"), tapewire("up", "--var", Path(up.run).parent)

    assert status.returncode == 78
    assert "nothing is running" in status.stderr
    assert "nothing is running" in down.stderr
    assert again.returncode == 0, again.stderr
    *_, last = scan(Path(up.run) / "epochs" / str(epoch) / "gate.log")
    assert msgspec.msgpack.decode(last, type=Entry).way == CARRIED  # the gate has written down what its epoch leaves


def test_down_ends_all_although_gate_and_broker_cannot_say_goodbye(tapewire: Run, up: Instance) -> None:
    """supervisord kills what does not end, and no process is left."""
    the_gate_is_frozen(up)
    the_broker_is_stopped(up)

    done = tapewire("down")

    assert (done.returncode, done.stdout[:10]) == (0, "down: live")
    assert not instances.daemons(up.run)
    assert not instances.alive(up.pid)


def test_a_port_that_is_taken_is_named_and_kill_latches_all_the_same(tapewire: Run, up: Instance) -> None:
    """The run is down, and another program has the port of its venue link: `up` and `doctor` say which one has it."""
    assert tapewire("down").returncode == 0
    with socket.socket() as taken:
        taken.bind((up.host, up.base_port + PORTS["venue"]))
        taken.listen()
        holder = f"{up.base_port + PORTS['venue']} by pid {os.getpid()} `"

        started, killed, ready, down, status, doctor = (
            tapewire(*words)
            for words in (
                ("up", "--var", Path(up.run).parent),
                ("kill", "--flatten", "--instance", up.run),
                ("ready", "--instance", up.run),
                ("down",),
                ("status",),
                ("doctor",),
            )
        )

    assert (started.returncode, holder in started.stderr) == (78, True)
    assert (killed.returncode, on_disk(up), CLOSE in killed.stderr) == (75, True, True)
    assert (ready.returncode, "is not up" in ready.stderr) == (75, True)
    assert (down.returncode, status.returncode) == (78, 78)
    assert (doctor.returncode, f"broken   ports             in use: {holder}" in doctor.stdout) == (1, True)

"""`kill` under fault, with real processes: it latches whatever else is broken, and says what it saw.

The daemons are started once for all tests of this file. After each test its fault is repaired and the gate armed.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

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
from tapewire.daemons.shell.recovery import CARRIED, Entry
from tests.integration.conftest import Run, home_in, live, run
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

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


def repair(standing: Instance) -> None:
    """Undo every fault of this file."""
    shutil.rmtree(Path(standing.run) / LATCH.file, ignore_errors=True)
    instances.forget(BESIDE)
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


@pytest.mark.parametrize(
    "fault, status, latched, told",
    [
        pytest.param(supervisord_dies, 75, True, False, id="supervisord dead"),
        pytest.param(the_gate_is_stopped, 75, True, False, id="gate dead"),
        pytest.param(the_broker_is_stopped, 0, True, True, id="broker dead"),
        pytest.param(the_latch_cannot_be_written, 74, False, True, id="latch not writable"),
        pytest.param(a_replay_is_up_beside_it, 0, True, True, id="two runs up"),
    ],
)
def test_kill_latches_whatever_is_broken(
    tapewire: Run, up: Instance, fault: Callable[[Instance], None], status: int, latched: bool, told: bool
) -> None:
    """On disk, in the gate, or both; the exit status says which."""
    fault(up)

    done = tapewire("kill")

    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert on_disk(up) == latched
    assert gate_is_killed(up) == told


def test_a_frozen_gate_is_killed_as_soon_as_it_goes_on(tapewire: Run, up: Instance) -> None:
    """It could not be told, and nobody repeats the command: it finds the latch at its next heartbeat."""
    pid = pid_of(up, "gate")
    os.kill(pid, signal.SIGSTOP)
    done = tapewire("kill")

    os.kill(pid, signal.SIGCONT)

    assert done.returncode == 75
    assert "latched on disk, but the gate does not reply" in done.stderr
    assert eventually(lambda: gate_is_killed(up))


def test_arm_releases_the_latch_for_good(tapewire: Run, up: Instance) -> None:
    """The gate looks at the file at each heartbeat, so the file goes first."""
    assert tapewire("kill").returncode == 0
    beats = tapewire("arm").returncode

    assert beats == 0
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

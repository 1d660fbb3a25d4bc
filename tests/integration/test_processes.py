"""The daemons as an operator starts and stops them: up, a killed daemon, down."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import zmq

from tapewire.bus import access
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, PeerError
from tapewire.bus.messages import Verb
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.publisher import queries
from tapewire.daemons.settings import load as configuration
from tapewire.replay.pace import Pace
from tests.integration.conftest import Run, processes_with

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0


def status(tapewire: Run) -> dict[str, dict[str, Any]]:
    done = tapewire("status", "--json")
    assert done.stdout, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def eventually(holds: Callable[[], bool]) -> bool:
    """Repeat the check until it holds. The pause leaves the processor to those that the test waits for; the bound only ends a test
    that would never pass."""
    until = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not holds():
        if time.monotonic() > until:
            return False
        pause.wait(0.02)
    return True


def is_back(tapewire: Run, name: str, old: int) -> bool:
    """The daemon runs under a new pid, has recovered, and sends heartbeats."""
    row = status(tapewire)[name]
    return row["pid"] not in (0, old) and row["note"] == "ready" and row["beat_age_s"] is not None


def test_a_killed_daemon_is_restarted(tapewire: Run, up: instances.Instance) -> None:
    """SIGKILL one after the other: each is started again, recovers and beats under a new pid; the others keep theirs."""
    for name in supervise.DAEMONS:
        before = status(tapewire)

        os.kill(before[name]["pid"], signal.SIGKILL)

        assert eventually(lambda name=name, old=before[name]["pid"]: is_back(tapewire, name, old))
        after = status(tapewire)
        others = set(supervise.DAEMONS) - {name}
        assert {other: after[other]["pid"] for other in others} == {other: before[other]["pid"] for other in others}


def test_a_daemon_is_restarted_on_request_and_the_logs_tell(tapewire: Run, up: instances.Instance) -> None:
    """Ready again under a new pid when the command ends; the others keep theirs."""
    before = instances.daemons(up.run)

    done = tapewire("restart", "tracker")

    def told() -> list[str]:
        """The events of its life in the log, which supervisord writes a moment later."""
        lines = tapewire("logs", "tracker", "--lines", 20).stdout.splitlines()
        return [line.split()[3] for line in lines if line.split()[3] in ("ready", "stopped")]

    after = instances.daemons(up.run)
    assert done.returncode == 0, done.stderr
    assert {name for name in before if before[name] != after[name]} == {"tracker"}
    assert eventually(lambda: told() == ["ready", "stopped", "ready"])


def test_down_leaves_nothing_behind(tapewire: Run, up: instances.Instance, tmp_path: Path) -> None:
    """No process, socket file or folder, link to it, registry entry or port is left. It says what the run has recorded."""
    done = tapewire("down")

    assert done.returncode == 0
    assert "down: live; 0 messages recorded: 0 bars, 0 signals, 0 trades, 0 gaps" in done.stdout
    assert not processes_with(str(tmp_path / "my var"))
    assert not Path(up.socket).parent.exists()
    assert not (Path(up.run) / access.LINK).is_symlink()
    assert instances.running() == []
    assert not supervise.taken(up.host, up.base_port)


def test_without_a_run_the_commands_give_the_remedy(tapewire: Run) -> None:
    """`status`, `down` and `tap` without daemons end with a remedy and without a stack trace."""
    for command in ("status", "down", "tap"):
        done = tapewire(command)

        assert done.returncode == ConfError.status
        assert "tapewire up" in done.stderr
        assert "Traceback" not in done.stderr


def test_every_process_answers_its_verbs_and_names_them_otherwise(up: instances.Instance) -> None:
    """PROTOCOL.md 7 lists them; a service answers its own. `stop` is requested last."""
    control, service = ("ping", "state", "stop"), ("state", "parameters")
    about = ("health", "ready", "connection_test", "accounts")
    services = {"tracker": (*service, "init"), "evaluator": ("strategies", *service, "evaluate"), "gate": (*service, *about)}
    ports = services | {f"control.{name}": control for name in supervise.DAEMONS}
    of_subscribers = {"since", *queries.of(configuration.read(Path(up.run)))}  # tests/integration/test_subscribers.py asks them
    assert {verb for verbs in ports.values() for verb in verbs} | set(Pace().verbs) | of_subscribers == set(get_args(Verb))

    operator = access.local(Path(up.run), "operator")
    with zmq.Context() as context:
        with pytest.raises(PeerError, match="NO_ACCOUNTS: the venue is not connected"):
            request_control(context, operator.to("gate"), "accounts")
        with pytest.raises(PeerError, match="INVALID"):
            request_control(context, operator.to("tracker"), "init")
        for port, verbs in ports.items():
            line = operator.to(port)
            with pytest.raises(PeerError, match=f"VERB: unknown verb 'stae'; known: {', '.join(verbs)}"):
                request_control(context, line, "stae")
            for verb in verbs:
                if verb not in ("accounts", "init"):
                    assert isinstance(request_control(context, line, verb), dict)

"""Keys over the life of a run: an old run's folder, restarts, a port that another program holds, a peer that claims a name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import zmq

from tapewire.bus import access, keys, private, sockets, wire
from tapewire.bus.client import History, request_control
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Bar, ExternalSignal, Header
from tapewire.bus.roles import Role
from tapewire.daemons import makers
from tapewire.daemons.operator import instances
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.front import OWNERS, PLAYER, Front
from tests.integration.conftest import Run
from tests.integration.test_damage import with_records
from tests.integration.test_files import prepared
from tests.integration.test_kill_switch import killed
from tests.integration.test_parity import journal
from tests.integration.test_processes import eventually, is_back, status

pytestmark = pytest.mark.slow


def test_a_run_of_the_version_before_gets_its_keys_and_goes_on_with_its_books(tapewire: Run, up: instances.Instance) -> None:
    """Its folder has neither keys nor a link to sockets, and everybody could read it. The kill switch is still latched."""
    with_records(tapewire, up)
    run = Path(up.run)
    assert tapewire("down").returncode == 0
    shutil.rmtree(run / "keys")
    for path in (run, *run.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)

    again = tapewire("up", "--var", run.parent)

    assert again.returncode == 0, again.stderr
    assert {key.name for key in Keys(run).all()} == set(keys.OWN)
    assert private.readable(run) is None
    assert killed(run)
    assert tapewire("status").returncode == 0


def test_an_exported_key_is_good_after_restarts(tapewire: Run, up: instances.Instance, tmp_path: Path) -> None:
    """NinjaTrader's folder needs the file once: `down` and `up`, and a killed daemon, change no key."""
    run = Path(up.run)
    assert tapewire("keys", "new", "anna", "--role", "reader", "--run", run).returncode == 0
    assert tapewire("keys", "export", "anna", "--to", tmp_path, "--run", run).returncode == 0
    assert tapewire("down").returncode == 0
    assert tapewire("up", "--var", run.parent).returncode == 0
    pid = status(tapewire)["logger"]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "logger", pid))

    anna = access.remote(tmp_path / "anna.key", PORTS.__getitem__)
    with zmq.Context() as context, History(context, anna.to("history"), deadline_s=20) as history:
        assert {each.topic.partition(".")[0] for each in history.topics()} <= {"feed", "ops"}


def test_a_gate_whose_port_is_taken_says_so_and_comes_when_it_is_free(tapewire: Run, up: instances.Instance) -> None:
    """Another program has bound the port while the gate was down. The gate's log names it, without a stack trace."""
    pid = status(tapewire)["gate"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    address = (up.host, up.base_port + PORTS["gate"])
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: bound(thief, address))
        thief.listen()
        log = Path(up.run) / "logs" / "gate.log"

        assert eventually(lambda: "cannot bind gate at " in log.read_text())

        (line,) = {json.loads(line)["error"] for line in log.read_text().splitlines() if "cannot bind" in line}
        assert f"tcp://{address[0]}:{address[1]}" in line
        assert "is another tapewire using it?" in line
        assert "Traceback" not in log.read_text()
    assert eventually(lambda: is_back(tapewire, "gate", pid))


def bound(thief: socket.socket, address: tuple[str, int]) -> bool:
    try:
        thief.bind(address)
    except OSError:
        return False
    return True


def test_a_peer_that_claims_a_daemons_name_changes_nothing(home: Path, bars: Path, tmp_path: Path) -> None:
    """A sender of external signals on tcp chooses the routing ids of the evaluator and the venue, and stays; a reader does so at
    the history. The evaluator gets every reply that is its own, and every message of the run is as in a backtest."""
    conf, recording = prepared("claims", bars)
    conf = msgspec.structs.replace(conf, ingress=msgspec.structs.replace(conf.ingress, enabled=True))
    recording = msgspec.structs.replace(recording, bars=recording.bars[:1_150])
    undisturbed, out = tmp_path / "undisturbed", runs.prepare(tmp_path / "out")
    runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, out)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    with runs.supervised(conf, out, lambda text: None), Player(conf, out, runs.venue(conf), logs.configure("replay")) as player:
        paths = {name: tmp_path / f"{name}.key" for name in ("fks", "anna")}
        for name, role in (("fks", Role.EXTERNAL), ("anna", Role.READER)):
            keys.export(out, keys.new(out, name, role), paths[name], host=conf.bus.host, base_port=conf.bus.base_port)
        claims = [
            ("fks", "gate", "evaluator"),
            ("fks", "gate", "nt"),
            ("anna", "gate", "evaluator"),
            ("anna", "history", "tracker"),
        ]
        peers = [
            sockets.requester(context, access.remote(paths[name], PORTS.__getitem__).to(port), claimed)
            for name, port, claimed in claims
        ]

        def played(bar: Bar) -> None:
            """Between two bars: a question to each port, from each peer; the answer to an invalid signal goes to nobody else."""
            if bar.index % 50 == 0:
                header = Header(1, "evaluator", bar.close_ns, 1, 0)
                frame = wire.encode(header, ExternalSignal({"action": "none"}))
                for peer in peers:
                    peer.send_multipart([b"", b"ingress.ask.", frame], zmq.NOBLOCK)

        player.join()
        player.play(recording.bars, played=played)
        player.finish()
        # A peer's questions may arrive after the last bar: replay and peers share no order.
        assert eventually(lambda: state(context, out, "gate")["refusals"].get("role", 0) > 0)
        assert eventually(lambda: state(context, out, "logger")["refusals"].get("role", 0) > 0)
        assert eventually(lambda: any(peer.poll(0) for peer in peers[:2]))  # of the two that fks may ask under, one has the name
        replies = [peer.poll(0) for peer in peers]
    context.destroy(linger=0)

    left = journal(out)
    assert left.pop("ingress.answer.tape")
    assert left == journal(undisturbed)
    assert not any(replies[2:])


def test_without_a_key_nobody_gets_a_word_into_a_replay(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """An HTTP request, a NULL peer and unknown keys, between two bars, at every port on tcp and inside, those of the player
    included. Each try is one refusal with its reason, `status` has their numbers, and the journal is as in a backtest."""
    conf, recording = prepared("strangers", bars)
    recording = msgspec.structs.replace(recording, bars=recording.bars[:1_150])
    undisturbed, out = tmp_path / "undisturbed", runs.prepare(tmp_path / "out")
    runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, out)
    shown: dict[str, int] = {}
    by_process: Counter[str] = Counter()

    with runs.supervised(conf, out, lambda text: None), Player(conf, out, runs.venue(conf), logs.configure("replay")) as player:

        def played(bar: Bar) -> None:
            if bar.close_ns != recording.bars[1_100].close_ns:
                return
            front = Front(out, conf.bus.base_port, {**OWNERS, **PLAYER}, {"replay": player.state})
            before = front.turned_away()  # one of ours that asked too early may have given up
            expected: Counter[tuple[str, str]] = Counter()
            for stranger in ("an HTTP request", "NULL", "an unknown key", "an unknown name"):
                expected += front.tried_by(stranger)
            assert eventually(lambda: front.turned_away() - before == expected)
            for (port, _), count in front.turned_away().items():
                by_process[front.owners[port]] += count
            rows = status(tapewire)
            shown.update({name: rows[name]["turned_away"] for name in makers.NAMES})
            front.close()

        player.join()
        player.play(recording.bars, played=played)
        player.finish()

    assert journal(out) == journal(undisturbed)
    assert shown == {name: by_process[name] for name in makers.NAMES}
    assert min(shown.values()) > 0


def state(context: zmq.Context[zmq.Socket[bytes]], run: Path, name: str) -> dict[str, dict[str, int]]:
    return dict(request_control(context, access.local(run, "reader").to(f"control.{name}"), "state", timeout_s=10))

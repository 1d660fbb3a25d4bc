"""The HTTP door of a real run: killed again and again, asked meanwhile, and left unread by a reader."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
import zmq
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tapewire.bus import access, keys
from tapewire.bus.client import request_control
from tapewire.bus.errors import Transient
from tapewire.bus.keys import Credential, Key
from tapewire.bus.messages import Bar, Verb
from tapewire.daemons.api.asking import AskedPort
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.integration.conftest import home_in
from tests.integration.test_parity import journal
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

BARS = 900  # of the first part, in which the door is killed; the rest fills a queue that nobody reads
SEED = 15
KILLS = 4


class Served(NamedTuple):
    """What was seen of a run.

    kills: of the door. answers: statuses of requests meanwhile. told: what a reader was told after the last kill. state: the door's
    own report in the end. judged: by role and verb, whether the daemons let it pass.
    """

    undisturbed: Path
    disturbed: Path
    kills: int
    answers: set[int]
    told: list[dict[str, Any]]
    state: dict[str, Any]
    judged: dict[tuple[str, str], bool]
    log: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stalled(port: int, key: Key) -> Iterator[None]:
    """A reader that asks for everything and reads nothing."""
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", port))
        with (
            suppress(ConnectionClosed),
            connect(f"ws://127.0.0.1:{port}/stream", sock=narrow, max_queue=1, close_timeout=0) as reader,
        ):
            reader.send(json.dumps({"key": key.token, "topics": [""]}))
            yield


def past(port: int, key: Key) -> list[dict[str, Any]]:
    """What a reader that comes now is told of the past."""
    found = []
    with connect(f"ws://127.0.0.1:{port}/stream", max_size=None) as reader:
        reader.send(json.dumps({"key": key.token}))
        while (message := json.loads(reader.recv(timeout=20)))["kind"] != "live":
            found += message.get("facts", [])
    return found


async def passes(run: Path, key: Key, port: str, verb: Verb, argument: str = "") -> bool:
    """Whether a daemon does what a key asks by way of the door."""
    with zmq.Context() as context:
        way = access.lent(run, Credential(key.name, key.phrase))
        with AskedPort(context, way.to(port), asyncio.get_running_loop()) as asked:
            try:
                await asked.ask(verb, argument, timeout_s=1.0)
            except Transient:
                return False
        return True


@pytest.fixture(scope="module")
def served(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two sessions; in the first the door is killed at random while it is asked, in the second a reader does not read."""
    folder = tmp_path_factory.mktemp("api")
    with home_in(folder):
        conf = configuration.load("replay", instance="api", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
        base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
        recording, calendar = runs.read(bars, "MNQ", lambda share: None)
        recording = msgspec.structs.replace(recording, bars=recording.bars[: 2 * BARS])
        port = free_port()
        api = msgspec.structs.replace(conf.api, enabled=True, port=port, requests_per_s=1_000.0)
        bus = msgspec.structs.replace(conf.bus, base_port=base)
        conf = msgspec.structs.replace(conf, calendar=calendar, bus=bus, api=api)
        undisturbed, disturbed = folder / "undisturbed", runs.prepare(folder / "disturbed")
        runs.backtest(msgspec.structs.replace(conf, api=configuration.Api()), recording, undisturbed, lambda share: None)
        configuration.write(conf, disturbed)
        yield played(conf, recording.bars, undisturbed, disturbed, port)


def played(conf: Conf, bars: tuple[Bar, ...], undisturbed: Path, disturbed: Path, port: int) -> Served:
    dice, answers, kills = random.Random(SEED), set[int](), 0
    with runs.supervised(conf, disturbed, lambda text: None) as instance:
        made = keys.Keys(disturbed)
        reader, operator = made.named("reader"), made.named("operator")
        assert reader is not None
        assert operator is not None
        over = threading.Event()

        def ask() -> None:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": reader.token}, timeout=5) as client:
                while not over.is_set():
                    for path in ("/state", "/trades/today", "/health", "/api/live/status"):
                        with suppress(httpx2.TransportError):  # it was killed
                            answers.add(client.get(path).status_code)
                        over.wait(0.05)

        def pid() -> int:
            return int(next(each["pid"] for each in supervise.processes(instance) if each["name"] == "api"))

        def strike(bar: Bar) -> None:
            nonlocal kills
            if kills < KILLS and dice.random() < 2 * KILLS / BARS and (at := pid()):
                os.kill(at, signal.SIGKILL)
                kills += 1

        asking = threading.Thread(target=ask)
        with Player(conf, disturbed, runs.venue(conf), logs.configure("replay")) as player:
            player.join()
            asking.start()
            try:
                player.play(bars[:BARS], played=strike, ends=False)
                assert eventually(lambda: up(port))
                told = past(port, reader)
                with stalled(port, reader), zmq.Context() as context:
                    line = access.local(disturbed, "reader").to("control.api")
                    player.play(bars[BARS:])
                    assert eventually(lambda: request_control(context, line, "state")["streams_cut"] == 1)
                    state = request_control(context, line, "state")
                player.finish()
            finally:
                over.set()
                asking.join()
            judged = {
                (key.role.value, verb): asyncio.run(passes(disturbed, key, name, verb))
                for key in (reader, operator)
                for name, verb in (("gate", "ready"), ("control.logger", "ping"), ("control.publisher", "stop"))
                if (key.role.value, verb) != ("operator", "stop")
            }
    return Served(undisturbed, disturbed, kills, answers, told, state, judged, (disturbed / "logs" / "api.log").read_text())


def up(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx2.TransportError:
        return False


def test_killing_the_door_changes_no_byte(served: Served) -> None:
    """Killed at random and asked all the time: the journal is that of a run without it, and nothing of its own is there."""
    assert served.kills == KILLS
    assert journal(served.disturbed) == journal(served.undisturbed)
    assert [path.name for path in (served.disturbed / "journal").glob("*api*")] == []


def test_it_answers_while_it_is_killed_and_never_wrongly(served: Served) -> None:
    """What is answered at all is answered as always, or with a 503 while a daemon is busy."""
    assert 200 in served.answers
    assert served.answers <= {200, 503}


def test_a_reader_that_comes_late_is_told_the_past_once(served: Served) -> None:
    """After the last kill: the sessions so far, in order and without a hole, as the journal has them."""
    names = [(each["topic"], each["epoch"], each["seq"]) for each in served.told if not each["topic"].startswith("sys.")]
    sessions = [seq for topic, _, seq in names if topic == "session.MNQ."]
    done = [each["body"]["bar_ns"] for each in served.told if each["topic"] == "eval.done.MNQ."]

    assert len(names) == len(set(names))
    assert sessions == [*range(1, BARS + 1)]
    assert done == [max(each["body"]["bar"]["close_ns"] for each in served.told if each["topic"] == "session.MNQ.")]


def test_a_reader_that_does_not_read_is_cut_and_told(served: Served) -> None:
    """By a queue with a bound, within the run; the log names its key, and the others were not held up."""
    cut = [json.loads(line) for line in served.log.splitlines() if '"reader_cut_off"' in line]

    assert served.state["streams_cut"] == 1
    assert [each["key"] for each in cut] == ["reader"]


def test_the_daemons_judge_who_asks_by_way_of_the_door(served: Served) -> None:
    """A reader's key reads, and stops nothing, whatever the door lets through."""
    assert served.judged == {
        ("reader", "ready"): True,
        ("reader", "ping"): True,
        ("reader", "stop"): False,
        ("operator", "ready"): True,
        ("operator", "ping"): True,
    }

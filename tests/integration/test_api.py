"""The HTTP door of a real run: killed again and again, asked meanwhile, watched by a page, and left unread by a reader."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
import schemathesis
import zmq
from schemathesis.generation.modes import GenerationMode
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tapewire.bus import access, keys
from tapewire.bus.client import request_control
from tapewire.bus.errors import Transient
from tapewire.bus.keys import Credential, Key
from tapewire.bus.messages import Bar, Verb
from tapewire.daemons.api.asking import AskedPort
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.alerting import Alerting, Channel, Rule
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.daemons.shell.process import Stopped
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests import browser
from tests.answers import Sent, held
from tests.integration.conftest import home_in
from tests.integration.test_parity import journal
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

BARS = 900  # of the first part, in which the door is killed; the rest fills a queue that nobody reads
SEED = 15
EXAMPLES = 4  # of each endpoint
KILLS = 3  # of each
CROWDED_S = 20  # it only ends a kill that gets no answer
MOMENT_S = 0.05  # within which a victim dies after its bar, while the next ones are played
GONE = ("WebSocket connection", "net::ERR_")  # what a browser itself says on the console of a server that is away


class Watching(NamedTuple):
    """What a page in a browser has shown, after the last kill.

    reloaded: it is not the page that was opened. bars: times of the bars that it has drawn. said: on its console.
    """

    reloaded: bool
    bars: list[int]
    said: list[str]


class Served(NamedTuple):
    """What was seen of a run.

    kills: by name. page: None without a browser. answers: statuses of requests meanwhile. told: what a reader was told after the
    last kill. state: the door's own report in the end, and how far it gives way to others. left: the journal. fuzzed: what came of
    sending all that its document allows and forbids, afterwards. judged: by role and verb, whether the daemons let it pass.
    kills_in_crowd: statuses of kills beside a thousand slow clients, at the end. refused: how many of those were, by code.
    """

    undisturbed: Path
    disturbed: Path
    kills: Counter[str]
    page: Watching | None
    answers: set[int]
    told: list[dict[str, Any]]
    state: dict[str, Any]
    left: dict[str, bytes]
    fuzzed: dict[GenerationMode, Sent | Exception]
    judged: dict[tuple[str, str], bool]
    kills_in_crowd: list[int]
    refused: dict[str, int]
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
        alerts = Alerting(True, channels={"log": Channel(per_minute=600)}, rules=(Rule(topics=("",), channels=("log",)),))
        alone = msgspec.structs.replace(conf, calendar=calendar, bus=bus)
        conf = msgspec.structs.replace(alone, api=api, alerts=alerts)
        undisturbed, disturbed = folder / "undisturbed", runs.prepare(folder / "disturbed")
        runs.backtest(alone, recording, undisturbed, lambda share: None)
        configuration.write(conf, disturbed)
        yield played(conf, recording.bars, undisturbed, disturbed, port)


class Killer:
    """Kills the api and the alerts, in turns, at bars and at moments behind them that a seed chooses. Each has come back before it
    is killed again, and so has the page."""

    def __init__(self, run: Path, back: Callable[[str], bool], pump: Callable[[float], object]) -> None:
        dice = random.Random(SEED)
        self.kills = Counter[str]()
        self._run, self._back, self._pump = run, back, pump
        self._bars = sorted(dice.sample(range(BARS // 8, BARS), 2 * KILLS), reverse=True)
        self._delays_s = [dice.uniform(0, MOMENT_S) for _ in self._bars]
        self._blow: threading.Timer | None = None

    def strike(self, bar: Bar) -> None:
        """A bar has been played."""
        if not self._bars or bar.index < self._bars[-1]:
            return
        name = ("api", "alerts")[len(self._bars) % 2]
        self.join()
        while not self._back(name):
            self._pump(0.05)
        victim = instances.daemons(str(self._run))[name]
        self._blow = threading.Timer(self._delays_s[len(self._bars) - 1], os.kill, (victim, signal.SIGKILL))
        self._blow.start()
        self._bars.pop()
        self.kills[name] += 1

    def join(self) -> None:
        """Wait until the last one is dead."""
        if self._blow is not None:
            self._blow.join()


def played(conf: Conf, bars: tuple[Bar, ...], undisturbed: Path, disturbed: Path, port: int) -> Served:
    answers, page = set[int](), None
    with runs.supervised(conf, disturbed, lambda text: None):
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

        asking = threading.Thread(target=ask)
        with Player(conf, disturbed, runs.venue(conf), logs.configure("replay")) as player:
            player.join()
            asking.start()
            try:
                with nullcontext() if browser.missing() else browser.visiting(f"http://127.0.0.1:{port}/") as visitor:
                    watching = None if visitor is None else visitor.connected(reader.token)
                    if watching is not None:
                        watching.evaluate("window.opened = true")

                    def back(name: str) -> bool:
                        shown = watching is None or watching.locator(browser.CONNECTED).count() > 0
                        return name in instances.daemons(str(disturbed)) and (name != "api" or (up(port) and shown))

                    killer = Killer(disturbed, back, player.pump)
                    player.play(bars[:BARS], played=killer.strike, ends=False)
                    killer.join()
                    assert eventually(lambda: up(port))
                    if visitor is not None:
                        page = watched(visitor, watching)
                told = past(port, reader)
                with stalled(port, reader), zmq.Context() as context:
                    line = access.local(disturbed, "reader").to("control.api")
                    player.play(bars[BARS:])
                    assert eventually(lambda: request_control(context, line, "state")["streams_cut"] == 1)
                    state = request_control(context, line, "state")
                    state["niceness"] = os.getpriority(os.PRIO_PROCESS, state["pid"]) - os.getpriority(os.PRIO_PROCESS, 0)
                player.finish()
                left = journal(disturbed)
            finally:
                over.set()
                asking.join()
            with ThreadPoolExecutor(1) as pool:
                sending = pool.submit(fuzz, port, operator)
                while not sending.done():
                    try:
                        player.pump(0.05)  # it answers, too
                    except Stopped:  # told to, and asked on
                        player.stopping = False
            judged = {
                (key.role.value, verb): asyncio.run(passes(disturbed, key, name, verb))
                for key in (reader, operator)
                for name, verb in (("gate", "ready"), ("control.logger", "ping"), ("control.publisher", "stop"))
                if (key.role.value, verb) != ("operator", "stop")
            }
            kills, refused = crowded(disturbed, port, reader, operator)
    log = (disturbed / "logs" / "api.log").read_text()
    found = sending.result()
    return Served(undisturbed, disturbed, killer.kills, page, answers, told, state, left, found, judged, kills, refused, log)


def crowded(run: Path, port: int, reader: Key, operator: Key) -> tuple[list[int], dict[str, int]]:
    """A thousand slow clients come. Statuses of kills meanwhile, each on a connection of its own; and who was turned away."""
    address, headers = f"http://127.0.0.1:{port}/api/live/kill", {"X-API-Key": operator.token}
    command = [sys.executable, "-m", "tests.bench.slow_clients", str(port), reader.token, "usual"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as crowd:
        try:
            assert crowd.stdout is not None
            crowd.stdout.readline()
            kills = [httpx2.post(address, headers=headers, timeout=CROWDED_S).status_code for _ in range(KILLS)]
            with zmq.Context() as context:
                state = request_control(context, access.local(run, "reader").to("control.api"), "state")
        finally:
            crowd.kill()
    return kills, state["http_turned_away"]


def fuzz(port: int, operator: Key) -> dict[GenerationMode, Sent | Exception]:
    """Send what the document allows, and what it forbids. Somebody arms before it is asked whether an entry can be traded."""
    found: dict[GenerationMode, Sent | Exception] = {}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": operator.token}, timeout=20) as client:

        def before(endpoint: str) -> None:
            if endpoint == "GET /ready":
                client.post("/api/live/arm").raise_for_status()

        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            document = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
            try:
                found[mode] = held(document, mode, operator.token, examples=EXAMPLES, before=before)
            except Exception as error:
                found[mode] = error
    return found


def watched(visitor: browser.Visitor, page: Any) -> Watching:
    """What a page shows when it has all bars again."""

    def times() -> list[int]:
        return [bar["time"] for bar in page.evaluate("document.getElementById('chart').drawn()")]

    browser.until(lambda: len(times()) >= BARS, page)
    return Watching(not page.evaluate("window.opened === true"), times(), visitor.said)


def up(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx2.TransportError:
        return False


def test_killing_the_door_and_the_alerts_changes_no_byte(served: Served) -> None:
    """Killed at random, asked all the time and watched: the journal is that of a run without them, and has nothing of theirs."""
    assert served.kills == {"api": KILLS, "alerts": KILLS}
    assert served.left == journal(served.undisturbed)
    assert [path.name for path in (served.disturbed / "journal").glob("*api*")] == []


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_to_a_run_gets_an_answer_that_is_described(mode: GenerationMode, served: Served) -> None:
    """While its daemons are there: to every endpoint, no 5xx and nothing that its document does not say."""
    found = served.fuzzed[mode]

    assert isinstance(found, Sent), str(found)
    assert len(found.seen) >= (21 if mode is GenerationMode.POSITIVE else 10)


def test_a_page_comes_back_by_itself(served: Served) -> None:
    """After each death of the door, without a reload: in the end it has drawn every bar once. It told no error of its own."""
    if served.page is None:
        pytest.skip(browser.missing())

    assert not served.page.reloaded
    assert len(served.page.bars) == BARS
    assert served.page.bars == sorted(set(served.page.bars))
    assert [said for said in served.page.said if not any(each in said for each in GONE)] == []


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
    assert {each["key"] for each in cut} == {"reader"}
    assert cut[0]["wait_s"] > 0


def test_a_thousand_slow_clients_do_not_keep_a_kill_out(served: Served) -> None:
    """From a connection that comes after them. They are refused by a code, each of which the log tells once in a while."""
    told = Counter(json.loads(line)["code"] for line in served.log.splitlines() if '"turned_away"' in line)

    assert served.kills_in_crowd == [200] * KILLS
    assert {"MANY", "BUSY", "SLOW"} & set(served.refused)
    assert set(served.refused) <= set(told)
    assert max(told.values()) < 10 < sum(served.refused.values())
    assert "ASGI" not in served.log


def test_the_door_gives_way_to_the_other_daemons(served: Served) -> None:
    """A thousand slow clients take the core that they find it on, and the gate's disk waits for it, too."""
    assert served.state["niceness"] > 0


def test_the_daemons_judge_who_asks_by_way_of_the_door(served: Served) -> None:
    """A reader's key reads, and stops nothing, whatever the door lets through."""
    assert served.judged == {
        ("reader", "ready"): True,
        ("reader", "ping"): True,
        ("reader", "stop"): False,
        ("operator", "ready"): True,
        ("operator", "ping"): True,
    }

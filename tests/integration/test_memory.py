"""Memory and open files of real processes: a reader that never reads, thousands of topics, two thousand connections.

Every process here starts with a soft limit of 1,024 open files, which is what most systems give.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from tapewire.bus import access, keys, sockets, wire
from tapewire.bus.access import Access
from tapewire.bus.client import Reader, request_control
from tapewire.bus.clock import WallClock
from tapewire.bus.errors import Transient
from tapewire.bus.messages import Alarm
from tapewire.bus.stamp import Stamper
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Conf
from tests.runs import begun

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
SOFT = 1_024
MIB = 1 << 20


@pytest.fixture
def conf(home: Path) -> Conf:
    """Ports of its own, and budgets that a test can fill."""
    loaded = configuration.load("live", instance="memory", traded=["MNQ"], preset=configuration.preset("seed"))
    base = supervise.free_base_port(loaded.bus.host, 7_000)
    return msgspec.structs.replace(
        loaded, bus=msgspec.structs.replace(loaded.bus, base_port=base, reader_mib=16, last_values_mib=4)
    )


@pytest.fixture
def run(conf: Conf, tmp_path: Path) -> Iterator[Path]:
    """The run's folder."""
    with begun(conf, tmp_path / "run") as folder:
        yield folder


@pytest.fixture
def start(run: Path) -> Iterator[Callable[[str], int]]:
    """Start a daemon with the soft limit of 1,024; it is ready, and this is its process id."""
    with ExitStack() as started:

        def begin(name: str) -> int:
            process = started.enter_context(_running(name, run))
            until(lambda: state(run, name).get("note") == "ready", f"{name} is ready")
            return process.pid

        yield begin


@contextmanager
def _running(name: str, run: Path, files: str = "") -> Iterator[subprocess.Popen[bytes]]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = files or f"{SOFT}:{hard}"
    command = ["prlimit", f"--nofile={limit}", sys.executable, "-m", "tapewire.daemons", name, "--run", str(run)]
    with (run / f"{name}.out").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


class Writer:
    """Publishes facts of a given size, with the bridge's key: on any topic of raw market data."""

    def __init__(self, run: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = sockets.publisher(self.context, access.local(run, "nt").to("broker.in"))
        self.stamper = Stamper("writer")
        assert self.socket.poll(10_000), "the broker does not listen"

    def write(self, topic: str, size: int = 0) -> None:
        frame = wire.encode(self.stamper.header(topic, 1), Alarm("load", "x" * size))
        sockets.send(self.socket, (topic.encode(), frame))

    def close(self) -> None:
        self.context.destroy(linger=0)


@pytest.fixture
def writer(run: Path, start: Callable[[str], int]) -> Iterator[Callable[[], Writer]]:
    """A writer, to be made once the broker is up."""
    made: list[Writer] = []

    def make() -> Writer:
        made.append(Writer(run))
        return made[-1]

    yield make
    for each in made:
        each.close()


def state(run: Path, name: str) -> dict[str, Any]:
    """What the daemon's control port says; empty where nothing replies."""
    port = access.local(run, "reader").to(f"control.{name}")
    with zmq.Context() as context:
        try:
            return dict(request_control(context, port, "state", timeout_s=2.0))
        except Transient:
            return {}


def outside(conf: Conf, run: Path) -> Access:
    """The run's ports as a reader on another machine reaches them."""
    exported = run / "reader.key"
    keys.export(run, keys.find(run, "reader"), exported, host=conf.bus.host, base_port=conf.bus.base_port)
    return access.remote(exported, PORTS.__getitem__)


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for what another process does."""
    clock = WallClock()
    end_ns = clock.monotonic_ns() + int(PATIENCE_S * 1e9)
    while not done():
        assert clock.monotonic_ns() < end_ns, f"not within {PATIENCE_S:g} s: {what}"


def rss(pid: int) -> int:
    """Resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak(pid: int) -> int:
    """The largest resident memory so far, in bytes."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


# --- the broker -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_a_reader_that_never_reads_costs_its_budget_and_no_more(
    conf: Conf, run: Path, start: Callable[[str], int], writer: Callable[[], Writer], side: str
) -> None:
    """256 MiB pass a reader that takes nothing. It costs at most twice its budget and is cut; the other one misses nothing."""
    pid = start("broker")
    out = writer()
    idle = rss(pid)
    topic, count, size = "raw.bar.MNQ.1m.", 1_024, MIB // 4
    with zmq.Context() as context, context.socket(zmq.SUB) as stuck:
        stuck.setsockopt(zmq.RCVHWM, 1)
        stuck.setsockopt(zmq.RCVBUF, 1 << 16)
        stuck.setsockopt(zmq.LINGER, 0)
        stuck.setsockopt(zmq.SUBSCRIBE, b"raw.")
        (access.local(run, "reader") if side == "inside" else outside(conf, run)).to("broker.out").connect(stuck)
        reader = Reader(context, access.local(run, "reader").to("broker.out"), ("raw.",))
        until(lambda: reader.receive(0.1) == [] and reader.joined, "the other reader has joined")
        for number in range(1, count + 1):
            out.write(topic, size)
            received: list[int] = []
            while not received:
                received = [message.header.seq for message, _ in reader.receive(5.0)]
            assert received == [number]
        reader.close()

    assert state(run, "broker")["cut"] >= 1
    assert peak(pid) - idle < 2 * (conf.bus.reader_mib * MIB + 4 * MIB) + conf.bus.last_values_mib * MIB


def test_last_values_keep_within_their_budget(
    conf: Conf, run: Path, start: Callable[[str], int], writer: Callable[[], Writer]
) -> None:
    """4,000 topics of 8 KiB are eight times the budget. A joiner gets the newest, and the process counts what was dropped."""
    pid = start("broker")
    out = writer()
    idle = rss(pid)
    with zmq.Context() as context:
        reader = Reader(context, access.local(run, "reader").to("broker.out"), ("raw.",))
        until(lambda: reader.receive(0.1) == [] and reader.joined, "a reader has joined")
        for number in range(4_000):  # one after the other, so that no queue adds to the broker's memory
            out.write(f"raw.t{number}.", 8_192)
            until(lambda: bool(reader.receive(1.0)), "it has passed")
        reader.close()
    told = state(run, "broker")
    with zmq.Context() as context:
        reader = Reader(context, access.local(run, "reader").to("broker.out"), ("raw.t3999.",))
        got: list[str] = []
        while not got:
            got = [message.topic for message, _ in reader.receive(5.0)]
        reader.close()

    assert got == ["raw.t3999."]
    assert told["last_bytes"] <= conf.bus.last_values_mib * MIB
    assert told["last_values"] + told["last_dropped"] >= 4_000
    assert rss(pid) - idle < 4 * conf.bus.last_values_mib * MIB


def test_what_no_reader_would_take_is_not_forwarded(run: Path, start: Callable[[str], int], writer: Callable[[], Writer]) -> None:
    """Too long a topic, too long a message, one frame, three frames: each is counted, kept nowhere, and the next fact passes."""
    start("broker")
    out = writer()
    for frames in ([b"raw." * 51, b"x"], [b"raw.a.", b"x" * (MIB + 1)], [b"raw.a."], [b"raw.a.", b"x", b"y"]):
        sockets.send(out.socket, frames)
    out.write("raw.b.")
    until(lambda: state(run, "broker")["forwarded"] == 1, "the broker has forwarded the fact")
    told = state(run, "broker")

    assert told["refused"] == 4
    assert told["last_values"] == 2  # the fact, and the broker's own heartbeat


def test_a_reader_that_sends_other_messages_stops_nothing(
    run: Path, start: Callable[[str], int], writer: Callable[[], Writer]
) -> None:
    """Several frames, a single one, an empty one, from the side of a reader: the broker goes on and serves it."""
    start("broker")
    out = writer()
    with zmq.Context() as context, context.socket(zmq.XSUB) as odd:
        odd.setsockopt(zmq.LINGER, 0)
        access.local(run, "reader").to("broker.out").connect(odd)
        for frames in ([b"hello"], [b"\x01raw.", b"more"], [b"", b""], [b"\x01raw."]):
            odd.send_multipart(frames)
        out.write("raw.a.")
        until(lambda: bool(odd.poll(100)), "the odd reader gets a fact or its last value")

    assert state(run, "broker")["note"] == "ready"


def test_a_reader_that_subscribes_without_end_is_ended(run: Path, start: Callable[[str], int]) -> None:
    """libzmq keeps each subscription in memory. The broker goes on, and counts whom it ended."""
    start("broker")
    with zmq.Context() as context, context.socket(zmq.XSUB) as greedy:
        greedy.setsockopt(zmq.LINGER, 0)
        greedy.setsockopt(zmq.SNDHWM, 0)
        monitor = greedy.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        access.local(run, "reader").to("broker.out").connect(greedy)
        for number in range(5_000):
            greedy.send(b"\x01raw.t%d." % number)
        ended = bool(monitor.poll(int(PATIENCE_S * 1000)))
        greedy.disable_monitor()
        monitor.close(linger=0)

    assert ended
    assert state(run, "broker")["subscriptions_cut"] >= 1


def test_a_broker_takes_two_thousand_idle_connections(
    conf: Conf, run: Path, start: Callable[[str], int], writer: Callable[[], Writer]
) -> None:
    """It began with 1,024 open files. A writer and a reader that come after the two thousand are served."""
    start("broker")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4_096:
        pytest.skip(f"this machine allows {hard} open files; the test needs 4,096")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as idle:
            for port in ("broker.in", "broker.out"):
                host, number = conf.bus.address(port).removeprefix("tcp://").split(":")
                for _ in range(1_000):
                    idle.enter_context(socket.create_connection((host, int(number)), timeout=10))
            out = writer()
            with zmq.Context() as context:
                reader = Reader(context, access.local(run, "reader").to("broker.out"), ("raw.",))
                until(lambda: reader.receive(0.1) == [] and reader.joined, "the reader has joined")
                out.write("raw.a.")
                got = [message.topic for message, _ in reader.receive(10.0)]
                reader.close()
            pong = state(run, "broker")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert got == ["raw.a."]
    assert pong["note"] == "ready"


def test_with_few_open_files_no_peer_on_tcp_ends_a_broker(conf: Conf, run: Path) -> None:
    """A hard limit of 320, which the report has. 400 strangers and 300 connections of a reader cannot take what the next peer
    inside the machine needs; libzmq would end the process there."""
    few = 320
    host, number = conf.bus.address("broker.in").removeprefix("tcp://").split(":")
    with _running("broker", run, f"{few}:{few}") as process, zmq.Context() as context, ExitStack() as idle:
        until(lambda: state(run, "broker").get("note") == "ready", "the broker is ready")
        for _ in range(400):
            idle.enter_context(socket.create_connection((host, int(number)), timeout=10))
        readers = [idle.enter_context(context.socket(zmq.SUB)) for _ in range(300)]
        for each in readers:
            each.setsockopt(zmq.LINGER, 0)
            outside(conf, run).to("broker.out").connect(each)
        until(lambda: {("broker.in", "full"), ("broker.out", "full")} <= away(run, "broker"), "both ports turn peers away")
        told = state(run, "broker")

        assert process.poll() is None
        assert told["open_files"] == few < told["open_files_needed"]


def away(run: Path, name: str) -> set[tuple[str, str]]:
    """Where and why a daemon has turned peers away."""
    return {(each["port"], each["why"]) for each in state(run, name)["turned_away_last"]}


# --- the logger -------------------------------------------------------------------------------------------------------------


def test_a_logger_writes_1100_topics(run: Path, start: Callable[[str], int], writer: Callable[[], Writer]) -> None:
    """It began with 1,024 open files; each topic has its file, and a start opens all of them again."""
    start("broker")
    start("logger")
    out = writer()
    for number in range(1_100):
        out.write(f"raw.t{number}.")
    until(lambda: len(state(run, "logger").get("records", ())) >= 1_100, "the logger has written all")

    files = {path.name for path in (run / "journal").glob("raw.*.tape")}
    assert files == {f"raw.t{number}.tape" for number in range(1_100)}

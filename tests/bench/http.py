"""`POST /signal` of the door beside the design's own service: FastAPI with the same strategies in one process; and beside a server
that only reads and writes, which is what the client, the kernel and two wake-ups take.

Two moments are measured. A bar that the daemons have decided on is asked for, which is what a second platform does. And a bar is
asked for at the moment at which it closes, so the answer waits for its way through broker, tracker, evaluator and gate.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tapewire.bus import keys
from tapewire.bus.messages import Bar
from tests.bench import ours
from tests.bench.figures import Figure, compared, quantile
from tests.bench.ticks import state

QUIET_S = 3.0  # until the daemons have written what they have
BLOCK = 30  # bars that are asked for in a row, of one side and then of the other
EARLY = 5  # every so many bars one is asked for before it closes
SERVICE, DECIDED, CLOSING = "FastAPI, strategies in it", "the door, a decided bar", "the door, a bar that closes"
BARE = "reads, and writes"
CROWD = 16
ROUND = 3 * 390  # bars of a round: the door keeps 1,500


_pool = ThreadPoolExecutor(1)


class Poster:
    """A connection that stays, as a platform has it. Python's own client takes longer than either side's answer."""

    def __init__(self, port: int, token: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = ("POST /signal HTTP/1.1", "host: 127.0.0.1", f"x-api-key: {token}", "content-type: application/json")
        self._head = "".join(f"{line}\r\n" for line in lines).encode()
        self._come = b""

    def send(self, body: bytes) -> None:
        """Ask, and do not wait."""
        self._come = b""
        self.socket.sendall(b"%scontent-length: %d\r\n\r\n%s" % (self._head, len(body), body))

    def read(self) -> dict[str, Any] | None:
        """The answer, as soon as it is whole."""
        self._come += self.socket.recv(65_536)
        head, end, rest = self._come.partition(b"\r\n\r\n")
        if not end or len(rest) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return None
        answer: dict[str, Any] = json.loads(rest)
        return answer

    def post(self, body: bytes) -> tuple[float, dict[str, Any]]:
        """Microseconds to the answer, and the answer."""
        start = time.perf_counter_ns()
        self.send(body)
        while (answer := self.read()) is None:
            pass
        return (time.perf_counter_ns() - start) / 1_000, answer


def one_by_one(posters: list[Poster], bodies: list[bytes]) -> list[float]:
    """Microseconds to the answer of each."""
    answers = [posters[0].post(body) for body in bodies]
    assert all(answer.get("code", "") in ("", "NO_SETUP") for _, answer in answers)
    return [spent for spent, _ in answers]


def together(posters: list[Poster], bodies: list[bytes]) -> list[float]:
    """Microseconds to the answer of each, when all ask at the same moment."""
    start, taken = time.perf_counter_ns(), []
    for poster, body in zip(posters, bodies, strict=True):
        poster.send(body)
    waiting = {poster.socket.fileno(): poster for poster in posters}
    while waiting:
        for ready in select.select(waiting, (), ())[0]:
            if waiting[ready].read() is not None:
                taken.append((time.perf_counter_ns() - start) / 1_000)
                del waiting[ready]
    return taken


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Some sessions are played, then their bars are asked for, all sides in turns; then the next ones. The service folds each bar
    once, as it would live."""
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: ROUND * (1 if quick else 4)]
    closing: list[float] = []
    place = folder / "http"
    place.mkdir()
    port = free()
    api: dict[str, object] = {"enabled": True, "port": port, "requests_per_s": 1e6}
    with (
        service("design") as design,
        service("bare") as bare,
        ours.running(ours.settings("seed"), place / "run", api=api) as conf,
        ours.TimedPlayer(conf, place / "run") as player,
    ):
        key = keys.find(place / "run", "reader")
        beside = Poster(port, key.token)
        player.join()
        player.play((), ends=False)
        sides = {SERVICE: design, DECIDED: Side(state(place / "run", "api")["pid"], port, key.token), BARE: bare}
        alone, by_themselves, crowded = Asked(sides), Asked(sides), Asked(sides)
        for begin in range(0, len(bars), ROUND):
            now = bars[begin : begin + ROUND]
            bodies = [json.dumps(asked(bar)).encode() for bar in now]
            for number, bar in enumerate(now):
                closes = [] if number % EARLY else [_early(beside, bodies[number])]
                player.bar(bar)
                closing += [each.result()[0] for each in closes]
            player.finish()
            until = time.monotonic() + QUIET_S
            while time.monotonic() < until:
                player.pump(0.1)
            third = len(bodies) // 3
            alone.ask(bodies[:third], BLOCK, one_by_one)
            with undisturbed(sides.values()):
                by_themselves.ask(bodies[third : 2 * third], BLOCK, one_by_one)
            crowded.ask(bodies[2 * third :], CROWD, together)
            beside = Poster(port, key.token)
    return [
        *compared("http", alone.taken, SERVICE),
        Figure("http", CLOSING, quantile(closing, 0.5), quantile(closing, 0.99)),
        *compared("http, before all other work", by_themselves.taken, SERVICE),
        *compared("http, CPU time of the process", alone.spent, SERVICE),
        *compared(f"http, {CROWD} at once", crowded.taken, SERVICE),
        *compared(f"http, {CROWD} at once, CPU time of the process", crowded.spent, SERVICE),
    ]


class Asked:
    """Questions to each side, block by block in turns.

    taken: microseconds to each answer. spent: of CPU time a request, for each block.
    """

    def __init__(self, sides: dict[str, Side]) -> None:
        self.taken: dict[str, list[float]] = {name: [] for name in sides}
        self.spent: dict[str, list[float]] = {name: [] for name in sides}
        self._sides = sides

    def ask(self, bodies: list[bytes], size: int, way: Callable[[list[Poster], list[bytes]], list[float]]) -> None:
        """Each block to each side, over new connections: one that is idle is closed by either side."""
        posters = {name: [Poster(side.port, side.token) for _ in range(CROWD)] for name, side in self._sides.items()}
        for first in range(0, len(bodies) - size + 1, size):
            for name, side in self._sides.items():
                before = side.cpu_us()
                found = way(posters[name], bodies[first : first + size])
                if first:  # the first block wakes everybody up
                    self.taken[name] += found
                    self.spent[name].append((side.cpu_us() - before) / size)


def _early(poster: Poster, body: bytes) -> Future[tuple[float, dict[str, Any]]]:
    """Ask for a bar from another thread."""
    return _pool.submit(poster.post, body)


def asked(bar: Bar) -> dict[str, Any]:
    """A bar as the design sends it."""
    fields = ("open", "high", "low", "close", "volume", "delta", "up_ticks", "down_ticks")
    shape = {name: getattr(bar, name) for name in fields} | {"up_volume": bar.ask_volume, "down_volume": bar.bid_volume}
    stamp = dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC).isoformat()
    return {"timestamp": stamp, "instrument": "MNQ", "bar": shape}


class Side(NamedTuple):
    """A server: its process, and how it is reached."""

    pid: int
    port: int
    token: str = ""

    def cpu_us(self) -> float:
        """CPU time of its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1_000


@contextmanager
def undisturbed(sides: Iterable[Side]) -> Iterator[None]:
    """All sides, and this process, go before everything else on the machine (SCHED_FIFO), if that is permitted: on a busy machine a
    p99 is somebody else's time slice."""
    pids = (os.getpid(), *(side.pid for side in sides))
    threads = [int(task.name) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    with suppress(PermissionError):
        for thread in threads:
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        for thread in threads:
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def service(kind: str) -> Iterator[Side]:
    """A server of `http_service` as a process."""
    port = free()
    with subprocess.Popen([sys.executable, "-m", "tests.bench.http_service", kind, str(port)]) as process:
        os.sched_setaffinity(process.pid, os.sched_getaffinity(0) - {ours.chain_core()})  # where the door is
        try:
            reached(port)
            yield Side(process.pid, port)
        finally:
            process.terminate()


def reached(port: int) -> None:
    """Wait until there is somebody."""
    until = time.monotonic() + 20
    while True:
        try:
            Poster(port)
            return
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def free() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

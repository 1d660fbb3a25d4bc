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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
    """All in turns, block by block, while the daemons of a run are up. The service folds each bar once, as it would live."""
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: 390 * (2 if quick else 8)]
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
        for number, bar in enumerate(bars):
            closes = [] if number % EARLY else [_early(beside, json.dumps(asked(bar)).encode())]
            player.bar(bar)
            closing += [each.result()[0] for each in closes]
        player.play((), ends=True)
        player.finish()
        time.sleep(QUIET_S)
        sides = {SERVICE: design, DECIDED: Side(state(place / "run", "api")["pid"], port, key.token), BARE: bare}
        bodies = [json.dumps(asked(bar)).encode() for bar in bars]
        half = len(bodies) // 2
        alone, alone_cpu = in_blocks(sides, bodies[:half], BLOCK, one_by_one)
        crowded, crowded_cpu = in_blocks(sides, bodies[half:], CROWD, together)
    return [
        *compared("http", alone, SERVICE),
        Figure("http", CLOSING, quantile(closing, 0.5), quantile(closing, 0.99)),
        *compared("http, CPU time of the process", alone_cpu, SERVICE),
        *compared(f"http, {CROWD} at once", crowded, SERVICE),
        *compared(f"http, {CROWD} at once, CPU time of the process", crowded_cpu, SERVICE),
    ]


Ask = Callable[[list[Poster], list[bytes]], list[float]]
Taken = dict[str, list[float]]


def in_blocks(sides: dict[str, Side], bodies: list[bytes], size: int, ask: Ask) -> tuple[Taken, Taken]:
    """Each block to each side. Returns microseconds to each answer, and of CPU time a request for each block."""
    posters = {name: side.posters() for name, side in sides.items()}
    taken: Taken = {name: [] for name in sides}
    spent: Taken = {name: [] for name in sides}
    for first in range(0, len(bodies) - size, size):
        for name, side in sides.items():
            before = side.cpu_us()
            found = ask(posters[name], bodies[first : first + size])
            if first:  # the first block wakes everybody up
                taken[name] += found
                spent[name].append((side.cpu_us() - before) / size)
    return taken, spent


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

    def posters(self) -> list[Poster]:
        """New connections: one that is idle is closed by either side."""
        return [Poster(self.port, self.token) for _ in range(CROWD)]

    def cpu_us(self) -> float:
        """CPU time of its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1_000


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

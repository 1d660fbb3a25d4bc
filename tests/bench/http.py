"""`POST /signal` of the door beside the design's own service: FastAPI with the same strategies in one process.

Two moments are measured. A bar that the daemons have decided on is asked for, which is what a second platform does. And a bar is
asked for at the moment at which it closes, so the answer waits for its way through broker, tracker, evaluator and gate.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tapewire.bus import keys
from tapewire.bus.messages import Bar
from tests.bench import ours
from tests.bench.figures import Figure, compared

REST_S = 0.05  # until the facts of a block are read
BLOCK = 30  # bars that are played, and then asked for in a row
EARLY = 5  # every so many bars one is asked for before it closes
SERVICE, DECIDED, CLOSING = "FastAPI, strategies in it", "the door, a decided bar", "the door, a bar that closes"


_pool = ThreadPoolExecutor(1)


class Poster:
    """A connection that stays, as a platform has it."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"content-type": "application/json", "X-API-Key": token}

    def post(self, body: bytes) -> tuple[float, dict[str, Any]]:
        """Microseconds to the answer, and the answer."""
        start = time.perf_counter_ns()
        self._connection.request("POST", "/signal", body, self._headers)
        content = self._connection.getresponse().read()
        return (time.perf_counter_ns() - start) / 1_000, json.loads(content)


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """All in turns, bar by bar, while the daemons of a run are up."""
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: 390 * (1 if quick else 4)]
    taken: dict[str, list[float]] = {SERVICE: [], DECIDED: [], CLOSING: []}
    place = folder / "http"
    place.mkdir()
    ports = [free() for _ in range(2)]
    conf = ours.settings("seed")
    api: dict[str, object] = {"enabled": True, "port": ports[0], "requests_per_s": 1e6}
    with (
        service(ports[1]) as other,
        ours.running(conf, place / "run", api=api) as conf,
        ours.TimedPlayer(conf, place / "run", rest_s=0.002) as player,
    ):
        key = keys.Keys(place / "run").named("reader")
        assert key is not None
        door, beside = Poster(ports[0], key.token), Poster(ports[0], key.token)
        player.join()
        for first in range(0, len(bars), BLOCK):
            block = [(bar, json.dumps(asked(bar)).encode()) for bar in bars[first : first + BLOCK]]
            for number, (bar, body) in enumerate(block, 1):
                closes = [] if number % EARLY else [_early(beside, body)]
                player.play([bar], ends=bar is bars[-1])
                taken[CLOSING] += [each.result()[0] for each in closes]
            time.sleep(REST_S)
            decided, plain = [door.post(body) for _, body in block], [other.post(body) for _, body in block]
            assert all(answer["code"] in ("", "NO_SETUP") for _, answer in decided)
            if first:
                taken[DECIDED] += [spent for spent, _ in decided]
                taken[SERVICE] += [spent for spent, _ in plain]
    return compared("http", taken, SERVICE)


def _early(poster: Poster, body: bytes) -> Future[tuple[float, dict[str, Any]]]:
    """Ask for a bar from another thread."""
    return _pool.submit(poster.post, body)


def asked(bar: Bar) -> dict[str, Any]:
    """A bar as the design sends it."""
    fields = ("open", "high", "low", "close", "volume", "delta", "up_ticks", "down_ticks")
    shape = {name: getattr(bar, name) for name in fields} | {"up_volume": bar.ask_volume, "down_volume": bar.bid_volume}
    stamp = dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC).isoformat()
    return {"timestamp": stamp, "instrument": "MNQ", "bar": shape}


@contextmanager
def service(port: int) -> Iterator[Poster]:
    """The design's service as a process."""
    with subprocess.Popen([sys.executable, "-m", "tests.bench.http_service", str(port)]) as process:
        try:
            yield reached(port)
        finally:
            process.terminate()


def reached(port: int) -> Poster:
    """A connection, as soon as there is somebody."""
    until = time.monotonic() + 20
    while True:
        try:
            return Poster(port)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def free() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Fan-out: one message to many subscribers over tcp with CURVE, from the port `public` and from a bare publisher."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import zmq

from tapewire.bus import access, keys
from tapewire.bus.roles import Role, SubscriberTier
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import PORT_BLOCK, PORTS
from tapewire.daemons.shell import limits
from tests.bench import ours
from tests.bench.figures import Figure, compared
from tests.runs import begun, conf

KINDS = {"bare": "bare CURVE publisher", "tapewire": "tapewire, port public"}
PATIENCE_MS = 120_000


class Server:
    """A server with its subscribers, all connected.

    connected_s: how long it took until the last one had subscribed. kib: memory of the server for each of them.
    """

    def __init__(self, kind: str, run: Path, port: int, count: int) -> None:
        command = [sys.executable, "-m", "tests.bench.fanout_server", kind, str(run), str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._told()
        empty = int(self.asked("rss"))
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, count + 10)
        key = keys.find(run, "fan")
        start = time.monotonic()
        self._sockets = [
            self._subscriber(access.Line(f"tcp://127.0.0.1:{port}", key, keys.Keys(run).server.public)) for _ in range(count)
        ]
        while int(self.asked("readers")) < count:
            for socket in self._sockets:  # one whose handshake was cut short subscribes again when it is looked at, not before
                socket.poll(0)
            time.sleep(0.05)  # this is a bench
        self.connected_s = time.monotonic() - start
        self.kib = (int(self.asked("rss")) - empty) / count

    def _subscriber(self, line: access.Line) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        socket.setsockopt(zmq.SUBSCRIBE, b"public.")
        line.connect(socket)
        return socket

    @property
    def about(self) -> str:
        """Its memory, and how long its subscribers took to connect."""
        return f"{self.kib:.0f} KiB each, all in after {self.connected_s:.1f} s"

    def burst(self, messages: int) -> float:
        """Microseconds until every subscriber has all of so many messages."""
        start = time.perf_counter_ns()
        self._say(f"burst {messages}")
        for socket in self._sockets:
            for _ in range(messages):
                socket.recv_multipart()
        return (time.perf_counter_ns() - start) / 1000

    def one(self) -> float:
        """Microseconds until the last subscriber has a message."""
        start = time.perf_counter_ns()
        self._say("one")
        for socket in self._sockets:
            socket.recv_multipart()
        return (time.perf_counter_ns() - start) / 1000

    def asked(self, word: str) -> str:
        """The answer of the server."""
        self._say(word)
        return self._told()

    def close(self) -> None:
        """End it."""
        self._context.destroy(linger=0)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def _told(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """1, 100 and 1,000 subscribers, on each of both servers in turns."""
    limits.raise_open_files()
    figures: list[Figure] = []
    for count in (1, 100) if quick else (1, 100, 1_000):
        with servers(count) as standing:
            rounds, messages = (3, 200) if quick else (8, 20_000 // max(count, 20))
            bursts: dict[str, list[float]] = {name: [] for name in KINDS.values()}
            ones: dict[str, list[float]] = {name: [] for name in KINDS.values()}
            for number in range(rounds + 1):
                for kind, name in KINDS.items():
                    taken = [standing[kind].burst(messages) / messages / count]
                    single = [standing[kind].one() for _ in range(50)]
                    if number:
                        bursts[name] += taken
                        ones[name] += single
            notes = {KINDS[kind]: each.about for kind, each in standing.items()}
        base = KINDS["bare"]
        figures += compared(f"fanout {count}, throughput", bursts, base, rate=True, notes=notes)
        figures += compared(f"fanout {count}, to the last", ones, base)
    return figures


@contextmanager
def servers(count: int) -> Iterator[dict[str, Server]]:
    """Both, with so many subscribers each."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tapewire-bench-")))
        run = stack.enter_context(begun(conf(), place / "run"))
        keys.new(run, "fan", Role.SUBSCRIBER, tier=SubscriberTier.PREMIUM)
        base = supervise.free_base_port("127.0.0.1", 7_550)
        found: dict[str, Server] = {}
        for at, kind in enumerate(KINDS):
            found[kind] = Server(kind, run, base + PORTS["public"] + at * PORT_BLOCK, count)
            stack.callback(found[kind].close)
        yield found

"""The server of the bench `fanout`, as a process: the port of a tier, or a bare CURVE publisher.

    python -m tests.bench.fanout_server bare|tapewire RUN PORT

It sends what stdin asks for: `burst N` so many messages at once, `one` a single one. `rss` prints its memory in KiB, `readers` how
many connections have subscribed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import structlog
import zmq

from tapewire.bus import sockets
from tapewire.bus.keys import Keys
from tapewire.bus.sockets import FACTS_HWM
from tapewire.daemons.settings.structs import PORTS, Bus
from tapewire.daemons.shell import limits
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.host import Host
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits

TOPIC = b"public.signal.MNQ."
BODY = bytes(480)  # a signal has about 500 bytes
PLACE = bytes(88)


class Bare:
    """PUB with CURVE. With no handler it lets every key in."""

    def __init__(self, run: Path, port: int) -> None:
        self.socket = zmq.Context().socket(zmq.XPUB)
        self.socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self.socket.setsockopt(zmq.SNDHWM, FACTS_HWM)
        self.socket.setsockopt(zmq.CURVE_SERVER, 1)
        self.socket.setsockopt(zmq.CURVE_SECRETKEY, Keys(run).server.secret.encode())
        self.socket.bind(f"tcp://127.0.0.1:{port}")
        self.joined = 0

    def send(self, frames: list[bytes]) -> None:
        self.socket.send_multipart(frames)

    def readers(self) -> int:
        while self.socket.poll(0):
            self.joined += 1 if self.socket.recv()[:1] == b"\x01" else -1
        return self.joined

    def tick(self) -> None:
        """Nothing is due once a second."""


class Ours:
    """The port `public` with its guard, its limits and its counts."""

    def __init__(self, run: Path, port: int) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.handler: Callable[[], None] = lambda: None
        bus = Bus(base_port=port - PORTS["public"])
        self.doors = Doors(context, run, bus)
        self.logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # stdout is for answers
        parts = SimpleNamespace(doors=self.doors, logger=self.logger)
        parts.bind = lambda make, door: make(context, door)
        parts.listen = self._listen
        parts.send = lambda socket, frames, flags=0: sockets.send(socket, frames, flags)
        self.outlet = Outlet(cast(Host, parts), "public", ReaderLimits(bus.reader_mib, None))

    def _listen(self, socket: Any, handler: Callable[[], None], *, seldom: bool = False) -> None:
        self.socket, self.handler = socket, handler

    def send(self, frames: list[bytes]) -> None:
        self.outlet.send(frames)
        self.outlet.count(frames)

    def readers(self) -> int:
        while self.socket.poll(0):
            self.handler()
        return sum(self.outlet.connected().values())

    def tick(self) -> None:
        self.doors.watch(self.logger)
        self.outlet.watch()


def main() -> None:
    """Answer until stdin ends."""
    kind, run, port = sys.argv[1:]
    limits.raise_open_files()
    server = {"bare": Bare, "tapewire": Ours}[kind](Path(run), int(port))
    print("ready", flush=True)
    poller = zmq.Poller()
    poller.register(sys.stdin, zmq.POLLIN)
    poller.register(server.socket, zmq.POLLIN)
    due = time.monotonic()
    while True:
        ready = dict(poller.poll(200))
        server.readers()
        if time.monotonic() > due:
            server.tick()
            due = time.monotonic() + 1
        if sys.stdin.fileno() not in ready:
            continue
        match sys.stdin.readline().split():
            case ["burst", count]:
                for _ in range(int(count)):
                    server.send([TOPIC, BODY, PLACE])
            case ["one"]:
                server.send([TOPIC, BODY, PLACE])
            case ["rss"]:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                print(pages * 4, flush=True)
            case ["readers"]:
                print(server.readers(), flush=True)
            case _:
                return


if __name__ == "__main__":
    main()

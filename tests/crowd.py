"""The people outside, as a process: subscribers who read, and those who must get nothing.

    python -m tests.crowd RUN BASE_PORT READERS STRANGERS

The run has the keys that `invite` made. Lines of the input: `on` connects everybody and is answered with `ready` once every reader
has had a message; `off` disconnects them and is answered with a JSON object: for each kind how many messages (or bytes) it got.
Its end ends the process.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import random
import select
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zmq

from tapewire.bus import access, keys
from tapewire.bus.access import Line
from tapewire.bus.keys import Key
from tapewire.bus.roles import Role, SubscriberTier
from tapewire.daemons.settings.structs import PORTS
from tapewire.daemons.shell import limits
from tests import strangers

TIERS = {SubscriberTier.PREMIUM: "public", SubscriberTier.DELAYED: "public.delayed", SubscriberTier.FREE: "public.free"}
READER, SLEEPER = "reads", "never reads"
STRANGE = ("a wrong key", "a revoked key", "an expired key", "another tier's key", "no key", "another server's key")
RAW = [name for name in strangers.RAW if name not in strangers.HANGS_UP]
MOST = "bytes to one without a key, at most"
IDLE = "a connection without a byte"
RETRY_MS = 2_000
AGAIN_S = 1.0  # after so long a raw peer comes back
GREETING = 64  # what a server says first to anybody
SWEEP_S = 0.25  # rarely: to look at a thousand sockets costs more than what they have got


def invite(run: Path) -> None:
    """Make the keys: one for each tier, one that is over, and one that was taken back."""
    for tier in TIERS:
        keys.new(run, f"crowd-{tier}", Role.SUBSCRIBER, tier=tier)
    keys.new(run, "crowd-late", Role.SUBSCRIBER, tier=SubscriberTier.PREMIUM, expires=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    gone = keys.new(run, "crowd-gone", Role.SUBSCRIBER, tier=SubscriberTier.PREMIUM)
    keys.export(run, gone, run / "crowd-gone.key", host="127.0.0.1", base_port=1)
    keys.revoke(run, "crowd-gone")


class Raw:
    """A plain connection that says something which is no key, and comes back when it is closed."""

    def __init__(self, port: int, name: str, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._port = port
        self._name = name
        self._again = 0.0
        self._peer: socket.socket | None = None
        self.got = 0  # bytes of this connection
        self.most = 0

    def look(self, now: float) -> None:
        """Come back if it is time."""
        if self._peer is None and now >= self._again:
            self._open()

    def read(self, now: float) -> None:
        """Something has come, or the other side has closed."""
        if self._peer is None:
            return
        try:
            while data := self._peer.recv(4_096):
                self.got += len(data)
                self.most = max(self.most, self.got)
            closed = True
        except BlockingIOError:
            closed = False
        except OSError:
            closed = True
        if closed:
            self.close(now)

    def close(self, now: float = 0.0) -> None:
        if self._peer is not None:
            self._selector.unregister(self._peer)
            self._peer.close()
        self._peer, self._again = None, now + AGAIN_S * random.uniform(0.5, 1.5)

    def _open(self) -> None:
        self.got = 0
        self._peer = socket.socket()
        self._peer.setblocking(False)
        self._selector.register(self._peer, selectors.EVENT_READ, self)
        if self._peer.connect_ex(("127.0.0.1", self._port)) not in (0, errno.EINPROGRESS):
            self.close(time.monotonic())
            return
        try:
            for data in () if self._name == IDLE else strangers.RAW[self._name]:
                self._peer.send(data)
        except OSError:
            self.close(time.monotonic())


class Crowd:
    """Everybody. readers: how many read, over all tiers. others: how many get nothing."""

    def __init__(self, run: Path, base_port: int, readers: int, others: int) -> None:
        self._server = keys.Keys(run).server.public
        self._ports = {port: base_port + PORTS[port] for port in TIERS.values()}
        self._run = run
        self._readers, self._others = readers, others
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._sockets: list[tuple[str, zmq.Socket[bytes]]] = []
        self._raw: list[Raw] = []
        self._selector = selectors.DefaultSelector()
        self.got: Counter[str] = Counter()
        self._here: set[int] = set()

    def on(self) -> None:
        self._context = zmq.Context(io_threads=1)
        self._context.set(zmq.MAX_SOCKETS, self._readers + self._others + 100)
        tiers = list(TIERS)
        for at in range(self._readers):
            tier = tiers[at % 3]
            self._join(READER, TIERS[tier], keys.find(self._run, f"crowd-{tier}"))
        gone = access.remote(self._run / "crowd-gone.key", PORTS.__getitem__).key
        premium = keys.find(self._run, "crowd-premium")
        shown: dict[str, Key | None] = {
            "a wrong key": strangers.unknown(),
            "a revoked key": gone,
            "an expired key": keys.find(self._run, "crowd-late"),
            "another tier's key": keys.find(self._run, "crowd-free"),
            "no key": None,
            "another server's key": premium,
        }
        zmqs = self._others // 3
        for at in range(zmqs):
            name = STRANGE[at % len(STRANGE)]
            self._join(name, "public", shown[name], server=strangers.unknown().public if "server" in name else self._server)
        for _ in range(max(1, zmqs // 20)):
            self._join(SLEEPER, "public", premium, hwm=1)
        ports = list(self._ports.values())
        for at in range(self._others - zmqs):
            self._raw.append(Raw(ports[at % 3], IDLE if at % 2 else RAW[at // 2 % len(RAW)], self._selector))
        until = time.monotonic() + 120
        while len(self._here) < self._readers and time.monotonic() < until:
            self.sweep()
            time.sleep(SWEEP_S / 5)

    def sweep(self) -> None:
        """Take what has come, and let the strangers come again."""
        for at, (name, peer) in enumerate(self._sockets):
            if name == SLEEPER:
                continue
            while True:
                try:
                    frames = peer.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self.got[name] += 1
                if name == READER and frames[0].startswith(b"public.") and at not in self._here:
                    self._here.add(at)
        now = time.monotonic()
        for key, _ in self._selector.select(0):
            key.data.read(now)
        for raw in self._raw:
            raw.look(now)

    def off(self) -> dict[str, Any]:
        self.sweep()
        assert self._context is not None
        self._context.destroy(linger=0)
        for raw in self._raw:
            raw.close()
        told = {name: self.got[name] for name in (READER, *STRANGE)}
        told["readers"] = len(self._here)
        told[MOST] = max((raw.most for raw in self._raw), default=0)
        self._sockets, self._raw = [], []
        self._here.clear()
        self.got.clear()
        return told

    def _join(self, name: str, port: str, key: Key | None, *, server: str = "", hwm: int = 0) -> None:
        assert self._context is not None
        peer = self._context.socket(zmq.SUB)
        peer.setsockopt(zmq.RCVHWM, hwm)
        peer.setsockopt(zmq.SUBSCRIBE, b"public.")
        peer.setsockopt(zmq.RECONNECT_IVL, 50 if name == READER else RETRY_MS)
        address = f"tcp://127.0.0.1:{self._ports[port]}"
        if key is not None:
            for option, value in strangers.shows(Line(address, key, server or self._server)).items():
                peer.setsockopt(option, value)
        peer.setsockopt(zmq.HANDSHAKE_IVL, RETRY_MS)
        peer.connect(address)
        self._sockets.append((name, peer))


class People:
    """The process of a crowd. seen: what each kind got, over all turns. readers: how many of them were served in each."""

    def __init__(self, run: Path, base_port: int, readers: int, others: int) -> None:
        command = [sys.executable, "-m", "tests.crowd", str(run), str(base_port), str(readers), str(others)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seen: Counter[str] = Counter()
        self.readers: list[int] = []

    def __enter__(self) -> People:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    @property
    def strange(self) -> int:
        """Messages that came to somebody who must get none."""
        return sum(self.seen[name] for name in STRANGE)

    def turn(self, on: bool) -> None:
        """Everybody comes, or goes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("on\n" if on else "off\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not on:
            found: dict[str, int] = json.loads(told)
            self.readers.append(found.pop("readers"))
            most = max(self.seen[MOST], found.pop(MOST))
            self.seen.update(found)
            self.seen[MOST] = most


def main() -> None:
    run, *numbers = sys.argv[1:]
    os.nice(19)  # in place of other machines: what else runs here goes first
    limits.raise_open_files()
    crowd = Crowd(Path(run), *map(int, numbers))
    here = False
    while True:
        if select.select([sys.stdin], [], [], SWEEP_S if here else None)[0]:
            line = os.read(0, 100).decode().strip()
            if not line:
                return
            here = line == "on"
            if here:
                crowd.on()
                print("ready", flush=True)
            else:
                print(json.dumps(crowd.off()), flush=True)
        elif here:
            crowd.sweep()


if __name__ == "__main__":
    main()

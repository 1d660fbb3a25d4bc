"""Relays: a line from a publisher to its subscriber, and to those behind one relay and behind two."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zmq

from tapewire.bus import access, connections, feed_files, keys
from tapewire.bus.client import request_control
from tapewire.bus.errors import TapewireError
from tapewire.bus.monitor import event
from tapewire.bus.roles import Role, SubscriberTier
from tapewire.daemons.operator import subscribers, supervise
from tapewire.daemons.relay import settings as kept
from tapewire.daemons.relay.settings import RelaySettings
from tapewire.daemons.settings.structs import PORT_BLOCK, PORTS, Bus
from tests.bench import ours
from tests.bench.figures import Figure, compared

LEVELS = ("publisher", "behind one relay", "behind two relays")
PATIENCE_MS = 120_000
TAPEWIRE = Path(sys.executable).with_name("tapewire")


class Listener:
    """A subscriber at one level. received: bytes that have come by its connection."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], file: Path) -> None:
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        self.socket.setsockopt(zmq.SUBSCRIBE, b"public.signal.")
        monitor = self.socket.get_monitor_socket(zmq.EVENT_CONNECTED)
        access.remote(file, PORTS.__getitem__).to("public").connect(self.socket)
        self._fd = event(monitor)[1]
        self._inode = connections.inode(self._fd)

    @property
    def received(self) -> int:
        return connections.received(self._fd, self._inode)


class Levels:
    """A publisher, a relay, a relay behind it, and a subscriber at each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        base = supervise.free_base_port("127.0.0.1", 7_550)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(self.context.destroy, linger=0)
        self.runs = [folder / "publisher", folder / "one", folder / "two"]
        self.runs[0].mkdir()
        keys.make(self.runs[0])
        signed_by = feed_files.public_text(feed_files.signing_key(self.runs[0]))
        kept.write(self.runs[0], RelaySettings("", SubscriberTier.PREMIUM, signed_by, Bus(base_port=base)))  # what `export` reads
        words = [sys.executable, "-m", "tests.bench.relay_source", str(self.runs[0]), str(base)]
        source = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert source.stdin is not None
        assert source.stdout is not None
        source.stdout.readline()
        self.say = source.stdin
        stack.callback(source.wait)
        stack.callback(source.stdin.close)
        self.pids = [source.pid]
        self.listeners = [Listener(self.context, self._exported(0))]
        for at in (1, 2):
            words = [str(TAPEWIRE), "relay", str(self._exported(at - 1)), "--run", str(self.runs[at])]
            relay = subprocess.Popen([*words, "--base-port", str(base + at * PORT_BLOCK)], stderr=subprocess.DEVNULL)
            stack.callback(relay.wait)
            stack.callback(relay.terminate)
            while not self._state(at):
                time.sleep(0.05)  # this is a bench
            self.pids.append(relay.pid)
            self.listeners.append(Listener(self.context, self._exported(at)))
        while any(self._state(at).get("connected", {}) == {} for at in (1, 2)) or not self._state(2).get("whole"):
            time.sleep(0.05)
        time.sleep(2)  # the subscriptions are there

    def _exported(self, at: int) -> Path:
        name = f"at-{at}-{len(list(self.runs[0].parent.glob('*.key')))}"
        keys.new(self.runs[at], name, Role.SUBSCRIBER, tier=SubscriberTier.PREMIUM)
        subscribers.export(name, self.runs[0].parent, self.runs[at], "127.0.0.1")
        return self.runs[0].parent / f"{name}.key"

    def _state(self, at: int) -> dict[str, Any]:
        try:
            return dict(
                request_control(self.context, access.local(self.runs[at], "reader").to("control.relay"), "state", timeout_s=1)
            )
        except TapewireError:
            return {}

    def sent(self, messages: int) -> list[float]:
        """Microseconds until the subscriber of each level has so many lines."""
        start = time.perf_counter_ns()
        self.say.write(f"burst {messages}\n")
        self.say.flush()
        taken = []
        for listener in self.listeners:
            for _ in range(messages):
                listener.socket.recv_multipart()
            taken.append((time.perf_counter_ns() - start) / 1000)
        return taken

    def memory(self) -> list[int]:
        """MiB of each process."""
        return [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 // 1024 for pid in self.pids]


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Single lines one after the other, then many at once."""
    with ExitStack() as stack:
        levels = Levels(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tapewire-bench-"))), stack)
        levels.sent(50)
        singles = [levels.sent(1) for _ in range(100 if quick else 1_000)]
        before = levels.listeners[2].received
        count = 200 if quick else 2_000
        bursts = [[taken / count for taken in levels.sent(count)] for _ in range(3 if quick else 8)]
        size = (levels.listeners[2].received - before) / count / len(bursts)
        notes = {name: f"{mib} MiB" for name, mib in zip(LEVELS, levels.memory(), strict=True)}
    notes[LEVELS[2]] += f", {size:.0f} bytes of tcp a line"
    by_level = {name: [taken[at] for taken in singles] for at, name in enumerate(LEVELS)}
    many = {name: [taken[at] for taken in bursts] for at, name in enumerate(LEVELS)}
    figures = compared("relay, one line", by_level, LEVELS[0])
    return figures + compared("relay, lines at once", many, LEVELS[0], rate=True, notes=notes)

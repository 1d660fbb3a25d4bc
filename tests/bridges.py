"""The C# bridge as a process, and a gate of the test's, which can send messages that a real one never would."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import msgspec
import zmq

from tapewire.bus import access, keys, sockets, topics, wire
from tapewire.bus.client import request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.guard import Door, Guard
from tapewire.bus.messages import (
    Ack,
    Body,
    ClosePosition,
    Execution,
    Header,
    Hello,
    Lease,
    MoveBracket,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
)
from tapewire.bus.stamp import Stamper, ref
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.player import READERS
from tests.runs import begun

PATIENCE_S = 30.0
VENUE = b"nt"
HEADER = Header(1, "gate", 1, 1, 0)
Order = PlaceOrder | ClosePosition | MoveBracket


def conf(strategies: list[str] | None = None, preset: str = "seed", contracts: int | None = None) -> Conf:
    """A replay's configuration on free ports, whose market time goes on with the clock, as NinjaTrader's does."""
    chosen = configuration.preset(preset, strategies)
    if contracts is not None:
        chosen = msgspec.structs.replace(chosen, risk=msgspec.structs.replace(chosen.risk, contracts=contracts))
    loaded = configuration.load("replay", instance="bridge", traded=["MNQ"], preset=chosen)
    base = supervise.free_base_port(loaded.bus.host, loaded.bus.base_port)
    return msgspec.structs.replace(loaded, bus=msgspec.structs.replace(loaded.bus, base_port=base, clock_runs=True))


def unpacked(data: Path, folder: Path) -> Path:
    """Exports as the stub host reads them."""
    folder.mkdir(exist_ok=True)
    for path in data.glob("*_Volumetric_1.csv*"):
        if path.suffix == ".gz":
            (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            shutil.copy(path, folder)
    return folder


def hand_key(conf: Conf, run: Path, folder: Path) -> None:
    """Write the key file into the bridge's folder, as `tapewire keys bridge` does."""
    keys.make(run)
    folder.mkdir(exist_ok=True)
    keys.export(run, keys.bridge(run), folder / keys.BRIDGE_FILE, host=conf.bus.host, base_port=conf.bus.base_port)


class Bridge:
    """The stub host with the bridge in it, driven by lines (`serve` of the test program).

    run: the run whose key it gets; None for no key, or to leave the one that it has.
    """

    def __init__(self, program: Path, conf: Conf, run: Path | None, data: Path, folder: Path, *options: object) -> None:
        if run is not None:
            hand_key(conf, run, folder)
        where = ("--data", data, "--folder", folder, "--base-port", conf.bus.base_port, "--hold", 250)
        command = ["mono", "--debug", str(program), "serve", *map(str, (*where, *options))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines: Queue[str] = Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def do(self, line: str, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Send a line and wait until it is executed. Returns the printed lines."""
        self.send(line)
        return self.done(meanwhile)

    def send(self, line: str) -> None:
        """Send a line without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def done(self, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Wait until the last line is executed. Returns the printed lines."""
        printed: list[str] = []
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            meanwhile()
            try:
                line = self.lines.get(timeout=0.02)
            except Empty:
                continue
            if line.startswith("done "):
                return printed
            printed.append(line)
        raise AssertionError(f"the bridge did not reply; it printed {printed}")

    def close(self) -> None:
        """Close its input, so that it unloads and exits."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL; no effect on a process that has exited."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))


class Gate:
    """The gate's end of the venue link, for tests. While it is pumped, it acknowledges every message and sends leases."""

    def __init__(self, conf: Conf, run: Path) -> None:
        self.conf = conf
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.guard = Guard(self.context, keys.Keys(run))
        self.link = sockets.responder(self.context, Door(self.guard, "venue", (conf.bus.address("venue"),)))
        self.stamper = Stamper("gate")
        self.delivered: list[Body] = []
        self.received: list[Body] = []  # with duplicates, and messages that were not acknowledged
        self.refs: set[str] = set()
        self.acked: set[str] = set()
        self.leasing = True
        self.acknowledging = True
        self.killed = False
        self.boot = 1
        self.lease_s = 0.5
        self._next_lease = 0.0

    def pump(self, timeout_s: float = 0.02) -> None:
        """One round: lease, read, acknowledge; and a look at the keys."""
        self.guard.refresh()
        now = time.monotonic()
        if self.leasing and now >= self._next_lease:
            there = self.passing("lease.", Lease(self.killed, self.boot))
            self._next_lease = now + self.lease_s if there else now
        if not self.link.poll(timeout_s * 1000):
            return
        for _, *rest in sockets.arrived(self.link, 100):
            topic, header, body = wire.decode_message(rest[-2:])
            if isinstance(body, Ack):
                self.acked.add(body.ref)
                continue
            self.received.append(body)
            if not self.acknowledging:
                continue
            self.passing("ack.", Ack(ref(topic, header)))
            if ref(topic, header) not in self.refs:
                self.refs.add(ref(topic, header))
                self.delivered.append(body)

    def until(self, holds: Callable[[], object], what: str = "it") -> None:
        """Pump until the condition holds. The time limit only ends a test that would never pass."""
        until = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < until, f"waited {PATIENCE_S:g} s for {what}; received {self.delivered[-5:]}"
            self.pump()

    def send(self, body: Body, *, changes: dict[str, object] | None = None, cut: int = 0, topic: str = "command.MNQ.") -> str:
        """Send a command once. changes: to the encoded map; cut: bytes removed from its end. Returns its reference."""
        header = self.stamper.header(topic, 0, "intent.MNQ.@1:1")
        frame = wire.encode(header, body)
        if changes:
            frame = msgspec.msgpack.encode(msgspec.msgpack.decode(frame) | changes)
        self.raw(topic.encode(), frame[: len(frame) - cut])
        return ref(topic, header)

    def passing(self, topic: str, body: Body) -> bool:
        """Send a message without a number of its own. False if the bridge is not connected yet."""
        return self.raw(topic.encode(), wire.encode(HEADER, body))

    def raw(self, *frames: bytes) -> bool:
        """Send any frames. False if the bridge is not connected yet."""
        try:
            sockets.send(self.link, (VENUE, b"", *frames), sockets.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def request(self, order: Order) -> OrderUpdate:
        """Send an order and wait for its first update."""
        self.send(order)
        return self.update(order.id)

    def update(self, order_id: str, *statuses: OrderStatus) -> OrderUpdate:
        """Wait for an order's first update (of these statuses)."""
        found: list[OrderUpdate] = []

        def there() -> bool:
            found[:] = [each for each in self.updates(order_id) if not statuses or each.status in statuses]
            return bool(found)

        self.until(there, f"an update of {order_id}")
        return found[0]

    def updates(self, order_id: str) -> list[OrderUpdate]:
        return [body for body in self.delivered if isinstance(body, OrderUpdate) and body.order_id == order_id]

    def fills(self) -> list[Execution]:
        """Each fill once: a duplicate after a restart has the same id."""
        return list({body.id: body for body in self.delivered if isinstance(body, Execution)}.values())

    def hellos(self) -> list[Hello]:
        return [body for body in self.delivered if isinstance(body, Hello)]

    def close(self) -> None:
        self.guard.close()
        self.link.close(linger=0)
        self.context.term()


@contextmanager
def bus(
    conf: Conf, run: Path, names: tuple[str, ...] = ("broker", "logger"), *, module: str = "tapewire.daemons"
) -> Iterator[None]:
    """Some daemons of a run, ready: only the broker and the logger if the test plays the gate. module: the one that starts them."""
    with begun(conf, run):
        try:
            with daemons(run, names, module=module):
                yield
        finally:
            supervise.release(conf.bus.host, conf.bus.base_port)


@contextmanager
def daemons(run: Path, names: tuple[str, ...], *, module: str = "tapewire.daemons") -> Iterator[None]:
    """Some daemons of a run that has begun, ready."""
    started = []
    try:
        for name in names:
            command = [sys.executable, "-m", module, name, "--run", str(run)]
            started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for name in names:
            _ready(run, name)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


def wait_until_read(run: Path) -> None:
    """Wait until every daemon has read the others' messages, and the logger has written them. The bridge must still run."""
    until = time.monotonic() + PATIENCE_S
    with zmq.Context() as context:
        while (behind := _behind(run, context)) is not None:
            assert time.monotonic() < until, f"not everything was read: {behind}"


def _behind(run: Path, context: zmq.Context[zmq.Socket[bytes]]) -> str | None:
    way = access.local(run, "reader")
    try:
        states = {name: request_control(context, way.to(f"control.{name}"), "state", timeout_s=1.0) for name in READERS}
    except (Transient, PeerError) as error:
        return str(error)
    # The tracker has seen every message of the bridge: the test waited for the decision on each bar.
    written = {topic: at for topic, at in states["tracker"]["seen"].items() if topic.startswith(topics.RAW)}
    written |= {topic: at for state in states.values() for topic, at in state["last"].items()}
    for name, state in states.items():
        for topic, at in written.items():
            if topics.matches(topic, tuple(state["subscribe"])) and state["seen"].get(topic, [0, 0]) < at:
                return f"{name} has {state['seen'].get(topic)} of {at} in {topic}"
        if any(state.get("pending", {}).values()):
            return f"{name} has {state['pending']} unanswered"
    return None


def _ready(run: Path, name: str) -> None:
    way = access.local(run, "reader")
    until = time.monotonic() + PATIENCE_S
    with zmq.Context() as context:
        while True:
            try:
                if request_control(context, way.to(f"control.{name}"), "ping", timeout_s=0.5)["note"] == "ready":
                    return
            except (Transient, PeerError):
                assert time.monotonic() < until, f"{name} did not become ready"

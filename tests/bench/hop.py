"""One hop: a real Session from a writer through the broker to a reader, encoded and decoded, against raw bytes of that length."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.client import Reader
from tapewire.bus.messages import Body, Header, Session
from tapewire.bus.stamp import Stamper
from tapewire.daemons.operator import supervise
from tapewire.replay import loop, runs
from tests.bench import bare, ours
from tests.bench.figures import Figure, compared
from tests.runs import begun

TOPIC = topics.of(topics.SESSION, ours.INSTRUMENT)


class Wire:
    """A writer and a reader of facts in this process, with a real broker between them."""

    def __init__(self, run: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._out = sockets.publisher(self._context, access.local(run, "tracker").to("broker.in"))
        self._in = Reader(self._context, access.local(run, "reader").to("broker.out"), (TOPIC,))
        self._stamper = Stamper("bench")
        if not self._out.poll(10_000):
            raise RuntimeError("the broker did not come up within 10 s")
        while not self._in.joined:
            self._in.receive(1.0)

    def hop(self, session: Session) -> float:
        """Publish a message and wait until it has been read, in microseconds."""
        start = time.perf_counter_ns()
        header = self._stamper.header(TOPIC, session.bar.close_ns, "raw.bar.MNQ.1m.@1:1")
        sockets.send(self._out, (TOPIC.encode(), wire.encode(header, session)))
        while not self._in.receive(5.0):
            pass
        return (time.perf_counter_ns() - start) / 1000

    def close(self) -> None:
        self._context.destroy(linger=0)


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """tapewire's hop and the bare hop in turns, both pinned to one core."""
    sessions = _sessions(recorded)
    core = ours.chain_core()
    rounds, block = (6, 100) if quick else (30, 200)
    taken: dict[str, list[float]] = {"bare, same bytes": [], "tapewire, with codec": []}
    with (
        broker() as place,
        ours.on_core(core),
        bare.chain(core, bare.Lengths(), folder) as chain,
    ):
        ends = Wire(place)
        length = len(wire.encode(Header(1, "bench", 1, 100_000, 1, "raw.bar.MNQ.1m.@1:1"), sessions[0]))
        try:
            for number in range(rounds):
                plain = [chain.hop(length) for _ in range(block)]
                full = [ends.hop(sessions[at % len(sessions)]) for at in range(block)]
                if number:
                    taken["bare, same bytes"] += plain
                    taken["tapewire, with codec"] += full
        finally:
            ends.close()
    return compared("hop", taken, "bare, same bytes", notes={"tapewire, with codec": f"{length} bytes"})


@contextmanager
def broker() -> Iterator[Path]:
    """A broker of its own: one process, no supervisor. Yields its run's folder."""
    port = supervise.free_base_port("127.0.0.1", ours.PORTS_FROM)
    conf = ours.settings("seed", base_port=port)
    with tempfile.TemporaryDirectory(prefix="tapewire-bench-") as folder, begun(conf, Path(folder)) as run:
        command = [sys.executable, "-m", "tapewire.daemons", "broker", "--run", str(run)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield run
        finally:
            process.terminate()
            process.wait()


def _sessions(recorded: ours.Recorded) -> list[Session]:
    """Session messages of one afternoon, when all their fields are set."""
    conf = ours.settings("seed")
    found: list[Session] = []

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Session) and body.k is not None:
            found.append(body)

    loop.run(ours.daemons(conf), runs.venue(conf), recorded.bars[:1500], record)
    return found

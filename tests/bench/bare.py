"""The baseline: the same hops between the same number of processes with nothing but pyzmq and raw bytes.

    bench -PUB-> forwarder -SUB-> a -PUB-> forwarder -SUB-> b -DEALER-> c -PUB-> forwarder -SUB-> bench
                                                            b -PUB-> forwarder -SUB-> bench            (no signal)

Nothing is decoded, numbered, kept, checked or logged, nothing can be stopped or healed: it is what the hops alone cost. They are
plain tcp without keys; ours are unix sockets with a key for each connection. Messages have the length of ours. The first byte of a
bar says how far it goes: to `b` and back, through `c`, or through `c` with an fsync.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import zmq

DONE, SIGNAL, DURABLE = b"0", b"1", b"2"
ANY = "tcp://127.0.0.1"
PR_SET_PDEATHSIG = 1
NUMBER = 8  # bytes behind the first one that count the bars, so a late reply is not taken for the next


class Lengths(NamedTuple):
    """The length of each message of the chain in bytes, as in tapewire."""

    bar: int = 400
    session: int = 1200
    intents: int = 600
    signal: int = 500
    done: int = 200


class Addresses(NamedTuple):
    """The addresses of the forwarder's two sides, and of the requests to `c`."""

    writers: str
    readers: str
    requests: str = ""


def forward(core: int | None, parent: Connection) -> None:
    """In place of the broker: libzmq's own proxy."""
    context = _prepare(core)
    incoming, outgoing = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    writers, readers = (f"{ANY}:{each.bind_to_random_port(ANY)}" for each in (incoming, outgoing))
    parent.send(Addresses(writers, readers))
    zmq.proxy(incoming, outgoing)


def a(core: int | None, at: Addresses, lengths: Lengths) -> None:
    """In place of the tracker: a bar in, a session out."""
    context = _prepare(core)
    bars, out = _reader(context, at, b"raw."), _writer(context, at)
    while True:
        _, body = bars.recv_multipart()
        out.send_multipart((b"session.MNQ.", _sized(body, lengths.session)))


def b(core: int | None, at: Addresses, lengths: Lengths) -> None:
    """In place of the evaluator: send `c` a request, or report that there is none."""
    context = _prepare(core)
    sessions, out = _reader(context, at, b"session."), _writer(context, at)
    service = context.socket(zmq.DEALER)
    service.connect(at.requests)
    while True:
        _, body = sessions.recv_multipart()
        if body[:1] == DONE:
            out.send_multipart((b"eval.done.MNQ.", _sized(body, lengths.done)))
        else:
            service.send_multipart((b"", b"intent.MNQ.", _sized(body, lengths.intents)))


def c(core: int | None, at: Addresses, lengths: Lengths, file: Path, parent: Connection) -> None:
    """In place of the gate: it publishes on a request; after an fsync, if the bar requires one."""
    context = _prepare(core)
    service, out = context.socket(zmq.ROUTER), _writer(context, at)
    parent.send(f"{ANY}:{service.bind_to_random_port(ANY)}")
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        body = service.recv_multipart()[-1]
        if body[:1] == DURABLE:
            os.write(log, body)
            os.fsync(log)
        out.send_multipart((b"signal.MNQ.", _sized(body, lengths.signal)))


class Chain:
    """The bench's end of a bare chain."""

    def __init__(self, at: Addresses, lengths: Lengths) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._out = _writer(self._context, at)
        self._back = _reader(self._context, at, b"signal.", b"eval.done.", b"hop.")
        self._lengths = lengths
        self._count = 0
        # Subscriptions take a moment to arrive: repeat until each way has replied once.
        for way in (DONE, SIGNAL, DURABLE):
            while self._trip(b"raw.bar.MNQ.1m.", self._bar(way), 100) is None:
                pass

    def trip(self, way: bytes, *, rest_s: float = 0.0) -> float:
        """One bar there and back, in microseconds, after a pause of `rest_s`."""
        if rest_s:
            time.sleep(rest_s)
        return self._must(b"raw.bar.MNQ.1m.", self._bar(way))

    def hop(self, length: int) -> float:
        """One message through the forwarder alone, in microseconds."""
        self._count += 1
        return self._must(b"hop.", (DONE + self._count.to_bytes(NUMBER, "big")).ljust(length, b"x"))

    def close(self) -> None:
        self._context.destroy(linger=0)

    def _bar(self, way: bytes) -> bytes:
        self._count += 1
        return (way + self._count.to_bytes(NUMBER, "big")).ljust(self._lengths.bar, b"x")

    def _must(self, topic: bytes, body: bytes) -> float:
        taken = self._trip(topic, body, 5_000)
        if taken is None:
            raise RuntimeError("the bare chain did not answer within 5 s; one of its processes has died")
        return taken

    def _trip(self, topic: bytes, body: bytes, patience_ms: int) -> float | None:
        self._back.setsockopt(zmq.RCVTIMEO, patience_ms)
        start = time.perf_counter_ns()
        self._out.send_multipart((topic, body))
        try:
            while self._back.recv_multipart()[1][1 : 1 + NUMBER] != body[1 : 1 + NUMBER]:
                pass
        except zmq.Again:
            return None
        return (time.perf_counter_ns() - start) / 1000


@contextmanager
def chain(core: int | None, lengths: Lengths, folder: Path) -> Iterator[Chain]:
    """The four processes, for the duration of the block. core: pin all of them there; None leaves them to the scheduler."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    processes = [spawn.Process(target=forward, args=(core, theirs), daemon=True)]
    try:
        processes[0].start()
        at: Addresses = ours.recv()
        processes.append(spawn.Process(target=c, args=(core, at, lengths, folder / "bare.log", theirs), daemon=True))
        processes[1].start()
        at = at._replace(requests=ours.recv())
        for role in (a, b):
            processes.append(spawn.Process(target=role, args=(core, at, lengths), daemon=True))
            processes[-1].start()
        end = Chain(at, lengths)
        try:
            yield end
        finally:
            end.close()
    finally:
        for process in processes:
            process.kill()
            process.join()


def _prepare(core: int | None) -> zmq.Context[zmq.Socket[bytes]]:
    """End with the bench; move to the core before the context starts its threads, which keep their core."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if core is not None:
        os.sched_setaffinity(0, {core})
    return zmq.Context()


def _writer(context: zmq.Context[zmq.Socket[bytes]], at: Addresses) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.PUB)
    socket.connect(at.writers)
    return socket


def _reader(context: zmq.Context[zmq.Socket[bytes]], at: Addresses, *prefixes: bytes) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix)
    socket.connect(at.readers)
    return socket


def _sized(body: bytes, length: int) -> bytes:
    return body[: 1 + NUMBER].ljust(length, b"x")

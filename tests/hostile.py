"""A replay through supervised daemons while hostile peers send fuzzed frames to every port, under every key and under none.

What a key's role may send as a valid message is left out: a tracker may publish sessions, and an operator may kill. Everything else
must change nothing: `Outcome` says whether it did.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import zmq
from msgspec import Struct

from tapewire.bus import access, keys, roles, sockets, wire
from tapewire.bus.access import Line
from tapewire.bus.bounds import MAX_SUBSCRIPTION
from tapewire.bus.client import request_control
from tapewire.bus.errors import PeerError
from tapewire.bus.keys import Key, Keys
from tapewire.bus.messages import Bar, Beat, Control, ExternalSignal, HistoryRequest, Resend, TopicsRequest
from tapewire.bus.roles import ASK, STREAMS, Role, SubscriberTier
from tapewire.daemons import makers
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Conf, Subscribers
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tapewire.replay.sources.recording import Recording
from tests import strangers
from tests.fuzz import TOPICS, Fuzz

ADDED = ("sys.alarm.broker.tape", "ingress.answer.tape")  # by an attack: that a key was misused, and that signals are off
FAR = 1 << 62  # an epoch that is no time of any clock
WRITES = ("broker.in", "ticks.in")
READS = ("broker.out", "ticks.out", *STREAMS.values())
KINDS = {**dict.fromkeys(WRITES, b"PUB"), **dict.fromkeys(READS, b"SUB")}
SERVICES = ("gate", "venue", "history", "tracker", "evaluator", ASK, *(f"control.{name}" for name in makers.NAMES))
PLACES = (*WRITES, *READS, *SERVICES)
UNSEEN = 100  # one turn in so many is taken without a key
DRAINED = 50


class Outcome(Struct, frozen=True):
    """What an attack did.

    sent: frames by port and side, `gate, tcp`. refused: messages, by process. turned_away: peers, by port. died: daemons with
    another pid than before. faults: logs with a stack trace, and faults of a guard. changed: tapes of the journal that differ from
    an undisturbed run, and result files. alone_us, meanwhile_us: how long each bar took, before the attack and during it. seconds:
    how long the attack took.
    """

    sent: dict[str, int]
    refused: dict[str, int]
    turned_away: dict[str, int]
    died: tuple[str, ...]
    faults: tuple[str, ...]
    changed: tuple[str, ...]
    alone_us: list[float]
    meanwhile_us: list[float]
    seconds: float


class Attack:
    """Peers at every port of a run, each with the key of a role that is let in there."""

    def __init__(self, run: Path, base_port: int, seed: int) -> None:
        for name, role in (("fks", Role.EXTERNAL), ("anna", Role.READER)):
            keys.new(run, name, role)
        for tier in SubscriberTier:
            keys.new(run, f"paul-{tier}", Role.SUBSCRIBER, tier=tier)
        self.sent: Counter[str] = Counter()
        self._run, self._base_port = run, base_port
        self._fuzz = Fuzz(seed)
        self._chance = random.Random(seed)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._server = Keys(run).server.public
        self._keys = Keys(run).all()
        self._peers = [
            (port, tcp, list(self._connected(port, tcp))) for port in PLACES for tcp in (False, True) if port in PORTS or not tcp
        ]

    def send(self, count: int) -> None:
        """So many frames, to ports in any order."""
        until = sum(self.sent.values()) + count
        while (left := until - sum(self.sent.values())) > 0:
            if self._chance.random() < 1 / UNSEEN:
                self._without_key(left)
            else:
                port, tcp, peers = self._chance.choice(self._peers)
                self._with_key(port, tcp, *self._chance.choice(peers))

    def __enter__(self) -> Attack:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._context.destroy(linger=0)

    def state(self, name: str) -> dict[str, Any]:
        """What a daemon has counted."""
        line = access.local(self._run, "reader").to(f"control.{name}")
        return dict(request_control(self._context, line, "state", timeout_s=60))

    def line(self, port: str, key: Key, *, tcp: bool) -> Line:
        """The way of a key's owner to a port."""
        if tcp:
            return Line(f"tcp://127.0.0.1:{self._base_port + PORTS[port]}", key, self._server)
        return Line(access.unix(access.place(self._run), port), key)

    def _connected(self, port: str, tcp: bool) -> Iterator[tuple[Key, zmq.Socket[bytes]]]:
        """A peer for each key that is let in there."""
        for key in self._keys:
            if not key.may_connect(port):
                continue
            line = self.line(port, key, tcp=tcp)
            if port in READS:
                peer = self._context.socket(zmq.XSUB)
                peer.setsockopt(zmq.LINGER, 0)
                line.connect(peer)
            elif port in WRITES:
                peer = sockets.publisher(self._context, line)
                assert peer.poll(strangers.PATIENCE_MS), f"{port} does not listen"
            else:
                peer = sockets.requester(self._context, line)
            yield key, peer

    def _with_key(self, port: str, tcp: bool, key: Key, peer: zmq.Socket[bytes]) -> None:
        frames = self._subscription() if port in READS else self._fuzz.message()
        if port not in READS and taken(port, key, frames):
            return
        with suppress(zmq.Again):  # its queue is full, or its connection was ended: another time
            peer.send_multipart([b"", *frames] if port in SERVICES and self._chance.random() < 0.9 else frames, zmq.NOBLOCK)
            self._count(port, tcp, len(frames))
        for _ in range(DRAINED):
            try:
                peer.recv(zmq.NOBLOCK)
            except zmq.Again:
                return

    def _subscription(self) -> list[bytes]:
        """What a reader sends: subscriptions of any bytes, their ends, and messages that mean nothing."""
        first = self._chance.choice((b"\x01", b"\x00", b"\x02", b""))
        if first < b"\x02":
            return [first + self._chance.choice((self._chance.choice(TOPICS)[:200], self._fuzz.bytes(8)))]
        return [first + frame[: MAX_SUBSCRIPTION // 2] for frame in self._fuzz.message()][:5]

    def _without_key(self, most: int) -> None:
        """Bytes that are no ZeroMQ, a greeting and then bytes, or a peer inside the machine that is let in and then sends bytes."""
        port = self._chance.choice(PLACES)
        key = self._chance.choice([key for key in self._keys if key.may_connect(port)])
        line = self.line(port, key, tcp=port in PORTS and self._chance.random() < 0.5)
        noise = [self._fuzz.bytes(300) for _ in range(min(most, self._chance.randint(1, 20)))]
        with suppress(OSError), strangers.connected(line.address) as peer:  # closed by the other side on the way
            self._count(port, bool(line.server), len(noise))
            kind = self._chance.randrange(4)
            if kind == 3 and not line.server:
                strangers.admitted(peer, key, Socket_Type=KINDS.get(port, b"DEALER"))
                noise = [self._as_frame(each) for each in noise]
            elif kind:
                peer.sendall(strangers.greeting(self._chance.choice((b"NULL", b"PLAIN", b"CURVE", self._fuzz.bytes(20)))))
            for each in noise:
                peer.sendall(each)

    def _as_frame(self, data: bytes) -> bytes:
        """A frame or a command of ZMTP, with flags and a length that may be wrong."""
        flags = self._chance.choice((0, 1, 2, 3, 4, 6, self._chance.randrange(256)))
        if flags & 2:
            return bytes((flags,)) + self._chance.choice((len(data), 1 << 20, 1 << 40, (1 << 64) - 1)).to_bytes(8, "big") + data
        return bytes((flags, self._chance.choice((len(data) % 256, self._chance.randrange(256))))) + data

    def _count(self, port: str, tcp: bool, frames: int) -> None:
        self.sent[f"{port}, {'tcp' if tcp else 'unix'}"] += frames


def taken(port: str, key: Key, frames: Sequence[bytes]) -> bool:
    """Whether a message is valid and the key may send it, so that it may have an effect."""
    try:
        header, body = wire.decode(frames[-1])
    except PeerError:
        return False
    if header.epoch >= FAR and not isinstance(body, Beat | Resend | Control):
        return False  # refused by its epoch
    if port == "broker.in":
        return len(frames) == 2 and roles.may_publish(key.role, key.name, frames[0].decode("latin-1"))
    if isinstance(body, Control):
        return body.verb == "stop"
    if isinstance(body, HistoryRequest | TopicsRequest | ExternalSignal):
        return False  # the first two only read, and external signals are switched off
    return roles.may_ask(key.role, port, str(body.__struct_config__.tag))


class Course:
    """The bars of a replay, and the attack between them.

    alone_us, meanwhile_us: how long each bar took, before the attack and during it.
    """

    def __init__(self, bars: Sequence[Bar], attack: Attack, frames: int) -> None:
        self.alone_us: list[float] = []
        self.meanwhile_us: list[float] = []
        self._bars, self._attack = bars, attack
        self._quiet = len(bars) // 10
        self._share = -(-frames // (len(bars) - self._quiet))
        self._left = frames
        self._start_ns = 0

    def bars(self) -> Iterator[Bar]:
        """One after the other, as the player asks for them."""
        for bar in self._bars:
            self._start_ns = time.perf_counter_ns()
            yield bar

    def played(self, bar: Bar) -> None:
        """A bar is done: send the next frames, which reach the daemons while the next bar does."""
        taken_us = (time.perf_counter_ns() - self._start_ns) / 1000
        if len(self.alone_us) < self._quiet:
            self.alone_us.append(taken_us)
            return
        self.meanwhile_us.append(taken_us)
        self._attack.send(min(self._share, self._left))
        self._left -= min(self._share, self._left)


def run(conf: Conf, recording: Recording, folder: Path, *, frames: int, seed: int = 1) -> Outcome:
    """Play the recording twice: in this process undisturbed, and through supervised daemons while so many frames are sent.

    Subscribers may come in both.
    """
    conf = msgspec.structs.replace(conf, subscribers=Subscribers(enabled=True))
    undisturbed, out = folder / "undisturbed", runs.prepare(folder / "attacked")
    runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, out)
    with (
        runs.supervised(conf, out, lambda text: None) as instance,
        Player(conf, out, runs.venue(conf), logs.configure("replay", level=logging.ERROR)) as player,
        Attack(out, conf.bus.base_port, seed) as attack,
    ):
        before = supervise.processes(instance)
        course = Course(recording.bars, attack, frames)
        player.join()
        start = time.monotonic()
        player.play(course.bars(), played=course.played)
        player.finish()
        seconds = time.monotonic() - start
        after = supervise.processes(instance)
        states = {name: attack.state(name) for name in makers.NAMES}
    runs.finish(out, conf, recording)
    away: Counter[str] = Counter()
    for state in states.values():
        for at in state["turned_away_last"]:
            away[at["port"]] += at["count"]
    return Outcome(
        sent=dict(sorted(attack.sent.items())),
        refused={name: refused(state) for name, state in states.items()},
        turned_away=dict(away),
        died=tuple(old["name"] for old, new in zip(before, after, strict=True) if old["pid"] != new["pid"]),
        faults=tuple(faults(out, states)),
        changed=tuple(changed(undisturbed, out)),
        alone_us=course.alone_us,
        meanwhile_us=course.meanwhile_us,
        seconds=seconds,
    )


def refused(state: Mapping[str, Any]) -> int:
    """How many messages a process has refused; the broker counts facts apart."""
    facts = state["refused"] + state["dropped"] if "dropped" in state else 0
    return int(facts + sum(state["refusals"].values()))


def faults(run: Path, states: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What should not be in a log, and what a guard could not decide."""
    for path in sorted((run / "logs").iterdir()):
        text = path.read_text()
        yield from (f"{path.name}: {word}" for word in ("Traceback", "poisoned", "Assertion failed") if word in text)
    yield from (f"{name}: {state['guard_fault']}" for name, state in states.items() if state["guard_fault"])


def changed(undisturbed: Path, run: Path) -> Iterator[str]:
    """Tapes and result files that are not as in the undisturbed run."""
    for folder, pattern in (("journal", "*"), (".", "*.jsonl")):
        names = {path.name for place in (undisturbed, run) for path in (place / folder).glob(pattern)} - set(ADDED)
        for name in sorted(names):
            old, new = undisturbed / folder / name, run / folder / name
            if not (old.exists() and new.exists() and old.read_bytes() == new.read_bytes()):
                yield name

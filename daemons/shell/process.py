"""The thin shell every process on the bus shares: sockets, signals, heartbeats, numbering, healing, the control port.

One thread, and `pump` is the only place that waits (bus/inlets.py). What a process does with a fact is its own (`take`); what
else it listens to, it adds with `listen`. Everything here concerns messages as such:

    writing     each fact gets the next number of its topic and is kept in a ring for resends
    reading     facts are delivered in the order of their numbers; a hole is requested, and if it does not heal it becomes a `Gap`
    beating     once a second: its name, and the last number of every topic it writes (so that a lost last message shows, too)
    control     a port of its own, looked at first in every round, so that `stop` never queues behind work
    stopping    SIGTERM wakes the process through a file descriptor and ends the loop at once
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
import zmq
from mypy_extensions import mypyc_attr

from tapewire.bus import access, roles, sockets, topics, wire
from tapewire.bus.bounds import Bound, OutOfBounds
from tapewire.bus.clock import WallClock
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.guard import Door
from tapewire.bus.inlets import Handler, Inlets
from tapewire.bus.keys import Keys
from tapewire.bus.messages import PROTOCOL_VERSION, Beat, Body, Control, Header, Report, Resend
from tapewire.bus.ring import Resends, Ring
from tapewire.bus.sequence import Sequencer
from tapewire.bus.stamp import Stamper, ref
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import control, limits
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.entrance import Entrance
from tapewire.daemons.shell.laps import Laps
from tapewire.daemons.shell.signals import Signals
from tapewire.daemons.shell.ticks import NEVER_NS, NoTicks
from tapewire.strategies.clock import SECOND_NS

Taken = tuple[Event, bytes]
CHAIN = frozenset({"broker", "tracker", "evaluator", "gate", "nt"})  # nt: the player, in NinjaTrader's place
WELCOME = topics.WELCOME.encode()
BATCH = 512  # messages taken from a socket in one round, before control and timers are looked at again


class Stopped(Exception):
    """Raised out of `pump` when SIGTERM, SIGINT or a stop request has arrived."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Process:
    """A named participant of a run. Use as a context manager; subclasses decide what to do with facts and requests."""

    def __init__(
        self,
        name: str,
        conf: Conf,
        run: Path,
        *,
        subscribe: tuple[str, ...],
        logger: structlog.stdlib.BoundLogger,
        control_port: str | None = None,
    ) -> None:
        self.name = name
        self.conf = conf
        self._cores = os.sched_getaffinity(0)
        pin(conf, name)  # before the context: its threads stay where they are born
        self.subscribe = subscribe
        self.logger = logger
        self.clock = WallClock()
        self.started_ns = self.clock.now_ns()
        keys = Keys(run)
        self.access = access.local(run, name, keys)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run, conf.bus, keys)
        self.inlets = Inlets()
        self.stamper = Stamper(name, conf.epoch)
        self.ring = Ring(conf.bus.ring)
        self.resends = Resends(self.ring)
        self.sequencer: Sequencer[Taken] = Sequencer(name, complete=True, heal_ns=int(conf.bus.heal_s * SECOND_NS))
        self.entrance = Entrance(conf.epoch, self.clock, self.doors.allow, logger)
        self.received = self.sent = 0
        self.laps = Laps()
        self.woke_ns = self.clock.monotonic_ns()  # when the round's messages had come (monotonic)
        self.beats: dict[str, int] = {}  # when each process was last heard (monotonic)
        self.beat_notes: dict[str, str] = {}  # what each reported with it
        self.note = "starting"
        self.verbs: control.Answers = {}  # of its control port, beside those that every process has
        self.ticks = NoTicks()  # until `ticks.read`
        self.stopping = False
        self._next_beat_ns = 0
        self._welcome = self._writable = False
        self._whole = True
        self._backlog: list[list[bytes]] | None = None
        self._signals = Signals(self._stop)
        self.control_port = control_port or f"{roles.CONTROL_PORT}{name}"
        self.control = self.bind(sockets.responder, self.doors.inside(self.control_port))
        self.facts_out = sockets.publisher(self.context, self.access.to("broker.in"))
        self.facts_in = sockets.subscriber(self.context, self.access.to("broker.out"), (*subscribe, topics.BEAT, topics.RESEND))
        self.listen(self._signals.socket, self._signals.drain)
        self.listen(self.control, self._controlled)
        self.listen(self.facts_out, self._subscribed, seldom=True)
        self.listen(self.facts_in, self._facts)

    # --- life ---------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._signals.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._signals.close()
        if self.stopping:
            self.note = "stopped"  # readers need not wait for the silence
            Process.beat(self)
        self.inlets.close()
        self.doors.close()
        self.context.destroy(linger=sockets.LINGER_MS)
        os.sched_setaffinity(0, self._cores)  # a player's process goes on without it

    def join(self) -> None:
        """Wait until both directions of the bus stand: our subscription is acknowledged and the broker listens to us."""
        warned_ns = self.clock.monotonic_ns()
        while not (self._welcome and self._writable):
            self.pump(1.0)
            if self.clock.monotonic_ns() - warned_ns > 5 * SECOND_NS:
                warned_ns = self.clock.monotonic_ns()
                self.logger.warning("waiting_for_broker", address=self.access.to("broker.in").address)

    def hold(self) -> None:
        """Keep arriving facts aside while history is read. A joiner subscribes first and asks for the past second."""
        self._backlog = []

    def release(self) -> None:
        """Take what was kept aside; what history already held is dropped by its number."""
        backlog, self._backlog = self._backlog or [], None
        now_ns = self.clock.monotonic_ns()
        for frames in backlog:
            self._fact(frames, now_ns)

    def listen(self, socket: Any, handler: Handler, *, seldom: bool = False) -> None:
        """Call `handler` from `pump` whenever the socket may be readable (bus/inlets.py)."""
        self.inlets.add(socket, handler, seldom=seldom)

    def pump(self, timeout_s: float) -> None:
        """One round: wait at most `timeout_s` (less if a timer is due), handle what arrived, heal, finish the round, beat.

        Raises:
            Stopped: SIGTERM, SIGINT or a stop request arrived.
        """
        until_ns = min(self._next_beat_ns, self.next_timer_ns(), self.ticks.next_ns) - self.clock.monotonic_ns()
        wait_ms = max(0, min(int(timeout_s * 1000), -(-until_ns // 1_000_000)))
        arrived = self.inlets.wait(wait_ms)
        self.woke_ns = self.clock.monotonic_ns()
        for handler in arrived:
            handler()
        now_ns = self.clock.monotonic_ns()
        if not self._whole:
            self._heal(now_ns)
        self.finish_round(now_ns)
        self.ticks.round()
        if now_ns >= self._next_beat_ns:
            self._next_beat_ns = now_ns + int(self.conf.bus.beat_s * SECOND_NS)
            self.inlets.doubt()
            self.doors.watch(self.logger)
            self.beat()
        if self.stopping:
            raise Stopped

    # --- what a subclass decides --------------------------------------------------------------------------------------------

    def take(self, event: Event, frame: bytes) -> None:
        """A fact, in order, exactly once."""

    def finish_round(self, now_ns: int) -> None:
        """The end of a round: what was taken in it is one batch."""

    def next_timer_ns(self) -> int:
        """When `pump` must wake up at the latest (monotonic)."""
        return NEVER_NS

    def state(self) -> dict[str, Any]:
        """What `status` and the control port show about this process."""
        return {
            "name": self.name,
            "pid": os.getpid(),
            "note": self.note,
            "epoch": self.stamper.epoch,
            "last": {topic: [self.stamper.epoch, seq] for topic, seq in self.stamper.last.items()},
            "seen": {topic: list(at) for topic, at in self.sequencer.last.items()},
            "subscribe": list(self.subscribe),
            "received": self.received,
            "sent": self.sent,
            **self.entrance.state(),
            **self.doors.guard.state(),
            **limits.state(),
            "repeats": self.sequencer.repeats,
            "healed": self.sequencer.healed,
            "lost": self.sequencer.lost,
            **self.ticks.state(),
        }

    # --- writing --------------------------------------------------------------------------------------------------------------

    def stamp(self, topic: str, body: Body, event_ns: int, cause: str = "") -> tuple[Header, bytes]:
        """Give a fact its number and keep it for resends, without publishing it."""
        header = self.stamper.header(topic, event_ns, cause)
        return header, self.keep(topic, header, body)

    def keep(self, topic: str, header: Header, body: Body) -> bytes:
        """Encode a stamped fact and keep the frame for resends."""
        frame = wire.encode(header, body)
        self.ring.keep(topic, header.epoch, header.seq, frame)
        return frame

    def say(self, topic: str, frame: bytes) -> None:
        """Publish a stamped fact."""
        self.send(self.facts_out, (topic.encode(), frame))
        self.sent += 1

    def publish(self, topic: str, body: Body, event_ns: int, cause: str = "") -> str:
        """Stamp and publish a fact; returns its name."""
        header, frame = self.stamp(topic, body, event_ns, cause)
        self.say(topic, frame)
        return ref(topic, header)

    def beat(self) -> None:
        """Publish a heartbeat: this process is alive, and has written so far."""
        now_ns = self.clock.now_ns()
        last = {topic: (self.stamper.epoch, seq) for topic, seq in self.stamper.last.items()}
        counted = (self.received, self.sent, self.sequencer.healed, self.sequencer.lost)
        laps = self.laps.take(now_ns - self.clock.monotonic_ns())
        body = Beat(self.name, os.getpid(), self.started_ns, now_ns, last, *counted, self.note, laps=laps, **self.ticks.counts())
        topic = topics.of(topics.BEAT, self.name)
        self.send(self.facts_out, (topic.encode(), self.passing(topic, body, now_ns)))

    # --- for parts and subclasses ---------------------------------------------------------------------------------------------

    def passing(self, topic: str, body: Body, now_ns: int) -> bytes:
        """Encode what is numbered by the clock and kept nowhere, because an old one has no value: beats, leases, reports."""
        return wire.encode(Header(PROTOCOL_VERSION, self.name, self.stamper.epoch, now_ns, now_ns), body)

    def send(self, socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int = 0) -> None:
        """Send a message by a socket that `pump` listens to. Raises as `sockets.send` does."""
        self.inlets.used(socket)
        sockets.send(socket, frames, flags)

    def bind(self, make: Callable[[Any, Door], zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
        """Bind a port of this run.

        Raises:
            Transient: another process has it.
        """
        try:
            return make(self.context, door)
        except zmq.ZMQError as error:
            self.doors.close()
            self.context.destroy(linger=0)
            where = ", ".join(door.addresses)
            raise Transient(f"{self.name}: cannot bind {door.port} at {where}: {error}; is another tapewire using it?") from error

    # --- inside ---------------------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        self.stopping = True

    def _subscribed(self) -> None:
        for _ in sockets.arrived(self.facts_out, 1):
            if self._writable:  # the broker came back: what was said meanwhile is lost, and this beat lets readers notice
                self._next_beat_ns = 0
            self._writable = True

    def _facts(self) -> None:
        room = BATCH
        for frames in sockets.arrived(self.facts_in, BATCH):
            room -= 1
            self._fact(frames, self.woke_ns)
        if room:
            self.inlets.emptied(self.facts_in)

    def _fact(self, frames: list[bytes], now_ns: int) -> None:
        if frames[0] == WELCOME:
            self._welcome = True
            return
        if self._backlog is not None:
            self._backlog.append(frames)
            return
        try:
            topic, header, body = wire.decode_message(frames)
        except PeerError as error:
            self.entrance.refuse(frames[0][:60].decode("latin-1"), error)
            return
        if isinstance(body, Beat):
            if topic != topics.of(topics.BEAT, body.name):  # the broker has checked whose topic it is
                self.entrance.refuse(topic, OutOfBounds(Bound.ROLE, f"{topic}: a heartbeat of {body.name[:60]!r}"))
                return
            self.beats[body.name] = now_ns
            self.beat_notes[body.name] = body.note
            self.entrance.announced(body, self.subscribe, self.sequencer, now_ns)
            self._whole = False  # perhaps: the round looks
        elif isinstance(body, Resend):
            self._resend(topic, body, now_ns)
        else:
            self.received += 1
            try:
                self.entrance.check(topic, header)
                ready = self.sequencer.admit(topic, header, (Event(topic, header, body), frames[1]), now_ns)
            except OutOfBounds as error:
                self.entrance.refuse(header.source, error)
                return
            if len(ready) != 1:
                self._whole = False
            for event, frame in ready:
                self.take(event, frame)

    def _resend(self, topic: str, wanted: Resend, now_ns: int) -> None:
        try:
            for again in self.resends.serve(topic, wanted, now_ns):
                self.say(wanted.topic, again)
        except OutOfBounds as error:  # the broker has checked whose topic it is
            self.entrance.refuse(topic, error)

    def _heal(self, now_ns: int) -> None:
        for wanted in self.sequencer.missing(now_ns):
            topic = topics.of(topics.RESEND, self.name)
            self.send(self.facts_out, (topic.encode(), self.passing(topic, wanted, self.clock.now_ns())))
            self.logger.info("asked_again", topic=wanted.topic, first=wanted.first, last=wanted.last)
        for gap, released in self.sequencer.given_up(now_ns):
            self.logger.error("gap", topic=gap.topic, epoch=gap.of_epoch, first=gap.first, last=gap.last)
            topic = topics.of(topics.GAP, self.name)
            header, frame = self.stamp(topic, gap, self.clock.now_ns())
            self.say(topic, frame)
            if not topics.matches(topic, self.subscribe):  # else it comes back over the bus like any other fact
                self.take(Event(topic, header, gap), frame)
            for event, held in released:
                self.take(event, held)
        self._whole = self.sequencer.whole

    def _controlled(self) -> None:
        for who, (sender, *rest) in sockets.from_peers(self.control, 1, self.doors.guard):
            body = self.entrance.body(self.control_port, who, rest)
            if isinstance(body, Control):
                report = self.passing("control.", self._report(body), 0)
                with suppress(zmq.ZMQError):  # the asker has gone or does not read; that is its own affair
                    self.send(self.control, (sender, b"", b"control.", report), sockets.NOBLOCK)

    def _report(self, asked: Control) -> Report:
        self.stopping = self.stopping or asked.verb == "stop"
        return control.report(asked, self.name, self.note, self.state, self.verbs)


def pin(conf: Conf, name: str) -> None:
    """Keep the decision chain on one core, and the other daemons off it."""
    with suppress(OSError):  # a core that does not exist on this machine: run unpinned
        os.sched_setaffinity(0, cores_of(name, conf.bus.pin, conf.bus.base_port, sorted(os.sched_getaffinity(0))))


def cores_of(name: str, choice: str | int, base_port: int, cores: Sequence[int]) -> set[int]:
    """The cores on which a process of a run works.

    Waking a process on another core is most of the cost of a hop, so the decision chain has one core. The scheduler tends to wake a
    reader where its writer runs. So the logger and the others, which read most facts, would take their turns between a bar and its
    order if they were not kept off that core.

    Args:
        choice: the setting `bus.pin`. cores: those of this process, one at least.
    """
    if choice == "off" or len(cores) < 2:
        return {*cores}
    core = own_core(cores, base_port) if choice == "auto" else int(choice)
    return {core} if name in CHAIN else {*cores} - {core}


def own_core(cores: Sequence[int], base_port: int) -> int:
    """The core of a run's chain: runs side by side, whose blocks of ports follow each other, take different ones in turn.

    Args:
        cores: those of this process, one at least. base_port: a block has 100 ports; those of replays begin 1,000 higher.
    """
    return cores[-1 - (base_port // 100 + base_port // 1_000) % len(cores)]

"""The broker: one address pair for every writer and reader. It forwards facts, keeps last values, and decides nothing.

A poll loop of our own instead of `zmq.proxy`, because it sends a joiner the last value of every topic that it subscribes to,
counts, and stops on a signal. A stopped or slow reader fills its own queue and then loses its own messages; writers never wait.
Memory is bounded in bytes: last values have a budget (bus/lastvalue.py), and a reader that never reads is disconnected
(bus/backlog.py).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import zmq

from tapewire.bus import roles, sockets, topics, wire
from tapewire.bus.backlog import Backlog
from tapewire.bus.bounds import MAX_MESSAGE, MAX_TOPIC, Bound, OutOfBounds, Refusals
from tapewire.bus.clock import WallClock
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.guard import both
from tapewire.bus.inlets import Inlets
from tapewire.bus.lastvalue import LastValues
from tapewire.bus.messages import PROTOCOL_VERSION, Alarm, Beat, Control, Header, Resend
from tapewire.bus.ring import Resends, Ring
from tapewire.bus.stamp import Stamper
from tapewire.bus.subscriptions import Subscriptions
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import control, limits
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.entrance import Entrance
from tapewire.daemons.shell.faults import Faults
from tapewire.daemons.shell.process import pin
from tapewire.daemons.shell.relay import TickRelay
from tapewire.daemons.shell.signals import Signals
from tapewire.strategies.clock import SECOND_NS

NAME = "broker"
CONTROL = "control.broker"
ALARM = topics.of(topics.ALARM, NAME)
RESEND = topics.RESEND.encode()
BATCH = 256
MAX_KNOWN = 65_536  # pairs of key and topic whose permission is remembered


class Broker:
    """XSUB in, XPUB out, a control port, and a beat of its own."""

    def __init__(self, conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        self.conf = conf
        self.logger = logger
        cores = os.sched_getaffinity(0)
        pin(conf, NAME)  # before the context: its threads stay where they are born
        self.clock = WallClock()
        self.started_ns = self.clock.now_ns()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run_dir, conf.bus)
        self.entrance = Entrance(conf.epoch, self.clock, self.doors.allow, logger)
        self.last = LastValues(conf.bus.last_values_mib << 20)
        self.backlog = Backlog(self.doors.both("broker.out").addresses, conf.bus.reader_mib << 20)
        self.subscriptions = Subscriptions()
        self.told_dropped = False
        self.forwarded = self.refused = 0
        self.faults = Faults(NAME, conf.faults, run_dir)
        self.stopping = False
        self.inlets = Inlets()
        self.stamper = Stamper(NAME, self.started_ns)  # a broker that starts again has forgotten its numbers
        self.ring = Ring(conf.bus.ring)
        self.resends = Resends(self.ring)
        self.drops = Refusals()
        self._may: dict[tuple[str, bytes], bool] = {}
        self._version = 0
        try:
            self.incoming = sockets.broker_in(self.context, self.doors.both("broker.in"))
            self.outgoing = sockets.broker_out(self.context, self.doors.both("broker.out"))
            self.control = sockets.responder(self.context, self.doors.inside(CONTROL))
            apart = cores - os.sched_getaffinity(0) or cores  # off the chain's core, if there is another one
            self.relay = TickRelay(self.context, run_dir, conf.bus, sorted(apart), logger)
        except zmq.ZMQError as error:
            self.doors.close()
            self.context.destroy(linger=0)
            raise Transient(f"broker: cannot bind near port {conf.bus.base_port}: {error}; is another tapewire there?") from error

    def run(self) -> int:
        """Forward until told to stop."""
        signals = Signals(self._stop)
        signals.open()
        inlets = self.inlets
        inlets.add(signals.socket, signals.drain)
        inlets.add(self.control, self._controlled)
        inlets.add(self.outgoing, self._subscribed, seldom=True)
        inlets.add(self.incoming, self._forward)
        beat_ns = int(self.conf.bus.beat_s * SECOND_NS)
        next_beat_ns = self.clock.monotonic_ns()
        self.logger.info("ready", base_port=self.conf.bus.base_port)
        while not self.stopping:
            for handler in inlets.wait(max(0, (next_beat_ns - self.clock.monotonic_ns()) // 1_000_000)):
                handler()
            if self.clock.monotonic_ns() >= next_beat_ns:
                next_beat_ns = self.clock.monotonic_ns() + beat_ns
                inlets.doubt()
                self.doors.watch(self.logger)
                self.relay.ring()
                self.subscriptions.revoked(lambda who: self.doors.guard.role(who) is not None)
                self._beat()
        self.logger.info("stopped", forwarded=self.forwarded)
        signals.close()
        self.relay.close()
        inlets.close()
        self.doors.close()
        self.context.destroy(linger=sockets.LINGER_MS)
        return 0

    def _forward(self) -> None:
        self.inlets.used(self.outgoing)
        faulty, room = bool(self.faults), BATCH
        for who, frames in sockets.from_peers(self.incoming, BATCH, self.doors.guard):
            room -= 1
            if len(frames) != 2 or len(frames[0]) > MAX_TOPIC or len(frames[1]) > MAX_MESSAGE:  # no reader would take it
                self._refuse(frames)
            elif not self._may_publish(who, frames[0]):
                self._drop(who, frames[0])
            else:
                if faulty:
                    self._strike("receive", frames)
                    self._strike("speak", frames)
                sockets.send(self.outgoing, frames)
                if faulty:
                    self._strike("sent", frames)
                self.forwarded += 1
                self.last.keep(frames[0].decode("latin-1"), frames[1])
                self._count(frames)
                if frames[0].startswith(RESEND):
                    self._resend(who, frames[1])
        if room:
            self.inlets.emptied(self.incoming)

    def _strike(self, step: str, frames: list[bytes]) -> None:
        if not frames[0].startswith(topics.SYS.encode()):
            self.faults.strike(step, wire.decode(frames[1])[0].event_ns)

    def _may_publish(self, who: str, topic: bytes) -> bool:
        """Whether this key may publish on this topic; remembered until the keys change."""
        guard = self.doors.guard
        if self._version != guard.version or len(self._may) > MAX_KNOWN:
            self._version = guard.version
            self._may.clear()
        at = (who, topic)
        if at not in self._may:
            role = guard.role(who)
            self._may[at] = role is not None and roles.may_publish(role, who, topic.decode("latin-1"))
        return self._may[at]

    def _drop(self, who: str, topic: bytes) -> None:
        """Count a fact that its sender's key may not publish. The first of each key is an alarm."""
        role = self.doors.guard.role(who)
        shown = topic[:60].decode("latin-1")
        text = f"the key {who!r} ({role or 'revoked'}) may not publish {shown}; what it sends there is dropped"
        if not self.drops.count(who, OutOfBounds(Bound.ROLE, text)):
            return
        self.logger.warning("role", key=who, topic=shown)
        header = self.stamper.header(ALARM, self.clock.now_ns())
        frame = wire.encode(header, Alarm(Bound.ROLE, text))
        self.ring.keep(ALARM, header.epoch, header.seq, frame)
        self._say(ALARM, frame)

    def _resend(self, who: str, frame: bytes) -> None:
        """A reader lacks one of our alarms."""
        with suppress(PeerError):
            _, wanted = wire.decode(frame)
            if isinstance(wanted, Resend) and wanted.topic == ALARM:
                for again in self.resends.serve(who, wanted, self.clock.monotonic_ns()):
                    self._say(ALARM, again)

    def _say(self, topic: str, frame: bytes) -> None:
        frames = [topic.encode(), frame]
        self.inlets.used(self.outgoing)
        sockets.send(self.outgoing, frames)
        self.last.keep(topic, frame)
        self._count(frames)

    def _subscribed(self) -> None:
        for who, fd, asked in sockets.subscriptions(self.outgoing, BATCH):
            if self.subscriptions.reported(who, fd, asked):
                self.logger.warning("subscriptions_cut", key=who, total=self.subscriptions.cut)
            elif asked[:1] == b"\x01":
                for topic, last in self.last.matching(asked[1:].decode("latin-1")):
                    frames = [topic.encode("latin-1"), last]
                    sockets.send(self.outgoing, frames)
                    self._count(frames)

    def _refuse(self, frames: list[bytes]) -> None:
        self.refused += 1
        if self.refused == 1:
            lengths = [len(frame) for frame in frames[:3]]
            self.logger.warning("fact_refused", topic=frames[0][:60].decode("latin-1"), frames=len(frames), lengths=lengths)

    def _count(self, frames: list[bytes]) -> None:
        if cut := self.backlog.sent(len(frames[0]) + len(frames[1])):
            self.logger.warning("reader_cut", readers=cut, unread_mib=self.conf.bus.reader_mib, total=self.backlog.cut)

    def _beat(self) -> None:
        now_ns = self.clock.now_ns()
        last = {topic: (self.stamper.epoch, seq) for topic, seq in self.stamper.last.items()}
        beat = Beat(NAME, os.getpid(), self.started_ns, now_ns, last, self.forwarded, self.forwarded, note="ready")
        topic = topics.of(topics.BEAT, NAME)
        frame = wire.encode(Header(PROTOCOL_VERSION, NAME, self.conf.epoch, now_ns, now_ns), beat)
        self._say(topic, frame)
        if self.last.dropped and not self.told_dropped:
            self.told_dropped = True
            self.logger.warning("last_values_full", topics=len(self.last), budget_mib=self.conf.bus.last_values_mib)

    def state(self) -> dict[str, Any]:
        """What `status` and the control port show about the broker.

        refused: messages that are no fact, or longer than a fact may be. refusals: of its control port, by code. dropped: facts
        that their sender's key may not publish. last_values, last_bytes, last_dropped: topics with a last value, their bytes, and
        values that found no room. cut: readers disconnected because they did not read. subscriptions_cut: connections ended for too
        many subscriptions, or because their key was revoked. ticks: last trades forwarded.
        """
        return {
            "name": NAME,
            "pid": os.getpid(),
            "note": "ready",
            "forwarded": self.forwarded,
            "refused": self.refused,
            "refusals": dict(self.entrance.refusals.counts),
            "dropped": self.drops.total,
            "last_values": len(self.last),
            "last_bytes": self.last.size,
            "last_dropped": self.last.dropped,
            "cut": self.backlog.cut,
            "subscriptions_cut": self.subscriptions.cut,
            "ticks": self.relay.forwarded,
            **both(self.doors.guard.state(), self.relay.state()),
            **limits.state(),
        }

    def _controlled(self) -> None:
        for who, (sender, *rest) in sockets.from_peers(self.control, 1, self.doors.guard):
            asked = self.entrance.body(CONTROL, who, rest)
            if isinstance(asked, Control):
                self.stopping = self.stopping or asked.verb == "stop"
                reply = control.report(asked, NAME, "ready", self.state)
                frame = wire.encode(Header(PROTOCOL_VERSION, NAME, self.conf.epoch, 0, 0), reply)
                with suppress(zmq.ZMQError):
                    self.control.send_multipart((sender, b"", b"control.", frame), zmq.NOBLOCK)

    def _stop(self) -> None:
        self.stopping = True

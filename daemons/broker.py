"""The broker: one address pair for every writer and reader. It forwards facts, keeps last values, and decides nothing.

A poll loop of our own instead of `zmq.proxy`, because it sends a joiner the last value of every topic that it subscribes to,
counts, and stops on a signal. A stopped or slow reader fills its own queue and then loses its own messages; writers never wait.
Memory is bounded in bytes: last values have a budget (bus/lastvalue.py), and a reader that never reads is disconnected
(bus/backlog.py).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.backlog import Backlog
from tapewire.bus.bounds import MAX_MESSAGE, MAX_TOPIC
from tapewire.bus.clock import WallClock
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.lastvalue import LastValues
from tapewire.bus.messages import PROTOCOL_VERSION, Beat, Control, Header, Report
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.faults import Faults
from tapewire.daemons.shell.process import pin
from tapewire.daemons.shell.signals import Signals
from tapewire.strategies.clock import SECOND_NS

NAME = "broker"
BATCH = 256


class Broker:
    """XSUB in, XPUB out, a control port, and a beat of its own."""

    def __init__(self, conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        self.conf = conf
        self.logger = logger
        pin(conf, NAME)  # before the context: its threads stay where they are born
        self.clock = WallClock()
        self.started_ns = self.clock.now_ns()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.last = LastValues(conf.bus.last_values_mib << 20)
        self.backlog = Backlog((conf.bus.address("broker.out"),), conf.bus.reader_mib << 20)
        self.told_dropped = False
        self.forwarded = self.refused = 0
        self.faults = Faults(NAME, conf.faults, run_dir)
        self.stopping = False
        try:
            self.control = sockets.responder(self.context, conf.bus.address("control.broker"))
            self.incoming = sockets.broker_in(self.context, conf.bus.address("broker.in"))
            self.outgoing = sockets.broker_out(self.context, conf.bus.address("broker.out"))
        except zmq.ZMQError as error:
            self.context.destroy(linger=0)
            raise Transient(f"broker: cannot bind near port {conf.bus.base_port}: {error}; is another tapewire there?") from error

    def run(self) -> int:
        """Forward until told to stop."""
        signals = Signals(self._stop)
        signals.open()
        poller = zmq.Poller()
        for socket in (signals.socket, self.control, self.outgoing, self.incoming):
            poller.register(socket, zmq.POLLIN)
        beat_ns = int(self.conf.bus.beat_s * SECOND_NS)
        next_beat_ns = self.clock.monotonic_ns()
        self.logger.info("ready", base_port=self.conf.bus.base_port)
        while not self.stopping:
            for socket, _ in poller.poll(max(0, (next_beat_ns - self.clock.monotonic_ns()) // 1_000_000)):
                if socket is self.incoming:
                    self._forward()
                elif socket is self.outgoing:
                    self._subscribed()
                elif socket is self.control:
                    self._controlled()
            if self.clock.monotonic_ns() >= next_beat_ns:
                next_beat_ns = self.clock.monotonic_ns() + beat_ns
                self._beat()
        self.logger.info("stopped", forwarded=self.forwarded)
        signals.close()
        self.context.destroy(linger=sockets.LINGER_MS)
        return 0

    def _forward(self) -> None:
        for frames in sockets.arrived(self.incoming, BATCH):
            if len(frames) != 2 or len(frames[0]) > MAX_TOPIC or len(frames[1]) > MAX_MESSAGE:  # no reader would take it
                self._refuse(frames)
            else:
                if self.faults:
                    self._strike("receive", frames)
                    self._strike("speak", frames)
                sockets.send(self.outgoing, frames)
                if self.faults:
                    self._strike("sent", frames)
                self.forwarded += 1
                self.last.keep(frames[0].decode("latin-1"), frames[1])
                self._count(frames)

    def _strike(self, step: str, frames: list[bytes]) -> None:
        if not frames[0].startswith(topics.SYS.encode()):
            self.faults.strike(step, wire.decode(frames[1])[0].event_ns)

    def _subscribed(self) -> None:
        while True:
            try:
                asked, *more = self.outgoing.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if asked[:1] == b"\x01" and not more:  # a reader may send other messages; they mean nothing here
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
        beat = Beat(NAME, os.getpid(), self.started_ns, now_ns, {}, self.forwarded, self.forwarded, note="ready")
        topic = topics.of(topics.BEAT, NAME)
        frame = wire.encode(Header(PROTOCOL_VERSION, NAME, self.conf.epoch, now_ns, now_ns), beat)
        self.outgoing.send_multipart((topic.encode(), frame))
        self.last.keep(topic, frame)
        if self.last.dropped and not self.told_dropped:
            self.told_dropped = True
            self.logger.warning("last_values_full", topics=len(self.last), budget_mib=self.conf.bus.last_values_mib)

    def state(self) -> dict[str, Any]:
        """What `status` and the control port show about the broker.

        refused: messages that are no fact, or longer than a fact may be. last_values, last_bytes, last_dropped: topics with a last
        value, their bytes, and values that found no room. cut: readers disconnected because they did not read.
        """
        return {
            "name": NAME,
            "pid": os.getpid(),
            "note": "ready",
            "forwarded": self.forwarded,
            "refused": self.refused,
            "last_values": len(self.last),
            "last_bytes": self.last.size,
            "last_dropped": self.last.dropped,
            "cut": self.backlog.cut,
        }

    def _controlled(self) -> None:
        sender, *rest = self.control.recv_multipart()
        try:
            _, asked = wire.decode(rest[-1])
        except (PeerError, IndexError) as error:
            self.logger.warning("undecodable_control", error=str(error))
            return
        if isinstance(asked, Control):
            ok = asked.verb in ("ping", "state", "stop")
            self.stopping = self.stopping or asked.verb == "stop"
            text = json.dumps(self.state()) if ok else f"unknown verb {asked.verb!r}; known: ping, state, stop"
            report = Report(asked.id, ok, text)
            with suppress(zmq.ZMQError):
                self.control.send_multipart(
                    (sender, b"", b"control.", wire.encode(Header(PROTOCOL_VERSION, NAME, self.conf.epoch, 0, 0), report))
                )

    def _stop(self) -> None:
        self.stopping = True

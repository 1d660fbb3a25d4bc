"""The port on which a daemon is asked: each request is answered once, and its repeats get the stored answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import zmq

from tapewire.bus import sockets
from tapewire.bus.bounds import Bound, OutOfBounds
from tapewire.bus.daemon import Daemon, Event
from tapewire.bus.messages import Control, Report
from tapewire.bus.served import Served
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.process import BATCH, Process

OUTSIDE = "tcp/"  # begins the name under which a core knows a peer outside the machine; no peer inside has such a routing id


class Service:
    """Takes requests, and sends the core's answers to their senders.

    Args:
        report: answers a `Control` question, now or later; such questions never reach the core.
    """

    def __init__(
        self, process: Process, intake: Intake, daemon: Daemon, report: Callable[[Control, Callable[[Report], None]], None]
    ) -> None:
        self._process = process
        self._intake = intake
        self._daemon = daemon
        self._report = report
        self._answers = Served()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}  # by the side that they are reached from

    def open(self) -> None:
        """Bind the port. Until then answers are stored and not sent."""
        process = self._process
        for side, door in zip(("", OUTSIDE), process.doors.apart(self._daemon.serves), strict=False):
            self._sockets[side] = socket = process.bind(sockets.responder, door)
            process.listen(socket, partial(self._arrived, socket, side, BATCH))

    def answer(self, event: Event, topic: str, frame: bytes) -> None:
        """Store the answer to a request, then send it if the port is open."""
        frames = [b"", topic.encode(), frame]
        self._answers.store(event.ref, event.body, frames)
        if event.sender:
            self._send(event.sender, frames)

    def _arrived(self, socket: zmq.Socket[bytes], side: str, at_most: int) -> None:
        for who, (peer, *rest) in sockets.from_peers(socket, at_most, self._process.doors.guard):
            sender = side + peer.decode("latin-1")
            event = self._process.entrance.event(self._daemon.serves, who, sender, rest)
            if event is None:
                continue
            if isinstance(event.body, Control):
                self._report(event.body, partial(self._reported, sender))
                continue
            stored = self._answers.get(event.ref, event.body)
            if stored is not None:
                self._send(sender, stored)
            elif (topic := self._daemon.admission(event.body).topic) and event.topic != topic:
                self._process.entrance.refuse(who, OutOfBounds(Bound.TOPIC, f"a request on {event.topic}, expected {topic}"))
            else:
                try:
                    self._intake.request(sender.encode("latin-1"), event, rest[-1], reused=event.ref in self._answers)
                except OutOfBounds as error:
                    self._process.entrance.refuse(who, error)

    def _reported(self, sender: str, report: Report) -> None:
        self._send(sender, [b"", b"control.", self._process.passing("control.", report, 0)])

    def _send(self, sender: str, frames: list[bytes]) -> None:
        socket = self._sockets.get(OUTSIDE if sender.startswith(OUTSIDE) else "")
        if socket is None:
            return
        peer = sender.removeprefix(OUTSIDE).encode("latin-1")
        # The sender is gone, or does not read (a ROUTER would wait for room): it resends and gets the stored answer.
        with suppress(zmq.ZMQError):
            self._process.send(socket, (peer, *frames), sockets.NOBLOCK)

"""The port on which a daemon is asked: each request is answered once, and its repeats get the stored answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import zmq

from tapewire.bus import sockets
from tapewire.bus.bounds import Bound, OutOfBounds
from tapewire.bus.daemon import Daemon, Event
from tapewire.bus.messages import Control, Report
from tapewire.bus.served import Served
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.process import BATCH, Process


class Service:
    """Takes requests, and sends the core's answers to their senders.

    Args:
        report: answers a `Control` question; such questions never reach the core.
    """

    def __init__(self, process: Process, intake: Intake, daemon: Daemon, report: Callable[[Control], Report]) -> None:
        self._process = process
        self._intake = intake
        self._daemon = daemon
        self._report = report
        self._answers = Served()
        self._socket: zmq.Socket[bytes] | None = None

    def open(self) -> None:
        """Bind the port. Until then answers are stored and not sent."""
        self._socket = self._process.bind(sockets.responder, self._daemon.serves)
        self._process.listen(self._socket, lambda: self._arrived(BATCH))

    def answer(self, event: Event, topic: str, frame: bytes) -> None:
        """Store the answer to a request, then send it if the port is open."""
        frames = [b"", topic.encode(), frame]
        self._answers.store(event.ref, event.body, frames)
        if event.sender:
            self._send(event.sender.encode("latin-1"), frames)

    def _arrived(self, at_most: int) -> None:
        assert self._socket is not None
        for sender, *rest in sockets.arrived(self._socket, at_most):
            event = self._process.decoded(sender, rest)
            if event is None:
                continue
            if isinstance(event.body, Control):
                report = self._process.passing("control.", self._report(event.body), 0)
                self._send(sender, [b"", b"control.", report])
                continue
            stored = self._answers.get(event.ref, event.body)
            if stored is not None:
                self._send(sender, stored)
            elif (topic := self._daemon.admission(event.body).topic) and event.topic != topic:
                self._process.entrance.refuse(
                    event.sender, OutOfBounds(Bound.TOPIC, f"a request on {event.topic}, expected {topic}")
                )
            else:
                try:
                    self._intake.request(sender, event, rest[-1], reused=event.ref in self._answers)
                except OutOfBounds as error:
                    self._process.entrance.refuse(event.sender, error)

    def _send(self, sender: bytes, frames: list[bytes]) -> None:
        if self._socket is None:
            return
        # The sender is gone, or does not read (a ROUTER would wait for room): it resends and gets the stored answer.
        with suppress(zmq.ZMQError):
            sockets.send(self._socket, (sender, *frames), sockets.NOBLOCK)

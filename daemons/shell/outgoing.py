"""Requests under way to other daemons' services: each is resent until its answer has come."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import zmq

from tapewire.bus import sockets
from tapewire.bus.outbox import Outbox
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.process import BATCH, Process
from tapewire.daemons.shell.ticks import NEVER_NS


class Outgoing:
    """One outbox and one socket for each service that the daemon uses."""

    def __init__(self, process: Process, intake: Intake, services: Iterable[str]) -> None:
        self._process = process
        self._intake = intake
        self._outboxes = {service: Outbox() for service in services}
        self._sockets: dict[str, zmq.Socket[bytes]] = {}

    def open(self) -> None:
        """Connect to the services. Until then requests are kept and not sent."""
        for service in self._outboxes:
            socket = sockets.requester(self._process.context, self._process.access.to(service), self._process.name)
            self._sockets[service] = socket
            self._process.listen(socket, lambda service=service: self._arrived(service))  # type: ignore[misc]

    def put(self, service: str, ref: str, frames: list[bytes]) -> None:
        """Take charge of a request."""
        self._outboxes[service].put(ref, frames, self._process.clock.monotonic_ns())

    def answered(self, ref: str) -> bool:
        """This request has its answer. False if it was not under way: a second answer, or none of ours."""
        return any(box.done(ref) for box in self._outboxes.values())

    def pending(self) -> list[str]:
        """The requests under way, by name, oldest first within a service."""
        return [ref for box in self._outboxes.values() for ref in box.pending()]

    def counts(self) -> dict[str, int]:
        """How many requests are under way to each service."""
        return {service: len(box) for service, box in self._outboxes.items()}

    def deliver(self, now_ns: int) -> None:
        """Send what is due."""
        for service, socket in self._sockets.items():
            for frames in self._outboxes[service].due(now_ns):
                with suppress(zmq.Again):  # its high-water mark: the next round tries again
                    self._process.send(socket, frames, sockets.NOBLOCK)

    def next_ns(self) -> int:
        """When (monotonic) the next request is due."""
        due = [box.next_ns() for service, box in self._outboxes.items() if service in self._sockets]
        return min((at_ns for at_ns in due if at_ns is not None), default=NEVER_NS)

    def _arrived(self, service: str) -> None:
        for frames in sockets.arrived(self._sockets[service], BATCH):
            event = self._process.entrance.event("", service, "", frames)
            # Only the first answer to a request that is still under way counts.
            if event is not None and self.answered(event.header.cause):
                self._intake.reply(event, frames[-1])

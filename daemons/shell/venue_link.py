"""Our end of the venue link: the lease, the orders that the venue has not acknowledged yet, and whether the venue is there at all.

A ROUTER tells at once that a peer is gone, and drops what it cannot route in silence unless asked to tell. So the lease is sent
first in every round: it finds out whether the venue is there, and while it is not, nothing else is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import zmq

from tapewire.bus import sockets
from tapewire.bus.bounds import OutOfBounds
from tapewire.bus.daemon import Event
from tapewire.bus.messages import AccountFigures, Accounts, Ack, Hello, Lease, LinkState
from tapewire.bus.outbox import Outbox
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.process import BATCH, Process
from tapewire.daemons.shell.ticks import NEVER_NS
from tapewire.strategies.clock import SECOND_NS

PORT = "venue"
TOPIC = "venue.link."
VENUE_PEER = b"nt"
PROBE_NS = SECOND_NS // 4  # how often a missing venue is looked for
NO_LINK: dict[str, Any] = {
    "venue": None,
    "venue_up": False,
    "lease_age_s": None,
    "killed": False,
    "books": {},
}  # the state of a daemon without a venue link


class VenueLink:
    """The link's socket with what comes in and goes out over it.

    up: whether the last thing we sent found the venue. outbox: the orders under way.

    Args:
        halted: whether the lease forbids entries at this moment. books: what the core shows of positions and orders.
        boot: names this life of the process in the lease; a venue that sees a new one says hello again.
    """

    def __init__(
        self, process: Process, intake: Intake, halted: Callable[[], bool], books: Callable[[], dict[str, Any]], boot: int
    ) -> None:
        self.up = False
        self.outbox = Outbox()
        self._process = process
        self._intake = intake
        self._halted = halted
        self._books = books
        self._boot = boot
        self._hello: Hello | None = None  # the last of this epoch
        self._figures: tuple[AccountFigures, ...] = ()  # of the last hello, or of a later message
        self._next_lease_ns = 0
        self._leased_ns: int | None = None  # when the venue was sent its last lease (monotonic); None while it is not there
        self._taken: list[tuple[bytes, str]] = []  # to acknowledge, once this round is on disk
        self._socket: zmq.Socket[bytes] | None = None

    def open(self) -> None:
        """Bind the link's port. Until then orders are kept and not sent."""
        self._socket = self._process.bind(sockets.responder, self._process.doors.both(PORT))
        self._process.listen(self._socket, self._arrived)

    def put(self, ref: str, frames: list[bytes]) -> None:
        """Take charge of an order."""
        self.outbox.put(ref, frames, self._process.clock.monotonic_ns())

    def stepped(self, event: Event) -> None:
        """The core takes this event, now or in a fold."""
        if isinstance(event.body, Hello):
            self._hello, self._figures = event.body, event.body.figures
        elif isinstance(event.body, Accounts):
            self._figures = event.body.figures

    def deliver(self, now_ns: int) -> LinkState | None:
        """Send what is due. Returns what is new about the link: the venue has come or gone."""
        if self._socket is None:
            return None
        before = self.up
        if now_ns >= self._next_lease_ns:
            lease = Lease(self._halted(), self._boot)
            self.up = self._send([b"", b"lease.", self._process.passing("lease.", lease, self._process.clock.now_ns())])
            self._next_lease_ns = now_ns + (SECOND_NS if self.up else PROBE_NS)
            self._leased_ns = now_ns if self.up else None
        if self.up:
            for frames in self.outbox.due(now_ns):
                self.up = self._send(frames) and self.up
        if self.up is before:
            return None
        undelivered = len(self.outbox)
        self._process.logger.info("venue_connected" if self.up else "venue_disconnected", undelivered=undelivered)
        return LinkState(self.up, "" if self.up else f"{undelivered} commands undelivered")

    def acknowledge(self) -> None:
        """Acknowledge what this round has taken. A venue that is gone resends it when it is back."""
        taken, self._taken = self._taken, []
        for sender, ref in taken:
            assert self._socket is not None
            ack = self._process.passing("ack.", Ack(ref), self._process.clock.now_ns())
            with suppress(zmq.ZMQError):
                self._process.send(self._socket, (sender, b"", b"ack.", ack), sockets.NOBLOCK)

    def next_ns(self) -> int:
        """When (monotonic) the lease or an order is due."""
        if self._socket is None:
            return NEVER_NS
        due_ns = self.outbox.next_ns()
        return self._next_lease_ns if due_ns is None else min(self._next_lease_ns, due_ns)

    def state(self) -> dict[str, Any]:
        """What the control port shows of the link, under the keys of NO_LINK."""
        hello = self._hello
        venue = hello and {
            "venue": hello.venue,
            "version": hello.version,
            "accounts": hello.accounts,
            "charts": msgspec.to_builtins(hello.charts),
            "figures": msgspec.to_builtins(self._figures),
        }
        age_s = None if self._leased_ns is None else round((self._process.clock.monotonic_ns() - self._leased_ns) / SECOND_NS, 3)
        return {
            "venue": venue,
            "venue_up": self.up,
            "lease_age_s": age_s,
            "killed": self._halted(),
            "books": self._books(),
        }

    def _arrived(self) -> None:
        assert self._socket is not None
        for who, (sender, *rest) in sockets.from_peers(self._socket, BATCH, self._process.doors.guard):
            event = self._process.entrance.event(PORT, who, sender.decode("latin-1"), rest)
            if event is None:
                continue
            if isinstance(event.body, Ack):
                if self.outbox.done(event.body.ref):
                    self._intake.acknowledged(sender, event.topic, rest[-1])
                continue
            if isinstance(event.body, Hello):
                self._next_lease_ns = 0  # it wants its lease now
                self._process.logger.info("venue_says_hello", venue=event.body.venue, version=event.body.version)
            try:
                taken = self._intake.word(sender, event, rest[-1])
            except OutOfBounds as error:
                self._process.entrance.refuse(event.sender, error)
                continue
            if taken:
                self._taken.append((sender, event.ref))

    def _send(self, frames: list[bytes]) -> bool:
        assert self._socket is not None
        try:
            self._process.send(self._socket, (VENUE_PEER, *frames), sockets.NOBLOCK)
        except zmq.ZMQError:  # no such peer, or its queue is full: the outbox has it and tries again
            return False
        return True

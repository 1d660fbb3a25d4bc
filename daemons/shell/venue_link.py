"""Our end of the venue link: the lease, the orders that the venue has not yet owned, and whether it is there at all.

A ROUTER tells at once that a peer is gone, and drops what it cannot route in silence unless asked to tell. So the lease is sent
first in every round: it finds out whether the venue is there, and while it is not, nothing else is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import zmq

from tapewire.bus import sockets
from tapewire.bus.outbox import Outbox

VENUE_PEER = b"nt"
SECOND_NS = 1_000_000_000
PROBE_NS = SECOND_NS // 4  # how often a missing venue is looked for


class VenueLink:
    """The link's socket with what goes out over it.

    up: whether the last thing we sent found the venue. next_lease_ns: when (monotonic) the lease is due.

    Args:
        socket: the bound ROUTER; the link does not close it.
        outbox: the orders under way.
        lease: makes the lease's frame.
    """

    def __init__(self, socket: zmq.Socket[bytes], outbox: Outbox, lease: Callable[[], bytes]) -> None:
        self.socket = socket
        self.outbox = outbox
        self.up = False
        self.next_lease_ns = 0
        self._lease = lease

    def arrived(self, at_most: int) -> list[tuple[bytes, list[bytes]]]:
        """What came in: each sender with its frames."""
        return [(sender, rest) for sender, *rest in sockets.arrived(self.socket, at_most)]

    def greeted(self) -> None:
        """A venue has said hello: it wants its lease now."""
        self.next_lease_ns = 0

    def deliver(self, now_ns: int) -> bool:
        """Send what is due. Returns whether the venue has come or gone with it."""
        before = self.up
        if now_ns >= self.next_lease_ns:
            self.up = self._send([b"", b"lease.", self._lease()])
            self.next_lease_ns = now_ns + (SECOND_NS if self.up else PROBE_NS)
        if self.up:
            for frames in self.outbox.due(now_ns):
                self.up = self._send(frames) and self.up
        return self.up is not before

    def acknowledge(self, sender: bytes, ack: bytes) -> None:
        """Own what a venue has said. If it is gone, it will say it again."""
        with suppress(zmq.ZMQError):
            sockets.send(self.socket, (sender, b"", b"ack.", ack), sockets.NOBLOCK)

    def _send(self, frames: list[bytes]) -> bool:
        try:
            sockets.send(self.socket, (VENUE_PEER, *frames), sockets.NOBLOCK)
        except zmq.ZMQError:  # no such peer, or its queue is full: the outbox has it and tries again
            return False
        return True

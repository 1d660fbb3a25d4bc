"""The memory that readers of a publishing socket cost which do not read, in bytes.

ZeroMQ counts the queue of a peer in messages (SNDHWM), and a message may be large. It offers no limit in bytes, and no way to close
one peer of an XPUB. The operating system knows who does not read: the send buffer of that connection is full. So the publisher
counts the bytes that it sends, and looks at its connections after every `STEP` of them. A connection that was full at every look
while `budget` bytes were sent is shut down. libzmq then frees its queue. A reader that still lives connects again, gets the last
values, and recovers the rest as after any loss (bus/PROTOCOL.md, section 4).

A message that is queued for several peers is in memory once, so `budget` is nearly the cost of all of them together.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress

from tapewire.bus import connections

STEP = 4 << 20
FOLDERS = ("/proc/self/fd", "/dev/fd")


class Backlog:
    """Watches the connections of a bound socket.

    cut: connections shut down so far.

    Args:
        addresses: where the socket is bound, as ZeroMQ writes it (`tcp://127.0.0.1:5551`, `ipc:///run/x/out`).
        budget: bytes that a reader may leave unread.
    """

    def __init__(self, addresses: Sequence[str], budget: int) -> None:
        if budget < 1:
            raise ValueError(f"budget is {budget}: a reader needs at least 1 byte (bus.reader_mib in the configuration)")
        self.cut = 0
        self._ports = {int(each.rpartition(":")[2]) for each in addresses if each.startswith("tcp://")}
        self._paths = {each.removeprefix("ipc://") for each in addresses if each.startswith("ipc://")}
        self._budget = budget
        self._step = min(STEP, budget)
        self._sent = 0
        self._looked = 0
        self._full: dict[tuple[int, int], int] = {}  # by descriptor and inode: bytes sent in all when it was first seen full

    def sent(self, size: int) -> int:
        """Count a message of `size` bytes. Returns how many connections were shut down now; nearly always 0."""
        self._sent += size
        if self._sent - self._looked < self._step:
            return 0
        self._looked = self._sent
        return self._look()

    def _look(self) -> int:
        full = {name: self._full.get(name, self._sent) for name in self._blocked()}
        over = [name for name, since in full.items() if self._sent - since >= self._budget]
        closed = sum(connections.shut(*name) for name in over)
        self._full = {name: since for name, since in full.items() if name not in over}
        self.cut += closed
        return closed

    def _blocked(self) -> list[tuple[int, int]]:
        """Descriptor and inode of each connection of this socket whose send buffer is full."""
        found: dict[int, int] = {}
        for fd in _descriptors():
            with suppress(OSError):  # closed meanwhile, or no socket
                about = os.fstat(fd)
                if stat.S_ISSOCK(about.st_mode):
                    found[fd] = about.st_ino
        poller = select.poll()
        for fd in found:
            poller.register(fd, select.POLLOUT)
        writable = {fd for fd, _ in poller.poll(0)}
        return [(fd, inode) for fd, inode in found.items() if fd not in writable and self._ours(fd)]

    def _ours(self, fd: int) -> bool:
        """Whether this is a connection that was accepted where we are bound."""
        try:
            with socket.socket(fileno=os.dup(fd)) as peer:
                if peer.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    return False
                name = peer.getsockname()
        except OSError:
            return False
        return name[1] in self._ports if isinstance(name, tuple) else name in self._paths


def _descriptors() -> list[int]:
    for folder in FOLDERS:
        with suppress(OSError):
            return [int(name) for name in os.listdir(folder)]
    return []

"""What the peers of a publishing socket have subscribed to: libzmq keeps every subscription in memory and limits none.

The socket reports each of them, and libzmq tells which connection a message came by. Who holds more than a reader needs, or has
more connections than he may, loses the connection by which he asks for more; libzmq then forgets what it held. So does the
owner of a revoked key, who may send nothing more and would still be served.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from tapewire.bus import connections

MAX_COUNT = 4_096
"""Subscriptions of all connections under one key."""

MAX_BYTES = 256 << 10
"""Their bytes together. libzmq takes about fifty times as much for them."""


class _Subscriber(Struct):
    """The subscriptions of a connection. inode: tells it from a later one with the same descriptor."""

    who: str
    inode: int
    prefixes: set[bytes]


class Subscriptions:
    """Counts subscriptions by key, and ends connections that have too many.

    cut: connections ended so far.

    Args:
        most: connections under one key; None for no limit.
    """

    def __init__(self, shut: Callable[[int, int], bool] = connections.shut, *, most: int | None = None) -> None:
        self.cut = 0
        self._most = most
        self._shut = shut
        self._held: dict[int, _Subscriber] = {}
        self._connections: Counter[str] = Counter()
        self._count: Counter[str] = Counter()
        self._size: Counter[str] = Counter()

    def reported(self, who: str, fd: int, frame: bytes) -> bool:
        """Take what the socket reports. Returns whether the connection was ended.

        Args:
            who: the name of the peer's key. fd: of its connection, below 0 if there is none any more.
        """
        if fd < 0:
            return False
        inode = connections.inode(fd)
        if fd in self._held and self._held[fd].inode != inode:
            self._forget(fd)
        if fd not in self._held:
            self._held[fd] = _Subscriber(who, inode, set())
            self._connections[who] += 1
        prefixes = self._held[fd].prefixes
        prefix = frame[1:]
        if frame[:1] == b"\x00":
            if prefix in prefixes:
                prefixes.remove(prefix)
                self._add(who, -1, -len(prefix))
            return False
        if prefix not in prefixes:
            prefixes.add(prefix)
            self._add(who, 1, len(prefix))
        if self._full(who):  # libzmq does not report connections that have ended
            for other in [other for other, held in self._held.items() if connections.inode(other) != held.inode]:
                self._forget(other)
        return self._full(who) and self._end(fd)

    def readers(self, topic: bytes | None = None) -> Counter[str]:
        """How many connections get a message of this topic, or of any, by the name of their key. Those that ended are forgotten."""
        for fd in [fd for fd, held in self._held.items() if connections.inode(fd) != held.inode]:
            self._forget(fd)
        return Counter(
            held.who
            for held in self._held.values()
            if (held.prefixes if topic is None else any(map(topic.startswith, held.prefixes)))
        )

    def revoked(self, known: Callable[[str], bool]) -> int:
        """End the connections of owners who are not known any more. Returns their number."""
        return sum(self._end(fd) for fd, held in [*self._held.items()] if not known(held.who))

    def _full(self, who: str) -> bool:
        crowded = self._most is not None and self._connections[who] > self._most
        return crowded or self._count[who] > MAX_COUNT or self._size[who] > MAX_BYTES

    def _add(self, who: str, count: int, size: int) -> None:
        self._count[who] += count
        self._size[who] += size

    def _forget(self, fd: int) -> int:
        held = self._held.pop(fd)
        self._connections[held.who] -= 1
        self._add(held.who, -len(held.prefixes), -sum(map(len, held.prefixes)))
        return held.inode

    def _end(self, fd: int) -> bool:
        ended = self._shut(fd, self._forget(fd))
        self.cut += ended
        return ended

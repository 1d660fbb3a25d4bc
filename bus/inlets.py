"""What a process waits for: all its sockets, and what else can be read, in one call to the kernel.

`zmq.Poller` asks libzmq about every socket before it waits and again afterwards, and each question is two system calls. Here the
kernel watches the descriptor that libzmq has for each socket (epoll), and only a socket that it names is asked.

Such a descriptor (ZMQ_FD) says that something has happened to its socket: nearly always that a message has come. So the handler
is called without asking, and must bear to find nothing. Any use of the socket may take that sign away while a message is there. So
a socket that was used is asked before the next wait (`used`). Those whose handlers are called are used by that.

To ask costs as much as to receive. A socket that sends much and hears little (XPUB: of subscriptions) would be asked after each
message, and never have anything: it is asked once in a while (`seldom`).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

import zmq

from tapewire.bus.sockets import readable

Handler = Callable[[], None]

_AT_ONCE = 64  # descriptors that one call reports; the rest waits for the next one
_SELDOM_NS = 10_000_000


class _Source:
    """Something to wait for. rank: which one is handled first. socket: None for a plain descriptor. seldom: as for `add`."""

    __slots__ = ("handler", "rank", "seldom", "socket")

    def __init__(self, rank: int, socket: zmq.Socket[bytes] | None, handler: Handler, *, seldom: bool) -> None:
        self.rank = rank
        self.socket = socket
        self.handler = handler
        self.seldom = seldom


class Inlets:
    """The sockets of one process, and its other descriptors. Handlers are called in the order in which they were added."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._added = 0
        self._by_fd: dict[int, _Source] = {}
        self._by_socket: dict[zmq.Socket[bytes], _Source] = {}
        self._used: dict[_Source, None] = {}
        self._seldom: dict[_Source, None] = {}  # used as well, since `_seldom_ns` at the latest
        self._seldom_ns = 0

    def add(self, source: Any, handler: Handler, *, seldom: bool = False) -> None:
        """Wait for a ZeroMQ socket, or for anything with a `fileno`.

        Args:
            handler: is to read it, and may find nothing.
            seldom: what comes may wait for 10 ms when a use of the socket has taken its sign away.
        """
        self._added += 1
        if isinstance(source, zmq.Socket):
            added = _Source(self._added, source, handler, seldom=seldom)
            self._by_socket[source] = added
            self._used[added] = None  # what has come already gives no sign
        else:
            added = _Source(self._added, None, handler, seldom=False)
        fd = source.fileno()
        self._by_fd[fd] = added
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, source: Any) -> None:
        """Wait for it no more."""
        fd = source.fileno()
        self._epoll.unregister(fd)
        removed = self._by_fd.pop(fd)
        self._used.pop(removed, None)
        self._seldom.pop(removed, None)
        if isinstance(source, zmq.Socket):
            del self._by_socket[source]

    def used(self, socket: zmq.Socket[bytes]) -> None:
        """Something was sent by this socket, outside its handler. One that is not waited for is ignored."""
        source = self._by_socket.get(socket)
        if source is None:
            return
        if not source.seldom:
            self._used[source] = None
        elif source not in self._seldom:
            if not self._seldom:
                self._seldom_ns = time.monotonic_ns() + _SELDOM_NS
            self._seldom[source] = None

    def doubt(self) -> None:
        """Ask every socket before the next wait, once a second: a use that nobody told of may delay a message, but not for ever."""
        self._used.update(dict.fromkeys(self._by_socket.values()))

    def emptied(self, socket: zmq.Socket[bytes]) -> None:
        """The handler has read this socket until libzmq said that there is no more."""
        self._used.pop(self._by_socket[socket], None)

    def wait(self, timeout_ms: int) -> list[Handler]:
        """The handlers of what can be read, after `timeout_ms` at the latest. May return none before."""
        ready: list[_Source] = []
        if self._seldom:
            left_ns = self._seldom_ns - time.monotonic_ns()
            if left_ns <= 0:
                self._used.update(self._seldom)
                self._seldom.clear()
            else:
                timeout_ms = min(timeout_ms, 1 + left_ns // 1_000_000)
        if self._used:
            ready = [source for source in self._used if source.socket is not None and readable(source.socket)]
            self._used.clear()
        for fd, _ in self._epoll.poll(0 if ready else timeout_ms / 1000, _AT_ONCE):
            source = self._by_fd[fd]
            if source not in ready:
                ready.append(source)
        if len(ready) > 1:
            ready.sort(key=_rank)
        for source in ready:
            if source.socket is not None:
                self._used[source] = None
        return [source.handler for source in ready]

    @property
    def unsure(self) -> bool:
        """Whether a socket was used, so that `wait` has to ask it: its descriptor may not tell what has come."""
        return bool(self._used)

    def fileno(self) -> int:
        """A descriptor that can be read when one of these can, for an event loop of somebody else."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()


def _rank(source: _Source) -> int:
    return source.rank

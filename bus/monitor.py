"""Who came to a socket that binds and was not let in, from the events of its monitor (zmq_socket_monitor(3)).

A stranger costs a descriptor, and memory for what he sends as one step of a handshake. libzmq limits neither, and a process that
runs out of descriptors is ended by libzmq 4.3.5 when a peer inside the machine connects. So two limits hold on tcp, where strangers
come from. Of `STRANGERS` open handshakes the oldest is shut down. And a connection whose descriptor is among the last `SPARE` ones
of the process is shut down at once, so that files and peers inside the machine always find one.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import zmq

from tapewire.bus import connections

STRANGERS = 64
"""Open handshakes of one socket on tcp."""

SPARE = 256
"""Descriptors that no peer on tcp gets."""

MONITORED = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_MONITOR_STOPPED
)


class Why(StrEnum):
    """Why a peer was turned away.

    NO_LOCK: no greeting of the current protocol, or another mechanism: not a program of ours. GAVE_UP: it left, or was silent for
    too long, before it had shown a key. WRONG_SERVER: it expects the daemons of another run. UNKNOWN: its key is none of this run,
    or was revoked. EXPIRED: its key has expired. ROLE: its key may not connect to this port. FULL: too many others had not shown a
    key, or the process has no descriptor to spare. ENDLESS: it was in, and sent a message without an end (bus/endless.py).
    """

    NO_LOCK = "no_lock"
    GAVE_UP = "gave_up"
    WRONG_SERVER = "wrong_server"
    UNKNOWN = "unknown_key"
    EXPIRED = "expired"
    ROLE = "role"
    FULL = "full"
    ENDLESS = "endless"


class Turned(NamedTuple):
    """A peer that was turned away.

    address: its own, as far as it is known. key: the name or public half that it showed.
    """

    port: str
    why: Why
    address: str
    key: str
    at_s: float


class Monitor:
    """The connections of one socket: which of them ended before they were let in.

    libzmq names the descriptor of a connection when it begins and when it ends, but not when its handshake succeeds. So the open
    handshakes are a set, and `settled` of them are known to be over. With one at a time, as nearly always, that is exact. Of
    several at once the number is right in the end.

    outside: descriptor and inode of each connection on tcp.

    Args:
        files: the limit of open files of this process.
    """

    def __init__(self, port: str, files: int, turn_away: Callable[[Turned], None]) -> None:
        self.port = port
        self.outside: dict[int, int] = {}
        self._highest = files - min(SPARE, files // 4) if files > 0 else sys.maxsize  # -1: without a limit
        self._tell = turn_away
        self._greeting: dict[int, int] = {}  # descriptor and inode, oldest first
        self._strange: dict[int, int] = {}  # those of them on tcp
        self._settled = 0
        self._why: Why | None = None  # of the connection that ends next
        self._shut: set[int] = set()  # by us, and counted

    def read(self, kind: int, value: int, address: bytes) -> bool:
        """Take an event. Returns whether it was the last one.

        Args:
            value: a descriptor or an error. address: our own.
        """
        match kind:
            case zmq.EVENT_ACCEPTED:
                self._accepted(value, outside=address.startswith(b"tcp://"))
                return False
            case zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # the handler has counted a refusal
                self._settled += 1
            case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                self._why = Why.WRONG_SERVER if value == zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC else Why.NO_LOCK
            case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                self._why = self._why or Why.GAVE_UP
            case zmq.EVENT_DISCONNECTED:
                self._ended(value)
            case zmq.EVENT_MONITOR_STOPPED:
                return True
        if self._settled >= len(self._greeting):
            self._greeting.clear()
            self._strange.clear()
            self._settled = 0
        return False

    def _accepted(self, fd: int, *, outside: bool) -> None:
        if fd in self._greeting:  # its predecessor has ended without an event
            self._settled = max(0, self._settled - 1)
        of = connections.inode(fd)
        self._shut.discard(fd)
        for open_ones in (self._greeting, self._strange, self.outside):
            open_ones.pop(fd, None)
        self._greeting[fd] = of
        if not outside:
            return
        self._strange[fd] = self.outside[fd] = of
        if fd >= self._highest:
            self._close(fd)
        while len(self._strange) > STRANGERS:
            oldest = next(iter(self._strange))
            if connections.let_in(oldest, self._strange[oldest]):
                del self._strange[oldest]
            else:
                self._close(oldest)

    def _close(self, fd: int) -> None:
        if connections.shut(fd, self._strange.pop(fd)):
            self._shut.add(fd)
            self._turn_away(Why.FULL)

    def _ended(self, fd: int) -> None:
        why, self._why = self._why, None
        self._strange.pop(fd, None)
        self.outside.pop(fd, None)
        known = self._greeting.pop(fd, None) is not None
        if fd in self._shut:
            self._shut.discard(fd)
        elif why is not None:
            self._turn_away(why)
        elif known and self._settled > len(self._greeting):
            self._settled -= 1
        elif known:
            self._turn_away(Why.NO_LOCK)

    def _turn_away(self, why: Why) -> None:
        self._tell(Turned(self.port, why, "", "", time.time()))


def event(monitor: zmq.Socket[bytes]) -> tuple[int, int, bytes]:
    """Kind, value and address: the first frame is two integers, of 16 and 32 bits; the second is our own address."""
    numbers, address = monitor.recv_multipart()
    return *struct.unpack("=HI", numbers), address

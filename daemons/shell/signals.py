"""SIGTERM and SIGINT, which wake a process: one that waits for messages ends at once when it is told to."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any


class Signals:
    """Calls `stop` on either signal, and makes `socket` readable. Between `open` and `close`, which puts the old handlers back.

    Only the main thread of a process can have them.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self.socket, self._writer = socket.socketpair()
        self._stop = stop
        self._handlers: dict[int, Any] = {}
        self._old_wakeup = -1

    def open(self) -> None:
        """Take the signals from here on."""
        self.socket.setblocking(False)
        self._writer.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._writer.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            self._handlers[number] = signal.signal(number, self._arrived)

    def close(self) -> None:
        """Give the signals back, and close the socket."""
        for number, old in self._handlers.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(self._old_wakeup)
        self.socket.close()
        self._writer.close()

    def drain(self) -> None:
        """Read what made `socket` readable."""
        with suppress(BlockingIOError):
            self.socket.recv(4096)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        self._stop()

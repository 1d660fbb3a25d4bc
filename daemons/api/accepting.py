"""New connections: so many a second. The others wait in the kernel's queue, where they cost this process nothing."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from tapewire.daemons.api.allotment import Allotment

PER_S = 300.0
QUEUE = 512  # that wait: who comes last waits for less than two seconds
PAUSE_S = 0.05  # at least: to look away for each single one is dear
FILES_S = 1.0  # until it is tried again, when no more files can be opened
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """Takes connections off a listening socket and serves them, one in each turn of the loop, so that a flood holds up nobody.

    Args:
        made: the protocol of a new one. allotment: how many may come. patience_s: for the handshake of TLS. refused: is told QUEUE
            when others wait, and FILES when none can be taken.
    """

    def __init__(
        self,
        listening: socket.socket,
        made: Callable[[], asyncio.Protocol],
        allotment: Allotment,
        refused: Callable[[str], None],
        *,
        tls: ssl.SSLContext | None,
        patience_s: float,
    ) -> None:
        self._listening = listening
        self._made = made
        self._allotment = allotment
        self._refused = refused
        self._tls = {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": patience_s}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._listening)
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self) -> None:
        self._loop.add_reader(self._listening, self._take)

    def _take(self) -> None:
        """Somebody waits."""
        wait_s = self._allotment.take(self._loop.time())
        if wait_s > 0:
            self._pause(max(wait_s, PAUSE_S), "QUEUE")
            return
        try:
            connection, _ = self._listening.accept()
        except OSError as error:  # it has gone again, or there is no room for it
            if error.errno in NO_FILES:
                self._pause(FILES_S, "FILES")
            return
        task = self._loop.create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pause(self, seconds: float, why: str) -> None:
        self._refused(why)
        self._loop.remove_reader(self._listening)
        self._timer = self._loop.call_later(seconds, self._watch)

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._made, connection, **self._tls)  # type: ignore[arg-type]
        except OSError:  # it has gone, or does not speak TLS
            with suppress(OSError):
                connection.close()

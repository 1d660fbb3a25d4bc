"""Questions to the daemons from an event loop, without a thread: plain ZeroMQ sockets whose descriptors the loop watches.

libzmq's descriptor says that something has happened, once. Any use of the socket may take that sign away while a message is there,
so a socket is read again after each use.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import zmq

from tapewire.bus import sockets, wire
from tapewire.bus.access import Line
from tapewire.bus.client import RETRY_S, Context, request_frames
from tapewire.bus.clock import WallClock
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import PROTOCOL_VERSION, Body, Control, Header, Report, Verb
from tapewire.bus.stamp import ref

BATCH = 256
CONNECT_S = 1.0  # for a handshake inside the machine, and a daemon that is starting


class VerbRefused(Exception):
    """A daemon does not carry out a verb.

    code: the first word of its text, such as BUSY; empty without one.
    """

    def __init__(self, text: str) -> None:
        code, colon, rest = text.partition(": ")
        known = bool(colon) and code.isupper() and " " not in code
        self.code = code if known else ""
        self.text = rest if known else text
        super().__init__(text)


class AskedPort:
    """One port of a daemon, as the owner of one key reaches it. Questions may overlap.

    It sends only over a connection that stands: a question never waits for a daemon that comes back later.
    """

    def __init__(self, context: Context, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._socket = sockets.requester(context, line, waits=False)
        self._ids = itertools.count(1)
        self._reports: dict[str, asyncio.Future[Report]] = {}
        self._replies: dict[str, asyncio.Future[Body]] = {}
        self._fd = self._socket.fileno()
        loop.add_reader(self._fd, self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self._socket.close(linger=0)

    async def ask(self, verb: Verb, argument: str = "", *, timeout_s: float = 2.0) -> Any:
        """The decoded JSON of the report to a verb.

        Raises:
            VerbRefused: the daemon does not carry it out. Transient: no reply in time, or the daemon is not there.
        """
        name = str(next(self._ids))
        future: asyncio.Future[Report] = self._loop.create_future()
        self._reports[name] = future
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(request_frames(Control(name, verb, argument), "api"))
                report = await future
        except TimeoutError:
            raise Transient(f"no reply to {verb!r} within {timeout_s:g} s") from None
        finally:
            del self._reports[name]
        if not report.ok:
            raise VerbRefused(report.text)
        return json.loads(report.text)

    async def request(self, topic: str, body: Body, *, name: str, timeout_s: float) -> Body:
        """The reply to a request (PROTOCOL.md 5). It is sent again, unchanged, until it is answered.

        Raises:
            Transient: no reply in time. The request may or may not have been carried out.
        """
        header = Header(PROTOCOL_VERSION, name, WallClock().now_ns(), 1, 0)
        frames = [b"", topic.encode(), wire.encode(header, body)]
        wanted = ref(topic, header)
        future: asyncio.Future[Body] = self._loop.create_future()
        self._replies[wanted] = future
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._send(frames)
                    with suppress(TimeoutError):
                        return await asyncio.wait_for(asyncio.shield(future), RETRY_S)
        except TimeoutError:
            raise Transient(f"no reply within {timeout_s:g} s") from None
        finally:
            del self._replies[wanted]

    async def _send(self, frames: list[bytes]) -> None:
        """Send as soon as the connection stands."""
        for pause_s in (0.002, 0.005, 0.01, 0.02, *[0.05] * int(CONNECT_S / 0.05)):
            try:
                sockets.send(self._socket, frames, sockets.NOBLOCK)
            except zmq.Again:
                await asyncio.sleep(pause_s)
            else:
                self._loop.call_soon(self._read)
                return
        raise Transient("the daemon is not there; `tapewire status` shows what runs")

    def _read(self) -> None:
        if self._socket.closed:
            return
        count = 0
        for frames in sockets.arrived(self._socket, BATCH):
            count += 1
            with suppress(PeerError):
                self._take(*wire.decode(frames[-1]))
        if count == BATCH:
            self._loop.call_soon(self._read)

    def _take(self, header: Header, body: Body) -> None:
        if isinstance(body, Report):
            _settle(self._reports.get(body.id), body)
        else:
            _settle(self._replies.get(header.cause), body)


def _settle(future: asyncio.Future[Any] | None, value: object) -> None:
    if future is not None and not future.done():
        future.set_result(value)

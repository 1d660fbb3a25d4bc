"""Thin clients: history, control, and reading the bus. Each is a few lines around a socket; the pure modules decide."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import zmq

from tapewire.bus import sockets, wire
from tapewire.bus.access import Line
from tapewire.bus.clock import WallClock
from tapewire.bus.credit import Pager
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import (
    PROTOCOL_VERSION,
    Body,
    Control,
    Header,
    HistoryRequest,
    Page,
    Report,
    TopicLength,
    Topics,
    TopicsRequest,
    Verb,
)
from tapewire.bus.sequence import Sequencer
from tapewire.bus.stamp import ref

Context = zmq.Context[zmq.Socket[bytes]]
Wait = Callable[[zmq.Socket[bytes], float], bool]

RETRY_S = 1.0


def poll(socket: zmq.Socket[bytes], timeout_s: float) -> bool:
    """Wait until the socket is readable; for tools that have nothing else to do meanwhile."""
    return bool(socket.poll(int(timeout_s * 1000)))


def request_frames(body: Body, name: str = "client") -> list[bytes]:
    """The frames of a request that is not a fact: it has no sequence number, its `id` names it."""
    return [b"", b"request.", wire.encode(Header(PROTOCOL_VERSION, name, 0, 0, 0), body)]


class History:
    """The journal over the wire, page by page.

    Args:
        wait: how to wait for a reply; a daemon passes a function that keeps its heartbeats and control port going meanwhile.
        deadline_s: give up after this long without a reply; None repeats the request for ever (a daemon cannot start without it).
    """

    def __init__(self, context: Context, line: Line, *, wait: Wait = poll, deadline_s: float | None = None) -> None:
        self.socket = sockets.requester(context, line)
        self.address = line.address
        self.wait = wait
        self.deadline_s = deadline_s
        self._ids = itertools.count(1)
        self._aside: dict[str, list[Page]] = {}

    def __enter__(self) -> History:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def topics(self, prefix: str = "") -> tuple[TopicLength, ...]:
        """Which topics with this prefix are in the journal, and how far.

        Raises:
            Transient: no reply within the deadline.
        """
        asked = TopicsRequest(f"topics-{next(self._ids)}", prefix)
        self._send([asked])
        while True:
            body = self._reply(lambda: self._send([asked]))
            if isinstance(body, Topics) and body.id == asked.id:
                return body.topics

    def read(self, topic: str, start: int = 0, *, chunk: int = 500, window: int = 2) -> Iterator[bytes]:
        """Frames of one topic from record `start` to the end as it is now, oldest first, never more than `window` pages ahead.

        Several topics may be read side by side, each by one reader.
        """
        pager = Pager(topic, start=start, chunk=chunk, window=window)
        self._aside[topic] = []
        while not pager.done:
            self._send(pager.requests())
            aside = self._aside.get(topic)
            body = aside.pop(0) if aside else self._reply(lambda: self._send(pager.resend()))
            if not isinstance(body, Page):
                continue
            if body.topic == topic:
                yield from pager.take(body)
            elif body.topic in self._aside:  # another reader of this client is waiting for it
                self._aside[body.topic].append(body)
        del self._aside[topic]

    def _send(self, asked: Sequence[HistoryRequest | TopicsRequest]) -> None:
        for each in asked:
            self.socket.send_multipart(request_frames(each))

    def _reply(self, again: Callable[[], None]) -> Body:
        """The next reply. Raises Transient: the logger has too many readers."""
        body = self._receive(again)
        if isinstance(body, Report) and not body.ok:
            raise Transient(f"the logger at {self.address} refuses: {body.text}")
        return body

    def _receive(self, again: Callable[[], None]) -> Body:
        clock = WallClock()
        started_ns = asked_ns = clock.monotonic_ns()
        while not self.wait(self.socket, RETRY_S):
            now_ns = clock.monotonic_ns()
            if self.deadline_s is not None and now_ns - started_ns > self.deadline_s * 1e9:
                raise Transient(f"no reply from the logger at {self.address} within {self.deadline_s:g} s; is it running?")
            if now_ns - asked_ns >= RETRY_S * 1e9:
                asked_ns = now_ns
                again()
        return wire.decode(self.socket.recv_multipart()[-1])[1]


def request_control(context: Context, line: Line, verb: Verb, argument: str = "", *, timeout_s: float = 2.0) -> Any:
    """Send a control verb to a daemon's control port (or to its service) and return the decoded JSON of its report.

    Raises:
        Transient: no reply in time.
        PeerError: the daemon refused the verb, or replied with something else.
    """
    with sockets.requester(context, line) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.send_multipart(request_frames(Control("1", verb, argument)))
        if not poll(socket, timeout_s):
            raise Transient(f"no reply from {line.address} within {timeout_s:g} s")
        body = wire.decode(socket.recv_multipart()[-1])[1]
    if not isinstance(body, Report):
        raise PeerError(f"{line.address} replied with {type(body).__name__}, expected Report")
    if not body.ok:
        raise PeerError(body.text)
    return json.loads(body.text)


def request_reply(context: Context, line: Line, topic: str, body: Body, *, name: str, timeout_s: float = 5.0) -> Body:
    """Send one request to a service and return its reply (PROTOCOL.md 5). Repeats carry the same name and get the same reply.

    Raises:
        Transient: no reply in time. The request may or may not have been carried out; another call is a new request.
    """
    clock = WallClock()
    header = Header(PROTOCOL_VERSION, name, clock.now_ns(), 1, 0)
    frames = [b"", topic.encode(), wire.encode(header, body)]
    wanted = ref(topic, header)
    until_ns = clock.monotonic_ns() + int(timeout_s * 1e9)
    with sockets.requester(context, line) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        while (left_ns := until_ns - clock.monotonic_ns()) > 0:
            socket.send_multipart(frames)
            while poll(socket, min(RETRY_S, left_ns / 1e9)):
                answered, answer = wire.decode(socket.recv_multipart()[-1])
                if answered.cause == wanted:
                    return answer
    raise Transient(f"no reply from {line.address} within {timeout_s:g} s")


class Reader:
    """Live facts of some topics. Drops duplicates (the broker's last values); counts a hole as `lost`."""

    def __init__(self, context: Context, line: Line, prefixes: tuple[str, ...], *, name: str = "reader") -> None:
        self.socket = sockets.subscriber(context, line, prefixes)
        self.sequencer: Sequencer[tuple[wire.Message, bytes]] = Sequencer(name, complete=False, heal_ns=0)
        self.joined = False
        self._poller = zmq.Poller()  # one for all rounds: creating a poller takes longer than polling
        self._poller.register(self.socket, zmq.POLLIN)
        self._clock = WallClock()

    def receive(self, timeout_s: float) -> list[tuple[wire.Message, bytes]]:
        """The messages that arrived, decoded, each with its raw frame; empty after `timeout_s` without any."""
        if not self._poller.poll(int(timeout_s * 1000)):
            return []
        frames = next(sockets.arrived(self.socket, 1), None)
        if frames is None:
            return []
        if frames[0] == b"sys.welcome.":
            self.joined = True
            return []
        message = wire.decode_message(frames)
        if message.topic.startswith("sys."):
            return [(message, frames[1])]
        now_ns = self._clock.monotonic_ns()
        ready = self.sequencer.admit(message.topic, message.header, (message, frames[1]), now_ns)
        for _, released in self.sequencer.given_up(now_ns):
            ready += released
        return ready

    def close(self) -> None:
        self.socket.close()

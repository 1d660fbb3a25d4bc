"""uvicorn as this process needs it: it takes no signals, waits for nobody, and can end a connection at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tapewire.bus.errors import Transient
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.threshold import HEADERS, Application, AtOnce
from tapewire.daemons.settings.structs import Api

MOST_CONNECTIONS = 512  # with one more, the one that has waited longest without a whole request is closed
PATIENCE_S = 10.0  # for a whole request, and for one that follows on the same connection
ANSWER_S = 30.0  # for an answer to be made, and to be read
MAX_HEAD = 256 << 10  # bytes that come at once; a head that is longer ends the connection
AT_ONCE = b"/signal"
HEADS = 64  # of requests that were answered at once, which are remembered; a client has as many as its bodies have lengths
MOST_AT_ONCE = 64 << 10  # bytes of its body; a longer one takes the usual way
CLOSE_S = 2.0
MAX_TOLD = 64 << 10  # what a reader of the stream may send


class HttpConnection(HttpToolsProtocol):
    """A connection with bounds. uvicorn itself waits for ever for a request to be whole, of any length, and for a reader.

    A `POST` to the address `AT_ONCE` is answered where its last byte arrives, if it can be. A head that comes again, byte for byte,
    is not read again: a platform sends the same one with every bar.

    Args:
        at_once: gives the answers; None leaves all to the application.
    """

    _limit: asyncio.TimerHandle | None = None
    _until = 0.0
    _head = 0
    _within = False  # a part of a request has come
    _come = b""  # what is being read
    _body: bytearray | None = None  # of a request that may be answered at once
    _started: Any = None  # the request that the application answers; `cycle` is the last one that has come

    def __init__(self, *args: Any, at_once: AtOnce | None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._at_once = at_once
        shared = self.server_state.__dict__
        # The connections of this server from which nothing whole has come, the longest first. They make room for others.
        self._waiting: dict[HttpConnection, None] = shared.setdefault("waiting", {})
        # The heads of requests that were answered at once: the length of the body, and the caller.
        self._heads: dict[bytes, tuple[int, Caller]] = shared.setdefault("heads", {})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            longest = next(iter(self._waiting), self)
            longest.transport.abort()
            self._waiting.pop(longest, None)
        if not transport.is_closing():
            self._await_request()

    def data_received(self, data: bytes) -> None:
        if not self._within and self._is_known(data):
            return
        self._come = data
        self._head += len(data)
        if self._head > MAX_HEAD:
            self.transport.abort()
            return
        super().data_received(data)
        self._come = b""

    def on_message_begin(self) -> None:
        self._within = True
        super().on_message_begin()
        self._await_request()

    def on_headers_complete(self) -> None:
        if self.url == AT_ONCE and self._is_plain():
            self._body = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        if self._body is not None:
            self._body += body
            if len(self._body) > MOST_AT_ONCE:
                self._usual_way()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._within = False
        self._head = 0
        self._waiting.pop(self, None)
        if self._body is not None:
            if self._is_admitted(bytes(self._body)):
                self._body = None
                return
            self._usual_way()
        self._wait(ANSWER_S)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_request()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP: say so in the shape of every refusal, unless an answer is still to come before it."""
        own = self.cycle if self._within else None  # of the request that has gone wrong on its way
        if own is not None and own is self._started and not own.response_started:
            own.disconnected = True
            own.message_event.set()
        elif not self._is_free():
            self.transport.abort()
            return
        response = Problem(400, "HTTP", "this is no request of HTTP/1.1", headers={"connection": "close"}).response()
        head = b"".join(b"%s: %s\r\n" % header for header in (*response.raw_headers, *HEADERS))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%s\r\n%s" % (head, bytes(response.body)))
        self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._started = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._started is not None:  # uvicorn tells the last one only, and an earlier one would write to nobody
            self._started.disconnected = True
            self._started.message_event.set()
        self._waiting.pop(self, None)
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._waiting.pop(self, None)
        self._stop()
        super().handle_websocket_upgrade()

    def _is_known(self, data: bytes) -> bool:
        """Answer a whole request whose head was answered before. What a head decides by itself was decided then."""
        end = data.find(b"\r\n\r\n") + 4
        known = self._heads.get(data[:end])
        if known is None or len(data) != end + known[0] or not self._is_free():
            return False
        self._unset_keepalive_if_required()
        return self._is_answered(known[1], data[end:])

    def _is_plain(self) -> bool:
        """Whether it is a POST of which nothing but the body has to be known."""
        return (
            self._at_once is not None
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and self._is_free()
        )

    def _is_free(self) -> bool:
        """Whether an answer may leave now: no earlier request is unanswered, and the last answer has left."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self.flow.write_paused and not self.transport.is_closing()

    def _is_admitted(self, body: bytes) -> bool:
        """Answer a request that is plain, and remember its head if that has come in one piece with the body."""
        assert self._at_once is not None
        try:
            caller = self._at_once.admitted(dict(self.headers))
        except Exception:  # as below
            return False
        if caller is None or not self._is_answered(caller, body):
            return False
        end = self._come.find(b"\r\n\r\n") + 4
        if self._come[end:] == body:
            self._heads[self._come[:end]] = len(body), caller
            if len(self._heads) > HEADS:
                del self._heads[next(iter(self._heads))]
        return True

    def _is_answered(self, caller: Caller, body: bytes) -> bool:
        assert self._at_once is not None
        try:
            answer = self._at_once.answer(caller, body)
        except Exception:  # the usual way meets it again, and tells it
            return False
        if answer is None:
            return False
        self.transport.write(answer)
        self.server_state.total_requests += 1
        self._waiting.pop(self, None)
        self._await_request()
        return True

    def _usual_way(self) -> None:
        """Give what was held back of a request to uvicorn."""
        assert self._body is not None
        body, self._body = bytes(self._body), None
        super().on_headers_complete()
        super().on_body(body)

    def _await_request(self) -> None:
        self._waiting.setdefault(self)
        self._wait(PATIENCE_S)

    def _wait(self, seconds: float) -> None:
        """End the connection when this time is over. A timer that rings earlier looks again: a new one for each request is dear."""
        self._until = self.loop.time() + seconds
        if self._limit is None or self._limit.when() > self._until:
            self._stop()
            self._limit = self.loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._limit = None
        if (left_s := self._until - self.loop.time()) > 0:
            self._limit = self.loop.call_later(left_s, self._ring)
        else:
            self.transport.abort()

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


class StreamConnection(WebSocketsSansIOProtocol):
    """A connection that its handler can end at once: `scope["state"]["cut"]`. A close in order waits for who does not read."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["state"]["cut"] = self.transport.abort


class Server(uvicorn.Server):
    """The server of one application on one socket; the process has the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def made(application: Application, settings: Api, at_once: AtOnce | None = None) -> Server:
    """A server with these settings. at_once: answers what it can before the application is asked."""
    config = uvicorn.Config(
        application,
        http=partial(HttpConnection, at_once=at_once),  # type: ignore[arg-type]
        ws=StreamConnection,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(PATIENCE_S),
        timeout_graceful_shutdown=int(CLOSE_S),
        ws_max_size=MAX_TOLD,
        ws_per_message_deflate=False,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.private_key or None,
    )
    return Server(config)


def listening(settings: Api) -> socket.socket:
    """The bound socket.

    Raises:
        Transient: another process has the port.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
        bound.listen(256)
    except OSError as error:
        bound.close()
        raise Transient(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}; set port in [api]") from error
    return bound

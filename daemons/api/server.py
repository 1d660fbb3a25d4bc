"""uvicorn as this process needs it: it takes no signals, waits for nobody, and can end a connection at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tapewire.bus.errors import Transient
from tapewire.daemons.api import accepting
from tapewire.daemons.api.accepting import Accepting
from tapewire.daemons.api.allotment import Allotment
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.threshold import Application, Doorman, whole
from tapewire.daemons.settings.structs import Api

MOST_CONNECTIONS = 1_024  # with one more, the one that has waited longest without a whole request is closed
PATIENCE_S = 10.0  # for a whole request, and for one that follows on the same connection
ANSWER_S = 30.0  # for an answer to be made, and to be read
MAX_HEAD = 64 << 10  # bytes, in one piece or in many; a head that is longer ends the connection
MAX_LINES = 128  # of a head: each costs more memory than its bytes
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
        doorman: gives the answers, and says who gets no stream.
    """

    _limit: asyncio.TimerHandle | None = None
    _until = 0.0
    _head = 0
    _within = False  # a part of a request has come
    _come = b""  # what is being read
    _body: bytearray | None = None  # of a request that may be answered at once
    _started: Any = None  # the request that the application answers; `cycle` is the last one that has come

    def __init__(self, *args: Any, doorman: Doorman, **more: Any) -> None:
        super().__init__(*args, **more)
        self._doorman = doorman
        shared = self.server_state.__dict__
        # The connections of this server from which nothing whole has come, the longest first. They make room for others.
        self._waiting: dict[HttpConnection, None] = shared.setdefault("waiting", {})
        # The heads of requests that were answered at once: the length of the body, and the caller.
        self._heads: dict[bytes, tuple[int, Caller]] = shared.setdefault("heads", {})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._doorman.turned_away("CROWD")
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
        super().data_received(data)
        self._come = b""
        if self._within and (self._head > MAX_HEAD or len(self.headers) > MAX_LINES):
            self._doorman.turned_away("LENGTH")
            self.transport.abort()

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
        self._doorman.turned_away("HTTP")
        own = self.cycle if self._within else None  # of the request that has gone wrong on its way
        if own is not None and own is self._started and not own.response_started:
            own.disconnected = True
            own.message_event.set()
        elif not self._is_free():
            self.transport.abort()
            return
        self.transport.write(whole(Problem(400, "HTTP", "this is no request of HTTP/1.1")))
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
        refusal = self._doorman.no_stream(dict(self.headers))
        if refusal is not None:
            self.transport.write(refusal)
            self.transport.close()
            return
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
            self.parser.get_method() == b"POST"
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
        try:
            caller = self._doorman.admitted(dict(self.headers))
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
        try:
            answer = self._doorman.answer(caller, body)
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

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":  # a refusal is an answer, which uvicorn would log as a missing one
            self.handshake_complete = True


class Server(uvicorn.Server):
    """The server of one application on one socket; the process has the signals."""

    _accepting: Accepting | None = None

    def __init__(self, config: uvicorn.Config, doorman: Doorman) -> None:
        super().__init__(config)
        self._doorman = doorman

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is not None
        await super().startup(sockets=[])  # it would take whoever comes

        def connection() -> HttpConnection:
            return HttpConnection(self.config, self.server_state, self.lifespan.state, doorman=self._doorman)

        allotment, refused = Allotment(accepting.PER_S), self._doorman.turned_away
        self._accepting = Accepting(sockets[0], connection, allotment, refused, tls=self.config.ssl, patience_s=PATIENCE_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._accepting is not None:
            self._accepting.close()
        await super().shutdown(sockets)


def made(application: Application, settings: Api, doorman: Doorman) -> Server:
    """A server with these settings. doorman: answers what it can before the application is asked."""
    config = uvicorn.Config(
        application,
        http="httptools",
        ws=StreamConnection,
        lifespan="off",
        log_config=None,
        log_level="error",  # what strangers send is counted, not logged one by one
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
    return Server(config, doorman)


def listening(settings: Api) -> socket.socket:
    """The bound socket.

    Raises:
        Transient: another process has the port.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
        bound.listen(accepting.QUEUE)
    except OSError as error:
        bound.close()
        raise Transient(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}; set port in [api]") from error
    return bound

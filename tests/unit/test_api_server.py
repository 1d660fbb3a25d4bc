"""The server's connections: a slow or endless one costs little, and not for long."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from tapewire.bus.errors import Transient
from tapewire.daemons.api import accepting, server
from tapewire.daemons.api.allotment import Allotment
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.settings.structs import Api

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG = "x" * (48 << 20)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with a word, or with more than a socket holds; or when the client has gone. It refuses streams."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})
        return
    if scope["path"] == "/gone":
        while (await receive())["type"] != "http.disconnect":
            pass
    await PlainTextResponse(LONG if scope["path"] == "/long" else "word")(scope, receive, send)


class Doorman:
    """Leaves all to the application, but streams while it has a refusal for them.

    codes: of those that did not get in, in order.
    """

    def __init__(self) -> None:
        self.refusal: bytes | None = None
        self.codes: list[str] = []
        self.turned_away = self.codes.append

    def admitted(self, headers: dict[bytes, bytes]) -> Caller | None:
        return None

    def answer(self, caller: Caller, body: bytes) -> bytes | None:
        return None

    def no_stream(self, headers: dict[bytes, bytes]) -> bytes | None:
        return self.refusal


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def served(doorman: Doorman, monkeypatch: pytest.MonkeyPatch) -> Iterator[server.Server]:
    """A server whose patience is short."""
    for name, value in (("PATIENCE_S", 0.2), ("ANSWER_S", 0.2), ("MAX_HEAD", 4_096), ("MOST_CONNECTIONS", 8)):
        monkeypatch.setattr(server, name, value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = Api(port=free.getsockname()[1])
    bound = server.listening(settings)
    made = server.made(application, settings, doorman)
    made.config.port = settings.port
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(sockets=[bound])))
    thread.start()
    yield made
    made.should_exit = True
    thread.join()


@pytest.fixture
def port(served: server.Server) -> int:
    return served.config.port


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def ended(connection: socket.socket) -> bool:
    """Whether the server has closed it; waits until it has, and the time-out only ends a test that would not."""
    with suppress(ConnectionResetError):
        while connection.recv(65_536):
            pass
    return True


def eventually(done: Callable[[], bool]) -> bool:
    """Whether it comes true; the time-out only ends a test that would not."""
    until = time.monotonic() + 20
    while not done() and time.monotonic() < until:
        time.sleep(0.01)
    return done()


def served_at(connection: socket.socket) -> bool:
    """Whether who asks on it is answered."""
    connection.sendall(GET)
    return read_whole(connection)


def read_whole(connection: socket.socket) -> bool:
    """Whether an answer comes."""
    come = b""
    while not come.endswith(b"word"):
        if not (part := connection.recv(65_536)):
            return False
        come += part
    return come.startswith(b"HTTP/1.1 200 OK")


def answers(port: int) -> bool:
    """Whether another client is served."""
    with opened(port) as connection:
        return served_at(connection)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        GET,
    ],
    ids=["nothing", "a line", "a head", "a body", "no second request"],
)
def test_a_connection_that_brings_no_request_is_closed(sent: bytes, port: int) -> None:
    """Whatever it has begun; another client is served meanwhile."""
    with opened(port) as slow:
        slow.sendall(sent)

        assert answers(port)
        assert ended(slow)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GARBAGE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /gone HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["TLS", "a method", "a version", "a length", "two lengths", "a chunk"],
)
def test_what_is_no_http_is_refused_in_the_shape_of_every_refusal(sent: bytes, port: int) -> None:
    """RFC 9457, with the headers of every answer; then the connection is closed."""
    with opened(port) as stranger:
        stranger.sendall(sent)
        come = b"".join(iter(lambda: stranger.recv(65_536), b""))

    head, _, body = come.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["code"] == "HTTP"
    assert b"content-length: %d\r\n" % len(body) in head


def flood(connection: socket.socket) -> None:
    """A head without an end."""
    connection.sendall(b"GET / HTTP/1.1\r\n")
    while True:
        connection.sendall(b"X-More: " + b"x" * 1_000 + b"\r\n")


def test_a_head_without_an_end_is_closed(port: int, doorman: Doorman) -> None:
    """As soon as it is too long."""
    with opened(port) as endless, pytest.raises((BrokenPipeError, ConnectionResetError)):
        flood(endless)

    assert doorman.codes == ["LENGTH"]


def test_a_head_of_many_lines_is_closed(port: int, doorman: Doorman) -> None:
    """Each costs memory, however short it is."""
    with opened(port) as many:
        many.sendall(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (server.MAX_LINES + 2))

        assert ended(many)
    assert doorman.codes == ["LENGTH"]


def test_bytes_that_are_no_request_are_only_counted(port: int, doorman: Doorman, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sends a thousand of them writes no log."""
    with opened(port) as stranger:
        stranger.sendall(b"\x16\x03\x01\r\n\r\n")
        answer = stranger.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (doorman.codes, caplog.records) == (["HTTP"], [])


def test_an_answer_that_nobody_reads_is_given_up(served: server.Server, port: int) -> None:
    """It is in the way of nobody meanwhile."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as lazy:
        lazy.sendall(GET.replace(b" / ", b" /long "))

        assert answers(port)
        assert eventually(lambda: not served.server_state.connections)
        received = 0
        with suppress(ConnectionResetError):
            while part := lazy.recv(1 << 20):
                received += len(part)
        assert received < len(LONG)


def test_a_crowd_makes_room_for_who_asks(port: int) -> None:
    """Forty that say nothing have eight places: those who came first are closed, and one who asks is answered meanwhile."""
    crowd = [opened(port) for _ in range(40)]

    answered = answers(port)
    closed = sum(ended(each) for each in crowd[:32])
    for each in crowd:
        each.close()

    assert (answered, closed) == (True, 32)


@pytest.mark.parametrize("refusal", [b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n", None])
def test_a_stream_that_is_refused_is_answered_and_not_logged(
    refusal: bytes | None, port: int, doorman: Doorman, caplog: pytest.LogCaptureFixture
) -> None:
    """By the doorman, before a WebSocket is made, or by the application."""
    doorman.refusal = refusal
    with opened(port) as reader:
        reader.sendall(
            b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        answer = b""
        while part := reader.recv(65_536):
            answer += part

    assert answer.startswith(refusal or b"HTTP/1.1 403 Forbidden\r\n")
    assert [each.getMessage() for each in caplog.records] == []


def test_newcomers_wait_their_turn_and_those_who_are_in_do_not(
    port: int, served: server.Server, doorman: Doorman, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no more are taken, an earlier connection is served; the newcomer is served later."""
    room = threading.Event()
    taken: list[bool] = []

    def take(allotment: Allotment, now_s: float, much: float = 1.0) -> float:
        taken.append(room.is_set())
        return 0.0 if room.is_set() else 0.001

    monkeypatch.setattr(server, "PATIENCE_S", 20)
    monkeypatch.setattr(served.config, "timeout_keep_alive", 20)
    with opened(port) as early:
        assert served_at(early)
        monkeypatch.setattr(Allotment, "take", take)
        with opened(port) as late:
            late.sendall(GET)
            assert eventually(lambda: bool(taken))

            assert served_at(early)
            assert len(served.server_state.connections) == 1
            room.set()
            assert read_whole(late)
    assert set(doorman.codes) == {"QUEUE"}


def test_without_a_file_to_open_newcomers_wait(port: int, doorman: Doorman, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever, and the server does not spin meanwhile: it looks again after a pause."""
    monkeypatch.setattr(accepting, "FILES_S", 0.001)
    monkeypatch.setattr(accepting, "NO_FILES", {errno.EMFILE})
    tries = iter([OSError(errno.EMFILE, "too many open files"), OSError(errno.ECONNABORTED, "gone")])
    accept = socket.socket.accept

    def failing(listening: socket.socket) -> Any:
        error = next(tries, None)
        if error is not None:
            raise error
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", failing)

    assert answers(port)
    assert doorman.codes == ["FILES"]


def test_a_port_that_is_taken_is_told() -> None:
    """With its address and the setting."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Transient, match=r"set port in \[api\]"):
            server.listening(Api(port=other.getsockname()[1]))


def test_a_client_that_goes_leaves_no_request_behind(served: server.Server, port: int, caplog: pytest.LogCaptureFixture) -> None:
    """It had asked again before it was answered. The application hears that it has gone, and no answer is written to nobody."""
    with opened(port) as hasty:
        hasty.sendall(GET.replace(b" / ", b" /gone ") * 2)
        begun = eventually(lambda: bool(served.server_state.tasks))

    assert begun
    assert eventually(lambda: not served.server_state.tasks)
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []

"""What every request passes before it is looked at: the host it names, the page it comes from, its length.

A page of another server that a browser has open may send requests here. It has no key, and it cannot read the answers, because no
header allows it. And yet it gets nowhere: its origin is refused. A name of its own that it points at this machine (DNS rebinding)
is refused by the host that the request names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from tapewire.bus.bounds import MAX_MESSAGE
from tapewire.daemons.api.bodies import JSON
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.settings.structs import LOOPBACK, Api

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class AtOnce(Protocol):
    """Answers some requests before the application is asked; None is the usual way."""

    def admitted(self, headers: dict[bytes, bytes]) -> Caller | None:
        """The caller, as far as headers decide it; the same ones decide the same. Their names are in lower case."""

    def answer(self, caller: Caller, body: bytes) -> bytes | None:
        """The answer to his body, if his key still is one."""


class Doorman(AtOnce, Protocol):
    """Stands before the application."""

    def no_stream(self, headers: dict[bytes, bytes]) -> bytes | None:
        """The whole answer to one who asks for a stream and gets none; None if he gets one. Their names are in lower case."""

    def turned_away(self, code: str) -> None:
        """Somebody did not get in. code: one of turned_away.py."""


MAX_BODY = MAX_MESSAGE - 1_024  # it travels on in a request of the bus
SAFE = ("GET", "HEAD")
STREAM = "/stream"
HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
HEAD = b"".join(
    (
        b"HTTP/1.1 200 OK\r\n",
        *(b"%s: %s\r\n" % header for header in ((b"content-type", JSON.encode()), *HEADERS)),
        b"content-length: ",
    )
)


class Threshold:
    """The application behind these checks.

    Args:
        signal: the JSON for a `POST /signal` (direct.py). stream: why one gets no stream, by his headers. turned_away: is told who
            did not get in, by code.
    """

    def __init__(
        self,
        application: Application,
        settings: Api,
        signal: AtOnce,
        stream: Callable[[dict[bytes, bytes]], Problem | None],
        turned_away: Callable[[str], None],
    ) -> None:
        self.turned_away = turned_away
        self._application = application
        self._signal = signal
        self._stream = stream
        self._hosts = {*LOOPBACK, "[::1]", settings.host, *settings.names}
        self._origins = set(settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        try:
            self._check(dict(scope["headers"]), acts=scope["type"] == "http" and scope["method"] not in SAFE)
            if scope["type"] == "websocket" and scope["path"] != STREAM:
                raise Problem(404, "NOT_FOUND", f"the stream is at {STREAM}")
        except Problem as problem:
            self.turned_away(problem.code)
            await _refuse(problem, scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server, which knows better, leaves the body away
        await self._application(scope, _bounded(receive) if scope["type"] == "http" else receive, _with_headers(send))

    def admitted(self, headers: dict[bytes, bytes]) -> Caller | None:
        """As `AtOnce` has it, of a `POST /signal`."""
        try:
            self._check(headers, acts=True)
        except Problem:
            return None
        return self._signal.admitted(headers)

    def answer(self, caller: Caller, body: bytes) -> bytes | None:
        """The whole answer, head and body."""
        found = self._signal.answer(caller, body)
        return None if found is None else b"%s%d\r\n\r\n%s" % (HEAD, len(found), found)

    def no_stream(self, headers: dict[bytes, bytes]) -> bytes | None:
        """As `Doorman` has it."""
        problem = self._stream(headers)
        if problem is None:
            return None
        self.turned_away(problem.code)
        return whole(problem)

    def _check(self, headers: dict[bytes, bytes], *, acts: bool) -> None:
        host = headers.get(b"host", b"").decode("latin-1")
        if _name(host) not in self._hosts:
            raise Problem(421, "HOST", f"{host[:80]!r} is not a name of this server; add it to names in [api] if it is")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and _place(origin) != host and origin not in self._origins:
            raise Problem(403, "ORIGIN", f"a page of {origin[:80]!r} may not use this server")
        if acts:
            site = headers.get(b"sec-fetch-site", b"same-origin")
            if not origin and site not in (b"same-origin", b"none"):
                raise Problem(403, "ORIGIN", "a page of another server may not use this one")
            length = headers.get(b"content-length", b"0")
            if length.isdigit() and int(length) > MAX_BODY:
                raise Problem(413, "LENGTH", f"a body has at most {MAX_BODY} bytes")


def _place(origin: str) -> str | None:
    """The host and the port of an origin; None if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _name(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _bounded(receive: Receive) -> Receive:
    """The same, but a body without a length that grows too long ends the request."""
    room = MAX_BODY

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal room
        message = await receive()
        room -= len(message.get("body", b""))
        if room < 0:
            raise Problem(413, "LENGTH", f"a body has at most {MAX_BODY} bytes")
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending


def whole(problem: Problem) -> bytes:
    """The whole answer, which ends the connection."""
    response = problem.response()
    title = HTTPStatus(problem.status).phrase.encode()
    headers = [*response.raw_headers, *HEADERS, (b"connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (problem.status, title), *(b"%s: %s" % header for header in headers)]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        response = problem.response()
        await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "websocket.http.response.body", "body": response.body})
        return
    await problem.response()(scope, receive, _with_headers(send))

"""`POST /signal` goes straight to its decision: FastAPI's way to an endpoint takes five times as long as the answer.

The decision, the key, the refusals and their shape are those of the endpoint, which FastAPI has for its document.
"""

from __future__ import annotations

import msgspec

from tapewire.bus.roles import Role
from tapewire.daemons.api import deciding
from tapewire.daemons.api.bodies import JSON, decoded, json_only
from tapewire.daemons.api.callers import HEADER
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import SignalRequest
from tapewire.daemons.api.threshold import Application, Receive, Scope, Send

PATH = "/signal"
READS = (Role.READER, Role.OPERATOR)
KEY = HEADER.lower().encode()

_encode = msgspec.json.Encoder().encode


class DirectWay:
    """An application in front of another one."""

    def __init__(self, application: Application, door: OpenDoor) -> None:
        self._application = application
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        try:
            body = _encode(await self._answer(scope, receive))
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        headers = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> object:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        token = headers.get(KEY)
        address = scope["client"][0] if scope.get("client") else ""
        self._door.callers.admit(None if token is None else token.decode("latin-1"), address, *READS)
        json_only(headers.get(b"content-type", b"").decode("latin-1"))
        content = await _body(receive)
        return await deciding.decision(self._door, decoded(content, SignalRequest))


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)

"""`POST /signal` on a bar that the bus has decided on is answered where its last byte arrives.

FastAPI's way to the endpoint, and uvicorn's to FastAPI, take several times as long as the answer. Both stay the way of all else: of
a bar that is waited for, of bars that come with the question, and of every refusal, which they find and word themselves.
"""

from __future__ import annotations

import msgspec

from tapewire.bus.roles import Role
from tapewire.daemons.api import deciding
from tapewire.daemons.api.bodies import decoded, json_only
from tapewire.daemons.api.callers import HEADER
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import SignalRequest

READS = (Role.READER, Role.OPERATOR)
KEY = HEADER.lower().encode()

_encode = msgspec.json.Encoder().encode


def answer(door: OpenDoor, headers: dict[bytes, bytes], body: bytes) -> bytes | None:
    """The JSON of a decision that is there, for a caller who may have it; None for the usual way. Only an answer counts as a call.

    Args:
        headers: by their names in lower case.
    """
    caller = door.callers.known(headers.get(KEY, b"").decode("latin-1"))
    if caller is None or caller.role not in READS:
        return None
    try:
        json_only(headers.get(b"content-type", b"").decode("latin-1"))
        found = deciding.at_once(door, decoded(body, SignalRequest))
    except Problem:
        return None
    return None if found is None or door.callers.too_often(caller) else _encode(found)

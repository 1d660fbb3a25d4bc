"""`POST /signal` on a bar that the bus has decided on is answered where its last byte arrives.

FastAPI's way to the endpoint, and uvicorn's to FastAPI, take several times as long as the answer. Both stay the way of all else: of
a bar that is waited for, of bars that come with the question, and of every refusal, which they find and word themselves.
"""

from __future__ import annotations

from tapewire.bus.roles import Role
from tapewire.daemons.api import deciding
from tapewire.daemons.api.bodies import decoded, json_only
from tapewire.daemons.api.callers import HEADER, Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import SignalRequest

READS = (Role.READER, Role.OPERATOR)
KEY = HEADER.lower().encode()


class Direct:
    """What `Threshold` asks when nothing speaks against a request (threshold.py, `AtOnce`)."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    def admitted(self, headers: dict[bytes, bytes]) -> Caller | None:
        """The caller, if his key may have the answer, and his body says that it is JSON."""
        caller = self._door.callers.known(headers.get(KEY, b"").decode("latin-1"))
        if caller is None or caller.role not in READS:
            return None
        try:
            json_only(headers.get(b"content-type", b"").decode("latin-1"))
        except Problem:
            return None
        return caller

    def answer(self, caller: Caller, body: bytes) -> bytes | None:
        """The JSON of a decision that is there. Only an answer counts as a call."""
        callers = self._door.callers
        if not callers.still(caller):
            return None
        try:
            found = deciding.at_once(self._door, decoded(body, SignalRequest))
        except Problem:
            return None
        return None if found is None or callers.too_often(caller) else found

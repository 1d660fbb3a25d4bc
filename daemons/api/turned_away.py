"""Who does not get in, counted by a code. Each code is told in the log once in a while, not once for each of a thousand."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import structlog

TOLD_S = 60.0
CODES = MappingProxyType(
    {
        "HOST": "a request named a host that is not this one; names in [api] adds one",
        "ORIGIN": "a page of another server tried to use this one; origins in [api] adds one",
        "LENGTH": "a body was too long",
        "NOT_FOUND": "a WebSocket was asked for where none is",
        "HTTP": "bytes came that are no request of HTTP/1.1",
        "QUEUE": "more new connections came than are taken in a second; they wait until their turn comes",
        "CROWD": "there are too many connections; the one that has waited longest without a whole request is closed",
        "FILES": "this process may open no more files; raise its limit (`tapewire doctor`)",
        "MANY": "a key has as many readers of the stream open as it may; readers_of_key in [api] allows more",
        "FULL": "as many readers of the stream are open as may be; readers in [api] allows more",
        "BUSY": "more readers of the stream came than are let in in a second",
        "SLOW": "a key whose reader did not read came again too early",
        "RATE": "a key came to the stream too often, or an address with too many wrong ones",
    }
)
"""Each code, and what it says in the log."""


class TurnedAway:
    """How often each code was given since the start.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, logger: structlog.stdlib.BoundLogger, clock: Callable[[], float]) -> None:
        self.counts = dict.fromkeys(CODES, 0)
        self._logger = logger
        self._clock = clock
        self._due_s: dict[str, float] = {}

    def add(self, code: str) -> None:
        """One more."""
        self.counts[code] += 1
        now_s = self._clock()
        if now_s >= self._due_s.get(code, now_s):
            self._due_s[code] = now_s + TOLD_S
            self._logger.warning("turned_away", code=code, so_far=self.counts[code], why=CODES[code])

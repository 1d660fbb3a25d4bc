"""The daemons as the endpoints ask them: by the own key, which reads, or by the key that a caller has shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

from tapewire.bus import access
from tapewire.bus.access import Access, Line
from tapewire.bus.client import Context
from tapewire.bus.messages import Body, Verb
from tapewire.daemons.api.asking import AskedPort
from tapewire.daemons.api.callers import Caller


class Ports(Protocol):
    """Who answers. Each raises VerbRefused, or Transient if nobody does in time."""

    async def ask(self, port: str, verb: Verb, argument: str, timeout_s: float) -> Any:
        """By the own key."""

    async def act(self, caller: Caller, port: str, verb: Verb, argument: str, timeout_s: float) -> Any:
        """By the caller's key."""

    async def request(self, caller: Caller, port: str, topic: str, body: Body, timeout_s: float) -> Body:
        """A request that is answered by a message, by the caller's key."""

    def line(self, port: str) -> Line:
        """The way to a port, by the own key."""

    def close(self) -> None:
        """Ask no more."""


class BusPorts:
    """The daemons of a run.

    Args:
        way: by the own key.
    """

    def __init__(self, run: Path, way: Access, context: Context) -> None:
        self._run = run
        self._way = way
        self._context = context
        self._asked: dict[str, AskedPort] = {}

    async def ask(self, port: str, verb: Verb, argument: str, timeout_s: float) -> Any:
        asked = self._asked.get(port)
        if asked is None:
            asked = self._asked[port] = AskedPort(self._context, self._way.to(port), asyncio.get_running_loop())
        return await asked.ask(verb, argument, timeout_s=timeout_s)

    async def act(self, caller: Caller, port: str, verb: Verb, argument: str, timeout_s: float) -> Any:
        with self._lent(caller, port) as asked:
            return await asked.ask(verb, argument, timeout_s=timeout_s)

    async def request(self, caller: Caller, port: str, topic: str, body: Body, timeout_s: float) -> Body:
        with self._lent(caller, port) as asked:
            return await asked.request(topic, body, name=caller.name, timeout_s=timeout_s)

    def line(self, port: str) -> Line:
        return self._way.to(port)

    def close(self) -> None:
        for asked in self._asked.values():
            asked.close()

    def _lent(self, caller: Caller, port: str) -> AskedPort:
        way = access.lent(self._run, caller.credential)
        return AskedPort(self._context, way.to(port), asyncio.get_running_loop())

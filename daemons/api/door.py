"""What the endpoints share: the bus, the keys, and what is known of the run at this moment."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, TypeVar

import structlog

from tapewire import __version__
from tapewire.bus import access, topics, wire
from tapewire.bus.access import Access, Line
from tapewire.bus.client import Context
from tapewire.bus.errors import Transient
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Beat, Risk, Session, Verb
from tapewire.bus.roles import CONTROL_PORT, VENUE
from tapewire.daemons.api.asking import AskedPort, VerbRefused
from tapewire.daemons.api.callers import Caller, Callers
from tapewire.daemons.api.measures import Contents, Passing
from tapewire.daemons.api.memory import Recent
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.stream import Hub
from tapewire.daemons.operator.snapshot import BridgeBeat, Snapshot
from tapewire.daemons.settings.structs import Conf

READ_S = 2.0
Kind = TypeVar("Kind", Risk, Session, Beat)
PASSING = ("BUSY", "NO_ACCOUNTS", "NOT_STARTED", "RATE")
"""Refusals that pass by themselves."""


class OpenDoor:
    """The run as the endpoints see it.

    Args:
        way: by the key of this process, which reads. loop: the one that serves.
    """

    def __init__(
        self, conf: Conf, run: Path, way: Access, keys: Keys, context: Context, logger: structlog.stdlib.BoundLogger
    ) -> None:
        self.conf = conf
        self.run = run
        self.logger = logger
        self.callers = Callers(keys, conf.api.requests_per_s, time.monotonic)
        self.recent = Recent()
        self.passing = Passing()
        self.contents = Contents(conf.traded)
        self.counting = threading.Lock()  # one reads on in the journal for the metrics
        self.hub = Hub()
        self.bridge_s: float | None = None  # when a heartbeat of the bridge came that was not the broker's last value (monotonic)
        self._bridge_seen = False
        self._context = context
        self._way = way
        self._services: dict[str, AskedPort] = {}

    @property
    def mode(self) -> str:
        """`live` or `replay`."""
        return "live" if self.conf.bus.clock_runs else "replay"

    async def ask(self, port: str, verb: Verb, argument: str = "", *, timeout_s: float = READ_S) -> Any:
        """What a daemon answers to this process's own key, which may only read.

        Raises:
            Problem: it refuses, or does not answer.
        """
        service = self._services.get(port)
        if service is None:
            service = self._services[port] = AskedPort(self._context, self._way.to(port), asyncio.get_running_loop())
        try:
            return await service.ask(verb, argument, timeout_s=timeout_s)
        except VerbRefused as refusal:
            raise _refused(refusal) from None
        except Transient as error:
            raise _away(port, error) from None

    async def act(self, caller: Caller, port: str, verb: Verb, argument: str = "", *, timeout_s: float = READ_S) -> Any:
        """What a daemon answers to the caller's own key.

        Raises:
            Problem: it refuses, or does not answer.
        """
        try:
            with self.lent(caller, port) as service:
                return await service.ask(verb, argument, timeout_s=timeout_s)
        except VerbRefused as refusal:
            raise _refused(refusal) from None
        except Transient as error:
            raise _away(port, error) from None

    def lent(self, caller: Caller, port: str) -> AskedPort:
        """A port as the caller's own key reaches it. Close it.

        Raises:
            Transient: the run is not up.
        """
        way = access.lent(self.run, caller.credential)
        return AskedPort(self._context, way.to(port), asyncio.get_running_loop())

    def bridge_beat(self) -> None:
        """A heartbeat of the bridge has come. The first may be the broker's last value, however old."""
        self.bridge_s = time.monotonic() if self._bridge_seen else None
        self._bridge_seen = True

    def close(self) -> None:
        for service in self._services.values():
            service.close()

    def snapshot(self, gate: dict[str, Any] | None) -> Snapshot:
        """What the run's lights are judged by. gate: the state that the gate reports."""
        risks, sessions = self.last(topics.RISK, Risk), self.last(topics.SESSION, Session)
        beat = next(iter(self.last(topics.of(topics.BEAT, VENUE), Beat).values()), None)
        age_s = None if self.bridge_s is None else time.monotonic() - self.bridge_s
        return Snapshot(
            bridge=BridgeBeat(beat, age_s),
            gate=gate,
            risk=next(iter(risks.values()), None),
            sessions=sessions,
            now_ns=time.time_ns(),
            live=self.mode == "live",
        )

    @property
    def history(self) -> Line:
        """The way to the journal."""
        return self._way.to("history")

    def last(self, prefix: str, kind: type[Kind]) -> dict[str, Kind]:
        """The last fact of each topic with this prefix."""
        found = {told.topic: wire.decode(told.frame)[1] for told in self.recent.last(prefix)}
        return {topic: body for topic, body in found.items() if isinstance(body, kind)}

    def about(self) -> dict[str, Any]:
        """What a reader of the stream is told first."""
        return {
            "version": __version__,
            "run": self.conf.instance,
            "mode": self.mode,
            "preset": self.conf.preset.name,
            "account": self.conf.trading.account,
            "zone": "America/New_York",
            "traded": {
                name: {"tick": terms.tick, "point_value": terms.point_value, "calendar": terms.calendar}
                for name, terms in self.conf.instruments.items()
                if name in self.conf.traded
            },
        }


def _refused(refusal: VerbRefused) -> Problem:
    status = 503 if refusal.code in PASSING else 422
    return Problem(status, refusal.code or "REFUSED", refusal.text)


def _away(port: str, error: Exception) -> Problem:
    name = port.removeprefix(CONTROL_PORT)
    return Problem(503, "AWAY", f"{name}: {error}", headers={"Retry-After": "1"})

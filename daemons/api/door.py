"""What the endpoints share: the daemons, the keys, and what is known of the run at this moment."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

import structlog

from tapewire import __version__
from tapewire.bus import topics, wire
from tapewire.bus.access import Line
from tapewire.bus.errors import Transient
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Beat, Body, Risk, Session, Verb
from tapewire.bus.roles import CONTROL_PORT, VENUE
from tapewire.daemons.api.asking import VerbRefused
from tapewire.daemons.api.callers import Caller, Callers
from tapewire.daemons.api.codes import Codes
from tapewire.daemons.api.decided import DecidedBars
from tapewire.daemons.api.measures import Contents, Passing
from tapewire.daemons.api.memory import Recent, SeenFact
from tapewire.daemons.api.ports import Ports
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.slow import SlowKeys
from tapewire.daemons.api.stream import Hub
from tapewire.daemons.api.turned_away import TurnedAway
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.operator.snapshot import BridgeBeat, Snapshot
from tapewire.daemons.settings.structs import Conf

READ_S = 2.0
REFUSALS = {"RATE": 429, "BUSY": 503, "NO_ACCOUNTS": 503, "NOT_STARTED": 503}
"""Refusals that pass by themselves, as statuses; any other is the caller's to mend."""
Kind = TypeVar("Kind", bound=Body)
Got = TypeVar("Got")


class OpenDoor:
    """A run as the endpoints see it.

    Args:
        run: its folder. ports: its daemons.
    """

    def __init__(self, conf: Conf, run: Path, ports: Ports, keys: Keys, logger: structlog.stdlib.BoundLogger) -> None:
        self.conf = conf
        self.run = run
        self.ports = ports
        self.keys = keys
        self.logger = logger
        self.codes = Codes(time.monotonic)
        self.callers = Callers(keys, conf.api.requests_per_s, time.monotonic)
        self.turned_away = TurnedAway(logger, time.monotonic)
        self.slow = SlowKeys(time.monotonic)
        self.recent = Recent()
        self.decided = DecidedBars(self.recent, edge=conf.preset.day_type == "edge")
        self.clocks = {name: SessionClock(conf.calendar_of(name)) for name in conf.traded}
        self.passing = Passing()
        self.contents = Contents(conf.traded)
        self.counting = threading.Lock()  # one reads on in the journal for the metrics
        self.hub = Hub()
        self.started_s = time.time()
        self._waiting: set[asyncio.Future[None]] = set()
        self._bridge_s: float | None = None
        self._bridge_seen = False

    @property
    def mode(self) -> str:
        """`live` or `replay`."""
        return "live" if self.conf.bus.clock_runs else "replay"

    # --- the daemons ----------------------------------------------------------------------------------------------------------

    async def ask(self, port: str, verb: Verb, argument: str = "", *, timeout_s: float = READ_S) -> Any:
        """What a daemon answers to this process's own key, which may only read.

        Raises:
            Problem: it refuses, or does not answer.
        """
        return await _answered(port, self.ports.ask(port, verb, argument, timeout_s))

    async def killed(self) -> bool:
        """Whether the kill switch is latched. Raises Problem as `ask`."""
        return bool((await self.ask("control.gate", "state"))["killed"])

    async def act(self, caller: Caller, port: str, verb: Verb, argument: str = "", *, timeout_s: float = READ_S) -> Any:
        """What a daemon answers to the caller's own key. Raises Problem as `ask`."""
        return await _answered(port, self.ports.act(caller, port, verb, argument, timeout_s))

    async def request(self, caller: Caller, port: str, topic: str, body: Body, *, timeout_s: float) -> Body:
        """The message that answers a request by the caller's own key. Raises Problem as `ask`."""
        return await _answered(port, self.ports.request(caller, port, topic, body, timeout_s))

    # --- the bus --------------------------------------------------------------------------------------------------------------

    def take(self, facts: list[SeenFact]) -> None:
        """These have come over the bus."""
        new = [fact for each in facts if (fact := self.recent.take(each)) is not None]
        if new:
            self.decided.take(new)
            self.hub.tell(new)
            waiting, self._waiting = self._waiting, set()
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def news(self, timeout_s: float) -> bool:
        """Wait for the next facts. False if none come in time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    def bridge_beat(self) -> None:
        """A heartbeat of the bridge has come. The first may be the broker's last value, however old."""
        self._bridge_s = time.monotonic() if self._bridge_seen else None
        self._bridge_seen = True

    @property
    def history(self) -> Line:
        """The way to the journal."""
        return self.ports.line("history")

    def last(self, prefix: str, kind: type[Kind]) -> dict[str, Kind]:
        """The last fact of each topic with this prefix."""
        found = {told.topic: wire.decode(told.frame)[1] for told in self.recent.last(prefix)}
        return {topic: body for topic, body in found.items() if isinstance(body, kind)}

    def kept(self, topic: str, kind: type[Kind]) -> list[Kind]:
        """What is kept of a topic, oldest first."""
        found = (wire.decode(told.frame)[1] for told in self.recent.of(topic))
        return [body for body in found if isinstance(body, kind)]

    def snapshot(self, gate: dict[str, Any] | None) -> Snapshot:
        """What the run's lights are judged by. gate: the state that the gate reports."""
        beat = next(iter(self.last(topics.of(topics.BEAT, VENUE), Beat).values()), None)
        age_s = None if self._bridge_s is None else time.monotonic() - self._bridge_s
        return Snapshot(
            bridge=BridgeBeat(beat, age_s),
            gate=gate,
            risk=next(iter(self.last(topics.RISK, Risk).values()), None),
            sessions=self.last(topics.SESSION, Session),
            now_ns=time.time_ns(),
            live=self.mode == "live",
        )

    def about(self, *, public: bool = False) -> dict[str, Any]:
        """What a reader of the stream is told first. public: without what is the owner's own."""
        own = {
            "run": self.conf.instance,
            "preset": self.conf.preset.name,
            "day_type": self.conf.preset.day_type,
            "account": self.conf.trading.account,
        }
        return {
            **({} if public else own),
            "version": __version__,
            "mode": self.mode,
            "zone": "America/New_York",
            "traded": {
                name: {"tick": terms.tick, "point_value": terms.point_value, "calendar": terms.calendar}
                for name, terms in self.conf.instruments.items()
                if name in self.conf.traded
            },
        }


async def _answered(port: str, answer: Awaitable[Got]) -> Got:
    try:
        return await answer
    except VerbRefused as refusal:
        status = REFUSALS.get(refusal.code, 422)
        later = {"Retry-After": "1"} if status != 422 else {}
        raise Problem(status, refusal.code or "REFUSED", refusal.text, headers=later) from None
    except Transient as error:
        name = port.removeprefix(CONTROL_PORT)
        raise Problem(503, "AWAY", f"{name}: {error}", headers={"Retry-After": "1"}) from None

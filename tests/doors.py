"""The HTTP door without a bus: the same application, its daemons played by their cores in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from starlette.testclient import TestClient, WebSocketTestSession

from tapewire.bus import keys, roles, wire
from tapewire.bus.access import Line
from tapewire.bus.errors import Transient
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Bar, Body, ExternalAnswer, ExternalSignal, Header, IngressState, Kill, Risk, TradingState
from tapewire.daemons import evaluation
from tapewire.daemons.api import app
from tapewire.daemons.api.asking import VerbRefused
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.memory import SeenFact
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs

URL = "http://127.0.0.1:8006"


class PlayedPorts:
    """Daemons that answer at once. Each judges the caller by the table of roles, as the real ones do.

    away: none of them is there. connected: NinjaTrader is. accounts: those that it reports. told: what the gate was told, with the
    name of the key.
    """

    def __init__(self, conf: Conf) -> None:
        self.conf = conf
        self.away = False
        self.killed = False
        self.connected = True
        self.accounts: list[dict[str, Any]] = [{"name": "Sim101", "cash": float("nan"), "trades": True, "simulated": True}]
        self.told: list[tuple[str, Body]] = []

    async def ask(self, port: str, verb: str, argument: str, timeout_s: float) -> Any:
        return self._answer(roles.Role.API, port, verb, argument)

    async def act(self, caller: Caller, port: str, verb: str, argument: str, timeout_s: float) -> Any:
        return self._answer(caller.role, port, verb, argument)

    async def request(self, caller: Caller, port: str, topic: str, body: Body, timeout_s: float) -> Body:
        if self.away or not roles.may_ask(caller.role, port, str(body.__struct_config__.tag)):
            raise Transient("no reply within 5 s")
        self.told.append((caller.name, body))
        if isinstance(body, ExternalSignal):
            return ExternalAnswer(True, "queued", "MNQ_buy_21000.25", "MNQ-1", IngressState.QUEUED, "MNQ-1-EL")
        self.killed = isinstance(body, Kill)
        state = TradingState.HALTED if self.killed else TradingState.ACTIVE
        return Risk(self.conf.trading.account, "2026-03-02", state, 0, 0, 0, 0)

    def line(self, port: str) -> Line:
        raise Transient(f"{port}: there is no bus")

    def close(self) -> None:
        pass

    def _answer(self, role: roles.Role, port: str, verb: str, argument: str) -> Any:
        if self.away or not roles.may_ask(role, port, "control", verb):
            raise Transient("no reply within 2 s")
        match port, verb:
            case "evaluator", "evaluate":
                found = next(each for each in evaluation.evaluate(self.conf, argument) if each is not None)
                return json.loads(json.dumps(found))
            case "evaluator", "strategies":
                return {"MNQ": {"bars": 7, "running": [{"strategy": "Edge Fade", "state": {}}], "off": []}}
            case "tracker", "state":
                return {"sessions": {}}
            case "tracker", "init":
                asked = json.loads(argument)
                return {"status": "ok", "session_id": f"{asked['date']}-{asked['instrument']}"}
            case "control.gate", "state":
                return {
                    "killed": self.killed,
                    "venue_up": self.connected,
                    "venue": None,
                    "books": {"positions": {}, "working": []},
                    "pending": {},
                }
            case "gate", "ready":
                return {"ready": not self.killed, "ninja_connected": True, "why": {"HALTED": "killed"} if self.killed else {}}
            case "gate", "connection_test":
                return {"connected": True, "host": "127.0.0.1", "port": 5563, "error": ""}
            case "gate", "accounts":
                if not (self.connected and self.accounts):
                    raise VerbRefused("NO_ACCOUNTS: the venue has reported none")
                return {"traded": "Sim101", "accounts": self.accounts}
            case "control.replay", _:
                return {"playback": None} if verb == "state" else {"status": "paused"}
        raise VerbRefused(f"UNKNOWN: {port} {verb}")


class Door:
    """An application with its run.

    tokens: of a key of each role, by the role.
    """

    def __init__(self, conf: Conf, run: Path) -> None:
        keys.make(run)
        for role in ("external", "subscriber"):
            keys.new(run, f"one-{role}", roles.Role(role))
        self.keys = Keys(run)
        self.ports = PlayedPorts(conf)
        self.open = OpenDoor(conf, run, self.ports, self.keys, structlog.get_logger())
        self.tokens = {key.role.value: key.token for key in self.keys.all()}
        self.application = app.made(self.open)

    def client(self, role: str = "", **settings: Any) -> TestClient:
        """A client with the key of a role; without one, with none."""
        headers = {"X-API-Key": self.tokens[role]} if role else {}
        client = TestClient(self.application, base_url=URL, headers=headers, raise_server_exceptions=False, **settings)
        client.app_state["cut"] = lambda: None
        return client

    def stream(self, role: str = "", **headers: str) -> WebSocketTestSession:
        """A stream, with the key of a role in its header."""
        return self.client(role).websocket_connect("/stream", headers={"Host": "127.0.0.1:8006", **headers})


@cache
def configured(preset: str = "seed") -> Conf:
    """The settings of a replay with a preset, which takes signals from outside."""
    changes: dict[str, dict[str, object]] = {"ingress": {"enabled": True}}
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset(preset), changes=changes)


def streamed(conf: Conf, folder: Path) -> Iterator[tuple[Bar, Sequence[SeenFact]]]:
    """Each bar of a run with all that was published until the next one."""
    recording, _ = runs.read(folder, "MNQ", lambda share: None)
    bars: list[Bar] = []
    facts: list[list[SeenFact]] = []

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Bar):
            bars.append(body)
            facts.append([])
        if facts:
            facts[-1].append(SeenFact(topic, header.epoch, header.seq, header.event_ns, wire.encode(header, body)))

    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf), publisher.daemon(conf)]
    loop.run(daemons, runs.venue(conf), recording.bars, record)
    yield from zip(bars, facts, strict=True)

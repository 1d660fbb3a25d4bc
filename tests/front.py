"""A running run as those see it who stand before its ports: every way in, and who was turned away at each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import zmq

from tapewire.bus import access
from tapewire.bus.access import Line
from tapewire.bus.client import request_control
from tapewire.bus.keys import Keys
from tapewire.daemons import makers
from tapewire.daemons.settings.structs import PORTS
from tests import strangers
from tests.strangers import INSIDE, OVER_TCP
from tests.unit.test_roles import CONNECTIONS

# The process that binds each port. Nobody binds `backfill`, and only a replay has a player with `control.replay`.
OWNERS = {
    "broker.in": "broker",
    "broker.out": "broker",
    "ticks.in": "broker",
    "ticks.out": "broker",
    "gate": "gate",
    "venue": "gate",
    "history": "logger",
    "public": "publisher",
    "tracker": "tracker",
    "evaluator": "evaluator",
    **{f"control.{name}": name for name in makers.NAMES},
}
PLAYER = {"control.replay": "replay"}
BOUND = {"broker.in": zmq.XSUB, "broker.out": zmq.XPUB, "ticks.in": zmq.XSUB, "ticks.out": zmq.XPUB, "public": zmq.XPUB}


class Front:
    """The ports of a run.

    Args:
        owners: the process of each port. states: of processes that cannot be asked at the moment.
    """

    def __init__(
        self,
        run: Path,
        base_port: int,
        owners: Mapping[str, str] = OWNERS,
        states: Mapping[str, Callable[[], dict[str, Any]]] | None = None,
    ) -> None:
        self.run = run
        self.base_port = base_port
        self.owners = owners
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.folder = access.place(run)
        found = Keys(run)
        self.keys = {key.name: key for key in found.all()}
        self.server = found.server.public
        self._states = states or {}

    def line(self, port: str, name: str, *, tcp: bool) -> Line:
        """The way of a key's owner to a port."""
        if tcp:
            return Line(f"tcp://127.0.0.1:{self.base_port + PORTS[port]}", self.keys[name], self.server)
        return Line(access.unix(self.folder, port), self.keys[name])

    def ways(self) -> Iterator[tuple[str, bool]]:
        """Every port, on tcp and inside the machine."""
        yield from ((port, True) for port in self.owners if port in PORTS)
        yield from ((port, False) for port in self.owners)

    def state(self, name: str) -> dict[str, Any]:
        """The report of a process."""
        if name in self._states:
            return self._states[name]()
        line = access.local(self.run, "reader").to(f"control.{name}")
        return dict(request_control(self.context, line, "state", timeout_s=10))

    def turned_away(self, *names: str) -> Counter[tuple[str, str]]:
        """How many each port of these processes, or of all, has turned away, by reason."""
        found: Counter[tuple[str, str]] = Counter()
        for name in names or dict.fromkeys(self.owners.values()):
            for each in self.state(name)["turned_away_last"]:
                found[each["port"], strangers.folded(each["why"])] += each["count"]
        return found

    def tried_by(self, stranger: str) -> Counter[tuple[str, str]]:
        """A stranger tries once at every port, on tcp and inside. Returns what there is to be counted."""
        before = self.turned_away()
        expected: Counter[tuple[str, str]] = Counter()
        for port, tcp in self.ways():
            if stranger not in (OVER_TCP if tcp else INSIDE):
                continue
            why, tries = (OVER_TCP if tcp else INSIDE)[stranger]
            expected[port, why] += 1
            name = "operator" if "operator" in CONNECTIONS[port] else "nt"

            def refused(at: tuple[str, str] = (port, why), owner: str = self.owners[port]) -> bool:
                return self.turned_away(owner)[at] >= before[at] + expected[at]

            tries(self.line(port, name, tcp=tcp), BOUND.get(port, zmq.ROUTER), refused)
        return expected

    def close(self) -> None:
        self.context.destroy(linger=0)

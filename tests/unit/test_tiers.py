"""The tiers of the feed by market time: what each has been sent, and told, at every moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgpack
import msgspec
import pytest
import structlog

from tapewire.bus import keys, wire
from tapewire.bus.daemon import Event, PublicPolicy
from tapewire.bus.messages import EvalDone, Header
from tapewire.bus.testing import ManualClock
from tapewire.daemons.settings.structs import Bus, Subscribers
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.tiers import HOUR_NS, SILENT_NS, Tiers
from tapewire.daemons.shell.watch import Watch
from tapewire.strategies.clock import SECOND_NS
from tests.golden.examples import EXAMPLES

SIGNAL = EXAMPLES["public_signal"][2]
TOPIC = "public.signal.MNQ."
START_NS = 1_772_460_000 * SECOND_NS // HOUR_NS * HOUR_NS + 60 * SECOND_NS
DELAY_NS = 300 * SECOND_NS


class Ports:
    """The publisher's process without sockets. sent: the frames at each port, in order."""

    def __init__(self, run: Path) -> None:
        self.sent: dict[str, list[list[bytes]]] = {}
        guard = SimpleNamespace(may=lambda who, port: True)
        doors = SimpleNamespace(guard=guard, both=lambda port: SimpleNamespace(port=port, addresses=()))
        self.clock = ManualClock()
        self.parts = SimpleNamespace(
            doors=doors,
            conf=SimpleNamespace(bus=Bus(), subscribers=Subscribers(enabled=True)),
            clock=self.clock,
            logger=structlog.get_logger(),
            bind=lambda make, door: door.port,
            listen=lambda socket, handler, *, seldom=False: None,
            send=lambda port, frames, flags=0: self.sent.setdefault(port, []).append(list(frames)),
        )

    def numbers(self, port: str) -> list[int]:
        return [msgpack.unpackb(place[0])["number"] for _, _, *place in self.sent.get(port, []) if place]

    def state(self, port: str) -> dict[str, Any]:
        """The last `public.state.` of a port."""
        told: dict[str, Any] = msgpack.unpackb([frames for frames in self.sent[port] if frames[0] == b"public.state."][-1][1])
        return told


class House:
    """The tiers of a run. runs: market time goes on by the clock, as in a live day."""

    def __init__(self, run: Path, *, runs: bool) -> None:
        keys.make(run)
        self.ports = Ports(run)
        process = cast(Process, self.ports.parts)
        self.watch = Watch(5.0, 0, runs=runs)
        self.tiers = Tiers(
            process, PublicPolicy(feed=True), run, Outlet(process, "public", ReaderLimits.of(process.conf)), self.watch
        )
        self.tiers.open()
        self._seq = 0

    def bar(self, at_ns: int, contract: str = "") -> None:
        """A bar that closes at this market time, with a signal in this contract or without one."""
        now_ns = self.ports.clock.monotonic_ns()
        header = Header(1, "evaluator", 1, 1, at_ns)
        self.watch.heard(Event("eval.done.MNQ.", header, EvalDone("MNQ", "2026-03-02", at_ns, 1)), now_ns)
        if contract:
            self._seq += 1
            body = msgspec.structs.replace(SIGNAL, bar_ns=at_ns, session="2026-03-02", contract=contract, id=f"s{self._seq}")
            header = Header(1, "publisher", 1, self._seq, at_ns)
            self.tiers.take(TOPIC, header, body, wire.encode(header, body), folding=False)
        self.tiers.pass_time(now_ns)
        self.tiers.watch()


@pytest.fixture
def house(tmp_path: Path) -> Callable[[bool], House]:
    return lambda runs: House(tmp_path, runs=runs)


@pytest.mark.parametrize("runs", [False, True], ids=["replay", "live"])
def test_the_delay_is_exact_in_market_time(house: Callable[[bool], House], runs: bool) -> None:
    """Premium with the signal; delayed with the first bar that closes five minutes later, and one nanosecond before it not."""
    at = house(runs)
    at.bar(START_NS, "MNQ 03-26")
    seen = [(at.ports.numbers("public"), at.ports.numbers("public.delayed"))]
    for late in (DELAY_NS - 1, DELAY_NS):
        at.bar(START_NS + late)
        seen.append((at.ports.numbers("public"), at.ports.numbers("public.delayed")))

    assert seen == [([1, 2], []), ([1, 2], []), ([1, 2], [1, 2])]


@pytest.mark.parametrize("runs, expected", [(False, [0, 0]), (True, [0, 2])], ids=["replay", "live"])
def test_a_silent_market_goes_on_by_the_clock_in_a_live_day_alone(
    house: Callable[[bool], House], runs: bool, expected: list[int]
) -> None:
    """After two minutes more; a replay that pauses delays for ever."""
    at = house(runs)
    at.bar(START_NS, "MNQ 03-26")
    counts = []
    for late in (DELAY_NS + SILENT_NS - 1, DELAY_NS + SILENT_NS):
        at.tiers.pass_time(at.ports.clock.monotonic_ns() + late)
        counts.append(len(at.ports.numbers("public.delayed")))

    assert counts == expected


def test_a_contract_is_told_to_a_tier_with_its_line(house: Callable[[bool], House]) -> None:
    """The first signal in another month would tell a delayed or free subscriber at once that there was one."""
    at = house(False)
    at.bar(START_NS, "MNQ 03-26")
    at.bar(START_NS + DELAY_NS * 2, "MNQ 06-26")
    told = {port: at.ports.state(port)["contracts"] for port in ("public", "public.delayed", "public.free")}

    assert told == {"public": {"MNQ": "MNQ 06-26"}, "public.delayed": {"MNQ": "MNQ 03-26"}, "public.free": {}}

"""External signals, with real processes: sent while a replay is played bar by bar, and while the gate is killed over them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import zmq

from tapewire.bus import access, wire
from tapewire.bus.client import request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.journal import scan
from tapewire.bus.messages import Bar, ExternalAnswer, Fill, IngressEvent, IngressState, Intents, PlaceOrder
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf, Fault
from tapewire.daemons.shell import logs
from tapewire.daemons.shell.faults import STEPS
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.integration.conftest import TAPEWIRE, Run

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "send_signal.py"
LIFE = [IngressState.RECEIVED, IngressState.QUEUED, IngressState.APPROVED, IngressState.SENT, IngressState.CONFIRMED]
PATIENCE_S = 30.0
FIRST = 1_000  # a bar after the open, before any strategy of the preset looks for an entry
APART = 8  # bars between two signals: enough for a bracket two points wide to be hit


class Outcome(NamedTuple):
    """The outcome of a command: its exit status, its output and its error text."""

    status: int
    out: str
    errors: str

    @property
    def answer(self) -> ExternalAnswer:
        return msgspec.json.decode(self.out, type=ExternalAnswer)


class Stage:
    """A replay that advances on request, like a market between two bars; the venue is always connected."""

    def __init__(self, conf: Conf, bars: Sequence[Bar], run: Path, instance: Instance, player: Player) -> None:
        self.conf, self.bars, self.run, self.instance, self.player = conf, bars, run, instance, player
        self.played = 0

    def to(self, number: int) -> Bar:
        """Play until this many bars are done, and the gate has seen them all: one that starts again is behind. Returns the last."""
        for bar in self.bars[self.played : number]:
            self.player.bar(bar)
        self.played = number
        until = time.monotonic() + PATIENCE_S
        while (seen := self.seen()) < number and time.monotonic() < until:
            self.player.pump(0.02)
        assert seen == number
        return self.bars[number - 1]

    def seen(self) -> int:
        """Up to which bar the gate has come; 0 while it does not answer."""
        try:
            with zmq.Context() as context:
                line = access.local(self.run, "reader").to("control.gate")
                seen = request_control(context, line, "state", timeout_s=1)["seen"]
        except (Transient, PeerError):
            return 0
        return int(seen.get("session.MNQ.", (0, 0))[1])

    def command(self, *command: object, serving: bool = True) -> Outcome:
        """Run an application to its end. serving: the venue continues meanwhile."""
        with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while serving and process.poll() is None:
                self.player.pump(0.02)
            out, errors = process.communicate(timeout=60)
        return Outcome(process.returncode, out, errors)

    def arrived(self, order_id: str) -> bool:
        """Run the venue at the same bar until the order has arrived; the bound only ends a test that would never pass."""
        until = time.monotonic() + PATIENCE_S
        while order_id not in self.player.handled and time.monotonic() < until:
            self.player.pump(0.02)
        return order_id in self.player.handled

    def tapewire(self, *arguments: object) -> Outcome:
        return self.command(TAPEWIRE, *arguments)

    def send(self, price: object, *options: object, serving: bool = True) -> Outcome:
        wanted = ("buy", "MNQ 03-26", "--price", price, "--tp", 2, "--sl", 2)
        return self.command(TAPEWIRE, "send", *wanted, "--json", *options, serving=serving)

    def gate(self) -> int:
        """The gate's process id."""
        return int(next(each["pid"] for each in supervise.processes(self.instance) if each["name"] == "gate"))

    def journal(self, topic: str) -> list[Any]:
        path = self.run / "journal" / f"{topic}.tape"
        return [wire.decode(frame)[1] for frame in scan(path)] if path.exists() else []

    def states(self) -> dict[str, list[IngressState]]:
        """The states of each signal in the journal, in their order."""
        found: dict[str, list[IngressState]] = {}
        for event in self.journal("ingress.MNQ"):
            assert isinstance(event, IngressEvent)
            found.setdefault(event.ingress_id, []).append(event.state)
        return found


@contextmanager
def staged(bars: Path, run: Path, faults: Sequence[tuple[str, int]] = ()) -> Iterator[Stage]:
    """A replay of two synthetic sessions that accepts signals. faults: deaths of the gate over a signal, by step and bar number."""
    preset = configuration.preset("seed", ["edge_fade"])
    conf = configuration.load("replay", instance="ingress", traded=["MNQ"], preset=preset, changes={"ingress": {"enabled": True}})
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    ordered = tuple(Fault("gate", step, recording.bars[number - 1].close_ns, "ingress.ask.") for step, number in faults)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    bus = msgspec.structs.replace(conf.bus, base_port=base)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=bus, faults=ordered)
    configuration.write(conf, runs.prepare(run))
    with (
        runs.supervised(conf, run, lambda text: None) as instance,
        Player(conf, run, runs.venue(conf), logs.configure("replay")) as player,
    ):
        player.join()
        player.play(())
        yield Stage(conf, recording.bars, run, instance, player)


def test_a_signal_becomes_an_order_and_its_states_are_journaled(home: Path, bars: Path, tmp_path: Path) -> None:
    """Replied to at once, ordered at the venue, filled on the next bar; every state, duplicate and refusal is reported."""
    with staged(bars, tmp_path / "run") as stage:
        early = stage.send(21_000)
        bar = stage.to(FIRST)
        bad = stage.send("cheap")
        taken = stage.send(bar.close, "--request-id", "r-1")
        assert stage.arrived(taken.answer.order_id)
        again = stage.send(bar.close, "--request-id", "r-1")
        repeat = stage.send(bar.close)
        ready = stage.tapewire("ready", "--json")
        stage.to(FIRST + 2)
        stage.player.finish()
        listed = stage.tapewire("ingress", "list", "--json")
        status = stage.tapewire("ingress", "status", "r-1")
        unknown = stage.tapewire("ingress", "status", "r-2")
        story = stage.tapewire("explain", taken.answer.order_id)

        orders = [each for each in stage.journal("command.MNQ") if isinstance(each, PlaceOrder)]
        entries = [each for each in stage.journal("fill.MNQ") if isinstance(each, Fill) and each.role == "ENTRY"]

        assert (early.status, early.answer.error) == (75, "unavailable"), early
        assert (bad.status, bad.answer.field) == (65, "price"), bad
        assert (taken.status, taken.answer.success) == (0, True), taken
        assert taken.answer.signal_id == f"MNQ_03-26_buy_{bar.close:.12g}"
        assert (again.status, again.answer) == (0, taken.answer)
        assert (repeat.status, repeat.answer.error, repeat.answer.ingress_id) == (65, "duplicate", taken.answer.ingress_id)
        assert [order.id for order in orders] == [entry.order_id for entry in entries] == [taken.answer.order_id]
        assert (orders[0].stop, orders[0].target) == (bar.close - 2, bar.close + 2)
        assert stage.states() == {taken.answer.ingress_id: LIFE}
        assert {light["name"]: light["on"] for light in json.loads(ready.out)} == dict.fromkeys(
            ("platform", "account", "data", "orders", "position"), True
        )
        assert [each["ingress_id"] for each in json.loads(listed.out)] == [taken.answer.ingress_id]
        assert [line.split()[3] for line in status.out.splitlines()] == LIFE
        assert (unknown.status, "did you mean 'r-1'?" in unknown.errors) == (65, True)
        assert all(word in story.out for word in ("raw.bar.MNQ", "session.MNQ", "state=CONFIRMED", "execution_id"))


def test_a_killed_gate_delivers_each_signal_exactly_once(home: Path, bars: Path, tmp_path: Path) -> None:
    """SIGKILL at every step over a signal, and right after its accept: always one reply, one order, one fill, five states."""
    numbers = [FIRST + APART * count for count in range(len(STEPS) + 1)]
    with staged(bars, tmp_path / "run", list(zip(STEPS, numbers, strict=False))) as stage:
        answers, gates = [], []
        for number in numbers[:-1]:
            bar = stage.to(number)
            assert stage.player.venue.position("MNQ").qty == 0
            gates.append(stage.gate())
            answers.append(stage.send(bar.close, "--request-id", f"r-{number}"))
            assert stage.arrived(answers[-1].answer.order_id)
        bar = stage.to(numbers[-1])
        answers.append(stage.send(bar.close, serving=False))
        gates.append(stage.gate())
        os.kill(gates[-1], signal.SIGKILL)
        assert stage.arrived(answers[-1].answer.order_id)
        stage.to(numbers[-1] + APART)
        gates.append(stage.gate())
        stage.player.finish()

        ids = [outcome.answer.order_id for outcome in answers]
        orders = Counter(each.id for each in stage.journal("command.MNQ") if isinstance(each, PlaceOrder))
        entries = Counter(each.order_id for each in stage.journal("fill.MNQ") if each.role == "ENTRY")

        assert [outcome.status for outcome in answers] == [0] * len(numbers), answers
        assert len(set(gates)) == len(gates)
        assert orders == entries == dict.fromkeys(ids, 1)
        assert stage.states() == {outcome.answer.ingress_id: LIFE for outcome in answers}
        assert not [each for each in stage.journal("intent.MNQ") if isinstance(each, Intents) and each.intents[0].entry]


def test_without_daemons_a_signal_is_unavailable(tapewire: Run) -> None:
    """The signal is valid: the same one may be sent later."""
    done = tapewire("send", "buy", "MNQ", "--price", 21_000, "--tp", 2, "--sl", 2)

    assert done.returncode == 75
    assert "no daemons are running" in done.stderr


def test_a_few_lines_of_python_are_a_client(home: Path, bars: Path, tmp_path: Path) -> None:
    """The example uses nothing of tapewire, only pyzmq, msgpack, PROTOCOL.md and a key's file. It closes what it has opened."""
    with staged(bars, tmp_path / "run") as stage:
        bar = stage.to(FIRST)
        stage.tapewire("keys", "new", "anna", "--role", "external", "--run", stage.run)
        stage.tapewire("keys", "export", "anna", "--to", tmp_path, "--run", stage.run)
        example = (sys.executable, EXAMPLE, tmp_path / "anna.key")
        outcome = stage.command(*example, "sell", "MNQ", bar.close, 90, 90)
        assert stage.arrived("MNQ-20260302-1051-EXT1-ES"), outcome
        position = stage.player.venue.position("MNQ")
        stage.to(FIRST + 1)
        held = stage.player.venue.position("MNQ").qty
        closed = stage.command(*example, "close", "MNQ")
        stage.to(FIRST + 3)

        assert outcome.status == 0, outcome
        assert (held, closed.status, stage.player.venue.position("MNQ").qty) == (-1, 0, 0), closed
        assert "'state': 'QUEUED'" in outcome.out
        assert len(position.working) == 1

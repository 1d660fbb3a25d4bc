"""Signals from outside and `kill --flatten` through the bridge, with the real gate and a broker that does not do as it is told."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.messages import Alarm, Bar, Fill, IngressEvent, OrderEvent, Signal, Trade
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.instances import Instance
from tapewire.replay import runs, tapes
from tests import bridges
from tests.bridges import PATIENCE_S, Bridge
from tests.integration.conftest import run as tapewire
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

FIRST = 1_000  # a bar of regular trading hours


class Desk:
    """A market in NinjaTrader's process, the daemons, and the operator's commands."""

    def __init__(self, run: Path, bridge: Bridge, closes: list[float]) -> None:
        self.run = run
        self.bridge = bridge
        self.closes = closes
        self.next = FIRST

    def bar(self, count: int = 1) -> None:
        """The next bars close, each after the daemons have read the one before."""
        for _ in range(count):
            self.bridge.do("bar")
            self.next += 1
            self.until(lambda: len(self.facts("session.MNQ.")) >= self.next, "the session")

    @property
    def close(self) -> float:
        return self.closes[self.next - 1]

    def send(self, *words: object) -> subprocess.CompletedProcess[str]:
        return tapewire("send", *words)

    def enter(self, action: str = "buy") -> None:
        """Request a position, and wait until NinjaTrader has taken the order."""
        done = self.send(action, "MNQ", "--price", self.close, "--tp", 100, "--sl", 100, "--ttl", 300)
        assert done.returncode == 0, done.stderr
        self.ends("CONFIRMED")

    def facts(self, topic: str, kind: type[Any] = object) -> list[Any]:
        """What the journal has on a topic."""
        return list(tapes.facts(self.run, topic, kind)) if topic in tapes.topics(self.run, topic) else []

    def states(self) -> list[str]:
        """The states of the latest signal."""
        events = self.facts("ingress.MNQ.", IngressEvent)
        return [event.state for event in events if event.ingress_id == events[-1].ingress_id]

    def ends(self, state: str) -> None:
        """Wait until the latest signal is in this state."""
        self.until(lambda: self.states()[-1:] == [state], f"{state}; the states are {self.states()}")

    def fills(self) -> list[tuple[str, int]]:
        return [(fill.role, fill.qty) for fill in self.facts("fill.MNQ.", Fill)]

    def until(self, holds: Callable[[], bool], what: str = "it") -> None:
        """The time limit only ends a test that would never pass."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"waited for {what}"
            time.sleep(0.02)

    def flatten(self, *, bars: int = 0) -> subprocess.CompletedProcess[str]:
        """`kill --flatten`; meanwhile, once NinjaTrader has taken the close, this many bars close."""
        done: list[subprocess.CompletedProcess[str]] = []
        command = threading.Thread(target=lambda: done.append(tapewire("kill", "--flatten", "--wait", 3 if not bars else 20)))
        command.start()
        if bars:
            self.until(lambda: any("KILL" in event.order_id for event in self.facts("order.MNQ.", OrderEvent)), "the close")
            self.bar(bars)
        command.join()
        return done[0]


@contextmanager
def desk(program: Path, data: Path, folder: Path, *options: object) -> Iterator[Desk]:
    conf = bridges.conf(contracts=3)
    recording, calendar = runs.read(data, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar, ingress=msgspec.structs.replace(conf.ingress, enabled=True))
    run = folder / "run"
    with bridges.bus(conf, run, ("broker", "logger", "tracker", "gate")):
        instances.register(Instance("live", "live", str(run), conf.bus.host, conf.bus.base_port, os.getpid(), ""))
        where = ("--from", FIRST, "--historical", FIRST, "--broker", folder / "broker")
        bridge = Bridge(program, conf, run, data, folder / "nt", *where, *options)
        try:
            bridge.done()
            made = Desk(run, bridge, [bar.close for bar in recording.bars])
            made.bar()
            yield made
        finally:
            bridge.kill()
            instances.forget("live")


def test_a_position_in_parts_is_moved_closed_and_flattened(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """Entries and closes fill one contract a bar. A signal moves the stop of what has filled and closes all of it, the same on the
    short side, and `kill --flatten` waits until the last contract is closed."""
    with desk(program, plain, tmp_path, "--slow", 1) as at:
        at.enter()
        at.bar(3)
        stop = at.facts("signal.MNQ.", Signal)[0].stop
        moved = at.send("move", "MNQ", "--stop", stop + 1)
        at.ends("CONFIRMED")
        widened = at.send("move", "--stop", stop)
        closed = at.send("close")
        at.ends("CONFIRMED")
        at.bar(3)
        long = at.fills()
        at.enter("short")
        at.bar(3)
        wrong = at.send("sell", "MNQ")
        covered = at.send("cover", "MNQ")
        at.bar(3)
        at.until(lambda: len(at.facts("trade.MNQ.", Trade)) == 2, "two trades")
        at.enter()
        at.bar(3)
        flattened = at.flatten(bars=3)

    assert [moved.returncode, closed.returncode, covered.returncode] == [0, 0, 0]
    assert (widened.returncode, wrong.returncode) == (1, 1)
    assert "stops only tighten" in widened.stdout
    assert "no LONG position in MNQ" in wrong.stdout
    assert long == [("ENTRY", 1)] * 3 + [("EXIT", -1)] * 3
    assert [(trade.size, trade.reason) for trade in at.facts("trade.MNQ.", Trade)] == [
        (3, "EXTERNAL"),
        (3, "EXTERNAL"),
        (3, "KILL"),
    ]
    assert flattened.returncode == 0, flattened.stdout
    assert "closed: MNQ +3 at" in flattened.stdout


@pytest.mark.parametrize(
    ("luck", "state"), [(("--stuck", 1), "CONFIRMED"), (("--reject-exits", 1), "FAILED")], ids=["never filled", "rejected"]
)
def test_a_close_that_does_not_fill_is_told_as_it_is(
    home: Path, program: Path, plain: Path, tmp_path: Path, luck: tuple[object], state: str
) -> None:
    """Accepted by the venue or refused: the signal's state says so, and `kill --flatten` says what is still open. Stop and target
    stay."""
    with desk(program, plain, tmp_path, *luck) as at:
        at.enter()
        at.bar()
        at.send("close")
        at.ends(state)
        at.bar()
        flattened = at.flatten()
        held = at.facts("raw.bar.MNQ.1m.", Bar)[-1].position

    assert flattened.returncode == 1
    assert "STILL OPEN: MNQ +3 of +3" in flattened.stderr
    assert (held.qty, held.stop is None, held.target is None) == (3, False, False)


def test_an_entry_whose_stop_is_refused_is_closed_and_its_rest_is_cancelled(
    home: Path, program: Path, plain: Path, tmp_path: Path
) -> None:
    """The first contract of three fills, and NinjaTrader refuses its stop: the bridge closes it at the market, and the rest never
    fills. The trade ends as a stop would have ended it, and the next entry is taken."""
    with desk(program, plain, tmp_path, "--slow", 1, "--reject-stops", 1) as at:
        at.enter()
        at.bar(2)
        at.until(lambda: at.facts("trade.MNQ.", Trade) != [], "the trade")
        at.bar()
        alarms = [alarm.name for alarm in at.facts("sys.alarm.nt.", Alarm)]
        at.enter()

    assert at.fills()[:2] == [("ENTRY", 1), ("STOP", -1)]
    assert [(trade.size, trade.reason) for trade in at.facts("trade.MNQ.", Trade)][:1] == [(1, "STOP")]
    assert alarms == ["bracket_rejected"]


@pytest.mark.parametrize("cross", [1, 2], ids=["instead of the cancel", "after the cancel"])
def test_a_fill_that_crosses_the_cancel_of_a_kill_is_told_and_closed_by_the_next(
    home: Path, program: Path, plain: Path, tmp_path: Path, cross: int
) -> None:
    """`kill --flatten` cancels a working entry, and it fills all the same: what is open is told, its bracket rests, and a second
    `kill --flatten` closes it."""
    with desk(program, plain, tmp_path, "--cross-cancels", cross) as at:
        at.enter()
        first = at.flatten()
        at.ends("CONFIRMED")
        at.bar()
        held = at.facts("raw.bar.MNQ.1m.", Bar)[-1].position
        second = at.flatten(bars=1)

    assert first.returncode == 1
    assert "STILL OPEN: MNQ +3" in first.stderr, first.stdout
    assert held.stop is not None
    assert second.returncode == 0, second.stdout
    assert "closed: MNQ +3 at" in second.stdout

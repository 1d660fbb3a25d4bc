"""A run that is stopped, or dies as a whole, and is started again in the same folder: with other settings, in the middle of a
position. The venue continues; the account's trades of the day still count, and nothing is decided twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.messages import Fill, PositionChanged, Reject, Risk, Session, Signal, Trade
from tapewire.daemons.gate import core as gate
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, logs
from tapewire.replay import runs, tapes
from tapewire.replay.player import Player
from tapewire.replay.sources.recording import Recording
from tapewire.replay.venue.core import Venue
from tapewire.replay.verify import record, verdict
from tests.integration.conftest import run
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow


def test_a_run_goes_on_under_other_settings(home: Path, bars: Path, tmp_path: Path) -> None:
    """Stopped with a position open and started again with a lower limit on trades: the position is kept and closed, the limit
    counts the morning's trades, and the decisions on the morning's intents stay."""
    stage = Stage(bars, tmp_path)

    half = stage.until_open(after=600)
    stage.play(stage.bars[:half], ends=False)
    morning = stage.signals()
    traded = len({fill.order_id for fill in stage.facts("fill.", Fill) if fill.role == "ENTRY"})
    stage.play(stage.bars[half:], limits={"max_trades": traded})

    assert stage.signals()[: len(morning)] == morning
    assert not [signal for signal in stage.signals()[len(morning) :] if signal.action.startswith("ENTER") and signal.session == DAY]
    assert {reject.reason for reject in stage.facts("reject.", Reject) if reject.session == DAY} == {"MAX_TRADES"}
    stage.adds_up()


def test_a_run_that_died_as_a_whole_goes_on(home: Path, bars: Path, tmp_path: Path) -> None:
    """Every process killed at once, as in a power cut, with a position open: the next start folds the logs under the settings
    of that time. The account's results are those of a run that was never cut."""
    stage = Stage(bars, tmp_path)

    half = stage.until_open(after=600)
    stage.play(stage.bars[:half], ends=False, dies=True)
    stage.play(stage.bars[half:])

    assert stage.trades() == list(tapes.facts(stage.measure, "trade.", Trade))
    assert stage.sessions() == list(tapes.facts(stage.measure, "session.", Session))
    stage.adds_up()


def test_three_starts_in_a_row_leave_a_run_as_it_is(home: Path, bars: Path, tmp_path: Path) -> None:
    """Without events in between, the state of the first epoch reaches the fourth. The whole journal is compressed in between: the
    daemons go on with it, and its days are equal when decided again."""
    stage = Stage(bars, tmp_path)

    half = stage.until_open(after=600)
    stage.play(stage.bars[:half], ends=False)
    stage.play([], ends=False)
    done = run("prune", "--run", stage.run, "--compress", "0d", "--yes")
    stage.play([], ends=False, dies=True)
    stage.play(stage.bars[half:])

    assert done.returncode == 0, done.stderr
    assert list((stage.run / "journal").glob("*.zst"))
    assert stage.epoch == 4
    assert stage.trades() == list(tapes.facts(stage.measure, "trade.", Trade))
    stage.adds_up()


DAY = "2026-03-02"


class Held(msgspec.Struct):
    """The used fields of a `PositionChanged`."""

    event_ns: int
    qty: int


class Stage:
    """A venue that continues, and a run in one folder that is started for each part of its bars."""

    def __init__(self, data: Path, folder: Path) -> None:
        preset = configuration.preset("seed", ["pipeline"])
        conf = configuration.load("replay", instance="epochs", traded=["MNQ"], preset=preset)
        recording, calendar = runs.read(data, "MNQ", lambda share: None)
        self.recording: Recording = recording
        self.bars = recording.bars
        self.conf: Conf = msgspec.structs.replace(conf, calendar=calendar)
        self.measure = folder / "measure"
        self.run = folder / "run"
        self.run.mkdir(parents=True)
        self.venue: Venue = runs.venue(self.conf)
        self.epoch = 0

    def until_open(self, after: int) -> int:
        """The number of bars after which a position is open, by a backtest."""
        runs.backtest(self.conf, self.recording, self.measure, lambda share: None)
        at = {each.event_ns: each.qty for each in tapes.facts(self.measure, "position.", Held)}
        held = 0
        for number, bar in enumerate(self.bars, 1):
            held = at.get(bar.close_ns, held)
            if number > after and held:
                return number
        raise AssertionError("the recording never has a position open there")

    def play(self, bars: list, *, ends: bool = True, limits: dict[str, object] | None = None, dies: bool = False) -> None:
        """Start the run's daemons, play, and stop or kill them all."""
        base = supervise.free_base_port(self.conf.bus.host, self.conf.bus.base_port)
        risk = msgspec.structs.replace(self.conf.preset.risk, **(limits or {}))
        conf = msgspec.structs.replace(
            self.conf,
            bus=msgspec.structs.replace(self.conf.bus, base_port=base),
            preset=msgspec.structs.replace(self.conf.preset, risk=risk),
            trading=msgspec.structs.replace(self.conf.trading, unlimited=()) if limits else self.conf.trading,
        )
        conf = epochs.begin(conf, self.run, {"gate": gate.daemon})
        self.epoch = conf.epoch
        with runs.supervised(conf, self.run, lambda text: None) as instance:
            with Player(conf, self.run, self.venue, logs.configure("replay")) as player:
                player.join()
                player.play(bars, ends=ends)
                player.finish()
            if dies:
                pids = [instance.pid, *(each["pid"] for each in supervise.processes(instance))]
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                assert eventually(lambda: not any(map(instances.alive, pids)))

    def facts(self, prefix: str, kind: type) -> list:
        return list(tapes.facts(self.run, prefix, kind))

    def signals(self) -> list[Signal]:
        return self.facts("signal.", Signal)

    def trades(self) -> list[Trade]:
        return self.facts("trade.", Trade)

    def sessions(self) -> list[Session]:
        return self.facts("session.", Session)

    def adds_up(self) -> None:
        """Books end flat and equal the fills, no order was placed twice, each bar has one session, no reader had a gap, and every
        day is equal when decided again, each epoch under its own settings."""
        fills = self.facts("fill.", Fill)
        entries = Counter(signal.id for signal in self.signals())
        trades = self.trades()
        last = self.facts("risk.", Risk)[-1]

        assert sum(fill.qty for fill in fills) == 0
        assert self.facts("position.", PositionChanged)[-1].qty == 0
        assert [name for name, count in entries.items() if count > 1] == []
        assert len({fill.execution_id for fill in fills}) == len(fills)
        assert [session.bar.close_ns for session in self.sessions()] == [bar.close_ns for bar in self.bars]
        assert last.total_cents == sum(trade.net_cents for trade in trades)
        assert not list((self.run / "journal").glob("sys.gap.*"))
        assert {verdict.judge(self.run, date).summary.partition(";")[0][12:] for date in record.dates_of(self.run)} == {"equal"}

"""The C# bridge, end to end: an export through the stub host and the bridge into the real daemons gives what a replay gives."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import msgspec
import pytest

from bus.messages import Bar, Fill, OrderEvent, OrderStatus, PositionChanged
from daemons import supervise
from daemons.instances import Instance
from daemons.settings import Conf
from replay import runs, tapes
from replay.chaos import used_twice
from replay.sources.recording import Recording
from tests import bridges
from tests.integration.test_parity import REAL, SYNTH, journal
from tests.mono import needs_mono
from tests.mono import program as program
from tests.shared import needs_shared

pytestmark = [pytest.mark.slow, needs_mono]

Strike = Callable[[Instance, int], None]
Dies = Callable[[int], bool]


class Stage:
    """A recording, run twice: in this process as the measure, and through the bridge."""

    def __init__(self, program: Path, data: Path, folder: Path, conf: Conf, bars: int | None = None) -> None:
        self.program = program
        self.data = bridges.unpacked(data, folder / "data")
        self.folder = folder
        recording, calendar = runs.read(data, "MNQ", lambda share: None)
        self.bars = min(bars or len(recording.bars), len(recording.bars))
        self.recording: Recording = msgspec.structs.replace(recording, bars=recording.bars[: self.bars])
        self.conf = msgspec.structs.replace(conf, calendar=calendar)

    def measure(self) -> Path:
        """What a backtest makes of it."""
        runs.backtest(self.conf, self.recording, self.folder / "measure", lambda share: None)
        return self.folder / "measure"

    def play(self, *options: object, strike: Strike = lambda instance, bar: None, dies: Dies = lambda bar: False) -> Path:
        """Through the bridge. Every 97 bars `strike` is called; if it `dies`, NinjaTrader's process is killed and started again."""
        run = runs.prepare(self.folder / "run")
        runs.configuration.write(self.conf, run)
        with runs.supervised(self.conf, run, lambda text: None) as instance:
            while self.live(options, lambda bar: strike(instance, bar), dies):
                pass
        runs.finish(run, self.conf, self.recording)
        return run

    def live(self, options: tuple[object, ...], strike: Callable[[int], None], dies: Dies) -> bool:
        """One life of the stub host. False if it has played to the end."""
        port = self.conf.bus.base_port
        where = ("--data", self.data, "--folder", self.folder / "nt", "--base-port", port, "--to", self.bars)
        command = ["mono", "--debug", str(self.program), "play", *map(str, (*where, "--grace", 20, "--tell", 97, *options))]
        told: list[str] = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as host:
            assert host.stdin is not None
            assert host.stdout is not None
            for line in host.stdout:
                told.append(line)
                if line.startswith("bar "):
                    strike(int(line[4:]))
                    if dies(int(line[4:])):
                        host.kill()
                        return True
                if line == "played\n":
                    bridges.settle(self.conf)
                    host.stdin.close()
        assert host.returncode == 0, "".join(told[-30:])
        return False


def results(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in ("signals.jsonl", "intents.jsonl", "trades.jsonl")}


@pytest.mark.parametrize("inline", [0, 1], ids=["events queued", "events inline"])
def test_the_bridge_leaves_the_journal_of_a_replay(home: Path, program: Path, bars: Path, tmp_path: Path, inline: int) -> None:
    """Every bar, session, decision, order, fill, position, trade and risk, byte for byte."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]))

    run = stage.play("--inline", inline, "--cross-first", 1)

    assert journal(run) == journal(stage.measure())


@pytest.mark.parametrize("luck", [("--late", 1), ("--partial", 1, "--late", 1, "--inline", 1)], ids=["late", "late and in parts"])
def test_late_and_partial_reports_change_no_trade(
    home: Path, program: Path, bars: Path, tmp_path: Path, luck: tuple[object]
) -> None:
    """Entries fill in two parts, or are acknowledged only after they have filled: signals and trades are those of a replay."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"], contracts=3), 1500)

    run = stage.play(*luck)

    assert results(run) == results(stage.measure())


def test_a_rejected_entry_reaches_the_journal_with_its_reason(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """NinjaTrader refuses the third order: the gate books it as REJECTED, says why, and trades on."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 1200)

    run = stage.play("--reject", 3)
    rejected = [event for event in tapes.facts(run, "order.", OrderEvent) if event.status is OrderStatus.REJECTED]
    measure, trades = results(stage.measure())["trades.jsonl"], results(run)["trades.jsonl"]

    assert [event.detail for event in rejected] == ["NINJATRADER: OrderRejected: simulated rejection"]
    assert set(trades.splitlines()) < set(measure.splitlines())
    assert len(trades.splitlines()) == len(measure.splitlines()) - 1


def test_killing_every_daemon_in_turn_changes_no_byte(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """SIGKILL to broker, logger, publisher, gate, tracker and evaluator while the bridge trades: nothing lost, nothing twice."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]))
    victims, killed = cycle(supervise.DAEMONS), []

    def strike(instance: Instance, bar: int) -> None:
        if bar < 900:  # the night before the first RTH bar
            return
        name = next(victims)
        if kill(instance, name):
            killed.append(name)

    run = stage.play("--cross-first", 1, strike=strike)

    assert set(killed) == set(supervise.DAEMONS)
    assert journal(run) == journal(stage.measure())


def test_a_bridge_that_is_loaded_again_loses_no_bar_and_repeats_no_order(
    home: Path, program: Path, bars: Path, tmp_path: Path
) -> None:
    """The strategy is disabled and enabled every 97 bars, in positions and between them: bars and their numbers go on, positions
    are adopted with their brackets. The one difference: an entry working then is cancelled, as nothing would protect it."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]))

    run = stage.play("--reload", 97, "--historical", 30, "--cross-first", 1)
    measure = stage.measure()
    played, expected = ([bar.close_ns for bar in tapes.facts(each, "raw.", Bar)] for each in (run, measure))
    cancelled = {e.order_id for e in tapes.facts(run, "order.", OrderEvent) if e.status is OrderStatus.CANCELLED}
    trades = {trade["id"]: trade for trade in map(msgspec.json.decode, results(run)["trades.jsonl"].splitlines())}
    wanted = {trade["id"]: trade for trade in map(msgspec.json.decode, results(measure)["trades.jsonl"].splitlines())}

    assert played == expected
    assert trades == {key: trade for key, trade in wanted.items() if key not in cancelled}


@pytest.mark.parametrize("gate_too", [False, True], ids=["alone", "gate too"])
def test_ninjatrader_killed_again_and_again(home: Path, program: Path, bars: Path, tmp_path: Path, gate_too: bool) -> None:
    """SIGKILL to NinjaTrader's process, in positions and with orders in flight; the broker keeps what stands. No bar is lost or
    comes twice, no order is placed twice, and the books end where the account does. What a death may cost is the decision of the
    bars that close meanwhile: they are history when they come, and history is not traded."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 2000)
    deaths: set[int] = set()

    def dies(bar: int) -> bool:
        if bar < 900 or bar in deaths:
            return False
        deaths.add(bar)
        return True

    def strike(instance: Instance, bar: int) -> None:
        if gate_too and bar >= 900 and bar not in deaths:
            kill(instance, "gate")

    run = stage.play("--historical", 30, "--cross-first", 1, "--broker", tmp_path / "broker", strike=strike, dies=dies)
    expected = [bar.close_ns for bar in stage.recording.bars]
    fills = list(tapes.facts(run, "fill.", Fill))
    positions = [changed.qty for changed in tapes.facts(run, "position.", PositionChanged)]

    assert len(deaths) >= 10
    assert [bar.close_ns for bar in tapes.facts(run, "raw.", Bar)] == expected
    assert [bar.index for bar in tapes.facts(run, "raw.", Bar)] == list(range(len(expected)))
    assert used_twice(run) == []
    assert sum(fill.qty for fill in fills) == positions[-1] == 0
    assert len(results(run)["trades.jsonl"].splitlines()) > 50


def kill(instance: Instance, name: str) -> bool:
    pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == name)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return bool(pid)


def test_a_gate_that_freezes_for_six_seconds_changes_no_byte(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """SIGSTOP for longer than the lease, in the middle of trading: afterwards everything goes on by itself, to the same result."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 1300)
    frozen: list[int] = []

    def strike(instance: Instance, bar: int) -> None:
        if bar < 1000 or frozen:
            return
        pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == "gate")
        frozen.append(pid)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(6, os.kill, (pid, signal.SIGCONT)).start()

    run = stage.play("--cross-first", 1, strike=strike)

    assert frozen
    assert journal(run) == journal(stage.measure())


@needs_shared
@pytest.mark.parametrize("preset", ["seed", "absolute", "adaptive"])
def test_recorded_sessions_give_the_results_of_a_replay(home: Path, program: Path, tmp_path: Path, preset: str) -> None:
    """Four real sessions with each preset."""
    stage = Stage(program, REAL, tmp_path, bridges.conf(preset=preset))

    run = stage.play("--cross-first", 1)

    assert journal(run) == journal(stage.measure())


@needs_shared
def test_recorded_sessions_trade_hundreds_of_round_turns(home: Path, program: Path, tmp_path: Path) -> None:
    """Four real sessions with the plumbing strategy, the cross instruments after the primary as NinjaTrader documents it."""
    stage = Stage(program, REAL, tmp_path, bridges.conf(["pipeline"]))

    run = stage.play()

    assert results(run) == results(stage.measure())
    assert len(results(run)["trades.jsonl"].splitlines()) > 300


@needs_shared
def test_the_vectors_trade_as_in_a_replay(home: Path, program: Path, tmp_path: Path) -> None:
    """Part of the synthetic vectors, with repeated, late and missing rows and bars without order flow."""
    stage = Stage(program, SYNTH, tmp_path, bridges.conf(), 7000)

    run = stage.play("--cross-first", 1)

    assert results(run) == results(stage.measure())
    assert results(run)["trades.jsonl"]

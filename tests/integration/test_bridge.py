"""The C# bridge, end to end: an export through the stub host and the bridge into the real daemons gives what a replay gives."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from tapewire.bus import topics
from tapewire.bus.messages import Bar, Fill, OpsEvent, OrderEvent, OrderStatus, PositionChanged
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.latency import HOPS, figures
from tapewire.replay import tapes
from tapewire.replay.chaos import used_twice
from tapewire.replay.days import folders, timing
from tapewire.replay.verify import verdict
from tests import bridges
from tests.integration.test_parity import REAL, SYNTH, journal
from tests.mono import needs_mono
from tests.mono import program as program
from tests.shared import needs_shared
from tests.stages import DIE, GO, Stage, kill, lines_of_days, results

pytestmark = [pytest.mark.slow, needs_mono]


@pytest.mark.parametrize("inline", [0, 1], ids=["events queued", "events inline"])
def test_the_bridge_leaves_the_journal_of_a_replay(home: Path, program: Path, bars: Path, tmp_path: Path, inline: int) -> None:
    """Every bar, session, decision, order, fill, position, trade and risk, byte for byte; its days have the same lines, and are
    equal when decided again; and as a recording, its journal or its days' folders give that journal again."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]))

    run = stage.play("--inline", inline, "--cross-first", 1)

    measure = stage.measure()
    assert journal(run) == journal(measure)
    assert lines_of_days(run) == {
        name: [json.loads(line) for line in content.splitlines()]
        for name, content in results(measure).items()
        if name != "intents.jsonl"
    }
    assert [verdict.judge(run, date).verdict for date in folders.dates(run)] == ["equal", "equal"]
    told_beside_the_journal(run)
    assert journal(stage.again(run / "days" if inline else run, tmp_path / "again")) == journal(measure)


def told_beside_the_journal(run: Path) -> None:
    """The daybook told of the bridge and of both sessions, and has every stage's time for bars, NinjaTrader's two among them."""
    told = Counter((each.event, each.subject) for each in tapes.facts(run, topics.OPS, OpsEvent))
    assert told["connected", "nt"] == 1
    assert told["session_opened", "MNQ"] == told["session_closed", "MNQ"] == 2
    assert tapes.topics(run, topics.FEED) == ["feed.status.MNQ."]
    ways = [way for date in folders.dates(run) for way in timing.ways(folders.place(run, date))]
    assert list(figures(ways)) == list(HOPS)


@pytest.mark.parametrize("luck", [("--late", 1), ("--partial", 1, "--late", 1, "--inline", 1)], ids=["late", "late and in parts"])
def test_late_and_partial_reports_change_no_trade(
    home: Path, program: Path, bars: Path, tmp_path: Path, luck: tuple[object]
) -> None:
    """Entries fill in two parts, or are acknowledged only after they have filled: signals and trades are those of a replay."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"], contracts=3), 1500)

    run = stage.play(*luck)

    assert results(run) == results(stage.measure())


def test_a_rejected_entry_reaches_the_journal_with_its_reason(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """NinjaTrader refuses the third order: the gate books it as REJECTED with the reason, and continues trading."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 1200)

    run = stage.play("--reject", 3)
    rejected = [event for event in tapes.facts(run, "order.", OrderEvent) if event.status is OrderStatus.REJECTED]
    measure, trades = results(stage.measure())["trades.jsonl"], results(run)["trades.jsonl"]

    assert [event.detail for event in rejected] == ["NINJATRADER: OrderRejected: simulated rejection"]
    assert set(trades.splitlines()) < set(measure.splitlines())
    assert len(trades.splitlines()) == len(measure.splitlines()) - 1


@pytest.mark.parametrize("gate_too", [False, True], ids=["alone", "gate too"])
def test_ninjatrader_killed_again_and_again(home: Path, program: Path, bars: Path, tmp_path: Path, gate_too: bool) -> None:
    """SIGKILL to NinjaTrader's process, in positions and with orders in flight; the broker keeps positions and orders. No bar
    is lost or duplicated, no order is placed twice, and the books end equal to the account. A death may cost the decisions of the
    bars that close meanwhile: they arrive as history, and history is not traded."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 2000)
    deaths: set[int] = set()

    def strike(instance: Instance, bar: int) -> str:
        if bar < 900 or bar in deaths:
            return GO
        deaths.add(bar)
        if gate_too:
            kill(instance, "gate")
        return DIE

    run = stage.play("--historical", 30, "--cross-first", 1, "--broker", tmp_path / "broker", strike=strike)
    expected = [bar.close_ns for bar in stage.recording.bars]
    fills = list(tapes.facts(run, "fill.", Fill))
    positions = [changed.qty for changed in tapes.facts(run, "position.", PositionChanged)]

    assert len(deaths) >= 10
    assert [bar.close_ns for bar in tapes.facts(run, "raw.", Bar)] == expected
    assert [bar.index for bar in tapes.facts(run, "raw.", Bar)] == list(range(len(expected)))
    assert used_twice(run) == []
    assert sum(fill.qty for fill in fills) == positions[-1] == 0
    assert len(results(run)["trades.jsonl"].splitlines()) > 50


def test_a_gate_that_freezes_for_six_seconds_changes_no_byte(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """SIGSTOP for longer than the lease, in the middle of trading: afterwards trading resumes by itself, with the same result."""
    stage = Stage(program, bars, tmp_path, bridges.conf(["pipeline"]), 1300)
    frozen: list[int] = []

    def strike(instance: Instance, bar: int) -> str:
        if bar < 1000 or frozen:
            return GO
        pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == "gate")
        frozen.append(pid)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(6, os.kill, (pid, signal.SIGCONT)).start()
        return GO

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

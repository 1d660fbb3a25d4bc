"""Runs in a prop-firm program: sixty sessions through the command, gate and story agreeing, and both ways of running equal."""

from __future__ import annotations

import datetime as dt
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Body, Header
from tapewire.bus.wire import encode
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.gate.firm.progress import ProgramState
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.programs import DailyLoss, Evaluation, Program, Trailing
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.daemons.shell.tape import Tape
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, program, runs
from tapewire.replay.commands import elsewhere
from tapewire.replay.pace import Pace
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.recording import Recording
from tests.integration.conftest import Run
from tests.programs import SHIPPED, bare, shipped

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty synthetic sessions as an export folder."""
    folder = tmp_path_factory.mktemp("sixty")
    synthetic.generate(folder, sessions=60, seed=7, start=dt.date(2026, 1, 5))
    return folder


def prepared(data: Path, terms: Program | None, strategies: list[str] | None = None) -> tuple[Conf, Recording]:
    preset = configuration.preset("seed", strategies)
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)
    recording, calendar = runs.read(data, "MNQ", lambda share: None)
    return replace(conf, calendar=calendar, program=terms), recording


def journal(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "journal").iterdir()}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_sixty_sessions_are_told_day_by_day(tapewire: Run, sixty: Path, tmp_path: Path) -> None:
    """Exit status 0; each day's P&L is the sum of its trades, and equity, mark and floor follow from it by hand."""
    out = tmp_path / "out"
    done = tapewire("backtest", "--data", sixty, "--program", SHIPPED, "--out", out)
    report = json.loads((out / "program.json").read_text())

    equity = mark = 150_000.0
    by_hand = []
    for session, trades in groupby(lines(out / "trades.jsonl"), key=lambda trade: trade["session"]):
        pnl = round(sum(trade["net"] for trade in trades), 2)
        equity = round(equity + pnl, 2)
        mark = max(mark, equity)
        by_hand.append((session, pnl, equity, mark, round(mark - 4_500, 2)))
    assert done.returncode == 0, done.stderr
    assert len(by_hand) > 10
    assert [(day["session"], day["pnl"], day["equity"], day["mark"], day["floor"]) for day in report["days"]] == by_hand
    assert report["text"] in done.stdout
    assert all(day["session"] in done.stdout for day in report["days"])
    assert f"<h2>Program {SHIPPED}</h2>" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("terms", "strategies", "evaluation", "state"),
    [
        (shipped({"target": 3_000.0, "sizing": None}, {"payouts": None, "sizing": None}), ["edge_fade"], "OPEN", ProgramState.OPEN),
        (bare(Evaluation(target=500.0)), ["edge_fade", "ibh_sweep_fail"], "PASSED", ProgramState.PASSED),
        (bare(Evaluation(trailing=Trailing(distance=5_000.0, mode="end_of_day"))), ["pipeline"], "OPEN", ProgramState.OPEN),
        (bare(Evaluation(daily_loss=DailyLoss(limit=100.0, breach="pause"))), ["pipeline"], "OPEN", ProgramState.OPEN),
        (bare(Evaluation(trailing=Trailing(distance=300.0, mode="intraday"))), None, "FAILED", ProgramState.FAILED),
        (bare(Evaluation(daily_loss=DailyLoss(limit=200.0, open=True))), None, "OPEN", ProgramState.OPEN),
    ],
)
def test_the_gate_and_the_story_tell_the_same(
    sixty: Path, tmp_path: Path, terms: Program, strategies: list[str] | None, evaluation: str, state: ProgramState
) -> None:
    """The account inside the gate, after the last bar, has the days that the journal gives afterwards."""
    conf, recording = prepared(sixty, terms, strategies)
    tape = Tape(tmp_path / "journal")

    def record(topic: str, header: Header, body: Body) -> None:
        tape.append(topic, header.epoch, header.seq, encode(header, body))

    core = gate.daemon(conf)
    loop.run([tracker.daemon(conf), evaluator.daemon(conf), core, publisher.daemon(conf)], runs.venue(conf), recording.bars, record)
    tape.close()
    verdict = program.write(tmp_path, conf)

    assert isinstance(core.core, gate.Gate)
    account = core.core.program
    assert account is not None
    account.end_day()
    assert (verdict.evaluation, account.state) == (evaluation, state)
    assert verdict.days == tuple(map(program._day, account.days))
    assert verdict.days


INTRADAY = bare(Evaluation(trailing=Trailing(distance=500.0, mode="intraday")))


@pytest.mark.parametrize("terms", [shipped(), INTRADAY], ids=["end of day", "intraday"])
def test_backtest_and_replay_agree_in_a_program(bars: Path, home: Path, tmp_path: Path, terms: Program) -> None:
    """Through the real daemons: the same journal, byte for byte, and the same verdict."""
    conf, recording = prepared(bars, terms, ["pipeline"])
    a, b = tmp_path / "a", tmp_path / "b"
    runs.backtest(conf, recording, a, lambda share: None)
    logger = logs.configure("replay")
    runs.replay(elsewhere(conf), recording, b, lambda share: None, pace=Pace(), logger=logger, tell=lambda text: None)

    assert journal(a) == journal(b)
    assert (a / program.NAME).read_bytes() == (b / program.NAME).read_bytes()
    assert msgspec.json.decode((a / program.NAME).read_bytes())["refused"] > 0


def test_without_a_program_no_output_mentions_one(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """No file, no section, no refusal; and a run in a program that refuses nothing leaves the same journal."""
    plain, free = tmp_path / "plain", tmp_path / "free"
    done = tapewire("backtest", "--data", bars, "--strategies", "pipeline", "--out", plain)
    conf, recording = prepared(bars, bare(), ["pipeline"])
    runs.backtest(conf, recording, free, lambda share: None)

    assert "refused by the program" not in done.stdout
    assert not (plain / program.NAME).exists()
    assert journal(plain) == journal(free)


def test_a_program_for_programs(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """--json has the verdict beside the summary."""
    done = tapewire("backtest", "--data", bars, "--program", "buffer_scaling", "--out", tmp_path / "a", "--json")

    report = json.loads(done.stdout)
    assert report["program"]["program"] == "buffer_scaling"
    assert report["trades"] >= 0


def test_a_misspelt_program_is_refused_before_anything_is_written(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """Status 78, with a suggestion."""
    done = tapewire("backtest", "--data", bars, "--program", "evaluation_150k_2026_03", "--out", tmp_path / "a")

    assert done.returncode == 78
    assert f"did you mean '{SHIPPED}'" in done.stderr
    assert not (tmp_path / "a").exists()

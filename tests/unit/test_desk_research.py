"""`tapewire.sweep`, `walk_forward`, `lookahead`, `compare`: the same files as the commands, and their tables."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tapewire
from tapewire.bus.errors import ConfError, TapewireError
from tapewire.replay.desk import research
from tapewire.replay.sources import synthetic
from tapewire.strategies.features.stream import available
from tests import command

FIRST = dt.date(2026, 3, 2)
GRID: dict[str, Any] = {"pipeline.distance_points": [10.0, 20.0], "fill": ["next_open", "close"]}
WORDS = ("--set", "pipeline.distance_points=10.0,20.0", "--set", "fill=next_open,close")
PIPELINE: dict[str, Any] = {"strategies": ["pipeline"], "jobs": 1}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=3, seed=8, start=FIRST)
    return folder


@pytest.fixture(scope="module")
def swept(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> research.SweepResult:
    return tapewire.sweep(recorded, set=GRID, sessions_split=0.5, out=tmp_path_factory.mktemp("swept") / "out", **PIPELINE)


@pytest.fixture(scope="module")
def walked(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> research.WalkForwardResult:
    out = tmp_path_factory.mktemp("walked") / "out"
    return tapewire.walk_forward(recorded, set=GRID, sample=2, test=1, metric="net", out=out, **PIPELINE)


def files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_of_the_commands(recorded, swept, walked, tmp_path):
    """Every file, of both studies."""
    options = ("--data", recorded, "--strategies", "pipeline", "--jobs", 1, *WORDS)
    ready = command.ready()
    first = ready.run("sweep", *options, "--sessions-split", 0.5, "--out", tmp_path / "a", timeout=120)
    second = ready.run(
        "walk-forward", *options, "--sample", 2, "--test", 1, "--metric", "net", "--out", tmp_path / "b", timeout=120
    )

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert files(swept.folder) == files(tmp_path / "a")
    assert files(walked.folder) == files(tmp_path / "b")
    assert second.stdout.splitlines()[:-1] == [f"* {words}" for words in walked.words]


def test_a_sweep_has_a_row_per_cell_and_its_best(swept):
    """In the order of the grid, with the doubt."""
    table = swept.table

    assert [*table["pipeline.distance_points"]] == [10.0, 10.0, 20.0, 20.0]
    assert swept.best["in_net"] == table.in_net.max()
    assert table.net.sum() == pytest.approx(swept.sessions.net.sum())
    assert len(swept.sessions) == 12
    assert swept.doubt.words[0] in repr(swept)
    assert "Before you believe the best" in swept._repr_html_()


def test_a_walk_forward_is_of_one_piece(walked):
    """Trades, equity, sessions and windows add up to the figures; times are New York's."""
    net = walked.stats["net"]

    assert net == pytest.approx(walked.trades.net.sum()) == pytest.approx(walked.sessions.net.sum())
    assert net == pytest.approx(walked.windows.net.sum())
    assert net == pytest.approx(walked.equity.equity.iloc[-1] - walked.found.capital)
    assert [*walked.windows.test_first] == [*walked.sessions.session] == ["2026-03-04"]
    assert str(walked.trades.exit_time.dtype) == str(walked.equity.time.dtype) == "datetime64[ns, America/New_York]"
    assert [*walked.trades.id] == [*walked.equity.id]
    assert len(walked.cells) == 4
    assert walked.words[0] in repr(walked)
    assert "Before you believe it" in walked._repr_html_()


def test_costs_and_what_a_trade_went_through_are_a_backtests(recorded):
    """One cell with costs of its own: its trades with mae, mfe and r, and its net in a sweep."""
    one, costs = {"pipeline.distance_points": 10.0}, {"commission": 0.5, "slippage": 0}
    run = tapewire.backtest(recorded, strategies=["pipeline"], set=one, journal="none", **costs)
    walk = tapewire.walk_forward(recorded, set=one, sample=2, test=1, **costs, **PIPELINE)
    table = tapewire.sweep(recorded, set=one, **costs, **PIPELINE).table

    tested = run.trades[run.trades.session == "2026-03-04"].sort_values(["exit_time", "id"])
    mine = walk.trades.drop(columns="window").sort_values(["exit_time", "id"])
    pd.testing.assert_frame_equal(mine.reset_index(drop=True), tested.reset_index(drop=True))
    assert mine.r.notna().all()
    assert table.net.iloc[0] == pytest.approx(run.trades.net.sum())
    assert table.commission.iloc[0] == pytest.approx(1.0 * len(run.trades))


@pytest.mark.parametrize(
    ("name", "table"), [(name, name.partition(".")[2]) for name in research.COLUMNS if "Lookahead" not in name]
)
def test_every_column_is_described(swept, walked, name, table):
    """In COLUMNS, under the object's name."""
    found = getattr(swept if name.startswith("Sweep") else walked, table)
    described = {word for words in research.COLUMNS[name] for word in words.split(", ")} - {"(settings)"}

    assert described | {*GRID} == {*found.columns} | ({*GRID} if name == "WalkForward.sessions" else set())


def test_a_table_of_bars_goes_to_other_processes_too(recorded, walked):
    """They read it from a file of ours; the results are the same."""
    bars = pd.read_csv(recorded / "NQ_Volumetric_1.csv.gz", comment="#")
    bars.index = pd.DatetimeIndex(bars.timestamp).tz_localize("America/New_York")
    bars = bars.rename(columns={"vol_ask": "ask_volume", "vol_bid": "bid_volume"})
    found = tapewire.walk_forward(bars, set=GRID, sample=2, test=1, metric="net", **PIPELINE)

    pd.testing.assert_frame_equal(found.trades, walked.trades)


def test_a_result_without_a_folder_goes_with_its_object(recorded):
    """As a run's does."""
    found = tapewire.sweep(recorded, set={"pipeline.distance_points": 10.0}, end=FIRST, **PIPELINE)
    folder = found.folder
    assert (folder / "sweep.html").exists()
    del found

    assert not folder.exists()


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("sweep", {"set": {}}, "nothing to vary"),
        ("sweep", {"set": {"pipeline.distance_points": []}}, "has no value"),
        ("sweep", {"set": {"pipeline.distnce_points": [1.0]}}, "distance_points"),
        ("sweep", {"set": GRID, "sessions_split": 0.0}, "sessions_split"),
        ("walk_forward", {"set": GRID, "metric": "sharp"}, "did you mean 'sharpe'"),
        ("walk_forward", {"set": GRID, "sample": 1}, "purge = 0 leaves 1 of 1"),
        ("walk_forward", {"set": GRID, "sample": 9}, "3 sessions"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_remedy(recorded, function, arguments, words):
    """By the sentence of the command."""
    with pytest.raises(TapewireError, match=words):
        getattr(tapewire, function)(recorded, **PIPELINE, **arguments)


def test_a_script_may_sweep_on_its_top_level(recorded, tmp_path):
    """Workers do not import it: without a guard it would start itself in each of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import tapewire\nprint('begun')\n"
        "cells = {'pipeline.distance_points': [5.0, 9.0]}\n"
        f"found = tapewire.sweep({str(recorded)!r}, set=cells, strategies=['pipeline'], jobs=2)\n"
        "print(len(found.table))\n"
    )
    done = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout.split()) == (0, ["begun", "2"]), done.stderr


def test_look_ahead_is_a_table(recorded):
    """As the command's; nothing is found. Of features those that the run has."""
    found = tapewire.lookahead(recorded, strategies=["edge_fade"], end=FIRST, cuts=2, features=True)

    assert found.well
    assert [*found.table.subject] == ["session", "Edge Fade", "arbitrated", *available(None)]
    assert {*found.table.columns} == {*research.COLUMNS["Lookahead.table"]}
    assert len(found.differences) == len(found.uses) == 0
    assert [*found.differences.columns][:3] == ["subject", "cut", "at"]


@pytest.fixture(scope="module")
def run(recorded: Path) -> tapewire.Run:
    return tapewire.backtest(recorded, strategies=["pipeline"], end=FIRST, journal="none")


def test_an_account_is_compared_as_by_the_command(run, tmp_path):
    """A grid with the run's first trades, as NinjaTrader exports it."""
    rows = [
        "Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,Entry time,Exit time,Profit,Commission"
    ]
    for number, trade in enumerate(run.trades.head(3).itertuples(), 1):
        first, last = (at.strftime("%d/%m/%Y %H:%M:%S") for at in (trade.entry_time, trade.exit_time))
        side, prices = trade.direction.title(), f"{trade.entry_price},{trade.exit_price}"
        rows.append(f"{number},MNQ 03-26,Sim101,,{side},1,{prices},{first},{last},{trade.gross},1.24")
    grid = tmp_path / "grid.csv"
    grid.write_text("\n".join(rows) + "\n")
    found = tapewire.compare(grid, run, zone="America/New_York", dates="dmy")
    told = command.ready().run("compare", grid, run.folder, "--zone", "America/New_York", "--dates", "dmy", "--json", timeout=60)
    same = json.loads(told.stdout)

    assert not found.whole
    assert (len(found.twins), len(found.account_only), len(found.run_only)) == (3, 0, len(run.trades) - 3)
    assert [*found.twins.run_id] == [twin["run"]["id"] for twin in same["twins"]] == [*run.trades.id[:3]]
    assert str(found.twins.account_entry_time.dtype) == "datetime64[ns, America/New_York]"
    assert found.figures.to_dict() == same["figures"]


def test_what_is_no_source_is_refused(run, tmp_path):
    """As by the command."""
    with pytest.raises((ConfError, TapewireError)):
        tapewire.compare(tmp_path / "nothing.csv", run)

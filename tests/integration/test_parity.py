"""In process and between processes, the same input leaves the same journal, byte for byte; and each way repeats itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from tapewire import form
from tapewire.bus import topics
from tapewire.bus.messages import ClosePosition, Fill, OrderEvent, OrderStatus, PlaceOrder
from tapewire.daemons.operator.latency import HOPS
from tapewire.replay import tapes
from tests.integration.conftest import START, TAPEWIRE, Run, run
from tests.plug_ins import install
from tests.shared import SHARED, needs_shared

pytestmark = pytest.mark.slow

MEAN_CROSS = Path(__file__).parents[1] / "mean_cross.py"
REAL = SHARED / "data" / "ninjatrader"
SYNTH = SHARED / "conformance" / "synth"
IN_PARTS = (  # another fill model, with orders in parts and rejections
    *("--fill", "ninjatrader", "--strategies", "pipeline", "--set", "risk.contracts=4"),
    *("--set", "fills.partial_share=0.002", "--set", "fills.reject_share=0.2", "--set", "fills.slippage_atr=0.05"),
)
PIPELINE = ("--strategies", "pipeline", "--set", "auction_row_ticks=1")  # with the auction, which no other run here has


def journal(run: Path) -> dict[str, bytes]:
    """Every topic's file, but not what the daybook of a live run publishes of the feed and of the run."""
    files = (run / "journal").iterdir()
    return {path.name: path.read_bytes() for path in files if not path.name.startswith((topics.FEED, topics.OPS))}


def results(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in ("signals.jsonl", "intents.jsonl", "trades.jsonl", "summary.json")}


def made(run: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    return journal(run), results(run)


def both(tapewire: Run, data: Path, tmp_path: Path, *options: str) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / "b"
    common = ("--data", data, "--instrument", "MNQ", *options)
    for command, out in (("backtest", a), ("replay", b)):
        done = tapewire(command, *common, "--out", out)
        assert done.returncode == 0, done.stderr
    return a, b


@pytest.fixture(scope="module")
def first(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Both ways with some options on the synthetic sessions: run once for all tests here, which leave the folders as they are."""

    @cache
    def once(*options: str) -> tuple[Path, Path]:
        return both(run, bars, tmp_path_factory.mktemp("first"), *options)

    return once


@pytest.mark.parametrize("options", [(), PIPELINE, IN_PARTS, ("--fill", "close", "--preset", "adaptive")])
def test_backtest_and_replay_leave_the_same_bytes(tapewire: Run, first: Callable[..., Any], options: tuple[str, ...]) -> None:
    """Journal and results are equal, and `tapewire diff` reports so with status 0."""
    a, b = first(*options)

    assert journal(a) == journal(b)
    assert results(a) == results(b)
    assert ("auction.MNQ.tape" in journal(a)) == (options == PIPELINE)
    assert tapewire("diff", a, b).returncode == 0


def test_orders_in_parts_and_rejections_come_to_the_books(first: Callable[..., Any]) -> None:
    """The run that both ways agree on has entries and exits in several fills, rejected orders, and positions that add up."""
    _, replayed = first(*IN_PARTS)
    fills = list(tapes.facts(replayed, "fill.", Fill))
    orders = list(tapes.facts(replayed, topics.ORDER, OrderEvent))
    trades = [json.loads(line) for line in (replayed / "trades.jsonl").read_text().splitlines()]

    for role in ("ENTRY", "EXIT"):
        assert max(Counter(fill.order_id for fill in fills if fill.role == role).values()) > 1, role
    statuses = {OrderStatus.PARTIAL, OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED}
    assert statuses <= {each.status for each in orders}
    assert sum(fill.qty for fill in fills) == 0
    assert sum(abs(fill.qty) for fill in fills) == 2 * sum(trade["size"] for trade in trades)
    assert {each["of"] for each in json.loads((replayed / "summary.json").read_text())["fill_rules"]} >= {"rejected", "quantity"}


def test_a_plug_in_that_turns_leaves_the_same_bytes(
    tapewire: Run, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop and reverse, with a bracket at distances from the fill, over the bus as in one process; each turn is one fill."""
    site = install(tmp_path / "site", "turning", MEAN_CROSS.read_text("utf-8"), mean_cross="MeanCross")
    monkeypatch.setenv("PYTHONPATH", str(site))
    settings = ("mean_cross.reverses=true", "mean_cross.stop_points=15.0", "mean_cross.target_points=12.5")
    options = [word for setting in settings for word in ("--set", setting)]

    a, b = both(tapewire, bars, tmp_path, "--preset", "bare", "--strategies", "mean_cross", "--to", str(START), *options)

    assert journal(a) == journal(b)
    assert results(a) == results(b)
    placed = list(tapes.facts(a, topics.COMMAND, PlaceOrder | ClosePosition))
    assert sum(isinstance(each, PlaceOrder) and each.after is not UNSET for each in placed) > 20
    trades = [json.loads(line) for line in (a / "trades.jsonl").read_text().splitlines()]
    assert {abs(trade["stop"] - trade["entry_price"]) for trade in trades} == {15.0}
    assert {abs(trade["target"] - trade["entry_price"]) for trade in trades} == {12.5}


def test_the_latency_of_a_replay_is_shown_hop_by_hop(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """Each stage of the real chain has its figures, although no message of the chain has a time of the clock.

    A session of a few seconds: at full speed each stage tells the newest of its bars, which need not be those of another stage.
    """
    replayed = tmp_path / "paced"
    done = tapewire("replay", "--data", bars, "--out", replayed, "--to", str(START), "--speed", "18000", *PIPELINE)
    assert done.returncode == 0, done.stderr
    text, told = tapewire("latency", "--run", replayed), tapewire("latency", "--run", replayed, "--json")

    found = json.loads(told.stdout)
    assert list(found["hops"]) == list(HOPS)
    assert found["bars"] >= found["hops"]["to decision"]["count"] > found["hops"]["to signal"]["count"] > 0
    assert f"{found['session']}: {found['bars']:,} bars, milliseconds\n" in text.stdout
    assert "a bar to signal: p99 " in text.stdout


def test_the_log_of_the_gate_names_every_signal(first: Callable[..., Any]) -> None:
    """In order. Its lines wait until the chain has had its turn, and the last ones until the gate ends; none is lost by that."""
    _, replayed = first(*PIPELINE)
    lines = [json.loads(line) for line in (replayed / "logs" / "gate.log").read_text("utf-8").splitlines()]
    signals = [json.loads(line)["id"] for line in (replayed / "signals.jsonl").read_text("utf-8").splitlines()]

    assert [line["id"] for line in lines if line["event"] == "signal"] == signals
    assert lines[-1]["event"] == "stopped"


def test_a_second_run_repeats_the_first(tapewire: Run, first: Callable[..., Any], bars: Path, tmp_path: Path) -> None:
    """Neither way differs from a second run of itself; the second run replaces the first in the same folder, too."""
    before = tuple(made(folder) for folder in first(*PIPELINE))
    for folder, name in zip(first(*PIPELINE), ("a", "b"), strict=True):
        shutil.copytree(folder, tmp_path / name)

    again = both(tapewire, bars, tmp_path, *PIPELINE)

    assert tuple(made(folder) for folder in again) == before


@pytest.mark.skipif(form.FORM != form.COMPILED, reason="tapewire is not compiled here, so there is one form only")
@pytest.mark.parametrize("options", [(), PIPELINE])
def test_the_interpreted_form_leaves_the_bytes_of_the_compiled(
    home: Path, first: Callable[..., Any], bars: Path, tmp_path: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journal and results; `run.json` says which form made which."""
    compiled, _ = first(*options)
    monkeypatch.setenv("TAPEWIRE_COMPILE", "0")
    words = (TAPEWIRE, "backtest", "--data", bars, "--instrument", "MNQ", *options, "--out", tmp_path / "c")

    subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=240)

    assert made(tmp_path / "c") == made(compiled)
    forms = [json.loads((folder / "run.json").read_text())["form"] for folder in (compiled, tmp_path / "c")]
    assert forms == [form.COMPILED, form.INTERPRETED]


def test_the_synthetic_sessions_trade(home: Path, first: Callable[..., Any]) -> None:
    """The parity above is not vacuous: the preset's own strategies trade there."""
    a, _ = first()

    assert json.loads((a / "summary.json").read_text())["trades"] > 0


@needs_shared
def test_the_recorded_sessions_trade_hundreds_of_round_turns(tapewire: Run, tmp_path: Path) -> None:
    """Four real sessions, complete: 390 RTH bars each, none missing, and the summary reports so."""
    a, b = both(tapewire, REAL, tmp_path, "--strategies", "pipeline")
    summary = json.loads((b / "summary.json").read_text())

    assert journal(a) == journal(b)
    assert results(a) == results(b)
    assert [(each["rth_bars"], each["missing"]) for each in summary["sessions"]] == [(390, 0)] * 4
    assert summary["trades"] > 300


@needs_shared
def test_the_seed_preset_rightly_finds_nothing_in_the_recorded_sessions(tapewire: Run, tmp_path: Path) -> None:
    """No trade at all is the correct result there; both ways agree on it."""
    a, b = both(tapewire, REAL, tmp_path)

    assert journal(a) == journal(b)
    assert json.loads((b / "summary.json").read_text())["trades"] == 0


@needs_shared
def test_the_vectors_trade_the_same_both_ways(tapewire: Run, tmp_path: Path) -> None:
    """Sixteen sessions with repeated, late and missing rows; each ignored row is named with file and line."""
    a, b = both(tapewire, SYNTH, tmp_path)
    summary = json.loads((b / "summary.json").read_text())

    assert journal(a) == journal(b)
    assert results(a) == results(b)
    assert summary["trades"] == 20
    assert {(row["file"], row["why"]) for row in summary["ignored"]} == {
        ("NQ_Volumetric_1.csv.gz", "repeated"),
        ("NQ_Volumetric_1.csv.gz", "late"),
    }

"""A trained model: the example as a reader runs it, and one answer in a backtest, over the bus, and after a kill."""

from __future__ import annotations

import datetime as dt
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from docs import pages
from tapewire.bus.messages import Bar
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tapewire.strategies.clock import new_york
from tests import command, models
from tests.integration.conftest import Run, home_in
from tests.integration.test_parity import both, journal, results
from tests.printed import printed

pytestmark = pytest.mark.slow

README = "examples/model/README.md"
TRADES = ("model.long_at_least=0.35", "model.short_at_least=0.35")  # a model of invented rows: often enough
BARS = 150  # of regular hours, in the replay whose evaluator is killed
EVERY = 40


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A reader's folder."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(pages.ROOT / "examples" / "model", folder / "examples" / "model")
    with home_in(folder):
        yield folder


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that was trained before the synthetic sessions."""
    out = tmp_path_factory.mktemp("trained") / "out"
    models.trained(out)
    return out / "model.toml"


def test_the_example_works_as_it_is_printed(desk: Path) -> None:
    """Sessions, training, backtest, why, lookahead; and the refusal of a model that is asked about its own training."""
    words = [sys.executable, "examples/model/sessions.py", "out/example"]
    subprocess.run(words, cwd=desk, check=True, capture_output=True, timeout=240)
    told: list[str] = []
    for each in (each for each in printed() if each.source == README):
        done = command.ready().run(*shlex.split(each.words), timeout=240, cwd=str(desk))
        told.append(done.stdout + done.stderr)
        assert done.returncode == (78 if each.words.endswith("out/example/own") else 0), f"{each.words}\n{told[-1]}"

    train, backtest, why, lookahead, refusal = told
    assert "from scikit-learn" in train
    assert "no evidence of profit" in train
    assert "Model:" in backtest
    assert "long_probability >= " in why
    assert lookahead.count(" same") == 3
    assert "was trained on 2026-01-05 to 2026-01-21" in refusal
    assert "in_sample = true" in refusal
    assert json.loads((desk / "out/example/run/summary.json").read_text())["trades"] > 0
    assert "It is no evidence of profit" in (desk / "out/example/model/card.md").read_text()


def test_tables_of_features_train_the_same_model(desk: Path) -> None:
    """A table of each side gives the bytes that the recording itself gives: the example's folder is the other way."""
    wanted = next(each.words for each in printed() if each.source == README and each.name == "train")
    (names,) = (words for before, words in zip(shlex.split(wanted), shlex.split(wanted)[1:], strict=False) if before == "--names")
    for side in ("long", "short"):
        words = ("features", "--data", "out/example/before", "--out", f"out/{side}.parquet", "--names", names, "--side", side)
        done = command.ready().run(*words, timeout=240, cwd=str(desk))
        assert done.returncode == 0, done.stderr
    tables = ("out/long.parquet", "out/short.parquet")
    words = ("train", *tables, "--sides", "long", "--out", "out/tables", "--sample", "6", "--test", "3", "--share", "0.01")

    done = command.ready().run(*words, timeout=240, cwd=str(desk))

    assert done.returncode == 0, done.stderr
    for name in ("model.onnx", "card.md"):
        assert (desk / "out/tables" / name).read_bytes() == (desk / "out/example/model" / name).read_bytes()


def test_a_backtest_and_a_replay_answer_alike(tapewire: Run, bars: Path, preset: Path, tmp_path: Path) -> None:
    """Journal and results are the same bytes, and the model traded in them."""
    settings = [word for each in TRADES for word in ("--set", each)]

    a, b = both(tapewire, bars, tmp_path, "--preset", str(preset), "--to", "2026-03-02", *settings)

    assert journal(a) == journal(b)
    assert results(a) == results(b)
    assert tapewire("diff", a, b).returncode == 0
    assert len((a / "trades.jsonl").read_text().splitlines()) > 5


def test_a_killed_evaluator_answers_as_before(home: Path, bars: Path, preset: Path, tmp_path: Path) -> None:
    """It folds the day again, night included, with the model that the run keeps: the file itself is gone."""
    chosen = configuration.preset(str(preset), settings=TRADES)
    conf = configuration.load("replay", instance="model", traded=["MNQ"], preset=chosen)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))
    first = next(at for at, bar in enumerate(recording.bars) if new_york(bar.close_ns).time() == dt.time(9, 31))
    recording = msgspec.structs.replace(recording, bars=recording.bars[: first + BARS])
    undisturbed, disturbed = tmp_path / "undisturbed", runs.prepare(tmp_path / "disturbed")
    summary = runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, disturbed)
    path = preset.parent / "model.onnx"
    away = path.rename(tmp_path / "away.onnx")
    killed = []

    with runs.supervised(conf, disturbed, lambda text: None) as instance:

        def strike(bar: Bar) -> None:
            since = bar.index - recording.bars[first].index
            if since > 0 and since % EVERY == 0:
                pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == "evaluator")
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(bar.index)

        with Player(conf, disturbed, runs.venue(conf), logs.configure("replay")) as player:
            player.join()
            player.play(recording.bars, played=strike)
            player.finish()
    away.rename(path)

    assert len(killed) == (BARS - 1) // EVERY
    assert summary.trades > 5
    assert journal(disturbed) == journal(undisturbed)

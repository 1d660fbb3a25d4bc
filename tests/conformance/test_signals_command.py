"""The conformance vectors through the command line, as a user would make the files: `tapewire signals` and `tapewire backtest`.

Compared in the order in which a difference would spread: session, levels, proposals, intents, trades.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tapewire
from tapewire.daemons.operator.cli import application
from tests.conformance import test_proposals, test_session, test_trades
from tests.conformance.test_session import VECTORS, lines
from tests.conformance.test_trades import FOLDERS
from tests.scenes import PRESETS
from tests.shared import needs_shared

pytestmark = [needs_shared, pytest.mark.parametrize("vector", ["synth", "real"])]

presets = pytest.mark.parametrize("preset", PRESETS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The results of a command, made once: `folders(command, vector, preset, *options)`."""

    @functools.cache
    def folder(command: str, vector: str, preset: str, *options: str) -> Path:
        out: Path = tmp_path_factory.mktemp(command)
        where = ["--data", str(FOLDERS[vector]), "--instrument", "MNQ", "--preset", preset, "--out", str(out)]
        done = CliRunner().invoke(application(), [command, *where, *options])
        assert done.exit_code == 0, done.output
        return out

    return folder


@presets
def test_session_and_levels_are_those_of_the_vectors_whatever_the_preset(folders: Any, vector: str, preset: str) -> None:
    """Same keys, flags equal, prices within 1e-6 and features within 1e-9, every column by its name."""
    made = folders("signals", vector, preset)

    for name, expected in (("session.jsonl", "session.jsonl.gz"), ("levels.jsonl", "levels.jsonl")):
        wanted = list(lines(VECTORS / vector / "expected" / expected))
        got = list(read(made / name))
        assert [each["session"] for each in got] == [each["session"] for each in wanted]
        for mine, theirs in zip(got, wanted, strict=True):
            assert mine == test_session.close_to(theirs), (name, theirs["session"], theirs.get("time"))


@presets
def test_proposals_are_those_of_the_vectors(folders: Any, vector: str, preset: str) -> None:
    """In the same order, with nulls where there is no target; each also has its reason, which the vectors lack."""
    wanted = list(lines(VECTORS / vector / "expected" / preset / "proposals.jsonl"))
    got = list(read(folders("signals", vector, preset) / "proposals.jsonl"))

    assert [test_proposals.key(each) for each in got] == [test_proposals.key(each) for each in wanted]
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.pop("reason")
        assert mine == test_proposals.close_to(theirs)


@presets
def test_intents_are_those_of_the_vectors(folders: Any, vector: str, preset: str) -> None:
    """The intents that arbitration returned, with size and refusal."""
    wanted = VECTORS / vector / "expected" / preset / "intents.jsonl"
    got = list(read(folders("backtest", vector, preset) / "intents.jsonl"))

    test_trades.compare([columns_of(wanted, each) for each in got], wanted)


@presets
@pytest.mark.parametrize(("fill", "name"), [("next_open", "trades.jsonl"), ("close", "trades_close.jsonl")])
def test_trades_are_those_of_the_vectors(folders: Any, vector: str, preset: str, fill: str, name: str) -> None:
    """To the cent, under both fill models."""
    wanted = VECTORS / vector / "expected" / preset / name
    got = list(read(folders("backtest", vector, preset, "--fill", fill) / "trades.jsonl"))

    test_trades.compare([columns_of(wanted, each) for each in got], wanted)


@presets
def test_a_runs_table_of_trades_is_trades_jsonl(folders: Any, vector: str, preset: str) -> None:
    """What a notebook sees of a backtest, to the last digit."""
    run = tapewire.load(folders("backtest", vector, preset))
    lines = list(read(run.folder / "trades.jsonl"))

    for name in ("id", "net", "gross", "entry_price", "exit_price", "bars_held", "mae", "mfe"):
        assert [*run.trades[name]] == [line[name] for line in lines], name
    assert [*run.trades.exit_time.dt.strftime("%Y-%m-%dT%H:%M:%S")] == [line["exit_time"] for line in lines]
    assert run.stats["net"] == run.summary.net


def read(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text().splitlines())


def columns_of(vectors: Path, line: dict[str, Any]) -> dict[str, Any]:
    """The line without columns that the vectors lack. An empty file of vectors requires none."""
    first = vectors.read_text().splitlines()[:1]
    return {name: line[name] for name in json.loads(first[0])} if first else line

"""`tapewire.train`: the files of the command, and what they say as tables."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Direction
from tapewire.replay.desk import train
from tapewire.replay.desk.train import Training
from tapewire.replay.sources import synthetic
from tests import command, models

SMALL: dict[str, Any] = {"sample": 6, "test": 3, "trees": 12, "rows_at_least": 10, "rate": 0.2}
WORDS = ("--sample", 6, "--test", 3, "--trees", 12, "--rows-at-least", 10, "--rate", 0.2)
SIDES: tuple[Direction, ...] = ("LONG", "SHORT")


@pytest.fixture(scope="module")
def tables() -> list[pd.DataFrame]:
    return [models.table(side="LONG"), models.table(side="SHORT")]


@pytest.fixture(scope="module")
def trained(tables: list[pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Training:
    return tapewire.train(tables=tables, out=tmp_path_factory.mktemp("trained") / "out", **SMALL)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_files_are_those_of_the_command(trained: Training, tables: list[pd.DataFrame], tmp_path: Path) -> None:
    """Every byte; the object shows what the command prints."""
    paths = [tmp_path / f"{side}.parquet" for side in SIDES]
    for table, path in zip(tables, paths, strict=True):
        table.to_parquet(path)

    done = command.ready().run("train", *paths, "--out", tmp_path / "out", *WORDS, timeout=120)

    assert done.returncode == 0, done.stderr
    assert files(trained.folder) == files(tmp_path / "out")
    assert done.stdout.splitlines()[:-1] == repr(trained).splitlines()
    assert (trained.path.name, trained.preset.name) == ("model.onnx", "model.toml")


def test_a_recording_gives_the_model_of_its_tables(tmp_path: Path) -> None:
    """Both sides are made of it at once; progress rises to its end."""
    synthetic.generate(tmp_path / "bars", sessions=4, seed=8, start=dt.date(2026, 3, 2))
    chosen: dict[str, Any] = {"names": models.NAMES, "profit_atr": 1.0, "loss_atr": 1.0, "bars": 5}
    plan: dict[str, Any] = {"sample": 2, "test": 1, "trees": 5}
    heard: list[float] = []

    of_bars = tapewire.train(tmp_path / "bars", **chosen, **plan, progress=heard.append)
    of_tables = tapewire.train(tables=[tapewire.features(tmp_path / "bars", **chosen, side=side) for side in SIDES], **plan)

    assert files(of_bars.folder) == files(of_tables.folder)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_its_preset_is_one_that_a_backtest_takes(trained: Training, tmp_path: Path) -> None:
    """As the path that it is. These bars are behind the training's last one."""
    synthetic.generate(tmp_path / "later", sessions=1, seed=8, start=dt.date(2026, 3, 2))

    run = tapewire.backtest(tmp_path / "later", preset=trained.preset, journal="none")

    assert run.conf.preset.strategies == ("model",)


def test_one_table_needs_no_list(tables: list[pd.DataFrame], trained: Training) -> None:
    """The model of a side alone."""
    found = tapewire.train(tables=tables[0], **SMALL)

    assert [*found.sides.side] == ["LONG"]
    pd.testing.assert_frame_equal(found.sides, trained.sides[:1])


@pytest.mark.parametrize("name", train.COLUMNS)
def test_every_column_is_described(trained: Training, name: str) -> None:
    """In COLUMNS, under the object's name; and each table has rows."""
    found = getattr(trained, name.partition(".")[2])

    assert {word for words in train.COLUMNS[name] for word in words.split(", ")} == {*found.columns}
    assert len(found)


def test_the_tables_say_what_the_card_says(trained: Training) -> None:
    """Sides, windows, and the picture in a notebook."""
    sides, windows = trained.sides, trained.windows

    assert [*sides.side] == [*SIDES]
    assert [*sides.threshold] == [*trained.card.terms.thresholds]
    assert [*zip(windows.number, windows.side, strict=True)] == [(1, "LONG"), (1, "SHORT"), (2, "LONG"), (2, "SHORT")]
    assert sum(windows.rows) == sum(sides.rows) == sum(trained.calibration.rows)
    assert [*trained.features.name] == [*trained.card.terms.features]
    assert "<svg" in trained._repr_html_()
    assert "no evidence of profit" in trained._repr_html_()


def test_a_model_without_a_folder_goes_with_its_object(tables: list[pd.DataFrame]) -> None:
    """As a run does."""
    found = tapewire.train(tables=tables, **SMALL)
    path = found.path
    assert path.exists()
    del found

    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "write data, a recording, or tables"),
        ({"data": "bars", "tables": []}, "write data, a recording, or tables"),
        ({"tables": []}, "write a table"),
        ({"tables": [pd.DataFrame()]}, "needs the column 'session'"),
        ({"tables": ["nowhere.parquet"]}, "nowhere.parquet: there is no such file"),
        ({"data": "bars", "sides": ["lnog"]}, "did you mean 'long'"),
        ({"data": "bars", "sides": ["long", "LONG"]}, "each once"),
        ({"data": "bars", "sides": []}, "sides are missing"),
        ({"data": "bars", "share": 1.5}, "share = 1.5"),
        ({"data": "bars", "threshold": float("nan")}, "threshold = nan"),
        ({"data": "bars", "sample": 1}, "purge = 0 leaves 1 of 1"),
        ({"data": "bars", "trees": 0}, "trees = 0"),
        ({"data": "bars", "profit_atr": 0.0}, "profit_atr = 0.0"),
        ({"data": "bars", "names": ["move_5"]}, "move_5"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_read(arguments: dict[str, Any], words: str) -> None:
    """By the sentence of the command, with the remedy."""
    with pytest.raises(ConfError, match=words):
        tapewire.train(**arguments)

"""`--fill compare` and `tapewire.compare_fills`: each model's trades are those of its own backtest, and the files say the rest."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.fills import MODELS
from tapewire.replay.desk.fills import ComparedFills
from tapewire.replay.sources import synthetic
from tests import command

SETTINGS: dict[str, Any] = {"risk.contracts": 3, "fills.partial_share": 0.002, "fills.reject_share": 0.1}
WORDS = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=2, seed=8, start=dt.date(2026, 3, 2))
    return folder


@pytest.fixture(scope="module")
def compared(recorded: Path) -> ComparedFills:
    return tapewire.compare_fills(recorded, strategies=["pipeline"], set=SETTINGS)


@pytest.mark.parametrize("model", ["close", "ninjatrader", "pessimistic"])
def test_a_model_makes_what_its_own_backtest_makes(recorded: Path, compared: ComparedFills, model: str) -> None:
    """Trade for trade, with fills in parts and rejections, the measures and the figures included."""
    run = tapewire.backtest(recorded, strategies=["pipeline"], set=SETTINGS, fill=model, journal="none")
    mine = compared.trades[compared.trades.fill == model].drop(columns="fill").reset_index(drop=True)

    assert mine.equals(run.trades)
    assert len(mine) > 20
    shared = [name for name in compared.table.columns if name in run.stats.index]
    assert compared.table.loc[model, shared].fillna(-1).to_dict() == run.stats[shared].fillna(-1).to_dict()


def test_the_command_leaves_the_same_files_and_shows_the_table(recorded: Path, compared: ComparedFills, tmp_path: Path) -> None:
    """A second one replaces the first. The table has a line for each model, in their order."""
    options = ("backtest", "--data", recorded, "--strategies", "pipeline", *WORDS, "--fill", "compare", "--out", tmp_path / "out")
    ready = command.ready()
    first, second = ready.run(*options, timeout=120), ready.run(*options, "--json", timeout=120)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    for path in compared.folder.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    table = first.stdout.splitlines()[: len(MODELS) + 1]
    assert [line.split()[0] for line in table] == ["fill", *MODELS]
    assert repr(compared).splitlines() == table
    assert [each["fill"] for each in json.loads(second.stdout)["models"]] == [*MODELS]


def test_the_page_names_models_rules_and_what_flatters(compared: ComparedFills) -> None:
    page = (compared.folder / "fills.html").read_text("utf-8")

    assert all(f">{model}<" in page for model in MODELS)
    assert page.count('class="model m') == len(MODELS)
    assert "at the open, which is better than its price *" in page
    assert "iframe" in compared._repr_html_()


def test_rules_and_table_are_by_model(compared: ComparedFills) -> None:
    assert [*compared.rules.columns] == [*compared.table.index] == [*MODELS]
    assert compared.rules.loc["stop and target on one bar"].to_dict() == {
        "next_open": "the stop",
        "close": "the stop",
        "ninjatrader": "the one that comes first on the way open, nearer extreme, other extreme, close",
        "optimistic": "the target *",
        "pessimistic": "the stop",
    }
    assert compared.table["trades"].sum() == len(compared.trades)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backtest", "--fill", "compare", "--journal", "none"), "leave out --journal"),
        (("replay", "--fill", "compare"), "tapewire backtest --fill compare"),
    ],
)
def test_what_a_comparison_cannot_do_is_refused(recorded: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    options = ("--data", recorded, "--strategies", "pipeline", "--out", tmp_path / "out")
    done = command.ready().run(*words, *options, timeout=120)

    assert done.returncode == 78
    assert told in done.stderr


def test_a_folder_with_other_files_is_left_alone(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(ConfError, match=r"mine\.txt"):
        tapewire.compare_fills(recorded, strategies=["pipeline"], out=tmp_path)


def test_python_has_a_name_of_its_own_for_it(recorded: Path) -> None:
    with pytest.raises(ConfError, match=r"tapewire\.compare_fills"):
        tapewire.backtest(recorded, fill="compare")

"""A search by Optuna: the same trials on any number of processors and after any interruption, and what is made of them."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.replay.research import search
from tapewire.replay.research.grid import Axis, Cell
from tapewire.replay.research.search import AT_ONCE, Search, Study, ValueRange, part
from tapewire.replay.sources import synthetic

pytest.importorskip("optuna", reason="the extra tapewire[search] is not installed")

SPACE = (ValueRange("a", 0, 100), ValueRange("b", 0.0, 1.0), Axis("c", ("x", "y", "z")))


def hill(cell: Cell) -> float | None:
    """The best is a = 70, b = 0.25, c = y."""
    return -abs(cell["a"] - 70) / 100 - abs(cell["b"] - 0.25) + (cell["c"] == "y")


def searched(folder: Path, trials: int, rounds: int | None = None, seed: int = 1) -> list[Cell]:
    """A search to its end, or the first rounds of it."""
    study = Study(folder, SPACE, Search(trials, seed=seed), "test")
    while not study.done and rounds != 0:
        study.tell([hill(cell) for cell in study.ask()])
        rounds = None if rounds is None else rounds - 1
    return study.cells


def test_a_search_finds_what_is_good(tmp_path: Path) -> None:
    """Its last trials are better than its first, which are random."""
    values = [hill(cell) or 0.0 for cell in searched(tmp_path, 96)]

    assert sum(values[-32:]) > sum(values[:16]) * 2
    assert max(values) > 0.9


def test_a_study_that_goes_on_does_not_repeat_its_random_trials(tmp_path: Path) -> None:
    """Within the first trials, in another process: a sampler that begins again with its seed would take the same ones."""
    program = (
        "import sys; from pathlib import Path; from tests.unit.test_research_search import searched\n"
        "searched(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    for trials in (4, 8):
        words = [sys.executable, "-c", program, str(tmp_path), str(trials)]
        subprocess.run(words, check=True, cwd=Path(__file__).parents[2], timeout=120)
    found = searched(tmp_path, 8)

    assert len({json.dumps(cell) for cell in found}) == 8


def test_an_interrupted_search_is_the_one_that_was_not(tmp_path: Path) -> None:
    """After whole rounds, and with trials that were asked for and never told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = searched(tmp_path / "a", 40)
    searched(tmp_path / "b", 40, rounds=1)
    Study(tmp_path / "b", SPACE, Search(40), "test").ask()

    assert searched(tmp_path / "b", 40) == whole
    assert len(whole) == 40


def test_another_search_in_the_folder_begins_anew(tmp_path: Path) -> None:
    """Another seed, space or recording is another study; the first one is still there."""
    first = searched(tmp_path, 8)
    other = searched(tmp_path, 8, seed=2)

    assert first != other
    assert Study(tmp_path, SPACE[:2], Search(8), "test").cells == Study(tmp_path, SPACE, Search(8), "other").cells == []
    assert searched(tmp_path, 8) == first


def test_trials_without_a_figure_are_told_as_failed(tmp_path: Path) -> None:
    """They count, and teach nothing."""
    study = Study(tmp_path, SPACE, Search(AT_ONCE + 2), "test")
    study.tell([None] * len(study.ask()))
    study.tell([None if at else 1.0 for at, _ in enumerate(study.ask())])

    assert study.done
    assert study.ask() == []
    assert len(study.cells) == AT_ONCE + 2


def test_studies_are_searched_together(tmp_path: Path) -> None:
    """The cells of a round of all of them are computed at once; each hears of its own."""
    studies = [Study(tmp_path, SPACE, Search(20), number) for number in range(2)]
    rounds: list[list[int]] = []

    def compute(asked: list[list[Cell]]) -> Sequence[Sequence[float | None]]:
        rounds.append([len(cells) for cells in asked])
        return [[hill(cell) for cell in cells] for cells in asked]

    search.run(studies, compute)

    assert rounds == [[16, 16], [4, 4]]
    assert studies[0].cells == studies[1].cells == searched(tmp_path, 20)


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("a=5..60", ValueRange("a", 5, 60)),
        ("a=5..60:5", ValueRange("a", 5, 60, 5)),
        ("a=-1.5..2:0.5", ValueRange("a", -1.5, 2, 0.5)),
        ("a = 0.1 .. 0.9", ValueRange("a", 0.1, 0.9)),
        ("a=10,20", Axis("a", (10, 20))),
        ("a=15:30,15:59", Axis("a", ("15:30", "15:59"))),
    ],
)
def test_a_setting_is_a_range_or_values(setting: str, found: ValueRange | Axis) -> None:
    """Whole numbers where both ends and the step are."""
    assert part(setting) == found


def test_values_of_a_range_are_in_it_and_on_its_steps(tmp_path: Path) -> None:
    """Both ends included."""
    parts = (ValueRange("a", 1, 3), ValueRange("b", -1.0, 1.0, 0.5), Axis("c", (5, 7, 9)), Axis("d", ([1, 2],)))
    study = Study(tmp_path, parts, Search(64), "test")
    while not study.done:
        study.tell([0.0] * len(study.ask()))
    cells = study.cells

    assert {cell["a"] for cell in cells} == {1, 2, 3}
    assert {cell["b"] for cell in cells} == {-1.0, -0.5, 0.0, 0.5, 1.0}
    assert {cell["c"] for cell in cells} == {5, 7, 9}
    assert cells[0]["d"] == [1, 2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["a=5..x"], "write numbers"),
        (["a=9..5"], "rising"),
        (["a=5..9:0"], "rising"),
        (["a=5..9", "a=1,2"], "twice"),
        ([], "nothing to vary"),
    ],
)
def test_a_wrong_space_is_refused(settings: list[str], words: str) -> None:
    """With what to write."""
    with pytest.raises(ConfError, match=words):
        search.space(settings)


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Optuna is an extra."""
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(ConfError, match=r"pip install 'tapewire\[search\]'"):
        Study(tmp_path, SPACE, Search(5), "test")


# --- a sweep and a walk-forward ---------------------------------------------------------------------------------------------------

WANTED: dict[str, Any] = {
    "set": {"pipeline.distance_points": "5.0..40.0", "fill": ["next_open", "close"]},
    "strategies": ["pipeline"],
    "trials": 5,
    "jobs": 1,
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=3, seed=8, start=dt.date(2026, 3, 2))
    return folder


def test_a_sweep_of_trials_has_a_row_for_each_and_goes_on(recorded: Path, tmp_path: Path) -> None:
    """More trials keep the first ones; the page has the table alone."""
    out = tmp_path / "out"
    first = tapewire.sweep(recorded, out=out, **WANTED).table
    computed = {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    more = tapewire.sweep(recorded, out=out, **{**WANTED, "trials": 7})

    assert len(first) == 5
    assert len(more.table) == 7
    assert more.table[:5].equals(first)
    assert {name: (out / "cells" / name).stat().st_mtime_ns for name in computed} == computed
    assert "a search tries some of its cells" in (out / "sweep.html").read_text()
    assert more.best.in_net == more.table.in_net.max()


def test_each_window_searches_on_its_own_sample(recorded: Path, tmp_path: Path) -> None:
    """What is chosen is the best of the window's own trials; the cells are those of all windows."""
    found = tapewire.walk_forward(recorded, sample=2, test=1, metric="net", out=tmp_path / "out", **WANTED)
    again = tapewire.walk_forward(recorded, sample=2, test=1, metric="net", out=tmp_path / "out", **WANTED)

    assert len(found.cells) == 5
    assert found.windows["value"].iloc[0] == found.windows.sample_net.iloc[0]
    assert found.cells.chosen.sum() == 1
    assert again.windows.equals(found.windows)
    assert (tmp_path / "out" / search.FILE).exists()
    assert os.listdir(tmp_path / "out" / "cells")


@pytest.mark.parametrize(
    ("function", "change", "words"),
    [
        ("sweep", {"trials": None}, "is a range"),
        ("sweep", {"trials": 0}, "trials = 0"),
        ("sweep", {"metric": "win_rate"}, "which sessions alone give"),
        ("walk_forward", {"trials": None}, "is a range"),
    ],
)
def test_a_wrong_search_is_refused(recorded: Path, function: str, change: dict[str, Any], words: str) -> None:
    """Before anything is computed."""
    with pytest.raises(ConfError, match=words):
        getattr(tapewire, function)(recorded, **{**WANTED, **change})

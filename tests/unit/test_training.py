"""Training: what a table must be, windows without leaks, the proof of the conversion, and the same bytes from the same rows."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as configuration
from tapewire.replay.research.windows import Plan
from tapewire.replay.training import boosting, conversion, start
from tapewire.replay.training import rows as training
from tapewire.replay.training.boosting import Recipe, SideModel, fit, one_thread, probabilities
from tapewire.replay.training.card import ModelCard
from tapewire.replay.training.scores import calibration, score
from tapewire.strategies.model_file import load
from tests import models


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of both sides."""
    folder = tmp_path_factory.mktemp("trained") / "out"
    models.trained(folder)
    return folder


@one_thread()
def fitted(seed: int = 1, **recipe: Any) -> SideModel:
    rows = models.rows(seed=seed, missing=0.3)
    return fit(rows, sorted(set(rows.session.tolist())), None, Recipe(**{"trees": 20, "rows_at_least": 5, **recipe}))


@pytest.mark.parametrize("missing", [0.0, 0.5, 1.0])
def test_a_converted_model_goes_with_missing_values_where_it_was_trained_to(out: Path, missing: float) -> None:
    """Rows that no training has seen, to within the tolerance of scikit-learn's answer, each asked by itself."""
    pair = [fitted(1), fitted(2, leaves=31, trees=40)]
    random = np.random.default_rng(3)
    values = random.normal(size=(500, len(models.NAMES))).astype(np.float32) * np.float32(3)
    values[random.random(values.shape) < missing] = np.nan
    with one_thread():
        apart = conversion.proved(conversion.written(pair, load(str(out / "model.onnx")).terms), pair, values)

    assert apart <= 2e-6
    assert missing == 1.0 or np.ptp(probabilities(pair[0], values)) > 0.2


def test_a_feature_without_any_value_is_in_no_tree(tmp_path: Path) -> None:
    """scikit-learn alone fails on one. What it would be later changes no answer."""
    rows = models.rows()
    rows.values[:, 3] = np.nan
    models.trained(tmp_path / "out", rows)
    model = load(str(tmp_path / "out" / "model.onnx"))

    answers = {model.ask([0.5, 0.5, 0.5, value, 0.5, 0.5]) for value in (np.nan, 0.0, -1e9, 1e9)}

    assert len(answers) == 1


def test_a_threshold_between_two_float32_splits_both_as_before() -> None:
    """It is never rounded up: the value above it would go the other way."""
    low = np.float32(21_000.001953125)
    high = np.nextafter(low, np.float32(np.inf))
    middle = (float(low) + float(high)) / 2

    for threshold in (float(low), middle, float(np.nextafter(float(high), 0.0))):
        assert np.float32(conversion._float32(threshold)) == low
    assert np.float32(conversion._float32(float(high))) == high


def test_a_conversion_that_does_not_hold_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that loses the way of missing values: the rows find it."""
    real = conversion._trees

    def losing(given: Any) -> Any:
        trees, base = real(given)
        return {**trees, "nodes_missing_value_tracks_true": [0] * len(trees["nodes_treeids"])}, base

    monkeypatch.setattr(conversion, "_trees", losing)

    with pytest.raises(ConfError, match=r"the conversion does not hold for scikit-learn .*no model is written"):
        models.trained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_rows_leave_the_same_bytes(out: Path, tmp_path: Path) -> None:
    """All files; another seed of the data is another hash of it."""
    models.trained(tmp_path / "again")
    other = models.trained(tmp_path / "other", models.rows(seed=2))

    for path in out.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    assert {path.name for path in out.iterdir()} == set(start.OURS)
    assert other.terms.data != load(str(out / "model.onnx")).terms.data


def test_the_card_tells_windows_scores_and_what_the_model_is_not(out: Path) -> None:
    """As JSON that can be read back, and for a person."""
    card = msgspec.json.decode((out / "card.json").read_bytes(), type=ModelCard)
    text = (out / "card.md").read_text("utf-8")

    assert [each.number for each in card.windows] == [1, 2]
    assert all(set(each.scores) == {"LONG", "SHORT"} for each in card.windows)
    assert all(each.score.log_loss < each.score.base_log_loss and each.score.auc > 0.7 for each in card.sides if each.score.auc)
    assert sum(part.rows for part in card.sides[0].calibration) == card.sides[0].score.rows == 360
    assert card.difference <= card.tolerance
    assert "It is no evidence of profit" in text
    assert all(name in text for name in models.NAMES)
    assert "calibration.svg" in text
    assert (out / "calibration.svg").read_text().startswith("<svg")


def test_the_preset_beside_the_model_trades_it_at_the_labels_distances(out: Path) -> None:
    preset = configuration.preset(str(out / "model.toml"))

    model = preset.parameters["model"]
    assert (model["path"], model["stop_atr"], model["target_atr"], model["hold_bars"]) == (str(out / "model.onnx"), 1.5, 3.0, 5)
    configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)


def test_what_reaches_into_a_test_is_not_trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Labels that end in or behind the test's first bar are left out, of trees and calibration; so are purge and embargo."""
    rows = models.rows()
    reaching = rows._replace(ends_ns=rows.close_ns + 60_000_000_000 * 60 * 24)  # to the next day: the last session's all reach
    seen: list[tuple[str, ...]] = []

    def noted(given: Any, sample: Any, before_ns: int | None, recipe: Recipe) -> SideModel:
        seen.append((sample[0], sample[-1]))
        if before_ns is not None:
            late = given.within(sample[-1], sample[-1])
            kept = late & boosting._ended(given, before_ns)
            assert not kept.any() or (given.ends_ns[kept] < before_ns).all()
        return fit(given, sample, before_ns, recipe)

    monkeypatch.setattr(start, "fit", noted)
    models.trained(tmp_path / "out", reaching, plan=Plan(sample=6, test=3, purge=1, embargo=1))

    days = sorted(set(rows.session.tolist()))
    assert seen == [(days[0], days[4]), (days[3], days[7]), (days[0], days[-1])]


def test_a_label_that_knows_the_test_would_be_found(tmp_path: Path) -> None:
    """A label that is made of the next session has no score out of sample where the rows behind it are left out."""
    frame = models.table()
    random = np.random.default_rng(9)
    frame["label"] = random.choice([1.0, -1.0], size=len(frame))
    (rows,) = training.of_table(frame, "noise")
    card = models.trained(tmp_path / "out", rows)

    (side,) = card.sides
    assert side.score.auc is not None
    assert abs(side.score.auc - 0.5) < 0.12


def without(column: str) -> Any:
    return lambda frame: frame.drop(columns=column)


def told(**fields: Any) -> Any:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.attrs["tapewire"] = {**frame.attrs["tapewire"], **fields}
        return frame

    return change


def without_side(frame: pd.DataFrame) -> pd.DataFrame:
    """As of a CSV file, which keeps nothing of what a table says of itself."""
    frame.attrs = {}
    return frame


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("label"), r"needs the column 'label'"),
        (without("ends_ns"), r"needs the column 'ends_ns'"),
        (without(list(models.NAMES)), r"no column is a feature of this version"),
        (told(digest="0"), r"a feature's definition has changed since it was written"),
        (lambda frame: frame.assign(label=2.0), r"label must be 1, 0 or -1"),
        (lambda frame: frame.assign(label=np.nan), r"label must be 1, 0 or -1, of one row at least"),
        (lambda frame: frame.tz_localize(None), r"times in a zone"),
        (lambda frame: frame[::-1], r"in their order"),
        (lambda frame: frame.assign(**{models.NAMES[2]: np.inf}), rf"{models.NAMES[2]} has an infinite value"),
        (lambda frame: frame.assign(**{models.NAMES[2]: 1e300}), rf"{models.NAMES[2]} has an infinite value"),
        (lambda frame: frame.assign(**{models.NAMES[2]: "high"}), rf"{models.NAMES[2]} = 'high' is no number"),
        (lambda frame: frame.assign(label="up"), r"label = 'up' is no number"),
        (lambda frame: frame.assign(ends_ns=np.nan), r"ends_ns = 'nan' is no whole number"),
        (lambda frame: frame.assign(ends_ns="late"), r"ends_ns = 'late' is no whole number"),
        (lambda frame: frame.assign(ends_ns=0), r"ends_ns = 0 lies before its bar \(2026-01-05 09:31"),
        (lambda frame: frame.assign(session="today"), r"session = 'today' is no trade date"),
        (lambda frame: frame.set_index(np.arange(len(frame))), r"times in a zone"),
        (lambda frame: frame.set_index(np.full(len(frame), "yesterday")), r"times in a zone \(.*yesterday"),
        (lambda frame: frame.iloc[[0, 1, 1, 2]], r"the bar 2026-01-05 09:32:00-05:00 stands there twice"),
        (without_side, r"does not say its side, as Parquet does; write --sides long or --sides short"),
    ],
)
def test_a_table_that_is_none_is_refused(change: Any, words: str) -> None:
    with pytest.raises(ConfError, match=words):
        training.of_table(change(models.table()), "a.parquet")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_read_as_it_was_written(tmp_path: Path, ending: str) -> None:
    """Parquet keeps what it says of itself; of CSV the side is asked for."""
    frame = models.table(side="SHORT")
    path = tmp_path / f"table.{ending}"
    frame.to_csv(path) if ending == "csv" else frame.to_parquet(path)

    (rows,) = training.read(path, "SHORT" if ending == "csv" else "LONG")
    (wanted,) = training.of_table(frame, "")

    assert rows.side == "SHORT"
    assert rows.digest() == wanted.digest()
    assert (rows.told == {}) == (ending == "csv")


def test_outcomes_have_the_side_of_each_row() -> None:
    frame = models.table()
    frame["direction"] = np.where(np.arange(len(frame)) % 3 == 0, "SHORT", "LONG")

    found = training.of_table(frame, "")

    assert [(rows.side, len(rows.pays)) for rows in found] == [("LONG", 480), ("SHORT", 240)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": Plan(sample=12, test=3)}, r"the recording has 12 sessions, and the first test begins after 12"),
        ({"plan": Plan(sample=6, test=3, purge=5)}, r"purge = 5 leaves 1 of 6 sessions"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfError, match=words):
        models.trained(tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "words"), [((1.5,), r"threshold = 1.5: write a probability, 0 to 1"), ((None, 0.0), r"share = 0.0: write a share")]
)
def test_thresholds_are_shares(settings: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ConfError, match=words):
        start.Thresholds(*settings)


def test_tables_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    long, short = models.rows(), models.rows(side="SHORT")
    other = models.rows(side="SHORT", names=models.NAMES[:5])

    with pytest.raises(ConfError, match="two tables are of the side LONG"):
        models.trained(tmp_path / "out", long, long)
    with pytest.raises(ConfError, match=rf"other features \({models.NAMES[5]}\)"):
        models.trained(tmp_path / "out", long, other)
    with pytest.raises(ConfError, match="are of NQ and ES"):
        models.trained(tmp_path / "out", long, short._replace(told={"root": "ES"}))


def test_a_sample_without_both_answers_is_refused(tmp_path: Path) -> None:
    rows = models.rows()

    with pytest.raises(ConfError, match=r"LONG, sessions 2026-01-05 .*trees: 0 of \d+ rows pay.*longer --sample"):
        models.trained(tmp_path / "out", rows._replace(pays=np.zeros(len(rows.pays), bool)))


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(ConfError, match=r"holds files that are not a training's \(notes.txt\)"):
        models.trained(tmp_path)


@pytest.mark.parametrize("name", ["trees", "leaves", "rows_at_least", "rate", "calibrated"])
def test_a_recipe_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfError, match=f"{name} = 0"):
        Recipe(**{name: 0})


def test_a_seed_is_one_that_numpy_takes() -> None:
    assert Recipe(seed=2**32 - 1).seed == 2**32 - 1
    with pytest.raises(ConfError, match="seed = 4294967296: write 4294967295 or less"):
        Recipe(seed=2**32)


def test_a_training_that_stops_while_it_writes_leaves_no_preset_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preset is what trades a model, and its distances are those of its own labels."""
    models.trained(tmp_path / "out")
    monkeypatch.setattr(start.cards, "markdown", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        models.trained(tmp_path / "out")

    assert not (tmp_path / "out" / "model.toml").exists()


def test_without_a_library_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "find_spec", lambda name: None if name == "sklearn" else find_spec(name))

    with pytest.raises(ConfError, match=r"training needs scikit-learn: pip install 'tapewire\[model\]'"):
        models.trained(tmp_path / "out")


def test_scores_of_hand_made_answers() -> None:
    """Four rows: the log loss is the mean of -ln of what was given to what happened."""
    given, pays = np.array([0.9, 0.6, 0.4, 0.1]), np.array([True, False, True, False])
    found = score(given, pays, 0.5)

    assert found.log_loss == pytest.approx(-(np.log(0.9) + np.log(0.4) + np.log(0.4) + np.log(0.9)) / 4)
    assert found.base_log_loss == pytest.approx(np.log(2))
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert (found.base_brier, found.auc, found.base_rate, found.expected) == (0.25, 0.75, 0.5, 0.5)
    assert score(given, np.ones(4, bool), 0.5).auc is None


def test_calibration_has_each_row_once() -> None:
    given = np.linspace(0.0, 0.99, 95)
    found = calibration(given, given > 0.5)

    assert [part.rows for part in found] == [10] * 5 + [9] * 5
    assert found[0].low == 0.0
    assert found[-1].high == 0.99
    assert json.loads(msgspec.json.encode(found[-1]))["paid"] == 1.0

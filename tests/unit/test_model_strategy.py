"""The strategy `model`: thresholds, distances, hours, its own exit, and what switches it off."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Position, Session
from tapewire.bus.testing import bar, session
from tapewire.daemons import evaluation
from tapewire.daemons.settings import load as configuration
from tapewire.replay.research import lookahead
from tapewire.replay.research.steps import Instrumented
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry
from tapewire.strategies.features import FEATURES, stream
from tapewire.strategies.model import Model
from tapewire.strategies.model_file import TrainedModel
from tapewire.strategies.protocol import Exit, Proposal
from tapewire.strategies.roster import Roster
from tests import models

LATER = "2026-03-02"  # a trade date behind the training


class Answering:
    """In place of a model: gives what it was given."""

    def __init__(self, *answers: float) -> None:
        self.answers = answers
        self.rows: list[tuple[float, ...]] = []

    def ask(self, values: tuple[float, ...]) -> tuple[float, ...]:
        self.rows.append(values)
        return self.answers


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a model of both sides, with 0.6 as threshold."""
    out = tmp_path_factory.mktemp("trained") / "out"
    models.trained(out, thresholds=models.start.Thresholds(0.6))
    return str(out / "model.onnx")


@pytest.fixture(scope="module")
def long_only(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("trained") / "out"
    models.trained(out, models.rows(), thresholds=models.start.Thresholds(0.6))
    return str(out / "model.onnx")


def made(path: str, answers: tuple[float, ...] = (), **settings: Any) -> Model:
    given = {"stop_points": 10.0, **settings}
    strategy = Model(Model.Params(path=path, **given), lambda s: s.day_type_edge)
    if answers:
        strategy.model = Answering(*answers)
    return strategy


def at(time: str = "11:00", day: str = LATER, **fields: Any) -> Session:
    return session(time, day=day, **{"bar": bar(time, day=day, close=21_000.0), "atr14": 4.0, **fields})


def proposed(strategy: Model, s: Session | None = None) -> Proposal | None:
    s = s or at()
    strategy.start(s.session)
    strategy.update(s)
    return strategy.propose(s)


@pytest.mark.parametrize(
    ("answers", "direction"),
    [
        ((0.6, 0.1), "LONG"),
        ((0.599999, 0.1), None),
        ((0.1, 0.6), "SHORT"),
        ((0.1, 0.599999), None),
        ((0.9, 0.6), None),  # both: it contradicts itself
        ((0.9, 0.599999), "LONG"),
    ],
)
def test_a_side_is_proposed_from_its_threshold_on(both: str, answers: tuple[float, float], direction: str | None) -> None:
    found = proposed(made(both, answers))

    assert (found and found.direction) == direction
    assert found is None or (found.setup, found.score) == (f"MODEL_{direction}", max(answers))


def test_a_threshold_of_the_preset_goes_before_the_files(both: str) -> None:
    assert proposed(made(both, (0.5, 0.1))) is None
    assert proposed(made(both, (0.5, 0.1), long_at_least=0.5)) is not None
    assert proposed(made(both, (0.7, 0.1), long_at_least=0.8)) is None


def test_a_model_of_one_side_proposes_that_side(long_only: str) -> None:
    """A threshold for the other one is refused: nothing would come of it."""
    found = proposed(made(long_only, (0.7,)))

    assert found is not None
    assert found.direction == "LONG"
    with pytest.raises(ValueError, match=r"short_at_least = 0.5: the model has no side SHORT; leave it out"):
        made(long_only, short_at_least=0.5)


@pytest.mark.parametrize(
    ("settings", "stop", "target"),
    [
        ({"stop_points": 10.0}, 10.0, None),
        ({"stop_points": 10.0, "target_points": 25.0}, 10.0, 25.0),
        ({"stop_points": None, "stop_atr": 1.5, "target_atr": 3.0}, 6.0, 12.0),
    ],
)
def test_the_bracket_is_counted_from_the_fill(both: str, settings: dict[str, Any], stop: float, target: float | None) -> None:
    """In points, or in ATR of the bar."""
    found = proposed(made(both, (0.7, 0.1), **settings))

    assert found is not None
    assert (found.stop, found.target, found.stop_points, found.target_points) == (None, None, stop, target)


@pytest.mark.parametrize(("time", "proposes"), [("09:59", False), ("10:00", True), ("14:59", True), ("15:00", False)])
def test_it_proposes_within_its_hours(both: str, time: str, proposes: bool) -> None:
    found = proposed(made(both, (0.7, 0.1), begin="10:00", until="15:00"), at(time))

    assert (found is not None) == proposes


def test_without_an_atr_it_proposes_nothing(both: str) -> None:
    assert proposed(made(both, (0.7, 0.1)), at(atr14=None)) is None


def test_it_takes_as_many_entries_as_it_may(both: str) -> None:
    """A new trade date has them again."""
    strategy = made(both, (0.7, 0.1), entries_at_most=1)
    found = proposed(strategy)
    assert found is not None
    strategy.consume(found)

    assert strategy.propose(at()) is None
    assert proposed(strategy, at(day="2026-03-03")) is not None


def test_it_leaves_after_so_many_bars(both: str) -> None:
    """The first bar after the signal's is 1; bars of the night do not count."""
    strategy = made(both, (0.7, 0.1), hold_bars=2)
    found = proposed(strategy)
    assert found is not None
    strategy.consume(found)
    position = Position("Sim", 1, 21_000.0, "id")

    left = []
    for time in ("11:01", "11:02"):
        strategy.update(at(time))
        left.append(strategy.manage(at(time), position))

    assert left == [None, Exit("MODEL_TIME")]
    assert made(both).manage(at(), position) is None


def test_every_bar_of_the_date_is_folded_and_missing_values_are_asked_as_they_are(both: str) -> None:
    """As in training: the table's rows are of the same stream."""
    strategy = made(both, (0.7, 0.1))
    roster = Roster([strategy], None)
    for s in (at("09:29"), at("09:31")):
        roster.fold(s)
    roster.choose(at("09:31"))

    assert isinstance(strategy.model, Answering)
    (row,) = strategy.model.rows
    assert row == strategy.stream.values()
    assert len(row) == len(models.NAMES)


@pytest.mark.parametrize("answer", [math.nan, math.inf, -0.1, 1.1])
def test_an_answer_that_is_no_probability_switches_it_off(both: str, answer: float) -> None:
    """Nothing is proposed on that bar, and the failure names the answer."""
    roster = Roster([made(both, (0.1, answer))], None)
    roster.fold(at())

    assert roster.choose(at()) == []
    (failure,) = roster.failures
    assert f"p(short) = {answer}: the model's answer is no probability" in failure.why


def test_within_its_own_training_it_proposes_nothing_unless_told_so(both: str) -> None:
    """Whatever way the bars come. It is not switched off: a live run that begins anew folds its last weeks again."""
    within = at(day="2026-01-12")
    strategy = made(both, (0.9, 0.1))
    roster = Roster([strategy], None)
    roster.fold(within)
    proposed_within = roster.choose(within)
    roster.fold(at())

    assert proposed_within == []
    assert roster.failures == []
    assert [each.setup for each in roster.choose(at())] == ["MODEL_LONG"]
    assert proposed(made(both, (0.9, 0.1), in_sample=True), within) is not None


def test_the_span_of_the_training_ends_where_its_last_label_looked(both: str) -> None:
    """One nanosecond on either side of both ends."""
    strategy = made(both)
    first, last = strategy.terms.first_ns, strategy.terms.last_ns

    assert [bool(strategy.knows(*span)) for span in ((0, first - 1), (0, first), (last, last + 9), (last + 1, last + 9))] == [
        False,
        True,
        True,
        False,
    ]


def test_why_shows_the_probability_beside_its_threshold(both: str) -> None:
    """The conditions are those of its own code, with the numbers in force."""
    strategy = made(both, (0.55, 0.2), short_at_least=0.7)
    watch = Instrumented(strategy)
    watch.notes.clear()
    proposed(strategy)

    texts = [step.text for step in watch.steps]
    assert "long_probability >= 0.6" in texts
    assert "short_probability >= 0.7" in texts
    misses = {watch.steps[step].text: miss for step, miss in watch.notes.failed}
    miss = misses["long_probability >= 0.6"]
    assert miss is not None
    assert (miss.was, miss.wanted) == (0.55, 0.6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, r"give exactly one of stop_points, stop_atr"),
        ({"stop_points": 5.0, "stop_atr": 1.0}, r"give exactly one of stop_points, stop_atr"),
        ({"stop_points": 0.0}, r"stop_points = 0.0: write a number above 0"),
        ({"stop_points": math.inf}, r"stop_points = inf: write a number above 0"),
        ({"stop_atr": 1.0, "target_points": 5.0, "target_atr": 1.0}, r"give at most one of target_points, target_atr"),
        ({"stop_atr": 1.0, "target_atr": math.nan}, r"target_atr = nan: write a number above 0"),
        ({"stop_atr": 1.0, "hold_bars": 0}, r"hold_bars = 0: write a number above 0"),
        ({"stop_atr": 1.0, "long_at_least": 1.01}, r"long_at_least = 1.01: write a probability, 0 to 1"),
        ({"stop_atr": 1.0, "long_at_leest": 0.5}, r"unknown field `long_at_leest`.*long_at_least"),
        ({"stop_atr": 1.0, "path": ""}, r"path: name the file that `tapewire train` wrote"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfError, match=words):
        registry.build(["model"], {"model": {"path": "model.onnx", **settings}}, "edge")


def test_a_model_of_another_market_is_refused_before_the_run(both: str) -> None:
    """MNQ and NQ are one market; MES is another."""
    settings = [f"model.path={both}", "model.stop_points=10"]
    preset = configuration.preset("bare", ["model"], settings)
    for symbol in ("MNQ", "NQ"):
        configuration.load("replay", instance="test", traded=[symbol], preset=preset)

    with pytest.raises(ConfError, match=r"was trained on MNQ \(NQ\), and MES is ES; train one on ES"):
        configuration.load("replay", instance="test", traded=["MES"], preset=preset)


def test_a_path_is_named_for_good_with_its_content(both: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a preset's file from its folder, with --set from the working folder; another path has another content."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(Path(both).read_bytes())
    (work / "other.onnx").write_bytes(Path(both).read_bytes())
    text = 'description = ""\nday_type = "edge"\nstrategies = ["model"]\n[parameters.model]\npath = "model.onnx"\nstop_atr = 1.0\n'
    (home / "own.toml").write_text(text)
    monkeypatch.chdir(work)

    given = configuration.preset(str(home / "own.toml"))
    other = configuration.changed(given, {"model.path": "other.onnx"})

    assert given.parameters["model"]["path"] == str(home / "model.onnx")
    assert other.parameters["model"]["path"] == str(work / "other.onnx")
    assert len(given.parameters["model"]["sha256"]) == 64
    (work / "other.onnx").write_bytes(b"another")
    with pytest.raises(ConfError, match="has changed since it was chosen"):
        configuration.load("replay", instance="test", traded=["MNQ"], preset=other)


def test_a_run_keeps_its_model(both: str, tmp_path: Path) -> None:
    """So it starts again, and is judged, with what it began with: also when another is trained meanwhile, and in another place."""
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(Path(both).read_bytes())
    preset = configuration.preset("bare", ["model"], [f"model.path={mine}", "model.stop_points=10"])
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)
    run = tmp_path / "run"
    run.mkdir()
    configuration.write(conf, run)
    mine.write_bytes(b"another")
    moved = run.rename(tmp_path / "moved")

    kept = configuration.read(moved).preset
    (moved / "epochs").mkdir()
    (moved / "run.json").rename(moved / "epochs" / "run.json")
    before = configuration.read(moved / "epochs").preset

    assert Path(kept.parameters["model"]["path"]).parent == moved / "models"
    assert before == kept
    assert isinstance(registry.build(kept.strategies, kept.parameters, kept.day_type)[0], Model)
    assert msgspec.json.encode(conf.preset.parameters["model"]["path"]) == msgspec.json.encode(str(mine))


def test_a_question_over_the_wire_names_no_file(both: str) -> None:
    """Whoever may ask for an evaluation: the path is this machine's own."""
    preset = configuration.preset("bare", ["model"], [f"model.path={both}", "model.stop_points=10"])
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)
    bars = [bar("11:00", day=LATER)]

    for settings in ({"model.path": "/etc/hostname"}, {"model.sha256": "0" * 64}):
        question = msgspec.json.encode({"bars": bars, "settings": settings}).decode()
        answer = next(each for each in evaluation.evaluate(conf, question) if each is not None)
        assert isinstance(answer, dict)
        assert (answer["code"], answer["signal"]["action"]) == ("SETTINGS", "NONE")
        assert "names a file of this machine" in answer["signal"]["reason"]
    question = msgspec.json.encode({"bars": bars, "settings": {"model.long_at_least": 0.9}}).decode()
    answer = next(each for each in evaluation.evaluate(conf, question) if each is not None)
    assert isinstance(answer, dict)
    assert answer["code"] == "NO_SETUP"


def test_a_feature_that_remembers_another_run_is_found(both: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the whole run leaves its closes behind, and in a fresh fold the feature reads the next one. `lookahead` names it."""
    seen: dict[int, float] = {}

    def peeks(moment: Any) -> float | None:
        seen[moment.bar.close_ns] = moment.bar.close
        return seen.get(moment.bar.close_ns + 60_000_000_000, 0.0) - moment.bar.close

    name = models.NAMES[0]
    monkeypatch.setattr(stream, "FEATURES", {**FEATURES, name: FEATURES[name]._replace(value=peeks)})
    monkeypatch.setattr(TrainedModel, "ask", lambda self, values: (1.0 if values[0] > 0 else 0.0, 0.0))
    preset = configuration.preset("bare", ["model"], [f"model.path={both}", "model.stop_points=10"])
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)
    times = [f"{(571 + n) // 60:02}:{(571 + n) % 60:02}" for n in range(40)]
    bars = [bar(time, open=21_000.0 + n % 3, day=LATER, position=None) for n, time in enumerate(times)]

    analysis = lookahead.analyse(
        conf,
        Recording("MNQ", "NQ", bars),
        count=3,
        seed=1,
        data=None,
        tell=lambda text: None,
        progress=lambda share: None,
        apart=lambda conf, inputs, features: iter(()),
    )

    assert {row.subject: row.verdict == "same" for row in analysis.rows}["Model"] is False
    assert not analysis.well

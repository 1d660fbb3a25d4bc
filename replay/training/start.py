"""A training from rows to files: the walk-forward that scores the recipe, the model of all sessions, its proof, card and preset.

    model.onnx         the model (replay/training/conversion.py)
    card.md, card.json, calibration.svg
    model.toml         a preset that trades it: `bare` with the strategy `model`

The same rows and settings give the same bytes, with the same versions of the libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

import tapewire
from tapewire.bus import disk
from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.files import FOLDER
from tapewire.replay.research.windows import Plan, WalkWindow, windows
from tapewire.replay.training import card as cards
from tapewire.replay.training import conversion
from tapewire.replay.training.boosting import Recipe, fit, one_thread, probabilities
from tapewire.replay.training.card import ModelCard, SideCard, WindowScore
from tapewire.replay.training.rows import TrainingRows
from tapewire.replay.training.scores import calibration, score
from tapewire.strategies.clock import new_york
from tapewire.strategies.features import digest
from tapewire.strategies.features.stream import reads_auction
from tapewire.strategies.model_file import FORM, ModelTerms

MODEL, CARD, FIGURES, PICTURE, PRESET = "model.onnx", "card.md", "card.json", "calibration.svg", "model.toml"
OURS = (MODEL, CARD, FIGURES, PICTURE, PRESET)
LIBRARIES = {"scikit-learn": "sklearn", "onnx": "onnx", "onnxruntime": "onnxruntime", "numpy": "numpy"}


class Thresholds(Struct, frozen=True):
    """given: of every side; None: the probability that `share` of the rows out of sample reach."""

    given: float | None = None
    share: float = 0.05

    def __post_init__(self) -> None:
        if self.given is not None and not 0 <= self.given <= 1:
            raise ConfError(f"threshold = {self.given}: write a probability, 0 to 1")
        if not 0 < self.share < 1:
            raise ConfError(f"share = {self.share}: write a share of the rows, above 0 and below 1")


BY_SHARE = Thresholds()


class OutOfSample(NamedTuple):
    """Of each row out of sample: the answer, and the base rate of its window's sample; NaN of the other rows."""

    answers: NDArray[np.float64]
    base: NDArray[np.float64]


class Of(NamedTuple):
    """Whose bars the rows are: the instrument, and its root."""

    instrument: str
    root: str


def origin(tables: Sequence[TrainingRows], instrument: str, own: Path | None) -> Of:
    """What the tables say that they are of, else this instrument. own: a file of instruments. Raises ConfError."""
    symbol = str(tables[0].told.get("instrument", instrument)) if tables else instrument
    return Of(symbol, configuration.instrument(symbol, own).root)


def train(
    tables: Sequence[TrainingRows],
    out: Path,
    of: Of,
    *,
    plan: Plan,
    recipe: Recipe,
    thresholds: Thresholds = BY_SHARE,
    progress: Callable[[float], None] = lambda share: None,
) -> ModelCard:
    """Train, prove and write. Replaces the files of an earlier training in the folder.

    Args:
        tables: a side each, with the same features.
    Raises:
        ConfError: a setting is wrong, the tables do not fit together, the sample is too short, a library is missing, or the
            conversion does not hold.
    """
    check()
    tables = sorted(tables, key=lambda rows: rows.side)
    _together(tables)
    sessions = sorted({str(date) for rows in tables for date in rows.session})
    steps = windows(len(sessions), plan)
    disk.only(out, OURS, "a training")
    with one_thread():
        card, content = _trained(tables, of, sessions, steps, plan, recipe, thresholds, progress)
    _write(out, content, card, tables[0].told)
    progress(1.0)
    return card


def _trained(
    tables: Sequence[TrainingRows],
    of: Of,
    sessions: Sequence[str],
    steps: Sequence[WalkWindow],
    plan: Plan,
    recipe: Recipe,
    thresholds: Thresholds,
    progress: Callable[[float], None],
) -> tuple[ModelCard, bytes]:
    """The card, and the content of the file."""
    given = [OutOfSample(np.full(len(rows.pays), np.nan), np.full(len(rows.pays), np.nan)) for rows in tables]
    found: list[WindowScore] = []
    for number, step in enumerate(steps, 1):
        sample, test = sessions[slice(*step.sample)], sessions[slice(*step.test)]
        scores = {}
        for rows, each in zip(tables, given, strict=True):
            tested = rows.within(test[0], test[-1])
            if not tested.any():
                continue
            model = fit(rows, sample, int(rows.close_ns[tested][0]), recipe)
            each.answers[tested] = probabilities(model, rows.values[tested])
            each.base[tested] = rows.pays[rows.within(sample[0], sample[-1])].mean()
            scores[rows.side] = score(each.answers[tested], rows.pays[tested], each.base[tested])
        found.append(WindowScore(number, sample[0], sample[-1], test[0], test[-1], scores))
        progress(number / (len(steps) + 1))
    told = [_side(rows, each, thresholds) for rows, each in zip(tables, given, strict=True)]
    models = [fit(rows, sessions, None, recipe) for rows in tables]
    terms = _terms(tables, of, recipe, told)
    content = conversion.written(models, terms)
    values = np.concatenate([rows.values for rows in tables])
    difference = conversion.proved(content, models, values)
    card = ModelCard(
        terms=terms,
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(values),
        sessions=len(sessions),
        recipe=recipe,
        plan=_planned(plan, len(steps)),
        windows=found,
        sides=told,
        difference=difference,
        tolerance=conversion.TOLERANCE,
        missing={name: float(np.isnan(values[:, at]).mean()) for at, name in enumerate(terms.features)},
    )
    return card, content


def _together(tables: Sequence[TrainingRows]) -> None:
    """Refuse tables that make no model of one file. Raises ConfError."""
    if not tables:
        raise ConfError("write a table of `tapewire features`, or --data with a recording")
    sides = [rows.side for rows in tables]
    if len(set(sides)) < len(sides):
        raise ConfError(f"two tables are of the side {sides[0]}; write one of each side (`tapewire features --side`)")
    first = tables[0]
    for other in tables[1:]:
        if other.features != first.features:
            apart = sorted(set(other.features) ^ set(first.features))
            raise ConfError(f"the tables have other features ({', '.join(apart[:3])}); write both with the same --names")
        if other.told.get("root") != first.told.get("root"):
            raise ConfError(f"the tables are of {first.told.get('root')} and {other.told.get('root')}; write both of one market")


def check() -> None:
    """Whether what training needs is installed. Raises ConfError."""
    missing = [name for name, module in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise ConfError(f"training needs {', '.join(missing)}: pip install 'tapewire[model]'")


def _side(rows: TrainingRows, given: OutOfSample, thresholds: Thresholds) -> SideCard:
    tested = ~np.isnan(given.answers)
    if not tested.any():
        raise ConfError(f"{rows.side}: no row is in a test; take shorter windows")
    pays, answers = rows.pays[tested], given.answers[tested]
    if thresholds.given is None:
        threshold = float(np.ceil(np.quantile(answers, 1 - thresholds.share) * 1e4) / 1e4)
        chosen = f"{thresholds.share:.0%} of the rows out of sample reach it"
    else:
        threshold, chosen = thresholds.given, "given"
    reached = answers >= threshold
    return SideCard(
        side=rows.side,
        threshold=min(threshold, 1.0),
        chosen=chosen,
        score=score(answers, pays, given.base[tested]),
        reached=int(reached.sum()),
        paid=float(pays[reached].mean()) if reached.any() else None,
        calibration=calibration(answers, pays),
    )


def _terms(tables: Sequence[TrainingRows], of: Of, recipe: Recipe, sides: Sequence[SideCard]) -> ModelTerms:
    first = tables[0]
    first_ns = min(int(rows.close_ns[0]) for rows in tables)
    last_ns = max(max(int(rows.close_ns[-1]), int(rows.ends_ns.max())) for rows in tables)
    dates = [str(date) for rows in tables for date in (rows.session[0], rows.session[-1])]
    return ModelTerms(
        form=FORM,
        features=first.features,
        digest=digest(first.features),
        instrument=of.instrument,
        root=of.root,
        first_ns=first_ns,
        last_ns=last_ns,
        first=min(dates),
        last=max(*dates, f"{new_york(last_ns):%Y-%m-%d}"),
        label=str(first.told.get("label", "not told")),
        definition="; ".join(dict.fromkeys(str(rows.told.get("definition", "not told")) for rows in tables)),
        sides=tuple(each.side for each in sides),
        thresholds=tuple(each.threshold for each in sides),
        auction_row_ticks=int(first.told.get("auction_row_ticks") or 0) if reads_auction(first.features) else 0,
        data=hashlib.sha256("".join(rows.digest() for rows in tables).encode()).hexdigest(),
        seed=recipe.seed,
        tapewire=tapewire.__version__,
        libraries={name: str(import_module(module).__version__) for name, module in LIBRARIES.items()},
    )


def _planned(plan: Plan, count: int) -> str:
    kind = "anchored" if plan.anchored else "rolling"
    return (
        f"{count} {kind}, {plan.sample} sessions of sample, {plan.test} of test, purge {plan.purge}, embargo {plan.embargo}; "
        "labels that reach over a border are left out"
    )


def _write(out: Path, content: bytes, card: ModelCard, told: Mapping[str, Any]) -> None:
    """The preset, which trades the model, goes first and comes last: no earlier one stands beside a part of this training."""
    with disk.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / PRESET).unlink(missing_ok=True)
    disk.replace(out / MODEL, content)
    disk.replace(out / PICTURE, cards.picture(card).encode())
    disk.replace(out / CARD, cards.markdown(card, PICTURE).encode())
    disk.replace(out / FIGURES, msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    disk.replace(out / PRESET, _preset(card, told).encode())


def _preset(card: ModelCard, told: Mapping[str, Any]) -> str:
    """`bare` with the model, whose path is beside the preset; distances and time are those of the label, where it has any."""
    text = (FOLDER / "presets" / "bare.toml").read_text("utf-8")
    _, _, body = text.partition("\ndescription = ")
    _, _, body = body.partition("\n")
    body = body.replace("strategies = []", 'strategies = ["model"]')
    if row_ticks := card.terms.auction_row_ticks:
        body = f"auction_row_ticks = {row_ticks}\n{body}"
    stop, target, bars = told.get("loss_atr", 2.0), told.get("profit_atr", 2.0), told.get("bars", 30)
    return (
        f"# A model of {card.terms.instrument}, trained on {card.terms.first} to {card.terms.last}; its card is {CARD}.\n"
        '# "none" switches a rule off; write a value in its place to have the rule, such as exit_time = "15:59".\n\n'
        f'description = "A trained model alone: no exits of ours, no limits, one contract"\n{body}\n'
        f'[parameters.model]                      # strategies/model.py\npath = "{MODEL}"\n'
        f"stop_atr = {stop:<29}# ATR of one-minute bars; those of the label\ntarget_atr = {target}\nhold_bars = {bars}\n"
    )

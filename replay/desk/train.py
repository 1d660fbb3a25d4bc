"""A training from Python: what the command `train` does, without a terminal."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import asdict

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Direction
from tapewire.replay import runs
from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.research import StudyResult, kept
from tapewire.replay.desk.start import configured, opened
from tapewire.replay.features import barriers, export
from tapewire.replay.features.barriers import TripleBarrier
from tapewire.replay.research.windows import Plan, checked
from tapewire.replay.sources.options import Options
from tapewire.replay.training import rows
from tapewire.replay.training import start as training
from tapewire.replay.training.boosting import Recipe
from tapewire.replay.training.card import ModelCard, short
from tapewire.strategies.features import FEATURES

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = str | Path | pd.DataFrame

SCORES = {
    "rows": "of the test",
    "base_rate": "share of them that paid",
    "expected": "mean probability",
    "log_loss, brier": "of the probabilities; smaller is better",
    "base_log_loss, base_brier": "what the sample's base rate alone would have had",
    "auc": "0.5 is chance; NaN where all rows are alike",
}

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "Training.sides": {
        "side": "LONG or SHORT",
        "threshold": "probability from which the side is proposed",
        "chosen": "how it was found",
        "reached": "rows out of sample at or above it",
        "paid": "the share of these that paid; NaN without one",
        **SCORES,
    },
    "Training.windows": {
        "number": "of the window, from 1",
        "sample_first, sample_last": "trade dates that it was trained on",
        "test_first, test_last": "trade dates that it was scored on",
        "side": "LONG or SHORT",
        **SCORES,
    },
    "Training.calibration": {
        "side": "LONG or SHORT",
        "low, high": "probabilities of a tenth of the rows out of sample, the lowest first",
        "rows": "of it",
        "expected": "mean probability",
        "paid": "the share that paid",
    },
    "Training.features": {
        "name": "of the feature, in the order of the file's input",
        "unit": "of its values",
        "missing": "share of the rows without a value",
        "meaning": "what it is",
    },
}
"""What the columns are. Scores are out of sample; replay/training/scores.py has their formulas."""


class Training(StudyResult):
    """A finished training. card: all of it, as in card.json."""

    def __init__(self, folder: Path, card: ModelCard, *, passing: bool) -> None:
        super().__init__(folder, passing=passing)
        self.card = card

    @property
    def path(self) -> Path:
        """The model file, which the strategy `model` asks."""
        return self.folder / training.MODEL

    @property
    def preset(self) -> Path:
        """A preset that trades it: `tapewire.backtest(later, preset=training.preset)`."""
        return self.folder / training.PRESET

    def __repr__(self) -> str:
        return "\n".join(short(self.card))

    def _repr_html_(self) -> str:
        picture = (self.folder / training.PICTURE).read_text("utf-8")
        tables = (each.to_html(index=False, na_rep="", float_format="{:.4f}".format) for each in (self.sides, self.windows))
        return "".join((*tables, picture, *(f"<p>{html.escape(each)}</p>" for each in self.card.limits)))

    @cached_property
    def sides(self) -> pd.DataFrame:
        """A row per side, over all windows."""
        card = self.card
        kept = ("side", "threshold", "chosen", "reached", "paid")
        return _table([{**{name: getattr(each, name) for name in kept}, **asdict(each.score)} for each in card.sides])

    @cached_property
    def windows(self) -> pd.DataFrame:
        """A row per window and side."""
        kept = ("number", "sample_first", "sample_last", "test_first", "test_last")
        return _table(
            [
                {**{name: getattr(each, name) for name in kept}, "side": side, **asdict(score)}
                for each in self.card.windows
                for side, score in each.scores.items()
            ]
        )

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """A row per side and tenth of the rows out of sample."""
        return _table([{"side": each.side, **asdict(part)} for each in self.card.sides for part in each.calibration])

    @cached_property
    def features(self) -> pd.DataFrame:
        """A row per feature."""
        return _table(
            [
                {"name": name, "unit": FEATURES[name].unit, "missing": self.card.missing[name], "meaning": FEATURES[name].meaning}
                for name in self.card.terms.features
            ]
        )


@typed
def train(
    data: str | Path | pd.DataFrame | None = None,
    *,
    tables: Table | Sequence[Table] | None = None,
    names: Sequence[str] | None = None,
    profit_atr: float = 2.0,
    loss_atr: float = 2.0,
    bars: int = 30,
    sides: Iterable[str] = barriers.SIDES,
    sample: int = 60,
    test: int = 20,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    threshold: float | None = None,
    share: float = 0.05,
    trees: int = 100,
    leaves: int = 8,
    rate: float = 0.05,
    rows_at_least: int = 50,
    seed: int = 1,
    out: str | Path | None = None,
    instrument: str = "MNQ",
    set: Mapping[str, Any] | None = None,  # the option's own name
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    instruments: str | Path | None = None,
    options: Options | None = None,
    progress: runs.Progress | None = None,
) -> Training:
    """Train a model for the strategy `model`: walk-forward, calibration, a card, and the file, proved row by row.

    Args:
        data, instrument, set, start, end, instruments, options, progress: as of `backtest`. tables: in place of data, what
            `features` returned, or the files of the command `features`: one of each side, or one alone.
        names: of the features; None for all that the run has. profit_atr, loss_atr, bars: of the labels, as of `features`.
        sides: "LONG", "SHORT" or both; one of them for a file that does not say its side, as CSV.
        sample, test, anchored, purge, embargo: the windows, in sessions (replay/research/windows.py).
        threshold: probability from which a side is proposed; None for the one that `share` of the rows out of sample reach.
        trees, leaves, rate, rows_at_least, seed: of the boosting (replay/training/boosting.py).
        out: the folder, whose files of an earlier training are replaced; None for one that goes with the result.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    if (data is None) is (tables is None):
        raise ConfError("write data, a recording, or tables, those of tapewire.features")
    training.check()
    plan = checked(Plan(sample, test, anchored, purge, embargo))
    recipe = Recipe(trees=trees, leaves=leaves, rate=rate, rows_at_least=rows_at_least, seed=seed)
    thresholds = training.Thresholds(threshold, share)
    chosen = None if names is None else [*names]
    named = barriers.sides(sides)
    own = None if instruments is None else Path(instruments)
    tell = progress or (lambda share: None)
    if data is None:
        made = [each for table in _listed(tables) for each in _read(table, rows.only(named))]
    else:
        rules = [TripleBarrier(profit_atr, loss_atr, bars, side) for side in named]
        conf = configured("train", instrument, "seed", None, set, None, False, None, own)
        export.wanted(conf, chosen)
        with opened(conf, data, start, end, options, lambda share: tell(share / 4)) as (conf, recording, _):
            made = rows.of_recording(conf, recording, chosen, rules, lambda share: tell(0.25 + share / 4))
    with kept(out) as folder:
        card = training.train(
            made,
            folder,
            training.origin(made, instrument, own),
            plan=plan,
            recipe=recipe,
            thresholds=thresholds,
            progress=lambda share: tell(0.5 + share / 2),
        )
        return Training(folder, card, passing=out is None)


def _listed(tables: Table | Sequence[Table] | None) -> list[Table]:
    if tables is None:
        return []
    return [*tables] if isinstance(tables, Sequence) and not isinstance(tables, str) else [tables]


def _read(table: Table, side: Direction | None) -> list[rows.TrainingRows]:
    return rows.read(Path(table), side) if isinstance(table, str | Path) else rows.of_table(table, "a table", side)


def _table(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(found)

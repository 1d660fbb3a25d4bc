"""Tables to train on, and small models, in which a known feature decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tapewire.bus.messages import Direction
from tapewire.replay.research.windows import Plan
from tapewire.replay.training import rows as training
from tapewire.replay.training import start
from tapewire.replay.training.boosting import Recipe
from tapewire.replay.training.card import ModelCard
from tapewire.replay.training.rows import TrainingRows
from tapewire.strategies.features import FEATURES, digest
from tapewire.strategies.features.stream import reads_auction

FIRST = dt.date(2026, 1, 5)
NAMES = tuple(name for name in FEATURES if not reads_auction([name]))[:: len(FEATURES) // 9][:6]
PLAN = Plan(sample=6, test=3)
RECIPE = Recipe(trees=12, rows_at_least=10, rate=0.2)
MNQ = start.Of("MNQ", "NQ")


def table(
    sessions: int = 12, bars: int = 60, seed: int = 1, side: Direction = "LONG", names: Sequence[str] = NAMES, missing: float = 0.1
) -> pd.DataFrame:
    """A row pays more often where the first feature is high, and where the second is missing."""
    random = np.random.default_rng(seed)
    count = sessions * bars
    days = [FIRST + dt.timedelta(number // 5 * 7 + number % 5) for number in range(sessions)]
    opens = [pd.Timestamp(day, tz="America/New_York") + pd.Timedelta(minutes=571) for day in days]
    index = pd.DatetimeIndex([first + pd.Timedelta(minutes=bar) for first in opens for bar in range(bars)], name="time")
    values = random.normal(size=(count, len(names)))
    gone = random.random(values.shape) < missing
    score = values[:, 0] * (1 if side == "LONG" else -1) + 2.0 * gone[:, 1] + random.normal(size=count)
    values[gone] = np.nan
    frame = pd.DataFrame(values, index=index, columns=list(names))
    frame.insert(0, "session", [str(day) for day in days for _ in range(bars)])
    frame["label"] = np.where(score > 0.8, 1.0, np.where(score < -0.8, -1.0, 0.0))
    frame["ends_ns"] = index.as_unit("ns").asi8 + 5 * 60_000_000_000
    told: dict[str, Any] = {"instrument": "MNQ", "root": "NQ", "label": "triple-barrier", "definition": "invented", "side": side}
    frame.attrs["tapewire"] = {**told, "digest": digest(names), "profit_atr": 3.0, "loss_atr": 1.5, "bars": 5}
    return frame


def rows(**changes: Any) -> TrainingRows:
    """The rows of such a table."""
    (found,) = training.of_table(table(**changes), "a table")
    return found


def trained(out: Path, *tables: TrainingRows, **changes: Any) -> ModelCard:
    """Train in a folder: both sides without tables."""
    given = tables or (rows(), rows(side="SHORT"))
    settings: dict[str, Any] = {"plan": PLAN, "recipe": RECIPE, **changes}
    return start.train(given, out, MNQ, **settings)

"""Gradient boosting with a calibrated probability, for each side of the market.

A side is one question: does this row's label say that it pays? Its model is scikit-learn's HistGradientBoostingClassifier, which
learns for each split where missing values go, and a sigmoid over its score (J. Platt, 1999). The sigmoid is fitted on sessions that
the trees have not seen, the last of the sample:

    |............ trees ............|..... sigmoid .....|  test or future
                    labels that reach over a border are left out of what lies before it

The same recipe makes the model of each window of a walk-forward, and in the end that of the file, on all sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Direction
from tapewire.replay.training.rows import Chosen, TrainingRows, Values

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

LEAST = 2
"""Rows that pay, and rows that do not, at least, on either part of a sample."""
LAST_SEED = 2**32 - 1
"""Of numpy's generators."""


class Recipe(Struct, frozen=True):
    """How a model is fitted.

    trees: number of trees. leaves: of a tree, at most. rate: the share of each tree that is taken. rows_at_least: of a leaf.
    l2: weight of the squared leaf values. calibrated: share of a sample's sessions that the sigmoid is fitted on.
    """

    trees: int = 100
    leaves: int = 8
    rate: float = 0.05
    rows_at_least: int = 50
    l2: float = 1.0
    calibrated: float = 0.25
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("trees", 1), ("leaves", 2), ("rows_at_least", 1), ("l2", 0), ("seed", 0)):
            if not getattr(self, name) >= least:
                raise ConfError(f"{name} = {getattr(self, name)}: write {least} or more")
        if self.seed > LAST_SEED:
            raise ConfError(f"seed = {self.seed}: write {LAST_SEED} or less")
        if not 0 < self.rate <= 1 or not 0 < self.calibrated < 1:
            raise ConfError(f"rate = {self.rate}, calibrated = {self.calibrated}: write shares above 0 and below 1")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn use one thread. Its threads wait for each other busily: on two cores that others use too, a training of one
    second took a minute. One thread also leaves no question of an order."""
    from sklearn import ensemble  # noqa: F401 - before the limit: it holds for what is loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


class SideModel(NamedTuple):
    """A fitted side: scikit-learn's trees and sigmoid together."""

    side: Direction
    fitted: CalibratedClassifierCV


def fit(rows: TrainingRows, sample: Sequence[str], before_ns: int | None, recipe: Recipe) -> SideModel:
    """Fit a side on a sample.

    Args:
        sample: its trade dates. before_ns: close of the first bar behind the sample, which no label of it may reach; None: nothing
            is behind.
    Raises:
        ConfError: the sample is too short.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.frozen import FrozenEstimator

    border = len(sample) - max(1, round(len(sample) * recipe.calibrated))
    if border < 1:
        raise ConfError(f"a sample of {len(sample)} sessions is too short: trees and calibration need one each")
    late = rows.within(sample[border], sample[-1])
    early = rows.within(sample[0], sample[border - 1]) & _ended(rows, int(rows.close_ns[late][0]) if late.any() else None)
    late &= _ended(rows, before_ns)
    for part, chosen in (("trees", early), ("calibration", late)):
        paid, count = int(rows.pays[chosen].sum()), int(chosen.sum())
        if not LEAST <= paid <= count - LEAST:
            raise ConfError(
                f"{rows.side}, sessions {sample[0]} to {sample[-1]}, {part}: {paid} of {count} rows pay, and {LEAST} of each kind "
                "are needed; take a longer --sample, or other labels"
            )
    values = rows.values[early]
    # scikit-learn 1.9.1 fails on a column without any value; one that is always 0 is in no tree.
    values[:, np.isnan(values).all(axis=0)] = 0.0
    trees = HistGradientBoostingClassifier(
        max_iter=recipe.trees,
        max_leaf_nodes=recipe.leaves,
        learning_rate=recipe.rate,
        min_samples_leaf=recipe.rows_at_least,
        l2_regularization=recipe.l2,
        early_stopping=False,
        random_state=recipe.seed,
    ).fit(values, rows.pays[early])
    sigmoid = CalibratedClassifierCV(FrozenEstimator(trees), method="sigmoid").fit(rows.values[late], rows.pays[late])
    return SideModel(rows.side, sigmoid)


def probabilities(model: SideModel, values: Values) -> NDArray[np.float64]:
    """Of each row, as scikit-learn has them."""
    found: NDArray[np.float64] = model.fitted.predict_proba(values)[:, 1]
    return found


def _ended(rows: TrainingRows, before_ns: int | None) -> Chosen:
    return np.ones(len(rows.pays), bool) if before_ns is None else rows.ends_ns < before_ns

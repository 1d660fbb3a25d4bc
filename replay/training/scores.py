"""How good probabilities were, on rows that the model had not seen.

    log loss   mean of -log of the probability that was given to what happened; smaller is better
    Brier      mean squared distance of the probability to 0 or 1; smaller is better
    AUC        share of pairs of a row that paid and one that did not, in which the first has the higher probability; 0.5 is chance

Beside the first two stands what the sample's base rate alone would have had, given to every row. All are scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BINS = 10


class Score(Struct, frozen=True):
    """Of one side on some rows. base_rate: share that paid. expected: mean probability. base_*: of the sample's base rate. auc:
    None where all rows are alike."""

    rows: int
    base_rate: float
    expected: float
    log_loss: float
    base_log_loss: float
    brier: float
    base_brier: float
    auc: float | None


class CalibrationBin(Struct, frozen=True):
    """A tenth of the rows, by probability: its bounds, the mean probability, the share that paid."""

    low: float
    high: float
    rows: int
    expected: float
    paid: float


def score(given: NDArray[np.float64], pays: NDArray[np.bool_], base: float | NDArray[np.float64]) -> Score:
    """Args: given: probabilities. pays: what happened. base: the base rate of the sample, or of each row's."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    constant = np.broadcast_to(np.asarray(base, np.float64), given.shape)
    return Score(
        rows=len(pays),
        base_rate=float(pays.mean()),
        expected=float(given.mean()),
        log_loss=float(log_loss(pays, given, labels=[False, True])),
        base_log_loss=float(log_loss(pays, constant, labels=[False, True])),
        brier=float(brier_score_loss(pays, given, labels=[False, True], pos_label=True)),
        base_brier=float(brier_score_loss(pays, constant, labels=[False, True], pos_label=True)),
        auc=float(roc_auc_score(pays, given)) if pays.any() and not pays.all() else None,
    )


def calibration(given: NDArray[np.float64], pays: NDArray[np.bool_]) -> list[CalibrationBin]:
    """Rows in ten equal parts by their probability, the lowest first; fewer where there are not so many rows."""
    order = np.argsort(given, kind="stable")
    return [
        CalibrationBin(
            float(given[part[0]]), float(given[part[-1]]), len(part), float(given[part].mean()), float(pays[part].mean())
        )
        for part in np.array_split(order, min(BINS, len(order)))
        if len(part)
    ]

"""Two tests of a whole search, not of one cell. Both take the net of every cell in every session, in the same order.

Probability of back-test overfitting, by combinatorially symmetric cross-validation (CSCV)

    The sessions are cut into S blocks in order, as equal as they can be. For each of the C(S, S/2) ways to take half of the blocks,
    the cell n with the best Sharpe ratio on these is looked up on the others, where its rank r among N cells (1 the worst, equal
    ones share the mean of their ranks) is made relative:

        w = r / (N + 1),   logit = ln(w / (1 - w))

    The probability is the share of ways with logit <= 0: the best on one half is not above the middle on the other. `loss` is the
    share of ways in which it loses money there.

    D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, The Probability of Backtest Overfitting, Journal of Computational
    Finance 20 (4), 2017.

White's reality check, and Hansen's test of superior predictive ability (SPA), against the account that does not trade

    H0: no cell has a mean above 0. With d(k) the mean of cell k over T sessions, and d*(k) that of a resample of sessions in blocks
    (stationary bootstrap, blocks of sqrt(T) sessions on average), the p-values are the shares of resamples in which

        White    max_k (d*(k) - d(k))           >  max_k d(k)
        Hansen   max_k (d*(k) - c(k)) / o(k)    >  max_k d(k) / o(k)

    o(k)^2 is the variance of sqrt(T) d(k) with its autocovariances g(i), weighted as the bootstrap has them with q = 1/sqrt(T):

        o^2 = g(0) + 2 * sum over i of ((1 - i/T) (1 - q)^i + i/T (1 - q)^(T - i)) * g(i)

    and c(k) is d(k), but 0 of a cell that is so much worse that it cannot matter: d(k) < -o(k) sqrt(2 ln ln T / T).

    H. White, A Reality Check for Data Snooping, Econometrica 68 (5), 2000; P. R. Hansen, A Test for Superior Predictive Ability,
    Journal of Business and Economic Statistics 23 (4), 2005. The resamples are those of `arch` (extra `doubt`).

    What is done before it is asked: a cell that never differs from the account that does not trade is that account, and is left out
    (with it among the candidates the library's p-value is 0 where nothing is better); where no mean is above 0, p is 1; each cell
    is divided by its o(k) here, since the library's own option for it does not change its figures (arch 8.0.0).

Cells with equal results in every session are one try.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tapewire.bus.errors import ConfError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BLOCKS = 16
LEAST_BLOCKS, LEAST_IN_BLOCK = 4, 2
AT_ONCE = 2_000_000  # numbers of one table of ways and cells, 16 MB
RESAMPLES = 1_000
SEED = 1
LEAST_SESSIONS = 20
MOST_CELLS = 2_000


class Overfit(Struct, frozen=True):
    """The probability of overfitting. cells: distinct ones; blocks, ways: how the sessions were cut. logits: mean over the ways."""

    cells: int
    blocks: int
    ways: int
    probability: float
    loss: float
    logit: float


class Superior(Struct, frozen=True):
    """p-values of the hypothesis that no cell is better than not to trade. cells: distinct ones that traded."""

    cells: int
    white: float
    hansen: float


def overfit(nets: Sequence[Sequence[float]], blocks: int = BLOCKS) -> Overfit | None:
    """The probability of back-test overfitting; None of fewer than two distinct cells, or of too few sessions.

    Args:
        nets: of each cell, per session. blocks: even, at most; fewer where a block would have less than LEAST_IN_BLOCK sessions.
    """
    import numpy as np

    cells = _distinct(nets)
    if len(cells) < 2:
        return None
    sessions = cells.shape[1]
    blocks = min(blocks, sessions // LEAST_IN_BLOCK) // 2 * 2
    if blocks < LEAST_BLOCKS:
        return None
    parts = np.array_split(cells, blocks, axis=1)
    sizes = np.array([part.shape[1] for part in parts], np.float64)
    sums = np.stack([part.sum(axis=1) for part in parts])
    squares = np.stack([(part**2).sum(axis=1) for part in parts])
    ways = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(ways), blocks))
    np.put_along_axis(inside, ways, 1.0, axis=1)
    logits, losses = [], 0
    each = max(1, AT_ONCE // len(cells))
    for at in range(0, len(ways), each):
        taken = inside[at : at + each]
        best = _sharpes(taken, sizes, sums, squares).argmax(axis=1)
        others = _sharpes(1 - taken, sizes, sums, squares)
        mine = others[np.arange(len(best)), best][:, None]
        ranks = (others < mine).sum(axis=1) + ((others == mine).sum(axis=1) + 1) / 2
        share = ranks / (len(cells) + 1)
        logits.append(np.log(share / (1 - share)))
        losses += int((((1 - taken) @ sums)[np.arange(len(best)), best] < 0).sum())
    logit = np.concatenate(logits)
    return Overfit(
        cells=len(cells),
        blocks=blocks,
        ways=len(ways),
        probability=float((logit <= 0).mean()),
        loss=losses / len(ways),
        logit=float(logit.mean()),
    )


def superior(nets: Sequence[Sequence[float]]) -> Superior | None:
    """Whether any cell is better than not to trade; None of too few sessions, or of more cells than can be resampled.

    Raises:
        ConfError: arch is not installed.
    """
    import numpy as np

    cells = _distinct(nets)
    cells = cells[np.ptp(cells, axis=1) > 0] if len(cells) else cells
    if not len(cells) or cells.shape[1] < LEAST_SESSIONS or len(cells) > MOST_CELLS:
        return None
    if cells.mean(axis=1).max() <= 0:
        return Superior(len(cells), 1.0, 1.0)
    try:
        from arch.bootstrap import SPA
    except ImportError as error:
        raise ConfError("White's reality check needs arch; install it with: pip install 'tapewire[doubt]'") from error

    def p_value(rows: Floats, kind: str) -> float:
        test: Any = SPA(np.zeros(rows.shape[1]), -rows.T, block_size=block, reps=RESAMPLES, studentize=False, seed=SEED)
        test.compute()
        return float(test.pvalues[kind])

    block = max(1, math.isqrt(cells.shape[1]))
    return Superior(len(cells), p_value(cells, "upper"), p_value(cells / deviations(cells, block)[:, None], "consistent"))


def deviations(cells: Floats, block: int) -> Floats:
    """o(k) of each cell, see above: a row for each, a column for each session. block: sessions, on average."""
    import numpy as np

    count, part = cells.shape[1], 1 / block
    apart = cells - cells.mean(axis=1, keepdims=True)
    # The autocovariances of all distances at once, as the inverse transform of the power; padded, so that nothing wraps around.
    power = np.abs(np.fft.rfft(apart, 2 * count, axis=1)) ** 2
    covariances = np.fft.irfft(power, 2 * count, axis=1)[:, :count] / count
    steps = np.arange(count)
    weights = (1 - steps / count) * (1 - part) ** steps + steps / count * (1 - part) ** (count - steps)
    weights[0] = 0.5
    found: Floats = np.sqrt(np.maximum(2 * covariances @ weights, 1e-12 * covariances[:, 0]))
    return found


def words(nets: Sequence[Sequence[float]]) -> tuple[Overfit | None, Superior | None, list[str]]:
    """Both tests, and what they say."""
    lines = []
    found = overfit(nets)
    if found is not None:
        lines.append(
            f"In {found.probability:.0%} of {found.ways:,} ways to choose on one half of the sessions, the best there is not above "
            f"the middle of {found.cells} cells on the other half, and in {found.loss:.0%} it loses there (probability of "
            "back-test overfitting, CSCV). Cells without any value come to about 50 %."
        )
    try:
        better = superior(nets)
    except ConfError as error:
        return found, None, [*lines, f"{error}."]
    if better is not None:
        lines.append(
            f"If no cell were better than not to trade, the best of {better.cells} would look as good as here with a probability "
            f"of {better.white:.3f} (White's reality check) or {better.hansen:.3f} (Hansen's SPA); below 0.05 is the usual bar."
        )
    return found, better, lines


def _distinct(nets: Sequence[Sequence[float]]) -> Floats:
    """The cells that differ, a row each, in their first order."""
    import numpy as np

    return np.array(list(dict.fromkeys(map(tuple, nets))), np.float64)


def _sharpes(taken: Floats, sizes: Floats, sums: Floats, squares: Floats) -> Floats:
    """Sharpe ratios of every cell on every way's blocks; 0 without variation.

    Args:
        taken: 1 for a block of a way, 0 for none. sizes, sums, squares: of each block its sessions, and of each cell there the sum
            of nets and of their squares.
    """
    import numpy as np

    count = (taken @ sizes)[:, None]
    mean = taken @ sums / count
    spread = (taken @ squares - count * mean**2) / (count - 1)
    # What is left of equal numbers after rounding is no variation.
    level = spread <= 1e-12 * np.maximum(taken @ squares / count, 1e-300)
    found: Floats = np.where(level, 0.0, mean / np.sqrt(np.where(level, 1.0, spread)))
    return found

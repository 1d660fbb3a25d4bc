"""How far to trust the best cell of a sweep: five questions, with numbers and words. None of them is about profit.

How many were tried?   The best of many is good by chance. With N tries of no value at all, the best Sharpe ratio to expect is

                           SR0 = sqrt(V) * ((1 - g) * Z(1 - 1/N) + g * Z(1 - 1/(N * e))),  g = 0.5772 (Euler-Mascheroni)

                       with V the variance of the ratios over the tries and Z the inverse of the normal distribution. The best
                       one's own ratio SR over T sessions, with skewness s and kurtosis k of its sessions, is then deflated:

                           z = (SR - SR0) * sqrt(T - 1) / sqrt(1 - s * SR + (k - 1) / 4 * SR * SR)

                       D. H. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (5), 2014.
                       Cells with equal results in every session are one try. Ratios are per session and not annualised.
Peak or plateau?       How one step in one setting changes the best cell. A lucky cell has no good neighbours.
Does it last?          The best cell of the first sessions, and its result in the rest.
And the search?        The probability of overfitting and White's reality check, over all sessions (replay/research/multiple.py).
Is that enough?        The number of sessions and trades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, pstdev, stdev, variance

from msgspec import Struct
from msgspec.structs import replace

from tapewire.replay.report.text import count
from tapewire.replay.research import multiple
from tapewire.replay.research.multiple import Overfit, Superior

EULER_MASCHERONI = 0.5772156649015329
KEEPS = 0.5
FEW_SESSIONS = 60
FEW_TRADES = 100


class Try(Struct, frozen=True):
    """The figures of one cell that count here. nets: cents per session, in order. label: the cell in words."""

    label: str
    nets: tuple[int, ...]
    trades: int


class Doubt(Struct, frozen=True):
    """The reasons to doubt the best cell. Dollars; ranks from 1; sharpe per session.

    trials, distinct: cells, and cells with different results. best: index of the cell that was best in sample.
    shape: "peak", "plateau", "level" (no difference) or "alone" (no neighbours). neighbours: their net in sample. chance: the
    expected Sharpe ratio of the best of that many worthless tries. z, probability: that the ratio of the best cell is above it.
    overfit, superior: of the whole search, None where there is too little.
    """

    trials: int
    distinct: int
    best: int
    sessions_in: int
    sessions_out: int
    net_in: float
    net_out: float | None
    rank_out: int | None
    neighbours: tuple[float, ...]
    shape: str
    sharpe: float
    chance: float
    z: float | None
    probability: float | None
    overfit: Overfit | None
    superior: Superior | None
    words: tuple[str, ...] = ()


def judge(tries: Sequence[Try], near: Mapping[int, Sequence[int]], share: float) -> Doubt:
    """The doubt about the best of these tries.

    Args:
        tries: in the order of the grid, with equally many sessions each. near: indexes of each cell's neighbours.
        share: the share of the sessions, from the first on, that is in sample; the best try is chosen by its net there.
    """
    sessions = len(tries[0].nets)
    first = inside(sessions, share)
    nets = [sum(each.nets[:first]) / 100 for each in tries]
    rest = [sum(each.nets[first:]) / 100 for each in tries]
    best = max(range(len(tries)), key=lambda at: (nets[at], -at))
    around = tuple(nets[at] for at in near.get(best, ()))
    samples = {each.nets[:first] for each in tries}
    ratios = [sharpe(sample) for sample in sorted(samples)]
    mine = tries[best].nets[:first]
    chance = expected_best(ratios)
    z = deflated(mine, chance)
    overfit, superior, search = multiple.words([[net / 100 for net in each.nets] for each in tries])
    doubt = Doubt(
        trials=len(tries),
        distinct=len(samples),
        best=best,
        sessions_in=first,
        sessions_out=sessions - first,
        net_in=nets[best],
        net_out=rest[best] if first < sessions else None,
        rank_out=1 + sum(net > rest[best] for net in rest) if first < sessions else None,
        neighbours=around,
        shape=shape(nets[best], around),
        sharpe=sharpe(mine),
        chance=chance,
        z=z,
        probability=None if z is None else NormalDist().cdf(z),
        overfit=overfit,
        superior=superior,
    )
    return replace(doubt, words=tuple(_words(doubt, tries[best], search)))


def inside(sessions: int, share: float) -> int:
    """How many of the sessions are in sample: rounded down, at least one."""
    return min(max(1, int(share * sessions)), sessions)


def sharpe(nets: Sequence[float]) -> float:
    """Mean over standard deviation, per session; 0 without variation."""
    spread = stdev(nets) if len(nets) > 1 else 0.0
    return fmean(nets) / spread if spread > 0 else 0.0


def expected_best(ratios: Sequence[float]) -> float:
    """The expected Sharpe ratio of the best of so many worthless tries, by the spread of their ratios. 0 for one try."""
    count = len(ratios)
    if count < 2:
        return 0.0
    normal = NormalDist()
    steps = (1 - EULER_MASCHERONI) * normal.inv_cdf(1 - 1 / count) + EULER_MASCHERONI * normal.inv_cdf(1 - 1 / (count * math.e))
    return math.sqrt(variance(ratios)) * steps


def deflated(nets: Sequence[float], chance: float) -> float | None:
    """How many standard errors the Sharpe ratio of these sessions lies above `chance`. None if it is undefined."""
    spread = pstdev(nets) if nets else 0.0
    if len(nets) < 3 or spread == 0:
        return None
    mean, ratio = fmean(nets), sharpe(nets)
    skewness = fmean(((net - mean) / spread) ** 3 for net in nets)
    kurtosis = fmean(((net - mean) / spread) ** 4 for net in nets)
    error = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio * ratio
    return (ratio - chance) * math.sqrt(len(nets) - 1) / math.sqrt(error) if error > 0 else None


def shape(best: float, around: Sequence[float]) -> str:
    """A plateau if every neighbour keeps at least half of a best above 0; level if all are equal; alone without any; or a peak."""
    if not around:
        return "alone"
    if all(net == best for net in around):
        return "level"
    return "plateau" if best > 0 and min(around) >= KEEPS * best else "peak"


MEANINGS = {
    "plateau": "a plateau: small changes leave it standing",
    "peak": "a peak: small changes bring it down",
    "level": "level ground: small changes make no difference here",
}


def _words(doubt: Doubt, best: Try, search: Sequence[str]) -> list[str]:
    tried = f"{count(doubt.trials, 'cell')} {'was' if doubt.trials == 1 else 'were'} tried"
    lines = [
        f"{tried}, {doubt.distinct} of them with different results. The best in sample is {best.label}. "
        "It was chosen for its result, so the result is better than what is to be expected of it."
    ]
    if doubt.net_in <= 0:
        lines.append("Not even the best made money in sample: there is nothing to choose here.")
    if doubt.probability is None or doubt.z is None:
        lines.append("Its sessions are too few or too even to say what chance alone would have done.")
    else:
        lines.append(
            f"If all of them were worthless, the best of {doubt.distinct} would still be expected to show a Sharpe ratio of "
            f"{doubt.chance:.2f} per session. The best shows {doubt.sharpe:.2f}: z = {doubt.z:.2f}, so the probability that it is "
            f"better than chance is {doubt.probability:.0%}; 95 % is the usual bar."
        )
    if doubt.neighbours:
        around = f"{fmean(doubt.neighbours):+,.2f} on average ({min(doubt.neighbours):+,.2f} to {max(doubt.neighbours):+,.2f})"
        means = MEANINGS[doubt.shape]
        lines.append(f"One step away in one setting, in-sample net is {around}, at the best {doubt.net_in:+,.2f}. That is {means}.")
    if doubt.net_out is None:
        lines.append("There is no session outside the sample, so nothing is known about what it would have done on others.")
    else:
        lines.append(
            f"Chosen on the first {doubt.sessions_in} sessions with {doubt.net_in:+,.2f}, it made {doubt.net_out:+,.2f} on the "
            f"last {doubt.sessions_out}, rank {doubt.rank_out} of {doubt.trials} there."
        )
    lines += search
    sessions = doubt.sessions_in + doubt.sessions_out
    if sessions < FEW_SESSIONS or best.trades < FEW_TRADES:
        few = f"{count(sessions, 'session')} and {count(best.trades, 'trade')} are few"
        lines.append(f"{few}: the next ones can turn any of these figures.")
    lines.append("None of this says that any cell will make money.")
    return lines

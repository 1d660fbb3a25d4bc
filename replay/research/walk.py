"""Walk-forward: in each window the cell is chosen that was best on the sample, and is then traded on the sessions after it.

Every cell has run once, over the whole recording (replay/research/trades.py); all windows are made of those trades.

sample     what a new account with the cell's settings would have made there: the trades that were decided and closed in the
           sample's counted sessions. One that began before it or was still open at its end does not count: at the time of the
           choice its result was not known
test       one account trades all windows, one after another, and keeps its realised equity, so that a limit of the drawdown holds
           over all of them. It enters what the chosen cell entered in the window's sessions. A position that is open at a border is
           kept and closed as its own cell closed it; until then the account enters nothing new (`crossed`)

Where nothing is open at a border, this is what a run with these settings from that session on would have done, history of the
tracker included. Where a cell held a position there, it may have missed entries that a flat account would have made: `held` counts
those borders, over all cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from msgspec import Struct

from tapewire.replay import equity
from tapewire.replay.desk import numbers
from tapewire.replay.desk.numbers import ClosedTrade
from tapewire.replay.report.text import count
from tapewire.replay.research import metrics, windows
from tapewire.replay.research.trades import LimitedAccount, PlacedTrade, of_window
from tapewire.replay.research.windows import Plan, WalkWindow

UNKNOWN = ("bars", "exposure", "expectancy_r", "buy_and_hold")
"""Figures of a run that trades alone do not give."""


class WindowResult(Struct, frozen=True):
    """One window. Dates are trade dates; money is dollars.

    cell: index of the chosen one; None if no cell has a value, and the account then rests. value: the metric in the sample,
    infinite (null in JSON) without anything to divide by. sample_sessions: those that count. net, trades: of the account, closed in
    the test's sessions. rank: of the chosen cell among all by what each alone made in the test, 1 the best; best: the most that any
    made. limited: entries that the limit of the drawdown forbade; crossed: those that an older position did.
    """

    number: int
    sample_first: str
    sample_last: str
    sample_sessions: int
    test_first: str
    test_last: str
    test_sessions: int
    cell: int | None
    value: float | None
    sample_net: float
    sample_trades: int
    net: float
    trades: int
    rank: int | None
    best: float
    limited: int
    crossed: int


class TestedTrade(Struct, frozen=True):
    """A trade of the account: of which window and cell, and in which session it was closed."""

    window: int
    cell: int
    placed: PlacedTrade


class Fixed(Struct, frozen=True):
    """One cell traded over all tests, on an account of its own. chosen: in how many windows it was. nets: dollars per session."""

    net: float
    trades: int
    max_drawdown: float
    sharpe: float | None
    chosen: int
    nets: tuple[float, ...]


class Walked(Struct, frozen=True):
    """A walk-forward.

    sessions: those of the tests; nets, closed: of each the account's dollars and trades. efficiency: mean net of a session in the
    tests over that in the samples of the chosen cells (R. Pardo, The Evaluation and Optimization of Trading Strategies, 2008,
    chapter 11); None if those lost. held: borders at which a cell held a position, over all cells.
    """

    plan: Plan
    sessions: tuple[str, ...]
    steps: tuple[WindowResult, ...]
    trades: tuple[TestedTrade, ...]
    nets: tuple[float, ...]
    closed: tuple[int, ...]
    figures: dict[str, Any]
    efficiency: float | None
    fixed: tuple[Fixed, ...]
    held: int


class Sample(Struct, frozen=True):
    """What a cell made in a sample: the metric and dollars."""

    value: float | None
    net: float
    trades: int


def sampled(trades: Sequence[PlacedTrade], limit: int | None, window: WalkWindow, metric: str) -> Sample:
    """A cell in the sample of a window. trades: its own, in the order of their signals. limit: of its drawdown, cents."""
    first, end = window.sample
    found = of_window(trades, first, end, limit)
    nets = [each.trade.net_cents for each in sorted(found, key=lambda each: each.trade.exit_ns)]
    return Sample(metrics.value(metric, nets, _by_session(found, first, end)), sum(nets) / 100, len(nets))


def walk(
    cells: Sequence[Sequence[PlacedTrade]],
    limits: Sequence[int | None],
    sessions: Sequence[str],
    plan: Plan,
    capital: float,
    candidates: Sequence[Sequence[int]] | None = None,
) -> Walked:
    """Choose in each window, and put the tests together.

    Args:
        cells: the trades of each cell, in the order of their signals. limits: each cell's limit of the drawdown, cents.
        sessions: of the recording, oldest first. capital: dollars at the beginning, for the figures.
        candidates: of each window, the cells among which it chooses; None for all.
    Raises:
        ConfError: the lengths of the plan do not fit, or the metric is unknown.
    """
    metrics.checked(plan.metric)
    found = windows.windows(len(sessions), plan)
    first, end = found[0].test[0], len(sessions)
    everyone = range(len(cells))
    choices = [
        _choice(cells, limits, window, plan.metric, everyone if candidates is None else candidates[number])
        for number, window in enumerate(found)
    ]
    account, taken, refused = LimitedAccount(), list[TestedTrade](), list[tuple[int, int]]()
    for number, (window, (cell, _)) in enumerate(zip(found, choices, strict=True)):
        before = account.limited, account.crossed
        for each in [] if cell is None else cells[cell]:
            if (
                cell is not None
                and window.test[0] <= each.opened < window.test[1]
                and account.enters(each.trade, limits[cell], cell)
            ):
                taken.append(TestedTrade(number, cell, each))
        refused.append((account.limited - before[0], account.crossed - before[1]))
    taken.sort(key=lambda each: each.placed.trade.exit_ns)
    cents = _by_session([each.placed for each in taken], first, end)
    figures = numbers.figures([_closed(each.placed, sessions) for each in taken], sessions[first:end], capital=capital)
    steps = []
    for number, (window, (cell, sample)) in enumerate(zip(found, choices, strict=True)):
        start, stop = window.test
        alone = [_net(trades, *window.test, limit) for trades, limit in zip(cells, limits, strict=True)]
        steps.append(
            WindowResult(
                number=number + 1,
                sample_first=sessions[window.sample[0]],
                sample_last=sessions[window.sample[1] - 1],
                sample_sessions=window.sample[1] - window.sample[0],
                test_first=sessions[start],
                test_last=sessions[stop - 1],
                test_sessions=stop - start,
                cell=cell,
                value=sample.value,
                sample_net=sample.net,
                sample_trades=sample.trades,
                net=sum(cents[start - first : stop - first]) / 100,
                trades=sum(start <= each.placed.closed < stop for each in taken),
                rank=None if cell is None else 1 + sum(net > alone[cell] for net in alone),
                best=max(alone) / 100,
                limited=refused[number][0],
                crossed=refused[number][1],
            )
        )
    return Walked(
        plan=plan,
        sessions=tuple(sessions[first:end]),
        steps=tuple(steps),
        trades=tuple(taken),
        nets=tuple(net / 100 for net in cents),
        closed=tuple(sum(each.placed.closed == at for each in taken) for at in range(first, end)),
        figures={name: value for name, value in figures.items() if name not in UNKNOWN},
        efficiency=_efficiency(steps),
        fixed=tuple(
            _fixed(trades, limit, first, end, sum(step.cell == at for step in steps))
            for at, (trades, limit) in enumerate(zip(cells, limits, strict=True))
        ),
        held=sum(each.opened < window.test[0] <= each.closed for window in found for trades in cells for each in trades),
    )


def _choice(
    cells: Sequence[Sequence[PlacedTrade]], limits: Sequence[int | None], window: WalkWindow, metric: str, among: Sequence[int]
) -> tuple[int | None, Sample]:
    """The best of these cells in a sample, of equal ones the first."""
    samples = [sampled(cells[at], limits[at], window, metric) for at in among]
    place = metrics.best([each.value for each in samples])
    return (None, Sample(None, 0.0, 0)) if place is None else (among[place], samples[place])


def _net(trades: Sequence[PlacedTrade], first: int, end: int, limit: int | None) -> int:
    return sum(each.trade.net_cents for each in of_window(trades, first, end, limit))


def _by_session(trades: Sequence[PlacedTrade], first: int, end: int) -> list[int]:
    """Net cents of each session from `first` on; a trade belongs to the one in which it was closed."""
    nets = [0] * (end - first)
    for each in trades:
        nets[each.closed - first] += each.trade.net_cents
    return nets


def _closed(placed: PlacedTrade, sessions: Sequence[str]) -> ClosedTrade:
    trade = placed.trade
    return ClosedTrade(
        session=sessions[placed.closed],
        net=trade.net_cents / 100,
        gross=trade.gross_cents / 100,
        commission=trade.commission_cents / 100,
        r=None,
        bars_held=trade.bars_held,
    )


def _efficiency(steps: Sequence[WindowResult]) -> float | None:
    chosen = [step for step in steps if step.cell is not None]
    if not chosen:
        return None
    inside = sum(step.sample_net for step in chosen) / sum(step.sample_sessions for step in chosen)
    outside = sum(step.net for step in steps) / sum(step.test_sessions for step in steps)
    return outside / inside if inside > 0 else None


def _fixed(trades: Sequence[PlacedTrade], limit: int | None, first: int, end: int, chosen: int) -> Fixed:
    kept = sorted(of_window(trades, first, end, limit), key=lambda each: each.trade.exit_ns)
    cents = [each.trade.net_cents for each in kept]
    nets = _by_session(kept, first, end)
    return Fixed(
        net=sum(cents) / 100,
        trades=len(kept),
        max_drawdown=equity.drawdown(cents).cents / 100,
        sharpe=metrics.value("sharpe", cents, nets),
        chosen=chosen,
        nets=tuple(net / 100 for net in nets),
    )


def words(walked: Walked) -> list[str]:
    """What to think of before one believes it."""
    plan, figures, steps = walked.plan, walked.figures, walked.steps
    fixed = [each.net for each in walked.fixed]
    found, chosen = count(len(steps), "window"), f"by {plan.metric} among {count(len(fixed), 'cell')}"
    tests, trades = count(len(walked.sessions), "session"), count(figures["trades"], "trade")
    lines = [
        f"{found}: each chose {chosen}, and the choice traded the sessions after it. "
        f"Together they made {figures['net']:+,.2f} on {tests}, with {trades}."
    ]
    if figures["confidence_low"] is not None:
        reach = f"between {figures['confidence_low']:+,.2f} and {figures['confidence_high']:+,.2f} (95 %)"
        lines.append(f"A session brought {figures['session_mean']:+,.2f} on average; its true mean may be anything {reach}.")
    lines.append(
        f"One and the same cell on all of these sessions: the best of them, which nobody could know, made {max(fixed):+,.2f}, the "
        f"middle one {median(fixed):+,.2f}. Choosing was worth something if it beat the middle one."
    )
    ranks = [step.rank for step in steps if step.rank is not None]
    if ranks and len(fixed) > 1:
        blind = (len(fixed) + 1) / 2
        lines.append(
            f"In their own tests the choices had rank {fmean(ranks):.1f} of {len(fixed)} on average; chance has {blind:.1f}."
        )
    if walked.efficiency is not None:
        lines.append(f"A session of the tests brought {walked.efficiency:.0%} of what a session of the samples had promised.")
    if rested := sum(step.cell is None for step in steps):
        lines.append(f"{count(rested, 'window')} had no cell with a figure to be chosen by; nothing was traded in them.")
    if lost := sum(step.cell is not None and step.sample_net <= 0 for step in steps):
        lines.append(f"In {count(lost, 'window')} not even the chosen cell had made money in its sample.")
    if limited := sum(step.limited for step in steps):
        lines.append(f"The limit of the drawdown, which holds over all windows, forbade {limited} entries.")
    if walked.held:
        lines.append(
            f"Positions were open at borders of windows, {walked.held} times over all cells. The account kept its own, and made "
            f"none of {sum(step.crossed for step in steps)} entries until they were closed; what a cell without a position would "
            "have done there is not known."
        )
    return lines

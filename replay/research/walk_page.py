"""A walk-forward as one page without network or other files: doubts, equity out of sample, windows, cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tapewire.replay.report import charts, parts
from tapewire.replay.report.parts import Column
from tapewire.replay.report.plot import Label, Scale, down, padded, percent, plot, ranked, steps
from tapewire.replay.report.text import DASH, count, money, ratio, text, tone
from tapewire.replay.research import grid
from tapewire.replay.research.grid import Cell
from tapewire.replay.research.walk import Fixed, Walked

if TYPE_CHECKING:
    from tapewire.replay.research.walk_files import WalkForward

MOST_LINES = 64
"""Cells that are drawn beside the account: the best and the worst are among them."""
MOST_ROWS = 2000


def page(
    found: WalkForward, walked: Walked, cells: Sequence[Cell], windows: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]
) -> str:
    """The whole document. windows, rows: the lines of the files `windows` and `cells`."""
    plan = found.plan
    title = f"Walk-forward of {found.instrument}, preset {found.preset}"
    kind = "anchored" if plan.anchored else "rolling"
    cut = "".join(f", {name} {value}" for name, value in (("purge", plan.purge), ("embargo", plan.embargo)) if value)
    settings = " &middot; ".join(f"{text(axis.name)} <b>{text(', '.join(map(grid.shown, axis.values)))}</b>" for axis in found.axes)
    content = (
        f'<header><h1>{text(title)}</h1><p class="facts">{settings}</p>',
        f'<p class="facts">{count(found.windows, "window")}, {kind}: sample {plan.sample}, test {plan.test}{cut} sessions; '
        f"chosen by {text(plan.metric)} among {count(found.cells, 'cell')}</p>",
        f'<p class="facts">tests {text(found.sessions[0])} to {text(found.sessions[-1])}, '
        f"{count(len(found.sessions), 'session')}; {found.bars:,} bars read</p></header>",
        _figures(found.figures, found.efficiency),
        "<h2>Equity of the tests</h2>",
        f"<figure>{chart(walked)}<figcaption>{_keys(walked)}</figcaption></figure>",
        '<h2>Before you believe it</h2><ul class="doubt">',
        *(f"<li>{text(words)}</li>" for words in found.words),
        "</ul>",
        *(f'<p class="loss">{text(words)}</p>' for words in found.off[:20]),
        _windows(windows, list(cells[0])),
        _cells(rows, list(cells[0])),
    )
    return parts.document(f"tapewire: {title}", content)


def _figures(figures: dict[str, Any], efficiency: float | None) -> str:
    return parts.tiles(
        (
            ("Net", money(figures["net"]), tone(figures["net"]), count(figures["trades"], "trade")),
            ("Sharpe", ratio(figures["sharpe"]), "", "a year"),
            ("Deepest fall", money(figures["max_drawdown"], signed=False), "", count(figures["drawdown_sessions"], "session")),
            ("Profit factor", ratio(figures["profit_factor"]), "", "gains over losses"),
            ("Efficiency", DASH if efficiency is None else f"{efficiency:.0%}", "", "tests over samples, per session"),
        )
    )


def chart(walked: Walked) -> str:
    """Realised equity per session over the tests, from 0, with the cells alone behind it; below it the drawdown."""
    account = list(accumulate(walked.nets, initial=0.0))
    alone = [list(accumulate(each.nets, initial=0.0)) for each in _drawn(walked)]
    last = len(account) - 1
    y = padded(min(min(line) for line in (account, *alone)), max(max(line) for line in (account, *alone)), 0.06)
    falls = [value - peak for peak, value in zip(accumulate(account, max), account, strict=True)]
    under = Scale(min(min(falls) * 1.1, -1.0), 0.0)

    def path(line: Sequence[float], scale: Scale) -> str:
        return "M" + "L".join(f"{at / last * charts.WIDTH:.1f} {down(scale(value))}" for at, value in enumerate(line))

    zero = down(y(0))
    shapes = [
        f'<path class="zero" d="M0 {zero}H{charts.WIDTH}"/>',
        *(f'<path class="cell" d="{path(line, y)}"/>' for line in alone[1:]),
        f'<path class="hindsight" d="{path(alone[0], y)}"/><path class="account" d="{path(account, y)}"/>',
    ]
    labels, fields = _borders(walked, last)
    fall = path(falls, under)
    label = f"Realised equity over {len(walked.sessions)} sessions of tests, {money(account[-1])} in the end"
    return plot("equity-plot", label, charts.WIDTH, shapes, fields, y=steps(y, 6, charts.axis), x=labels) + plot(
        "drawdown-plot",
        f"Drawdown of the account, {money(min(falls))} at the deepest",
        charts.WIDTH,
        (f'<path class="drawdown-area" d="{fall}V0H0z"/><path class="drawdown" d="{fall}"/>',),
        y=steps(under, 3, charts.axis),
        x=[(place, "", rank) for place, _, rank in labels],
    )


def _drawn(walked: Walked) -> list[Fixed]:
    """The cells that are drawn, the best first."""
    falling = sorted(walked.fixed, key=lambda each: -each.net)
    every = max(1, math.ceil((len(falling) - 1) / (MOST_LINES - 1)))
    return [*falling[:-1:every], falling[-1]] if len(falling) > 1 else falling


def _borders(walked: Walked, last: int) -> tuple[list[Label], list[str]]:
    """A label where each test begins, and over each test a field that tells it. last: sessions of all tests."""
    at, starts, fields = 0, [], []
    for step in walked.steps:
        title = f"window {step.number}: {step.test_first} to {step.test_last}, {money(step.net)}"
        width = percent(step.test_sessions / last)
        fields.append(
            f'<rect class="hit" x="{percent(at / last)}" y="0" width="{width}" height="100%"><title>{text(title)}</title></rect>'
        )
        starts.append((at / last, step.test_first))
        at += step.test_sessions
    return [each for each in ranked(starts, 0.075, 0.28) if each[0] < 0.94], fields


def _keys(walked: Walked) -> str:
    others = len(_drawn(walked)) - 1
    keys = [("k-account", "the account, which trades each window's choice"), ("k-hindsight", "the cell that was best in the end")]
    keys += [
        ("k-cell", "other cells, each alone" if others + 1 == len(walked.fixed) else f"{others} other cells, each alone")
    ] * bool(others)
    keys.append(("k-fall", "drawdown of the account, of the values after each session"))
    return "".join(f'<span class="key {name}">{text(words)}</span>' for name, words in keys)


def _windows(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    columns = (
        *(Column("Window", "n"), Column("Sample", "wide"), Column("Test", "wide"), *map(Column, names)),
        *parts.numbers("Promised", "In sample", "Trades", "Made", "Trades", "Rank", "Best of all"),
    )
    return (
        f"<h2>Windows</h2>{parts.panel(parts.table('', columns, (_window(row, names) for row in rows), label='Windows'))}"
        '<p class="soft">Promised is the metric on the sample by which the cell was chosen. Rank is that of the chosen cell among '
        "all, by what each alone made in the test; best of all is the most that any of them made there. Dollars, after commission "
        "and slippage.</p>"
    )


def _window(row: dict[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    value = row["value"]
    return (
        f"{row['number']:,}",
        f"{row['sample_first']} to {row['sample_last']}",
        f"{row['test_first']} to {row['test_last']}",
        *(text(grid.shown(row[name])) if row["rank"] is not None else "nothing" for name in names),
        "\N{INFINITY}" if value is not None and math.isinf(value) else ratio(value),
        parts.net(row["sample_net"]),
        f"{row['sample_trades']:,}",
        parts.net(row["net"]),
        f"{row['trades']:,}",
        DASH if row["rank"] is None else str(row["rank"]),
        parts.net(row["best"]),
    )


def _cells(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    columns = (*map(Column, names), *parts.numbers("Chosen", "Trades", "Net", "Drawdown", "Sharpe"))
    lines = (
        (
            *(text(grid.shown(row[name])) for name in names),
            f"{row['chosen']:,}",
            f"{row['trades']:,}",
            parts.net(row["net"]),
            money(row["max_drawdown"], signed=False),
            ratio(row["sharpe"]),
        )
        for row in rows[:MOST_ROWS]
    )
    more = len(rows) - MOST_ROWS
    left = f'<p class="note">{count(more, "later cell")} not listed here; cells.csv has them all.</p>' if more > 0 else ""
    return f"<h2>Cells, each alone over all tests</h2>{parts.panel(parts.table('', columns, lines, label='Cells'))}{left}"

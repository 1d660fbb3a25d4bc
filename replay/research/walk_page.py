"""A walk-forward as one page without network, script or other files: doubts, equity out of sample, windows, cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tapewire.replay.report.charts import AXIS, WIDTH, Scale, round_steps
from tapewire.replay.report.style import CSS
from tapewire.replay.report.text import count, money, ratio, text, tone
from tapewire.replay.research import grid
from tapewire.replay.research.grid import Cell
from tapewire.replay.research.walk import Fixed, Walked

if TYPE_CHECKING:
    from tapewire.replay.research.walk_files import WalkForward

HEIGHT, TOP, FALL, BASE = 360, 14, 262, 330  # of the drawing; the drawdown lies between FALL and BASE
MOST_LINES = 64
"""Cells that are drawn beside the account: the best and the worst are among them."""
MOST_ROWS = 2000

STYLE = """
svg .cell { stroke: var(--soft); stroke-opacity: .28; stroke-width: 1; } svg .hindsight { stroke: var(--vwap); stroke-width: 1.3; }
svg .account { stroke: var(--ink); stroke-width: 2.2; stroke-linejoin: round; }
svg .fall { fill: var(--loss); fill-opacity: .22; stroke: var(--loss); stroke-width: 1; }
svg .window { stroke: var(--faint); } .doubt li { margin: 0 0 8px; max-width: 84ch; }
.key.k-account::before { border-color: var(--ink); } .key.k-hindsight::before { border-color: var(--vwap); }
.key.k-cell::before { border-color: var(--soft); } .key.k-fall::before { border-color: var(--loss); }
"""


def page(
    found: WalkForward, walked: Walked, cells: Sequence[Cell], windows: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]
) -> str:
    """The whole document. windows, rows: the lines of the files `windows` and `cells`."""
    plan = found.plan
    title = f"Walk-forward of {found.instrument}, preset {found.preset}"
    kind = "anchored" if plan.anchored else "rolling"
    cut = "".join(f", {name} {value}" for name, value in (("purge", plan.purge), ("embargo", plan.embargo)) if value)
    settings = " &middot; ".join(f"{text(axis.name)} <b>{text(', '.join(map(grid.shown, axis.values)))}</b>" for axis in found.axes)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            f"<title>tapewire: {text(title)}</title><style>{CSS}{STYLE}</style></head><body><main>",
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
            "</main></body></html>\n",
        )
    )


def _figures(figures: dict[str, Any], efficiency: float | None) -> str:
    shown = (
        ("Net", f'<span class="{tone(figures["net"])}">{text(money(figures["net"]))}</span>', count(figures["trades"], "trade")),
        ("Sharpe", ratio(figures["sharpe"]), "a year"),
        ("Deepest fall", text(money(figures["max_drawdown"], signed=False)), count(figures["drawdown_sessions"], "session")),
        ("Profit factor", ratio(figures["profit_factor"]), ""),
        ("Efficiency", "\N{EN DASH}" if efficiency is None else f"{efficiency:.0%}", "tests over samples, per session"),
    )
    return f'<dl class="figures">{"".join(f"<div><dt>{n}</dt><dd>{v}<small>{s}</small></dd></div>" for n, v, s in shown)}</dl>'


def chart(walked: Walked) -> str:
    """Realised equity per session over the tests, from 0, with the cells alone behind it; below it the drawdown."""
    account = list(accumulate(walked.nets, initial=0.0))
    alone = [list(accumulate(each.nets, initial=0.0)) for each in _drawn(walked)]
    low, high = min(min(line) for line in (account, *alone)), max(max(line) for line in (account, *alone))
    room = (high - low) * 0.06 or 1.0
    low, high = low - room, high + room
    right = WIDTH - AXIS
    falls = [peak - value for peak, value in zip(accumulate(account, max), account, strict=True)]
    deepest = max(falls) or 1.0

    x, y = _scale(0, len(account) - 1, 0, right), _scale(low, high, FALL - 20, TOP)

    def path(line: Sequence[float]) -> str:
        return "M" + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in enumerate(line))

    parts = []
    for value in round_steps(low, high, 6):
        parts.append(f'<path class="grid" d="M0 {y(value):.1f}H{right}"/>')
        parts.append(f'<text x="{right + 8}" y="{y(value) + 4:.1f}">{text(money(value, signed=False).removesuffix(".00"))}</text>')
    parts += _borders(walked, x)
    parts.append(f'<path class="zero" d="M0 {y(0):.1f}H{right}"/>')
    parts += [f'<path class="cell" d="{path(line)}"/>' for line in alone[1:]]
    parts += [f'<path class="hindsight" d="{path(alone[0])}"/>', f'<path class="account" d="{path(account)}"/>']
    depth = "L".join(f"{x(at):.1f} {FALL + fall / deepest * (BASE - FALL):.1f}" for at, fall in enumerate(falls))
    parts.append(f'<path class="fall" d="M0 {FALL}L{depth}L{right} {FALL}Z"/>')
    parts.append(f'<text x="{right + 8}" y="{BASE}">{text(money(-max(falls)).removesuffix(".00"))}</text>')
    label = f"Realised equity over {len(walked.sessions)} sessions of tests, {money(account[-1])} in the end"
    drawing = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'
    return f'<div class="plot">{drawing}</div>'


def _drawn(walked: Walked) -> list[Fixed]:
    """The cells that are drawn, the best first."""
    falling = sorted(walked.fixed, key=lambda each: -each.net)
    every = max(1, math.ceil((len(falling) - 1) / (MOST_LINES - 1)))
    return [*falling[:-1:every], falling[-1]] if len(falling) > 1 else falling


def _borders(walked: Walked, x: Scale) -> Iterator[str]:
    """A rule where each test begins, and its date where there is room."""
    at, labelled = 0, -1e9
    for step in walked.steps:
        title = f"<title>window {step.number}: {text(step.test_first)} to {text(step.test_last)}, {text(money(step.net))}</title>"
        yield f'<path class="window" d="M{x(at):.1f} {TOP}V{BASE}">{title}</path>'
        if x(at) - labelled >= 86 and x(at) < WIDTH - AXIS - 60:
            labelled = x(at)
            yield f'<text x="{x(at) + 4:.1f}" y="{HEIGHT - 8}">{text(step.test_first)}</text>'
        at += step.test_sessions


def _keys(walked: Walked) -> str:
    others = len(_drawn(walked)) - 1
    keys = [("k-account", "the account, which trades each window's choice"), ("k-hindsight", "the cell that was best in the end")]
    keys += [
        ("k-cell", "other cells, each alone" if others + 1 == len(walked.fixed) else f"{others} other cells, each alone")
    ] * bool(others)
    keys.append(("k-fall", "drawdown of the account, of the values after each session"))
    return "".join(f'<span class="key {name}">{text(words)}</span>' for name, words in keys)


def _windows(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    heads = ("", "Sample", "Test", *names, "Promised", "In sample", "Trades", "Made", "Trades", "Rank", "Best of all")
    plain = 3 + len(names)
    head = "".join(f"<th{_right(at >= plain)}>{text(name)}</th>" for at, name in enumerate(heads))
    return (
        f'<h2>Windows</h2><div class="panel scroll"><table><thead><tr>{head}</tr></thead><tbody>'
        f"{''.join(_window(row, names) for row in rows)}</tbody></table></div>"
        '<p class="soft">Promised is the metric on the sample by which the cell was chosen. Rank is that of the chosen cell among '
        "all, by what each alone made in the test; best of all is the most that any of them made there. Dollars, after commission "
        "and slippage.</p>"
    )


def _window(row: dict[str, Any], names: Sequence[str]) -> str:
    value = row["value"]
    promised = "\N{EN DASH}" if value is None else "\N{INFINITY}" if math.isinf(value) else f"{value:,.2f}"
    plain = [
        str(row["number"]),
        f"{row['sample_first']} to {row['sample_last']}",
        f"{row['test_first']} to {row['test_last']}",
        *(grid.shown(row[name]) if row["rank"] is not None else "nothing" for name in names),
    ]
    figures = [
        text(promised),
        _money(row["sample_net"]),
        f"{row['sample_trades']:,}",
        _money(row["net"]),
        f"{row['trades']:,}",
        "\N{EN DASH}" if row["rank"] is None else str(row["rank"]),
        _money(row["best"]),
    ]
    cells = [f"<td>{text(each)}</td>" for each in plain] + [f'<td class="n">{each}</td>' for each in figures]
    return f"<tr>{''.join(cells)}</tr>"


def _cells(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    heads = (*names, "Chosen", "Trades", "Net", "Drawdown", "Sharpe")
    head = "".join(f"<th{_right(at >= len(names))}>{text(name)}</th>" for at, name in enumerate(heads))
    lines = []
    for row in rows[:MOST_ROWS]:
        figures = (
            f"{row['chosen']:,}",
            f"{row['trades']:,}",
            _money(row["net"]),
            text(money(row["max_drawdown"], signed=False)),
            ratio(row["sharpe"]),
        )
        plain = "".join(f"<td>{text(grid.shown(row[name]))}</td>" for name in names)
        right = "".join(f'<td class="n">{each}</td>' for each in figures)
        lines.append(f"<tr>{plain}{right}</tr>")
    more = len(rows) - MOST_ROWS
    left = f'<p class="note">{count(more, "later cell")} not listed here; cells.csv has them all.</p>' if more > 0 else ""
    return (
        f'<h2>Cells, each alone over all tests</h2><div class="panel scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>{left}"
    )


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / ((high - low) or 1.0) * (end - start)


def _right(number: bool) -> str:
    return ' class="n"' if number else ""


def _money(dollars: float) -> str:
    return f'<span class="{tone(dollars)}">{text(money(dollars))}</span>'

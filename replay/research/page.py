"""A sweep as one page without network, script or other files: first the doubt, then the heat map, then the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from tapewire.replay.report.style import CSS
from tapewire.replay.report.text import count, money, text, tone
from tapewire.replay.research import grid
from tapewire.replay.research.grid import Axis
from tapewire.replay.research.overfit import Doubt

BOX_WIDTH, BOX_HEIGHT = 104, 46
LABELS, HEADING = 120, 44  # room for the values of the first axis on the left, of the second above
MOST_ROWS = 2000

HEAT = """
.heat { max-width: 100%; height: auto; display: block; }
svg .box { stroke: var(--panel); stroke-width: 2; } svg .box.gain { fill: var(--gain); } svg .box.loss { fill: var(--loss); }
svg .box.even { fill: var(--calm); } svg .box.best { stroke: var(--ink); stroke-width: 2.5; }
svg .heat-value { fill: var(--ink); font-size: 12.5px; text-anchor: middle; font-weight: 550; }
svg .heat-name { fill: var(--ink); font-size: 12px; } svg .heat-label { text-anchor: middle; } svg .heat-side { text-anchor: end; }
.doubt li { margin: 0 0 8px; max-width: 84ch; } tr.best td { font-weight: 650; }
"""


class Sweep(Struct, frozen=True):
    """A sweep and its results. off: strategies that were switched off, with the cell in words."""

    instrument: str
    preset: str
    axes: tuple[Axis, ...]
    cells: int
    sessions: tuple[str, ...]
    bars: int
    doubt: Doubt
    off: tuple[str, ...]


def page(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
    """The whole document. rows: the lines of the table, in the order of the grid."""
    title = f"Sweep of {sweep.instrument}, preset {sweep.preset}"
    settings = " &middot; ".join(f"{text(axis.name)} <b>{text(', '.join(map(grid.shown, axis.values)))}</b>" for axis in sweep.axes)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            f"<title>tapewire: {text(title)}</title><style>{CSS}{HEAT}</style></head><body><main>",
            f'<header><h1>{text(title)}</h1><p class="facts">{settings}</p>',
            f'<p class="facts">{count(sweep.cells, "cell")} over {count(len(sweep.sessions), "session")} '
            f"({_span(sweep.sessions)}), {sweep.bars:,} bars</p></header>",
            _doubt(sweep.doubt),
            _heat(sweep, rows),
            _table(sweep, rows),
            "</main></body></html>\n",
        )
    )


def _doubt(doubt: Doubt) -> str:
    lines = "".join(f"<li>{text(words)}</li>" for words in doubt.words)
    return f'<h2>Before you believe the best</h2><ul class="doubt">{lines}</ul>'


def _heat(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
    if len(sweep.axes) > 2:
        return (
            f'<h2>Net</h2><p class="none">A heat map shows two settings, here are {len(sweep.axes)}. The table has all cells.</p>'
        )
    maps = [("in_net", f"In sample, the first {count(sweep.doubt.sessions_in, 'session')}, on which the best was chosen")]
    if sweep.doubt.sessions_out:
        maps.append(("out_net", f"Out of sample, the last {count(sweep.doubt.sessions_out, 'session')}"))
    figures = (f"<figure>{heat_map(sweep, rows, name)}<figcaption>{text(words)}</figcaption></figure>" for name, words in maps)
    return f'<h2>Net</h2><div class="columns">{"".join(figures)}</div>'


def heat_map(sweep: Sweep, rows: Sequence[dict[str, Any]], name: str) -> str:
    """One column of the table as boxes over one or two axes; the best in sample has an edge. Colour follows the dollars."""
    down, across = sweep.axes if len(sweep.axes) == 2 else (Axis("", ("",)), sweep.axes[0])
    most = max((abs(row[name]) for row in rows), default=0.0) or 1.0
    parts = [
        f'<text class="heat-name" x="{LABELS}" y="14">{text(across.name)}</text>',
        f'<text class="heat-name" x="0" y="14">{text(down.name)}</text>',
    ]
    for at, value in enumerate(across.values):
        x = LABELS + (at + 0.5) * BOX_WIDTH
        parts.append(f'<text class="heat-label" x="{x}" y="{HEADING - 10}">{text(grid.shown(value))}</text>')
    for at, value in enumerate(down.values):
        y = HEADING + (at + 0.5) * BOX_HEIGHT + 4
        parts.append(f'<text class="heat-side" x="{LABELS - 12}" y="{y}">{text(grid.shown(value))}</text>')
    parts += _boxes(rows, name, len(across.values), most, sweep.doubt.best)
    width, height = LABELS + len(across.values) * BOX_WIDTH + 2, HEADING + len(down.values) * BOX_HEIGHT + 2
    label = f"{name} over {down.name} and {across.name}" if down.name else f"{name} over {across.name}"
    return (
        f'<div class="scroll"><svg class="heat" width="{width}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{text(label)}">{"".join(parts)}</svg></div>'
    )


def _boxes(rows: Sequence[dict[str, Any]], name: str, across: int, most: float, best: int) -> Iterator[str]:
    """The grid's last axis changes fastest, so cells come row by row. The best one comes last, so that its edge lies on top."""
    for at in sorted(range(len(rows)), key=lambda at: at == best):
        row = rows[at]
        value = row[name]
        x, y = LABELS + at % across * BOX_WIDTH, HEADING + at // across * BOX_HEIGHT
        edge = " best" if at == best else ""
        shade = 0.12 + 0.68 * abs(value) / most if value else 1
        yield (
            f"<g><title>{text(money(value))}, {text(count(row['trades'], 'trade'))} in all</title>"
            f'<rect class="box {tone(value) or "even"}{edge}" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
            f'fill-opacity="{shade:.2f}"/>'
            f'<text class="heat-value" x="{x + BOX_WIDTH / 2}" y="{y + BOX_HEIGHT / 2 + 4}">{text(money(value))}</text></g>'
        )


def _table(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
    names = [axis.name for axis in sweep.axes]
    headings = (*names, "Trades", "Gains", "Refused", "Net", "Drawdown", "Sharpe", "In sample", "Out of sample")
    head = "".join(f"<th{_right(at, len(names))}>{text(heading)}</th>" for at, heading in enumerate(headings))
    body = "".join(_line(row, names, best=at == sweep.doubt.best) for at, row in enumerate(rows[:MOST_ROWS]))
    more = len(rows) - MOST_ROWS
    left = f'<p class="note">{count(more, "later cell")} not listed here; table.csv has them all.</p>' if more > 0 else ""
    failed = "".join(f'<p class="loss">{text(words)}</p>' for words in sweep.off[:20])
    rows_of_cells = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return (
        f'<h2>Cells</h2>{failed}<div class="panel scroll">{rows_of_cells}</div>{left}'
        '<p class="soft">Dollars, after commission and slippage. Sharpe is per session, over all sessions, and not annualised. '
        "Every cell ran the whole recording; its trades are counted in the session of their signal.</p>"
    )


def _line(row: dict[str, Any], names: Sequence[str], *, best: bool) -> str:
    cells = [
        *(text(grid.shown(row[name])) for name in names),
        *(f"{row[name]:,}" for name in ("trades", "wins", "refused")),
        _money(row["net"]),
        text(money(row["max_drawdown"], signed=False)),
        f"{row['sharpe_per_session']:.2f}",
        _money(row["in_net"]),
        _money(row["out_net"]),
    ]
    columns = "".join(f"<td{_right(at, len(names))}>{cell}</td>" for at, cell in enumerate(cells))
    return f"<tr{best * ' class=best'}>{columns}</tr>"


def _right(column: int, names: int) -> str:
    return ' class="n"' if column >= names else ""


def _money(dollars: float) -> str:
    return f'<span class="{tone(dollars)}">{text(money(dollars))}</span>'


def _span(sessions: Sequence[str]) -> str:
    return f"{text(sessions[0])} to {text(sessions[-1])}" if sessions else "none with RTH bars"

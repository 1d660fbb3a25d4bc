"""A sweep as one page without network or other files: first the doubt, then the map of two settings, then the table of all cells.

The map shows one of several metrics, and of more than two settings a slice: the others stand at the values of the best in sample
until a reader chooses others. Both need the script of the reports; without it the page shows the net in sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from tapewire.replay.report import parts
from tapewire.replay.report.heat import shades
from tapewire.replay.report.parts import Column
from tapewire.replay.report.text import DASH, count, money, ratio, share, short, text
from tapewire.replay.research import grid
from tapewire.replay.research.grid import Axis
from tapewire.replay.research.overfit import Doubt

MOST_ROWS = 2000
NO_MAP = '<h2>Map</h2><p class="none">A map shows a grid, and a search tries some of its cells. The table has them.</p>'
BEST_IN, BEST_ALL = "best in sample", "best of all sessions"


class Sweep(Struct, frozen=True):
    """A sweep and its results.

    best: index of the cell that made the most over all sessions; that of the sample is the doubt's. off: strategies that were
    switched off, with the cell in words.
    """

    instrument: str
    preset: str
    axes: tuple[Axis, ...]
    cells: int
    sessions: tuple[str, ...]
    bars: int
    doubt: Doubt
    best: int
    off: tuple[str, ...]


class Metric(Struct, frozen=True):
    """What a map can show. value: of a line of the table, None where there is nothing to divide by. kind: how it is coloured."""

    name: str
    value: Callable[[dict[str, Any]], float | None]
    shown: Callable[[float], str]
    kind: str = "signed"


METRICS = (
    Metric("Net in sample", lambda row: float(row["in_net"]), short),
    Metric("Net out of sample", lambda row: float(row["out_net"]), short),
    Metric("Net of all sessions", lambda row: float(row["net"]), short),
    Metric("Net per trade", lambda row: row["net"] / row["trades"] if row["trades"] else None, money),
    Metric("Sharpe, per session", lambda row: float(row["sharpe_per_session"]), ratio),
    Metric("Largest drawdown", lambda row: float(row["max_drawdown"]), lambda value: short(value, signed=False), "bad"),
    Metric("Share of gains", lambda row: row["wins"] / row["trades"] if row["trades"] else None, share, "plain"),
    Metric("Trades", lambda row: float(row["trades"]), lambda value: f"{value:,.0f}", "plain"),
)


def page(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
    """The whole document. rows: the lines of the table, in the order of the grid."""
    title = f"Sweep of {sweep.instrument}, preset {sweep.preset}"
    settings = " &middot; ".join(f"{text(axis.name)} <b>{text(', '.join(map(grid.shown, axis.values)))}</b>" for axis in sweep.axes)
    maps = [_coloured(metric, rows) for metric in METRICS]
    whole = len(rows) == math.prod(len(axis.values) for axis in sweep.axes)
    content = (
        f'<header><h1>{text(title)}</h1><p class="facts">{settings}</p>',
        f'<p class="facts">{count(sweep.cells, "cell")} over {count(len(sweep.sessions), "session")} '
        f"({_span(sweep.sessions)}), {sweep.bars:,} bars</p></header>",
        _doubt(sweep.doubt),
        _map(sweep, maps[0]) if whole else NO_MAP,
        _table(sweep, rows),
    )
    if not whole:
        return parts.document(f"tapewire: {title}", content)
    down, across = _shown(sweep.axes)
    fixed = [
        {"name": axis.name, "values": [*map(grid.shown, axis.values)], "stride": stride, "at": at}
        for number, (axis, stride, at) in enumerate(zip(sweep.axes, _strides(sweep.axes), _best(sweep), strict=True))
        if number not in (down, across)
    ]
    metrics = [{"name": metric.name, "shown": shown, "kinds": kinds} for metric, (shown, kinds) in zip(METRICS, maps, strict=True)]
    data = {"metrics": metrics, "fixed": fixed, "best": {"in": sweep.doubt.best, "all": sweep.best}}
    return parts.document(f"tapewire: {title}", content, data)


def _coloured(metric: Metric, rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """A metric of each cell in words, and the class of its colour."""
    values = [metric.value(row) for row in rows]
    shade = shades(value for value in values if value is not None)
    letter = {"bad": "l", "plain": "n"}.get(metric.kind, "")

    def kind(value: float | None) -> str:
        found = "even" if value is None else shade(value)
        return f"{letter}{found[1:]}" if letter and found != "even" else found

    return [DASH if value is None else metric.shown(value) for value in values], [*map(kind, values)]


def _doubt(doubt: Doubt) -> str:
    lines = "".join(f"<li>{text(words)}</li>" for words in doubt.words)
    return f'<h2>Before you believe the best</h2><ul class="doubt">{lines}</ul>'


def _shown(axes: Sequence[Axis]) -> tuple[int, int | None]:
    """The two axes of the map: those with the most values, the longer one down. Of one axis there is none across."""
    longest = sorted(range(len(axes)), key=lambda at: (-len(axes[at].values), at))
    return longest[0], longest[1] if len(axes) > 1 else None


def _strides(axes: Sequence[Axis]) -> list[int]:
    """How far apart in the grid neighbours of each axis are; the last axis changes fastest."""
    found, step = [], 1
    for axis in reversed(axes):
        found.append(step)
        step *= len(axis.values)
    return found[::-1]


def _best(sweep: Sweep) -> list[int]:
    """The place of the best in sample on each axis."""
    return [sweep.doubt.best // stride % len(axis.values) for axis, stride in zip(sweep.axes, _strides(sweep.axes), strict=True)]


def _map(sweep: Sweep, first: tuple[list[str], list[str]]) -> str:
    """The map of the first metric. Each cell has its distance from the slice's first, so that the script can change the slice."""
    (down, across), strides, best = _shown(sweep.axes), _strides(sweep.axes), _best(sweep)
    shown, kinds = first
    slice_ = sum(at * stride for number, (at, stride) in enumerate(zip(best, strides, strict=True)) if number not in (down, across))
    columns = (
        [("", 0)] if across is None else [(grid.shown(v), at * strides[across]) for at, v in enumerate(sweep.axes[across].values)]
    )
    body = []
    for number, value in enumerate(sweep.axes[down].values):
        cells = []
        for _, right in columns:
            step = number * strides[down] + right
            at = slice_ + step
            marks = "".join(f" {mark}" for mark, of in (("best-in", sweep.doubt.best), ("best-all", sweep.best)) if at == of)
            cells.append(f'<td class="{kinds[at]}{marks}" data-step="{step}">{text(shown[at])}</td>')
        body.append(f'<tr><th scope="row">{text(grid.shown(value))}</th>{"".join(cells)}</tr>')
    name = _broken(sweep.axes[down].name)
    if across is None:
        head = f'<tr><th scope="col">{name}&nbsp;&darr;</th><th scope="col"></th></tr>'
    else:
        values = "".join(f'<th scope="col">{text(value)}</th>' for value, _ in columns)
        head = (
            f'<tr><th scope="col" rowspan="2" class="axis">{name}&nbsp;&darr;</th>'
            f'<th scope="colgroup" colspan="{len(columns)}" class="axis">{_broken(sweep.axes[across].name)}&nbsp;&rarr;</th></tr>'
            f"<tr>{values}</tr>"
        )
    fixed = ", ".join(
        f"{axis.name} {grid.shown(axis.values[best[at]])}" for at, axis in enumerate(sweep.axes) if at not in (down, across)
    )
    held = f" The other settings are those of the best in sample: {fixed}." if fixed else ""
    inside, outside = sweep.doubt.sessions_in, sweep.doubt.sessions_out
    parted = f"In sample are the first {count(inside, 'session')}, out of sample the last {outside:,}." if outside else ""
    return (
        f'<h2>Map</h2><figure id="map"><h3 id="map-name">{METRICS[0].name}</h3>'
        '<div class="reach" role="region" tabindex="0" aria-label="Map">'
        f'<table class="heat sweep" aria-labelledby="map-name"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table></div>'
        f'<figcaption><span class="best-in">{BEST_IN}: {_words(sweep, sweep.doubt.best)}</span>'
        f'<span class="best-all">{BEST_ALL}: {_words(sweep, sweep.best)}</span>'
        f'<span>{text(parted)}<span class="static">{text(held)}</span></span></figcaption></figure>'
    )


def _broken(name: str) -> str:
    """The name of a setting, which may be broken behind its points and underscores."""
    return text(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _words(sweep: Sweep, at: int) -> str:
    """The settings of a cell."""
    places = zip(sweep.axes, _strides(sweep.axes), strict=True)
    return text(grid.words({axis.name: axis.values[at // stride % len(axis.values)] for axis, stride in places}))


def _table(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> str:
    columns = (
        *(Column(axis.name, "n" if all(type(value) in (int, float) for value in axis.values) else "") for axis in sweep.axes),
        *parts.numbers("Trades", "Gains", "Refused", "Net", "Drawdown", "Sharpe", "In sample", "Out of sample"),
        Column("Best", "wide"),
    )
    lines = (_line(sweep, at, row) for at, row in enumerate(rows[:MOST_ROWS]))
    more = len(rows) - MOST_ROWS
    left = f'<p class="note">{count(more, "later cell")} not listed here; table.csv has them all.</p>' if more > 0 else ""
    failed = "".join(f'<p class="loss">{text(words)}</p>' for words in sweep.off[:20])
    return (
        f"<h2>Cells</h2>{failed}{parts.panel(parts.table('', columns, lines, label='Cells'))}{left}"
        '<p class="soft">Dollars, after commission and slippage. Sharpe is per session, over all sessions, and not annualised. '
        "Every cell ran the whole recording; its trades are counted in the session of their signal.</p>"
    )


def _line(sweep: Sweep, at: int, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        *(text(grid.shown(row[axis.name])) for axis in sweep.axes),
        *(f"{row[name]:,}" for name in ("trades", "wins", "refused")),
        parts.net(row["net"]),
        money(row["max_drawdown"], signed=False),
        ratio(row["sharpe_per_session"]),
        parts.net(row["in_net"]),
        parts.net(row["out_net"]),
        text(best(sweep, at)),
    )


def best(sweep: Sweep, at: int) -> str:
    """Whether a cell is the best in sample, of all sessions, or both; empty if neither."""
    return ", ".join(words for words, of in ((BEST_IN, sweep.doubt.best), (BEST_ALL, sweep.best)) if at == of)


def _span(sessions: Sequence[str]) -> str:
    return f"{text(sessions[0])} to {text(sessions[-1])}" if sessions else "none with RTH bars"

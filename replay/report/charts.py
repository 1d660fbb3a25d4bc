"""The drawings of all trades: equity with its drawdown, the distribution of R, and how far trades went against and for us."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from tapewire.replay import tapes
from tapewire.replay.report.facts import Done
from tapewire.replay.report.plot import UNITS, Label, Scale, down, mark, padded, percent, plot, ranked, steps
from tapewire.replay.report.text import count, money, price, ratio, short

WIDTH = 1000
MOST_DOTS = 400  # trades of which each has a mark with its numbers; of more the table has them
DOT = "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"
WIDEST_R = 10.0  # all beyond go into the outermost bars
BINS = 40


def places(trades: Sequence[Done], sessions: Sequence[str]) -> list[float]:
    """Where each trade's exit stands between the first and the last session, from 0 to 1.

    Sessions are equally wide, also those without a trade; the trades of one are spread evenly over it.
    """
    at = {session: number for number, session in enumerate(sessions)}
    closed = Counter(each.closed for each in trades)
    seen: Counter[str] = Counter()
    found = []
    for each in trades:
        seen[each.closed] += 1
        found.append((at[each.closed] + seen[each.closed] / (closed[each.closed] + 1)) / len(sessions))
    return found


def equity(trades: Sequence[Done], sessions: Sequence[str]) -> str:
    """Net profit realised so far, from 0, in dollars; below it by how much it is under its highest value so far."""
    cents = [each.trade.net_cents for each in trades]
    values, falls = [0.0], [0.0]
    total = highest = 0
    for net in cents:
        total += net
        highest = max(highest, total)
        values.append(total / 100)
        falls.append((total - highest) / 100)
    across = places(trades, sessions)
    x, labels = [0.0, *across], _dates(sessions)
    upper = padded(min(values), max(values), 0.08)
    zero = down(upper(0))
    line = _stepped(x, [down(upper(value)) for value in values])
    shapes = (
        f'<path class="equity-area" d="{line}V{zero}H0z"/>',
        f'<path class="zero" d="M0 {zero}H{WIDTH}"/>',
        f'<path class="equity" d="{line}"/>',
    )
    dots = _dots(trades, across, [upper(value) for value in values[1:]], values[1:]) if len(trades) <= MOST_DOTS else ()
    about = f"Realised equity over {count(len(trades), 'trade')}, from $0 to {money(values[-1])}"
    lower = Scale(min(min(falls) * 1.1, -1.0), 0.0)
    under = _stepped(x, [down(lower(fall)) for fall in falls])
    return plot("equity-plot", about, WIDTH, shapes, dots, y=steps(upper, 6, axis), x=labels) + plot(
        "drawdown-plot",
        f"Drawdown, {money(min(falls))} at the deepest",
        WIDTH,
        (f'<path class="drawdown-area" d="{under}V0H0z"/>', f'<path class="drawdown" d="{under}"/>'),
        y=steps(lower, 3, axis),
        x=[(place, "", rank) for place, _, rank in labels],
    )


def daily(days: Sequence[tuple[str, float]]) -> str:
    """The net of each day as a bar, and their sum so far as a line, in dollars. Returns nothing for less than two."""
    if len(days) < 2:
        return ""
    size, sums = len(days), list(accumulate(net for _, net in days))
    y = padded(min(0.0, *sums, *(net for _, net in days)), max(0.0, *sums, *(net for _, net in days)), 0.08)
    zero = down(y(0))
    shapes, titles = [], []
    for at, ((day, net), total) in enumerate(zip(days, sums, strict=True)):
        left, right = (at + 0.2) / size * WIDTH, (at + 0.8) / size * WIDTH
        kind = "win" if net > 0 else "lose"
        shapes.append(f'<path class="bar {kind}" d="M{left:.1f} {zero}V{down(y(net))}H{right:.1f}V{zero}z"/>')
        told = f"{day}: {money(net)}, so far {money(total)}"
        field = f'x="{percent(at / size)}" y="0" width="{percent(1 / size)}" height="100%"'
        titles.append(f'<rect class="hit" {field}><title>{told}</title></rect>')
    line = "L".join(f"{(at + 0.5) / size * WIDTH:.1f} {down(y(total))}" for at, total in enumerate(sums))
    shapes += [f'<path class="zero" d="M0 {zero}H{WIDTH}"/>', f'<path class="equity" d="M{line}"/>']
    labels = ranked([((at + 0.5) / size - 0.03, day[5:]) for at, (day, _) in enumerate(days)], 0.075, 0.14)
    about = f"Net of {count(size, 'day')}, in sum {money(sums[-1])}"
    return plot("equity-plot", about, WIDTH, shapes, titles, y=steps(y, 6, axis), x=labels, ruled=False)


def _stepped(x: Sequence[float], y: Sequence[int]) -> str:
    """From value to value: level until the next trade, to the end of the last session."""
    points = (f"H{place * WIDTH:.1f}V{height}" for place, height in zip(x[1:], y[1:], strict=True))
    return f"M0 {y[0]}{''.join(points)}H{WIDTH}"


def _dots(trades: Sequence[Done], across: Sequence[float], heights: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    for each, place, height, value in zip(trades, across, heights, values, strict=True):
        trade = each.trade
        told = f"{tapes.wall(trade.exit_ns)}  {trade.strategy}  {money(trade.net_cents / 100)}, equity {money(value)}"
        yield mark("dot", place, height, DOT, told)


def _dates(sessions: Sequence[str]) -> list[Label]:
    """The dates of few sessions; of many the first of each month, and of very many of each year."""
    size = len(sessions)
    starts = [(at / size, session) for at, session in enumerate(sessions)]
    if size > 600:
        shown = [(place, day[:4]) for at, (place, day) in enumerate(starts) if at == 0 or day[:4] != sessions[at - 1][:4]]
    elif size > 40:
        shown = [(place, day[:7]) for at, (place, day) in enumerate(starts) if at == 0 or day[:7] != sessions[at - 1][:7]]
    else:
        shown = starts
    return [each for each in ranked(shown, 0.075, 0.28) if each[0] < 0.94]


def distribution(trades: Sequence[Done]) -> str:
    """How often which result came out: in R where trades have one, else in dollars. Returns nothing for less than two."""
    multiples = [each.measures.r for each in trades if each.measures is not None and each.measures.r is not None]
    unit = "R" if multiples else "$"
    values = multiples or [each.trade.net_cents / 100 for each in trades]
    if len(values) < 2:
        return ""
    if multiples:
        values = [min(max(value, -WIDEST_R), WIDEST_R) for value in values]
    edges = _edges(min(values), max(values))
    counted = Counter(min(bisect_right(edges, value), len(edges) - 1) - 1 for value in values)
    x, y = Scale(edges[0], edges[-1]), Scale(0, max(counted.values()) * 1.08)
    shapes, titles = [], []
    for at, number in sorted(counted.items()):
        left, right, height = x(edges[at]), x(edges[at + 1]), y(number)
        kind = "win" if edges[at] >= 0 else "lose"
        shapes.append(
            f'<path class="bar {kind}" d="M{left * WIDTH + 1:.1f} {UNITS}V{down(height)}H{right * WIDTH - 1:.1f}V{UNITS}z"/>'
        )
        span = f"{_of(edges[at], unit)} to {_of(edges[at + 1], unit)}: {count(number, 'trade')}"
        field = f'x="{percent(left)}" y="0" width="{percent(right - left)}" height="100%"'
        titles.append(f'<rect class="hit" {field}><title>{span}</title></rect>')
    if x.low < 0 < x.high:
        shapes.append(f'<path class="zero" d="M{x(0) * WIDTH:.1f} 0V{UNITS}"/>')
    mean = math.fsum(values) / len(values)
    shapes.append(f'<path class="mean" d="M{x(mean) * WIDTH:.1f} 0V{UNITS}"/>')
    labels = [(place, words) for place, words, _ in steps(x, 10, lambda value: _of(value, unit))]
    return plot(
        "small-plot",
        f"Distribution of the results in {'R' if multiples else 'dollars'}, mean {_of(mean, unit)}",
        WIDTH,
        shapes,
        titles,
        y=[each for each in steps(y, 4, lambda value: f"{value:,.0f}") if each[0] <= 1 and each[1] != "0"],
        x=[each for each in ranked(labels, 0.11, 0.2) if each[0] < 0.95],
    )


def _edges(low: float, high: float) -> list[float]:
    """Borders at round values, 0 among them, from below the lowest to above the highest; at most BINS bars."""
    span = max(high, 0.0) - min(low, 0.0)
    raw = (span or 1.0) / BINS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first = math.floor(min(low, 0.0) / step)
    last = max(math.floor(max(high, 0.0) / step) + 1, first + 1)
    return [number * step for number in range(first, last + 1)]


def excursions(trades: Sequence[Done]) -> str:
    """Each trade by the furthest price against it and for it, in points. Returns nothing where no trade has both."""
    known = [(each, each.measures) for each in trades if each.measures is not None]
    if not known:
        return ""
    x = Scale(0, max(measures.mae for _, measures in known) * 1.05 or 1.0)
    y = Scale(0, max(measures.mfe for _, measures in known) * 1.08 or 1.0)
    shapes: list[str] = []
    marks: list[str] = []
    if len(known) <= MOST_DOTS:
        for each, measures in known:
            trade = each.trade
            told = (
                f"{trade.strategy} {tapes.wall(trade.entry_ns)}, MAE {price(measures.mae)}, MFE {price(measures.mfe)}, "
                f"{money(trade.net_cents / 100)}"
            )
            marks.append(mark(f"spot {_won(each)}", x(measures.mae), y(measures.mfe), DOT, told))
    else:
        for kind in ("lose", "win"):  # a path of its own for each would be 10,000 elements
            spots = (f"M{x(m.mae) * WIDTH:.0f} {down(y(m.mfe))}h0" for each, m in known if _won(each) == kind)
            shapes.append(f'<path class="spots {kind}" d="{"".join(spots)}"/>')
    return plot(
        "small-plot",
        f"MAE and MFE of {count(len(known), 'trade')}, in points",
        WIDTH,
        shapes,
        marks,
        y=[each for each in steps(y, 5, _points) if each[0] <= 1],
        x=[each for each in ranked([(place, words) for place, words, _ in steps(x, 8, _points)], 0.1, 0.2) if each[0] < 0.95],
    )


def _won(each: Done) -> str:
    return "win" if each.trade.net_cents > 0 else "lose"


def _points(value: float) -> str:
    return f"{value:,.6g}"


def _of(value: float, unit: str) -> str:
    return short(value) if unit == "$" else f"{ratio(value)} R"


def axis(dollars: float) -> str:
    """Money beside an axis."""
    return money(dollars, signed=False).removesuffix(".00") if abs(dollars) < 1e5 else short(dollars, signed=False)

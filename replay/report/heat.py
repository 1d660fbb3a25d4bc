"""Results by month, and by hour and weekday, as tables whose cells have the colour of their result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

from tapewire.replay import tapes
from tapewire.replay.report.facts import Done
from tapewire.replay.report.text import count, money, share, short, text

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHADES = 5


def months(trades: Sequence[Done], sessions: Sequence[str]) -> str:
    """Net by month of the exit; a month of the recording without a trade is 0, one without a session is empty."""
    found: dict[str, list[Done]] = {session[:7]: [] for session in sessions}
    for each in trades:
        found[each.closed[:7]].append(each)
    years = sorted({month[:4] for month in found})
    shade = shades(_net(kept) for kept in found.values())
    rows = []
    for year in years:
        cells = [
            _cell(kept, shade, label=name) if (kept := found.get(f"{year}-{at:02}")) is not None else '<td class="gap"></td>'
            for at, name in enumerate(MONTHS, 1)
        ]
        whole = [each for month, kept in found.items() if month.startswith(year) for each in kept]
        rows.append(f'<tr><th scope="row">{year}</th>{"".join(cells)}{_cell(whole, None, label="Sum")}</tr>')
    head = "".join(f'<th scope="col">{name}</th>' for name in (*MONTHS, "Sum"))
    return (
        f'<table class="heat months" aria-label="Net by month"><thead><tr><th scope="col">Year</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def hours(trades: Sequence[Done]) -> str:
    """Net by the hour (New York) and the weekday of the entry, with sums at the edges."""
    found: dict[tuple[str, int], list[Done]] = {}
    for each in trades:
        stamp = tapes.wall(each.trade.entry_ns)
        found.setdefault((stamp[11:13], dt.date.fromisoformat(stamp[:10]).weekday()), []).append(each)
    days = sorted({0, 1, 2, 3, 4} | {day for _, day in found})
    names = sorted({hour for hour, _ in found})
    shade = shades(_net(kept) for kept in found.values())

    rows = []
    for hour in names:
        cells = "".join(_cell(found.get((hour, day), []), shade) for day in days)
        whole = [each for (at, _), kept in found.items() if at == hour for each in kept]
        rows.append(f'<tr><th scope="row">{hour}:00</th>{cells}{_cell(whole, None)}</tr>')
    sums = "".join(_cell([each for (_, at), kept in found.items() if at == day for each in kept], None) for day in days)
    rows.append(f'<tr><th scope="row">All</th>{sums}{_cell(trades, None)}</tr>')
    head = "".join(f'<th scope="col">{name}</th>' for name in (*(WEEKDAYS[day] for day in days), "All"))
    return (
        '<table class="heat" aria-label="Net by hour and weekday of the entry">'
        f'<thead><tr><th scope="col">Hour</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def shades(values: Iterable[float]) -> Callable[[float], str]:
    """The CSS class of a value: how far it is from 0, as a part of the furthest."""
    most = max(map(abs, values), default=0.0) or 1.0

    def shade(value: float) -> str:
        return f"{'g' if value > 0 else 'l'}{max(1, round(abs(value) / most * SHADES))}" if value else "even"

    return shade


def _cell(trades: Sequence[Done], shade: Callable[[float], str] | None, *, label: str = "") -> str:
    named = f' data-label="{label}"' if label else ""
    if not trades:
        return f'<td class="even"{named}>{"0" if label else ""}</td>'
    net = _net(trades)
    won = sum(each.trade.net_cents > 0 for each in trades) / len(trades)
    told = f"{money(net)}, {count(len(trades), 'trade')}, {share(won)} with a gain"
    kind = "sum" if shade is None else shade(net) if round(net) else "even"
    return f'<td class="{kind}" title="{text(told)}"{named}>{short(net)}</td>'


def _net(trades: Sequence[Done]) -> float:
    return sum(each.trade.net_cents for each in trades) / 100

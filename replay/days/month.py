"""A month as the sum of its days: `summary.json` and `summary.html` beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tapewire.replay.days import sums as addition
from tapewire.replay.days.files import Performance
from tapewire.replay.days.sums import Sums
from tapewire.replay.report import parts
from tapewire.replay.report.parts import Column
from tapewire.replay.report.text import count, money, ratio, share, text, tone

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
GROUPS = (("by_strategy", "Strategy"), ("by_reason", "Exit"), ("by_weekday", "Weekday"), ("by_hour", "Hour of entry, New York"))
RESULTS = parts.numbers("Trades", "Win rate", "Profit factor", "Net")
DAYS = (Column("Day"), *parts.numbers("Trades", "Gains", "Net", "Minutes missing"), Column("State"))


class MonthDay(Struct, frozen=True):
    """One day in a month. Dollars."""

    session: str
    closed: bool
    trades: int
    wins: int
    net: float
    missing: int


class MonthSummary(Struct, frozen=True):
    """A month. days: those with a folder. figures: dollars, of all trades in the order of their days. sums: the same in cents."""

    month: str
    days: tuple[MonthDay, ...]
    signals: int
    intents: int
    refusals: dict[str, int]
    figures: dict[str, Any]
    sums: Sums


def of(month: str, days: Sequence[Performance]) -> MonthSummary:
    """The summary of these days, in their order."""
    sums = addition.joined(day.sums for day in days)
    refusals: Counter[str] = Counter()
    for day in days:
        refusals.update(day.refusals)
    return MonthSummary(
        month=month,
        days=tuple(
            MonthDay(
                day.session,
                day.closed,
                day.sums.total.trades,
                day.sums.total.wins,
                day.sums.total.net / 100,
                sum(session.missing for session in day.sessions),
            )
            for day in days
        ),
        signals=sum(day.signals for day in days),
        intents=sum(day.intents for day in days),
        refusals=dict(sorted(refusals.items())),
        figures=sums.shown(),
        sums=sums,
    )


def page(summary: MonthSummary) -> bytes:
    """The month as one page that needs no network and no other file; the reports of its days lie in the folders beside it."""
    from tapewire.replay.report import charts  # here, because the daybook would hold it all the time

    total = summary.figures
    figures = (
        ("Net", money(total["net"]), tone(total["net"]), "after commission"),
        ("Trades", f"{total['trades']:,}", "", f"on {count(sum(day.trades > 0 for day in summary.days), 'day')}"),
        ("Win rate", share(total["win_rate"]), "", f"{total['wins']:,} with a gain"),
        ("Profit factor", ratio(total["profit_factor"]), "", "gains over losses"),
        ("Per trade", money(total["expectancy"]), "", "net, mean"),
        ("Largest drawdown", money(total["max_drawdown"], signed=False), "", "realised, from the peak"),
        ("Commission", money(total["commission"], signed=False), "", f"gross {money(total['gross'])}"),
    )
    groups = "".join(
        parts.panel(parts.table("", (Column(name), *RESULTS), map(_escaped, rows(total[key], key)), label=f"By {name.lower()}"))
        for key, name in GROUPS
        if total[key]
    )
    days = (
        (
            _linked(day.session),
            f"{day.trades:,}",
            f"{day.wins:,}",
            parts.net(day.net),
            f"{day.missing:,}",
            "" if day.closed else "open",
        )
        for day in summary.days
    )
    drawn = charts.daily([(day.session, day.net) for day in summary.days])
    caption = "<figcaption>Bars: the net of each day. Line: their sum so far. Dollars, realised.</figcaption>"
    figure = f"<figure>{drawn}{caption}</figure>" if drawn else ""
    content = (
        f'<header><h1>{text(summary.month)}</h1><p class="facts">{count(len(summary.days), "day")}</p></header>',
        f"{parts.tiles(figures)}<h2>Days</h2>{figure}{parts.panel(parts.table('', DAYS, days, label='Days'))}",
        f'<h2>Results</h2><div class="columns">{groups}</div>',
    )
    return parts.document(f"tapewire month {summary.month}", content).encode()


def rows(group: Mapping[str, Any], key: str) -> list[tuple[str, ...]]:
    """A group of results as cells: name, trades, win rate, profit factor, net. Weekdays in their order."""
    names = [day for day in (*WEEKDAYS, "Saturday", "Sunday") if day in group] if key == "by_weekday" else list(group)
    return [
        (
            name,
            f"{group[name]['trades']:,}",
            share(group[name]["win_rate"]),
            ratio(group[name]["profit_factor"]),
            money(group[name]["net"]),
        )
        for name in names
    ]


def _linked(session: str) -> str:
    """A day, and the way to its report from the month's folder."""
    return f'<a href="{text(session[8:])}/report.html">{text(session)}</a>'


def _escaped(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(text, cells))

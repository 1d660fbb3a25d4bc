"""The page itself: the run, its results, each session that traded, every trade, and what the figures assume."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path

from tapewire.bus import disk
from tapewire.replay import tapes
from tapewire.replay.excursion import Measures
from tapewire.replay.outputs import Summary, Tally
from tapewire.replay.program import Verdict
from tapewire.replay.report import charts, facts
from tapewire.replay.report.facts import Facts, TradedSession
from tapewire.replay.report.style import CSS
from tapewire.replay.report.text import count, money, price, ratio, text, tone

MOST_DAYS = 60
MOST_TRADES = 1000
MOST_IGNORED = 200

FILLS = {
    "next_open": "An entry decided on a bar fills at the open of the next one",
    "close": "An entry decided on a bar fills at that bar's close",
}


def write(run: Path) -> Path:
    """Write the `report.html` of a run that has finished, or keeps days, and return its path.

    Raises:
        ConfError: there is no run, or it has not finished and keeps no days. DataError, JournalError: its files cannot be read.
    """
    path = run / "report.html"
    disk.replace(path, page(facts.read(run, MOST_DAYS)).encode())
    return path


def page(run: Facts) -> str:
    """The whole document."""
    title = f"{', '.join(run.summary.instruments)}, preset {run.summary.preset}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # A second defence: escaped text cannot run, and this policy would let a script load and send nothing.
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            f"<title>tapewire run: {text(title)}</title><style>{CSS}</style></head><body><main>",
            _header(run.summary, title),
            _figures(run.summary),
            _program(run.program),
            _equity(run),
            _tallies(run.summary),
            _days(run),
            _trades(run),
            _completeness(run.summary),
            _notes(run.summary),
            "</main></body></html>\n",
        )
    )


def _header(summary: Summary, title: str) -> str:
    dates = [session.session for session in summary.sessions if session.rth_bars]
    span = f"{dates[0]} to {dates[-1]}" if dates else "no RTH bars"
    facts_shown = (
        (count(len(dates), "session"), span),
        ("bars", f"{summary.bars:,}"),
        ("day types", summary.day_type),
        ("fills", summary.fill),
        ("strategies", ", ".join(summary.strategies)),
    )
    shown = " &middot; ".join(f"{text(name)} <b>{text(value)}</b>" for name, value in facts_shown)
    return f'<header><h1>{text(title)}</h1><p class="facts">{shown}</p></header>'


def _figures(summary: Summary) -> str:
    refused = sum(summary.refusals.values())
    figures = (
        ("Net", money(summary.net), tone(summary.net), "after commission"),
        ("Trades", f"{summary.trades:,}", "", f"{summary.wins:,} with a gain" if summary.trades else "none"),
        ("Per trade", money(summary.net / summary.trades) if summary.trades else "\N{EN DASH}", "", "net, mean"),
        ("Largest drawdown", money(summary.max_drawdown, signed=False), "", "realised, from the peak"),
        ("Commission", money(summary.commission, signed=False), "", f"gross {money(summary.gross)}"),
        ("Entries asked for", f"{summary.intents:,}", "", f"{count(refused, 'refusal')} of any kind"),
    )
    cells = (
        f'<div><dt>{text(name)}</dt><dd class="{kind}">{text(value)}<small>{text(small)}</small></dd></div>'
        for name, value, kind, small in figures
    )
    return f'<dl class="figures">{"".join(cells)}</dl>'


def _program(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    names = ("Day", "Account", "Trades", "P&L", "Equity", "Mark", "Floor", "Best day", "Note")
    rows = (
        (
            text(day.session),
            text(day.account.capitalize()),
            f"{day.trades:,}",
            _net(day.pnl),
            money(day.equity, signed=False),
            money(day.mark, signed=False),
            "\N{EN DASH}" if day.floor is None else money(day.floor, signed=False),
            "\N{EN DASH}" if day.best_share is None else f"{day.best_share:.1%}",
            text(day.note),
        )
        for day in verdict.days
    )
    payouts = "".join(f"<p>Payout {money(p.amount, signed=False)} asked for on {text(p.session)}.</p>" for p in verdict.payouts)
    return (
        f"<h2>Program {text(verdict.program)}</h2><p><b>{text(verdict.text)}</b></p>{payouts}"
        f'<p class="soft">{text(verdict.description)}. Terms as of {verdict.as_of}. {text(verdict.check)}. '
        f"{count(verdict.refused, 'entry', 'entries')} refused by the program; fees of the evaluation "
        f"{money(verdict.fees, signed=False)}.</p>{_panel(_table('', names, rows, numbers={2, 3, 4, 5, 6, 7}, wide={8}))}"
    )


def _equity(run: Facts) -> str:
    if not run.trades:
        return '<h2>Equity</h2><p class="none">No trade was made, so there is no curve. That can be a correct result.</p>'
    return (
        f"<h2>Equity</h2><figure>{charts.equity(run.trades)}"
        "<figcaption><span>Realised net profit after each trade, in dollars, from 0</span></figcaption></figure>"
    )


def _tallies(summary: Summary) -> str:
    tables = [
        _tally_table("By strategy", "Strategy", summary.by_strategy),
        _tally_table("By exit", "Reason", summary.by_reason),
    ]
    if summary.refusals:
        rows = ((text(reason), f"{number:,}") for reason, number in summary.refusals.items())
        tables.append(_panel(_table("Refused by the gate", ("Reason", "Intents"), rows, numbers={1})))
    return f'<h2>Results</h2><div class="columns">{"".join(tables)}</div>'


def _tally_table(caption: str, name: str, tallies: dict[str, Tally]) -> str:
    rows = ((text(key), f"{t.trades:,}", f"{t.wins:,}", _net(t.net)) for key, t in tallies.items())
    return _panel(_table(caption, (name, "Trades", "Gains", "Net"), rows, numbers={1, 2, 3}))


def _days(run: Facts) -> str:
    if not run.days:
        return ""
    drawn = "".join(_day(day, run.summary.day_type) for day in run.days)
    more = run.traded_days - len(run.days)
    left = (
        f'<p class="note">{count(more, "later session")} that traded are not drawn here; trades.jsonl has them all.</p>'
        if more
        else ""
    )
    return f"<h2>Sessions that traded</h2>{drawn}{left}"


def _day(day: TradedSession, day_type: str) -> str:
    net = sum(holding.trade.net_cents for holding in day.holdings) / 100
    widest = day.minutes[-1].widest if day.minutes else "none"
    balance = next((m.ib for m in reversed(day.minutes) if m.ib is not None and m.ib.valid), None)
    height = f"IB {balance.high - balance.low:,.2f} points" if balance else "no valid IB"
    weekday = f"{dt.date.fromisoformat(day.session):%A}"
    keys = (("k-vwap", "VWAP"), ("k-ib", "initial balance"), ("k-stop", "stop"), ("k-target", "target"))
    legend = "".join(f'<span class="key {kind}">{name}</span>' for kind, name in keys)
    return (
        f'<figure><div class="title"><h3>{text(day.session)}</h3><span>{weekday}</span><span>{text(day.instrument)}</span>'
        f"<span>{text(height)}</span><span>widest type {text(widest)}</span>"
        f'<span>{count(len(day.holdings), "trade")}</span><span class="{tone(net)}">{money(net)}</span></div>'
        f"{charts.session(day, day_type)}"
        f"<figcaption>{legend}<span>Triangle: entry. Diamond: exit. Times are Eastern.</span></figcaption></figure>"
    )


def _trades(run: Facts) -> str:
    trades = run.trades
    if not trades:
        return ""
    names = ("Session", "Strategy", "Side", "Size", "In", "Price", "Out", "Price", "Exit", "Bars", "Stop", "Target", "Net")
    measures = ("MAE", "MFE", "R")
    rows = (
        (
            text(t.session),
            text(t.strategy),
            text(t.direction.capitalize()),
            f"{t.size:,}",
            tapes.wall(t.entry_ns)[11:16],
            price(t.entry_price),
            tapes.wall(t.exit_ns)[11:16],
            price(t.exit_price),
            text(t.reason),
            f"{t.bars_held:,}",
            price(t.stop),
            price(t.target),
            _net(t.net_cents / 100),
            *_measured(run.measures.get(t.id)),
        )
        for t in trades[:MOST_TRADES]
    )
    more = len(trades) - MOST_TRADES
    left = f'<p class="note">{count(more, "later trade")} not listed here; trades.jsonl has them all.</p>' if more > 0 else ""
    meaning = '<p class="note">MAE, MFE: furthest price against and for the trade, in points. R: net over the risk at entry.</p>'
    return f"<h2>Trades</h2>{_panel(_table('', names + measures, rows, numbers={3, 5, 7, *range(9, 16)}))}{meaning}{left}"


def _measured(measures: Measures | None) -> tuple[str, str, str]:
    if measures is None:
        return price(None), price(None), price(None)
    return price(measures.mae), price(measures.mfe), ratio(measures.r)


def _completeness(summary: Summary) -> str:
    rows = ((text(s.session), text(s.instrument), text(s.note)) for s in summary.sessions)
    parts = [_panel(_table("Sessions", ("Session", "Instrument", "RTH bars"), rows, wide={2}))]
    if summary.files:
        files = ((text(f.file), text(f.instrument), f"{f.rows:,}", f"{f.rows - f.accepted:,}") for f in summary.files)
        parts.append(_panel(_table("Files", ("File", "Bars of", "Rows", "Left out"), files, numbers={2, 3})))
    if summary.ignored:
        left_out = ((text(i.file), f"{i.line:,}", text(i.stamp), text(i.why)) for i in summary.ignored[:MOST_IGNORED])
        more = len(summary.ignored) - MOST_IGNORED
        caption = "Rows left out" + (f" (the first {MOST_IGNORED} of {len(summary.ignored):,})" if more > 0 else "")
        parts.append(_panel(_table(caption, ("File", "Line", "Stamp", "Why"), left_out, numbers={1})))
    whole = sum(s.missing for s in summary.sessions)
    lead = "No RTH minute is missing" if not whole else f"{count(whole, 'RTH minute')} without a bar"
    left = f"{count(len(summary.ignored), 'row')} left out." if summary.files else "The bars did not come from files."
    return f'<h2>Completeness</h2><p class="soft">{lead}. {left}</p><div class="columns">{"".join(parts)}</div>'


def _notes(summary: Summary) -> str:
    fill = FILLS.get(summary.fill, f"Fill model {summary.fill}")
    empty = "fills orders like any other" if summary.fill_empty else "fills nothing"
    return (
        "<h2>What these figures assume</h2>"
        f"<p>{text(fill)}. A bar with volume 0 {empty}. "
        "A bar that touches both stop and target counts as stopped. A gap through the stop fills at the open, beyond the stop. "
        "Every fill, targets included, pays the instrument's slippage against us. Both sides pay commission. "
        "Real fills can still be worse: nothing here knows the queue, the spread or how much could be had at a price.</p>"
        "<p>If the bars are synthetic, their reversals were built in: such a run shows that the machine works, and proves "
        "nothing about profit. A few sessions of real bars prove hardly more.</p>"
    )


def _net(dollars: float) -> str:
    return f'<span class="{tone(dollars)}">{money(dollars)}</span>'


def _panel(content: str) -> str:
    return f'<div class="panel scroll">{content}</div>'


def _table(
    caption: str,
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    wide: Iterable[int] = (),
) -> str:
    """A table from cells that are HTML already. numbers: columns set right; wide: columns that may wrap."""
    kinds = {**dict.fromkeys(wide, ' class="wide"'), **dict.fromkeys(numbers, ' class="n"')}
    head = "".join(f"<th{kinds.get(at, '')}>{text(name)}</th>" for at, name in enumerate(names))
    lines = ["".join(f"<td{kinds.get(at, '')}>{cell}</td>" for at, cell in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines) or f'<tr><td class="none" colspan="{len(names)}">None</td></tr>'
    label = f"<caption>{text(caption)}</caption>" if caption else ""
    return f"<table>{label}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

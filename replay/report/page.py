"""The page itself: the run, its results, the sessions, every trade, and what the figures assume."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from tapewire.bus import disk
from tapewire.replay import tapes
from tapewire.replay.applied import words
from tapewire.replay.desk import numbers
from tapewire.replay.outputs import Summary
from tapewire.replay.program import Verdict
from tapewire.replay.report import candles, charts, facts, heat, parts, profile
from tapewire.replay.report.facts import Done, DrawnSession, Facts
from tapewire.replay.report.parts import Column
from tapewire.replay.report.text import DASH, MINUS, count, many_sessions, money, price, ratio, sentence, share, text, tone

MOST_ROWS = 100  # trades that stand in the page itself; the script leafs through all
MOST_IGNORED = 200
FEW = 20  # sessions, of which a bootstrap says too little about the others
OPENED = 3  # sessions that are open at first

TRADE = (
    *(Column("Session"), Column("Strategy"), Column("Side"), Column("Size", "n"), Column("In", "n"), Column("Price", "n")),
    *(Column("Out", "n"), Column("Price", "n"), Column("Exit")),
    *parts.numbers("Bars", "Stop", "Target", "MAE", "MFE", "R", "Net"),
)


def write(run: Path, *, start: str = "", end: str = "", out: Path | None = None) -> Path:
    """Write the report of a run that has finished, or keeps days, and return its path.

    Args:
        start, end: the first and the last trade date that count; empty for all. out: the file; None for `report.html` of the run.
    Raises:
        ConfError: there is no run, it has not finished and keeps no days, or it has no session between these dates. DataError,
            JournalError: its files cannot be read.
    """
    path = out or run / "report.html"
    disk.replace(path, page(facts.read(run, start=start, end=end)).encode())
    return path


def page(run: Facts) -> str:
    """The whole document."""
    title = f"{', '.join(run.summary.instruments)}, preset {run.summary.preset}"
    content = (
        _header(run, title),
        _figures(run),
        _program(run.program, part=any(run.reach)),
        _equity(run),
        _spread(run),
        _times(run),
        _tallies(run),
        _days(run),
        _trades(run),
        _applied(run.summary),
        _completeness(run.summary),
        _notes(run),
    )
    data = {"sessions": run.sessions, "trades": [_told(each) for each in run.trades]} if run.trades else None
    return parts.document(f"tapewire run: {title}", content, data)


def _header(run: Facts, title: str) -> str:
    summary = run.summary
    dates = [session.session for session in summary.sessions if session.rth_bars]
    span = f"{min(dates)} to {max(dates)}" if dates else "no RTH bars"
    facts_shown = (
        (count(len({*dates}), "session"), span),
        ("bars", f"{summary.bars:,}"),
        ("day types", summary.day_type),
        ("fills", summary.fill),
        ("strategies", ", ".join(summary.strategies)),
    )
    shown = " &middot; ".join(f"{text(name)} <b>{text(value)}</b>" for name, value in facts_shown)
    part = '<p class="note">A part of the run, chosen by date.</p>' if any(run.reach) else ""
    return f'<header><h1>{text(title)}</h1><p class="facts">{shown}</p>{part}</header>'


def _figures(run: Facts) -> str:
    """The figures of desk/numbers.py, in the words of people who trade."""
    summary, of = run.summary, run.figures
    refused = sum(summary.refusals.values())
    fall = "realised, from the peak"
    if of["max_drawdown"]:
        back = "not recovered" if of["recovery_sessions"] is None else f"recovered in {of['recovery_sessions']:,}"
        fall = f"{count(of['drawdown_sessions'], 'session')} long, {back}"
    tried = len(run.sessions) > 1
    gain, loss = (money(of[name], signed=False).lstrip(MINUS) for name in ("average_win", "average_loss"))
    figures = [
        ("Net", money(summary.net), tone(summary.net), f"{share(of['return'])} of the capital, after commission"),
        (
            "Trades",
            f"{summary.trades:,}",
            "",
            f"{summary.wins:,} with a gain, {share(of['win_rate'])}" if summary.trades else "none",
        ),
        ("Per trade", money(of["expectancy"]), tone(of["expectancy"]), f"net, mean; {ratio(of['expectancy_r'])} R"),
        (
            "Profit factor",
            ratio(of["profit_factor"]),
            "",
            f"mean gain {gain}, mean loss {loss}",
        ),
        ("Largest drawdown", money(summary.max_drawdown, signed=False), "", fall),
        ("Sharpe", ratio(of["sharpe"]), "", f"a year; Sortino {ratio(of['sortino'])}, Calmar {ratio(of['calmar'])}"),
        (
            "Mean of a session",
            money(of["session_mean"]),
            tone(of["session_mean"]),
            f"95 %: {money(of['confidence_low'])} to {money(of['confidence_high'])}" if tried else "one session",
        ),
        ("Buy and hold", money(of["buy_and_hold"]), tone(of["buy_and_hold"]), "one contract, before costs"),
        ("In the market", share(of["exposure"]), "", "of all bars"),
        ("Longest losing row", f"{of['longest_losing_row']:,}", "", "trades"),
        ("Commission", money(summary.commission, signed=False), "", f"gross {money(summary.gross)}"),
        ("Entries asked for", f"{summary.intents:,}", "", f"{count(refused, 'refusal')} of any kind"),
    ]
    return parts.tiles(figures) + _chance(run)


def _chance(run: Facts) -> str:
    """How little the result may say."""
    of = run.figures
    low, high = of["confidence_low"], of["confidence_high"]
    if not run.trades or low is None or high is None:
        return ""
    have = len(run.sessions)
    told = f"The mean of {count(have, 'session')} lies between {money(low)} and {money(high)} with 95 %: "
    if low <= 0 <= high:
        told += "that cannot be told from 0, so chance alone may have done it. "
    else:
        told += f"that is {'above' if low > 0 else 'below'} 0, if the next sessions are like these. "
    if have < FEW:
        told += f"Of fewer than {FEW} sessions the interval is too narrow. "
    if (needed := of["sessions_needed"]) is not None:
        told += f"To tell such a mean from 0 takes {many_sessions(needed)}."
    return f'<p class="chance">{sentence(told)}</p>'


def _program(verdict: Verdict | None, *, part: bool) -> str:
    if verdict is None:
        return ""
    columns = (
        *(Column("Day"), Column("Account")),
        *parts.numbers("Trades", "P&L", "Equity", "Mark", "Floor", "Best day"),
        Column("Note", "wide"),
    )
    rows = (
        (
            text(day.session),
            text(day.account.capitalize()),
            f"{day.trades:,}",
            parts.net(day.pnl),
            money(day.equity, signed=False),
            money(day.mark, signed=False),
            money(day.floor, signed=False),
            share(day.best_share),
            text(day.note),
        )
        for day in verdict.days
    )
    whole = '<p class="note">The verdict is of the whole run; the days are those of this part.</p>' if part else ""
    payouts = "".join(f"<p>Payout {money(p.amount, signed=False)} asked for on {text(p.session)}.</p>" for p in verdict.payouts)
    return (
        f"<h2>Program {text(verdict.program)}</h2><p><b>{text(verdict.text)}</b></p>{whole}{payouts}"
        f'<p class="soft">{text(verdict.description)}. Terms as of {verdict.as_of}. {text(verdict.check)}. '
        f"{count(verdict.refused, 'entry', 'entries')} refused by the program; fees of the evaluation "
        f"{money(verdict.fees, signed=False)}.</p>{parts.panel(parts.table('', columns, rows, label='Days in the program'))}"
    )


def _equity(run: Facts) -> str:
    if not run.trades:
        return _idle(run)
    return (
        f'<h2>Equity</h2><figure id="equity">{charts.equity(run.trades, run.sessions)}'
        "<figcaption><span>Realised net profit in dollars, from 0, and below it the drawdown from its highest value so far. "
        "Sessions are equally wide.</span></figcaption></figure>"
    )


def _idle(run: Facts) -> str:
    """Nothing was traded: what is known of the reasons, and who knows the rest."""
    asked = sum(each.entries for each in run.asked.values())
    if not asked:
        told = "No strategy asked for an entry: on no bar did one find all of its conditions."
    else:
        names = ", ".join(run.asked)
        told = (
            f"{count(asked, 'entry was', 'entries were')} asked for ({names}), and none was filled; what the gate refused is below."
        )
    return (
        f'<h2>Equity</h2><p class="none">No trade was made, so there is no curve. That can be a correct result. {text(told)}</p>'
        "<p>At which condition each strategy stayed out, how many bars came that far, and the nearest miss of each session: "
        "<code>tapewire why --run</code> with the folder of this run (or <code>--data</code> with the recording, if the run has "
        "not kept all bars).</p>"
    )


def _spread(run: Facts) -> str:
    """How results are spread: in R, and against the prices that trades went through."""
    known = sum(each.measures is not None and each.measures.r is not None for each in run.trades)
    without = len(run.trades) - known
    left = f" {count(without, 'trade')} without a stop at the entry {'has' if without == 1 else 'have'} none." if known else ""
    first = f"How many trades ended where, in R: net over the risk at entry. The line is the mean.{left if without else ''}"
    figures = (
        ("Distribution of R" if known else "Distribution of results", charts.distribution(run.trades), first if known else ""),
        (
            "MAE and MFE",
            charts.excursions(run.trades),
            "Across: the furthest price against a trade, up: the furthest for it, in points. Losers far up gave back a gain; "
            "winners far to the right were nearly stopped.",
        ),
    )
    drawn = "".join(
        f"<figure><h3>{name}</h3>{drawing}<figcaption><span>{text(words)}</span>{_won_key() if name == 'MAE and MFE' else ''}"
        "</figcaption></figure>"
        for name, drawing, words in figures
        if drawing
    )
    return f'<h2>Trades at a glance</h2><div class="columns pair">{drawn}</div>' if drawn else ""


def _won_key() -> str:
    return '<span class="key k-gain">gain</span><span class="key k-loss">loss</span>'


def _times(run: Facts) -> str:
    if not run.trades:
        return ""
    return (
        f"<h2>When</h2><figure><h3>Net by month</h3>{heat.months(run.trades, run.sessions)}</figure>"
        f"<figure><h3>Net by hour and weekday of the entry</h3>{heat.hours(run.trades)}"
        "<figcaption><span>Hours are New York's.</span></figcaption></figure>"
    )


def _tallies(run: Facts) -> str:
    groups: tuple[tuple[str, str, Callable[[Done], str]], ...] = (
        ("By strategy", "Strategy", lambda each: each.trade.strategy),
        ("By exit", "Reason", lambda each: each.trade.reason),
        ("By side", "Side", lambda each: each.trade.direction.capitalize()),
        ("By day type at the entry", "Day type", lambda each: each.day_type or DASH),
    )
    tables = [_group(run, *group) for group in groups] if run.trades else []
    if run.asked:
        rows = (
            (
                text(name),
                f"{each.entries:,}",
                f"{sum(each.refused.values()):,}",
                text(", ".join(f"{reason} {number:,}" for reason, number in each.refused.items()) or DASH),
            )
            for name, each in run.asked.items()
        )
        columns = (Column("Strategy"), Column("Asked", "n"), Column("Refused", "n"), Column("Why", "wide"))
        tables.append(parts.panel(parts.table("Entries asked for", columns, rows)))
    if run.summary.refusals:
        refused = ((text(reason), f"{number:,}") for reason, number in run.summary.refusals.items())
        tables.append(parts.panel(parts.table("Refused by the gate", (Column("Reason"), Column("Intents", "n")), refused)))
    if run.summary.suppressed:
        setups = ((text(reason), f"{number:,}") for reason, number in run.summary.suppressed.items())
        caption = "Complete setups that were not requested"
        tables.append(parts.panel(parts.table(caption, (Column("Reason"), Column("Setups", "n")), setups)))
    return f'<h2>Results</h2><div class="columns">{"".join(tables)}</div>' if tables else ""


def _group(run: Facts, caption: str, name: str, of: Callable[[Done], str]) -> str:
    columns = (Column(name), *parts.numbers("Trades", "Gains", "Profit factor", "Per trade", "Mean R", "Net"))
    found = numbers.groups(facts.closed(run.trades), [of(each) for each in run.trades])
    rows = (
        (
            text(key),
            f"{each['trades']:,}",
            share(each["win_rate"]),
            ratio(each["profit_factor"]),
            parts.net(each["expectancy"]),
            ratio(each["expectancy_r"]),
            parts.net(each["net"]),
        )
        for key, each in found.items()
    )
    return parts.panel(parts.table(caption, columns, rows))


def _days(run: Facts) -> str:
    """Each session opens by a click; what it holds is there without a script."""
    traded = [day for day in run.days if day.holdings]
    idle = [day for day in run.days if not day.holdings]
    found = []
    if traded:
        first = "".join(_day(day, run.summary.day_type, opened=at < OPENED) for at, day in enumerate(traded))
        left = f"{count(run.undrawn, 'later session')} that traded not drawn here" if run.undrawn else ""
        found.append(f'<section class="days"><h2>Sessions that traded</h2>{first}{_reach(left)}</section>')
    if idle:
        other = len({count.session for count in run.summary.sessions if count.rth_bars})
        other -= len({each.trade.session for each in run.trades}) + len({day.session for day in idle})
        left = f"{count(other, 'other session')} without a trade not drawn here" if other > 0 else ""
        drawn = "".join(_day(day, run.summary.day_type, opened=False) for day in idle)
        found.append(f'<section class="days"><h2>Sessions without a trade</h2>{drawn}{_reach(left)}</section>')
    return "".join(found)


def _reach(left: str) -> str:
    return (
        f'<p class="note">{left}: <code>tapewire report RUN --from DATE --to DATE</code> makes the page of some dates, of a run '
        "that keeps all bars (<code>--journal all</code>).</p>"
        if left
        else ""
    )


def _day(day: DrawnSession, day_type: str, *, opened: bool) -> str:
    net = sum(holding.trade.net_cents for holding in day.holdings) / 100
    widest = day.minutes[-1].widest if day.minutes else "none"
    balance = next((m.ib for m in reversed(day.minutes) if m.ib is not None and m.ib.valid), None)
    height = f"IB {balance.high - balance.low:,.2f} points" if balance else "no valid IB"
    weekday = f"{dt.date.fromisoformat(day.session):%A}"
    keys = [("k-vwap", "VWAP"), ("k-ib", "initial balance")]
    if day.profile is not None:
        keys.append(("k-profile", "profile, value area"))
    marks = "Times are Eastern."
    if len(day.holdings) > candles.CROWDED:
        marks = f"Dot: entry, in the colour of its result. {marks}"
    elif day.holdings:
        keys += [("k-stop", "stop"), ("k-target", "target")]
        marks = f"Triangle: entry. Diamond: exit. {marks}"
    legend = "".join(f'<span class="key {kind}">{name}</span>' for kind, name in keys)
    outside = candles.hidden(day)
    beyond = f"<span>{count(outside, 'trade')} outside RTH not drawn.</span>" if outside else ""
    result = parts.net(net) if day.holdings else ""
    return (
        f'<details class="day" data-session="{text(day.session)}"{" open" if opened else ""}><summary><h3>{text(day.session)}</h3>'
        f"<span>{weekday}</span><span>{text(day.instrument)}</span><span>{text(height)}</span>"
        f"<span>day type at its furthest {text(widest)}</span>"
        f"<span>{count(len(day.holdings), 'trade')}</span>{result}</summary>"
        f"<figure>{candles.session(day, day_type)}"
        f"<figcaption>{legend}<span>{marks}</span>{beyond}"
        f"{'' if day.profile is None else f'<span>{text(profile.words(day.profile))}</span>'}</figcaption></figure>"
        "</details>"
    )


def _told(each: Done) -> tuple[str, ...]:
    """A trade as the cells of its row, then its reason and its id: text, as the script takes it too."""
    t, measures = each.trade, each.measures
    return (
        t.session,
        t.strategy,
        t.direction.capitalize(),
        f"{t.size:,}",
        tapes.wall(t.entry_ns)[11:16],
        price(t.entry_price),
        tapes.wall(t.exit_ns)[11:16],
        price(t.exit_price),
        t.reason,
        f"{t.bars_held:,}",
        price(t.stop),
        price(t.target),
        price(None if measures is None else measures.mae),
        price(None if measures is None else measures.mfe),
        ratio(None if measures is None else measures.r),
        money(t.net_cents / 100),
        each.reason,
        t.id,
    )


def _trades(run: Facts) -> str:
    if not run.trades:
        return ""
    bodies = "".join(f"<tbody>{_trade(_told(each))}</tbody>" for each in run.trades[:MOST_ROWS])
    more = len(run.trades) - MOST_ROWS
    left = f'<p class="note static">{count(more, "later trade")} not listed here; trades.csv has them all.</p>' if more > 0 else ""
    meaning = (
        '<p class="note">In, out: New York. MAE, MFE: furthest price against and for the trade, in points. R: net over the risk at '
        "entry. Below each trade why it was entered, and its id: <code>tapewire explain ID --run RUN</code> walks from it back to "
        "its bar.</p>"
    )
    table = f'<table class="sorts cards trades" data-rows="trades" aria-label="Trades">{parts.head(TRADE)}{bodies}</table>'
    return f"<h2>Trades</h2>{parts.panel(table)}{meaning}{left}"


def _trade(cells: Sequence[str]) -> str:
    """The row of a trade, and below it its reason and its id."""
    *shown, reason, name = cells
    tds = [text(cell) for cell in shown]
    tds[-1] = f'<span class="{"loss" if shown[-1].startswith(MINUS) else "gain"}">{tds[-1]}</span>'
    told = f'<td colspan="{len(TRADE)}"><span>{text(reason)}</span> <code>{text(name)}</code></td>'
    return f'{parts.row(TRADE, tds, cards=True)}<tr class="more">{told}</tr>'


def _applied(summary: Summary) -> str:
    """What each strategy got beside itself."""
    if not summary.applied:
        return ""
    columns = (Column("Strategy"), Column("Common exits", "wide"), Column("Limits", "wide"), Column("Size", "words"))
    rows = [tuple(map(text, (name, words(each.exits), words(each.limits), each.size))) for name, each in summary.applied.items()]
    costs = "".join(f"<p>{text(name)}: {text(each)}.</p>" for name, each in summary.costs.items())
    return f"<h2>What was applied</h2>{costs}{parts.panel(parts.table('', columns, rows))}"


def _completeness(summary: Summary) -> str:
    rows = ((text(s.session), text(s.instrument), text(s.note)) for s in summary.sessions)
    tables = [parts.panel(parts.table("Sessions", (Column("Session"), Column("Instrument"), Column("RTH bars", "wide")), rows))]
    if summary.files:
        files = ((text(f.file), text(f.instrument), f"{f.rows:,}", f"{f.rows - f.accepted:,}") for f in summary.files)
        columns = (Column("File", "wide"), Column("Bars of"), Column("Rows", "n"), Column("Left out", "n"))
        tables.append(parts.panel(parts.table("Files", columns, files)))
    if summary.ignored:
        left_out = ((text(i.file), f"{i.line:,}", text(i.stamp), text(i.why)) for i in summary.ignored[:MOST_IGNORED])
        more = len(summary.ignored) - MOST_IGNORED
        caption = "Rows left out" + (f" (the first {MOST_IGNORED} of {len(summary.ignored):,})" if more > 0 else "")
        columns = (Column("File", "wide"), Column("Line", "n"), Column("Stamp", "wide"), Column("Why", "wide"))
        tables.append(parts.panel(parts.table(caption, columns, left_out)))
    whole = sum(s.missing for s in summary.sessions)
    lead = "No RTH minute is missing" if not whole else f"{count(whole, 'RTH minute')} without a bar"
    left = f"{count(len(summary.ignored), 'row')} left out." if summary.files else "The bars did not come from files."
    return f'<h2>Completeness</h2><p class="soft">{lead}. {left}</p><div class="columns">{"".join(tables)}</div>'


def _fills(summary: Summary) -> str:
    """The rules by which orders were filled, those that flatter marked."""
    if not summary.fill_rules:
        return "<p>Orders were filled by the venue.</p>"
    rows = ((text(each.of), text(each.rule), "yes" if each.flatters else "") for each in summary.fill_rules)
    columns = (Column("Orders"), Column("Fill", "wide"), Column("Flatters"))
    return parts.panel(parts.table(f"Fill model {summary.fill}", columns, rows))


def _notes(run: Facts) -> str:
    summary = run.summary
    return (
        "<h2>What these figures assume</h2>"
        f"{_fills(summary)}"
        "<p>Both sides pay commission. Real fills can still be worse: nothing here knows the queue or the spread.</p>"
        "<p>Sharpe, Sortino and Calmar are annualised with 252 sessions, of which every one of the recording counts, also those "
        "without a trade. All money is realised: the open profit between two bars is in no figure, only in MAE and MFE. The "
        "interval is a bootstrap over sessions; the number of sessions needed is that of a two-sided test of 5 % with a power of "
        "80 %.</p>"
        "<p>If the bars are synthetic, their reversals were built in: such a run shows that the machine works, and proves "
        "nothing about profit. A few sessions of real bars prove hardly more.</p>"
    )

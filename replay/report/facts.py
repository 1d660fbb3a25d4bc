"""The data of the page, read from a finished run: its summary, trades, figures, and the bars of the sessions that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Action, DayType, OpenRelation, PriorValue, Profile, Reject, Signal, Trade, ValueRelation
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import excursion, outputs, program, tapes
from tapewire.replay.attendance import SessionCount
from tapewire.replay.desk import numbers
from tapewire.replay.desk.numbers import ClosedTrade
from tapewire.replay.excursion import Measures, PricesOfBar
from tapewire.replay.lines import ENTRIES
from tapewire.replay.outputs import Summary
from tapewire.replay.program import Verdict
from tapewire.replay.report import profile

MOST_DAYS, MOST_IDLE = 60, 30  # sessions that are drawn: that traded, and others; a journal of decisions keeps their minutes


class PriceBar(Struct, frozen=True):
    """The prices and the volume of a bar."""

    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class Edges(Struct, frozen=True):
    """The edges of the initial balance so far, in points."""

    high: float
    low: float
    valid: bool = False


class Before(Struct, frozen=True):
    """The few fields of an Auction that tell of the session before."""

    prior: PriorValue | None = None
    opened: OpenRelation | None = None
    value: ValueRelation | None = None


class Minute(Struct, frozen=True):
    """The few fields of a Session that a chart draws. minute counts from midnight, Eastern."""

    bar: PriceBar
    session: str
    minute: int
    rth: bool
    closes: int
    vwap: float | None = None
    ib: Edges | None = None
    day_type_edge: DayType = "none"
    day_type_midpoint: DayType = "none"
    widest: DayType = "none"
    auction: Before | None = None


class Holding(Struct, frozen=True):
    """A trade with the stops that protected it: (time from which on it applied, price), the first from the entry on."""

    trade: Trade
    stops: tuple[tuple[int, float], ...]


class DrawnSession(Struct, frozen=True):
    """One session of one instrument, with its trades if it has any."""

    instrument: str
    session: str
    minutes: tuple[Minute, ...]
    holdings: tuple[Holding, ...]
    profile: Profile | None = None


def drawn(conf: Conf, instrument: str, session: str, minutes: Sequence[Minute], holdings: tuple[Holding, ...]) -> DrawnSession:
    """A session of a run, with the profile of its minutes."""
    tick, rows = conf.instruments[instrument].tick, conf.preset.auction_row_ticks
    made = profile.of(instrument, session, minutes, tick, rows)
    before = minutes[-1].auction if minutes else None
    if made is not None and before is not None:
        made = replace(made, auction=replace(made.auction, prior=before.prior, opened=before.opened, value=before.value))
    return DrawnSession(instrument, session, tuple(minutes), holdings, made)


class Done(Struct, frozen=True):
    """What is told of a trade beside the trade itself.

    closed: trade date of its exit. reason, day_type: of its entry's signal, empty where there is none.
    """

    trade: Trade
    measures: Measures | None
    closed: str
    reason: str = ""
    day_type: str = ""


class Entries(Struct, frozen=True):
    """Entries that a strategy asked for: how many, and how many of them the gate refused, by reason."""

    entries: int
    refused: dict[str, int]


class Facts(Struct, frozen=True):
    """All data of the page.

    trades: in the order of their exits. figures: of them (desk/numbers.py). sessions: every trade date, also those without a trade.
    days: those that are drawn, in the order of their dates. undrawn: how many others traded. asked: by strategy. reach: the first
    and last date that were asked for, empty for all.
    """

    summary: Summary
    trades: tuple[Done, ...]
    figures: dict[str, Any]
    sessions: tuple[str, ...]
    days: tuple[DrawnSession, ...]
    undrawn: int = 0
    asked: dict[str, Entries] = {}
    program: Verdict | None = None
    reach: tuple[str, str] = ("", "")


def of(
    summary: Summary,
    trades: Sequence[Trade],
    signals: Iterable[Signal],
    rejects: Iterable[Reject],
    measures: Mapping[str, Measures],
    days: Sequence[DrawnSession],
    *,
    capital: float,
    undrawn: int = 0,
    program: Verdict | None = None,
    reach: tuple[str, str] = ("", ""),
) -> Facts:
    """The facts of a run, of a part of it, or of a day. trades: in the order of their exits. capital: dollars at the beginning."""
    clock = SessionClock(Calendar())  # a trade date depends on no calendar
    entered = {signal.order_id: signal for signal in signals if signal.action in ENTRIES}
    done = tuple(
        Done(
            trade,
            measures.get(trade.id),
            clock.read(trade.exit_ns)[0].date,
            entered[trade.id].reason if trade.id in entered else "",
            entered[trade.id].day_type if trade.id in entered else "",
        )
        for trade in trades
    )
    sessions = sorted({count.session for count in summary.sessions} | {each.closed for each in done})
    figures = numbers.figures(closed(done), sessions, capital=capital, bars=summary.bars, bought_and_held=summary.bought_and_held)
    asked: dict[str, Counter[str]] = {}
    entries: list[Signal | Reject] = [*entered.values(), *(reject for reject in rejects if reject.action in ENTRIES)]
    for each in entries:
        asked.setdefault(each.strategy, Counter())[str(each.reason) if isinstance(each, Reject) else ""] += 1
    return Facts(
        summary=summary,
        trades=done,
        figures=figures,
        sessions=tuple(sessions),
        days=tuple(days),
        undrawn=undrawn,
        asked={
            name: Entries(reasons.total(), {reason: reasons[reason] for reason in sorted(reasons) if reason})
            for name, reasons in sorted(asked.items())
        },
        program=program,
        reach=reach,
    )


def closed(done: Iterable[Done]) -> list[ClosedTrade]:
    """Trades as the figures take them."""
    return [
        ClosedTrade(
            session=each.closed,
            net=each.trade.net_cents / 100,
            gross=each.trade.gross_cents / 100,
            commission=each.trade.commission_cents / 100,
            r=None if each.measures is None else each.measures.r,
            bars_held=each.trade.bars_held,
        )
        for each in done
    ]


def read(run: Path, most_days: int = MOST_DAYS, start: str = "", end: str = "") -> Facts:
    """Read a finished run, or one that keeps days (a live one) as it is now.

    Args:
        most_days: so many sessions that traded are drawn. start, end: the first and last trade date that
            count; empty for all.
    Raises:
        ConfError: there is no run, it has not finished and keeps no days, or it has no session between these dates. DataError,
            JournalError: its files cannot be read.
    """
    finished = (run / "summary.json").exists() or not (run / "days").is_dir()
    told = outputs.read_summary(run) if finished else None
    conf = configuration.read(run)
    summary = outputs.so_far(run, conf) if told is None else told
    trades = tuple(sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns))
    signals = list(tapes.facts(run, topics.SIGNAL, Signal))
    rejects = list(tapes.facts(run, topics.REJECT, Reject))
    if finished:
        measures = excursion.written(run)
    else:
        measures = excursion.measured(excursion.journalled(run), trades, signals, conf.instruments)
    if start or end:
        summary, trades, signals, rejects = _within(run, conf, summary, trades, signals, rejects, start, end)
    traded = sorted({(trade.session, trade.instrument) for trade in trades})
    others = sorted({(count.session, count.instrument) for count in summary.sessions if count.rth_bars} - {*traded})
    minutes = _minutes(run, [*traded[:most_days], *others[:MOST_IDLE]])
    held = holdings(trades, signals)
    days = [
        drawn(conf, instrument, session, kept, held.get((session, instrument), ()))
        for (session, instrument), kept in sorted(minutes.items())
        if kept or (session, instrument) in traded
    ]
    return of(
        summary,
        trades,
        signals,
        rejects,
        measures,
        days,
        capital=conf.preset.risk.start,
        undrawn=len(traded[most_days:]),
        program=_judged(program.read(run), start, end),
        reach=(start, end),
    )


def _within(
    run: Path,
    conf: Conf,
    summary: Summary,
    trades: tuple[Trade, ...],
    signals: list[Signal],
    rejects: list[Reject],
    start: str,
    end: str,
) -> tuple[Summary, tuple[Trade, ...], list[Signal], list[Reject]]:
    """What was decided between these dates, and the summary of that alone."""

    def inside(each: SessionCount | Trade | Signal | Reject) -> bool:
        return start <= each.session <= (end or each.session)

    sessions = tuple(filter(inside, summary.sessions))
    if not sessions:
        last = max((count.session for count in summary.sessions), default="")
        first = min((count.session for count in summary.sessions), default="")
        raise ConfError(f"the run has no session from {start or 'the first'} to {end or 'the last'}; it has {first} to {last}")
    kept = tuple(filter(inside, trades))
    signals, rejects = list(filter(inside, signals)), list(filter(inside, rejects))
    bars: list[PricesOfBar] = []
    if tapes.kept(run) == "all" and len(conf.traded) == 1:
        clock = SessionClock(Calendar())
        dates = {count.session for count in sessions}
        bars = [bar for bar in excursion.journalled(run)(conf.traded[0]) if clock.read(bar.close_ns)[0].date in dates]
    part = outputs.summary(conf, sessions, len(bars), signals, rejects, list(kept), outputs.held(conf, bars))
    return replace(part, files=summary.files, ignored=summary.ignored), kept, signals, rejects


def _judged(verdict: Verdict | None, start: str, end: str) -> Verdict | None:
    """The verdict of the whole run, for an account has one history, with its days and payouts between these dates."""
    if verdict is None:
        return None
    days = tuple(day for day in verdict.days if start <= day.session <= (end or day.session))
    payouts = tuple(paid for paid in verdict.payouts if start <= paid.session <= (end or paid.session))
    return replace(verdict, days=days, payouts=payouts)


def _minutes(run: Path, drawn: list[tuple[str, str]]) -> dict[tuple[str, str], list[Minute]]:
    """The RTH bars of these sessions."""
    minutes: dict[tuple[str, str], list[Minute]] = {key: [] for key in drawn}
    for instrument in sorted({instrument for _, instrument in drawn}):
        for minute in tapes.facts(run, topics.of(topics.SESSION, instrument), Minute):
            if minute.rth and (minute.session, instrument) in minutes:
                minutes[minute.session, instrument].append(minute)
    return minutes


def holdings(trades: Iterable[Trade], signals: Iterable[Signal]) -> dict[tuple[str, str], tuple[Holding, ...]]:
    """Trades with their stops, by trade date and instrument."""
    entered: dict[tuple[str, str, int], list[tuple[int, float]]] = {}
    moved: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for signal in signals:
        if signal.stop is not None and signal.action in ENTRIES:
            entered.setdefault((signal.session, signal.instrument, signal.bar_ns), []).append((signal.bar_ns, signal.stop))
        elif signal.stop is not None and signal.action is Action.MOVE_STOP:
            moved.setdefault((signal.session, signal.instrument), []).append((signal.bar_ns, signal.stop))
    found: dict[tuple[str, str], list[Holding]] = {}
    for trade in trades:
        key = trade.session, trade.instrument
        stops = [(trade.entry_ns, stop) for _, stop in entered.get((*key, trade.signal_ns), ())]
        stops += [(at_ns, stop) for at_ns, stop in moved.get(key, ()) if trade.signal_ns < at_ns <= trade.exit_ns]
        if not stops and trade.stop is not None:
            stops = [(trade.entry_ns, trade.stop)]
        found.setdefault(key, []).append(Holding(trade, tuple(stops)))
    return {key: tuple(kept) for key, kept in found.items()}

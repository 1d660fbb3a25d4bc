"""The data of the page, read from a finished run: its summary, its trades, and the bars of the sessions that traded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Action, DayType, Signal, Trade
from tapewire.daemons.settings import load as configuration
from tapewire.replay import excursion, outputs, program, tapes
from tapewire.replay.excursion import Measures
from tapewire.replay.outputs import Summary
from tapewire.replay.program import Verdict


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


class Holding(Struct, frozen=True):
    """A trade with the stops that protected it: (time from which on it applied, price), the first from the entry on."""

    trade: Trade
    stops: tuple[tuple[int, float], ...]


class TradedSession(Struct, frozen=True):
    """One session of one instrument that traded."""

    instrument: str
    session: str
    minutes: tuple[Minute, ...]
    holdings: tuple[Holding, ...]


class Facts(Struct, frozen=True):
    """All data of the page.

    trades: in the order of their exits. measures: by the trades' ids. days: in the order of their dates, at most as many as
    requested. traded_days: the number of all of them.
    """

    summary: Summary
    trades: tuple[Trade, ...]
    measures: dict[str, Measures]
    days: tuple[TradedSession, ...]
    traded_days: int
    program: Verdict | None = None


def read(run: Path, most_days: int) -> Facts:
    """Read a finished run, or one that keeps days (a live one) as it is now.

    Raises:
        ConfError: there is no run, or it has not finished and keeps no days. DataError, JournalError: its files cannot be read.
    """
    finished = (run / "summary.json").exists() or not (run / "days").is_dir()
    conf = None if finished else configuration.read(run)
    summary = outputs.read_summary(run) if conf is None else outputs.so_far(run, conf)
    trades = tuple(sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns))
    signals = list(tapes.facts(run, topics.SIGNAL, Signal)) if trades else []
    traded = sorted({(trade.session, trade.instrument) for trade in trades})
    drawn = traded[:most_days]
    minutes = _minutes(run, drawn)
    days = tuple(
        TradedSession(
            instrument, session, tuple(minutes[session, instrument]), tuple(holdings(trades, signals, session, instrument))
        )
        for session, instrument in drawn
    )
    if conf is None:
        measures = excursion.written(run)
    else:
        measures = excursion.measured(excursion.journalled(run), trades, signals, conf.instruments)
    return Facts(summary, trades, measures, days, len(traded), program.read(run))


def _minutes(run: Path, drawn: list[tuple[str, str]]) -> dict[tuple[str, str], list[Minute]]:
    """The RTH bars of these sessions."""
    minutes: dict[tuple[str, str], list[Minute]] = {key: [] for key in drawn}
    for instrument in sorted({instrument for _, instrument in drawn}):
        for minute in tapes.facts(run, topics.of(topics.SESSION, instrument), Minute):
            if minute.rth and (minute.session, instrument) in minutes:
                minutes[minute.session, instrument].append(minute)
    return minutes


def holdings(trades: tuple[Trade, ...], signals: list[Signal], session: str, instrument: str) -> Iterator[Holding]:
    own = [signal for signal in signals if (signal.session, signal.instrument) == (session, instrument)]
    entries = (Action.ENTER_LONG, Action.ENTER_SHORT)
    for trade in trades:
        if (trade.session, trade.instrument) != (session, instrument):
            continue
        stops = [
            (trade.entry_ns, s.stop) for s in own if s.action in entries and s.bar_ns == trade.signal_ns and s.stop is not None
        ]
        moved = [s for s in own if s.action is Action.MOVE_STOP and trade.signal_ns < s.bar_ns <= trade.exit_ns]
        stops += [(signal.bar_ns, signal.stop) for signal in moved if signal.stop is not None]
        if not stops and trade.stop is not None:
            stops = [(trade.entry_ns, trade.stop)]
        yield Holding(trade, tuple(stops))

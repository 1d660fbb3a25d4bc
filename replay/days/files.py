"""A day as the content of its files: pure, so that a live day, a replayed one and one written again are the same."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

import tapewire
from tapewire.bus import topics
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, CrossBar, GivenLevels
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.replay import excursion, lines, outputs
from tapewire.replay.attendance import SessionCount
from tapewire.replay.days import sums as addition
from tapewire.replay.days.book import DayFacts
from tapewire.replay.days.live import Stamps, Steps
from tapewire.replay.days.sums import Sums
from tapewire.replay.excursion import Measures, Prices
from tapewire.replay.outputs import Summary
from tapewire.replay.report import facts, page
from tapewire.replay.sources.recording import LOST
from tapewire.strategies.clock import EVENING, NEW_YORK, RTH_CLOSE, RTH_OPEN, SECOND_NS, hhmm

BAR_COLUMNS = "timestamp,open,high,low,close,volume"
FLOW_COLUMNS = "timestamp,ask_volume,bid_volume,delta,up_ticks,down_ticks,index,phase,cross,lost"
STAMPED = (topics.SIGNAL, topics.COMMAND, topics.ORDER, topics.FILL)
"""Topics of which stamps.jsonl has every message."""

# Settings that are no choice of a person's, change with every start, or stand in session_init.json elsewhere.
UNTOLD = ("calendar", "calendars", "since", "folds", "faults", "rolls", "instruments", "epoch", "form")


class Performance(Struct, frozen=True):
    """A day in figures. figures: in dollars, for a person. sums: the same in cents, which a month joins."""

    session: str
    closed: bool
    bars: dict[str, int]
    sessions: tuple[SessionCount, ...]
    intents: int
    signals: int
    refusals: dict[str, int]
    figures: dict[str, Any]
    sums: Sums


class Start(Struct, frozen=True):
    """A start of the run in which the date was tracked. Versions and settings are null where they are not known any more."""

    epoch: int
    versions: dict[str, str] | None = None
    settings: dict[str, Any] | None = None


class Init(Struct, frozen=True):
    """The content of session_init.json. main: the instrument whose bars are bars.csv; others have theirs under their names."""

    session: str
    main: str
    instruments: dict[str, dict[str, Any]]
    starts: tuple[Start, ...]


def init(day: DayFacts, conf: Conf, known: Init | None) -> Init:
    """What a session began with.

    Args:
        conf: of the run's present start. known: what the file says already; settings of earlier starts stand only there.
    """
    told = {start.epoch: start for start in known.starts} if known is not None else {}
    starts = tuple(told.get(epoch) or _start(epoch, conf) for epoch in sorted({*day.epochs, *told}))
    kept = {} if known is None else known.instruments
    found = {name: _instrument(day, name, conf) for name in sorted({*day.bars, *day.openings})}
    main = known.main if known is not None else next((each for each in conf.traded if each in day.bars), min(day.bars, default=""))
    return Init(day.date, main, {name: {**found[name], **_since(kept.get(name))} for name in found}, starts)


def _since(known: dict[str, Any] | None) -> dict[str, Any]:
    """Terms and calendar stay as they were when the file was begun; levels are those of the journal."""
    return {} if known is None else {key: known[key] for key in ("terms", "calendar") if key in known}


def _start(epoch: int, conf: Conf) -> Start:
    if epoch != conf.epoch:
        return Start(epoch)
    settings = {key: value for key, value in msgspec.to_builtins(conf).items() if key not in UNTOLD}
    versions = {"tapewire": tapewire.__version__, "protocol": str(PROTOCOL_VERSION), "python": platform.python_version()}
    return Start(epoch, versions, settings)


def _instrument(day: DayFacts, name: str, conf: Conf) -> dict[str, Any]:
    opening = day.openings.get(name)
    terms = conf.instruments.get(name)
    closes = RTH_CLOSE if opening is None else opening.closes
    return {
        "levels": None if opening is None else msgspec.to_builtins(opening.levels),
        "levels_given": [] if opening is None else list(opening.given),
        "levels_as_of": None if opening is None else utc(opening.as_of_ns),
        "given": [_given(each) for each in day.given.get(name, ())],
        "ib_history": None if opening is None else msgspec.to_builtins(opening.history),
        **({} if opening is None or opening.prior is None else {"prior_value": msgspec.to_builtins(opening.prior)}),
        "calendar": {
            "product": "" if terms is None else terms.calendar,
            "closes": None if closes <= RTH_OPEN else hhmm(closes),
            "holiday": closes <= RTH_OPEN,
            "half_day": RTH_OPEN < closes < RTH_CLOSE,
        },
        "terms": None if terms is None else msgspec.to_builtins(terms),
    }


def _given(given: GivenLevels) -> dict[str, Any]:
    """What a person gave, and the close of the bar after which it came; null before the first."""
    levels = {name: price for name, price in msgspec.structs.asdict(given.levels).items() if price is not None}
    return {"after": utc(given.after_ns) if given.after_ns else None, "levels": levels}


def content(day: DayFacts, after: DayFacts | None, conf: Conf, begun: Init, stamps: Stamps, *, closed: bool) -> dict[str, bytes]:
    """The files of a day by name, except stamps.jsonl.

    Args:
        after: the trade date after it, in which a trade over night ends. begun: its session_init.json. closed: the day is over.
    """
    signals, rejects, trades = day.signals(), day.rejects(), day.trades()
    measures = _measures(day, after, conf.instruments)
    done = performance(day, closed=closed)
    steps = Steps(day, after, conf, stamps)
    found = {
        "session_init.json": pretty(begun),
        **_bars(day, begun.main),
        "signals.jsonl": _lines(map(lines.signal, signals)),
        "rejects.jsonl": _lines(map(lines.reject, rejects)),
        "trades.jsonl": _lines({**lines.trade(trade, measures[trade.id]), "live": steps.of(trade)} for trade in trades),
        "performance.json": pretty(done),
    }
    held = facts.holdings(trades, signals)
    drawn = [
        facts.drawn(conf, name, day.date, day.minutes.get(name, ()), held.get((day.date, name), ()))
        for name in sorted({*day.minutes, *(trade.instrument for trade in trades)})
    ]
    told = facts.of(_summary(day, conf, done), trades, signals, rejects, measures, drawn, capital=conf.preset.risk.start)
    return {**found, "report.html": page.page(told).encode()}


def performance(day: DayFacts, *, closed: bool) -> Performance:
    """A day in figures."""
    rejects = day.rejects()
    entries = sum(action in lines.ENTRIES for action in (*(s.action for s in day.signals()), *(r.action for r in rejects)))
    weekday = f"{dt.date.fromisoformat(day.date):%A}"
    sums = addition.of_trades(day.trades(), weekday)
    return Performance(
        session=day.date,
        closed=closed,
        bars={name: len(bars) for name, bars in sorted(day.bars.items())},
        sessions=tuple(day.attendance.sessions()),
        intents=entries,
        signals=len(day.signals()),
        refusals=dict(sorted(Counter(str(reject.reason) for reject in rejects).items())),
        figures=sums.shown(),
        sums=sums,
    )


def over_ns(date: str) -> int:
    """When a trade date is over at the latest: 18:00 in New York."""
    evening = dt.datetime.combine(dt.date.fromisoformat(date), dt.time(EVENING // 60), NEW_YORK)
    return int(evening.timestamp()) * SECOND_NS


def pretty(value: object) -> bytes:
    """JSON for programs and people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def utc(at_ns: int) -> str:
    """A time as UTC: `2027-02-24T15:31:00Z`."""
    return f"{dt.datetime.fromtimestamp(at_ns // SECOND_NS, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _summary(day: DayFacts, conf: Conf, done: Performance) -> Summary:
    """The day as a run, for the report of a run."""
    trades = day.trades()
    total = done.sums.total
    return Summary(
        instruments=tuple(sorted(day.bars)),
        preset=conf.preset.name,
        strategies=conf.preset.strategies,
        day_type=conf.preset.day_type,
        fill=conf.fill,
        epoch=max(day.epochs, default=conf.epoch),
        bars=sum(done.bars.values()),
        sessions=done.sessions,
        files=(),
        ignored=(),
        intents=done.intents,
        signals=done.signals,
        refusals=done.refusals,
        trades=total.trades,
        wins=total.wins,
        gross=total.gross / 100,
        commission=total.commission / 100,
        net=total.net / 100,
        max_drawdown=total.drawdown / 100,
        by_strategy=outputs.tallies((trade.strategy, trade.net_cents) for trade in trades),
        by_reason=outputs.tallies((trade.reason, trade.net_cents) for trade in trades),
        fill_empty=conf.fill_empty,
        bought_and_held=outputs.held(conf, day.bars.get(conf.traded[0], ())),
    )


def _bars(day: DayFacts, main: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    beside = _beside(day)
    for name in sorted({*day.bars, *beside, *([main] if main else [])}):
        prices: dict[int, str] = {}
        flow: dict[int, str] = {}
        for at, (bar, number) in enumerate(zip(day.bars.get(name, ()), day.numbers.get(name, ()), strict=True)):
            phase = LOST if number in day.unheard.get(name, ()) else bar.phase
            cross = " ".join(other.instrument for other in bar.cross)
            prices[bar.close_ns] = _prices(bar)
            flow[bar.close_ns] = f"{_flow(bar)},{bar.index},{phase},{cross},{day.lost.get(name, {}).get(at, '')}"
        for at_ns, other in beside.get(name, {}).items():
            prices.setdefault(at_ns, _prices(other))
            flow.setdefault(at_ns, f"{_flow(other)},,,,")
        stamps = sorted(prices)
        of = "" if name == main else f".{name}"
        found[f"bars{of}.csv"] = _table(BAR_COLUMNS, (f"{utc(at_ns)},{prices[at_ns]}" for at_ns in stamps))
        found[f"bars_flow{of}.csv"] = _table(FLOW_COLUMNS, (f"{utc(at_ns)},{flow[at_ns]}" for at_ns in stamps))
    return found


def _beside(day: DayFacts) -> dict[str, dict[int, CrossBar]]:
    """The bars of other instruments that stood beside those of the day, by instrument and close."""
    found: dict[str, dict[int, CrossBar]] = {}
    for bars in day.bars.values():
        for bar in bars:
            for other in bar.cross:
                found.setdefault(other.instrument, {})[bar.close_ns] = other
    return found


def _prices(bar: Bar | CrossBar) -> str:
    return f"{bar.open!r},{bar.high!r},{bar.low!r},{bar.close!r},{bar.volume}"


def _flow(bar: Bar | CrossBar) -> str:
    delta = up = down = None
    if isinstance(bar, Bar):
        delta, up, down = bar.delta, bar.up_ticks, bar.down_ticks
    elif bar.ask_volume is not None and bar.bid_volume is not None:
        delta = bar.ask_volume - bar.bid_volume
    return ",".join("" if each is None else str(each) for each in (bar.ask_volume, bar.bid_volume, delta, up, down))


def _table(columns: str, rows: Iterable[str]) -> bytes:
    return "".join(f"{row}\n" for row in (columns, *rows)).encode()


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _measures(day: DayFacts, after: DayFacts | None, instruments: Mapping[str, Instrument]) -> dict[str, Measures]:
    days = [each for each in (day, after) if each is not None]
    entries = {each.order_id: each for each in day.signals() if each.action in lines.ENTRIES}
    found: dict[str, Measures] = {}
    prices: dict[str, list[Prices]] = {}
    for trade in day.trades():
        name = trade.instrument
        if name not in prices:
            bars = [bar for of in days for bar in of.bars.get(name, ())]
            prices[name] = [Prices(bar.close_ns, bar.open, bar.high, bar.low, bar.close) for bar in bars]
        found[trade.id] = excursion.measure(trade, entries.get(trade.id), prices[name], instruments.get(name))
    return found

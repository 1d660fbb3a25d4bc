"""The files of a finished run, written from its journal alone, so that two runs with equal journals leave equal files.

    signals.jsonl    one line per approved intent: entries, exits, moves
    intents.jsonl    one line per requested entry, approved or refused
    trades.jsonl     one line per finished trade, with its MAE, MFE and R (replay/excursion.py)
    program.json     the account's result in its prop-firm program, if it was in one (`tapewire.replay.program`)
    trades.csv       the same lines for a spreadsheet; equity.csv after each of them the equity (replay/equity.py)
    summary.json     what was read, what was refused and why, and the result

Times are Eastern wall stamps, as bars have them; money is dollars and cents. Nothing here depends on when the run took place. Each
file appears whole or not at all, and `summary.json` is written last: if it exists, the others are complete.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus import disk, topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Action, Reject, Signal, Suppressed, Trade
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import equity, excursion, lines, tapes
from tapewire.replay.applied import Applied, applied
from tapewire.replay.attendance import Attendance, SessionCount
from tapewire.replay.excursion import PricesOfBar
from tapewire.replay.lines import ENTRIES, dollars
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tapewire.replay.venue.stated import StatedRule, stated


class Tally(Struct, frozen=True):
    """Trades of one kind: how many, how many with a net above 0, and their net in dollars."""

    trades: int
    wins: int
    net: float


class Summary(Struct, frozen=True):
    """A run in figures. Dollars; max_drawdown is the deepest fall of realised net profit from its peak, as a positive number.

    refusals: intents that the gate refused, by reason. suppressed: complete setups that were not requested, by reason: a rule of
    ours (LOWER_PRIORITY, OPPOSED, EXIT_BAR, DAILY_LOSS), or the strategy's own. applied: what each strategy got beside itself.
    costs: per instrument, in words. bought_and_held: one contract from the first open to the last close, before costs; None of
    several instruments. fill_rules: how the simulated venue filled orders, in words; empty where another venue did.
    """

    instruments: tuple[str, ...]
    preset: str
    strategies: tuple[str, ...]
    day_type: str
    fill: str
    epoch: int
    bars: int
    sessions: tuple[SessionCount, ...]
    files: tuple[SourceFile, ...]
    ignored: tuple[Ignored, ...]
    intents: int
    signals: int
    refusals: dict[str, int]
    trades: int
    wins: int
    gross: float
    commission: float
    net: float
    max_drawdown: float
    by_strategy: dict[str, Tally]
    by_reason: dict[str, Tally]
    fill_empty: bool = False
    bought_and_held: float | None = None
    suppressed: dict[str, int] = {}
    applied: dict[str, Applied] = {}
    costs: dict[str, str] = {}
    fill_rules: tuple[StatedRule, ...] = ()


def write(
    run: Path,
    conf: Conf,
    recording: Recording | None = None,
    attendance: Attendance | None = None,
    suppressed: Mapping[str, int] | None = None,
) -> Summary:
    """Write the files of a run into its folder.

    Args:
        run: holds `journal/`. conf: its configuration. recording: the bars, if it read files; the summary lists their ignored rows.
        attendance: of its bars, suppressed: its complete setups that were not requested; None to count them in the journal, which
            then must hold all of them.
    Raises:
        ConfError: the folder is not a run's. DataError, JournalError: its journal cannot be read.
    """
    signals = sorted(tapes.facts(run, topics.SIGNAL, Signal), key=lambda signal: signal.bar_ns)
    rejects = sorted(tapes.facts(run, topics.REJECT, Reject), key=lambda reject: reject.bar_ns)
    trades = sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns)
    intents = list(_intents(signals, rejects, conf))
    bars = excursion.journalled(run) if recording is None or attendance is None else lambda instrument: recording.bars
    attended = attendance or Attendance.of(run)
    whole: Sequence[PricesOfBar] = bars(conf.traded[0]) if recording is None else recording.bars[: attended.bars]
    setups = _suppressed(run) if suppressed is None else suppressed
    found = summary(conf, tuple(attended.sessions()), attended.bars, signals, rejects, trades, held(conf, whole), setups)
    if recording is not None:
        found = replace(found, files=recording.files, ignored=recording.ignored)
    with disk.writing(run / "summary.json"):
        (run / "summary.json").unlink(missing_ok=True)
    lines.write(run / "signals.jsonl", map(lines.signal, signals))
    lines.write(run / "intents.jsonl", intents)
    measures = excursion.measured(bars, trades, signals, conf.instruments)
    done = [lines.trade(trade, measures[trade.id]) for trade in trades]
    lines.write(run / "trades.jsonl", done)
    lines.write_csv(run / "trades.csv", lines.TRADE, done)
    lines.write_csv(run / "equity.csv", equity.COLUMNS, equity.rows(done, conf.preset.risk.start, conf.calendar))
    disk.replace(run / "summary.json", msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return found


def so_far(run: Path, conf: Conf) -> Summary:
    """The summary of a run that still goes on, from its journal as it is now.

    Raises:
        ConfError, DataError, JournalError: its journal cannot be read.
    """
    signals = list(tapes.facts(run, topics.SIGNAL, Signal))
    rejects = list(tapes.facts(run, topics.REJECT, Reject))
    trades = sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns)
    attended = Attendance.of(run)
    sessions = tuple(attended.sessions())
    return summary(conf, sessions, attended.bars, signals, rejects, trades, suppressed=_suppressed(run))


def read_summary(run: Path) -> Summary:
    """The summary of a finished run.

    Raises:
        ConfError: the folder holds no run, or the run has not finished. DataError: the file is not a summary.
    """
    path = run / "summary.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Summary)
    except FileNotFoundError as error:
        tapes.topics(run)
        raise ConfError(f"{run} has no summary.json: the run did not finish; start it again") from error
    except msgspec.MsgspecError as error:
        raise DataError(f"{path}: {error}; start the run again") from error


def _intents(signals: list[Signal], rejects: list[Reject], conf: Conf) -> Iterator[dict[str, Any]]:
    """Entries in the order of their requests. A refused entry shows the prices that it would have had."""
    entries: list[Signal | Reject] = [*(s for s in signals if s.action in ENTRIES), *(r for r in rejects if r.action in ENTRIES)]
    for intent in sorted(entries, key=lambda intent: intent.bar_ns):
        approved = isinstance(intent, Signal)
        yield {
            "session": intent.session,
            "time": tapes.wall(intent.bar_ns),
            "strategy": intent.strategy,
            "setup": intent.setup,
            "direction": intent.direction,
            "entry": intent.entry,
            "stop": intent.stop if approved else _rounded(intent.stop, intent, conf),
            "target": intent.target if approved else _rounded(intent.target, intent, conf),
            "size": intent.size if isinstance(intent, Signal) else 0,
            "rejected": intent.reason if isinstance(intent, Reject) else None,
            "id": intent.id,
            "instrument": intent.instrument,
        }


def _rounded(price: float | None, intent: Signal | Reject, conf: Conf) -> float | None:
    instrument = conf.instruments.get(intent.instrument)
    if price is None or instrument is None or not math.isfinite(price):
        return price
    return rounding.protective(price, instrument.tick, 1 if intent.action is Action.ENTER_LONG else -1)


def summary(
    conf: Conf,
    sessions: tuple[SessionCount, ...],
    bars: int,
    signals: Sequence[Signal],
    rejects: Sequence[Reject],
    trades: Sequence[Trade],
    bought_and_held: float | None = None,
    suppressed: Mapping[str, int] | None = None,
) -> Summary:
    """A run, or a part of it, in figures, without its files. trades: in the order of their exits."""
    asked: tuple[Signal | Reject, ...] = (*signals, *rejects)
    return Summary(
        instruments=conf.traded,
        preset=conf.preset.name,
        strategies=conf.preset.strategies,
        day_type=conf.preset.day_type,
        fill=conf.fill,
        epoch=conf.epoch,
        bars=bars,
        sessions=sessions,
        files=(),
        ignored=(),
        intents=sum(each.action in ENTRIES for each in asked),
        signals=len(signals),
        refusals=dict(sorted(Counter(str(reject.reason) for reject in rejects).items())),
        trades=len(trades),
        wins=sum(trade.net_cents > 0 for trade in trades),
        gross=dollars(sum(trade.gross_cents for trade in trades)),
        commission=dollars(sum(trade.commission_cents for trade in trades)),
        net=dollars(sum(trade.net_cents for trade in trades)),
        max_drawdown=dollars(max_drawdown_cents(trade.net_cents for trade in trades)),
        by_strategy=tallies((trade.strategy, trade.net_cents) for trade in trades),
        by_reason=tallies((trade.reason, trade.net_cents) for trade in trades),
        fill_empty=conf.fill_empty,
        bought_and_held=bought_and_held,
        suppressed=dict(sorted((suppressed or {}).items())),
        applied=applied(conf),
        costs={name: _costs(conf, name) for name in conf.traded},
        fill_rules=() if conf.bus.clock_runs else stated(conf),
    )


def _suppressed(run: Path) -> Counter[str]:
    return Counter(each.reason for each in tapes.facts(run, topics.SUPPRESSED, Suppressed))


def _costs(conf: Conf, name: str) -> str:
    terms = conf.instruments[name]
    ticks = f"{terms.slippage_ticks} {'tick' if terms.slippage_ticks == 1 else 'ticks'}"
    return f"commission {terms.commission:.2f} $ a side, slippage {ticks} a fill"


def held(conf: Conf, bars: Sequence[PricesOfBar]) -> float | None:
    """What one contract from the first open to the last close would have brought, in dollars before costs.

    None without bars, and of several instruments.
    """
    if len(conf.traded) != 1 or not bars:
        return None
    return round((bars[-1].close - bars[0].open) * conf.instruments[conf.traded[0]].point_value, 2)


def max_drawdown_cents(nets: Iterable[int]) -> int:
    """The deepest fall of the running sum below its highest value so far, the start being 0. Never negative."""
    return equity.drawdown(nets).cents


def tallies(trades: Iterable[tuple[str, int]]) -> dict[str, Tally]:
    """Trades as (name, net in cents), counted by name."""
    nets: dict[str, list[int]] = {}
    for name, net in trades:
        nets.setdefault(name, []).append(net)
    return {name: Tally(len(all_), sum(net > 0 for net in all_), dollars(sum(all_))) for name, all_ in sorted(nets.items())}

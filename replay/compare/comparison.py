"""An account and a run side by side: what is compared, the twins, and what they add up to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, DataError, suggest
from tapewire.bus.messages import Trade
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay import outputs, tapes
from tapewire.replay.compare import twins
from tapewire.replay.compare.history import AccountHistory, AccountTurn, Terms, contract_name
from tapewire.replay.compare.twins import Lone, RunTrade, Twin
from tapewire.replay.report.text import count
from tapewire.replay.tapes import wall
from tapewire.strategies.clock import FRIDAY, MINUTE_NS, new_york

NAME = "trades.jsonl"
WINDOW_MIN = 5.0
HALF_HOUR_NS = 30 * MINUTE_NS
FURTHEST = 28  # half hours that a zone can be wrong by
CLOSES, OPENS = 17, 18  # hours in New York between which CME's futures do not trade; nor from Friday's close to Sunday's opening
SATURDAY, SUNDAY = FRIDAY + 1, FRIDAY + 2


class Figures(Struct, frozen=True):
    """What the twins add up to. Ticks and dollars of slippage are signed against us; nets and fees are those of the twins alone.

    entry_ticks, exit_ticks: averages per contract. assumed_ticks: slippage that each fill of the run includes, 0 for a live run.
    delay_s: average from the close of the signal's bar to the entry. exit_s: the exit farthest from the run's bar.
    """

    entry_ticks: float
    exit_ticks: float
    slippage_ticks: float
    slippage: float
    assumed_ticks: int
    delay_s: float
    exit_s: float
    account_fees: float
    run_fees: float
    account_net: float | None
    run_net: float


class AccountComparison(Struct, frozen=True):
    """An account and a run.

    first, last: the trade dates that are compared, None for no bound. outside: round turns of the account on other dates. open: of
    its round turns, those not closed. unseen: contracts that it closed and whose entry the source does not have.
    """

    source: str
    account: str
    playback: bool
    run: str
    first: str | None
    last: str | None
    turns: int
    trades: int
    outside: int
    open: int
    unseen: int
    figures: Figures | None
    twins: tuple[Twin, ...]
    account_only: tuple[Lone, ...]
    run_only: tuple[RunTrade, ...]
    doubts: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every trade of either side has a twin."""
        return not self.account_only and not self.run_only


def compare(
    history: AccountHistory,
    run: Path,
    *,
    account: str | None = None,
    first: str | None = None,
    last: str | None = None,
    window_s: float = WINDOW_MIN * 60,
) -> AccountComparison:
    """Compare an account with a run.

    Args:
        account: its name, where the history has several. first, last: trade dates, inclusive; without them the run's.
    Raises:
        ConfError: no run, or an account must be named. DataError: the run's files cannot be read.
    """
    trades = read_trades(run)
    begin, end = _dates(run, trades)
    first, last = first or begin, last or end
    within = [turn for turn in history.turns if _between(trade_date(turn.entry_ns), first, last)]
    name = _chosen(history, within, account)
    turns = [turn for turn in within if turn.account == name]
    kept = [trade for trade in trades if _between(trade.session, first, last)]
    instruments, simulated = _settings(run, history.accounts)
    terms = dict(history.terms) | {symbol: Terms(each.tick, each.point_value) for symbol, each in instruments.items()}
    pairing = twins.pair(turns, kept, window_s, terms)
    assumed = {
        instruments[symbol].slippage_ticks
        for twin in pairing.twins
        if (symbol := contract_name(twin.run.instrument).symbol) in instruments
    }
    playback = name in history.playback
    return AccountComparison(
        source=history.source,
        account=name,
        playback=playback,
        run=str(run),
        first=first,
        last=last,
        turns=len(turns),
        trades=len(kept),
        outside=sum(turn.account == name for turn in history.turns) - len(turns),
        open=sum(turn.account == name for turn in history.open),
        unseen=history.unseen.get(name, 0),
        figures=_figures(pairing.twins, max(assumed, default=0) if simulated else 0) if pairing.twins else None,
        twins=pairing.twins,
        account_only=pairing.account_only,
        run_only=pairing.run_only,
        doubts=(*history.doubts, *_doubts(turns, kept, len(pairing.twins), window_s, playback)),
    )


def read_trades(run: Path) -> list[RunTrade]:
    """The trades of a run: of a backtest or a replay by its results, of a live run by its journal."""
    path = run / NAME
    if not path.exists():
        return [_trade(trade) for trade in sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns)]
    try:
        return msgspec.json.Decoder(RunTrade).decode_lines(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; start the run again") from error


def _trade(trade: Trade) -> RunTrade:
    return RunTrade(
        session=trade.session,
        strategy=trade.strategy,
        direction=trade.direction,
        size=trade.size,
        signal_time=wall(trade.signal_ns),
        entry_time=wall(trade.entry_ns),
        entry_price=trade.entry_price,
        exit_time=wall(trade.exit_ns),
        exit_price=trade.exit_price,
        reason=trade.reason,
        commission=trade.commission_cents / 100,
        net=trade.net_cents / 100,
        id=trade.id,
        instrument=trade.instrument,
    )


def trade_date(at_ns: int) -> str:
    """The trade date of a fill: that of the minute bar in which it lies."""
    day, _ = SessionClock(Calendar()).read((at_ns // MINUTE_NS + 1) * MINUTE_NS)
    return day.date


def _between(date: str, first: str | None, last: str | None) -> bool:
    return (first is None or first <= date) and (last is None or date <= last)


def _dates(run: Path, trades: Sequence[RunTrade]) -> tuple[str | None, str | None]:
    """The first and the last trade date of a run."""
    if (run / "summary.json").exists():
        dates = [session.session for session in outputs.read_summary(run).sessions]
    else:
        dates = [trade.session for trade in trades]
    return min(dates, default=None), max(dates, default=None)


def _chosen(history: AccountHistory, turns: Sequence[AccountTurn], asked: str | None) -> str:
    """The account to compare, by the name that its round turns have."""
    if asked is not None:
        for name, names in history.accounts.items():
            if asked in names:
                return name
        known = [name for names in history.accounts.values() for name in names]
        raise ConfError(f"--account {asked!r}{suggest(asked, known)}; the source has {', '.join(known) or 'none'}")
    counts = {name: sum(turn.account == name for turn in turns) for name in history.accounts}
    active = [name for name in counts if counts[name]] or list(counts)
    real = [name for name in active if name not in history.playback] or active
    if len(real) > 1:
        listed = ", ".join(f"{name} ({count(counts[name], 'round turn')})" for name in real)
        raise ConfError(f"the source has several accounts: {listed}; say --account NAME")
    return next(iter(real), "")


def _settings(run: Path, accounts: Mapping[str, tuple[str, ...]]) -> tuple[Mapping[str, Instrument], bool]:
    """The instruments of a run, and whether a simulated venue filled its orders: its account is none of the source's."""
    if not (run / "run.json").exists():
        return configuration.instruments(), True
    conf = configuration.read(run)
    return conf.instruments, all(conf.trading.account not in names for names in accounts.values())


def _figures(pairs: Sequence[Twin], assumed: int) -> Figures:
    nets = [twin.account.net for twin in pairs if twin.account.net is not None]
    return Figures(
        entry_ticks=round(sum(twin.entry_ticks for twin in pairs) / len(pairs), 2),
        exit_ticks=round(sum(twin.exit_ticks for twin in pairs) / len(pairs), 2),
        slippage_ticks=round(sum(twin.slippage_ticks for twin in pairs), 2),
        slippage=round(sum(twin.slippage for twin in pairs), 2),
        assumed_ticks=assumed,
        delay_s=round(sum(twin.delay_s for twin in pairs) / len(pairs), 2),
        exit_s=max(abs(twin.exit_s) for twin in pairs),
        account_fees=round(sum(twin.account.fees for twin in pairs), 2),
        run_fees=round(sum(twin.run.commission for twin in pairs), 2),
        account_net=round(sum(nets), 2) if len(nets) == len(pairs) else None,
        run_net=round(sum(twin.run.net for twin in pairs), 2),
    )


def _doubts(turns: Sequence[AccountTurn], trades: Sequence[RunTrade], found: int, window_s: float, playback: bool) -> Iterator[str]:
    """Signs that the account's times are not what they are taken for."""
    if playback:
        yield "a playback account: whether its fills have replayed or real time is not known"
    else:
        closed = [at for turn in turns for at in (turn.entry_ns, turn.exit_ns) if _is_closed(at)]
        if closed:
            yield (
                f"fills while the exchange is closed (17:00 to 18:00 New York, or the weekend): {len(closed)}, "
                f"the first at {wall(min(closed))} New York time; is the zone that of the PC?"
            )
    shifts = (
        [step * HALF_HOUR_NS for step in range(-FURTHEST, FURTHEST + 1) if step] if found * 2 < min(len(turns), len(trades)) else []
    )
    counts = {shift: twins.count(turns, trades, window_s, shift) for shift in shifts}
    best = max(counts, key=lambda shift: (counts[shift], -abs(shift)), default=0)
    if counts.get(best, 0) > max(1, 2 * found):
        hours = abs(best) / (2 * HALF_HOUR_NS)
        yield (
            f"with the account's times {hours:g} h {'later' if best > 0 else 'earlier'}, {counts[best]} trades would have a twin "
            f"instead of {found}; is the zone that of the PC?"
        )


def _is_closed(at_ns: int) -> bool:
    at = new_york(at_ns)
    day = at.weekday()
    evening = day == SUNDAY and at.hour >= OPENS
    return CLOSES <= at.hour < OPENS or (day == FRIDAY and at.hour >= CLOSES) or (day in (SATURDAY, SUNDAY) and not evening)


def date(option: str, text: str | None) -> str | None:
    """An option's trade date. Raises ConfError if it is none."""
    try:
        return None if text is None else dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ConfError(f"{option} {text!r} is not a date; write it as 2027-02-24") from error

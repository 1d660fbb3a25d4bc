"""The result of a run's account in its prop-firm program, day by day: `program.json`, from the journal alone.

The journal's trades (and bars, where a rule looks at open equity) go through the same engine that held the gate's entries to the
program while the run took place (`tapewire.daemons.gate.firm.program`). The last trade date of the journal counts as ended.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk, topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, Reason, Reject, Trade
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.firm.progress import ProgramDay, ProgramState
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings.programs import Program
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import tapes

NAME = "program.json"
BARS = f"{topics.RAW}bar."
COLUMNS = ("day", "account", "trades", "P&L", "equity", "mark", "floor", "best day", "note")


class DayLine(Struct, frozen=True):
    """One day with a trade. Dollars. account: EVALUATION or FUNDED; the rest as in `daemons.gate.firm.progress.ProgramDay`."""

    session: str
    account: str
    trades: int
    pnl: float
    equity: float
    mark: float
    floor: float | None
    best_share: float | None
    note: str


class Failed(Struct, frozen=True):
    """What ended an account: the rule, the trade date, and the Eastern stamp of the bar (None: by the end of a day)."""

    rule: str
    account: str
    session: str
    time: str | None
    detail: str


class Paid(Struct, frozen=True):
    """A payout in dollars: the day at whose end it is requested, and the day of payment."""

    session: str
    amount: float
    paid: str


class Verdict(Struct, frozen=True):
    """The outcome. Dollars.

    evaluation: PASSED, FAILED or OPEN. state: the account as it stands in the end (OPEN, PASSED, FUNDED, LIVE, FAILED).
    text: both in a sentence. refused: entries that the gate refused because of the program; refusal: why the last of them.
    consistent: whether the best day's share of the profit is within the program's limit; None without a profit or a limit.
    fees: of the months the evaluation took.
    """

    program: str
    description: str
    as_of: dt.date
    check: str
    evaluation: str
    state: str
    text: str
    passed: str | None
    failed: Failed | None
    equity: float
    profit: float
    mark: float
    floor: float | None
    best_share: float | None
    consistent: bool | None
    payouts: tuple[Paid, ...]
    paid: float
    fees: float
    resets: int
    accounts: int
    refused: int
    refusal: str | None
    days: tuple[DayLine, ...]


class _Dated(Struct, frozen=True):
    """The one field of a Session that is needed here."""

    session: str


def write(run: Path, conf: Conf, bars: Iterable[Bar] | None = None, last: str | None = None) -> Verdict:
    """Fold the run's journal through its program, and leave `program.json` in its folder.

    Args:
        bars, last: its bars, and its last trade date; None to read them in the journal, which then must hold all bars.
    Raises:
        ConfError: the run was in no program. DataError, JournalError: its journal cannot be read.
    """
    if conf.program is None:
        raise ConfError(f"{run} was in no program; start it again with --program NAME")
    account = ProgramAccount(conf.program, conf.instruments, conf.calendar)
    for fact in _facts(run, conf.program, bars):
        if isinstance(fact, Trade):
            account.trade(fact.instrument, fact.session, fact.entry_ns, fact.exit_ns, fact.net_cents)
        else:
            account.bar(fact)
    if last is None:
        last = max((each.session for each in tapes.facts(run, topics.SESSION, _Dated)), default="")
    account.on(last)
    account.end_day()
    rejects = [reject for reject in tapes.facts(run, topics.REJECT, Reject) if reject.reason is Reason.PROGRAM]
    verdict = _verdict(account, conf.program, rejects, last)
    disk.replace(run / NAME, msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n")
    return verdict


def read(run: Path) -> Verdict | None:
    """The verdict of a finished run, None if it was in no program. Raises DataError if the file is not a verdict."""
    path = run / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise DataError(f"{path}: {error}; start the run again") from error


def lines(verdict: Verdict) -> Iterator[str]:
    """The verdict for a person: the terms, the days, the outcome."""
    yield f"program {verdict.program}: {verdict.description}; terms as of {verdict.as_of}"
    yield f"  {verdict.check}"
    if verdict.days:
        yield from aligned((COLUMNS, *map(_row, verdict.days)))
    else:
        yield "no day with a trade"
    yield verdict.text
    if verdict.best_share is not None:
        limit = {True: ", within the limit", False: ", above the limit", None: ""}[verdict.consistent]
        yield f"best day {verdict.best_share:.1%} of the profit{limit}"
    for payout in verdict.payouts:
        yield f"payout {payout.amount:.2f} requested on {payout.session}, paid on {payout.paid}"
    yield f"fees of the evaluation {verdict.fees:.2f}; resets {verdict.resets}, funded accounts {verdict.accounts} at most"
    yield f"entries refused by the program: {verdict.refused}" + (f", the last for: {verdict.refusal}" if verdict.refusal else "")


def _facts(run: Path, program: Program, bars: Iterable[Bar] | None) -> Iterator[Trade | Bar]:
    """The facts that the gate received, in market order: a bar's effect on a trade comes before the bar."""
    trades = sorted(tapes.facts(run, topics.TRADE, Trade), key=lambda trade: trade.exit_ns)
    if not program.sees_open_equity:
        return iter(trades)
    streams: list[Iterator[tuple[int, Trade | Bar]]] = [((trade.exit_ns, trade) for trade in trades)]
    by_topic = (tapes.facts(run, topic, Bar) for topic in tapes.topics(run, BARS)) if bars is None else [bars]
    streams += (((bar.close_ns, bar) for bar in each) for each in by_topic)
    # Of equal times the merge takes the earlier stream's: trades.
    return (fact for _, fact in heapq.merge(*streams, key=itemgetter(0)))


def _verdict(account: ProgramAccount, program: Program, rejects: list[Reject], last: str) -> Verdict:
    failure = account.failure
    failed = None
    if failure is not None:
        time = None if failure.at_ns is None else tapes.wall(failure.at_ns)
        failed = Failed(failure.rule, _account(failure.phase), failure.session, time, failure.detail)
    evaluation = ProgramState.PASSED if account.passed else ProgramState.FAILED if failed else ProgramState.OPEN
    share, rule = account.best_share, program.consistency
    floor = account.floor_cents
    return Verdict(
        program=program.name,
        description=program.description,
        as_of=program.as_of,
        check=program.check,
        evaluation=evaluation,
        state=account.state,
        text=_text(account, program, failed),
        passed=account.passed or None,
        failed=failed,
        equity=account.equity_cents / 100,
        profit=account.profit_cents / 100,
        mark=account.mark_cents / 100,
        floor=None if floor is None else floor / 100,
        best_share=share,
        consistent=None if share is None or rule is None else share <= rule.share,
        payouts=tuple(Paid(payout.session, payout.cents / 100, payout.paid) for payout in account.payouts),
        paid=sum(payout.cents for payout in account.payouts) / 100,
        fees=program.fees.per_month * _months(account.first, account.passed or (failed.session if failed else last)),
        resets=program.fees.resets,
        accounts=program.fees.accounts,
        refused=len(rejects),
        refusal=max(rejects, key=lambda reject: reject.bar_ns).detail if rejects else None,
        days=tuple(map(_day, account.days)),
    )


def _text(account: ProgramAccount, program: Program, failed: Failed | None) -> str:
    """`PASSED on ...; the funded account FAILED on ... by RULE: ...`."""
    profit = f"profit {account.profit_cents / 100:.2f}"
    ended = f"FAILED on {failed.session} by {failed.rule}, {failed.time or 'end of the day'}: {failed.detail}" if failed else ""
    if not account.passed:
        target = program.evaluation.target
        of = f" of {target:.2f}" if target is not None else ""
        return ended or f"OPEN after {len(account.days)} days with a trade: {profit}{of}"
    paid = sum(payout.cents for payout in account.payouts) / 100
    funded = f"the funded account {ended or f'is {account.state}, {profit}'}; payouts {len(account.payouts)}, {paid:.2f} in all"
    return f"PASSED on {account.passed}" + ("" if program.funded is None else f"; {funded}")


def _day(day: ProgramDay) -> DayLine:
    return DayLine(
        session=day.session,
        account=_account(day.phase),
        trades=day.trades,
        pnl=day.pnl_cents / 100,
        equity=day.equity_cents / 100,
        mark=day.mark_cents / 100,
        floor=None if day.floor_cents is None else day.floor_cents / 100,
        best_share=day.best_share,
        note=day.note,
    )


def _account(phase: ProgramState) -> str:
    return "EVALUATION" if phase is ProgramState.OPEN else phase.value


def _row(day: DayLine) -> tuple[str, ...]:
    floor = "-" if day.floor is None else f"{day.floor:.2f}"
    share = "-" if day.best_share is None else f"{day.best_share:.1%}"
    money = (f"{day.pnl:+.2f}", f"{day.equity:.2f}", f"{day.mark:.2f}", floor)
    return (day.session, day.account, str(day.trades), *money, share, day.note)


def _months(first: str, last: str) -> int:
    """Months begun from one date to another: a fee falls due on the first day and on the same day of each month."""
    if not first:
        return 0
    a, b = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return (b.year - a.year) * 12 + b.month - a.month + (b.day >= a.day)

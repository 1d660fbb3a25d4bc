"""An account in a prop firm's program: trades and bars in, its state out, day by day (playbook 6).

    OPEN     the evaluation runs        target at an end of day        -> FUNDED, or PASSED if nothing comes after
                                        a breach                       -> FAILED
    FUNDED   the funded account runs    a breach                       -> FAILED
                                        the payout that makes it live  -> LIVE
    PASSED, FAILED, LIVE                the program has ended: no more entries, and later trades do not count

The gate folds its own round turns and refuses entries by the result (daemons/gate/firm/allowance.py). A backtest folds the same
facts from its journal and reports the outcome (replay/program.py).

Money is integer cents. The order at an end of day is: test the floor as it stood, move the mark, lock, then pass or pay.
A day is a trade date with a trade. One without changes nothing, so the account does not need to receive it.

Not here: resets and further accounts are the trader's decisions, and the program does not define a live account's terms.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from tapewire.bus.messages import Bar
from tapewire.daemons.gate.firm.cycle import Cycle
from tapewire.daemons.gate.firm.flat_by import FlatBy
from tapewire.daemons.gate.firm.open_equity import OpenEquity
from tapewire.daemons.gate.firm.progress import (
    ENDED,
    Failure,
    Payout,
    ProgramDay,
    ProgramProgress,
    ProgramRule,
    ProgramState,
    ProgramToday,
)
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings.programs import Evaluation, Funded, Program
from tapewire.daemons.settings.structs import Conf, Instrument


class ProgramAccount:
    """One account in one program. Every number is in cents.

    equity_cents: realised equity. today: the current day, None before its first trade. news: a sentence for each change of state
    and each payout, to be published; told: how many of them `unpublished` has returned.
    """

    def __init__(self, program: Program, instruments: Mapping[str, Instrument], calendar: Calendar) -> None:
        self.program = program
        self.state = ProgramState.OPEN
        self.start_cents = cents(program.start)
        self.equity_cents = self.start_cents
        self.mark_cents = self.start_cents
        self.locked = False
        self.first = ""
        self.passed = ""
        self.failure: Failure | None = None
        self.payouts: list[Payout] = []
        self.days: list[ProgramDay] = []
        self.news: list[str] = []
        self.told = 0
        self.today: ProgramToday | None = None
        self._instruments = instruments
        self._clock = SessionClock(calendar)
        self.flat_by = FlatBy(program.flat_by, self._clock)
        self._traded_days = 0
        self._cycle = Cycle()
        self._positions = OpenEquity()

    @classmethod
    def restored(
        cls, progress: ProgramProgress, program: Program, instruments: Mapping[str, Instrument], calendar: Calendar
    ) -> ProgramAccount:
        """The account with this progress. program: the same one; its other terms may have changed, and hold from now on."""
        account = cls(program, instruments, calendar)
        account.state = progress.state
        account.equity_cents, account.mark_cents, account.locked = progress.equity_cents, progress.mark_cents, progress.locked
        account.first, account.passed, account.failure = progress.first, progress.passed, progress.failure
        account.payouts, account.days, account.news = [*progress.payouts], [*progress.days], [*progress.news]
        account.told = progress.told
        account.today = replace(progress.today) if progress.today else None
        account._traded_days = progress.traded_days
        account._cycle = Cycle(progress.winning_days, progress.best_cents, progress.cycle_cents)
        account._positions = OpenEquity(progress.held, progress.open, progress.left_ns).copy()
        return account

    def snapshot(self) -> ProgramProgress:
        """The account's progress. Nothing in the snapshot changes later."""
        positions = self._positions.copy()
        return ProgramProgress(
            program=self.program.name,
            state=self.state,
            start_cents=self.start_cents,
            equity_cents=self.equity_cents,
            mark_cents=self.mark_cents,
            locked=self.locked,
            first=self.first,
            passed=self.passed,
            failure=self.failure,
            payouts=tuple(self.payouts),
            days=tuple(self.days),
            news=tuple(self.news),
            told=self.told,
            today=replace(self.today) if self.today else None,
            traded_days=self._traded_days,
            winning_days=self._cycle.winning_days,
            best_cents=self._cycle.best_cents,
            cycle_cents=self._cycle.cycle_cents,
            held=positions.held,
            open=positions.open,
            left_ns=positions.left_ns,
        )

    # --- what stands --------------------------------------------------------------------------------------------------------

    @property
    def terms(self) -> Evaluation | Funded:
        """The rules of the current phase (of the last one, once the program has ended)."""
        funded = self.program.funded
        return funded if self.passed and funded is not None else self.program.evaluation

    @property
    def profit_cents(self) -> int:
        return self.equity_cents - self.start_cents

    @property
    def drawdown_cents(self) -> int:
        """Realised equity below the mark."""
        return self.mark_cents - self.equity_cents

    @property
    def floor_cents(self) -> int | None:
        """An equity here or below is a breach. None without the rule."""
        trailing = self.terms.trailing
        if trailing is None:
            return None
        if self.locked and trailing.lock is not None:
            return self.start_cents + cents(trailing.lock.floor)
        return self.mark_cents - cents(trailing.distance)

    @property
    def best_share(self) -> float | None:
        """The best day's share of the profit, both since the phase began or the last payout. None without a profit."""
        return self._cycle.best_share

    def unpublished(self) -> list[str]:
        """The news since the last call."""
        news, self.told = self.news[self.told :], len(self.news)
        return news

    # --- what happens -------------------------------------------------------------------------------------------------------

    def on(self, session: str) -> None:
        """The trade date is now `session`. An earlier current day ends, and a time limit may have passed."""
        if self.today is not None and session > self.today.session:
            self.end_day()
        limit = self.program.evaluation.time_limit_days
        if self.state is ProgramState.OPEN and limit is not None and self.first:
            last = (dt.date.fromisoformat(self.first) + dt.timedelta(limit - 1)).isoformat()
            if session > last:
                self._fail(
                    ProgramRule.TIME_LIMIT, last, None, f"{limit} calendar days from {self.first} on are over without the target"
                )

    def trade(self, instrument: str, session: str, entry_ns: int, exit_ns: int, net_cents: int) -> None:
        """A round turn has ended.

        Args:
            session: the trade date of its entry. One earlier than today counts today, when its money was realised.
            entry_ns, exit_ns: closes of the bars of its first and its last fill. net_cents: after commissions.
        """
        self._positions.close(instrument, exit_ns)
        today = self._begin(session)
        if today is None:
            return
        today.trades += 1
        today.pnl_cents += net_cents
        self.equity_cents += net_cents
        if self._intraday:
            self._raise_mark(self.equity_cents)
        late = self.flat_by.breach(entry_ns, exit_ns)
        if late is not None:
            self._fail(ProgramRule.FLAT_BY, today.session, exit_ns, late)
        self._test_floor(self.equity_cents, exit_ns)
        self._test_day(today, today.pnl_cents, exit_ns)

    def bar(self, bar: Bar) -> None:
        """Open equity at a bar, where a rule looks at it."""
        if self.program.sees_open_equity and self._positions.mark(bar, self._instruments):
            self._mark_to_market(self._clock.read(bar.close_ns)[0].date, bar.close_ns)

    def end_day(self) -> None:
        """End the current day; without one nothing happens. The caller ends the last day, which no later trade date ends."""
        today = self.today
        if today is None:
            return
        self._test_floor(self.equity_cents, None)
        if self.state in ENDED:
            return
        self._raise_mark(self.equity_cents)
        self._traded_days += 1
        self._cycle.add(today.pnl_cents)
        phase, equity, share = self.state, self.equity_cents, self.best_share
        notes = ["daily loss: paused"] if today.paused else []
        notes += self._pass(today) if phase is ProgramState.OPEN else self._pay(today)
        self.today = None
        self.days.append(self._day(today, phase, equity, share, "; ".join(notes)))

    @property
    def _intraday(self) -> bool:
        return self.terms.trailing is not None and self.terms.trailing.mode == "intraday"

    # --- rules --------------------------------------------------------------------------------------------------------------

    def _begin(self, session: str) -> ProgramToday | None:
        """The day that an event of this session belongs to; None once the program has ended."""
        self.on(session)
        if self.state in ENDED:
            return None
        if self.today is None:
            self.today = ProgramToday(session)
            self.first = self.first or session
        return self.today

    def _mark_to_market(self, session: str, at_ns: int) -> None:
        today = self._begin(session)
        if today is None:
            return
        daily = self.terms.daily_loss
        worst = self._positions.worst_cents
        if self._intraday:
            self._raise_mark(self.equity_cents + self._positions.best_cents)
            self._test_floor(self.equity_cents + worst, at_ns)
        if daily is not None and daily.open:
            self._test_day(today, today.pnl_cents + worst, at_ns)

    def _raise_mark(self, equity: int) -> None:
        self.mark_cents = max(self.mark_cents, equity)
        trailing = self.terms.trailing
        if trailing is not None and trailing.lock is not None:
            self.locked = self.locked or equity - self.start_cents >= cents(trailing.lock.profit)

    def _test_floor(self, equity: int, at_ns: int | None) -> None:
        floor = self.floor_cents
        if self.today is not None and floor is not None and equity <= floor:
            why = "fixed" if self.locked else f"the mark is {money(self.mark_cents)}"
            self._fail(
                ProgramRule.TRAILING_DRAWDOWN, self.today.session, at_ns, f"equity {money(equity)}, floor {money(floor)} ({why})"
            )

    def _test_day(self, today: ProgramToday, pnl: int, at_ns: int) -> None:
        daily = self.terms.daily_loss
        if self.state in ENDED or daily is None or pnl > -cents(daily.limit):
            return
        if daily.breach == "pause":
            today.paused = True
        else:
            self._fail(ProgramRule.DAILY_LOSS, today.session, at_ns, f"day at {money(pnl)}, limit {money(-cents(daily.limit))}")

    def _fail(self, rule: ProgramRule, session: str, at_ns: int | None, detail: str) -> None:
        if self.state in ENDED:
            return
        phase, self.state = self.state, ProgramState.FAILED
        self.failure = Failure(rule, phase, session, at_ns, detail)
        self.news.append(f"program {self.program.name}: FAILED {rule} on {session}: {detail}")
        today, self.today = self.today, None
        if today is not None:
            self.days.append(self._day(today, phase, self.equity_cents, None, f"failed: {rule}, {detail}"))

    # --- the end of a good day ---------------------------------------------------------------------------------------------------

    def _pass(self, today: ProgramToday) -> list[str]:
        evaluation = self.program.evaluation
        if evaluation.target is None or self.profit_cents < cents(evaluation.target):
            return []
        if self._traded_days < evaluation.minimum_days:
            return [f"target reached on trading day {self._traded_days} of at least {evaluation.minimum_days}"]
        if not self._cycle.consistent(self.program.consistency):
            return ["target reached, but the best day is too large a share of it"]
        self.passed = today.session
        note = f"target {money(cents(evaluation.target))} reached: passed"
        self.news.append(f"program {self.program.name}: PASSED on {today.session} with {money(self.profit_cents)}")
        funded = self.program.funded
        if funded is None:
            self.state = ProgramState.PASSED
            return [note]
        self.state = ProgramState.FUNDED
        if funded.opens_at == "start":
            self.equity_cents = self.start_cents
        self.locked = False
        self._restart()
        return [note]

    def _pay(self, today: ProgramToday) -> list[str]:
        """A payout, once it is due. One that would leave the account at a fixed floor is not requested: it would be the last.

        A floor that still trails restarts with the mark, so a payout cannot bring the account near it.
        """
        payouts = self.program.funded.payouts if self.program.funded else None
        if payouts is None:
            return []
        self._cycle.winning_days += today.pnl_cents >= cents(payouts.day_profit)
        consistent = self._cycle.consistent(self.program.consistency)
        if self._cycle.winning_days < payouts.days or self.profit_cents <= 0 or not consistent:
            return []
        amount = min(self.profit_cents * round(payouts.share * 10_000) // 10_000, cents(payouts.cap))
        floor = self.floor_cents
        if self.locked and floor is not None and self.equity_cents - amount - floor <= cents(payouts.leave):
            room = money(self.equity_cents - amount - floor)
            return [f"payout of {money(amount)} due, not asked for: it would leave {room} above the floor"]
        paid = dt.date.fromisoformat(today.session) + dt.timedelta(payouts.processing_days)
        self.payouts.append(Payout(today.session, amount, paid.isoformat()))
        self.equity_cents -= amount
        self.news.append(f"program {self.program.name}: payout {len(self.payouts)} of {money(amount)} on {today.session}")
        self._restart()
        if payouts.live_after is not None and len(self.payouts) >= payouts.live_after:
            self.state = ProgramState.LIVE
            self.news.append(f"program {self.program.name}: LIVE after {len(self.payouts)} payouts")
            return [f"payout {money(amount)}; live account"]
        return [f"payout {money(amount)}"]

    def _restart(self) -> None:
        """The mark and all counts begin again. A floor that was fixed stays fixed."""
        self.mark_cents = self.equity_cents
        self._cycle = Cycle()

    def _day(self, today: ProgramToday, phase: ProgramState, equity: int, share: float | None, note: str) -> ProgramDay:
        return ProgramDay(
            session=today.session,
            phase=phase,
            trades=today.trades,
            pnl_cents=today.pnl_cents,
            equity_cents=equity,
            mark_cents=self.mark_cents,
            floor_cents=self.floor_cents,
            best_share=share,
            note=note,
        )


def account_of(conf: Conf, progress: ProgramProgress | None) -> ProgramAccount | None:
    """The account of these settings, None where they name no program. progress: the state to restore, None at the start."""
    if conf.program is None:
        return None
    if progress is None:
        return ProgramAccount(conf.program, conf.instruments, conf.calendar)
    return ProgramAccount.restored(progress, conf.program, conf.instruments, conf.calendar)


def cents(dollars: float) -> int:
    return round(dollars * 100)


def money(amount_cents: int) -> str:
    return f"{amount_cents / 100:.2f}"

"""The risk checks and their order: one check per reason, run in the order of `Reason`. The first refusal is the decision.

A check looks at a `Case` and returns None, or a sentence for a person with the numbers. An entry must pass all of `ENTRY`. An exit
or a move must pass only the checks without which it means nothing (`EXIT`, `MOVE_*`): no limit blocks the protection of a position.

    intent.py     the intent by itself: new, in time, sane
    moment.py     feed, venue, hours
    account.py    exposure, money, rates, size

daemons/gate/README.md explains the limits, daemons/gate/REASONS.md every code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tapewire.bus.messages import Action, Reason, TradingState
from tapewire.daemons.gate.books import timeouts
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.checks import account as checks_account
from tapewire.daemons.gate.checks import intent as checks_intent
from tapewire.daemons.gate.checks import moment as checks_moment
from tapewire.daemons.gate.checks.account import LIMITS
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.observed import Observed

Check: TypeAlias = Callable[[Case], str | None]


def _limit(reason: Reason) -> Check:
    def check(case: Case) -> str | None:
        return None if case.unlimited else LIMITS[reason](case.account)

    return check


CHECKS: dict[Reason, Check] = {
    Reason.DUPLICATE: checks_intent.duplicate,
    Reason.UNKNOWN_INSTRUMENT: checks_intent.unknown_instrument,
    Reason.INSTRUMENT_DISABLED: checks_intent.instrument_disabled,
    Reason.CONTRACT_EXPIRED: checks_intent.contract_expired,
    Reason.CONTRACT_NOT_LISTED: checks_intent.contract_not_listed,
    Reason.CONTRACT_OTHER: checks_intent.contract_other,
    Reason.TRADING_DISABLED: checks_intent.trading_disabled,
    Reason.ACCOUNT_UNKNOWN: checks_intent.account_unknown,
    Reason.KILLED: checks_intent.killed,
    Reason.EXPIRED: checks_intent.expired,
    Reason.NOT_FINITE: checks_intent.not_finite,
    Reason.OFF_TICK: checks_intent.off_tick,
    Reason.STOP_MISSING: checks_intent.stop_missing,
    Reason.STOP_SIDE: checks_intent.stop_side,
    Reason.TARGET_SIDE: checks_intent.target_side,
    Reason.STOP_TOO_NEAR: checks_intent.stop_too_near,
    Reason.STOP_TOO_FAR: checks_intent.stop_too_far,
    Reason.REWARD_TOO_SMALL: checks_intent.reward_too_small,
    Reason.OFF_MARKET: checks_intent.off_market,
    Reason.NO_POSITION: checks_intent.no_position,
    Reason.STOP_WIDENED: checks_intent.stop_widened,
    Reason.FEED_STALE: checks_moment.feed_stale,
    Reason.DEGRADED: checks_moment.degraded,
    Reason.MISSING_BARS: checks_moment.missing_bars,
    Reason.JOURNAL_DOWN: checks_moment.journal_down,
    Reason.VENUE_DOWN: checks_moment.venue_down,
    Reason.UNANSWERED: checks_moment.unanswered,
    Reason.UNRECONCILED: checks_moment.unreconciled,
    Reason.CALENDAR_DISPUTED: checks_moment.calendar_disputed,
    Reason.HOLIDAY: checks_moment.holiday,
    Reason.OUTSIDE_WINDOW: checks_moment.outside_window,
    Reason.FLATTENING: checks_moment.flattening,
    Reason.SESSION_CLOSING: checks_moment.session_closing,
    Reason.ENTRY_ON_BAR: checks_account.entry_on_bar,
    Reason.POSITION_OPEN: checks_account.position_open,
    Reason.ORDER_WORKING: checks_account.order_working,
    Reason.MAX_POSITIONS: checks_account.max_positions,
    Reason.INSTRUMENT_CONTRACTS: checks_account.instrument_contracts,
    Reason.ACCOUNT_CONTRACTS: checks_account.account_contracts,
    Reason.DAILY_LOSS: _limit(Reason.DAILY_LOSS),
    Reason.DAILY_LOSS_OPEN: _limit(Reason.DAILY_LOSS_OPEN),
    Reason.DAILY_PROFIT: _limit(Reason.DAILY_PROFIT),
    Reason.MAX_DRAWDOWN: _limit(Reason.MAX_DRAWDOWN),
    Reason.MAX_TRADES: _limit(Reason.MAX_TRADES),
    Reason.STRATEGY_DAILY_LOSS: checks_account.strategy_daily_loss,
    Reason.PROGRAM: checks_account.program,
    Reason.LOSS_STREAK: _limit(Reason.LOSS_STREAK),
    Reason.ORDERS_PER_SECOND: lambda case: checks_account.orders_per_second(case.account),
    Reason.ORDERS_PER_MINUTE: lambda case: checks_account.orders_per_minute(case.account),
    Reason.ORDERS_PER_DAY: _limit(Reason.ORDERS_PER_DAY),
    Reason.SIZE_ZERO: checks_account.size_zero,
}

EXIT = (Reason.DUPLICATE, Reason.UNKNOWN_INSTRUMENT, Reason.NO_POSITION)
MOVE_TARGET = (Reason.DUPLICATE, Reason.UNKNOWN_INSTRUMENT, Reason.NOT_FINITE, Reason.NO_POSITION)
MOVE_STOP = (
    Reason.DUPLICATE,
    Reason.UNKNOWN_INSTRUMENT,
    Reason.NOT_FINITE,
    Reason.STOP_MISSING,
    Reason.NO_POSITION,
    Reason.STOP_WIDENED,
)
ENTRY = tuple(reason for reason in CHECKS if reason not in (Reason.NO_POSITION, Reason.STOP_WIDENED))

APPLIES: dict[Action, tuple[Reason, ...]] = {
    Action.ENTER_LONG: ENTRY,
    Action.ENTER_SHORT: ENTRY,
    Action.EXIT: EXIT,
    Action.MOVE_STOP: MOVE_STOP,
    Action.MOVE_TARGET: MOVE_TARGET,
}


def refusal(case: Case) -> tuple[Reason, str] | None:
    """The first reason, in the documented order, why this intent may not trade, with a sentence for a person; None without one.

    Exposure counts orders in flight as if they were filled.
    """
    for reason in APPLIES[case.intent.action]:
        detail = CHECKS[reason](case)
        if detail is not None:
            return reason, detail
    return None


class Standing(NamedTuple):
    """The gate's trading state, and the reason behind it where it is not ACTIVE."""

    state: TradingState
    reason: Reason | None


def standing(account: Account, observed: Observed, *, killed: bool) -> Standing:
    """Whether the gate accepts entries at all, whatever the intent.

    A person must end HALTED: the kill switch, the settings, or a venue whose positions differ from our books. REDUCING ends by
    itself: the logger is down, an order is unanswered, or the account has reached a limit. Exits and moves go on; entries resume
    with the next venue message, session or better figure.
    """
    trading, accounts = account.conf.trading, observed.accounts
    if not (trading.enabled and trading.account):
        return Standing(TradingState.HALTED, Reason.TRADING_DISABLED)
    if accounts is not None and trading.account not in accounts:
        return Standing(TradingState.HALTED, Reason.ACCOUNT_UNKNOWN)
    if killed:
        return Standing(TradingState.HALTED, Reason.KILLED)
    if account.disputed:
        return Standing(TradingState.HALTED, Reason.UNRECONCILED)
    if not observed.journal_up:
        return Standing(TradingState.REDUCING, Reason.JOURNAL_DOWN)
    if timeouts.unanswered(account.orders):
        return Standing(TradingState.REDUCING, Reason.UNANSWERED)
    for reason, check in LIMITS.items():
        if check(account) is not None:
            return Standing(TradingState.REDUCING, reason)
    return Standing(TradingState.ACTIVE, None)

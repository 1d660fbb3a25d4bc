"""Checks of the account: open positions and orders in flight, realised profit and loss, and how much it may risk now.

`LIMITS` need no intent, so `risk.standing` can name the one that is reached. All figures count what is in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tapewire.bus.messages import Reason
from tapewire.daemons.gate.books import sizing, stake
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.firm import allowance
from tapewire.daemons.gate.firm.program import cents, money
from tapewire.strategies.clock import MINUTE_NS, SECOND_NS

Limit: TypeAlias = Callable[[Account], str | None]


# --- positions and contracts -----------------------------------------------------------------------------------------------


def entry_on_bar(case: Case) -> str | None:
    """One of the signals of a bar is traded (playbook 4): the first, or the latest (`[trading] of_one_bar`). They come in the order
    of their priority."""
    name = case.request.instrument
    if "one_entry_per_bar" in case.limits.loosened:
        return None
    if case.superseded:
        return f"{case.superseded} of the same bar came later and is traded instead"
    if case.entered.get(name) != case.request.bar_ns:
        return None
    return f"{name} has had its entry on this bar"


def position_open(case: Case) -> str | None:
    """With "one_position" loosened, an entry may add to a position but not oppose it. One that follows its close passes."""
    if case.qty == 0 or case.leaves is not None:
        return None
    if "one_position" not in case.limits.loosened:
        return f"{case.qty:+d} {case.request.instrument} open; one position per instrument"
    if case.qty * case.direction < 0:
        return f"{case.qty:+d} {case.request.instrument} open; an entry may add to it, not work against it"
    return None


def order_working(case: Case) -> str | None:
    """Orders in flight count as if filled, so two intents cannot pass together. An unanswered order is in flight."""
    adding, leaves = "one_position" in case.limits.loosened, case.leaves
    for order in case.orders.working(case.request.instrument):
        if order is not leaves and not (adding and order.entry and order.direction == case.direction):
            return f"{order.intent.action} {order.order_id} is {order.status}"
    return None


def max_positions(case: Case) -> str | None:
    most = case.limits.max_positions
    if most is None:
        return None
    exposed = case.account.exposed
    if case.request.instrument in exposed or len(exposed) < most:
        return None
    return f"open or on the way in {', '.join(sorted(exposed))}, at most {most} at the same time"


def instrument_contracts(case: Case) -> str | None:
    most, name = case.limits.instrument_contracts, case.request.instrument
    if most is None or case.account.contracts(name) - case.leaving < most:
        return None
    return f"{case.account.contracts(name)} contracts of {name} open or on the way, at most {most}"


def account_contracts(case: Case) -> str | None:
    most = case.limits.account_contracts
    if most is None or case.account.all_contracts - case.leaving < most:
        return None
    return f"{case.account.all_contracts} contracts open or on the way, at most {most}"


# --- money -----------------------------------------------------------------------------------------------------------------


def daily_loss(account: Account) -> str | None:
    limit, realised = account.limits.day_loss, account.realised_cents
    if limit is None or realised > -cents(limit):
        return None
    return f"session at {money(realised)}, limit {money(-cents(limit))}"


def daily_loss_open(account: Account) -> str | None:
    limit = account.limits.day_loss_open
    if limit is None:
        return None
    realised, worst = account.realised_cents, account.worst_cents
    if realised + worst > -cents(limit):
        return None
    return f"session at {money(realised)}, {money(worst)} open, limit {money(-cents(limit))}"


def daily_profit(account: Account) -> str | None:
    limit, realised = account.limits.day_profit, account.realised_cents
    if limit is None or realised < cents(limit):
        return None
    return f"session at {money(realised)}, locked from {money(cents(limit))} on"


def max_drawdown(account: Account) -> str | None:
    limit, drawdown = account.limits.drawdown, account.book.drawdown_cents
    if limit is None or drawdown < cents(limit):
        return None
    return f"{money(drawdown)} below the highest realised equity, limit {money(cents(limit))}"


def max_trades(account: Account) -> str | None:
    """Counts closed trades and those that are open or in flight. One more would exceed the limit."""
    limit = account.limits.max_trades
    if limit is None:
        return None
    closed, under_way = account.book.trades(account.session), account.unfinished_trades
    if closed + under_way < limit:
        return None
    more = f" and {under_way} under way" if under_way else ""
    return f"{closed} closed trades in the session{more}, limit {limit}"


def loss_streak(account: Account) -> str | None:
    rule, day = account.limits.loss_streak, account.book.day(account.session)
    if rule is None or day.losses < rule.losses:
        return None
    left_ns = day.lost_ns + rule.cooldown_min * MINUTE_NS - account.now_ns
    return f"{day.losses} losses in a row, {left_ns / MINUTE_NS:.1f} min of cooldown left" if left_ns > 0 else None


def strategy_daily_loss(case: Case) -> str | None:
    name, limit = case.intent.strategy, case.limits.strategy_day_loss.get(case.intent.strategy)
    if limit is None:
        return None
    net = case.book.strategy_cents(case.request.session, name)
    return f"{name} at {money(net)} in the session, limit {money(-cents(limit))}" if net <= -cents(limit) else None


def program(case: Case) -> str | None:
    """The terms of the account's prop-firm program (playbook 6, daemons/gate/firm/allowance.py)."""
    if case.program is None or case.enters is None or case.stop is None:
        return None
    name, size = case.request.instrument, case.size
    at_stake = stake.entry_cents(case.terms, size, case.enters, case.stop)
    at_stake += stake.at_stake_cents(case.conf.instruments, case.book, case.orders)
    return allowance.refusal(case.program, name, case.intent.strategy, case.request.bar_ns, size, at_stake)


# --- rates and size --------------------------------------------------------------------------------------------------------


def orders_per_second(account: Account) -> str | None:
    return _too_many(account, SECOND_NS, account.limits.orders_per_second, "within a second")


def orders_per_minute(account: Account) -> str | None:
    return _too_many(account, MINUTE_NS, account.limits.orders_per_minute, "within a minute")


def orders_per_day(account: Account) -> str | None:
    most, sent = account.limits.orders_per_day, account.rates.in_session(account.session)
    return f"{sent} orders in the session, at most {most}" if most is not None and sent >= most else None


def size_zero(case: Case) -> str | None:
    if case.size > 0 or case.risk_cents == 0:
        return None
    risk, limits = case.risk_cents, case.limits
    if case.wanted == 0:
        return f"one contract risks {money(risk)}, cap {money(sizing.cap_cents(limits, case.intent.strategy))}"
    return f"one contract risks {money(risk)}: {case.cut}"


LIMITS: dict[Reason, Limit] = {
    Reason.DAILY_LOSS: daily_loss,
    Reason.DAILY_LOSS_OPEN: daily_loss_open,
    Reason.DAILY_PROFIT: daily_profit,
    Reason.MAX_DRAWDOWN: max_drawdown,
    Reason.MAX_TRADES: max_trades,
    Reason.LOSS_STREAK: loss_streak,
    Reason.ORDERS_PER_DAY: orders_per_day,
}


def _too_many(account: Account, window_ns: int, most: int | None, span: str) -> str | None:
    if most is None:
        return None
    sent = account.rates.within(window_ns, account.now_ns)
    return f"{sent} orders {span}, at most {most}" if sent >= most else None

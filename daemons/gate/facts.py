"""The gate's messages: orders, executions and refusals as published. This module builds them and decides nothing."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from tapewire.bus import topics
from tapewire.bus.daemon import Publish
from tapewire.bus.errors import InvariantError
from tapewire.bus.fields import copied
from tapewire.bus.messages import (
    Action,
    Alarm,
    ClosePosition,
    Execution,
    Fill,
    LinkState,
    MoveBracket,
    OrderEvent,
    PlaceOrder,
    Reason,
    Reject,
    Risk,
    Signal,
    StopRounding,
    StrategyDay,
    Trade,
)
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.ledger import Ledger, Turn
from tapewire.daemons.gate.books.orders import Order
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.checks.risk import Standing
from tapewire.daemons.gate.firm.program import ProgramAccount

# Roles of an execution. FOREIGN is also the reason of a trade that no order of ours closed.
ENTRY: Final = "ENTRY"
EXIT: Final = "EXIT"
FOREIGN: Final = "FOREIGN"


def command(order: Order) -> PlaceOrder | ClosePosition | MoveBracket:
    """The command to the venue for an approved order."""
    intent = order.intent
    if order.entry:
        if order.stop is None:
            raise InvariantError(f"{order.order_id} passed the checks without a stop")
        return PlaceOrder(
            id=order.order_id,
            account=order.account,
            instrument=order.instrument,
            action=intent.action,
            qty=order.qty,
            stop=order.stop,
            target=order.target,
            valid_until_ns=intent.valid_until_ns,
            limit=intent.limit,
            contract=order.contract,
            stop_points=UNSET if order.stop_points is None else order.stop_points,
            target_points=UNSET if order.target_points is None else order.target_points,
            after=order.after or UNSET,
        )
    if intent.action is Action.EXIT:
        return ClosePosition(order.order_id, order.account, order.instrument, intent.entry_id, intent.reason)
    return MoveBracket(
        id=order.order_id,
        account=order.account,
        instrument=order.instrument,
        entry_id=intent.entry_id,
        stop=order.stop if intent.action is Action.MOVE_STOP else None,
        target=order.target if intent.action is Action.MOVE_TARGET else None,
    )


def signal(order: Order) -> Signal:
    """An approved intent, with the prices and the size that were sent. A stop rounded toward the entry is published as computed."""
    intent = order.intent
    as_computed = order.entry and intent.stop_rounding is StopRounding.TOWARD
    return copied(
        Signal,
        intent,
        order_id=order.order_id,
        instrument=order.instrument,
        session=order.session,
        bar_ns=order.bar_ns,
        size=order.qty,
        stop=intent.stop if as_computed else order.stop,
        target=order.target,
        contract=order.contract,
    )


def reject(case: Case, reason: Reason, detail: str) -> Reject:
    """A refused intent. Its prices are rounded as they would have been sent, where they can be rounded."""
    request, intent = case.request, case.intent
    return copied(
        Reject,
        intent,
        instrument=request.instrument,
        session=request.session,
        bar_ns=request.bar_ns,
        reason=reason,
        detail=detail,
        stop=case.stop if case.measurable else intent.stop,
        target=case.target if case.measurable else intent.target,
        contract=request.contract or case.contract,
    )


def order_event(order: Order, detail: str) -> Publish:
    """An order as it stands now. The cause is the request that it came from."""
    body = OrderEvent(
        order_id=order.order_id,
        instrument=order.instrument,
        action=order.intent.action,
        status=order.status,
        qty=order.qty,
        filled=order.filled,
        stop=order.stop,
        target=order.target,
        detail=detail,
        contract=order.contract,
    )
    return Publish(topics.of(topics.ORDER, order.instrument), body, order.cause)


def advanced(order: Order, changed: bool | None, detail: str, contradiction: str) -> list[Publish]:
    """What to publish after a transition: the new status, nothing, or an alarm that the venue contradicts our order's status."""
    if changed is None:
        return [alarm("contradiction", f"{order.order_id} is {order.status}, yet {contradiction}")]
    return [order_event(order, detail)] if changed else []


def fill(execution: Execution, *, ours: bool) -> Fill:
    """An execution as booked. One that belongs to no order of ours is FOREIGN, whatever role the venue gives it."""
    return copied(Fill, execution, execution_id=execution.id, role=execution.role if ours else FOREIGN)


def trade(book: Ledger, turn: Turn, entry: Order, execution: Execution, order: Order | None, money: tuple[int, int]) -> Trade:
    """A finished round turn of one of our entries.

    order: the order of the fill that ended it: the close, or the entry itself for its bracket; None if no order of ours ended it.
    money: gross and commission in cents.
    """
    closed_by = order if order is not None and execution.role == EXIT and not order.entry else None
    reason = FOREIGN if order is None else closed_by.intent.reason if closed_by else execution.role
    # A close decided on bar n fills at the open of n+1: that bar was not held to its close (playbook 5.2, `held`).
    last_index = closed_by.bar_index if closed_by else execution.bar_index
    gross, commission = money
    return Trade(
        id=entry.order_id,
        instrument=entry.instrument,
        account=execution.account,
        session=entry.session,
        strategy=entry.intent.strategy,
        setup=entry.intent.setup,
        direction=entry.intent.direction,
        size=turn.opened,
        signal_ns=entry.bar_ns,
        entry_ns=turn.first_ns,
        entry_price=book.entry_price(turn, entry.instrument),
        exit_ns=execution.bar_ns,
        exit_price=book.exit_price(turn, entry.instrument),
        reason=reason,
        bars_held=last_index - entry.bar_index,
        stop=entry.stop,
        target=entry.target,
        gross_cents=gross,
        commission_cents=commission,
        net_cents=gross - commission,
    )


def standing(account: Account, stands: Standing) -> Risk:
    """The account's figures, with the trading state they lead to."""
    book, session = account.book, account.session
    return Risk(
        account=account.conf.trading.account,
        session=session,
        state=stands.state,
        realised_cents=book.realised_cents(session),
        total_cents=book.total_cents,
        drawdown_cents=book.drawdown_cents,
        trades=book.trades(session),
        reason=stands.reason or "",
        open_cents=account.open_cents,
        strategies=tuple(_strategy_day(account, name) for name in book.strategies(session)),
    )


def _strategy_day(account: Account, name: str) -> StrategyDay:
    day = account.book.strategy_day(account.session, name)
    return StrategyDay(name, day.realised_cents, account.book.strategy_open_cents(name, account.closes), day.trades)


def news(program: ProgramAccount | None) -> list[Publish]:
    """Changes of the account's program since the last call, each as an alarm."""
    return [alarm("program", text) for text in program.unpublished()] if program is not None else []


def link(state: LinkState) -> list[Publish]:
    """The alarm that the logger has gone silent or is back. The venue's coming and going is none."""
    if state.of != "journal":
        return []
    return [alarm("journal", "the logger is back" if state.up else f"{state.detail}; no entries until it is back")]


def alarm(name: str, text: str) -> Publish:
    """An alarm for a person to look at."""
    return Publish(topics.of(topics.ALARM, "gate"), Alarm(name, text))

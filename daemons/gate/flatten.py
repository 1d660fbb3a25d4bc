"""What the kill switch orders: cancel the entries that work, close what is open. Orders of a person, not of a strategy."""

from __future__ import annotations

from bus.messages import Action, CancelOrder, Intent
from daemons.gate.orders import Order

STRATEGY, SETUP, REASON = "operator", "KILL", "KILL"


def close(
    instrument: str, account: str, qty: int, *, entry_id: str, session: str, at_ns: int, bar_index: int, number: int
) -> Order:
    """The order that closes a position of `qty` (signed). number: how many kills there have been, so that each has its own id."""
    order_id = f"{instrument}-KILL{number}-X"
    intent = Intent(
        id=order_id,
        action=Action.EXIT,
        strategy=STRATEGY,
        setup=SETUP,
        direction="LONG" if qty > 0 else "SHORT",
        reason=REASON,
        valid_until_ns=at_ns,  # of no meaning for an exit: it is never late
        entry_id=entry_id,
    )
    return Order(
        order_id=order_id,
        instrument=instrument,
        account=account,
        intent=intent,
        session=session,
        bar_ns=at_ns,
        bar_index=bar_index,
        cause="",
        qty=abs(qty),
        at_ns=at_ns,
    )


def cancel(order: Order, number: int, of: int) -> CancelOrder:
    """The command that takes a working entry back, the `of`-th of its kill. A fill may overtake it: then kill again."""
    return CancelOrder(f"{order.instrument}-KILL{number}-C{of}", order.account, order.instrument, order.order_id)

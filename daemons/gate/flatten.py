"""What the kill switch orders: cancel working entries, close open positions. Orders of a person, not of a strategy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tapewire.bus.messages import LONG, SHORT, Action, CancelOrder, Intent
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.orders import Order
from tapewire.daemons.gate.books.timeouts import KILL

STRATEGY, SETUP, REASON = "operator", KILL, "KILL"


def commands(account: Account, bars: Mapping[str, int], *, number: int, at_ns: int) -> Iterator[CancelOrder | Order]:
    """Cancel working entries and close open positions, one instrument after the other. A fill may overtake a cancel: kill again.

    Args:
        bars: number of the last bar of each instrument. number: count of kills so far, so that each has its own ids.
        at_ns: the time of the operator's command.
    """
    for name in account.conf.traded:
        entries = [order for order in account.orders.working(name) if order.entry]
        for of, entry in enumerate(entries, 1):
            yield CancelOrder(f"{name}-KILL{number}-C{of}", entry.account, name, entry.order_id)
        qty = account.disputed.get(name) or account.book.qty(name)
        if qty:
            yield _close(account, name, qty, f"{name}-KILL{number}-X", at_ns, bars.get(name, 0))


def _close(account: Account, name: str, qty: int, order_id: str, at_ns: int, bar_index: int) -> Order:
    """The order that closes a position of `qty` (signed). A disputed position has the venue's quantity, and no entry."""
    intent = Intent(
        id=order_id,
        action=Action.EXIT,
        strategy=STRATEGY,
        setup=SETUP,
        direction=LONG if qty > 0 else SHORT,
        reason=REASON,
        valid_until_ns=at_ns,  # has no meaning for an exit, which never expires
        entry_id="" if name in account.disputed else account.book.entry_id(name),
    )
    return Order(
        order_id=order_id,
        instrument=name,
        account=account.conf.trading.account,
        intent=intent,
        session=account.session,
        bar_ns=at_ns,
        bar_index=bar_index,
        cause="",
        qty=abs(qty),
        at_ns=at_ns,
    )

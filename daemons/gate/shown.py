"""What the gate shows of its books on its control port: for a person who wants to know his position, whatever the feed does."""

from __future__ import annotations

from typing import Any

from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import Orders
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.firm.program import ProgramAccount, cents
from tapewire.daemons.settings.programs import Evaluation


def books(
    traded: tuple[str, ...], book: Ledger, orders: Orders, disputes: Disputes, program: ProgramAccount | None
) -> dict[str, Any]:
    """Positions, working orders and the prop-firm program, as JSON can hold them.

    Returns:
        positions: of each traded instrument its quantity (signed), average price (None when flat) and, where the venue's last
        report differs, the venue's quantity (None where it does not). working: orders that have not ended, oldest first. program:
        how the account stands in it, cents; None without one.
    """
    return {
        "positions": {
            name: {"qty": book.qty(name), "price": book.average(name), "venue_qty": disputes.held.get(name)} for name in traded
        },
        "working": [
            {
                "order_id": order.order_id,
                "instrument": name,
                "entry": order.entry,
                "status": order.status.value,
                "qty": order.qty,
                "filled": order.filled,
            }
            for name in traded
            for order in orders.working(name)
        ],
        "program": None if program is None else progress(program),
    }


def progress(account: ProgramAccount) -> dict[str, Any]:
    """How an account stands in its program. target, floor, day_left: None where the phase has no such rule."""
    terms, floor = account.terms, account.floor_cents
    target = terms.target if isinstance(terms, Evaluation) else None
    day = None if account.today is None else account.today.pnl_cents
    return {
        "name": account.program.name,
        "state": account.state.value,
        "profit_cents": account.profit_cents,
        "target_cents": None if target is None else cents(target),
        "above_floor_cents": None if floor is None else account.equity_cents - floor,
        "floor_distance_cents": None if terms.trailing is None else cents(terms.trailing.distance),
        "day_cents": day,
        "day_loss_cents": None if terms.daily_loss is None else cents(terms.daily_loss.limit),
        "failure": None if account.failure is None else account.failure.detail,
    }

"""The venue's reports, each with an id that is a pure function of what happened to its order before."""

from __future__ import annotations

from typing import TypeAlias

from tapewire.bus.messages import Bar, Execution, OrderStatus, OrderUpdate, Role

VenueReport: TypeAlias = OrderUpdate | Execution


class NumberedReports:
    """The venue's reports for one account, numbered by order."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._numbers: dict[str, int] = {}

    def update(
        self,
        instrument: str,
        order_id: str,
        status: OrderStatus,
        *,
        stop: float | None = None,
        target: float | None = None,
        detail: str = "",
    ) -> OrderUpdate:
        """What became of an order. stop, target: the bracket after a move."""
        return OrderUpdate(
            id=self._event_id(instrument, order_id, "U"),
            order_id=order_id,
            instrument=instrument,
            status=status,
            stop=stop,
            target=target,
            detail=detail,
        )

    def execution(self, bar: Bar, order_id: str, qty: int, price: float, role: Role) -> Execution:
        """A fill on this bar. qty: signed, positive buys."""
        return Execution(
            id=self._event_id(bar.instrument, order_id, "E"),
            order_id=order_id,
            account=self._account,
            instrument=bar.instrument,
            qty=qty,
            price=price,
            role=role,
            bar_ns=bar.close_ns,
            bar_index=bar.index,
        )

    def _event_id(self, instrument: str, order_id: str, kind: str) -> str:
        """The next id of an order's updates (U) or executions (E): a pure function of what happened to that order before."""
        stem = f"{instrument}-{order_id}-{kind}"
        number = self._numbers.get(stem, 0) + 1
        self._numbers[stem] = number
        return f"{stem}{number}"

"""Requests of operators and other applications to the gate, and its replies: external signals, and the kill switch."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tapewire.bus.messages.words import Direction, IngressError, IngressState, Reason


class ExternalSignal(Struct, frozen=True, tag="external_signal"):
    """A trade that an external sender requests, as received: the gate checks every field and names the invalid one.

    fields: `action` (buy, long, sell, short), `instrument`, `price`, `tp_points`, `sl_points`, and the optional ones of
    PROTOCOL.md 7; or the FKS form with `symbol` and `side`.
    """

    fields: dict[str, Any]


class ExternalAnswer(Struct, frozen=True, tag="external_answer"):
    """The gate's reply to an external signal, sent once the signal is on its disk. The same `request_id` gets the same reply.

    success: the signal is in the queue, for good. state: then QUEUED; for a duplicate, the state of the first one. order_id: the
    order after the risk checks; reason: or the check that refused it, with `message` for the operator. error, field: why it was not
    accepted, and the field to correct.
    """

    success: bool
    message: str
    signal_id: str = ""
    ingress_id: str = ""
    state: IngressState | None = None
    order_id: str = ""
    reason: Reason | None = None
    error: IngressError | None = None
    field: str = ""


class IngressEvent(Struct, frozen=True, tag="ingress_event"):
    """An external signal changed its state.

    tp_points, sl_points: distances from `price` in points. order_id: once approved, also while its order has not been sent.
    """

    ingress_id: str
    signal_id: str
    instrument: str
    state: IngressState
    direction: Direction
    price: float
    tp_points: int
    sl_points: int
    strategy: str
    valid_until_ns: int
    request_id: str = ""
    order_id: str = ""
    detail: str = ""


class Kill(Struct, frozen=True, tag="kill"):
    """Latch the kill switch: no entry passes until `Arm`. flatten: also cancel working orders and close open positions."""

    by: str
    flatten: bool = False


class Arm(Struct, frozen=True, tag="arm"):
    """Release the kill switch and the disputes of reconciliation: an operator has checked them."""

    by: str

"""What people and other programs send to the gate, and its answers: signals from outside, and the kill switch."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tapewire.bus.messages.words import Direction, IngressError, IngressState, Reason


class ExternalSignal(Struct, frozen=True, tag="external_signal"):
    """A trade that somebody outside asks for, as it came: the gate checks every field and names the one at fault.

    fields: `action` (buy, long, sell, short), `instrument`, `price`, `tp_points`, `sl_points`, and those of PROTOCOL.md 7 that may
    be left out; or the FKS form with `symbol` and `side`.
    """

    fields: dict[str, Any]


class ExternalAnswer(Struct, frozen=True, tag="external_answer"):
    """The gate's word on an external signal, given once the signal is on its disk. The same `request_id` gets the same answer.

    success: it is in the queue, for good. state: then QUEUED; of a duplicate, where the first one stands. order_id: the order that
    the risk checks made of it; reason: or the check that refused it, with `message` for a person. error, field: why it was not
    taken, and what to mend.
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
    """Latch the kill switch: no entry passes until `Arm`. flatten: also cancel what works and close what is open."""

    by: str
    flatten: bool = False


class Arm(Struct, frozen=True, tag="arm"):
    """Release the kill switch, and what reconciliation has disputed: a person has looked."""

    by: str

"""Which published facts a daemon's own log names: the few that a person looks for by id or by reason.

The journal has every fact, byte for byte; the log is what a person searches first. Each line has the message's name and its cause,
so that one line leads to the next, and to `tapewire explain`.
"""

from __future__ import annotations

from typing import Any

from tapewire.bus.messages import Alarm, Body, OrderEvent, Reject, Signal, Trade

NOTED = (Signal, Reject, OrderEvent, Trade, Alarm)


def line(body: Body) -> tuple[str, dict[str, Any]]:
    """The name of a line and its fields; only for NOTED."""
    match body:
        case Signal():
            return "signal", {"id": body.id, "action": body.action, "strategy": body.strategy, "size": body.size}
        case Reject():
            return "reject", {"id": body.id, "reason": body.reason, "detail": body.detail, "strategy": body.strategy}
        case OrderEvent():
            return "order", {"id": body.order_id, "status": body.status, "filled": body.filled, "detail": body.detail}
        case Trade():
            return "trade", {"id": body.id, "reason": body.reason, "net_cents": body.net_cents}
        case Alarm():
            return "alarm", {"name": body.name, "text": body.text}
    raise TypeError(f"{type(body).__name__} is not noted")

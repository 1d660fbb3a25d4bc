"""What the tracker shows of its sessions on request: for a person who asks why a strategy is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tapewire.bus.messages import Session
from tapewire.daemons.market.clock import session_id

if TYPE_CHECKING:
    from tapewire.daemons.tracker.core import Tracker


def sessions(core: Tracker) -> dict[str, Any]:
    """By the session's id, its state at the last bar; of an instrument without a bar nothing."""
    models = {name: core.model(name) for name in core.instruments}
    found = ((name, model.last) for name, model in models.items() if model is not None)
    return {session_id(last.session, name): _state(name, last) for name, last in found if last is not None}


def _state(name: str, s: Session) -> dict[str, Any]:
    return {
        "session_id": session_id(s.session, name),
        "day_type": s.day_type_edge,
        "ib": msgspec.to_builtins(s.ib),
        "vwap": s.vwap,
        "bars": 0 if s.i is None else s.i + 1,
        "above": s.above,
        "below": s.below,
        "touches": s.touches,
        "levels": msgspec.to_builtins(s.levels),
        "given": list(s.given),
        **({} if s.auction is msgspec.UNSET else {"auction": msgspec.to_builtins(s.auction)}),
        "degraded": s.degraded,
        "missing": s.missing,
        "bar_ns": s.bar.close_ns,
    }

"""Topics `public.`: signals and trades for subscribers."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.messages.intents import Pattern
from tapewire.bus.messages.words import Action, Confidence, Direction


class PublicSignal(Struct, frozen=True, tag="public_signal"):
    """An approved signal for the public: no account, no order id, no size of ours."""

    id: str
    instrument: str
    session: str
    bar_ns: int
    action: Action
    strategy: str
    setup: str
    direction: Direction
    reason: str
    confidence: Confidence
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    limit: float | None = None
    score: float | None = None
    pattern: Pattern | None = None


class PublicTrade(Struct, frozen=True, tag="public_trade"):
    """A finished trade for the public, per contract."""

    id: str
    instrument: str
    session: str
    strategy: str
    setup: str
    direction: Direction
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    reason: str
    ticks: int

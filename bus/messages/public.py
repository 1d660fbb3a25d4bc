"""Topics `public.`: signals and trades for subscribers."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Price, TimeNs
from tapewire.bus.messages.intents import Pattern
from tapewire.bus.messages.words import Action, Confidence, Direction


class PublicSignal(Struct, frozen=True, tag="public_signal"):
    """An approved signal for the public: no account, no order id, no size of ours."""

    id: str
    instrument: str
    session: str
    bar_ns: TimeNs
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
    contract: str = ""


class PublicTrade(Struct, frozen=True, tag="public_trade"):
    """A finished trade for the public, per contract."""

    id: str
    instrument: str
    session: str
    strategy: str
    setup: str
    direction: Direction
    entry_ns: TimeNs
    entry_price: Price
    exit_ns: TimeNs
    exit_price: Price
    reason: str
    ticks: int

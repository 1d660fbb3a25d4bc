"""Topics `public.`: signals, trades and summaries for subscribers."""

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


class PublicSummary(Struct, frozen=True, tag="public_summary"):
    """What a trade date or a month brought, per contract and before costs. The last one of a period counts.

    period: YYYY-MM-DD or YYYY-MM. session: its last trade date so far. days: trade dates in it. signals: approved entries. won,
    lost: trades with more and with less than 0 ticks. ticks: of all trades together. drawdown: the largest fall of their running
    sum from its highest value, which begins at 0. profit_factor: ticks won by ticks lost; None without a lost one.
    """

    instrument: str
    session: str
    period: str
    days: int
    signals: int
    trades: int
    won: int
    lost: int
    ticks: int
    drawdown: int
    profit_factor: float | None = None
    by_strategy: dict[str, int] = {}

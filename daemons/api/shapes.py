"""What goes in and out as JSON, one struct each: decoded strictly, so that text is no number, true no price, and NaN nothing at
all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tapewire.bus.bounds import Delta, Dollars, Price, Quantity, Volume

Stamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Side = Literal["LONG", "SHORT", "HOLD"]


class CrossShape(Struct, frozen=True, forbid_unknown_fields=True):
    """The bar of another instrument with the same close."""

    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    delta: Delta | None = None
    up_volume: Volume | None = None
    down_volume: Volume | None = None


class BarShape(CrossShape, frozen=True):
    """A closed one-minute bar. up_volume, down_volume: contracts bought at the ask, sold at the bid; without both no order flow."""

    up_ticks: Volume | None = None
    down_ticks: Volume | None = None


class PositionShape(Struct, frozen=True, forbid_unknown_fields=True):
    """The account's position at the bar's close, as the platform has it.

    direction: Long, Short or Flat, in any case. quantity: contracts, positive. entry_id: our order that opened it; without it only
    the rules for a position that is not ours apply. realised: profit of the trade date in dollars. working: ids of our orders that
    are accepted and not finished.
    """

    is_flat: bool = True
    direction: str | None = None
    entry_price: Price | None = None
    unrealized_pnl: Dollars = 0.0
    quantity: Quantity = 1
    entry_id: str = ""
    stop: Price | None = None
    target: Price | None = None
    realised: Dollars = 0.0
    working: tuple[str, ...] = ()


class DatedBar(BarShape, frozen=True, kw_only=True):
    """A closed bar with its time.

    timestamp: its close, ISO 8601; without an offset it is New York's. position: the account's at this close; without it flat.
    Rules that count from the entry, such as the longest hold, need it on the bars in the position.
    """

    timestamp: Stamp
    position: PositionShape | None = None


class SignalRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A bar, and what is to be decided on it.

    Without `bars` it is the bar that the bus has, and the answer is what was decided there. With `bars` (the earlier ones, oldest
    first; there may be none) the decision is made of them alone, and nobody else hears of it. session_levels: prices by the names
    of the levels, such as pdh; others are computed and left out. settings: values by name, as `--set` names them.
    """

    timestamp: Stamp
    bar: BarShape
    session_date: str = ""
    instrument: str = "MNQ"
    cross_instruments: dict[str, CrossShape] = {}
    session_levels: dict[str, Price | None] = {}
    position: PositionShape | None = None
    bars: tuple[DatedBar, ...] | None = None
    settings: dict[str, Any] = {}


class QualityShape(Struct, frozen=True):
    """Order flow that the decision was taken on. score: 0 to 3."""

    delta_pctl: float | None = None
    imbalance_ratio: float | None = None
    volume_spike: float | None = None
    score: int = 0


class SignalAnswer(Struct, frozen=True, kw_only=True):
    """What to do on the bar. On any doubt action is NONE, and code says why.

    model: the setup. stop_loss, target: on the tick, but for a stop that its strategy computes in decimals: the order is rounded
    toward the entry. position_size: contracts. valid_until_ns: market time after which it is not to be executed. id: of the order.
    score: the strategy's confidence as a number, 0 to 1.
    """

    action: Literal["NONE", "ENTER_LONG", "ENTER_SHORT", "EXIT", "MOVE_STOP", "MOVE_TARGET"] = "NONE"
    model: str | None = None
    strategy: str | None = None
    confidence: str = "normal"
    entry_price: float | None = None
    stop_loss: float | None = None
    target: float | None = None
    position_size: int = 0
    reasoning: str = ""
    day_type: str | None = None
    day_confidence: float | None = None
    of_quality: QualityShape = QualityShape()
    code: str = ""
    id: str = ""
    score: float | None = None
    valid_until_ns: int | None = None


class SessionInit(Struct, frozen=True, forbid_unknown_fields=True):
    """Levels of a person for a trade date. premarket_levels: prices by the names of the levels."""

    session_date: str
    premarket_levels: dict[str, Price]
    instrument: str = "MNQ"


class SessionStarted(Struct, frozen=True):
    """They are taken."""

    status: str
    session_id: str


class GenerateRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Bars in, a signal of the last one out.

    bars: oldest first. position_active: then the answer is HOLD. account_size: dollars, in place of the one that the strategy is
    sized by. settings: values by name, as `--set` names them.
    """

    symbol: str
    bars: tuple[DatedBar, ...]
    position_active: bool = False
    account_size: Dollars | None = None
    settings: dict[str, Any] = {}


class GenerateAnswer(Struct, frozen=True, kw_only=True):
    """confidence: 0 to 1, where the strategy has a number."""

    action: Side = "HOLD"
    contracts: int = 0
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    confidence: float | None = None
    reason: str = ""
    code: str = ""


class SentSignal(Struct, frozen=True):
    """A signal of another application (PROTOCOL.md 7, "External signals"); the gate checks it, so this only describes it."""

    action: str
    instrument: str
    price: float | None = None
    tp_points: int | None = None
    sl_points: int | None = None
    request_id: str | None = None
    ttl_s: float | None = None
    account: str | None = None
    strategy: str | None = None
    meta: dict[str, Any] | None = None


class LicenseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """license_key: a key as one word, NAME.PHRASE."""

    license_key: str


class LicenseAnswer(Struct, frozen=True, kw_only=True):
    """tier: of a subscriber's key. expires_at: ISO 8601, UTC; null for never. reason: why it is not valid."""

    valid: bool
    name: str | None = None
    role: str | None = None
    tier: str | None = None
    expires_at: str | None = None
    reason: str = ""


class LiveStart(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be started. It must be what this run was started with; trading is on only if the run's settings turn it on.

    strategy_id: one of the run's. account_id: the traded account. symbol: a contract or an instrument, such as NQH6; ami_symbol:
    the instrument. scan_interval: bars are decided when they close; the number has no effect. alert_channels, trade_timeout: have
    none here, either. trade_size: contracts, where the run's size is fixed.
    """

    strategy_id: str = ""
    account_id: str = ""
    account_name: str = ""
    symbol: str = ""
    ami_symbol: str = ""
    scan_interval: int = 120
    alert_channels: tuple[str, ...] = ()
    trade_enabled: bool = False
    trade_size: int = 1
    trade_timeout: int = 30

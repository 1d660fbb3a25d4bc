"""Every message on the wire, as one typed struct each.

A message is one MessagePack map. It starts with the header's fields, then `type`, then the body's own fields; `tapewire.bus.wire`
joins and splits the two, so that bodies here stay free of routing. PROTOCOL.md describes the same in words.

Kinds, by what the sender means:
    facts      what happened (`Bar`, `Session`, `Signal`, `Fill`, ...): published, true for ever
    wishes     what should be done (`Intents`, `PlaceOrder`, ...): facts that somebody must also answer
    answers    what the owner decided (`Decisions`, `Ack`, `Page`, ...)
    sys        how the bus itself is doing (`Beat`, `Gap`, `Resend`, `Alarm`)

Units: times are UTC nanoseconds and bars carry their open and close; prices are floats on the tick grid; `qty` is contracts,
signed where a direction is meant; `*_cents` is money in integer cents of a dollar; everything else says so.

Evolution (msgspec's rules): a new field has a default, no field changes its type, no field is removed without a new
protocol version.
"""

from __future__ import annotations

from typing import TypeAlias

from tapewire.bus.messages.books import Fill, OrderEvent, PositionChanged, Risk, StrategyDay, Trade
from tapewire.bus.messages.header import PROTOCOL_VERSION, Header
from tapewire.bus.messages.history import Control, HistoryRequest, Page, Report, TopicLength, Topics, TopicsRequest
from tapewire.bus.messages.inner import Begun, Due, LinkState
from tapewire.bus.messages.intents import (
    Decision,
    Decisions,
    EvalDone,
    Intent,
    Intents,
    Pattern,
    Quality,
    Reject,
    Signal,
    Suppressed,
)
from tapewire.bus.messages.market import Bar, CrossBar, Position, TimeframeBar
from tapewire.bus.messages.outside import Arm, ExternalAnswer, ExternalSignal, IngressEvent, Kill
from tapewire.bus.messages.public import PublicSignal, PublicTrade
from tapewire.bus.messages.session import Flow, IbHistory, Levels, Range, Scores, Session
from tapewire.bus.messages.system import Alarm, Beat, Gap, Resend
from tapewire.bus.messages.venue import (
    Ack,
    CancelOrder,
    ClosePosition,
    Execution,
    Hello,
    Lease,
    MoveBracket,
    OrderUpdate,
    PlaceOrder,
    VenuePosition,
)
from tapewire.bus.messages.words import Action, IngressError, IngressState, OrderStatus, Reason, StopRounding, TradingState

__all__ = [
    "PROTOCOL_VERSION",
    "Ack",
    "Action",
    "Alarm",
    "Arm",
    "Bar",
    "Beat",
    "Begun",
    "Body",
    "CancelOrder",
    "ClosePosition",
    "Control",
    "CrossBar",
    "Decision",
    "Decisions",
    "Due",
    "EvalDone",
    "Execution",
    "ExternalAnswer",
    "ExternalSignal",
    "Fact",
    "Fill",
    "Flow",
    "Gap",
    "Header",
    "Hello",
    "HistoryRequest",
    "IbHistory",
    "IngressError",
    "IngressEvent",
    "IngressState",
    "Intent",
    "Intents",
    "Kill",
    "Lease",
    "Levels",
    "LinkState",
    "MoveBracket",
    "OperatorWord",
    "OrderEvent",
    "OrderStatus",
    "OrderUpdate",
    "OwnWord",
    "Page",
    "Pattern",
    "PlaceOrder",
    "Position",
    "PositionChanged",
    "PublicSignal",
    "PublicTrade",
    "Quality",
    "Range",
    "Reason",
    "Reject",
    "Report",
    "Resend",
    "Risk",
    "Scores",
    "Service",
    "Session",
    "Signal",
    "StopRounding",
    "StrategyDay",
    "Suppressed",
    "TimeframeBar",
    "TopicLength",
    "Topics",
    "TopicsRequest",
    "Trade",
    "TradingState",
    "VenuePosition",
    "VenueWord",
]

Fact: TypeAlias = (
    Bar
    | TimeframeBar
    | Session
    | Intents
    | Decisions
    | EvalDone
    | Suppressed
    | Signal
    | Reject
    | OrderEvent
    | Fill
    | PositionChanged
    | Trade
    | Risk
    | IngressEvent
    | ExternalAnswer
    | PublicSignal
    | PublicTrade
    | Beat
    | Resend
    | Gap
    | Alarm
)
OperatorWord: TypeAlias = Kill | Arm | ExternalSignal
VenueWord: TypeAlias = (
    PlaceOrder | ClosePosition | MoveBracket | CancelOrder | Lease | Hello | LinkState | OrderUpdate | Execution | Ack
)
OwnWord: TypeAlias = Due | Begun
Service: TypeAlias = TopicsRequest | Topics | HistoryRequest | Page | Control | Report
Body: TypeAlias = Fact | OperatorWord | VenueWord | OwnWord | Service

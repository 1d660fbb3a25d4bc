"""Every message on the wire, as one typed struct each.

A message is one MessagePack map. It starts with the header's fields, then `type`, then the body's own fields; `tapewire.bus.wire`
joins and splits the two, so bodies hold no routing. PROTOCOL.md documents the same contract.

Kinds, by where a message travels:
    `Fact`           published on the bus: events, proposals (`Intents`) and their decisions (`Decisions`)
    `Command`        published, and delivered to the venue until it acknowledges
    `SystemMessage`  published under `sys.`, `feed.` and `ops.`: the state of the bus, of the feed and of the run
    `LinkMessage`    on the venue link alone: the venue's reports, acknowledgements, the lease
    `GateRequest`    sent to the gate alone: kill switch and external signals
    `CoreEvent`      from a process to its own core; in the log of that daemon, never on a socket
    `Service`        requests about the journal and the processes, and their replies

Units: times are UTC nanoseconds and bars carry their open and close; prices are floats on the tick grid; `qty` is contracts,
signed where a direction is meant; `*_cents` is money in integer cents of a dollar; any other field documents its unit.

What is made for each bar has `gc=False`: frozen values form no cycle, so the garbage collector need not count or visit them.

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
from tapewire.bus.messages.market import Bar, CrossBar, Position, Tick, TimeframeBar
from tapewire.bus.messages.outside import Arm, ExternalAnswer, ExternalSignal, IngressEvent, Kill
from tapewire.bus.messages.public import PublicSignal, PublicSummary, PublicTrade
from tapewire.bus.messages.session import (
    Auction,
    Flow,
    GivenLevels,
    IbHistory,
    Levels,
    Prints,
    PriorValue,
    Profile,
    Range,
    Scores,
    Session,
    ValueArea,
)
from tapewire.bus.messages.system import Alarm, Beat, FeedStatus, Gap, Lap, OpsEvent, Resend
from tapewire.bus.messages.venue import (
    AccountFigures,
    Accounts,
    Ack,
    CancelOrder,
    ClosePosition,
    Execution,
    Hello,
    Lease,
    MoveBracket,
    OrderUpdate,
    PlaceOrder,
    TradingDay,
    VenueChart,
    VenuePosition,
)
from tapewire.bus.messages.words import (
    LONG,
    SHORT,
    Action,
    Confidence,
    DayType,
    Direction,
    FeedState,
    FirstSide,
    IngressError,
    IngressState,
    LinkName,
    OpenRelation,
    OpsKind,
    OrderStatus,
    PatternKind,
    PatternSubtype,
    Phase,
    Reason,
    Regime,
    Role,
    Stage,
    StopRounding,
    TradingState,
    ValueRelation,
    Verb,
)

__all__ = [
    "LONG",
    "PROTOCOL_VERSION",
    "SHORT",
    "AccountFigures",
    "Accounts",
    "Ack",
    "Action",
    "Alarm",
    "Arm",
    "Auction",
    "Bar",
    "Beat",
    "Begun",
    "Body",
    "CancelOrder",
    "ClosePosition",
    "Command",
    "Confidence",
    "Control",
    "CoreEvent",
    "CrossBar",
    "DayType",
    "Decision",
    "Decisions",
    "Direction",
    "Due",
    "EvalDone",
    "Execution",
    "ExternalAnswer",
    "ExternalSignal",
    "Fact",
    "FeedState",
    "FeedStatus",
    "Fill",
    "FirstSide",
    "Flow",
    "Gap",
    "GateRequest",
    "GivenLevels",
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
    "Lap",
    "Lease",
    "Levels",
    "LinkMessage",
    "LinkName",
    "LinkState",
    "MoveBracket",
    "OpenRelation",
    "OpsEvent",
    "OpsKind",
    "OrderEvent",
    "OrderStatus",
    "OrderUpdate",
    "Page",
    "Pattern",
    "PatternKind",
    "PatternSubtype",
    "Phase",
    "PlaceOrder",
    "Position",
    "PositionChanged",
    "Prints",
    "PriorValue",
    "Profile",
    "PublicSignal",
    "PublicSummary",
    "PublicTrade",
    "Quality",
    "Range",
    "Reason",
    "Regime",
    "Reject",
    "Report",
    "Resend",
    "Risk",
    "Role",
    "Scores",
    "Service",
    "Session",
    "Signal",
    "Stage",
    "StopRounding",
    "StrategyDay",
    "Suppressed",
    "SystemMessage",
    "Tick",
    "TimeframeBar",
    "TopicLength",
    "Topics",
    "TopicsRequest",
    "Trade",
    "TradingDay",
    "TradingState",
    "ValueArea",
    "ValueRelation",
    "VenueChart",
    "VenuePosition",
    "Verb",
]

Fact: TypeAlias = (
    Bar
    | Tick
    | TimeframeBar
    | Session
    | GivenLevels
    | Profile
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
    | PublicSummary
)
Command: TypeAlias = PlaceOrder | ClosePosition | MoveBracket | CancelOrder
SystemMessage: TypeAlias = Beat | Resend | Gap | Alarm | FeedStatus | OpsEvent
LinkMessage: TypeAlias = Hello | Accounts | OrderUpdate | Execution | Lease | Ack
GateRequest: TypeAlias = Kill | Arm | ExternalSignal
CoreEvent: TypeAlias = LinkState | Due | Begun
Service: TypeAlias = TopicsRequest | Topics | HistoryRequest | Page | Control | Report
Body: TypeAlias = Fact | Command | SystemMessage | LinkMessage | GateRequest | CoreEvent | Service

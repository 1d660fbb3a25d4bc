"""The closed sets: fields that hold one of a few texts. On the wire each is that text, and a reader refuses any other text.

A code with an order, a table or methods of its own is an enum. A word that is only compared is a `Literal`: a plain string that
mypy checks at the writer and msgspec at the reader, and that costs no time in the stream of sessions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

LONG: Final = "LONG"
SHORT: Final = "SHORT"

Direction: TypeAlias = Literal["LONG", "SHORT"]
"""The side of an intent, a position or a trade."""

FirstSide: TypeAlias = Literal["long", "short"]
"""The side of the initial balance that the market accepted first (playbook 2.2)."""

Phase: TypeAlias = Literal["historical", "playback", "realtime"]
"""Origin of a bar: a chart's past (warm-up, never traded), a replay of it, or the market now."""

DayType: TypeAlias = Literal[
    "b_day", "p_day", "trend_up", "trend_down", "b_day_bear", "super_trend_up", "super_trend_down", "neutral", "none"
]
"""The type of the day by one bar (playbook 2.9); "none" before the initial balance is final."""

Regime: TypeAlias = Literal["low", "normal", "high"]
"""Volatility by the initial balances of earlier sessions (playbook 2.8)."""

OpenRelation: TypeAlias = Literal["above_range", "above_value", "in_value", "below_value", "below_range"]
"""Where a session opened, by the last one: beyond its range, within it and beyond its value area, or in its value area."""

ValueRelation: TypeAlias = Literal["higher", "overlapping_higher", "unchanged", "inside", "outside", "overlapping_lower", "lower"]
"""A session's value area by the last one's: beyond it, beyond one end of it, within it, or beyond both ends."""

Confidence: TypeAlias = Literal["normal", "high", "medium"]
"""How sure a strategy is; "normal" where it does not grade."""

PatternKind: TypeAlias = Literal["V_REVERSAL", "BIDIRECTIONAL_V_REVERSAL"]
PatternSubtype: TypeAlias = Literal["DOWNWARD_V", "UPWARD_V"]

Role: TypeAlias = Literal["ENTRY", "EXIT", "STOP", "TARGET", "SESSION_END", "FOREIGN"]
"""What an execution did to the position; FOREIGN if no order of ours caused it."""

LinkName: TypeAlias = Literal["venue", "journal"]
"""A connection that the gate watches: to NinjaTrader, or to the logger."""

FeedState: TypeAlias = Literal["connected", "delayed", "silent"]
"""What is known of an instrument's bars: they come, they come late, or they do not come."""

OpsKind: TypeAlias = Literal[
    "started",
    "stopped",
    "connected",
    "disconnected",
    "session_opened",
    "session_closed",
    "settings_changed",
    "error",
]
"""What an operational event tells."""

Stage: TypeAlias = Literal["bridge", "tracker", "evaluator", "gate", "venue"]
"""What a bar passes on its way to an order; the venue is where the gate's command arrives."""

Verb: TypeAlias = Literal[
    "ping",
    "state",
    "stop",
    "parameters",
    "init",
    "evaluate",
    "strategies",
    "health",
    "ready",
    "connection_test",
    "accounts",
    "since",
    "today",
    "history",
    "performance",
    "session",
    "start",
    "pause",
    "step",
    "speed",
    "seek",
]
"""The verbs of control ports and services; PROTOCOL.md 7 lists the processes that answer each."""


class Action(StrEnum):
    """The actions that a strategy may propose. Entries are only proposed when flat, the other three only in a position."""

    ENTER_LONG = "ENTER_LONG"
    ENTER_SHORT = "ENTER_SHORT"
    EXIT = "EXIT"
    MOVE_STOP = "MOVE_STOP"
    MOVE_TARGET = "MOVE_TARGET"


class StopRounding(StrEnum):
    """The side to which an entry's stop goes when it is put on the tick grid: away from the entry (playbook 5.1), or toward it.

    With TOWARD the signal keeps the stop as computed, to which its followers hold, and only the order is rounded.
    """

    AWAY = "AWAY"
    TOWARD = "TOWARD"


class Reason(StrEnum):
    """The gate's reason for a refusal. The order here is the order of the checks; daemons/gate/REASONS.md explains each."""

    DUPLICATE = "DUPLICATE"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    INSTRUMENT_DISABLED = "INSTRUMENT_DISABLED"
    CONTRACT_EXPIRED = "CONTRACT_EXPIRED"
    CONTRACT_NOT_LISTED = "CONTRACT_NOT_LISTED"
    CONTRACT_OTHER = "CONTRACT_OTHER"
    TRADING_DISABLED = "TRADING_DISABLED"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    KILLED = "KILLED"
    EXPIRED = "EXPIRED"
    NOT_FINITE = "NOT_FINITE"
    OFF_TICK = "OFF_TICK"
    STOP_MISSING = "STOP_MISSING"
    STOP_SIDE = "STOP_SIDE"
    TARGET_SIDE = "TARGET_SIDE"
    STOP_TOO_NEAR = "STOP_TOO_NEAR"
    STOP_TOO_FAR = "STOP_TOO_FAR"
    REWARD_TOO_SMALL = "REWARD_TOO_SMALL"
    OFF_MARKET = "OFF_MARKET"
    NO_POSITION = "NO_POSITION"
    STOP_WIDENED = "STOP_WIDENED"
    FEED_STALE = "FEED_STALE"
    DEGRADED = "DEGRADED"
    MISSING_BARS = "MISSING_BARS"
    JOURNAL_DOWN = "JOURNAL_DOWN"
    VENUE_DOWN = "VENUE_DOWN"
    UNANSWERED = "UNANSWERED"
    UNRECONCILED = "UNRECONCILED"
    CALENDAR_DISPUTED = "CALENDAR_DISPUTED"
    HOLIDAY = "HOLIDAY"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    FLATTENING = "FLATTENING"
    SESSION_CLOSING = "SESSION_CLOSING"
    ENTRY_ON_BAR = "ENTRY_ON_BAR"
    POSITION_OPEN = "POSITION_OPEN"
    ORDER_WORKING = "ORDER_WORKING"
    MAX_POSITIONS = "MAX_POSITIONS"
    INSTRUMENT_CONTRACTS = "INSTRUMENT_CONTRACTS"
    ACCOUNT_CONTRACTS = "ACCOUNT_CONTRACTS"
    DAILY_LOSS = "DAILY_LOSS"
    DAILY_LOSS_OPEN = "DAILY_LOSS_OPEN"
    DAILY_PROFIT = "DAILY_PROFIT"
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    MAX_TRADES = "MAX_TRADES"
    STRATEGY_DAILY_LOSS = "STRATEGY_DAILY_LOSS"
    PROGRAM = "PROGRAM"
    LOSS_STREAK = "LOSS_STREAK"
    ORDERS_PER_SECOND = "ORDERS_PER_SECOND"
    ORDERS_PER_MINUTE = "ORDERS_PER_MINUTE"
    ORDERS_PER_DAY = "ORDERS_PER_DAY"
    SIZE_ZERO = "SIZE_ZERO"


class TradingState(StrEnum):
    """What the gate approves: everything; exits and moves only, until a limit is free again; or those until the operator acts."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"

    @classmethod
    def _missing_(cls, value: object) -> TradingState | None:
        """The state behind a value of the first `risk` messages, which named the limit itself."""
        return _FIRST_STATES.get(value)


_FIRST_STATES: dict[object, TradingState] = {
    "NORMAL": TradingState.ACTIVE,
    "KILLED": TradingState.HALTED,
    "DAILY_LOSS": TradingState.REDUCING,
    "MAX_DRAWDOWN": TradingState.REDUCING,
    "MAX_TRADES": TradingState.REDUCING,
}


class OrderStatus(StrEnum):
    """The states of an order at the gate. PENDING until the venue has replied; see daemons/gate/books/orders.py for the table."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class IngressState(StrEnum):
    """The states of an external signal; daemons/gate/external/inbox.py has the table."""

    RECEIVED = "RECEIVED"
    QUEUED = "QUEUED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class IngressError(StrEnum):
    """Why an external signal was not accepted: invalid, no way to trade it now, an error of ours, or a duplicate."""

    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    DUPLICATE = "duplicate"

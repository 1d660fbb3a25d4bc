"""The closed sets: fields that hold one of a few texts. On the wire each is that text, and a reader refuses any other."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a strategy may ask for. Entries are only proposed when flat, the other three only in a position."""

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
    """Why the gate refused. The order here is the order in which the checks run; daemons/gate/REASONS.md explains each."""

    DUPLICATE = "DUPLICATE"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    INSTRUMENT_DISABLED = "INSTRUMENT_DISABLED"
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
    """What the gate lets through: everything; exits and moves only, until a limit is free again; or those until a person acts."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class OrderStatus(StrEnum):
    """The life of an order at the gate. PENDING until the venue has answered; see daemons/gate/books/orders.py for the table."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class IngressState(StrEnum):
    """The life of an external signal; daemons/gate/external/inbox.py has the table."""

    RECEIVED = "RECEIVED"
    QUEUED = "QUEUED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class IngressError(StrEnum):
    """Why an external signal was not taken: the asker's fault, nobody to trade it now, ours, or asked before."""

    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    DUPLICATE = "duplicate"

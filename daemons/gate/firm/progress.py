"""An account's way through a prop firm's program as data: where it stands, its days, its payouts, and how it failed.

`tapewire.daemons.gate.firm.program` is the engine. Money is integer cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    OPEN = "OPEN"
    FUNDED = "FUNDED"
    PASSED = "PASSED"
    LIVE = "LIVE"
    FAILED = "FAILED"


ENDED = frozenset({State.PASSED, State.LIVE, State.FAILED})


class Rule(StrEnum):
    """What an account can fail by."""

    FLAT_BY = "FLAT_BY"
    TRAILING_DRAWDOWN = "TRAILING_DRAWDOWN"
    DAILY_LOSS = "DAILY_LOSS"
    TIME_LIMIT = "TIME_LIMIT"


class Failure(Struct, frozen=True):
    """Which rule, in which phase, on which trade date and in which bar (None: by the end of the day)."""

    rule: Rule
    phase: State
    session: str
    at_ns: int | None
    detail: str


class Payout(Struct, frozen=True):
    """Asked for at the end of `session`; the money is there on `paid`, after the firm's processing days."""

    session: str
    cents: int
    paid: str


class Day(Struct, frozen=True):
    """One day of the program as it ended.

    phase: the account it was traded on. equity: before a payout. mark, floor: as they hold from then on (floor None: no drawdown
    rule). best_share: the phase's best day over its profit so far, None without a profit. note: what else happened.
    """

    session: str
    phase: State
    trades: int
    pnl_cents: int
    equity_cents: int
    mark_cents: int
    floor_cents: int | None
    best_share: float | None
    note: str


@dataclass(slots=True)
class Today:
    """The day under way. paused: its loss limit was reached, and it is over for entries."""

    session: str
    trades: int = 0
    pnl_cents: int = 0
    paused: bool = False


class Progress(Struct, frozen=True, kw_only=True):
    """How far an account has come. program, start_cents: by whose terms; the rest is named as in `ProgramAccount`."""

    program: str
    state: State
    start_cents: int
    equity_cents: int
    mark_cents: int
    locked: bool = False
    first: str = ""
    passed: str = ""
    failure: Failure | None = None
    payouts: tuple[Payout, ...] = ()
    days: tuple[Day, ...] = ()
    news: tuple[str, ...] = ()
    told: int = 0
    today: Today | None = None
    traded_days: int = 0
    winning_days: int = 0
    best_cents: int = 0
    cycle_cents: int = 0
    held: dict[str, tuple[int, float]] = {}
    open: dict[str, tuple[int, int]] = {}
    left_ns: dict[str, int] = {}

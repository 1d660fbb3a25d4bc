"""An account's progress in a prop firm's program as data: its state, its days, its payouts, and its failure.

daemons/gate/firm/program.py is the engine. Money is integer cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class ProgramState(StrEnum):
    OPEN = "OPEN"
    FUNDED = "FUNDED"
    PASSED = "PASSED"
    LIVE = "LIVE"
    FAILED = "FAILED"


ENDED = frozenset({ProgramState.PASSED, ProgramState.LIVE, ProgramState.FAILED})


class ProgramRule(StrEnum):
    """The rules that an account can fail by."""

    FLAT_BY = "FLAT_BY"
    TRAILING_DRAWDOWN = "TRAILING_DRAWDOWN"
    DAILY_LOSS = "DAILY_LOSS"
    TIME_LIMIT = "TIME_LIMIT"


class Failure(Struct, frozen=True):
    """Which rule, in which phase, on which trade date and in which bar (None: by the end of the day)."""

    rule: ProgramRule
    phase: ProgramState
    session: str
    at_ns: int | None
    detail: str


class Payout(Struct, frozen=True):
    """Requested at the end of `session`. The money arrives on `paid`, after the firm's processing days."""

    session: str
    cents: int
    paid: str


class ProgramDay(Struct, frozen=True):
    """One day of the program as it ended.

    phase: the account that it was traded on. equity: before a payout. mark, floor: as they hold from then on (floor None: no
    drawdown rule). best_share: the phase's best day over its profit so far, None without a profit. note: what else happened, as
    text.
    """

    session: str
    phase: ProgramState
    trades: int
    pnl_cents: int
    equity_cents: int
    mark_cents: int
    floor_cents: int | None
    best_share: float | None
    note: str


@dataclass(slots=True)
class ProgramToday:
    """The current day. paused: its loss limit was reached, and it takes no more entries."""

    session: str
    trades: int = 0
    pnl_cents: int = 0
    paused: bool = False


class ProgramProgress(Struct, frozen=True, kw_only=True):
    """An account's progress. program, start_cents: name and start of the program; the other fields are as in `ProgramAccount`."""

    program: str
    state: ProgramState
    start_cents: int
    equity_cents: int
    mark_cents: int
    locked: bool = False
    first: str = ""
    passed: str = ""
    failure: Failure | None = None
    payouts: tuple[Payout, ...] = ()
    days: tuple[ProgramDay, ...] = ()
    news: tuple[str, ...] = ()
    told: int = 0
    today: ProgramToday | None = None
    traded_days: int = 0
    winning_days: int = 0
    best_cents: int = 0
    cycle_cents: int = 0
    held: dict[str, tuple[int, float]] = {}
    open: dict[str, tuple[int, int]] = {}
    left_ns: dict[str, int] = {}

"""What a strategy is: the one contract between the evaluator and what to trade.

A strategy reads the ordered stream of sessions of one instrument and nothing else: no clock, no file, no random number, no
position before it has one. It has two parts (playbook 3):

    update(s)    folds every RTH bar, in a position or not, allowed to trade or not
    propose(s)   looks at what was folded and answers with a proposal or nothing; it changes nothing

Whoever asks decides what becomes of a proposal; `consume` tells the strategy that it was taken. A strategy with exits of its own
adds `manage` (see `Manages`); the common exit rules of playbook 5.2 run for every strategy and come first.

That is how a strategy of regular trading hours works. One with the attribute `hours = "all"` keeps its own hours: it folds every
bar of the trade date and may propose on any, its positions are not closed at the preset's exit time or outside RTH, and of the
common exit rules only the day's loss limit touches them. When to be out, then, is the business of its `manage`. A strategy that
wants to show what it saw and did not propose adds `suppressed` (see `Suppresses`).

    class FirstGreen:
        name = "First Green"
        setups = ("FIRST_GREEN",)

        class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
            stop_points: float = 10.0

        def __init__(self, params: Params, day_type: DayTypeOf) -> None: ...
        def start(self, session: str) -> None: ...
        def update(self, s: Session) -> None: ...
        def propose(self, s: Session) -> Proposal | None: ...
        def consume(self, proposal: Proposal) -> None: ...

Names of parameters say the unit and how the edge counts: `_points` is points, `_r` a share of the initial balance range R, `_w`
a share of the opening range, `_bars` RTH bars; `_under` is `<`, `_at_most` is `<=`, `_over` is `>`, `_at_least` is `>=`. A
threshold of None is a rule that the preset does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from tapewire.bus.messages import (
    LONG,
    SHORT,
    Confidence,
    DayType,
    Direction,
    Flow,
    Pattern,
    Position,
    Quality,
    Regime,
    Session,
    StopRounding,
)

__all__ = [
    "LONG",
    "MAX_ID",
    "MAX_SETUP",
    "SHORT",
    "Confidence",
    "DayType",
    "DayTypeOf",
    "Direction",
    "Exit",
    "Hours",
    "Manages",
    "Move",
    "Proposal",
    "Regime",
    "Strategy",
    "StrategyClass",
    "Suppresses",
    "Suppression",
    "quality",
    "trades_all_hours",
]

Hours: TypeAlias = Literal["rth", "all"]

StrategyClass: TypeAlias = type[Any]
"""The class of a `Strategy`. Any, because no type says "a class with a nested class Params"; the registry checks it."""

DayTypeOf: TypeAlias = Callable[[Session], DayType]
"""Reads the day type of the model that the preset chose (playbook 2.9). A strategy that needs none ignores it."""

MAX_SETUP = 24
"""Longest setup name: it is part of the intent's id, which has at most MAX_ID characters."""

MAX_ID = 50
"""Longest id of an intent: what a venue keeps as an order's name."""


class Proposal(Struct, frozen=True, kw_only=True):
    """What a strategy would do at the close of this bar.

    entry is the close; stop and target are as computed, unrounded. target None: no target order, hold to the exit time.
    reason: the decisive facts in words and numbers, for the operator. day_confidence: the score of playbook 2.7 that the
    strategy goes by, 0 without one. confidence: "high" or "medium"; score: the same as a number, 0 to 1, where there is one.
    limit: rest the entry at this price, on the tick, instead of going to the market.
    ttl_minutes: how long the proposal is good for after this bar's close, and a limit works; None: the evaluator's default.
    stop_rounding: the side to which the order's stop is rounded to the tick. pattern: what the setup was read from.
    id: the intent's id, at most MAX_ID characters and never the same twice; "" for the usual one of bar, setup and action.
    """

    strategy: str
    setup: str
    direction: Direction
    entry: float
    stop: float
    target: float | None
    reason: str
    day_type: DayType = "none"
    confidence: Confidence = "high"
    day_confidence: float = 0.0
    quality: Quality = Quality()
    limit: float | None = None
    ttl_minutes: int | None = None
    stop_rounding: StopRounding = StopRounding.AWAY
    score: float | None = None
    pattern: Pattern | None = None
    id: str = ""


class Suppression(Struct, frozen=True):
    """A complete setup that its strategy does not propose: what it would have been, a code, and a sentence for a person."""

    proposal: Proposal
    reason: str
    detail: str


class Exit(Struct, frozen=True):
    """Leave the position at the market. reason is a code, such as PIPELINE; it travels to the trade."""

    reason: str


class Move(Struct, frozen=True):
    """Replace stop and/or target, in points; None leaves it. A stop that is not tighter by a tick is ignored."""

    reason: str
    stop: float | None = None
    target: float | None = None


class Strategy(Protocol):
    """A strategy of one instrument, with its state. Its class is built as `cls(params, day_type)` and names three things.

    name: what operators, signals and reports call it.
    setups: the codes its proposals may carry: A-Z, 0-9 and _, at most MAX_SETUP characters.
    Params: its thresholds, a frozen msgspec Struct that refuses unknown fields.

    It may also say `hours: ClassVar[Hours] = "all"`; without it, it trades regular hours.
    """

    @property
    def name(self) -> str: ...

    @property
    def setups(self) -> tuple[str, ...]: ...

    def start(self, session: str) -> None:
        """A new trade date (YYYY-MM-DD): forget the last one."""

    def update(self, s: Session) -> None:
        """Fold one bar of its hours. Called on every one of them, before anything is asked."""

    def propose(self, s: Session) -> Proposal | None:
        """Say what to do at this bar's close, or None. Must not change anything. With regular hours, only before the exit time."""

    def consume(self, proposal: Proposal) -> None:
        """This proposal was taken, whatever risk says about it later."""


@runtime_checkable
class Manages(Protocol):
    """A strategy with exits of its own."""

    def manage(self, s: Session, position: Position) -> Exit | Move | None:
        """Asked on bars of its hours in a position that this strategy opened, when no common exit rule answered."""


@runtime_checkable
class Suppresses(Protocol):
    """A strategy that says which complete setups it does not propose, and why."""

    def suppressed(self, s: Session) -> Sequence[Suppression]:
        """Those of this bar. Asked after `update` and before `propose`, in a position or not; must not change anything."""


def trades_all_hours(strategy: Strategy) -> bool:
    """Whether it keeps its own hours instead of regular trading hours."""
    hours: Hours = getattr(strategy, "hours", "rth")
    return hours == "all"


def quality(flow: Flow) -> Quality:
    """The order-flow terms as a proposal carries them."""
    return Quality(flow.delta_percentile, flow.imbalance_ratio, flow.volume_spike, flow.quality)

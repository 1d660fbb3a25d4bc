"""The protocol of a strategy: what the evaluator calls, and what a strategy may do.

A strategy reads the ordered stream of sessions of one instrument and nothing else: no clock, no file, no random number, and no
position except its own. It has two parts (playbook 3):

    update(s)    folds every RTH bar, in a position or not, allowed to trade or not
    propose(s)   reads the folded state and returns a proposal or None; it changes nothing

The caller decides whether a proposal is traded; `consume` reports to the strategy that it was taken. A strategy with exits of its
own adds `manage` (see `Manages`); the common exit rules of playbook 5.2 apply to every strategy and come first.

That describes a strategy of regular trading hours. A strategy with the attribute `hours = "all"` keeps its own hours: it folds
every bar of the trade date and may propose on any of them. Its positions are not closed at the preset's exit time or outside RTH;
of the common exit rules only the account's time to be flat and the day's loss limit apply to them. Its `manage` decides when to be
flat. A strategy that reports the setups it does not propose adds `suppressed` (see `Suppresses`).

A strategy of regular hours that reads what the night was like, such as features of the last sixty bars at 09:31, has the attribute
`folds = "all"`: `update` then takes every bar of the trade date, and in all else it is a strategy of regular hours.

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

Names of parameters carry the unit and the comparison: `_points` is points, `_r` a share of the initial balance range R, `_w`
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
    "Learned",
    "Manages",
    "Move",
    "Proposal",
    "Regime",
    "Strategy",
    "StrategyClass",
    "Suppresses",
    "Suppression",
    "folds_all_hours",
    "needs_auction",
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
    """The entry that a strategy proposes at the close of this bar.

    entry is the close; stop and target are not rounded. target None: no target order, hold to the exit time.
    stop_points, target_points: in place of stop or target, their distance from the price at which the entry fills, in points.
    reason: the decisive facts in words and numbers, for the operator. day_confidence: the score of playbook 2.7 that the
    strategy reads, 0 without one. confidence: "high" or "medium"; score: the same as a number, 0 to 1, where there is one.
    limit: price of a limit entry, on the tick; None: a market order.
    ttl_minutes: minutes after this bar's close for which the proposal is valid and a limit works; None: the evaluator's default.
    stop_rounding: the side to which the order's stop is rounded to the tick. pattern: the pattern behind the setup.
    id: the intent's id, unique, at most MAX_ID characters; "" for the default of bar, setup and action.
    """

    strategy: str
    setup: str
    direction: Direction
    entry: float
    stop: float | None = None
    target: float | None = None
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
    stop_points: float | None = None
    target_points: float | None = None


class Suppression(Struct, frozen=True):
    """A complete setup that its strategy does not propose: the proposal itself, a reason code, and a sentence for people."""

    proposal: Proposal
    reason: str
    detail: str


class Exit(Struct, frozen=True):
    """Leave the position at the market. reason is a code, such as PIPELINE; the trade record carries it.

    then_propose: `propose` is asked on the same bar, and its entry follows the exit (stop and reverse): both fill at one time.
    """

    reason: str
    then_propose: bool = False


class Move(Struct, frozen=True):
    """Replace stop and/or target, in points; None keeps it. A stop that is not tighter by at least a tick is ignored."""

    reason: str
    stop: float | None = None
    target: float | None = None


class Strategy(Protocol):
    """A strategy of one instrument, with its state. Its class is built as `cls(params, day_type)` and names three things.

    name: what operators, signals and reports call it.
    setups: the codes its proposals may carry: A-Z, 0-9 and _, at most MAX_SETUP characters.
    Params: its thresholds, a frozen msgspec Struct that refuses unknown fields.

    It may also set `hours: ClassVar[Hours] = "all"`; without it, it trades regular hours. With `folds: ClassVar[Hours] = "all"`
    it takes the bars of all hours, whichever it trades. With `reads_auction: ClassVar[bool] =
    True` a run whose preset has no auction is refused, so `Session.auction` is always there.
    """

    @property
    def name(self) -> str: ...

    @property
    def setups(self) -> tuple[str, ...]: ...

    def start(self, session: str) -> None:
        """A new trade date (YYYY-MM-DD): clear the state of the last one."""

    def update(self, s: Session) -> None:
        """Fold one bar of its hours, or of all hours. Called on every such bar, before any other method except `start`."""

    def propose(self, s: Session) -> Proposal | None:
        """The proposal at this bar's close, or None. Must not change state. In regular hours only called before the exit time.

        Called when nothing is open, and on a bar on which its own `manage` has returned an `Exit`. Without `then_propose` that
        proposal is not traded: it is published as suppressed, with the reason EXIT_BAR.
        """

    def consume(self, proposal: Proposal) -> None:
        """This proposal was taken, whatever the gate decides about it later."""


@runtime_checkable
class Manages(Protocol):
    """A strategy with exits of its own."""

    def manage(self, s: Session, position: Position) -> Exit | Move | None:
        """Called on bars of its hours in a position that this strategy opened, when no common exit rule matched."""


@runtime_checkable
class Suppresses(Protocol):
    """A strategy that reports complete setups which it does not propose, and why."""

    def suppressed(self, s: Session) -> Sequence[Suppression]:
        """Those of this bar. Called after `update` and before `propose`, in a position or not; must not change state."""


@runtime_checkable
class Learned(Protocol):
    """A strategy that was fitted to data: what it cannot be asked about it says itself. An empty text is no objection."""

    def unfit(self, symbol: str, root: str, auction_row_ticks: int | None) -> str:
        """Why it may not trade this instrument, with an auction of such rows."""

    def knows(self, first_ns: int, last_ns: int) -> str:
        """Why it may not be asked about the bars from one close to the other: it was fitted to them."""


def trades_all_hours(strategy: Strategy) -> bool:
    """Whether a strategy keeps its own hours instead of regular trading hours."""
    hours: Hours = getattr(strategy, "hours", "rth")
    return hours == "all"


def folds_all_hours(strategy: Strategy) -> bool:
    """Whether a strategy takes every bar of a trade date: it trades all hours, or reads what the night was like."""
    folds: Hours = getattr(strategy, "folds", "rth")
    return folds == "all" or trades_all_hours(strategy)


def needs_auction(strategy: Strategy) -> bool:
    """Whether a strategy needs `Session.auction`: a run without it is refused."""
    return bool(getattr(strategy, "reads_auction", False))


def quality(flow: Flow) -> Quality:
    """The order-flow terms as a proposal carries them."""
    return Quality(flow.delta_percentile, flow.imbalance_ratio, flow.volume_spike, flow.quality)

"""What a strategy is: the one contract between the evaluator and what to trade.

A strategy reads the ordered stream of sessions of one instrument and nothing else: no clock, no file, no random number, no
position before it has one. It has two parts (playbook 3):

    update(s)    folds every RTH bar, in a position or not, allowed to trade or not
    propose(s)   looks at what was folded and answers with a proposal or nothing; it changes nothing

Whoever asks decides what becomes of a proposal; `consume` tells the strategy that it was taken. A strategy with exits of its own
adds `manage` (see `Manages`); the common exit rules of playbook 5.2 run for every strategy and come first.

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

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from bus.messages import Flow, Position, Quality, Session

LONG = "LONG"
SHORT = "SHORT"

DayType: TypeAlias = Literal[
    "b_day", "p_day", "trend_up", "trend_down", "b_day_bear", "super_trend_up", "super_trend_down", "neutral", "none"
]
Regime: TypeAlias = Literal["low", "normal", "high"]

StrategyClass: TypeAlias = type[Any]
"""The class of a `Strategy`. Any, because no type says "a class with a nested class Params"; the registry checks it."""

DayTypeOf: TypeAlias = Callable[[Session], str]
"""Reads the day type of the model that the preset chose (playbook 2.9). A strategy that needs none ignores it."""

MAX_SETUP = 24
"""Longest setup name: it is part of the intent's id, which has at most 50 characters."""


class Proposal(Struct, frozen=True, kw_only=True):
    """What a strategy would do at the close of this bar.

    entry is the close; stop and target are as computed, unrounded. target None: no target order, hold to the exit time.
    reason: the decisive facts in words and numbers, for the operator. day_confidence: the score of playbook 2.7 that the
    strategy goes by, 0 without one. confidence: "high" or "medium".
    """

    strategy: str
    setup: str
    direction: str
    entry: float
    stop: float
    target: float | None
    reason: str
    day_type: str = "none"
    confidence: str = "high"
    day_confidence: float = 0.0
    quality: Quality = Quality()


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
    """

    @property
    def name(self) -> str: ...

    @property
    def setups(self) -> tuple[str, ...]: ...

    def start(self, session: str) -> None:
        """A new trade date (YYYY-MM-DD): forget the last one."""

    def update(self, s: Session) -> None:
        """Fold one RTH bar. Called on every one of them, before anything is asked."""

    def propose(self, s: Session) -> Proposal | None:
        """Say what to do at this bar's close, or None. Must not change anything; called only before the exit time."""

    def consume(self, proposal: Proposal) -> None:
        """This proposal was taken, whatever risk says about it later."""


@runtime_checkable
class Manages(Protocol):
    """A strategy with exits of its own."""

    def manage(self, s: Session, position: Position) -> Exit | Move | None:
        """Asked on RTH bars in a position that this strategy opened, when no common exit rule answered."""


def quality(flow: Flow) -> Quality:
    """The order-flow terms as a proposal carries them."""
    return Quality(flow.delta_percentile, flow.imbalance_ratio, flow.volume_spike, flow.quality)

"""What `tapewire why` finds, as it is passed on: as JSON to another process, as lines to a person."""

from __future__ import annotations

from msgspec import Struct

from tapewire.strategies.clock import hhmm
from tapewire.strategies.figures import shown

MINUTES = "s.minute"  # a comparison of times of day, in minutes after midnight


class Condition(Struct, frozen=True):
    """What must hold, how many bars came to it, and for how many of them it held."""

    text: str
    reached: int
    held: int


class Nearest(Struct, frozen=True):
    """The bar of a session that came furthest without a proposal: when, at which condition, and by how much it missed.

    was, wanted, by: of a comparison of numbers; None of another condition.
    """

    session: str
    time: str
    condition: str
    was: float | None = None
    wanted: float | None = None
    by: float | None = None

    def __str__(self) -> str:
        if self.was is None or self.wanted is None or self.by is None:
            return f"{self.time}  {self.condition}"
        if MINUTES in self.condition:
            return f"{self.time}  {self.condition}: {hhmm(int(self.was))} against {hhmm(int(self.wanted))}"
        return f"{self.time}  {self.condition}: {shown(self.was)} against {shown(self.wanted)}, by {shown(self.by)}"


class StrategyReasons(Struct, frozen=True):
    """One strategy. asked: bars at which it was asked. elsewhere: bars at which it said no in another way than by a condition.

    held_back: complete setups that it did not propose, by its reason. refused: entries that the gate refused, by reason. traded:
    entries that the gate approved. in_position: proposals that were not asked for because a position was open. off: why it was
    switched off. last: where the last bar ended; None if it was a complete setup, or in a form that has no single conditions.
    """

    strategy: str
    asked: int
    proposed: int
    conditions: tuple[Condition, ...]
    nearest: tuple[Nearest, ...]
    elsewhere: int
    held_back: dict[str, int]
    refused: dict[str, int]
    traded: int
    in_position: int = 0
    off: str = ""
    last: Nearest | None = None

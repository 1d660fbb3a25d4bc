"""Pipeline: the plumbing test. It trades by the bar count alone, so any data yields orders and fills. Never trade it for money."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tapewire.bus.messages import Position, Quality, Session
from tapewire.strategies.protocol import LONG, DayTypeOf, Exit, Proposal, quality

CYCLE = 4
BUY, SELL = 0, 2


class Pipeline:
    """LONG on the first of every four RTH bars, out on the third. It needs neither order flow nor an initial balance."""

    name: ClassVar[str] = "Pipeline"
    setups: ClassVar[tuple[str, ...]] = ("PIPELINE",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """distance_points: of stop and target from the close."""

        distance_points: float = 20.0

        def __post_init__(self) -> None:
            if not self.distance_points > 0:
                raise ValueError(f"distance_points = {self.distance_points}: write a distance above 0")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.day_type = day_type

    def start(self, session: str) -> None:
        pass  # the session record carries the bar number

    def update(self, s: Session) -> None:
        pass

    def propose(self, s: Session) -> Proposal | None:
        if s.i is None or s.i % CYCLE != BUY:
            return None
        close = s.bar.close
        return Proposal(
            strategy=self.name,
            setup="PIPELINE",
            direction=LONG,
            entry=close,
            stop=close - self.params.distance_points,
            target=close + self.params.distance_points,
            reason=f"plumbing test: RTH bar {s.i} is the first of {CYCLE}",
            day_type=self.day_type(s),
            quality=quality(s.flow) if s.flow else Quality(),
        )

    def consume(self, proposal: Proposal) -> None:
        pass

    def manage(self, s: Session, position: Position) -> Exit | None:
        return Exit("PIPELINE") if s.i is not None and s.i % CYCLE == SELL else None

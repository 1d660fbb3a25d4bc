"""A strategy for tests: two means of the closes of a trade date that cross."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tapewire.bus.messages import Position, Session
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Direction, Exit, Hours, Proposal


class MeanCross:
    """LONG when the fast mean crosses above the slow one, out when it crosses below; with `reverses` SHORT then. All hours.

    reverses: an exit asks for the entry on the other side. asks: whether it says so.
    """

    name: ClassVar[str] = "Mean Cross"
    setups: ClassVar[tuple[str, ...]] = ("MEAN_CROSS",)
    hours: ClassVar[Hours] = "all"

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """fast_bars, slow_bars: of the means. stop_points: from the fill, or from the close if `from_close`."""

        fast_bars: int = 5
        slow_bars: int = 20
        stop_points: float = 2000.0
        target_points: float | None = None
        from_close: bool = False
        reverses: bool = False
        asks: bool = True

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.closes: list[float] = []
        self.side = self.crossed = 0

    def start(self, session: str) -> None:
        self.closes, self.side, self.crossed = [], 0, 0

    def update(self, s: Session) -> None:
        p = self.params
        self.closes = [*self.closes, s.bar.close][-p.slow_bars :]
        self.crossed = 0
        if len(self.closes) < p.slow_bars:
            return
        fast, slow = sum(self.closes[-p.fast_bars :]) * p.slow_bars, sum(self.closes) * p.fast_bars  # of prices in quarters: exact
        side = (fast > slow) - (fast < slow)
        if side and side != self.side:
            self.crossed = side if self.side else 0
            self.side = side

    def propose(self, s: Session) -> Proposal | None:
        p, close = self.params, s.bar.close
        if self.crossed == 0 or (self.crossed < 0 and not p.reverses):
            return None
        direction: Direction = LONG if self.crossed > 0 else SHORT
        return Proposal(
            strategy=self.name,
            setup="MEAN_CROSS",
            direction=direction,
            entry=close,
            stop=close - self.crossed * p.stop_points if p.from_close else None,
            stop_points=None if p.from_close else p.stop_points,
            target_points=p.target_points,
            reason="the means have crossed",
        )

    def consume(self, proposal: Proposal) -> None:
        pass

    def manage(self, s: Session, position: Position) -> Exit | None:
        opposed = self.crossed * position.qty < 0
        return Exit("CROSS", then_propose=self.params.reverses and self.params.asks) if opposed else None

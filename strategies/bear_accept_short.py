"""Bear Accept Short: sell the close half an initial balance below it, after acceptance there (playbook 3.6)."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tapewire.bus.messages import Session
from tapewire.strategies.clock import TimeOfDay
from tapewire.strategies.figures import shown
from tapewire.strategies.once import OnceASession
from tapewire.strategies.protocol import SHORT, DayType, DayTypeOf, Proposal, quality


class BearAcceptShort(OnceASession):
    """SHORT, once a session, on the first bar that qualifies. It reads the running count of closes below, not the latch."""

    name: ClassVar[str] = "Bear Accept Short"
    setups: ClassVar[tuple[str, ...]] = ("BEAR_ACCEPTANCE",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds.

        until: no proposal from this time on. day_types: types of the bar that may enter.
        below_at_least, below_high: closes below the IBL in a row for an entry, and for high confidence.
        extension_over_r: (IBL - close), share of R.
        stop_above_r, target_below_r: distances of stop and target from the IBL, shares of R.
        margin_points, margin_r: stop and target must each be further from the close than the larger of these.
        """

        day_types: tuple[DayType, ...]
        until: TimeOfDay = "14:00"
        below_at_least: int = 3
        below_high: int = 6
        extension_over_r: float = 0.5
        stop_above_r: float = 0.25
        target_below_r: float = 0.75
        margin_points: float = 0.0
        margin_r: float = 0.0

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        super().__init__(params.until, day_type)
        self.params = params

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib = self.params, s.flow, s.ib
        if s.below < p.below_at_least or self.used or s.minute >= self.until:
            return None
        if s.k is None or flow is None or not flow.present or ib is None:
            return None
        day_type = self.day_type(s)
        if day_type not in p.day_types:
            return None
        close, low = s.bar.close, ib.low
        r = ib.high - low
        if not (low - close) / r > p.extension_over_r:
            return None
        stop, target = low + p.stop_above_r * r, low - p.target_below_r * r
        margin = max(p.margin_r * r, p.margin_points)
        if not (stop - close > margin and close - target > margin):
            return None
        return Proposal(
            strategy=self.name,
            setup="BEAR_ACCEPTANCE",
            direction=SHORT,
            entry=close,
            stop=stop,
            target=target,
            reason=f"close {shown(close)} is {(low - close) / r:.2f} IB below IBL {shown(low)}, {s.below} closes below, "
            f"trend score {s.scores.trend_bear:.2f}",
            day_type=day_type,
            confidence="high" if s.below >= p.below_high else "medium",
            day_confidence=s.scores.trend_bear,
            quality=quality(flow),
        )

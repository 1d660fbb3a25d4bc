"""P-Day: the VWAP pullback on a p_day bar, in the direction of the first acceptance (playbook 3.2)."""

from __future__ import annotations

from typing import ClassVar, Literal

from tapewire.bus.messages import Session
from tapewire.strategies import pullback
from tapewire.strategies.figures import shown
from tapewire.strategies.once import OnceASession
from tapewire.strategies.protocol import LONG, DayTypeOf, Proposal, quality
from tapewire.strategies.pullback import Pullback


class PDay(OnceASession):
    """LONG, once a session. It adds entries where Trend Day Bull has already traded or fails its score."""

    name: ClassVar[str] = "P-Day"
    setups: ClassVar[tuple[str, ...]] = ("P_DAY_VWAP_LONG",)

    class Params(Pullback, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds beyond those of the pullback.

        direction: what must hold before this bar: "accepted_long" (two closes above the IB at any time), or "first_side" (the first
            side with two closes beyond the IB was the long one, so two early closes below rule out the day).
        target_r: distance of the target above the close, share of R; None: no target, hold to the exit time.
        """

        direction: Literal["accepted_long", "first_side"]
        target_r: float | None = None

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        super().__init__(params.until, day_type)
        self.params = params
        self.by_first_side = params.direction == "first_side"

    def start(self, session: str) -> None:
        super().start(session)
        self.long_before = False
        self.long = False

    def update(self, s: Session) -> None:
        self.long_before = self.long
        self.long = s.first_side == "long" if self.by_first_side else s.accepted_long

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib, vwap = self.params, s.flow, s.ib, s.vwap
        if self.used or not self.long_before or s.minute >= self.until:
            return None
        if s.k is None or flow is None or not flow.present or ib is None or vwap is None:
            return None
        if self.day_type(s) != "p_day" or s.history.regime in p.barred_regimes or not pullback.holds(p, s, flow, ib, vwap):
            return None
        close, r = s.bar.close, ib.high - ib.low
        return Proposal(
            strategy=self.name,
            setup="P_DAY_VWAP_LONG",
            direction=LONG,
            entry=close,
            stop=pullback.stop(p, close, vwap, r),
            target=None if p.target_r is None else close + p.target_r * r,
            reason=f"{pullback.words(s, flow, vwap, r)}, p_day {(close - ib.high) / r:.2f} IB above IBH {shown(ib.high)}",
            day_type="p_day",
            day_confidence=s.scores.trend_bull,
            quality=quality(flow),
        )

"""Trend Day Bull: buy the first pullback towards VWAP after acceptance above the initial balance (playbook 3.1)."""

from __future__ import annotations

from typing import ClassVar

from tapewire.bus.messages import IbHistory, Session
from tapewire.strategies import pullback
from tapewire.strategies.figures import shown
from tapewire.strategies.once import OnceASession
from tapewire.strategies.protocol import LONG, DayType, DayTypeOf, Proposal, quality
from tapewire.strategies.pullback import Pullback


class TrendDayBull(OnceASession):
    """LONG, once a session. The bar that completes acceptance cannot enter: acceptance must stand before it."""

    name: ClassVar[str] = "Trend Day Bull"
    setups: ClassVar[tuple[str, ...]] = ("VWAP_PULLBACK",)

    class Params(Pullback, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds beyond those of the pullback.

        day_types: types of the bar that may enter. trend_bull_at_least: score, 0 to 1.
        target_r: distance of the target above the close, share of R; None: no target, hold to the exit time.
        target_p_day_r: the same on a p_day bar. target_compressed_r: the same when the IB is compressed (p_day comes first).
        compressed_under_points: an R below this is compressed.
        compressed_under_mean10: compared with the mean of the last 10 ranges instead, once there is one.
        """

        day_types: tuple[DayType, ...]
        trend_bull_at_least: float | None = None
        target_r: float | None = None
        target_p_day_r: float = 1.5
        target_compressed_r: float = 2.5
        compressed_under_points: float = 50.0
        compressed_under_mean10: float | None = None

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        super().__init__(params.until, day_type)
        self.params = params

    def start(self, session: str) -> None:
        super().start(session)
        self.accepted_before = False
        self.accepted = False

    def update(self, s: Session) -> None:
        self.accepted_before = self.accepted
        self.accepted = s.accepted_long

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib, vwap = self.params, s.flow, s.ib, s.vwap
        if self.used or not self.accepted_before or s.minute >= self.until:
            return None
        if s.k is None or flow is None or not flow.present or ib is None or vwap is None:
            return None
        day_type = self.day_type(s)
        if day_type not in p.day_types or s.history.regime in p.barred_regimes:
            return None
        if p.trend_bull_at_least is not None and s.scores.trend_bull < p.trend_bull_at_least:
            return None
        if not pullback.holds(p, s, flow, ib, vwap):
            return None
        close, r = s.bar.close, ib.high - ib.low
        return Proposal(
            strategy=self.name,
            setup="VWAP_PULLBACK",
            direction=LONG,
            entry=close,
            stop=pullback.stop(p, close, vwap, r),
            target=self._target(close, r, day_type, s.history),
            reason=f"{pullback.words(s, flow, vwap, r)}, accepted above IBH {shown(ib.high)}, "
            f"trend score {s.scores.trend_bull:.2f}",
            day_type=day_type,
            day_confidence=s.scores.trend_bull,
            quality=quality(flow),
        )

    def _target(self, close: float, r: float, day_type: DayType, history: IbHistory) -> float | None:
        p = self.params
        if p.target_r is None:
            return None
        if day_type == "p_day":
            return close + p.target_p_day_r * r
        if p.compressed_under_mean10 is not None and history.mean10 is not None:
            compressed = r < p.compressed_under_mean10 * history.mean10
        else:
            compressed = r < p.compressed_under_points
        return close + (p.target_compressed_r if compressed else p.target_r) * r

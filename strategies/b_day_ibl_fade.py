"""B-Day IBL Fade: buy the touch of the initial balance low on a balanced day, back to the middle (playbook 3.3)."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

from tapewire.bus.messages import Flow, Session
from tapewire.strategies.clock import TimeOfDay
from tapewire.strategies.figures import shown
from tapewire.strategies.once import OnceASession, ib_at_most
from tapewire.strategies.protocol import LONG, DayTypeOf, Proposal, Regime, quality

Term: TypeAlias = Literal["gap", "delta", "touches", "volume_spike", "wick"]


class BDayIblFade(OnceASession):
    """LONG, once a session. It counts terms of quality: two make an entry, three give it high confidence."""

    name: ClassVar[str] = "B-Day IBL Fade"
    setups: ClassVar[tuple[str, ...]] = ("B_DAY_IBL_FADE",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds.

        until: no proposal from this time on. b_day_at_least: score, 0 to 1.
        barred_regimes: initial balance regimes (playbook 2.8) without proposals; a regime of None is allowed.
        ib_under_points, ib_at_most_points: largest R.
        ib_at_most_p90: largest R as a multiple of the history's 90th percentile; `ib_at_most_points` applies while there is none.
        close_inside: the bar must close above the IBL.
        terms: the terms that count. gap: a bull gap of one or fifteen minutes was touched and held; delta: above 0; touches,
            volume_spike, wick: by the thresholds below.
        touches_at_least: low touches in a row. volume_spike_over: times the mean volume. wick_at_least: lower wick, share of
            the bar's height.
        terms_at_least, terms_high: terms for an entry, and for high confidence.
        stop_below_r: distance of the stop below the IBL, share of R.
        risk_to_reward_at_most: largest (close - stop) / (target - close).
        """

        terms: tuple[Term, ...]
        until: TimeOfDay = "14:00"
        b_day_at_least: float = 0.5
        barred_regimes: tuple[Regime, ...] = ()
        ib_under_points: float | None = None
        ib_at_most_points: float | None = None
        ib_at_most_p90: float | None = None
        close_inside: bool = False
        touches_at_least: int = 2
        volume_spike_over: float = 1.3
        wick_at_least: float = 0.3
        terms_at_least: int = 2
        terms_high: int = 3
        stop_below_r: float = 0.10
        risk_to_reward_at_most: float | None = None

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        super().__init__(params.until, day_type)
        self.params = params

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib = self.params, s.flow, s.ib
        if s.k is None or self.used or s.minute >= self.until or flow is None or ib is None:
            return None
        bar = s.bar
        if bar.low > ib.low or not flow.delta > 0 or not flow.present:
            return None
        r, close = ib.high - ib.low, bar.close
        if self.day_type(s) != "b_day" or s.scores.b_day < p.b_day_at_least or s.history.regime in p.barred_regimes:
            return None
        if not self._ib_allowed(r, s.history.p90) or (p.close_inside and not close > ib.low):
            return None
        terms = sum(self._term(term, s, flow) for term in p.terms)
        if terms < p.terms_at_least:
            return None
        stop, target = ib.low - p.stop_below_r * r, (ib.high + ib.low) / 2
        if not stop < close < target:
            return None
        if p.risk_to_reward_at_most is not None and (close - stop) / (target - close) > p.risk_to_reward_at_most:
            return None
        return Proposal(
            strategy=self.name,
            setup="B_DAY_IBL_FADE",
            direction=LONG,
            entry=close,
            stop=stop,
            target=target,
            reason=f"low {shown(bar.low)} tested IBL {shown(ib.low)}, close {shown(close)}, delta {flow.delta:+.0f}, "
            f"{terms} of {len(p.terms)} terms, b_day score {s.scores.b_day:.2f}",
            day_type="b_day",
            confidence="high" if terms >= p.terms_high else "medium",
            day_confidence=s.scores.b_day,
            quality=quality(flow),
        )

    def _ib_allowed(self, r: float, p90: float | None) -> bool:
        p = self.params
        if p.ib_under_points is not None and not r < p.ib_under_points:
            return False
        return ib_at_most(r, p90, p.ib_at_most_p90, p.ib_at_most_points)

    def _term(self, term: Term, s: Session, flow: Flow) -> bool:
        p, bar = self.params, s.bar
        match term:
            case "gap":
                return s.fvg_bull or s.fvg_bull_15m
            case "delta":
                return flow.delta > 0
            case "touches":
                return s.touches >= p.touches_at_least
            case "volume_spike":
                return flow.volume_spike is not None and flow.volume_spike > p.volume_spike_over
            case "wick":
                height = bar.high - bar.low
                return height > 0 and (min(bar.open, bar.close) - bar.low) / height >= p.wick_at_least

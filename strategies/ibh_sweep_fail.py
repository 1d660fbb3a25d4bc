"""IBH Sweep+Fail: sell the bar that reaches above the initial balance high and closes back inside (playbook 3.5)."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

from tapewire.bus.messages import Flow, Levels, Range, Session
from tapewire.strategies.clock import TimeOfDay
from tapewire.strategies.figures import shown
from tapewire.strategies.once import OnceASession, ib_at_most
from tapewire.strategies.protocol import SHORT, DayTypeOf, Proposal, quality

Level: TypeAlias = Literal["pdh", "overnight_high", "asia_high", "london_high", "premarket_high"]


class IbhSweepFail(OnceASession):
    """SHORT, once a session: sweep and failure on one bar. The only strategy that sells on a b_day."""

    name: ClassVar[str] = "IBH Sweep+Fail"
    setups: ClassVar[tuple[str, ...]] = ("IBH_SWEEP_FAIL",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds. The sweep is high - IBH.

        until: no proposal from this time on. b_day_at_least: score, 0 to 1.
        ib_at_most_points: largest R. ib_at_most_p90: largest R as a multiple of the history's 90th percentile;
            `ib_at_most_points` applies while there is none.
        levels: if given, the high must come within level_below_r (share of R) below one of those that exist, or pass it.
        volume_spike_over: times the mean volume.
        sweep_at_least_points, sweep_at_least_r: least sweep.
        sweep_short_of_pdh_at_least_points, ..._r: least sweep instead, if the high stays more than pdh_distance_points or
            pdh_distance_r below the prior day's high, if there is one.
        wick_at_least: upper wick, share of the bar's height.
        stop_above_r: distance of the stop above the bar's high, share of R.
        """

        until: TimeOfDay = "14:00"
        b_day_at_least: float | None = None
        ib_at_most_points: float | None = None
        ib_at_most_p90: float | None = None
        levels: tuple[Level, ...] = ()
        level_below_r: float = 0.07
        volume_spike_over: float | None = None
        sweep_at_least_points: float | None = None
        sweep_at_least_r: float | None = None
        sweep_short_of_pdh_at_least_points: float | None = None
        sweep_short_of_pdh_at_least_r: float | None = None
        pdh_distance_points: float = 10.0
        pdh_distance_r: float = 0.07
        wick_at_least: float = 0.3
        stop_above_r: float = 0.15

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        super().__init__(params.until, day_type)
        self.params = params

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib = self.params, s.flow, s.ib
        if s.k is None or self.used or s.minute >= self.until or flow is None or ib is None:
            return None
        bar = s.bar
        high, close = bar.high, bar.close
        if not (high > ib.high and close < ib.high and flow.delta < 0 and flow.present):
            return None
        r = ib.high - ib.low
        if self.day_type(s) != "b_day" or not ib_at_most(r, s.history.p90, p.ib_at_most_p90, p.ib_at_most_points):
            return None
        if p.b_day_at_least is not None and s.scores.b_day < p.b_day_at_least:
            return None
        if not self._swept(high, ib, s.levels, flow) or (high - max(close, bar.open)) / (high - bar.low) < p.wick_at_least:
            return None
        stop, target = high + p.stop_above_r * r, (ib.high + ib.low) / 2
        if not target < close < stop:
            return None
        return Proposal(
            strategy=self.name,
            setup="IBH_SWEEP_FAIL",
            direction=SHORT,
            entry=close,
            stop=stop,
            target=target,
            reason=f"high {shown(high)} swept IBH {shown(ib.high)} by {shown(high - ib.high)}, close {shown(close)} back inside, "
            f"delta {flow.delta:+.0f}, b_day score {s.scores.b_day:.2f}",
            day_type="b_day",
            day_confidence=s.scores.b_day,
            quality=quality(flow),
        )

    def _swept(self, high: float, ib: Range, levels: Levels, flow: Flow) -> bool:
        p, sweep, r, pdh = self.params, high - ib.high, ib.high - ib.low, levels.pdh
        if p.volume_spike_over is not None and not (flow.volume_spike is not None and flow.volume_spike > p.volume_spike_over):
            return False
        if p.levels and not any(
            level is not None and high >= level - p.level_below_r * r for level in (getattr(levels, name) for name in p.levels)
        ):
            return False
        if p.sweep_at_least_points is not None and sweep < p.sweep_at_least_points:
            return False
        if p.sweep_at_least_r is not None and sweep < p.sweep_at_least_r * r:
            return False
        if pdh is None:
            return True
        far = p.sweep_short_of_pdh_at_least_points
        if far is not None and high < pdh - p.pdh_distance_points and sweep < far:
            return False
        far = p.sweep_short_of_pdh_at_least_r
        return far is None or not high < pdh - p.pdh_distance_r * r or sweep >= far * r

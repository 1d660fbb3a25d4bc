"""Edge Fade: buy just above the initial balance low while the day keeps its balance, back to the middle (playbook 3.4)."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from msgspec import Struct

from tapewire.bus.messages import Bar, Session
from tapewire.strategies.candles import Candles, bucket_end
from tapewire.strategies.clock import TimeOfDay, minute_of
from tapewire.strategies.figures import shown
from tapewire.strategies.protocol import LONG, DayType, DayTypeOf, Proposal, quality


class EdgeFade:
    """LONG, several times a session with a pause in between. A divergence, a gap or an inversion raises the confidence."""

    name: ClassVar[str] = "Edge Fade"
    setups: ClassVar[tuple[str, ...]] = ("EDGE_TO_MID",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds.

        until: no proposal from this time on. day_types: types of the bar that may enter.
        ib_under_points, ib_at_least_points, ib_at_most_points: limits of R.
        ib_at_least_mean5: least R as a multiple of the mean of the last 5 ranges, once the history has 5.
        max_down_under_r: largest extension below the IBL so far, share of R.
        pause_bars: post-IB bars since the last consumed proposal.
        zone_under_r: the close lies above the IBL by less than this share of R. quality_at_least: order-flow terms of 3.
        stop_below_r: distance of the stop below the IBL, share of R.
        reward_to_risk_at_least: least (target - close) / (close - stop).
        divergence_bars, divergence_at_most, divergence_lag_bars: the close is in this lowest share of the range of so many
            post-IB bars while CVD stands above its value so many bars ago.
        candle_minutes: length of the candles of the inversion (a falling one, then a rising one).
        """

        until: TimeOfDay = "13:30"
        day_types: tuple[DayType, ...] = ("b_day", "neutral")
        ib_under_points: float | None = None
        ib_at_least_points: float | None = None
        ib_at_most_points: float | None = None
        ib_at_least_mean5: float | None = None
        max_down_under_r: float = 0.30
        pause_bars: int = 20
        zone_under_r: float = 0.25
        quality_at_least: int = 2
        stop_below_r: float = 0.15
        reward_to_risk_at_least: float = 1.0
        divergence_bars: int = 10
        divergence_at_most: float = 0.40
        divergence_lag_bars: int = 2
        candle_minutes: int = 5

        def __post_init__(self) -> None:
            if not 0 < self.divergence_lag_bars < self.divergence_bars:
                raise ValueError(f"divergence_lag_bars = {self.divergence_lag_bars}: write 1 to divergence_bars - 1")
            if self.candle_minutes < 1:
                raise ValueError(f"candle_minutes = {self.candle_minutes}: write 1 or more")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.day_type = day_type
        self.until = minute_of(params.until)
        self.start("")

    def start(self, session: str) -> None:
        self.k = 0
        self.consumed_k: int | None = None
        self.window: deque[tuple[float, float, float]] = deque(maxlen=self.params.divergence_bars)  # high, low, CVD
        self.inversion = Inversion(self.params.candle_minutes)

    def update(self, s: Session) -> None:
        if s.k is None or s.flow is None:
            return
        self.k = s.k
        self.window.append((s.bar.high, s.bar.low, s.flow.cvd))
        self.inversion.fold(s.minute, s.bar)

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib = self.params, s.flow, s.ib
        if s.k is None or s.minute >= self.until or flow is None or ib is None:
            return None
        close, low = s.bar.close, ib.low
        r = ib.high - low
        if not low < close < low + p.zone_under_r * r:
            return None
        if not flow.delta > 0 or flow.quality < p.quality_at_least or not flow.present:
            return None
        if not s.max_down < p.max_down_under_r or not self._ib_allowed(r, s.history.mean5):
            return None
        if self.consumed_k is not None and s.k - self.consumed_k < p.pause_bars:
            return None
        day_type = self.day_type(s)
        if day_type not in p.day_types:
            return None
        stop, target = low - p.stop_below_r * r, (ib.high + low) / 2
        if not (target - close) / (close - stop) >= p.reward_to_risk_at_least:
            return None
        return Proposal(
            strategy=self.name,
            setup="EDGE_TO_MID",
            direction=LONG,
            entry=close,
            stop=stop,
            target=target,
            reason=f"close {shown(close)} is {(close - low) / r:.2f} IB above IBL {shown(low)}, delta {flow.delta:+.0f}, "
            f"quality {flow.quality}/3",
            day_type=day_type,
            confidence="high" if s.fvg_bull or self.inversion.inverted or self._divergence(close) else "medium",
            day_confidence=s.scores.b_day,
            quality=quality(flow),
        )

    def consume(self, proposal: Proposal) -> None:
        self.consumed_k = self.k

    def _ib_allowed(self, r: float, mean5: float | None) -> bool:
        p = self.params
        if p.ib_under_points is not None and not r < p.ib_under_points:
            return False
        if p.ib_at_least_points is not None and r < p.ib_at_least_points:
            return False
        if p.ib_at_most_points is not None and r > p.ib_at_most_points:
            return False
        return p.ib_at_least_mean5 is None or mean5 is None or r / mean5 >= p.ib_at_least_mean5

    def _divergence(self, close: float) -> bool:
        """Price is in the lower part of its recent range while cumulative delta turns up."""
        p, window = self.params, self.window
        if len(window) < p.divergence_bars:
            return False
        lowest = min(low for _, low, _ in window)
        height = max(high for high, _, _ in window) - lowest
        if not height > 0 or (close - lowest) / height > p.divergence_at_most:
            return False
        return window[-1][2] > window[-1 - p.divergence_lag_bars][2]


class Inversion:
    """Whether the last two complete candles of some minutes by the clock (10:31-10:35, ...) fell and then rose."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self.candles = Candles[int]()
        self.older = 0.0
        self.newer = 0.0

    @property
    def inverted(self) -> bool:
        return self.older < 0 < self.newer

    def fold(self, minute: int, bar: Bar) -> None:
        """Take the bar stamped `minute`, in minutes after midnight."""
        end = bucket_end(minute, self.minutes)
        for candle in self.candles.fold(end, bar, last=minute == end):
            self.older, self.newer = self.newer, candle.close - candle.open

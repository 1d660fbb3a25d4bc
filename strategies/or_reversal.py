"""OR Reversal: fade the opening range's extreme at an earlier level, before the initial balance is complete (playbook 3.7).

"Swept" means near, not through: an extreme that stops short of the level counts, one that runs far past it does not.

The preset chooses one of two variants:
    confirmed   10:01 to 10:30, on the final OR30, middle of OR30
    running     09:46 to 10:30, on the OR30 so far (current bar included, frozen at 10:00), middle of OR15; it may use an extreme
    that
                a later bar exceeds, because at 09:50 it is open whether the extreme holds until 10:00
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from tapewire.bus.messages import Flow, Levels, Range, Session
from tapewire.strategies.clock import minute_of
from tapewire.strategies.figures import shown
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Direction, Proposal, quality

CONFIRMED_FROM = minute_of("10:01")
RUNNING_FROM = minute_of("09:46")
LAST = minute_of("10:30")


class OrReversal:
    """SHORT or LONG, once a session in all. It reads no score and no day type."""

    name: ClassVar[str] = "OR Reversal"
    setups: ClassVar[tuple[str, ...]] = ("OR_REVERSAL_SHORT", "OR_REVERSAL_LONG")

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds. W is the height of OR30 as the variant reads it; it must be above 0, and so must the risk.

        drive_limit: a short needs an opening drive of at most this, a long of at least its negative (-1 to 1).
        age_at_least_bars, age_at_most_bars: RTH bars since the first bar that made the extreme.
        width_at_least_points: least W.
        swept_at_most_points, swept_under_points, swept_under_w: distance of the extreme to a level; give exactly one.
        vwap_at_most_points, vwap_at_most_w: distance of the close to VWAP; give exactly one.
        risk_at_least_points, risk_at_most_points, risk_at_least_w, risk_at_most_w: limits of the distance close to stop.
        stop_beyond_w: distance of the stop beyond the extreme, share of W. target_risks: distance of the target, times the risk.
        """

        variant: Literal["confirmed", "running"]
        drive_limit: float = 0.4
        age_at_least_bars: int | None = None
        age_at_most_bars: int | None = None
        width_at_least_points: float = 0.0
        swept_at_most_points: float | None = None
        swept_under_points: float | None = None
        swept_under_w: float | None = None
        vwap_at_most_points: float | None = None
        vwap_at_most_w: float | None = None
        risk_at_least_points: float | None = None
        risk_at_most_points: float | None = None
        risk_at_least_w: float | None = None
        risk_at_most_w: float | None = None
        stop_beyond_w: float = 0.15
        target_risks: float = 2.0

        def __post_init__(self) -> None:
            if (self.swept_at_most_points, self.swept_under_points, self.swept_under_w).count(None) != 2:
                raise ValueError("give exactly one of swept_at_most_points, swept_under_points, swept_under_w")
            if (self.vwap_at_most_points, self.vwap_at_most_w).count(None) != 1:
                raise ValueError("give exactly one of vwap_at_most_points, vwap_at_most_w")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.confirmed = params.variant == "confirmed"
        self.first_minute = CONFIRMED_FROM if self.confirmed else RUNNING_FROM
        self.start("")

    def start(self, session: str) -> None:
        self.used = False
        self.high: float | None = None
        self.low: float | None = None
        self.high_i = 0
        self.low_i = 0

    def update(self, s: Session) -> None:
        if s.minute > LAST or s.or30 is None or s.i is None:
            return
        # A final range does not change, so a change always means that this bar belongs to the range and made the extreme.
        if s.or30.high != self.high:
            self.high, self.high_i = s.or30.high, s.i
        if s.or30.low != self.low:
            self.low, self.low_i = s.or30.low, s.i

    def propose(self, s: Session) -> Proposal | None:
        if s.minute > LAST or s.minute < self.first_minute or self.used:
            return None
        flow, or30, middle, drive = s.flow, s.or30, s.or30 if self.confirmed else s.or15, s.drive
        if flow is None or not flow.present or s.vwap is None or s.i is None:
            return None
        if or30 is None or middle is None or drive is None or not (middle.valid and drive.valid):
            return None
        width, distance = or30.high - or30.low, abs(s.bar.close - s.vwap)
        if not width > 0 or width < self.params.width_at_least_points or not self._near_vwap(distance, width):
            return None
        push = 0.0 if drive.high == drive.low else (drive.close - drive.open) / (drive.high - drive.low)
        mid = (middle.high + middle.low) / 2
        return self._short(s, flow, or30, mid, push) or self._long(s, flow, or30, mid, push)

    def consume(self, proposal: Proposal) -> None:
        self.used = True

    def _short(self, s: Session, flow: Flow, or30: Range, mid: float, push: float) -> Proposal | None:
        p, close, high, width = self.params, s.bar.close, or30.high, or30.high - or30.low
        if not (flow.delta < 0 and close < mid and push <= p.drive_limit) or not self._of_age(s, self.high_i):
            return None
        level = self._swept(high, width, s.levels, ("overnight_high", "pdh", "asia_high"))
        stop = high + p.stop_beyond_w * width
        risk = stop - close
        if not level or not self._risk_allowed(risk, width):
            return None
        return self._proposal(
            "OR_REVERSAL_SHORT", SHORT, s, flow, stop, close - p.target_risks * risk, f"high {shown(high)}", level
        )

    def _long(self, s: Session, flow: Flow, or30: Range, mid: float, push: float) -> Proposal | None:
        p, close, low, width = self.params, s.bar.close, or30.low, or30.high - or30.low
        if not (flow.delta > 0 and close > mid and push >= -p.drive_limit) or not self._of_age(s, self.low_i):
            return None
        level = self._swept(low, width, s.levels, ("overnight_low", "pdl", "asia_low"))
        stop = low - p.stop_beyond_w * width
        risk = close - stop
        if not level or not self._risk_allowed(risk, width):
            return None
        return self._proposal("OR_REVERSAL_LONG", LONG, s, flow, stop, close + p.target_risks * risk, f"low {shown(low)}", level)

    def _proposal(
        self, setup: str, direction: Direction, s: Session, flow: Flow, stop: float, target: float, extreme: str, level: str
    ) -> Proposal:
        close = s.bar.close
        return Proposal(
            strategy=self.name,
            setup=setup,
            direction=direction,
            entry=close,
            stop=stop,
            target=target,
            reason=f"opening range {extreme} at {level}, close {shown(close)} back across the middle "
            f"and near VWAP {shown(s.vwap)}, delta {flow.delta:+.0f}",
            quality=quality(flow),
        )

    def _near_vwap(self, distance: float, width: float) -> bool:
        p = self.params
        if p.vwap_at_most_w is not None:
            return distance <= p.vwap_at_most_w * width
        return p.vwap_at_most_points is not None and distance <= p.vwap_at_most_points

    def _of_age(self, s: Session, made_i: int) -> bool:
        p, age = self.params, (s.i or 0) - made_i
        return (p.age_at_least_bars is None or age >= p.age_at_least_bars) and (
            p.age_at_most_bars is None or age <= p.age_at_most_bars
        )

    def _swept(self, extreme: float, width: float, levels: Levels, names: tuple[str, ...]) -> str:
        """The first level near the extreme, as name and price; empty if none."""
        p = self.params
        for name in names:
            level: float | None = getattr(levels, name)
            if level is None:
                continue
            distance = abs(extreme - level)
            if (
                (p.swept_at_most_points is not None and distance <= p.swept_at_most_points)
                or (p.swept_under_points is not None and distance < p.swept_under_points)
                or (p.swept_under_w is not None and distance < p.swept_under_w * width)
            ):
                return f"{name} {shown(level)}"
        return ""

    def _risk_allowed(self, risk: float, width: float) -> bool:
        p = self.params
        return not (
            not risk > 0
            or (p.risk_at_least_points is not None and risk < p.risk_at_least_points)
            or (p.risk_at_most_points is not None and risk > p.risk_at_most_points)
            or (p.risk_at_least_w is not None and risk < p.risk_at_least_w * width)
            or (p.risk_at_most_w is not None and risk > p.risk_at_most_w * width)
        )

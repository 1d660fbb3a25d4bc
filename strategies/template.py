"""A strategy to copy: rename it, change the rules, register it as an entry point. README.md beside this file explains the steps.

This one buys the first close above the initial balance with a positive delta.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tapewire.bus.messages import Session
from tapewire.strategies.clock import TimeOfDay, minute_of
from tapewire.strategies.figures import shown
from tapewire.strategies.protocol import LONG, DayTypeOf, Proposal, quality


class FirstBreakout:
    """LONG, once a session."""

    name: ClassVar[str] = "First Breakout"
    setups: ClassVar[tuple[str, ...]] = ("FIRST_BREAKOUT",)

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """until: no proposal from this time on. beyond_r: close above the IB high, share of R. stop_r, target_r: shares of R."""

        until: TimeOfDay = "13:00"
        beyond_r: float = 0.05
        stop_r: float = 0.50
        target_r: float = 1.00

        def __post_init__(self) -> None:
            if not (self.stop_r > 0 and self.target_r > 0):
                raise ValueError(f"stop_r = {self.stop_r}, target_r = {self.target_r}: write distances above 0")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.day_type = day_type
        self.until = minute_of(params.until)
        self.used = False

    def start(self, session: str) -> None:
        self.used = False

    def update(self, s: Session) -> None:
        pass  # the session record has everything this strategy needs; keep here what yours needs beyond that

    def propose(self, s: Session) -> Proposal | None:
        p, flow, ib = self.params, s.flow, s.ib
        if self.used or s.k is None or ib is None or flow is None or not flow.present or s.minute >= self.until:
            return None
        close, r = s.bar.close, ib.high - ib.low
        if not (close > ib.high + p.beyond_r * r and flow.delta > 0):
            return None
        return Proposal(
            strategy=self.name,
            setup="FIRST_BREAKOUT",
            direction=LONG,
            entry=close,
            stop=close - p.stop_r * r,
            target=close + p.target_r * r,
            reason=f"close {shown(close)} is {(close - ib.high) / r:.2f} IB above IBH {shown(ib.high)}, delta {flow.delta:+.0f}",
            day_type=self.day_type(s),
            quality=quality(flow),
        )

    def consume(self, proposal: Proposal) -> None:
        self.used = True

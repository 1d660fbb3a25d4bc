"""The VWAP pullback: the test that Trend Day Bull and P-Day share (playbook 3.1).

After acceptance above the initial balance, price comes back towards the session's VWAP, stays above the initial balance, and order
flow is positive.
"""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.messages import Flow, Range, Session
from tapewire.strategies.clock import TimeOfDay
from tapewire.strategies.figures import shown
from tapewire.strategies.protocol import Regime


class Pullback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the pullback.

    until: no proposal from this time on.
    barred_regimes: initial balance regimes (playbook 2.8) in which there is no proposal; a regime of None is allowed.
    vwap_distance_under_r: largest (close - VWAP), share of R.
    quality_at_least: order-flow terms of 3.
    delta10_over: contracts; the last 10 deltas, this bar included, must sum to more.
    delta_previous9_at_least: contracts; the 9 post-IB deltas before this bar must sum to at least this.
    delta_previous9_at_least_r: the same in contracts per point of R.
    stop_below_vwap_r: distance of the stop below VWAP, share of R.
    stop_at_least_points, stop_at_least_r: least distance of the stop below the close.
    """

    until: TimeOfDay = "13:00"
    barred_regimes: tuple[Regime, ...] = ()
    vwap_distance_under_r: float = 0.40
    quality_at_least: int = 2
    delta10_over: float | None = None
    delta_previous9_at_least: float | None = None
    delta_previous9_at_least_r: float | None = None
    stop_below_vwap_r: float = 0.40
    stop_at_least_points: float | None = None
    stop_at_least_r: float | None = None


def holds(p: Pullback, s: Session, flow: Flow, ib: Range, vwap: float) -> bool:
    """Whether this bar is a pullback in the uptrend, its pre-delta included."""
    close, r = s.bar.close, ib.high - ib.low
    if not (close > ib.high and close > vwap and flow.delta > 0 and flow.quality >= p.quality_at_least):
        return False
    if not (close - vwap) / r < p.vwap_distance_under_r:
        return False
    if p.delta10_over is not None and not flow.delta10 > p.delta10_over:
        return False
    before = flow.delta_previous9 or 0.0
    if p.delta_previous9_at_least is not None and before < p.delta_previous9_at_least:
        return False
    return p.delta_previous9_at_least_r is None or before >= p.delta_previous9_at_least_r * r


def stop(p: Pullback, close: float, vwap: float, r: float) -> float:
    """The stop price: below VWAP, and at least the minimum below the close."""
    price = vwap - p.stop_below_vwap_r * r
    if p.stop_at_least_points is not None:
        price = min(price, close - p.stop_at_least_points)
    if p.stop_at_least_r is not None:
        price = min(price, close - p.stop_at_least_r * r)
    return price


def words(s: Session, flow: Flow, vwap: float, r: float) -> str:
    """The pullback in words and numbers, for the operator."""
    close = s.bar.close
    return (
        f"close {shown(close)} is {(close - vwap) / r:.2f} IB above VWAP {shown(vwap)}, "
        f"delta {flow.delta:+.0f}, quality {flow.quality}/3"
    )

"""Features of the day type: how much speaks for which day (playbook 2.7, 2.9)."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.bus.messages import DayType
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment

EDGE: dict[DayType, float | None] = {
    "trend_down": -2.0,
    "b_day_bear": -1.0,
    "b_day": 0.0,
    "neutral": 0.0,
    "p_day": 1.0,
    "trend_up": 2.0,
}
MIDPOINT: dict[DayType, float | None] = {
    "b_day": 0.0,
    "p_day": 1.0,
    "trend_up": 2.0,
    "trend_down": 2.0,
    "super_trend_up": 3.0,
    "super_trend_down": 3.0,
}


def _midpoint(m: Moment) -> float | None:
    """The model tells a p_day on either side by one word; the side is the close's."""
    far, ib = MIDPOINT.get(m.s.day_type_midpoint), m.s.ib
    return None if far is None or ib is None else far if m.bar.close > ib.high else 0.0 - far


def _post_ib(m: Moment, value: float) -> float | None:
    return None if m.s.k is None else value


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature(
        "trend_bull_share",
        "share",
        "Share of true checks for a day that trends up (playbook 2.7).",
        lambda m: _post_ib(m, m.s.scores.trend_bull),
    )
    yield Feature(
        "trend_bear_share",
        "share",
        "Share of true checks for a day that trends down (playbook 2.7).",
        lambda m: _post_ib(m, m.s.scores.trend_bear),
    )
    yield Feature(
        "b_day_share", "share", "Share of true checks for a day in balance (playbook 2.7).", lambda m: _post_ib(m, m.s.scores.b_day)
    )
    yield Feature(
        "day_type_edge_code",
        "code",
        "Day type by the edges: -2 trend down, -1 b_day_bear, 0 b_day or neutral, 1 p_day, 2 trend up (playbook 2.9).",
        lambda m: EDGE.get(m.s.day_type_edge),
    )
    yield Feature(
        "day_type_midpoint_code",
        "code",
        "Day type by the midpoint: 0 b_day, 1 p_day, 2 trend, 3 super trend, below 0 beneath the initial balance (playbook 2.9).",
        _midpoint,
    )
    yield Feature(
        "widest_code",
        "code",
        "Day type by the edges of the bar that reached farthest so far, in the same codes.",
        lambda m: EDGE.get(m.s.widest),
    )

"""Features of the candle: its body and wicks, and how it stands to the bars before it."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, place, ratio


def _part(m: Moment, points: float) -> float | None:
    """Points as a share of the bar's height."""
    return ratio(points, m.bar.high - m.bar.low)


def _height_20(m: Moment) -> float | None:
    total = m.heights.total(20)
    return None if total is None else ratio(m.bar.high - m.bar.low, total / 20)


def _inside(m: Moment) -> float | None:
    high, low = m.highs.back(1), m.lows.back(1)
    return None if high is None or low is None else m.bar.high <= high and m.bar.low >= low


def _outside(m: Moment) -> float | None:
    high, low = m.highs.back(1), m.lows.back(1)
    return None if high is None or low is None else m.bar.high > high and m.bar.low < low


def _overlap(m: Moment) -> float | None:
    high, low = m.highs.back(1), m.lows.back(1)
    if high is None or low is None:
        return None
    return _part(m, max(0.0, min(m.bar.high, high) - max(m.bar.low, low)))


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature(
        "body_atr", "ATR", "The close less the open, over ATR: (c - o) / ATR.", lambda m: m.in_atr(m.bar.close - m.bar.open)
    )
    yield Feature(
        "body_share", "share", "The body by the bar's height: (c - o) / (h - l).", lambda m: _part(m, m.bar.close - m.bar.open)
    )
    yield Feature(
        "upper_wick_share",
        "share",
        "The upper wick by the bar's height: (h - max(o, c)) / (h - l).",
        lambda m: _part(m, m.bar.high - max(m.bar.open, m.bar.close)),
    )
    yield Feature(
        "lower_wick_share",
        "share",
        "The lower wick by the bar's height: (min(o, c) - l) / (h - l).",
        lambda m: _part(m, min(m.bar.open, m.bar.close) - m.bar.low),
    )
    yield Feature(
        "close_place_share",
        "share",
        "Where the close lies in the bar: (c - l) / (h - l).",
        lambda m: place(m.bar.close, m.bar.low, m.bar.high),
    )
    yield Feature(
        "height_20_ratio", "ratio", "The bar's height over the mean height of the last 20 bars, this one included.", _height_20
    )
    yield Feature("inside_flag", "flag", "1 if the bar stays within the one before: h <= h[1] and l >= l[1].", _inside)
    yield Feature(
        "outside_flag", "flag", "1 if the bar reaches beyond both ends of the one before: h > h[1] and l < l[1].", _outside
    )
    yield Feature(
        "overlap_share",
        "share",
        "The part of the bar that lies in the range of the one before: (min(h, h[1]) - max(l, l[1])) / (h - l).",
        _overlap,
    )
    yield Feature(
        "fvg_code",
        "code",
        "1 if the bar leaves a one-minute gap upwards (fair value gap), -1 downwards, else 0; in RTH.",
        lambda m: m.s.fvg_bull - m.s.fvg_bear if m.s.rth else None,
    )
    yield Feature(
        "fvg_15m_flag",
        "flag",
        "1 on a bar with a gap upwards of quarter-hour candles; in RTH.",
        lambda m: m.s.fvg_bull_15m if m.s.rth else None,
    )

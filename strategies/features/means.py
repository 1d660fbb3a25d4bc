"""Features of averages: VWAP from both anchors with its deviation, and the EMAs of one-minute closes."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Last, Moment, ratio


def _sigmas(close: float, mean: float | None, sigma: float | None) -> float | None:
    return None if mean is None else ratio(close - mean, sigma)


def _apart(m: Moment, a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else m.in_atr(a - b)


def _slope(m: Moment, values: Last, n: int) -> float | None:
    return _apart(m, values.back(0), values.back(n))


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature("vwap_atr", "ATR", "The close less the VWAP from the open of RTH, over ATR.", lambda m: m.from_level(m.s.vwap))
    yield Feature(
        "vwap_sigma",
        "sigma",
        "The close less the VWAP from the open of RTH, in its volume-weighted deviations.",
        lambda m: _sigmas(m.bar.close, m.s.vwap, m.s.vwap_sigma),
    )
    yield Feature("vwap_width_atr", "ATR", "The deviation around that VWAP, over ATR.", lambda m: m.in_atr(m.s.vwap_sigma))
    yield Feature(
        "vwap_slope_10_atr", "ATR", "That VWAP less its value 10 bars before, over ATR.", lambda m: _slope(m, m.vwaps, 10)
    )
    yield Feature(
        "vwap_side_bars",
        "bars",
        "Closes in a row above that VWAP, below 0 if below it; of RTH.",
        lambda m: m.rth.side if m.rth.bars else None,
    )
    yield Feature(
        "vwap_crossings_count",
        "count",
        "How often the close has changed the side of that VWAP in RTH.",
        lambda m: m.rth.crossings if m.rth.bars else None,
    )
    yield Feature("vwap_eth_atr", "ATR", "The close less the VWAP from 18:00, over ATR.", lambda m: m.from_level(m.s.vwap_eth))
    yield Feature(
        "vwap_eth_sigma",
        "sigma",
        "The close less the VWAP from 18:00, in its volume-weighted deviations.",
        lambda m: _sigmas(m.bar.close, m.s.vwap_eth, m.s.vwap_eth_sigma),
    )
    yield Feature(
        "vwap_eth_slope_10_atr",
        "ATR",
        "The VWAP from 18:00 less its value 10 bars before, over ATR.",
        lambda m: _slope(m, m.vwaps_eth, 10),
    )
    yield Feature(
        "vwap_apart_atr",
        "ATR",
        "The VWAP from the open of RTH less the one from 18:00, over ATR.",
        lambda m: _apart(m, m.s.vwap, m.s.vwap_eth),
    )
    yield Feature("ema20_atr", "ATR", "The close less EMA 20, over ATR.", lambda m: m.from_level(m.s.ema20))
    yield Feature("ema50_atr", "ATR", "The close less EMA 50, over ATR.", lambda m: m.from_level(m.s.ema50))
    yield Feature("ema200_atr", "ATR", "The close less EMA 200, over ATR.", lambda m: m.from_level(m.s.ema200))
    yield Feature("ema20_50_atr", "ATR", "EMA 20 less EMA 50, over ATR.", lambda m: _apart(m, m.s.ema20, m.s.ema50))
    yield Feature("ema50_200_atr", "ATR", "EMA 50 less EMA 200, over ATR.", lambda m: _apart(m, m.s.ema50, m.s.ema200))
    yield Feature("ema20_slope_5_atr", "ATR", "EMA 20 less its value 5 bars before, over ATR.", lambda m: _slope(m, m.ema20s, 5))

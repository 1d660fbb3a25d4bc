"""Features of levels: how far the close lies from the night's and the prior session's prices, and where it lies among them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tapewire.bus.messages import Levels
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, place

LEVELS = {
    "overnight_high": "the night's high (18:01 to 09:30)",
    "overnight_low": "the night's low (18:01 to 09:30)",
    "asia_high": "the high of 20:01 to 24:00",
    "asia_low": "the low of 20:01 to 24:00",
    "london_high": "the high of 02:01 to 05:00",
    "london_low": "the low of 02:01 to 05:00",
    "premarket_high": "the high of 06:01 to 09:30",
    "premarket_low": "the low of 06:01 to 09:30",
    "pdh": "the prior session's RTH high",
    "pdl": "the prior session's RTH low",
    "pdc": "the prior session's last RTH close",
}


def _level(name: str, m: Moment) -> float | None:
    level: float | None = getattr(m.s.levels, name)
    return m.from_level(level)


def _known(m: Moment) -> list[float]:
    """Every price of a level that has one, and the edges of a valid initial balance."""
    levels: Levels = m.s.levels
    found = [price for name in LEVELS if (price := getattr(levels, name)) is not None]
    ib = m.s.ib
    return [*found, ib.high, ib.low] if ib is not None and ib.valid else found


def _height(m: Moment, low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else m.in_atr(high - low)


def _open_gap(m: Moment) -> float | None:
    pdc = m.s.levels.pdc
    return None if m.rth.open is None or pdc is None else m.in_atr(m.rth.open - pdc)


def _filled(m: Moment) -> float | None:
    pdc, opens, high, low = m.s.levels.pdc, m.rth.open, m.s.rth_high, m.s.rth_low
    if pdc is None or opens is None or high is None or low is None:
        return None
    return low <= pdc <= high


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    for name, words in LEVELS.items():
        yield Feature(f"{name}_atr", "ATR", f"The close less {words}, over ATR.", partial(_level, name))
    yield Feature("rth_high_atr", "ATR", "The close less the high of RTH so far, over ATR.", lambda m: m.from_level(m.s.rth_high))
    yield Feature("rth_low_atr", "ATR", "The close less the low of RTH so far, over ATR.", lambda m: m.from_level(m.s.rth_low))
    yield Feature(
        "nearest_above_atr",
        "ATR",
        "From the close up to the nearest of these levels and the edges of the initial balance, over ATR.",
        lambda m: m.up_to(_known(m)),
    )
    yield Feature(
        "nearest_below_atr",
        "ATR",
        "From the close down to the nearest of these levels and the edges of the initial balance, over ATR.",
        lambda m: m.down_to(_known(m)),
    )
    yield Feature(
        "overnight_range_atr",
        "ATR",
        "The night's range, over ATR.",
        lambda m: _height(m, m.s.levels.overnight_low, m.s.levels.overnight_high),
    )
    yield Feature(
        "overnight_place_w",
        "range",
        "Where the close lies in the night's range: 0 low, 1 high, beyond both outside.",
        lambda m: place(m.bar.close, m.s.levels.overnight_low, m.s.levels.overnight_high),
    )
    yield Feature(
        "prior_range_atr", "ATR", "The prior session's RTH range, over ATR.", lambda m: _height(m, m.s.levels.pdl, m.s.levels.pdh)
    )
    yield Feature(
        "prior_place_w",
        "range",
        "Where the close lies in the prior session's RTH range: 0 low, 1 high, beyond both outside.",
        lambda m: place(m.bar.close, m.s.levels.pdl, m.s.levels.pdh),
    )
    yield Feature(
        "open_place_w",
        "range",
        "Where the first open of RTH lies in the prior session's RTH range: 0 low, 1 high, beyond both outside.",
        lambda m: place(m.rth.open, m.s.levels.pdl, m.s.levels.pdh),
    )
    yield Feature("open_gap_atr", "ATR", "The first open of RTH less the prior session's close, over ATR.", _open_gap)
    yield Feature("gap_filled_flag", "flag", "1 once RTH has reached the prior session's close from its open.", _filled)

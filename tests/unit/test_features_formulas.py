"""Features against a second implementation: pandas over the whole table of bars and sessions, one trade date at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from tapewire.strategies.features import FEATURES, FeatureStream
from tests import invented

Column = pd.Series  # of floats
HEADER = ("open", "high", "low", "close", "volume", "ask_volume", "bid_volume", "up_ticks", "down_ticks")
FIELDS = ("session", "minute", "rth", "closes", "i", "k", "vwap", "vwap_eth", "rth_high", "rth_low", "vwap_sigma", "vwap_eth_sigma")
MEANS = ("ema20", "ema50", "ema200", "atr14")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Bars and the plain fields of their sessions."""
    rows = [
        {name: getattr(s.bar, name) for name in HEADER}
        | {name: getattr(s, name) for name in (*FIELDS, *MEANS)}
        | {f"level_{name}": getattr(s.levels, name) for name in s.levels.__struct_fields__}
        | {f"ib_{end}": getattr(s.ib, end) if s.ib is not None and s.ib.valid else None for end in ("high", "low", "open")}
        | {f"or15_{end}": getattr(s.or15, end) if s.or15 is not None and s.or15.valid else None for end in ("high", "low")}
        | {f"cross_{each.instrument}": each.close for each in s.bar.cross}
        for s in invented.folded()
    ]
    table = pd.DataFrame(rows)
    numbers = table.columns.difference(["session", "rth"])
    return table.astype(dict.fromkeys(numbers, float))


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    stream = FeatureStream(tuple(FEATURES))
    return pd.DataFrame([stream.take(s) for s in invented.folded()], columns=list(FEATURES))


class By:
    """One trade date. Each method is a column, made of the whole date at once."""

    def __init__(self, date: pd.DataFrame) -> None:
        self.d = date
        self.atr = date.atr14.where(date.atr14 > 0)
        self.moves = date.close.diff()

    def moved(self, n: int) -> Column:
        return (self.d.close - self.d.close.shift(n)) / self.atr

    def efficiency(self, n: int) -> Column:
        return (self.d.close - self.d.close.shift(n)).abs() / self.moves.abs().rolling(n).sum().replace(0.0, np.nan)

    def deviation(self, n: int) -> Column:
        return (self.moves**2).rolling(n).mean() ** 0.5

    def height(self, n: int) -> Column:
        return self.d.high.rolling(n).max() - self.d.low.rolling(n).min()

    def place(self, n: int) -> Column:
        return (self.d.close - self.d.low.rolling(n).min()) / self.height(n).replace(0.0, np.nan)

    def volume(self, n: int) -> Column:
        return self.d.volume.rolling(n).mean()

    def delta(self, n: int) -> Column:
        known = (self.d.ask_volume + self.d.bid_volume > 0) | (self.d.volume == 0)
        bought = (self.d.ask_volume - self.d.bid_volume).where(known)
        return bought.rolling(n).sum() / self.d.volume.rolling(n).sum().replace(0.0, np.nan)

    def from_level(self, level: Column) -> Column:
        return (self.d.close - level) / self.atr

    def streak(self) -> Column:
        sign = np.sign(self.moves).fillna(0.0)
        return sign * sign.groupby((sign != sign.shift()).cumsum()).cumcount().add(1)

    def lead(self, n: int) -> Column:
        gain = self.d.close / self.d.close.shift(n) - 1
        crosses = self.d.filter(like="cross_")
        return 10_000 * (gain - (crosses / crosses.shift(n) - 1).mean(axis=1))


RULES: Mapping[str, Callable[[By], Column]] = {
    "date_age_minutes": lambda b: (b.d.minute - 1_080) % 1_440,
    "rth_left_minutes": lambda b: (b.d.closes - b.d.minute).where(b.d.rth),
    **{f"move_{n}_atr": lambda b, n=n: b.moved(n) for n in (1, 2, 5, 10, 15, 30, 60)},
    "move_date_atr": lambda b: b.from_level(b.d.open.iloc[0]),
    "move_rth_atr": lambda b: b.from_level(b.d.open.where(b.d.i == 0).ffill()),
    "gap_atr": lambda b: (b.d.open - b.d.close.shift()) / b.atr,
    "run_bars": lambda b: b.streak(),
    **{f"efficiency_{n}_ratio": lambda b, n=n: b.efficiency(n) for n in (10, 30, 60)},
    **{f"up_{n}_share": lambda b, n=n: (b.moves > 0).astype(float).where(b.moves.notna()).rolling(n).mean() for n in (10, 30)},
    **{f"volatility_{n}_atr": lambda b, n=n: b.deviation(n) / b.atr for n in (10, 30, 60)},
    "volatility_10_60_ratio": lambda b: b.deviation(10) / b.deviation(60),
    "true_range_atr": lambda b: (
        (b.d.high.combine(b.d.close.shift(), np.fmax) - b.d.low.combine(b.d.close.shift(), np.fmin)) / b.atr
    ),
    **{f"range_{n}_atr": lambda b, n=n: b.height(n) / b.atr for n in (5, 15, 30, 60)},
    "range_5_60_ratio": lambda b: b.height(5) / b.height(60).replace(0.0, np.nan),
    "range_date_atr": lambda b: (b.d.high.cummax() - b.d.low.cummin()) / b.atr,
    **{f"place_{n}_share": lambda b, n=n: b.place(n) for n in (15, 60)},
    "place_rth_share": lambda b: (b.d.close - b.d.rth_low) / (b.d.rth_high - b.d.rth_low),
    "height_20_ratio": lambda b: (b.d.high - b.d.low) / (b.d.high - b.d.low).rolling(20).mean(),
    "overlap_share": lambda b: (
        (np.minimum(b.d.high, b.d.high.shift()) - np.maximum(b.d.low, b.d.low.shift())).clip(lower=0)
        / (b.d.high - b.d.low).replace(0.0, np.nan)
    ),
    **{f"volume_{n}_ratio": lambda b, n=n: b.d.volume / b.volume(n) for n in (20, 60)},
    "volume_5_60_ratio": lambda b: b.volume(5) / b.volume(60),
    "volume_rth_ratio": lambda b: b.d.volume / b.d.volume.where(b.d.rth).expanding().mean().where(b.d.rth),
    "up_volume_20_share": lambda b: b.d.volume.where(b.d.close > b.d.open, 0.0).rolling(20).sum() / b.d.volume.rolling(20).sum(),
    "up_ticks_share": lambda b: b.d.up_ticks / (b.d.up_ticks + b.d.down_ticks).replace(0.0, np.nan),
    **{f"delta_{n}_share": lambda b, n=n: b.delta(n) for n in (5, 20, 60)},
    "delta_turn_share": lambda b: b.delta(5) - b.delta(20),
    "vwap_sigma": lambda b: (b.d.close - b.d.vwap) / b.d.vwap_sigma.replace(0.0, np.nan),
    "vwap_slope_10_atr": lambda b: (b.d.vwap - b.d.vwap.shift(10)) / b.atr,
    "vwap_eth_slope_10_atr": lambda b: (b.d.vwap_eth - b.d.vwap_eth.shift(10)) / b.atr,
    "ema20_slope_5_atr": lambda b: (b.d.ema20 - b.d.ema20.shift(5)) / b.atr,
    "ema50_200_atr": lambda b: (b.d.ema50 - b.d.ema200) / b.atr,
    "pdh_atr": lambda b: b.from_level(b.d.level_pdh),
    "asia_low_atr": lambda b: b.from_level(b.d.level_asia_low),
    "nearest_above_atr": lambda b: _nearest(b, 1),
    "nearest_below_atr": lambda b: _nearest(b, -1),
    "open_place_w": lambda b: (b.d.open.where(b.d.i == 0).ffill() - b.d.level_pdl) / (b.d.level_pdh - b.d.level_pdl),
    "or15_place_w": lambda b: (b.d.close - b.d.or15_low) / (b.d.or15_high - b.d.or15_low),
    "ib_place_r": lambda b: (b.d.close - b.d.ib_low) / (b.d.ib_high - b.d.ib_low),
    "extension_up_r": lambda b: (b.d.rth_high - b.d.ib_high).clip(lower=0) / (b.d.ib_high - b.d.ib_low),
    "extension_down_r": lambda b: (b.d.ib_low - b.d.rth_low).clip(lower=0) / (b.d.ib_high - b.d.ib_low),
    **{f"cross_lead_{n}_bp": lambda b, n=n: b.lead(n) for n in (5, 15, 60)},
}


def _nearest(b: By, side: int) -> Column:
    levels = b.d[[*b.d.filter(like="level_").columns, "ib_high", "ib_low"]]
    away = levels.sub(b.d.close, axis=0) * side
    return away.where(away > 0).min(axis=1) / b.atr


@pytest.mark.parametrize("name", RULES)
def test_a_feature_is_what_its_meaning_says(name: str, bars: pd.DataFrame, values: pd.DataFrame) -> None:
    """Missing on the same bars, and the same number on the others."""
    expected = pd.concat([RULES[name](By(date)) for _, date in bars.groupby("session", sort=False)])

    assert values[name].notna().any()
    np.testing.assert_allclose(values[name], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        (
            "value_code",
            {"lower": -2, "overlapping_lower": -1, "inside": 0, "outside": 0, "overlapping_higher": 1, "higher": 2},
            "value",
        ),
        ("opened_code", {"below_range": -2, "below_value": -1, "in_value": 0, "above_value": 1, "above_range": 2}, "opened"),
    ],
)
def test_a_code_has_the_order_of_its_words(name: str, words: dict[str, int], expected: str, values: pd.DataFrame) -> None:
    """On every bar with an auction in RTH; nothing where there is no relation."""
    told = [getattr(s.auction, expected) if s.auction.bracket is not None else None for s in invented.folded()]

    assert {word for word in told if word} <= {*words, "unchanged"}
    np.testing.assert_array_equal(values[name], [np.nan if word is None else words.get(word, 0) for word in told])

"""Features of the opening: drive, opening ranges and initial balance, and what price has done at their edges."""

from __future__ import annotations

from collections.abc import Iterator

from tapewire.bus.messages import FirstSide, Range, Regime
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, place, ratio, valid

SIDES: dict[FirstSide | None, float] = {"long": 1.0, "short": -1.0, None: 0.0}
REGIMES: dict[Regime | None, float | None] = {"low": -1.0, "normal": 0.0, "high": 1.0, None: None}


def _drive(m: Moment) -> float | None:
    drive = valid(m.s.drive)
    return None if drive is None else m.in_atr(drive.close - drive.open)


def _drive_body(m: Moment) -> float | None:
    drive = valid(m.s.drive)
    return None if drive is None else ratio(drive.close - drive.open, drive.high - drive.low)


def _place(m: Moment, made: Range | None) -> float | None:
    whole = valid(made)
    return None if whole is None else place(m.bar.close, whole.low, whole.high)


def _height(m: Moment, made: Range | None) -> float | None:
    whole = valid(made)
    return None if whole is None else m.in_atr(whole.high - whole.low)


def _ib_open(m: Moment) -> float | None:
    ib = valid(m.s.ib)
    return None if ib is None else place(ib.open, ib.low, ib.high)


def _up(m: Moment) -> float | None:
    ib, high = valid(m.s.ib), m.s.rth_high
    return None if ib is None or high is None else ratio(max(0.0, high - ib.high), m.r)


def _down(m: Moment) -> float | None:
    ib, low = valid(m.s.ib), m.s.rth_low
    return None if ib is None or low is None else ratio(max(0.0, ib.low - low), m.r)


def _post_ib(m: Moment, value: float) -> float | None:
    return None if m.s.k is None else value


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature("drive_atr", "ATR", "Close less open of the opening drive (the first 5 minutes), over ATR.", _drive)
    yield Feature("drive_body_share", "share", "Close less open of the opening drive, by its height.", _drive_body)
    yield Feature("or15_range_atr", "ATR", "Height of the opening range of 15 minutes, over ATR.", lambda m: _height(m, m.s.or15))
    yield Feature(
        "or15_place_w", "range", "Where the close lies in it: 0 low, 1 high, beyond both outside.", lambda m: _place(m, m.s.or15)
    )
    yield Feature("or30_range_atr", "ATR", "Height of the opening range of 30 minutes, over ATR.", lambda m: _height(m, m.s.or30))
    yield Feature(
        "or30_place_w",
        "range",
        "Where the close lies in that one: 0 low, 1 high, beyond both outside.",
        lambda m: _place(m, m.s.or30),
    )
    yield Feature("ib_range_atr", "ATR", "R, the height of the initial balance, over ATR.", lambda m: _height(m, m.s.ib))
    yield Feature("ib_place_r", "R", "Where the close lies in the initial balance: (c - IB low) / R.", lambda m: _place(m, m.s.ib))
    yield Feature("ib_open_r", "R", "Where the first open of RTH lies in the initial balance: (open - IB low) / R.", _ib_open)
    yield Feature(
        "ib_mean10_ratio",
        "ratio",
        "R over the mean of the last 10 sessions' (playbook 2.8).",
        lambda m: ratio(m.r, m.s.history.mean10),
    )
    yield Feature(
        "ib_p90_ratio",
        "ratio",
        "R over the 90th percentile of the last sessions' (playbook 2.8).",
        lambda m: ratio(m.r, m.s.history.p90),
    )
    yield Feature(
        "regime_code",
        "code",
        "Volatility by the initial balances of earlier sessions: -1 low, 0 normal, 1 high (playbook 2.8).",
        lambda m: REGIMES[m.s.history.regime],
    )
    yield Feature(
        "extension_up_r", "R", "How far RTH has reached above the initial balance: (high - IB high) / R, at least 0.", _up
    )
    yield Feature(
        "extension_down_r", "R", "How far RTH has reached below the initial balance: (IB low - low) / R, at least 0.", _down
    )
    yield Feature("post_ib_age_bars", "bars", "Bars since the initial balance, 0 at its first.", lambda m: m.s.k)
    yield Feature(
        "above_bars", "bars", "Closes in a row above the initial balance (playbook 2.2).", lambda m: _post_ib(m, m.s.above)
    )
    yield Feature(
        "below_bars", "bars", "Closes in a row below the initial balance (playbook 2.2).", lambda m: _post_ib(m, m.s.below)
    )
    yield Feature(
        "accepted_long_flag",
        "flag",
        "1 once prices above it are accepted (playbook 2.2).",
        lambda m: _post_ib(m, m.s.accepted_long),
    )
    yield Feature(
        "accepted_short_flag",
        "flag",
        "1 once prices below it are accepted (playbook 2.2).",
        lambda m: _post_ib(m, m.s.accepted_short),
    )
    yield Feature(
        "first_side_code",
        "code",
        "The side of it that was accepted first: 1 above, -1 below, 0 none yet (playbook 2.2).",
        lambda m: _post_ib(m, SIDES[m.s.first_side]),
    )
    yield Feature("touches_count", "count", "Touches of its low in one series (playbook 2.4).", lambda m: _post_ib(m, m.s.touches))

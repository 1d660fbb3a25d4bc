"""Features of the auction: the profile by price of the session so far and of the one before (playbook 2.10).

They are missing where the preset asks for no auction (`auction_row_ticks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from tapewire.bus.messages import Auction, OpenRelation, Prints, PriorValue, ValueArea, ValueRelation
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, place

OPENED: dict[OpenRelation | None, float | None] = {
    "below_range": -2.0,
    "below_value": -1.0,
    "in_value": 0.0,
    "above_value": 1.0,
    "above_range": 2.0,
}
VALUES: dict[ValueRelation | None, float | None] = {
    "lower": -2.0,
    "overlapping_lower": -1.0,
    "inside": 0.0,
    "outside": 0.0,
    "unchanged": 0.0,
    "overlapping_higher": 1.0,
    "higher": 2.0,
}


def _auction(m: Moment) -> Auction | None:
    """The auction once RTH has begun."""
    auction = m.s.auction
    return None if auction is UNSET or auction.bracket is None else auction


def _prior(m: Moment) -> PriorValue | None:
    auction = m.s.auction
    return None if auction is UNSET else auction.prior


def _tpo(m: Moment) -> ValueArea | None:
    return None if (auction := _auction(m)) is None else auction.tpo


def _volume(m: Moment) -> ValueArea | None:
    return None if (auction := _auction(m)) is None else auction.volume


def _prior_tpo(m: Moment) -> ValueArea | None:
    return None if (prior := _prior(m)) is None else prior.tpo


def _prior_volume(m: Moment) -> ValueArea | None:
    return None if (prior := _prior(m)) is None else prior.volume


def _poc(m: Moment, area: ValueArea | None) -> float | None:
    return None if area is None else m.from_level(area.poc)


def _place(m: Moment, area: ValueArea | None) -> float | None:
    return None if area is None else place(m.bar.close, area.low, area.high)


def _height(m: Moment, area: ValueArea | None) -> float | None:
    return None if area is None else m.in_atr(area.high - area.low)


def _overlap(m: Moment) -> float | None:
    now, before = _tpo(m), _prior_tpo(m)
    if now is None or before is None or before.high <= before.low:
        return None
    return max(0.0, min(now.high, before.high) - max(now.low, before.low)) / (before.high - before.low)


def _tail(m: Moment, rows: int) -> float | None:
    return None if (auction := _auction(m)) is None else m.in_atr(rows * auction.row)


def _singles(m: Moment) -> tuple[Prints, ...]:
    """Runs of single prints between the extremes."""
    return () if (auction := _auction(m)) is None else auction.singles


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature("tpo_poc_atr", "ATR", "The close less the point of control of TPOs, over ATR.", lambda m: _poc(m, _tpo(m)))
    yield Feature(
        "tpo_place_w", "range", "Where the close lies in the value area of TPOs: 0 low, 1 high.", lambda m: _place(m, _tpo(m))
    )
    yield Feature("tpo_range_atr", "ATR", "Height of the value area of TPOs, over ATR.", lambda m: _height(m, _tpo(m)))
    yield Feature(
        "volume_poc_atr", "ATR", "The close less the point of control of volume, over ATR.", lambda m: _poc(m, _volume(m))
    )
    yield Feature(
        "volume_place_w",
        "range",
        "Where the close lies in the value area of volume: 0 low, 1 high.",
        lambda m: _place(m, _volume(m)),
    )
    yield Feature(
        "prior_tpo_poc_atr",
        "ATR",
        "The close less the prior session's point of control of TPOs, over ATR.",
        lambda m: _poc(m, _prior_tpo(m)),
    )
    yield Feature(
        "prior_tpo_place_w",
        "range",
        "Where the close lies in the prior session's value area of TPOs: 0 low, 1 high.",
        lambda m: _place(m, _prior_tpo(m)),
    )
    yield Feature(
        "prior_volume_poc_atr",
        "ATR",
        "The close less the prior session's point of control of volume, over ATR.",
        lambda m: _poc(m, _prior_volume(m)),
    )
    yield Feature("value_overlap_share", "share", "The part of the prior value area of TPOs that today's covers so far.", _overlap)
    yield Feature(
        "opened_code",
        "code",
        "Where the session opened by the prior one: -2 below its range, -1 below value, 0 in value, 1 above value, 2 above range.",
        lambda m: None if (auction := _auction(m)) is None else OPENED.get(auction.opened),
    )
    yield Feature(
        "value_code",
        "code",
        "Today's value area by the prior one: -2 lower, -1 overlapping lower, 0 neither, 1 overlapping higher, 2 higher.",
        lambda m: None if (auction := _auction(m)) is None else VALUES.get(auction.value),
    )
    yield Feature(
        "tail_high_atr",
        "ATR",
        "Length of the tail of single prints at the high, over ATR.",
        lambda m: None if (auction := _auction(m)) is None else _tail(m, auction.tail_high),
    )
    yield Feature(
        "tail_low_atr",
        "ATR",
        "Length of the tail of single prints at the low, over ATR.",
        lambda m: None if (auction := _auction(m)) is None else _tail(m, auction.tail_low),
    )
    yield Feature(
        "poor_high_flag",
        "flag",
        "1 if no tail has ended the auction at the high.",
        lambda m: None if (auction := _auction(m)) is None else auction.poor_high,
    )
    yield Feature(
        "poor_low_flag",
        "flag",
        "1 if no tail has ended the auction at the low.",
        lambda m: None if (auction := _auction(m)) is None else auction.poor_low,
    )
    yield Feature(
        "singles_count",
        "count",
        "Runs of single prints between the extremes.",
        lambda m: None if (auction := _auction(m)) is None else len(auction.singles),
    )
    yield Feature(
        "single_above_atr",
        "ATR",
        "From the close up to the nearest run of single prints, over ATR.",
        lambda m: m.up_to(each.low for each in _singles(m)),
    )
    yield Feature(
        "single_below_atr",
        "ATR",
        "From the close down to the nearest run of single prints, over ATR.",
        lambda m: m.down_to(each.high for each in _singles(m)),
    )
    yield Feature(
        "prior_poor_high_flag",
        "flag",
        "1 if the prior session left a poor high.",
        lambda m: None if (prior := _prior(m)) is None else prior.poor_high,
    )
    yield Feature(
        "prior_poor_low_flag",
        "flag",
        "1 if the prior session left a poor low.",
        lambda m: None if (prior := _prior(m)) is None else prior.poor_low,
    )

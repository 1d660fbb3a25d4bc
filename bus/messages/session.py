"""Topic `session.`: everything that the tracker derives from the bars of a session."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tapewire.bus.bounds import TimeNs
from tapewire.bus.messages.market import Bar
from tapewire.bus.messages.words import DayType, FirstSide, OpenRelation, Regime, ValueRelation


class Range(Struct, frozen=True, gc=False):
    """A clock range of the session (opening drive, OR15, OR30, IB). Advances until `final`, then stays.

    valid: final, with enough bars (and for the IB a height above 0). open is the first bar's open, close the last bar's close.
    """

    high: float
    low: float
    open: float
    close: float
    bars: int
    final: bool = False
    valid: bool = False


class Flow(Struct, frozen=True, gc=False):
    """Order flow of the bar against the last 20 RTH bars (playbook 2.3, 2.5). None means missing, which fails every test.

    quality: how many of delta_percentile >= 60, imbalance_ratio > 1, volume_spike >= 1 hold (0 to 3).
    present: False for a bar with volume but no order flow; no strategy may propose on it.
    """

    delta: float
    delta10: float
    delta_previous9: float | None
    delta_percentile: float | None
    imbalance_ratio: float | None
    volume_spike: float | None
    quality: int
    cvd: float
    present: bool = True


class Scores(Struct, frozen=True, gc=False):
    """Day confidence (playbook 2.7): share of true checks, 0 to 1."""

    trend_bull: float = 0.0
    trend_bear: float = 0.0
    b_day: float = 0.0


class Levels(Struct, frozen=True, gc=False):
    """Price levels of the session (playbook 1.3), None without bars. pd* come from the last session with a valid IB."""

    overnight_high: float | None = None
    overnight_low: float | None = None
    asia_high: float | None = None
    asia_low: float | None = None
    london_high: float | None = None
    london_low: float | None = None
    premarket_high: float | None = None
    premarket_low: float | None = None
    pdh: float | None = None
    pdl: float | None = None
    pdc: float | None = None


class GivenLevels(Struct, frozen=True, gc=False, tag="given_levels"):
    """Levels that a person gave for a trade date. Each stands where the bars give none; a later message replaces all of them.

    session: the trade date, YYYY-MM-DD. after_ns: close of the instrument's last bar when the tracker took them, 0 before the
    first: they hold from the next bar on.
    """

    instrument: str
    session: str
    levels: Levels
    after_ns: TimeNs = 0


class IbHistory(Struct, frozen=True, gc=False):
    """Initial balance ranges of earlier sessions (playbook 2.8), today excluded. All None until five are kept.

    count: entries kept (at most 20). mean5, mean10: means of the last 5 and 10. p90: 90th percentile, linear.
    regime: by the median; None while unknown.
    """

    count: int = 0
    mean5: float | None = None
    mean10: float | None = None
    p90: float | None = None
    regime: Regime | None = None


class ValueArea(Struct, frozen=True, gc=False):
    """Where 70 % of a session's TPOs or contracts are (strategies/auction.py). Prices of ticks; low and high are included.

    poc: the point of control; of a row of several ticks the one in its middle, of two the lower.
    """

    poc: float
    high: float
    low: float


class Prints(Struct, frozen=True, gc=False):
    """A run of single prints: its lowest and its highest tick."""

    low: float
    high: float


class PriorValue(Struct, frozen=True, gc=False):
    """What the last RTH session with a valid IB left. volume is None without volume.

    session: its trade date. high, low: its range. poor_high, poor_low, singles: as in Auction, at its end.
    """

    session: str
    tpo: ValueArea
    volume: ValueArea | None
    high: float
    low: float
    poor_high: bool = False
    poor_low: bool = False
    singles: tuple[Prints, ...] = ()


class Auction(Struct, frozen=True, gc=False):
    """The auction of the RTH session so far, by price (strategies/auction.py). It advances in RTH, and is kept until the date ends.

    row: height of a row, points. bracket: the newest, 0 for A; None before the first RTH bar. tpos: TPOs of all rows.
    tpo, volume: value area of TPOs, and of volume at price, which is spread evenly over each bar's range. None without any, and on
    a date whose range is beyond any market's.
    singles: runs of single prints of brackets that are over, lowest first, without those at the extremes.
    tail_high, tail_low: rows of single prints from the extreme inwards, once a later bracket has begun.
    poor_high, poor_low: the extreme row has two TPOs or more, so no tail has ended the auction there.
    opened: where the session opened by `prior`; value: the TPO value area so far by that of `prior`. None without the two.
    """

    row: float
    bracket: int | None = None
    tpos: int = 0
    tpo: ValueArea | None = None
    volume: ValueArea | None = None
    singles: tuple[Prints, ...] = ()
    tail_high: int = 0
    tail_low: int = 0
    poor_high: bool = False
    poor_low: bool = False
    prior: PriorValue | None = None
    opened: OpenRelation | None = None
    value: ValueRelation | None = None


class Profile(Struct, frozen=True, gc=False, tag="profile"):
    """Topic `auction.`: the rows of a session's profile when a bracket is over, and when RTH is.

    session: trade date. bracket: the newest that is over, 0 for A. final: RTH is over. row: height of a row, points; low: the
    lowest tick of the first. letters: of each row from the lowest up, the brackets with a TPO in it: bit 0 for A. volumes:
    contracts likewise, spread evenly over each bar's range. auction: what is read from them.
    """

    instrument: str
    session: str
    bracket: int
    final: bool
    row: float
    low: float
    letters: tuple[int, ...]
    volumes: tuple[int, ...]
    auction: Auction


class Session(Struct, frozen=True, gc=False, tag="session"):
    """The bar and everything derived from the session so far. The evaluator decides from this stream alone.

    session: trade date, YYYY-MM-DD. minute: the bar's close stamp as minutes after midnight, America/New_York (18:01 is 1081).
    rth: the bar belongs to regular trading hours; only then do i, k and everything below advance.
    i: RTH bar number from 0. k: post-IB bar number from 0, None before the IB is final or without a valid IB.
    closes: the session's close in minutes after midnight (960, earlier on a half day).
    vwap: from the first RTH bar; vwap_eth: from 18:01. None until there is volume.
    vwap_sigma, vwap_eth_sigma: volume-weighted deviation of typical prices around them, in points; band k lies k sigma away. None
    until there are two bars and volume.
    above, below: consecutive post-IB closes beyond the IB; accepted_* latch; first_side is None before two such closes.
    day_type_edge, day_type_midpoint: of this bar; "none" before the IB. widest: the widest edge type of the day, for display.
    touches, max_down: low touches and downside extension of the IB (playbook 2.4).
    rth_high, rth_low: extremes of the RTH bars so far.
    missing: RTH minutes without a bar so far. degraded: a feed gap did not heal, or this bar makes the session unreliable.
    ema20, ema50, ema200, atr14: of one-minute bars, night included, carried from date to date; points, None until they have
    as many bars as their name states.
    missing_cross: cross instruments of earlier bars of the trade date that have no bar at this stamp.
    given: the levels that stand as a person gave them (`given_levels`), since no bar gives them.
    auction: TPO and volume profile, if the preset asks for it (`auction_row_ticks`); else it is UNSET and not on the wire.
    """

    bar: Bar
    session: str
    minute: int
    rth: bool
    closes: int
    i: int | None = None
    k: int | None = None
    vwap: float | None = None
    vwap_eth: float | None = None
    drive: Range | None = None
    or15: Range | None = None
    or30: Range | None = None
    ib: Range | None = None
    above: int = 0
    below: int = 0
    accepted_long: bool = False
    accepted_short: bool = False
    first_side: FirstSide | None = None
    flow: Flow | None = None
    touches: int = 0
    max_down: float = 0.0
    fvg_bull: bool = False
    fvg_bear: bool = False
    fvg_bull_15m: bool = False
    scores: Scores = Scores()
    day_type_edge: DayType = "none"
    day_type_midpoint: DayType = "none"
    widest: DayType = "none"
    levels: Levels = Levels()
    history: IbHistory = IbHistory()
    rth_high: float | None = None
    rth_low: float | None = None
    missing: int = 0
    degraded: bool = False
    vwap_sigma: float | None = None
    vwap_eth_sigma: float | None = None
    ema20: float | None = None
    ema50: float | None = None
    ema200: float | None = None
    atr14: float | None = None
    missing_cross: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    auction: Auction | UnsetType = UNSET

"""One instrument's session model: bars in, session records out (playbook 1 and 2).

`SessionModel` holds the state that carries over from session to session: the order-flow window and CVD, the one-minute gaps, the
moving averages, the IB history, the previous session's levels. `SessionState` holds the state that restarts with the trade date,
and `PostIb` the part that exists only after a valid initial balance. Outside RTH only the night's levels, the 18:01 VWAP and the
moving averages advance.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from tapewire.bus.messages import Bar, DayType, Flow, GivenLevels, Levels, Scores, Session
from tapewire.daemons.market.clock import SessionClock, TradeDate
from tapewire.daemons.tracker.acceptance import Acceptance
from tapewire.daemons.tracker.auction import AuctionState
from tapewire.daemons.tracker.averages import Averages
from tapewire.daemons.tracker.confidence import DayConfidence
from tapewire.daemons.tracker.cross import CrossInstruments
from tapewire.daemons.tracker.daytype import Widest, edge, extensions, midpoint
from tapewire.daemons.tracker.flow import OrderFlow, PreDelta
from tapewire.daemons.tracker.gaps import MinuteGaps, QuarterHourGaps
from tapewire.daemons.tracker.history import BalanceHistory
from tapewire.daemons.tracker.levels import NightLevels, Previous
from tapewire.daemons.tracker.prices import BarPrices
from tapewire.daemons.tracker.ranges import InitialBalance, OpeningRanges
from tapewire.strategies.clock import DAY, RTH_OPEN
from tapewire.strategies.indicators import Vwap

IB_END: Final = RTH_OPEN + 60


class PostIb:
    """The post-IB part of a session. k: its last bar's number from 0, None before the first."""

    __slots__ = ("_balance", "_confidence", "acceptance", "day_type_edge", "day_type_midpoint", "k", "scores", "widest")

    def __init__(self, balance: InitialBalance) -> None:
        self._balance = balance
        self._confidence = DayConfidence(balance)
        self.acceptance = Acceptance(balance)
        self.scores = Scores()
        self.day_type_edge: DayType = "none"
        self.day_type_midpoint: DayType = "none"
        self.widest = Widest()
        self.k: int | None = None

    def fold(self, bar: BarPrices) -> None:
        """Take a post-IB bar."""
        self.k = k = 0 if self.k is None else self.k + 1
        self.acceptance.fold(k, bar)
        self.scores = self._confidence.fold(bar)
        u, w = extensions(self._balance, bar)
        self.day_type_edge = edge(u, w)
        self.day_type_midpoint = midpoint(self._balance, bar.close)
        self.widest.fold(u, w, self.day_type_edge)


# Used until there is a valid initial balance. It is never folded.
NO_POST_IB: Final = PostIb(InitialBalance(high=0.0, low=0.0, mid=0.0, r=0.0))


class SessionState:
    """The state that restarts with the trade date. i: the last RTH bar's number from 0, None before the first."""

    __slots__ = (
        "close",
        "cross",
        "day",
        "high",
        "i",
        "low",
        "night",
        "post_ib",
        "pre_delta",
        "quarter_gaps",
        "ranges",
        "vwap",
        "vwap_eth",
    )

    def __init__(self, day: TradeDate, previous: Previous | None) -> None:
        self.day = day
        self.night = NightLevels(previous)
        self.vwap = Vwap()
        self.vwap_eth = Vwap()
        self.cross = CrossInstruments()
        self.ranges = OpeningRanges()
        self.pre_delta = PreDelta()
        self.quarter_gaps = QuarterHourGaps()
        self.post_ib = NO_POST_IB
        self.i: int | None = None
        self.high: float | None = None
        self.low: float | None = None
        self.close: float | None = None

    def advance(self, at: int, bar: BarPrices) -> bool:
        """Take an RTH bar. Returns whether it is a post-IB bar."""
        self.i = 0 if self.i is None else self.i + 1
        if self.high is None or bar.high > self.high:
            self.high = bar.high
        if self.low is None or bar.low < self.low:
            self.low = bar.low
        self.close = bar.close
        self.vwap.fold(bar.typical, bar.volume)
        self.ranges.fold(at, bar)
        balance = self.ranges.balance
        if balance is None:
            return False
        if self.post_ib is NO_POST_IB:
            self.post_ib = PostIb(balance)
        if at <= IB_END:
            return False
        self.post_ib.fold(bar)
        return True

    def missing(self, at: int) -> int:
        """RTH minutes up to place `at` without a bar."""
        last = at if at < self.day.closes else self.day.closes
        if last <= RTH_OPEN:
            return 0
        return last - RTH_OPEN - (0 if self.i is None else self.i + 1)

    def finish(self) -> tuple[float, Previous] | None:
        """R, and RTH high, low and close, of a session with a valid initial balance; None without one."""
        balance = self.ranges.balance
        if balance is None or self.high is None or self.low is None or self.close is None:
            return None
        return balance.r, Previous(self.high, self.low, self.close)


class SessionModel:
    """The session model of one instrument.

    auction: the profile by price, None if the run does not ask for it. last: the newest record.
    late: bars ignored because their stamp was not later than the last accepted one.
    refused: bars ignored because a price was not a finite number; they degrade the session.
    """

    __slots__ = (
        "_averages",
        "_clock",
        "_degraded",
        "_distrusted",
        "_flow",
        "_gaps",
        "_given",
        "_history",
        "_hole",
        "_last_ns",
        "_previous",
        "_today",
        "auction",
        "last",
        "late",
        "refused",
    )

    def __init__(self, clock: SessionClock, auction: AuctionState | None = None) -> None:
        self._clock = clock
        self.auction = auction
        self._flow = OrderFlow()
        self._gaps = MinuteGaps()
        self._averages = Averages()
        self._history = BalanceHistory()
        self._previous: Previous | None = None
        self._today: SessionState | None = None
        self._last_ns: int | None = None
        self._hole = False  # bars were lost between the last one and the next
        self._degraded = False
        self._distrusted = ""  # a trade date that was degraded before its first bar
        self._given: list[GivenLevels] = []  # those that no bar has followed yet, and those of dates to come
        self.last: Session | None = None
        self.late = 0
        self.refused = 0

    @property
    def last_ns(self) -> int:
        """The close of the last bar; 0 before the first."""
        return self._last_ns or 0

    @property
    def waiting(self) -> int:
        """How many given levels no bar of their date has followed yet."""
        return len(self._given)

    def given(self, session: str) -> Levels | None:
        """The last levels that a person gave for a trade date, None without any."""
        waiting = [given.levels for given in self._given if given.session == session]
        if waiting or self._today is None or self._today.day.date != session:
            return waiting[-1] if waiting else None
        return self._today.night.from_person

    def give(self, given: GivenLevels) -> None:
        """Take levels of a person: they hold for bars after `given.after_ns`."""
        self._given.append(given)

    def distrust(self) -> None:
        """Bars were lost for good: degrade the trade dates before and after the hole (ARCHITECTURE.md, invariant 3)."""
        self._hole = self._degraded = True

    def fold(self, bar: Bar) -> Session | None:
        """Take a bar. Returns None if it is ignored: repeated, late, or with a price that is not a finite number."""
        close_ns = bar.close_ns
        if self._last_ns is not None and close_ns <= self._last_ns:
            self.late += 1
            return None
        day, at = self._clock.read(close_ns)
        prices = BarPrices(bar)
        total = prices.open + prices.high + prices.low + prices.close
        if total - total != 0.0:  # inf - inf and nan - nan are nan
            self.refused += 1
            self._degraded = True
            self._distrusted = day.date
            return None
        self._last_ns = close_ns
        today = self._today
        if today is None or today.day.date != day.date:
            today = self._open(day)
        self._hole = False
        if self._given:
            self._take_given(today, close_ns)
        today.vwap_eth.fold(prices.typical, prices.volume)
        self._averages.fold(prices)
        self.last = self._record(today, at, bar, prices)
        return self.last

    def _open(self, day: TradeDate) -> SessionState:
        """Begin a trade date. R and levels of the last one become history."""
        last = self._today
        self._degraded = self._hole or self._distrusted == day.date
        left = last.finish() if last else None
        if left:
            r, self._previous = left
            self._history.add(r)
        if self.auction is not None:
            self.auction.turn(day.date, counts=left is not None)
        self._today = SessionState(day, self._previous)
        return self._today

    def _take_given(self, today: SessionState, close_ns: int) -> None:
        """Levels that were given before this bar. Those of dates that are over are forgotten."""
        waiting: list[GivenLevels] = []
        for given in self._given:
            if given.session == today.day.date and given.after_ns < close_ns:
                today.night.give(given.levels)
            elif given.session >= today.day.date:
                waiting.append(given)
        self._given = waiting

    def _record(self, today: SessionState, at: int, bar: Bar, prices: BarPrices) -> Session:
        """Advance the model by one bar and return its record. Fields that describe an RTH bar are empty outside RTH."""
        day, averages, auction = today.day, self._averages, self.auction
        i: int | None = None
        k: int | None = None
        flow: Flow | None = None
        fvg_bull = fvg_bear = fvg_bull_15m = False
        day_type_edge: DayType = "none"
        day_type_midpoint: DayType = "none"
        rth = RTH_OPEN < at <= day.closes
        if rth:
            is_post_ib = today.advance(at, prices)
            post_ib = today.post_ib
            i, k = today.i, post_ib.k
            flow = self._flow.fold(bar, today.pre_delta, post_ib=is_post_ib)
            fvg_bull, fvg_bear = self._gaps.fold(prices)
            fvg_bull_15m = today.quarter_gaps.fold(at, bar)
            day_type_edge, day_type_midpoint = post_ib.day_type_edge, post_ib.day_type_midpoint
            if auction is not None:
                auction.fold(at, day.closes, prices.open, prices.high, prices.low, prices.volume)
        else:
            today.night.fold(at, prices)
            if auction is not None and at > day.closes:
                auction.end()
        ranges, post_ib = today.ranges, today.post_ib
        acceptance = post_ib.acceptance
        # Positional, in the order of the fields: this many keyword arguments would take longer than all other work on the bar.
        return Session(
            bar,
            day.date,
            at % DAY,
            rth,
            day.closes,
            i,
            k,
            today.vwap.value,
            today.vwap_eth.value,
            ranges.drive,
            ranges.or15,
            ranges.or30,
            ranges.ib,
            acceptance.above,
            acceptance.below,
            acceptance.accepted_long,
            acceptance.accepted_short,
            acceptance.first_side,
            flow,
            acceptance.touches,
            acceptance.max_down,
            fvg_bull,
            fvg_bear,
            fvg_bull_15m,
            post_ib.scores,
            day_type_edge,
            day_type_midpoint,
            post_ib.widest.type,
            today.night.levels,
            self._history.summary,
            today.high,
            today.low,
            today.missing(at),
            self._degraded,
            today.vwap.sigma,
            today.vwap_eth.sigma,
            averages.ema20.value,
            averages.ema50.value,
            averages.ema200.value,
            averages.atr14,
            today.cross.fold(bar.cross),
            today.night.given,
            UNSET if auction is None else auction.auction,
        )

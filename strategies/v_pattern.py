"""The V pattern: price leaves a swing high, falls far enough, breaks out above it and comes back to it (playbook 8.3).

Written for a purchase. A sale is the same machine on mirrored prices (`ClosedBar.mirrored`), so both directions share one path.
What a candidate goes through, one bar at a time; whatever is not in the table keeps waiting:

    phase    bar                                          becomes
    WATCH    reaches the origin                           dropped: that bar is the better origin
    WATCH    is too late for the drop                     dropped
    WATCH    has fallen by the threshold                  ARMED
    ARMED    passes the origin (strictly), in time        RETEST: the breakout
    ARMED    makes a new low inside the drop window       ARMED, and the time for the breakout starts again
    ARMED    is too late for the breakout                 dropped
    RETEST   is too late for the pullback                 dropped
    RETEST   touches the origin and closes above its floor  done: the entry bar

The extreme is the lowest low so far; of equal lows, the first. The origin bar's own low never counts, because it may have come
before its high. The breakout bar's low does not count either. No rule reads a bar after the one that it decides on. Windows count
minutes between close stamps.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from msgspec import Struct

from tapewire.bus.messages import Bar
from tapewire.strategies.clock import MINUTE_NS


class ClosedBar(NamedTuple):
    """One closed bar; `at` is its close stamp in minutes since 1970."""

    at: int
    high: float
    low: float
    close: float
    volume: int

    @classmethod
    def of(cls, bar: Bar) -> ClosedBar:
        return cls(bar.close_ns // MINUTE_NS, bar.high, bar.low, bar.close, bar.volume)

    @property
    def mirrored(self) -> ClosedBar:
        """The bar with up and down exchanged."""
        return ClosedBar(self.at, -self.low, -self.high, -self.close, self.volume)


class Rules(Struct, frozen=True, kw_only=True):
    """What makes a V, in points and minutes.

    threshold: least fall from the origin. drop_window: minutes for it, the origin's own minute is the first.
    breakout_window: from the extreme; pullback_window: from the breakout.
    touch_above, touch_below: how far from the origin the entry bar's low may be. floor: how far below it its close may be.
    breaks_floor: a close below the floor ends the candidate.
    lookback: an origin's high is at least that of the lookback - 1 bars before it; None: every bar is an origin.
    """

    threshold: float
    drop_window: int
    breakout_window: int
    pullback_window: int
    touch_above: float
    touch_below: float
    floor: float
    breaks_floor: bool
    lookback: int | None


class PatternPhase(Enum):
    """The phase of a candidate, as in the table above."""

    WATCH = auto()
    ARMED = auto()
    RETEST = auto()


@dataclass(slots=True)
class V:
    """One candidate with its three bars. Prices are mirrored for a sale."""

    origin: ClosedBar
    extreme: ClosedBar
    breakout: ClosedBar
    phase: PatternPhase = PatternPhase.WATCH

    @property
    def move(self) -> float:
        """Points from origin to extreme."""
        return self.origin.high - self.extreme.low

    @property
    def strength(self) -> float:
        """Points of the breakout beyond the origin."""
        return self.breakout.high - self.origin.high


NOTHING = ClosedBar(0, math.inf, math.inf, math.inf, 0)


class Machine:
    """All candidates of one direction."""

    __slots__ = ("_candidates", "_highs", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._candidates: list[V] = []
        self._highs: deque[float] = deque(maxlen=(rules.lookback or 1) - 1)

    def clear(self) -> None:
        """Drop all candidates: a new session begins, or bars are missing."""
        self._candidates.clear()
        self._highs.clear()

    def fold(self, bar: ClosedBar) -> list[V]:
        """Take a closed bar. Returns the candidates whose entry bar it is, oldest first, and drops them."""
        done: list[V] = []
        kept: list[V] = []
        for v in self._candidates:
            if v.phase is PatternPhase.WATCH:
                stays = self._watch(v, bar)
            elif v.phase is PatternPhase.ARMED:
                stays = self._armed(v, bar)
            elif self._returns(v, bar):
                done.append(v)
                stays = False
            else:
                stays = self._waits(v, bar)
            if stays:
                kept.append(v)
        if self._rules.lookback is None or all(bar.high >= high for high in self._highs):
            kept.append(V(origin=bar, extreme=NOTHING, breakout=NOTHING))
        self._highs.append(bar.high)
        self._candidates = kept
        return done

    def _watch(self, v: V, bar: ClosedBar) -> bool:
        if bar.high >= v.origin.high or self._too_late_to_fall(v, bar):
            return False
        if bar.low < v.extreme.low:
            v.extreme = bar
            if v.move >= self._rules.threshold:
                v.phase = PatternPhase.ARMED
        return True

    def _armed(self, v: V, bar: ClosedBar) -> bool:
        waited = bar.at - v.extreme.at
        if bar.high > v.origin.high:
            v.breakout, v.phase = bar, PatternPhase.RETEST
            return waited <= self._rules.breakout_window
        if bar.low < v.extreme.low and not self._too_late_to_fall(v, bar):
            v.extreme = bar
            return True
        return waited < self._rules.breakout_window

    def _returns(self, v: V, bar: ClosedBar) -> bool:
        rules, origin = self._rules, v.origin.high
        in_time = bar.at - v.breakout.at <= rules.pullback_window
        touches = origin - rules.touch_below <= bar.low <= origin + rules.touch_above
        return in_time and touches and bar.close >= origin - rules.floor

    def _waits(self, v: V, bar: ClosedBar) -> bool:
        rules = self._rules
        if rules.breaks_floor and bar.close < v.origin.high - rules.floor:
            return False
        return bar.at - v.breakout.at <= rules.pullback_window

    def _too_late_to_fall(self, v: V, bar: ClosedBar) -> bool:
        return bar.at - v.origin.at > self._rules.drop_window - 1

"""What a feature reads: the session after a bar, and what the bars of the trade date before it have left.

All of it begins again with the trade date. What reaches back further is in the session itself, carried by the tracker: averages,
the window of the order flow, the levels and the initial balances of earlier sessions. So a stream that begins with a date's first
bar has the values of one that has run for years. Bars are counted, not minutes: the bar before is the last one that came.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from tapewire.bus.messages import Bar, Range, Session

LONGEST = 60
"""Bars that a feature looks back, at most."""

LEAST_ATR = 1e-6
"""Of the price. No market has a smaller tick: below it nothing moves, and there is no measure."""


class Last:
    """The last values of a trade date, newest last: those of LONGEST + 1 bars, at least. NaN stands for one that is missing."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[float] = []

    def add(self, value: float | None) -> None:
        """Take the newest value."""
        self._kept.append(math.nan if value is None else value)
        if len(self._kept) > 2 * LONGEST + 1:
            del self._kept[:LONGEST]

    def back(self, n: int) -> float | None:
        """The value n bars before the newest; None without such a bar."""
        return self._kept[-1 - n] if len(self._kept) > n else None

    def last(self, n: int) -> list[float] | None:
        """The last n values, oldest first; None before there are n."""
        return self._kept[-n:] if len(self._kept) >= n else None

    def total(self, n: int) -> float | None:
        """The sum of the last n values, rounded once; None before there are n."""
        values = self.last(n)
        return None if values is None else math.fsum(values)


class RthSoFar:
    """What the RTH bars of the date come to.

    open: of the first; None before it, and where the feed began later. bars, volume: counted. delta: contracts bought less
    sold, NaN once a bar had no order flow. side: consecutive closes above the VWAP, or below it as a negative number.
    crossings: how often the close has changed the side.
    """

    __slots__ = ("bars", "crossings", "delta", "open", "side", "volume")

    def __init__(self) -> None:
        self.open: float | None = None
        self.bars = 0
        self.volume = 0
        self.delta = 0.0
        self.side = 0
        self.crossings = 0

    def fold(self, s: Session, delta: float | None) -> None:
        """Take an RTH bar."""
        if s.i == 0:
            self.open = s.bar.open
        self.bars += 1
        self.volume += s.bar.volume
        self.delta += math.nan if delta is None else delta
        if s.vwap is None or s.bar.close == s.vwap:
            return
        sign = 1 if s.bar.close > s.vwap else -1
        if self.side * sign < 0:
            self.crossings += 1
            self.side = sign
        else:
            self.side += sign


class Moment:
    """The newest bar, and what leads to it. `start` begins a trade date, `fold` takes a bar.

    s, bar: the newest. atr: ATR 14 in points, None while it is missing or nothing moves. r: height of the valid initial balance.
    weekday: of the trade date, 0 for Monday. first_open, high, low: of the date so far. rth: of its RTH bars.
    run: consecutive closes above the one before, or below as a negative number. delta: contracts bought less sold of the bar.
    closes, highs, lows, heights, volumes, up_volumes, deltas, vwaps, vwaps_eth, ema20s: of the last bars; up_volumes has the volume
    of bars that closed above their open, else 0. ways, squares, rises: of the moves from close to close, |c - c[1]|, its square,
    and 1 for one upwards, else 0. true_range: of the bar. crosses: closes of each other instrument, of the last bars.
    """

    __slots__ = (
        "atr",
        "bar",
        "closes",
        "crosses",
        "delta",
        "deltas",
        "ema20s",
        "first_open",
        "heights",
        "high",
        "highs",
        "low",
        "lows",
        "r",
        "rises",
        "rth",
        "run",
        "s",
        "squares",
        "true_range",
        "up_volumes",
        "volumes",
        "vwaps",
        "vwaps_eth",
        "ways",
        "weekday",
    )

    s: Session
    bar: Bar

    def __init__(self) -> None:
        self.start("1970-01-01")

    def start(self, session: str) -> None:
        """A new trade date, YYYY-MM-DD."""
        self.weekday = dt.date.fromisoformat(session).weekday()
        self.atr: float | None = None
        self.r: float | None = None
        self.delta: float | None = None
        self.run = 0
        self.rth = RthSoFar()
        self.first_open, self.high, self.low = math.nan, -math.inf, math.inf
        self.closes, self.highs, self.lows, self.heights = Last(), Last(), Last(), Last()
        self.ways, self.squares, self.rises = Last(), Last(), Last()
        self.true_range = 0.0
        self.volumes, self.up_volumes, self.deltas = Last(), Last(), Last()
        self.vwaps, self.vwaps_eth, self.ema20s = Last(), Last(), Last()
        self.crosses: dict[str, Last] = {}

    def fold(self, s: Session) -> None:
        """Take the next bar of the date."""
        bar, before = s.bar, self.closes.back(0)
        self.s, self.bar = s, bar
        if before is None:
            self.first_open, before = bar.open, bar.close
            self.true_range = bar.high - bar.low
        else:
            move = bar.close - before
            self.true_range = max(bar.high, before) - min(bar.low, before)
            self.ways.add(abs(move))
            self.squares.add(move * move)
            self.rises.add(move > 0)
        self.high, self.low = max(self.high, bar.high), min(self.low, bar.low)
        ask, bid = bar.ask_volume, bar.bid_volume
        known = ask is not None and bid is not None and (ask + bid > 0 or not bar.volume)
        self.delta = float(ask - bid) if known and ask is not None and bid is not None else None
        sign = (bar.close > before) - (bar.close < before)
        self.run = self.run + sign if self.run * sign > 0 else sign
        self.closes.add(bar.close)
        self.highs.add(bar.high)
        self.lows.add(bar.low)
        self.heights.add(bar.high - bar.low)
        self.volumes.add(bar.volume)
        self.up_volumes.add(bar.volume if bar.close > bar.open else 0)
        self.deltas.add(self.delta)
        self.vwaps.add(s.vwap)
        self.vwaps_eth.add(s.vwap_eth)
        self.ema20s.add(s.ema20)
        self._fold_cross(bar)
        if s.rth:
            self.rth.fold(s, self.delta)
        atr, ib = s.atr14, s.ib
        self.atr = atr if atr is not None and atr > abs(bar.close) * LEAST_ATR else None
        self.r = ib.high - ib.low if ib is not None and ib.valid else None

    def _fold_cross(self, bar: Bar) -> None:
        here = {each.instrument: each.close for each in bar.cross}
        for name in here:
            if name not in self.crosses:
                self.crosses[name] = Last()
        for name, closes in self.crosses.items():
            closes.add(here.get(name))

    def in_atr(self, points: float | None) -> float | None:
        """A distance in points as a multiple of ATR."""
        return None if points is None or self.atr is None else points / self.atr

    def from_level(self, level: float | None) -> float | None:
        """How far the close lies above a price, in ATR; below 0 beneath it."""
        return None if level is None else self.in_atr(self.bar.close - level)

    def up_to(self, prices: Iterable[float]) -> float | None:
        """From the close up to the nearest of these prices above it, in ATR; None without one."""
        close = self.bar.close
        return self.in_atr(min((price - close for price in prices if price > close), default=None))

    def down_to(self, prices: Iterable[float]) -> float | None:
        """From the close down to the nearest of these prices below it, in ATR; None without one."""
        close = self.bar.close
        return self.in_atr(min((close - price for price in prices if price < close), default=None))

    def moved(self, n: int) -> float | None:
        """The close less the close n bars before, in points."""
        before = self.closes.back(n)
        return None if before is None else self.bar.close - before

    def extremes(self, n: int) -> tuple[float, float] | None:
        """Low and high of the last n bars; None before there are n."""
        lows, highs = self.lows.last(n), self.highs.last(n)
        return None if lows is None or highs is None else (min(lows), max(highs))


def ratio(part: float | None, whole: float | None) -> float | None:
    """part / whole; None where one is missing or the whole is 0."""
    return part / whole if part is not None and whole else None


def place(price: float | None, low: float | None, high: float | None) -> float | None:
    """Where a price lies: 0 at low, 1 at high, beyond both outside; None of an empty range."""
    return None if price is None or low is None or high is None or high <= low else (price - low) / (high - low)


def valid(made: Range | None) -> Range | None:
    """A range of the opening once it is over and valid."""
    return made if made is not None and made.valid else None

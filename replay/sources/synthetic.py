"""Invented sessions in NinjaTrader's export format, by seed: for demonstrations, tests and measurements.

Each session is given a day type's shape: a path through its initial balance and beyond, in units of the IB range R (0 is the
IB low, 1 its high), with a Brownian bridge between the points. Some bars are scripted, a low that holds or a high that fails, so
that the playbook's setups do occur. The reversals are built in: results on this data are no evidence of profit.

The same seed gives the same bytes, and the first sessions do not depend on how many follow. The indicator columns of a real export
are absent, as no rule reads them.
"""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tapewire.bus import disk
from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.calendar import FILE, calendar_for

HEADER = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid,vol_delta,session_date"
COMMENT = "#schema: tapewire synthetic, volumetric=True"
RTH = 390
IB = 60
EVENING = 930  # bars from 18:01 to 09:30
AFTER = 60  # bars from 16:01 to 17:00
NQ_START = 25_000.0
WICK = 0.03  # room that closes leave for wicks within a shape's limits, in IB ranges

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]


class Hold(NamedTuple):
    """One bar that dips below the IB low, is bought on twice the volume, and closes above it."""

    minute: int


class SweepBar(NamedTuple):
    """One bar that trades above the IB high, is sold on twice the volume, and closes below it."""

    minute: int


class Shape(NamedTuple):
    """A kind of day. ib: R in points, least and most. path: (RTH minute, level); the first 60 minutes span 0 to 1.

    limits: levels that prices after the IB do not leave. scripted: single bars with a fixed role.
    """

    ib: tuple[int, int]
    path: tuple[tuple[int, float], ...]
    limits: tuple[float, float]
    scripted: tuple[Hold | SweepBar, ...] = ()


SHAPES = {
    "b_day": Shape(
        (110, 150),
        ((0, 0.5), (10, 0.9), (28, 0.05), (44, 0.95), (60, 0.45), (80, 0.6), (128, 0.7), (190, 0.06), (240, 0.75), (320, 0.4)),
        (-0.12, 1.12),
        (Hold(97), SweepBar(150)),
    ),
    "p_day": Shape(
        (150, 200),
        ((0, 0.4), (3, 0.0), (11, 0.85), (35, 0.92), (60, 0.95), (76, 1.26), (100, 1.3), (122, 1.23), (200, 1.4), (390, 0.9)),
        (0.7, 1.48),
    ),
    "trend_up": Shape(
        (140, 190),
        ((0, 0.3), (3, 0.0), (12, 0.8), (35, 0.9), (60, 0.98), (76, 1.26), (100, 1.32), (120, 1.24), (160, 1.6), (390, 2.8)),
        (0.9, 3.2),
    ),
    "b_day_bear": Shape(
        (120, 170),
        ((0, 0.6), (12, 0.95), (30, 0.3), (60, 0.2), (85, -0.25), (130, -0.4), (165, -0.15), (205, -0.6), (300, 0.35), (390, 0.2)),
        (-0.8, 0.8),
    ),
    "trend_down": Shape(
        (120, 170),
        ((0, 0.75), (12, 1.0), (34, 0.4), (60, 0.08), (80, -0.2), (100, -0.45), (118, -0.62), (150, -0.9), (390, -1.9)),
        (-2.3, 0.3),
    ),
    "neutral": Shape(
        (130, 180),
        ((0, 0.4), (14, 0.05), (38, 0.95), (60, 0.6), (90, 1.14), (130, 0.5), (175, 0.05), (200, 0.2), (250, 0.6), (390, 0.5)),
        (-0.16, 1.18),
        (Hold(160),),
    ),
}
KINDS = tuple(SHAPES)

# V-Reversal's purchase (playbook 8.3), minute by minute: open, high, low and close, in points of NQ above its swing high. The swing
# high, the fall, the breakout, the bar that comes back, the one that fills the limit, the target. A sale is the same upside down.
V = (
    (-2.0, 0.0, -2.5, -1.0),
    (-1.0, -1.0, -6.0, -5.5),
    (-5.5, -5.0, -11.0, -10.5),
    (-10.5, -10.0, -17.0, -16.5),
    (-16.5, -16.0, -24.0, -22.0),
    (-22.0, -16.0, -22.5, -16.5),
    (-16.5, -9.0, -17.0, -9.5),
    (-9.5, -3.0, -10.0, -3.5),
    (-3.5, 3.0, -4.0, 2.5),
    (2.5, 2.75, 0.25, 1.5),
    (1.5, 2.25, 0.5, 2.0),
    (2.0, 5.5, 1.5, 5.0),
    (5.0, 6.0, 3.0, 3.5),
    (3.5, 4.0, 1.0, 1.5),
)
V_MINUTES = ((541, 1), (575, -1))  # bar of the night at which one begins: the purchase at 03:02, the sale at 03:36
V_BEFORE = 14  # bars whose highs the swing high exceeds


class TickBars(NamedTuple):
    """Consecutive minutes in ticks and contracts. ask is the volume bought at the ask."""

    open: Whole
    high: Whole
    low: Whole
    close: Whole
    volume: Whole
    ask: Whole


def generate(
    folder: Path,
    *,
    sessions: int,
    seed: int,
    start: dt.date,
    kinds: Sequence[str] = KINDS,
    v_reversals: bool = False,
) -> list[str]:
    """Write NQ, ES and YM exports and a calendar.json without special days.

    Args:
        sessions: trading days from `start` on; weekends, holidays and half days of the exchange are left out.
        seed: 0 or more. kinds: names of SHAPES; each is used once before any is used again.
        v_reversals: the first night holds a purchase and a sale of V-Reversal, on the scale of NQ.
    Returns:
        The kind of each session, in order.
    Raises:
        ConfError: an unknown kind, or a number that makes no sense.
    """
    for kind in kinds:
        if kind not in SHAPES:
            raise ConfError(f"unknown kind of day {kind!r}{suggest(kind, KINDS)}; known: {', '.join(KINDS)}")
    if sessions < 1 or seed < 0 or not kinds:
        raise ConfError(f"sessions={sessions}, seed={seed}, {len(kinds)} kinds: at least 1, 0 and 1 are needed")
    folder.mkdir(parents=True, exist_ok=True)
    order = _order(kinds, sessions, seed)
    markets = [
        _Market("NQ", 0.25, NQ_START),
        _Market("ES", 0.25, 6_800.0, beta=0.72, activity=1.6),
        _Market("YM", 1.0, 48_800.0, beta=0.55, activity=0.3),
    ]
    lines: dict[str, list[str]] = {market.root: [COMMENT, HEADER] for market in markets}
    last = NQ_START
    for number, (day, kind) in enumerate(zip(_trading_days(start, sessions), order, strict=True)):
        rng = np.random.default_rng((seed, number))
        planned = V_MINUTES if v_reversals and number == 0 else ()
        path = _day(rng, SHAPES[kind], last, planned)
        last = float(path.close[-1]) * 0.25
        stamps, kept = _stamps(rng, day)
        for at, _ in planned:
            kept[at - V_BEFORE : at + len(V)] = True
        for market in markets:
            bars = path if market.root == "NQ" else market.follow(rng, path, planned)
            lines[market.root] += _rows(market, bars, stamps, kept, day)
    for root, content in lines.items():
        _pack(folder / f"{root}_Volumetric_1.csv.gz", "\n".join(content) + "\n")
    disk.replace(folder / FILE, msgspec.json.encode({"half_days": {}, "holidays": []}) + b"\n")
    return order


def _order(kinds: Sequence[str], sessions: int, seed: int) -> list[str]:
    rng = np.random.default_rng((seed, len(kinds), 1))
    order: list[str] = []
    while len(order) < sessions:
        order += [kinds[at] for at in rng.permutation(len(kinds))]
    return order[:sessions]


def _trading_days(start: dt.date, sessions: int) -> list[dt.date]:
    days: list[dt.date] = []
    while len(days) < sessions:
        end = start + dt.timedelta(days=365)
        calendar = calendar_for(None, start, end)
        special = {*calendar.half_days, *calendar.holidays}
        all_days = (start + dt.timedelta(days=at) for at in range(365))
        days += [day for day in all_days if day.weekday() < 5 and day.isoformat() not in special]
        start = end
    return days[:sessions]


def _stamps(rng: np.random.Generator, day: dt.date) -> tuple[list[str], NDArray[np.bool_]]:
    """Close stamps of a trade date in wall-clock time, and which of them have a bar: some quiet minutes of the night have none."""
    first = dt.datetime.combine(day - dt.timedelta(days=1), dt.time(18, 1))
    stamps = [f"{first + dt.timedelta(minutes=at):%Y-%m-%dT%H:%M}:00.000" for at in range(EVENING + RTH + AFTER)]
    kept = rng.random(len(stamps)) > 0.012
    kept[0] = True
    kept[EVENING : EVENING + RTH] = True
    return stamps, kept


def _day(rng: np.random.Generator, shape: Shape, last: float, planned: Sequence[tuple[int, int]]) -> TickBars:
    """NQ bars of one trade date that starts near the last price. planned: bars at which a V begins, each with its side."""
    height = float(rng.integers(shape.ib[0] * 4, shape.ib[1] * 4 + 1)) / 4
    opens = last + float(rng.normal(0, 25))
    low = opens - shape.path[0][1] * height
    night = _bridge(rng, [(0, last), (int(rng.integers(300, 600)), opens + float(rng.normal(0, 12))), (EVENING, opens)], 1.3)
    scripted = [bar._replace(minute=bar.minute + int(rng.integers(-6, 7))) for bar in shape.scripted]
    rth = _regular(rng, shape, scripted) * height + low
    after = _bridge(rng, [(0, rth[-1, 3]), (AFTER, rth[-1, 3] + float(rng.normal(0, 8)))], 1.5)
    prices = np.concatenate((_candles(rng, night, 1.2), rth, _candles(rng, after, 1.4)))
    for at, side in planned:
        _draw_v(prices, at, side, 0.25)
    ticks = np.rint(prices * 4).astype(np.int64)
    activity = np.concatenate((_night_volume(), _rth_volume(), np.full(AFTER, 150.0)))
    boost, lean = np.ones(len(ticks)), np.full(len(ticks), np.nan)
    for bar in scripted:
        boost[EVENING + bar.minute - 1] = 2.4
        lean[EVENING + bar.minute - 1] = 0.3 if isinstance(bar, Hold) else -0.3
    return _traded(rng, ticks, activity, boost, lean)


def _draw_v(prices: Floats, at: int, side: int, tick: float, scale: float = 1.0) -> None:
    """Put a V in place of the bars from `at` on. side: 1 for a purchase, -1 for a sale. scale: points for a point of NQ."""
    before = np.rint(prices[at - V_BEFORE : at] / tick)
    swing = before[:, 1].max() + 1 if side > 0 else before[:, 2].min() - 1
    candles = (swing + side * np.rint(np.array(V) * scale / tick)) * tick
    prices[at : at + len(V)] = candles if side > 0 else candles[:, [0, 2, 1, 3]]


def _regular(rng: np.random.Generator, shape: Shape, scripted: Sequence[Hold | SweepBar]) -> Floats:
    """Open, high, low, close of the RTH bars in levels of the IB. The first hour spans its range exactly."""
    by_minute = {0: shape.path[0][1], IB: dict(shape.path)[IB]}
    for minute, level in shape.path:
        if minute not in by_minute:
            moved = minute if minute == RTH else max(minute + int(rng.integers(-3, 4)), 1)
            by_minute[moved] = level + float(rng.normal(0, 0.02))
    for bar in scripted:
        before, after = (0.1, 0.09) if isinstance(bar, Hold) else (0.94, 0.88)
        by_minute |= {bar.minute - 1: before, bar.minute: after}
    by_minute.setdefault(RTH, shape.path[-1][1])
    closes = _bridge(rng, sorted(by_minute.items()), 0.022)
    closes[IB:] = _reflected(closes[IB:], shape.limits[0] + WICK, shape.limits[1] - WICK)
    candles = _candles(rng, closes, 0.018)
    first = candles[:IB]
    candles[:IB] = (first - first.min()) / (first.max() - first.min())
    candles[IB:] = np.clip(candles[IB:], *shape.limits)
    candles[IB, 0] = candles[IB - 1, 3]
    for bar in scripted:
        candle = candles[bar.minute - 1]
        if isinstance(bar, Hold):
            candle[:] = (0.05, 0.1, -0.05, 0.09)
        else:
            candle[:] = (0.95, 1.06, 0.87, 0.88)
    candles[:, 1] = candles.max(axis=1)
    candles[:, 2] = candles.min(axis=1)
    return candles


def _bridge(rng: np.random.Generator, points: Sequence[tuple[int, float]], noise: float) -> Floats:
    """A random walk of step `noise` per minute that passes through the points; one value per minute, the first included."""
    pieces = [np.array([points[0][1]])]
    for (since, value), (until, target) in pairwise(points):
        steps = np.cumsum(rng.normal(0, noise, until - since))
        share = np.arange(1, until - since + 1) / (until - since)
        pieces.append(value + (target - value) * share + steps - steps[-1] * share)
    return np.concatenate(pieces)


def _reflected(path: Floats, low: float, high: float) -> Floats:
    """The same walk between two mirrors."""
    span = high - low
    folded: Floats = high - np.abs((path - low) % (2 * span) - span)
    return folded


def _candles(rng: np.random.Generator, path: Floats, wick: float) -> Floats:
    """Open, high, low, close from a path of closes: each bar opens near the last close."""
    opens = path[:-1] + rng.normal(0, wick / 4, len(path) - 1)
    closes = path[1:]
    high = np.maximum(opens, closes) + rng.exponential(wick, len(closes))
    low = np.minimum(opens, closes) - rng.exponential(wick, len(closes))
    return np.stack((opens, high, low, closes), axis=1)


def _traded(rng: np.random.Generator, ticks: Whole, activity: Floats, boost: Floats, lean: Floats) -> TickBars:
    """Volume that grows with the bar's range, and order flow in the bar's direction unless another one is given."""
    opens, high, low, closes = ticks.T
    span = (high - low) / max(float(np.mean(high - low)), 1.0)
    volume = activity * boost * rng.lognormal(0, 0.25, len(ticks)) * (0.6 + 0.4 * span)
    drift = 0.25 * np.tanh((closes - opens) / np.maximum(high - low, 1) * 1.5) + rng.normal(0, 0.07, len(ticks))
    share = np.clip(np.where(np.isnan(lean), drift, lean), -0.7, 0.7)
    contracts = np.maximum(np.rint(volume), 2).astype(np.int64)
    return TickBars(opens, high, low, closes, contracts, np.rint(contracts * (1 + share) / 2).astype(np.int64))


def _rth_volume() -> Floats:
    """Contracts per minute through the day: busy at both bells, quiet at noon."""
    minute = np.arange(RTH)
    shape: Floats = 1000 * (1 + 2.6 * np.exp(-minute / 28) + 1.4 * np.exp((minute - RTH) / 18))
    return shape


def _night_volume() -> Floats:
    """Contracts per minute of the night: thin in Asia, more in London (02:00 to 05:00) and before the bell."""
    minute = np.arange(EVENING)
    shape: Floats = 110 + 120 * np.exp(-(((minute - 570) / 90) ** 2)) + 250 * np.exp((minute - EVENING) / 60)
    return shape


class _Market:
    """How one root follows NQ: by a share `beta` of its moves and volume, plus a move of its own that returns to zero."""

    def __init__(self, root: str, tick: float, start: float, beta: float = 1.0, activity: float = 1.0) -> None:
        self.root = root
        self.activity = activity
        self.tick = tick
        self.start = start
        self.beta = beta

    def follow(self, rng: np.random.Generator, leader: TickBars, planned: Sequence[tuple[int, int]]) -> TickBars:
        own = np.zeros(len(leader.close) + 1)
        shocks = rng.normal(0, 0.00006, len(own))
        for at in range(1, len(own)):
            own[at] = 0.97 * own[at - 1] + shocks[at]
        moves = {name: getattr(leader, name) * 0.25 / NQ_START for name in ("open", "high", "low", "close")}
        prices = [self.start * moves[name] ** self.beta * (1 + own[at:][: len(leader.close)]) for name, at in _OWN]
        points = np.stack(prices, axis=1)
        for at, side in planned:
            _draw_v(points, at, side, self.tick, self.start * self.beta / NQ_START)
        ticks = np.rint(points / self.tick).astype(np.int64)
        ticks[:, 1], ticks[:, 2] = ticks.max(axis=1), ticks.min(axis=1)
        flat, free = np.ones(len(ticks)), np.full(len(ticks), np.nan)
        return _traded(rng, ticks, leader.volume * np.float64(self.activity), flat, free)


# A bar opens with the root's own move of a minute ago and closes with the current one.
_OWN = (("open", 0), ("high", 1), ("low", 1), ("close", 1))


def _rows(market: _Market, bars: TickBars, stamps: Sequence[str], kept: NDArray[np.bool_], day: dt.date) -> Iterator[str]:
    places = 2 if market.tick < 1 else 0
    for at in map(int, np.flatnonzero(kept)):
        prices = ",".join(f"{float(ticks[at]) * market.tick:.{places}f}" for ticks in bars[:4])
        volume, ask = int(bars.volume[at]), int(bars.ask[at])
        flow = f"{volume},{ask},{volume - ask},{2 * ask - volume}"
        yield f"{stamps[at]},{market.root},Volumetric_1,{prices},{flow},{day.isoformat()}"


def _pack(path: Path, text: str) -> None:
    with disk.whole(path) as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(text.encode())

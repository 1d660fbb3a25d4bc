"""A session as a drawing: one-minute candles with VWAP, initial balance, day type, volume and trades.

A session's candles are four paths instead of 780 elements, so that a report of many sessions stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from msgspec import Struct

from tapewire.bus.messages import LONG
from tapewire.replay import tapes
from tapewire.replay.report import profile
from tapewire.replay.report.facts import DrawnSession, Holding, Minute
from tapewire.replay.report.plot import Scale, above, down, mark, padded, percent, plot, steps
from tapewire.replay.report.text import money, price, text
from tapewire.strategies.clock import RTH_OPEN, hhmm

SLOT = 2  # units of width of a minute; a body is a stroke of 1.2 of them
IB_ENDS = 10 * 60 + 30
LEGIBLE = 0.04  # of the height between two names
CROWDED = 60  # trades in one session; with more, brackets and large markers would hide the prices
PRICES = Scale(-0.30, 1.0)  # prices stand above, day types and volume below them
RIBBON, VOLUME = (-0.075, -0.025), (-0.30, -0.105)


class Frame(Struct, frozen=True):
    """Where a session is drawn. opens, closes: minutes. prices: from a price to a share of the part above."""

    opens: int
    closes: int
    prices: Scale

    @property
    def width(self) -> int:
        return (self.closes - self.opens) * SLOT

    def x(self, minute: float) -> int:
        """The middle of a minute, by its close."""
        return round((minute - self.opens - 0.5) * SLOT)

    def share(self, minute: float) -> float:
        return self.x(minute) / self.width

    def y(self, price: float) -> int:
        return down(PRICES(self.prices(price)))

    def height(self, price: float) -> float:
        return PRICES(self.prices(price))

    def shows(self, price: float) -> bool:
        return 0 <= self.prices(price) <= 1


def session(day: DrawnSession, day_type: str) -> str:
    """The whole drawing. day_type: the model that the preset reads."""
    minutes = day.minutes
    closes = max(minutes[-1].closes if minutes else 0, RTH_OPEN + 1)
    frame = Frame(RTH_OPEN, closes, _price_range(day))
    times = [
        (frame.share(minute + 0.5), hhmm(minute), int((minute - RTH_OPEN) % 120 != 0))
        for minute in range(RTH_OPEN, closes - 15, 30)
    ]
    y = [(PRICES(place), words, rank) for place, words, rank in steps(frame.prices, 7, lambda value: f"{value:,.10g}")]
    return plot(
        "session-plot",
        f"{day.instrument} {day.session}, prices and trades",
        frame.width,
        (
            *_balance(frame, minutes),
            *(profile.paths(day.profile, frame.width, frame.y, frame.shows) if day.profile is not None else ()),
            *_volume(frame, minutes),
            *_ribbon(frame, minutes, day_type),
            *_candles(frame, minutes),
            *_vwap(frame, minutes),
            *_paths(frame, day),
        ),
        (*_names(frame, day, day_type), *_marks(frame, day)),
        y=y,
        x=times,
    )


def hidden(day: DrawnSession) -> int:
    """How many of its trades cannot be drawn: entered outside the minutes that are."""
    return sum(not _shown(day, holding) for holding in day.holdings)


def _shown(day: DrawnSession, holding: Holding) -> bool:
    closes = day.minutes[-1].closes if day.minutes else RTH_OPEN
    stamp = tapes.wall(holding.trade.entry_ns)
    return stamp[:10] == day.session and RTH_OPEN < _minute(holding.trade.entry_ns) <= closes


def _price_range(day: DrawnSession) -> Scale:
    """A range with room for every bar and for near brackets; a distant stop must not flatten the session."""
    low = min((m.bar.low for m in day.minutes), default=0.0)
    high = max((m.bar.high for m in day.minutes), default=1.0)
    reach = (high - low) * 0.15
    for holding in day.holdings if len(day.holdings) <= CROWDED else ():
        for level in (holding.trade.target, *(stop for _, stop in holding.stops)):
            if level is not None:
                low, high = min(low, max(level, low - reach)), max(high, min(level, high + reach))
    return padded(low, high, 0.03)


def _balance(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    """The first hour as a shaded field, and its high, low and middle for the rest of the session."""
    edge = frame.x(IB_ENDS + 0.5)
    levels = dict(_balance_levels(minutes))
    if levels:
        yield f'<path class="ib" d="M0 {frame.y(levels["IBH"])}H{edge}V{frame.y(levels["IBL"])}H0z"/>'
    for name, value in levels.items():
        kind = "ib-mid" if name == "IBM" else "ib-edge"
        yield f'<path class="{kind}" d="M{edge} {frame.y(value)}H{frame.width}"><title>{name} {price(value)}</title></path>'


def _balance_levels(minutes: Sequence[Minute]) -> tuple[tuple[str, float], ...]:
    """The lines of the valid initial balance by name; empty without one."""
    ib = next((m.ib for m in reversed(minutes) if m.ib is not None and m.ib.valid), None)
    return (("IBH", ib.high), ("IBM", (ib.high + ib.low) / 2), ("IBL", ib.low)) if ib else ()


def _candles(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    wicks: dict[str, list[str]] = {"up": [], "down": []}
    bodies: dict[str, list[str]] = {"up": [], "down": []}
    for m in minutes:
        side = "up" if m.bar.close >= m.bar.open else "down"
        x, opened, closed = frame.x(m.minute), frame.y(m.bar.open), frame.y(m.bar.close)
        tall = max(abs(opened - closed), 1)
        wicks[side].append(f"M{x} {frame.y(m.bar.high)}V{frame.y(m.bar.low)}")
        bodies[side].append(f"M{x} {min(opened, closed)}v{tall}")
    for side in ("up", "down"):
        if wicks[side]:
            yield f'<path class="wick {side}" d="{"".join(wicks[side])}"/><path class="body {side}" d="{"".join(bodies[side])}"/>'


def _vwap(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    points = [(frame.x(m.minute), frame.y(m.vwap)) for m in minutes if m.vwap is not None]
    if points:
        moves = "".join(f"l{x - left} {y - before}" for (left, before), (x, y) in pairwise(points))
        yield f'<path class="vwap" d="M{points[0][0]} {points[0][1]}{moves}"><title>VWAP from 09:30</title></path>'


def _volume(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    most = max((m.bar.volume for m in minutes), default=0) or 1
    base, top = down(PRICES(VOLUME[0])), down(PRICES(VOLUME[1]))
    bars = (f"M{frame.x(m.minute)} {base}v-{round(m.bar.volume / most * (base - top))}" for m in minutes)
    yield f'<path class="volume" d="{"".join(bars)}"/>'


def _runs(minutes: Sequence[Minute], day_type: str) -> Iterator[tuple[str, int, int]]:
    """Each day type with its first and last minute, as the strategies read it."""
    typed = [(m.minute, m.day_type_midpoint if day_type == "midpoint" else m.day_type_edge) for m in minutes]
    for kind, group in groupby((pair for pair in typed if pair[1] != "none"), key=lambda pair: pair[1]):
        run = [minute for minute, _ in group]
        yield kind, run[0], run[-1]


def _ribbon(frame: Frame, minutes: Sequence[Minute], day_type: str) -> Iterator[str]:
    """The day types below the prices."""
    base, top = (down(PRICES(edge)) for edge in RIBBON)
    for kind, first, last in _runs(minutes, day_type):
        title = f"<title>{text(kind)}, {hhmm(first)} to {hhmm(last)}</title>"
        edges = f"M{frame.x(first - 0.5)} {top}H{frame.x(last + 0.5)}V{base}H{frame.x(first - 0.5)}z"
        yield f'<path class="type {text(kind)}" d="{edges}">{title}</path>'


def _names(frame: Frame, day: DrawnSession, day_type: str) -> Iterator[str]:
    """Names of levels and day types. A short ribbon has none: its title says it."""
    minutes = day.minutes
    named: list[float] = []
    for _, value, name in profile.lines(day.profile, frame.shows) if day.profile is not None else ():
        place = frame.height(value)
        if all(abs(place - other) > LEGIBLE for other in named):
            named.append(place)
            yield f'<text class="profile-name" x="0.4%" y="{above(place)}" dy="-4">{name}</text>'
    for name, value in _balance_levels(minutes):
        yield f'<text class="ib-name" x="99.6%" y="{above(frame.height(value))}" dy="-4">{name}</text>'
    middle = above(PRICES(sum(RIBBON) / 2))
    for kind, first, last in _runs(minutes, day_type):
        if (last - first + 1) * SLOT / frame.width > 0.02 + 0.0075 * len(kind):
            roomy = "" if (last - first + 1) * SLOT / frame.width > 0.05 + 0.022 * len(kind) else " minor"
            yield f'<text class="type-name{roomy}" x="{percent(frame.share(first))}" y="{middle}" dy="3.5">{text(kind)}</text>'


def _paths(frame: Frame, day: DrawnSession) -> Iterator[str]:
    """From entry to exit, and the brackets between. Those beyond the prices are cut off at their edge."""
    floor, crowded = down(PRICES(0)), len(day.holdings) > CROWDED

    def y(price: float) -> int:
        return min(max(frame.y(price), 0), floor)

    held: dict[str, list[str]] = {"win": [], "lose": []}
    for holding in day.holdings:
        if not _shown(day, holding):
            continue
        trade = holding.trade
        entry, left = frame.x(_minute(trade.entry_ns)), _left(frame, day, holding)
        held["win" if trade.net_cents > 0 else "lose"].append(f"M{entry} {y(trade.entry_price)}L{left} {y(trade.exit_price)}")
        if crowded:
            continue
        until = max(left, entry + 2)
        if holding.stops:
            stops = [(max(frame.x(_minute(at_ns)), entry), y(stop)) for at_ns, stop in holding.stops]
            path = f"M{entry} {stops[0][1]}" + "".join(f"H{x}V{height}" for x, height in stops[1:]) + f"H{until}"
            yield f'<path class="stop" d="{path}"/>'
        if trade.target is not None:
            yield f'<path class="target" d="M{entry} {y(trade.target)}H{until}"/>'
    for kind, paths in held.items():
        if paths:
            yield f'<path class="held {kind}" d="{"".join(paths)}"/>'


def _marks(frame: Frame, day: DrawnSession) -> Iterator[str]:
    """A triangle for each entry, a diamond for its exit, which tell the whole trade; of a crowded session a dot for each."""
    crowded = len(day.holdings) > CROWDED
    size = 4.5 if len(day.holdings) > 15 else 6.5
    half = size * 0.8
    diamond = f"M0-{half:.1f}l{half:.1f} {half:.1f}-{half:.1f} {half:.1f}-{half:.1f}-{half:.1f}z"
    for holding in day.holdings:
        if not _shown(day, holding):
            continue
        trade = holding.trade
        won = "win" if trade.net_cents > 0 else "lose"
        entry, height = frame.share(_minute(trade.entry_ns)), frame.height(trade.entry_price)
        title = f"<title>{text(_title(holding))}</title>"
        if crowded:
            yield f'<circle class="trade {won}" cx="{percent(entry)}" cy="{above(height)}" r="3">{title}</circle>'
            continue
        lean = size if trade.direction == LONG else -size
        arrow = f"M0 {-lean:.1f}l{size * 0.85:.1f} {lean * 1.7:.1f}h-{size * 1.7:.1f}z"
        left = _left(frame, day, holding) / frame.width
        yield (
            f'<g class="trade {won}">{title}{mark("entry", entry, height, arrow)}'
            f"{mark('exit', left, frame.height(trade.exit_price), diamond)}</g>"
        )


def _title(holding: Holding) -> str:
    trade = holding.trade
    return (
        f"{trade.strategy} {trade.direction} {trade.size}\n"
        f"in {tapes.wall(trade.entry_ns)[11:16]} at {price(trade.entry_price)}\n"
        f"out {tapes.wall(trade.exit_ns)[11:16]} at {price(trade.exit_price)}, {trade.reason}\n"
        f"stop {price(trade.stop)}, target {price(trade.target)}\n"
        f"net {money(trade.net_cents / 100)}"
    )


def _left(frame: Frame, day: DrawnSession, holding: Holding) -> int:
    """Where a trade ends; one over night, or after the close, at the edge."""
    if tapes.wall(holding.trade.exit_ns)[:10] > day.session:
        return frame.width
    return min(frame.x(_minute(holding.trade.exit_ns)), frame.width)


def _minute(at_ns: int) -> int:
    stamp = tapes.wall(at_ns)
    return int(stamp[11:13]) * 60 + int(stamp[14:16])

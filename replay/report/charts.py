"""The page's drawings as SVG: realised equity, and one price chart per session.

Colours are classes, so that the page's style sets them for light and dark. A session's candles are four paths instead of 780
elements, so that a report of many sessions stays small and scrolls smoothly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from tapewire.bus.messages import LONG, Trade
from tapewire.replay import tapes
from tapewire.replay.report.facts import Holding, Minute, TradedSession
from tapewire.replay.report.text import money, price, text
from tapewire.strategies.clock import RTH_OPEN, hhmm

WIDTH = 1120
AXIS = 64  # room for labels on the right
IB_ENDS = 10 * 60 + 30
CROWDED = 60  # trades in one session; with more, brackets and large markers would hide the prices

Scale = Callable[[float], float]


def equity(trades: Sequence[Trade]) -> str:
    """Net profit realised after each trade, from 0, in dollars; the horizontal axis counts trades, ruled where a date begins."""
    height, top, bottom = 240, 12, 26
    values = [cents / 100 for cents in accumulate((trade.net_cents for trade in trades), initial=0)]
    low, high = _padded(min(values), max(values), 0.08)
    x = _scale(0, len(trades), 0, WIDTH - AXIS)
    y = _scale(low, high, height - bottom, top)
    points = [f"{x(at):.1f} {y(value):.1f}" for at, value in enumerate(values)]
    line = "M" + "L".join(points)
    parts = [*_price_grid(low, high, y, lambda value: money(value, signed=False).removesuffix(".00"))]
    starts = [at for at, trade in enumerate(trades) if at == 0 or trade.session != trades[at - 1].session]
    labelled = -1e9
    for at in starts:
        parts.append(f'<path class="rule" d="M{x(at):.1f} {top}V{height - bottom}"/>')
        if x(at) - labelled >= 86:
            labelled = x(at)
            parts.append(f'<text x="{x(at) + 4:.1f}" y="{height - 8}">{text(trades[at].session)}</text>')
    parts.append(f'<path class="zero" d="M0 {y(0):.1f}H{WIDTH - AXIS}"/>')
    parts.append(f'<path class="equity-area" d="{line}V{y(0):.1f}H0Z"/><path class="equity" d="{line}"/>')
    if len(trades) <= 400:
        radius = 3 if len(trades) <= 80 else 1.8
        for at, (trade, value) in enumerate(zip(trades, values[1:], strict=True), 1):
            title = f"{tapes.wall(trade.exit_ns)}  {trade.strategy}  {money(trade.net_cents / 100)}, equity {money(value)}"
            parts.append(
                f'<circle class="dot" cx="{x(at):.1f}" cy="{y(value):.1f}" r="{radius}"><title>{text(title)}</title></circle>'
            )
    return _svg(height, f"Realised equity over {len(trades)} trades", parts)


class Frame(NamedTuple):
    """Where a session chart draws: from minute and price to pixels. bottom: the lower edge of the prices."""

    x: Scale
    y: Scale
    slot: float
    top: int
    bottom: int
    right: int


def session(day: TradedSession, day_type: str) -> str:
    """One-minute candles with VWAP, initial balance, day type, volume and trades. day_type: the model the preset reads."""
    height, top, bottom, base = 440, 10, 344, 414
    minutes = day.minutes
    closes = minutes[-1].closes if minutes else RTH_OPEN
    low, high = _price_range(day)
    right = WIDTH - AXIS
    slot = right / max(closes - RTH_OPEN, 1)
    frame = Frame(
        x=lambda minute: (minute - RTH_OPEN - 0.5) * slot,
        y=_scale(low, high, bottom, top),
        slot=slot,
        top=top,
        bottom=bottom,
        right=right,
    )
    parts = [
        *_price_grid(low, high, frame.y, lambda value: f"{value:,.10g}"),
        *_time_grid(frame, closes, height),
        *_balance(frame, minutes),
        *_volume(frame, minutes, bottom + 26, base),
        *_candles(frame, minutes),
        *_vwap(frame, minutes),
        *_balance_names(frame, minutes),
        *_day_types(frame, minutes, day_type),
        # A frame of its own cuts off brackets that lie beyond the prices; a little wider, for a marker on the last bar.
        f'<svg y="{top}" width="{right + 10}" height="{bottom - top}" viewBox="0 {top} {right + 10} {bottom - top}">',
        *_trades(frame, day.holdings),
        "</svg>",
    ]
    return _svg(height, f"{day.instrument} {day.session}, prices and trades", parts)


def _price_range(day: TradedSession) -> tuple[float, float]:
    """A range with room for every bar and for near brackets; a distant stop must not flatten the session."""
    low = min((m.bar.low for m in day.minutes), default=0.0)
    high = max((m.bar.high for m in day.minutes), default=1.0)
    reach = (high - low) * 0.15
    for holding in day.holdings if len(day.holdings) <= CROWDED else ():
        for level in (holding.trade.target, *(stop for _, stop in holding.stops)):
            if level is not None:
                low, high = min(low, max(level, low - reach)), max(high, min(level, high + reach))
    return _padded(low, high, 0.03)


def _price_grid(low: float, high: float, y: Scale, label: Callable[[float], str]) -> Iterator[str]:
    for value in round_steps(low, high, 6):
        yield f'<path class="grid" d="M0 {y(value):.1f}H{WIDTH - AXIS}"/>'
        yield f'<text x="{WIDTH - AXIS + 8}" y="{y(value) + 4:.1f}">{text(label(value))}</text>'


def _time_grid(frame: Frame, closes: int, height: int) -> Iterator[str]:
    for minute in range(RTH_OPEN, closes + 1, 30):
        x = frame.x(minute + 0.5)
        yield f'<path class="grid" d="M{x:.1f} {frame.top}V{frame.bottom}"/>'
        if minute < closes:
            yield f'<text x="{x + 3:.1f}" y="{height - 8}">{hhmm(minute)}</text>'


def _balance(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    """The first hour as a shaded field, and its high, low and middle for the rest of the session."""
    edge = frame.x(IB_ENDS + 0.5)
    levels = {name: (value, frame.y(value)) for name, value in _balance_levels(minutes)}
    if levels:
        top, low = levels["IBH"][1], levels["IBL"][1]
        yield f'<rect class="ib" x="0" y="{top:.1f}" width="{edge:.1f}" height="{low - top:.1f}"/>'
    for name, (value, y) in levels.items():
        kind = "ib-mid" if name == "IBM" else "ib-edge"
        yield f'<path class="{kind}" d="M{edge:.1f} {y:.1f}H{frame.right}"><title>{name} {price(value)}</title></path>'


def _balance_names(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    for name, value in _balance_levels(minutes):
        yield f'<text class="ib-name" x="{frame.right - 4}" y="{frame.y(value) - 4:.1f}">{name}</text>'


def _balance_levels(minutes: Sequence[Minute]) -> tuple[tuple[str, float], ...]:
    """The lines of the valid initial balance by name; empty without one."""
    ib = next((m.ib for m in reversed(minutes) if m.ib is not None and m.ib.valid), None)
    return (("IBH", ib.high), ("IBM", (ib.high + ib.low) / 2), ("IBL", ib.low)) if ib else ()


def _candles(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    half = max(frame.slot * 0.34, 0.5)
    wicks: dict[str, list[str]] = {"up": [], "down": []}
    bodies: dict[str, list[str]] = {"up": [], "down": []}
    for m in minutes:
        side = "up" if m.bar.close >= m.bar.open else "down"
        x, opened, closed = frame.x(m.minute), frame.y(m.bar.open), frame.y(m.bar.close)
        upper, tall = min(opened, closed), max(abs(opened - closed), 0.6)
        wicks[side].append(f"M{x:.1f} {frame.y(m.bar.high):.1f}V{frame.y(m.bar.low):.1f}")
        bodies[side].append(f"M{x - half:.1f} {upper:.1f}h{2 * half:.1f}v{tall:.1f}h-{2 * half:.1f}z")
    for side in ("up", "down"):
        if wicks[side]:
            yield f'<path class="wick {side}" d="{"".join(wicks[side])}"/><path class="body {side}" d="{"".join(bodies[side])}"/>'


def _vwap(frame: Frame, minutes: Sequence[Minute]) -> Iterator[str]:
    points = [f"{frame.x(m.minute):.1f} {frame.y(m.vwap):.1f}" for m in minutes if m.vwap is not None]
    if points:
        yield f'<path class="vwap" d="M{"L".join(points)}"><title>VWAP from 09:30</title></path>'


def _volume(frame: Frame, minutes: Sequence[Minute], top: int, base: int) -> Iterator[str]:
    most = max((m.bar.volume for m in minutes), default=0) or 1
    half = max(frame.slot * 0.34, 0.5)
    bars = (
        f"M{frame.x(m.minute) - half:.1f} {base}v-{m.bar.volume / most * (base - top):.1f}h{2 * half:.1f}V{base}z" for m in minutes
    )
    yield f'<path class="volume" d="{"".join(bars)}"/>'


def _day_types(frame: Frame, minutes: Sequence[Minute], day_type: str) -> Iterator[str]:
    """A ribbon below the prices with the day type of each bar, as the strategies read it."""
    y = frame.bottom + 4
    typed = [(m.minute, m.day_type_midpoint if day_type == "midpoint" else m.day_type_edge) for m in minutes]
    for kind, group in groupby((pair for pair in typed if pair[1] != "none"), key=lambda pair: pair[1]):
        run = [minute for minute, _ in group]
        x, width = frame.x(run[0] - 0.5), frame.x(run[-1] + 0.5) - frame.x(run[0] - 0.5)
        title = f"<title>{text(kind)}, {hhmm(run[0])} to {hhmm(run[-1])}</title>"
        yield f'<rect class="type {text(kind)}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="14">{title}</rect>'
        if width > 9 + 6.2 * len(kind):
            yield f'<text class="type-name" x="{x + 5:.1f}" y="{y + 10.5}">{text(kind)}</text>'


def _trades(frame: Frame, holdings: Sequence[Holding]) -> Iterator[str]:
    crowded = len(holdings) > CROWDED
    size = 2.6 if crowded else 4.5 if len(holdings) > 15 else 6.5
    for holding in holdings:
        trade = holding.trade
        entry, left = frame.x(_minute(trade.entry_ns)), frame.x(_minute(trade.exit_ns))
        bought = trade.direction == LONG
        won = "win" if trade.net_cents > 0 else "lose"
        if not crowded:
            yield from _bracket(frame, holding, entry, left)
        y_in, y_out = frame.y(trade.entry_price), frame.y(trade.exit_price)
        lean = size if bought else -size
        title = (
            f"{trade.strategy} {trade.direction} {trade.size}\n"
            f"in {tapes.wall(trade.entry_ns)[11:16]} at {price(trade.entry_price)}\n"
            f"out {tapes.wall(trade.exit_ns)[11:16]} at {price(trade.exit_price)}, {trade.reason}\n"
            f"stop {price(trade.stop)}, target {price(trade.target)}\n"
            f"net {money(trade.net_cents / 100)}"
        )
        arrow = f"M{entry:.1f} {y_in - lean:.1f}l{size * 0.85:.1f} {lean * 1.7:.1f}h-{size * 1.7:.1f}z"
        half = size * 0.8
        diamond = f"M{left:.1f} {y_out - half:.1f}l{half:.1f} {half:.1f}l-{half:.1f} {half:.1f}l-{half:.1f} -{half:.1f}z"
        yield (
            f'<g class="trade {won}"><title>{text(title)}</title>'
            f'<path class="held" d="M{entry:.1f} {y_in:.1f}L{left:.1f} {y_out:.1f}"/>'
            f'<path class="entry" d="{arrow}"/><path class="exit" d="{diamond}"/></g>'
        )


def _bracket(frame: Frame, holding: Holding, entry: float, left: float) -> Iterator[str]:
    until = max(left, entry + 2)
    if holding.stops:
        steps = [(max(frame.x(_minute(at_ns)), entry), frame.y(stop)) for at_ns, stop in holding.stops]
        path = f"M{entry:.1f} {steps[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in steps[1:]) + f"H{until:.1f}"
        yield f'<path class="stop" d="{path}"/>'
    if holding.trade.target is not None:
        yield f'<path class="target" d="M{entry:.1f} {frame.y(holding.trade.target):.1f}H{until:.1f}"/>'


def _minute(at_ns: int) -> int:
    stamp = tapes.wall(at_ns)
    return int(stamp[11:13]) * 60 + int(stamp[14:16])


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    room = (high - low) * share or 1.0
    return low - room, high + room


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Round values (1, 2, 2.5 or 5 times a power of ten apart) between low and high, at most `most` of them."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    drawing = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'
    return f'<div class="plot">{drawing}</div>'

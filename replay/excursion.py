"""What a trade went through between its two fills, from the bars in the journal: MAE, MFE and R.

    mae   maximum adverse excursion: the furthest price against us, in points per contract from the entry fill, 0 or more
    mfe   maximum favourable excursion: the furthest price in our favour, likewise
    r     net profit as a multiple of what the entry put at risk: its price to its first stop, before costs

Only prices count that were certainly there while the position was held. A bar held from its open to its close counts with its high
and low. Of a bar in which a bracket (or a manual order) ended the trade only the open and the exit fill are certain, because
the order of its extremes is not recorded; for the same reason the bar in which a resting limit filled counts with its close
and with its extreme beyond the limit, which lies behind the fill. Both fills always count, so mfe is never less than the gross
profit per contract and mae never less than the loss.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.errors import DataError
from tapewire.bus.messages import LONG, Action, Bar, Signal, Trade
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay import tapes

FILE = "trades.jsonl"
ENTRIES = (Action.ENTER_LONG, Action.ENTER_SHORT)
# What ends a trade somewhere inside a bar. Every other exit is a fill at an open or a close.
INSIDE_A_BAR = frozenset({"STOP", "TARGET", "FOREIGN"})


class Prices(Struct, frozen=True):
    """The fields of a Bar that are needed here."""

    close_ns: int
    open: float
    high: float
    low: float
    close: float


PricesOfBar: TypeAlias = Prices | Bar


class Entered(Struct, frozen=True):
    """The fields of an entry's Signal that are needed here."""

    entry: float | None
    stop: float | None
    limit: float | None


EntryOfTrade: TypeAlias = Entered | Signal


class Measures(Struct, frozen=True):
    """Measures of one trade, as defined above. r is None where the journal has no entry signal with a stop."""

    mae: float
    mfe: float
    r: float | None


class _Line(Measures, frozen=True, kw_only=True):
    """The few fields of a line of trades.jsonl that are wanted here."""

    id: str


def written(run: Path) -> dict[str, Measures]:
    """The measures of a finished run's trades, by their ids; none while it is not finished. Raises DataError."""
    path = run / FILE
    try:
        return {line.id: line for line in msgspec.json.Decoder(_Line).decode_lines(path.read_bytes())}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; run it again") from error


def journalled(run: Path) -> Callable[[str], Sequence[PricesOfBar]]:
    """The bars of an instrument by its name, from a journal that holds all of them. Raises what `tapes.facts` raises."""
    return lambda name: list(tapes.facts(run, topics.bar(name), Prices))


def measured(
    bars_of: Callable[[str], Sequence[PricesOfBar]],
    trades: Iterable[Trade],
    signals: Iterable[Signal],
    instruments: Mapping[str, Instrument],
) -> dict[str, Measures]:
    """Every trade of a run, by its id. bars_of: the bars of an instrument by its name, in order."""
    entries = {signal.order_id: signal for signal in signals if signal.action in ENTRIES}
    by_instrument: dict[str, list[Trade]] = {}
    for trade in trades:
        by_instrument.setdefault(trade.instrument, []).append(trade)
    found: dict[str, Measures] = {}
    for name, own in by_instrument.items():
        bars = bars_of(name)
        for trade in own:
            found[trade.id] = measure(trade, entries.get(trade.id), bars, instruments.get(name))
    return found


def measure(trade: Trade, entry: EntryOfTrade | None, bars: Sequence[PricesOfBar], instrument: Instrument | None) -> Measures:
    """One trade.

    Args:
        entry: its entry signal. bars: of its instrument, in order. instrument: its terms, for R in money.
    """
    direction = 1 if trade.direction == LONG else -1
    limited = entry is not None and entry.limit is not None
    distances = [(price - trade.entry_price) * direction for price in _prices(trade, bars, direction, limited=limited)]
    mae, mfe = (round(max(0.0, furthest), 10) for furthest in (-min(distances), max(distances)))
    return Measures(mae, mfe, _multiple(trade, entry, instrument))


def _prices(trade: Trade, bars: Sequence[PricesOfBar], direction: int, *, limited: bool) -> Iterator[float]:
    """The prices that were certainly traded while the position was held."""
    yield trade.entry_price
    yield trade.exit_price
    first = bisect_right(bars, trade.signal_ns, key=lambda bar: bar.close_ns)
    last = first + trade.bars_held - 1
    for at, bar in enumerate(bars[first : last + 1], first):
        if bar.close_ns < trade.entry_ns:
            continue  # the limit rested
        filled_inside = limited and bar.close_ns == trade.entry_ns and trade.entry_price != bar.open
        left_inside = at == last and trade.reason in INSIDE_A_BAR
        if filled_inside and not left_inside:
            yield bar.low if direction > 0 else bar.high
            yield bar.close
        elif left_inside and not filled_inside:
            yield bar.open
        elif not left_inside:
            yield bar.high
            yield bar.low


def _multiple(trade: Trade, entry: EntryOfTrade | None, instrument: Instrument | None) -> float | None:
    if entry is None or entry.stop is None or instrument is None:
        return None
    enters = entry.entry if entry.limit is None else entry.limit
    if enters is None or enters == entry.stop:
        return None
    risk = abs(enters - entry.stop) * instrument.point_value * trade.size
    return round(trade.net_cents / 100 / risk, 4)

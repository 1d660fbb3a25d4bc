"""From the rows of a file to bars that can be true: closes in UTC, strictly rising, on the tick grid.

All formats pass here. Two kinds of rows are left out. Feeds repeat rows and send them late: such rows are reported (`Ignored`), and
reading goes on. A row that cannot be a bar means that the file is wrong: reading stops with a DataError that names file, line,
field, value and remedy, unless the user allows so many (`--skip-bad`). Nothing is repaired without a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tapewire.bus.bounds import MAX_PRICE
from tapewire.bus.errors import DataError
from tapewire.daemons.market.ticks import NEARLY
from tapewire.replay.sources import candles, stamps, zones
from tapewire.replay.sources.cells import AGAIN
from tapewire.replay.sources.recording import Ignored
from tapewire.replay.sources.table import MINUTE_S, Bad, Bars, Content, Flags, Floats, Options, Part, Stamps, Ticks, Whole
from tapewire.strategies.clock import MINUTE_NS, SECOND_NS

PIECE = 1 << 15  # bars
BEGINNING = 1_000  # rows that rule out most of what is looked for
SHOWN = 5  # bad rows that an error or a report names; the rest is counted
FEW_LATE = 30  # rows that a feed sends late; so many and a tenth of a file are no late rows
DIFFERENT = 12  # prices that are multiples of ten ticks by chance once in 10^12
ADJUSTED = "say --adjusted if this is a back-adjusted series"


@dataclass(frozen=True, slots=True)
class Series:
    """One-minute bars of one contract, closes in UTC and strictly rising.

    bars: `stamp` is the close. contract: as the file names it; empty if it does not. told, ignored: what a person should know, and
    the repeated and late rows that were left out. rows: rows that the file has of it. apart: bars of trades, in a file that has an
    hour of its own.
    """

    file: Path
    contract: str
    bars: Bars
    told: list[str] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    rows: int = 0
    apart: bool = False


def of(path: Path, content: Content, part: Part, tick: float, options: Options) -> tuple[Series, list[Bad]]:
    """The bars of one contract in a file, and its rows that cannot be bars, the file's bad rows included.

    Args:
        tick: the instrument's; prices must be on its grid.
    Raises:
        DataError: the rows run backwards, the zone is not known, or the period is no part of a minute.
    """
    told: list[str] = []
    if content.checked and isinstance(part.rows, Bars):
        bars = candles.joined(path, part.rows, content.period_s, options.seconds)
        return Series(path, part.contract, bars, rows=len(part.rows)), []
    zone = clock(path, content, options)
    rows = _forward(path, _scaled(part.rows, options.multiplier), options, told)
    if options.multiplier is None:
        _check_scale(path, rows, tick)
    utc, skipped = zones.to_utc(rows.stamp, zone)
    bad = [
        Bad(int(rows.line[at]), "stamp", written(rows.stamp[at]), f"no such time in {zone}, whose clock skips it; {AGAIN}")
        for at in np.flatnonzero(skipped)
    ]
    if isinstance(rows, Ticks):
        trades = replace(rows, stamp=utc).only(~skipped)
        wrong, reasons = _impossible_trades(trades, tick, options)
        bars, how = candles.of_trades(trades.only(~wrong), options.seconds)
        told += [f"{path.name}: {how}"]
        bad += reasons
        ignored: list[Ignored] = []
    else:
        at_close = ends(content, options) == "close"
        bars = replace(rows, stamp=utc if at_close else utc + content.period_s * SECOND_NS).only(~skipped)
        good, ignored = _rising(path, bars, zone)
        bars = bars.only(good)
        checked = [_impossible(piece, tick, options, content.period_s, zone) for piece in _pieces(bars)]
        bars = bars.only(~np.concatenate([wrong for wrong, _ in checked]))
        bad += [each for _, reasons in checked for each in reasons]
        if content.period_s != options.seconds:
            bars = candles.joined(path, bars, content.period_s, options.seconds)
            told.append(f"{path.name}: bars of {content.period_s} s, joined to bars of {options.seconds} s")
        told += _unclassified(path, bars)
    unread, late = _late(path, content.bad, bars, zone)
    bad = sorted((*bad, *unread), key=lambda each: each.line)
    left_out = sorted((*ignored, *late), key=lambda row: row.line)
    apart = content.dated and isinstance(rows, Ticks)
    series = Series(path, part.contract, bars, told, left_out, len(part.rows) + len(content.bad), apart)
    return series, bad


def only(whole: Series, keep: Flags) -> Series:
    """A series with some of its bars."""
    return whole if keep.all() else replace(whole, bars=whole.bars.only(keep))


def clock(path: Path, content: Content, options: Options) -> str:
    """The zone of a file's stamps: as they carry it, or else as the user says, or as the format does.

    Raises:
        ConfError: the user's is no zone. DataError: nothing says it.
    """
    if options.zone and content.assumed:
        return zones.zone_named(options.zone)
    if not content.clock:
        raise DataError(
            f"{path}: nothing in it says which zone its stamps are in; say --zone, such as America/Chicago or America/New_York"
        )
    return content.clock


def ends(content: Content, options: Options) -> Stamps:
    """Which end of a bar a file's stamps name: of trades and of tapewire's own files as it is, or else as the user says."""
    fixed = content.checked or content.stamps == "trade"
    return content.stamps if fixed else options.stamps or content.stamps


def unused(path: Path, content: Content, options: Options) -> list[str]:
    """What a user says of the clock of a file that tells it itself."""
    told: list[str] = []
    if options.zone and not content.assumed and zones.zone_named(options.zone) != content.clock:
        told.append(f"{path.name}: its stamps carry their zone ({content.clock}); --zone {options.zone} is not used")
    if options.stamps and ends(content, options) != options.stamps:
        what = "trades" if content.stamps == "trade" else f"bars stamped at the {content.stamps}"
        told.append(f"{path.name}: it holds {what}; --stamps {options.stamps} is not used")
    return told


def refuse(path: Path, bad: Sequence[Bad], allowed: int, rows: int) -> list[str]:
    """Sentences about bad rows that the user allows.

    Args:
        rows: of the file; where most are bad, leaving them out is no remedy.
    Raises:
        DataError: they are more than allowed. It names the first, and how to go on without them.
    """
    if len(bad) > allowed:
        first = bad[0]
        rest = f" ({len(bad) - 1:,} more rows are bad)" if len(bad) > 1 else ""
        skip = f", or leave {'it' if len(bad) == 1 else 'them'} out: --skip-bad {len(bad)}" if 2 * len(bad) < rows else ""
        where = f"{path}, line {first.line}, {first.field} {first.value!r}"
        raise DataError(f"{where}: {first.why}{_form(first.value)}{rest}{skip}")
    told = [
        f"{path.name}, line {each.line}, {each.field} {each.value!r}: left out ({each.why.split(';')[0]})" for each in bad[:SHOWN]
    ]
    return told + unnamed(path.name, len(bad), "bad rows left out")


def unnamed(name: str, count: int, what: str) -> list[str]:
    """The sentence on what stands behind the SHOWN that are named; none if all of them are."""
    return [f"{name}: {count - SHOWN:,} more {what}"] if count > SHOWN else []


def _form(value: str) -> str:
    form = stamps.form_of(value)
    return f"; it looks like {form}, which a --mapping can say" if form else ""


def written(stamp_ns: int) -> str:
    """A stamp as a file may write it, for messages."""
    return str(np.datetime64(int(stamp_ns), "ns").astype("datetime64[s]"))


def plain(number: float) -> str:
    """A price without trailing zeros."""
    return repr(float(number)).removesuffix(".0")


def _scaled(rows: Bars | Ticks, multiplier: float | None) -> Bars | Ticks:
    if multiplier is None:
        return rows
    names = ("price", "bid", "ask") if isinstance(rows, Ticks) else ("open", "high", "low", "close")
    # Nine decimals hold every tick there is; they drop what multiplying a binary fraction adds.
    scaled = {
        name: np.round(np.multiply(column, multiplier, dtype=np.float64), 9)
        for name in names
        if (column := getattr(rows, name)) is not None
    }
    return replace(rows, **scaled)


def _check_scale(path: Path, rows: Bars | Ticks, tick: float) -> None:
    """Some feeds store prices times 100, and charts multiply them with 0.01: then no price is other than a multiple of 100 ticks.

    Raises:
        DataError: that is so of many different prices.
    """
    beginning = (rows.price if isinstance(rows, Ticks) else rows.high)[:BEGINNING]
    if (np.round(np.divide(beginning, tick, dtype=np.float64)) % 10).any():
        return  # as in nearly every file
    prices = np.unique(rows.price if isinstance(rows, Ticks) else np.concatenate((rows.high, rows.low)))
    counts = np.divide(prices, tick, dtype=np.float64)
    if len(prices) < DIFFERENT or (np.abs(counts - np.round(counts)) > NEARLY).any():
        return
    whole = np.round(counts).astype(np.int64)
    for times in (1000, 100, 10):
        if not (whole % times).any():
            raise DataError(
                f"{path}: every price is a multiple of {plain(tick * times)}, {times} ticks: prices times {times}; "
                f"say --price-multiplier {plain(1 / times)}, or 1 if they are right"
            )


def _forward(path: Path, rows: Bars | Ticks, options: Options, told: list[str]) -> Bars | Ticks:
    """The rows oldest first, as far as a whole file or large parts of it are concerned; single late rows stay where they are."""
    before, after = rows.stamp[:-1], rows.stamp[1:]
    back, ahead = np.count_nonzero(after < before), np.count_nonzero(after > before)
    if back > ahead and back >= 2:
        seen = f"the file runs backwards, newest row first ({back:,} of {len(after):,} steps)"
    elif isinstance(rows, Bars) and (lost := _lost(rows.stamp)) > max(FEW_LATE, len(rows) // 10):
        seen = f"{lost:,} of {len(rows):,} rows stand behind later ones, as where files were put together in the wrong order"
    else:
        return rows
    if not options.sort:
        raise DataError(f"{path}: {seen}; say --sort to read it")
    told.append(f"{path.name}: {seen}; sorted")
    return rows.only(np.argsort(rows.stamp, kind="stable"))


def _lost(stamp: Whole) -> int:
    """How many bars would be left out as late, those that repeat another not counted."""
    if (stamp[1:] >= stamp[:-1]).all():
        return 0
    return len(np.unique(stamp)) - int((stamp[1:] > np.maximum.accumulate(stamp)[:-1]).sum()) - 1


def _rising(path: Path, bars: Bars, zone: str) -> tuple[Flags, list[Ignored]]:
    """Which bars come after every bar before them, and the others."""
    if (bars.stamp[1:] > bars.stamp[:-1]).all():
        return np.ones(len(bars), np.bool_), []
    before = np.maximum.accumulate(np.concatenate(([np.iinfo(np.int64).min], bars.stamp)))[:-1]
    good = bars.stamp > before
    ignored = [
        Ignored(path.name, int(bars.line[at]), _local(bars.stamp[at], zone), "repeated" if bars.stamp[at] == before[at] else "late")
        for at in np.flatnonzero(~good)
    ]
    return good, ignored


def _late(path: Path, bad: Sequence[Bad], bars: Bars, zone: str) -> tuple[list[Bad], list[Ignored]]:
    """Rows that could not be read, without those that are late: a late row is left out whatever it holds (playbook 1.1)."""
    unread: list[Bad] = []
    ignored: list[Ignored] = []
    for each in bad:
        at = int(np.searchsorted(bars.line, each.line))
        if each.stamp is None or not at:
            unread.append(each)
            continue
        stamp = int(zones.to_utc(np.array([each.stamp]), zone)[0][0])
        last = int(bars.stamp[at - 1])
        if stamp > last:
            unread.append(each)
        else:
            ignored.append(Ignored(path.name, each.line, written(each.stamp), "repeated" if stamp == last else "late"))
    return unread, ignored


def _local(stamp_ns: int, zone: str) -> str:
    return zones.at(int(stamp_ns), zone).replace(tzinfo=None).isoformat()


def _pieces(bars: Bars) -> Iterator[Bars]:
    """The bars in pieces that a processor keeps at hand while it checks them; one if there are none."""
    for first in range(0, max(len(bars), 1), PIECE):
        yield bars.between(first, first + PIECE)


def _impossible(bars: Bars, tick: float, options: Options, period_s: int, zone: str) -> tuple[Flags, list[Bad]]:
    """Bars that cannot be, and why: the first reason of each."""
    columns = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
    wrong = np.zeros(len(bars), np.bool_)
    bad: list[Bad] = []

    def note(flags: Flags, field: str, values: Floats, why: str) -> None:
        nonlocal wrong
        bad.extend(
            Bad(int(bars.line[at]), field, plain(values[at]), why.format(**shown(int(at)))) for at in np.flatnonzero(flags & ~wrong)
        )
        wrong |= flags

    def shown(at: int) -> dict[str, str]:
        sides = ("?", "?") if bars.ask is None or bars.bid is None else (str(bars.ask[at]), str(bars.bid[at]))
        return {name: plain(column[at]) for name, column in columns.items()} | {"ask": sides[0], "bid": sides[1]}

    off = bars.stamp % (period_s * SECOND_NS if period_s < MINUTE_S else MINUTE_NS) != 0
    late = f"not a whole minute, as one-minute bars have; {AGAIN}"
    bad.extend(Bad(int(bars.line[at]), "stamp", _local(bars.stamp[at], zone), late) for at in np.flatnonzero(off))
    wrong |= off
    for name, values in columns.items():
        for flags, why in _no_price(values, tick, options):
            note(flags, name, values, why)
    note(bars.high < bars.low, "high", bars.high, f"below the low {{low}}; {AGAIN}")
    for name in ("open", "close"):
        values = columns[name]
        note((values < bars.low) | (values > bars.high), name, values, f"outside low {{low}} ... high {{high}}; {AGAIN}")
    if bars.ask is not None and bars.bid is not None:
        more = (bars.ask >= 0) & (bars.bid >= 0) & (bars.ask + bars.bid > bars.volume)
        note(more, "volume", bars.volume.astype(np.float64), f"ask volume {{ask}} and bid volume {{bid}} are more than it; {AGAIN}")
    return wrong, bad


def _impossible_trades(trades: Ticks, tick: float, options: Options) -> tuple[Flags, list[Bad]]:
    wrong = np.zeros(len(trades), np.bool_)
    bad: list[Bad] = []
    for flags, why in _no_price(trades.price, tick, options):
        bad += [Bad(int(trades.line[at]), "price", plain(trades.price[at]), why) for at in np.flatnonzero(flags & ~wrong)]
        wrong |= flags
    return wrong, bad


def _no_price(values: Floats, tick: float, options: Options) -> list[tuple[Flags, str]]:
    """What no price can be, and why: in points, with the remedy."""
    count = np.divide(values, tick, dtype=np.float64)
    checks = [
        (
            np.abs(count - np.round(count)) > NEARLY,
            f"not a multiple of the tick {plain(tick)}; export unadjusted prices, or check the instrument's tick",
        ),
        (np.abs(values) >= MAX_PRICE, f"beyond every price; {AGAIN}"),
    ]
    if not options.adjusted:
        checks.insert(0, (values == 0, f"not a price above 0; {AGAIN}"))
        checks.insert(0, (values < 0, f"not a price, below 0; {ADJUSTED}"))
    return checks


def _unclassified(path: Path, bars: Bars) -> list[str]:
    """What is to be said of volume that is in neither side."""
    if bars.ask is None or bars.bid is None:
        return []
    known = bars.ask >= 0
    total, sides = int(bars.volume[known].sum()), int((bars.ask + bars.bid)[known].sum())
    if total == sides:
        return []
    return [f"{path.name}: {1 - sides / total:.2%} of the volume is in neither side (trades inside the spread)"]

"""A file or a folder as series of roots: each file recognised, read, checked and told about; contracts joined; dates cut.

`examine` reads each file and keeps what is wrong with it, so that `tapewire data inspect` can show all of them. `gather` raises the
first of those errors. Both read files in the order of their names, so that the result does not depend on the disk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tapewire.bus.errors import ConfError, DataError, TapewireError, suggest
from tapewire.daemons.market.contracts import Rolls
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay.sources import db, doubts, formats, join, journal, normal, proof, series
from tapewire.replay.sources.barlist import BarList
from tapewire.replay.sources.formats import Recognised
from tapewire.replay.sources.join import Joined
from tapewire.replay.sources.normal import Source
from tapewire.replay.sources.proof import StampClock
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tapewire.replay.sources.series import Series
from tapewire.replay.sources.table import Bad, Bars, Content, Options, Part, Progress, Ticks, Unwanted, Whole
from tapewire.strategies.clock import MINUTE_NS

COMPANIONS = ("NQ", "ES", "YM")  # roots whose bars stand beside those of a traded one
OURS = ("calendar.json", "instruments.toml")
TEXTS = (".md", ".html", ".toml")  # what stands beside recordings and is none
LISTED = 10
CONTINUOUS = "!"  # TradingView's NQ1! is a series of contracts


@dataclass(slots=True)
class Examined:
    """One file. found: its format, None if unknown. parts: root and series of each contract. error: why it cannot be used.

    named: the path names this file, not a folder around it. odd_clock: its stamps carry a zone that the market's day contradicts;
    they are believed, and that is told.
    """

    path: Path
    name: str
    found: Recognised | None = None
    content: Content | None = None
    parts: list[tuple[str, Series]] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    error: TapewireError | None = None
    named: bool = False
    odd_clock: bool = False

    def fail(self, error: TapewireError) -> None:
        """Keep why the file cannot be used. In a folder, a sound file of another kind is left out, which is told."""
        if isinstance(error, Unwanted) and not self.named:
            self.told.append(f"{error}; left out")
            self.parts.clear()
        else:
            self.error = error


@dataclass(slots=True)
class Gathered:
    """What a path holds. series: by root. told: in the order in which a person wants to know it."""

    files: list[Examined]
    series: dict[str, Joined]
    told: list[str]
    ignored: dict[str, list[Ignored]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading depends on, beside the files. now: of the wall clock. wanted: roots to read; empty: all that are defined."""

    options: Options
    instruments: Mapping[str, Instrument]
    rolls: Rolls
    now: dt.datetime
    wanted: tuple[str, ...] = ()


def paths(path: Path, reading: Reading) -> tuple[list[Path], list[str]]:
    """The files to look at, and what was left out in words: one file, or all of a folder and the folders in it.

    Of NinjaTrader's database these are the files of the wanted roots and dates; otherwise all but hidden ones.

    Raises:
        DataError: there is nothing, or a file stands there plain and compressed.
    """
    if path.is_file():
        return [path], []
    if not path.is_dir():
        raise DataError(f"{path} is not there; name a file with bars or trades, or a folder that holds some")
    if tapes := journal.tapes(path):
        return tapes, []
    if db.looks_like(path):
        return _database(path, reading)
    found = sorted(
        each
        for each in path.rglob("*")
        if each.is_file()
        and each.name not in OURS
        and each.suffix not in TEXTS
        and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    for each in found:
        if each.suffix == ".gz" and each.with_suffix("") in found:
            raise DataError(f"{each.parent} holds both {each.stem} and {each.name}; remove one, so that it is clear which counts")
    if not found:
        raise DataError(f"{path} holds nothing; name a file with bars or trades, or a folder that holds some")
    return found, []


def _database(path: Path, reading: Reading) -> tuple[list[Path], list[str]]:
    options = reading.options
    first, last = (None if day is None else dt.date(1970, 1, 1) + dt.timedelta(day) for day in _days(options))
    span = db.Span(first, last)
    files: list[Path] = []
    told: list[str] = []
    for root in reading.wanted or ("",):
        symbols = [root, *(name for name, terms in reading.instruments.items() if terms.root == root and name != root)]
        listing = db.files(path, symbols if root else (), options.kind, span)
        files += listing.files
        told += listing.told
    if not files:
        there = ", ".join(f"{name} ({', '.join(kinds)})" for name, kinds in db.contracts(path).items()) or "nothing"
        wanted = reading.options.instrument or "these dates"
        raise DataError(f"{path}: NinjaTrader's database has no files of {wanted}; it holds {there}")
    return files, told


def examine(places: Sequence[Path], reading: Reading, progress: Progress) -> list[Examined]:
    """Every file under some paths, read and checked alone and with those of its contract. Nothing is raised for a single file."""
    files: list[Examined] = []
    for path in places:
        found, told = paths(path, reading)
        fresh = [
            Examined(each, str(each.relative_to(path)) if path.is_dir() else each.name, named=path.is_file()) for each in found
        ]
        fresh[0].told += told
        files += fresh
    sizes = [max(each.path.stat().st_size, 1) for each in files]
    done = 0
    for each, size in zip(files, sizes, strict=True):
        _read(each, reading, lambda share, start=done, size=size: progress((start + share * size) / sum(sizes)))  # type: ignore[misc]
        done += size
    for name in {each.found.reader.NAME: None for each in files if each.found is not None}:
        _know_clock([each for each in files if each.found is not None and name == each.found.reader.NAME], reading.options)
    for each in files:
        _make(each, reading)
    for group in _by_clock(files):
        _prove(group, reading)
    for each in files:
        if each.error is None:
            _doubt(each, reading)
    progress(1.0)
    return files


def gather(places: Sequence[Path], reading: Reading, progress: Progress) -> Gathered:
    """The series of some paths by root.

    Raises:
        ConfError, DataError: no file can be used, or one is wrong; the text names file, line, field, value and remedy.
    """
    files = examine(places, reading, progress)
    path = ", ".join(map(str, places))
    for each in files:
        if each.error is not None:
            raise each.error
    known = [each for each in files if each.found is not None]
    if not known:
        there = _listed(each.name + " (empty)" * (not each.path.stat().st_size) for each in files)
        raise DataError(
            f"{path}: no bars, as no file is in a format that can be read; it holds {there}; known formats: {formats.known()}"
        )
    told = list(dict.fromkeys(line for each in known for line in each.told))
    if unknown := [each.name for each in files if each.found is None]:
        told.append(f"not read, in no known format: {_listed(unknown)}")
    by_root: dict[str, list[Series]] = {}
    for each in known:
        for root, part in each.parts:
            by_root.setdefault(root, []).append(part)
    joined: dict[str, Joined] = {}
    ignored: dict[str, list[Ignored]] = {}
    for root, parts in by_root.items():
        whole = _joined(path, root, parts, reading, told)
        bars = _between(whole, reading.options)
        ignored[root] = [row for part in parts for row in part.ignored]
        if len(bars.bars):
            joined[root] = bars
        told += doubts.jumps(bars.bars, root) if len(parts) > 1 and len(bars.contracts) < 2 else []
    if not by_root and not reading.wanted:
        raise DataError(f"{path}: no bars; export the series again, with at least one")
    return Gathered(known, joined, told, ignored)


def recording(path: Path, instrument: str, reading: Reading, progress: Progress) -> Recording:
    """All bars of a traded instrument, with the companions' bars of the same stamp beside them.

    Args:
        path: a file or a folder. instrument: the traded symbol; its root's bars are read.
        progress: called with the share read so far, 0 to 1.
    Raises:
        ConfError, DataError: as `gather`; or there are no bars of the instrument.
    """
    if instrument not in reading.instruments:
        near, known = suggest(instrument, reading.instruments), ", ".join(reading.instruments)
        raise DataError(f"unknown instrument {instrument!r}{near}; known: {known}")
    root = reading.instruments[instrument].root
    gathered = gather([path], reading, progress)
    if root not in gathered.series:
        there = ", ".join(gathered.series) or "no bars that are wanted"
        raise DataError(
            f"{path}: no bars of {root}, which {instrument} trades on; it holds {there}; say --instrument for what is there"
        )
    beside = [(name, gathered.series[name].bars) for name in COMPANIONS if name != root and name in gathered.series]
    roots = [root, *(name for name, _ in beside)]
    return Recording(
        instrument=instrument,
        root=root,
        bars=BarList(instrument, gathered.series[root].bars, beside),
        ignored=tuple(row for name in roots for row in gathered.ignored[name]),
        files=tuple(
            SourceFile(each.name, name, part.rows, len(part.bars))
            for name in roots
            for each in gathered.files
            for mine, part in each.parts
            if mine == name
        ),
        notes=tuple(gathered.told),
    )


def source_of(each: Examined, reading: Reading) -> Source:
    """A file as the provenance of a series names it."""
    assert each.found is not None
    assert each.content is not None
    ends = each.content.stamps if each.content.stamps == "trade" else reading.options.stamps or each.content.stamps
    zone = series.clock(each.path, each.content, reading.options)
    return Source(each.name, normal.digest(each.path), each.found.reader.NAME, zone, ends)


def root_of(written: str, path: Path, reading: Reading) -> str:
    """The root that a file's own word for its contract means; the word itself if it is no known instrument.

    Raises:
        DataError: nothing names it.
    """
    text = written or reading.options.instrument
    if not text:
        raise DataError(f"{path}: nothing in it names its instrument; say --instrument, such as NQ")
    symbol = text.upper().split(CONTINUOUS)[0].rstrip("0123456789") if CONTINUOUS in text else text.upper()
    if symbol in reading.instruments:
        return reading.instruments[symbol].root
    try:
        contract = reading.rolls.parse(symbol, reading.now.date())
    except DataError:
        return text
    return contract.root if contract is not None else text


def _read(each: Examined, reading: Reading, progress: Progress) -> None:
    options = reading.options
    try:
        each.found = formats.recognised(each.path, options)
        if each.found is None:
            return
        each.content = content = each.found.reader.read(each.found.head, options, progress)
        each.told += content.told
        if not content.parts and not content.bad:
            each.told.append(f"{each.name}: no bars in it")
    except TapewireError as error:
        each.fail(error)


def _make(each: Examined, reading: Reading) -> None:
    """The series of a file. Its rows are let go, so that a recording is held once."""
    content, options = each.content, reading.options
    if content is None or each.error is not None:
        return
    try:
        for part in content.parts:
            root = root_of(part.contract, each.path, reading)
            if not _wanted(root, part, reading):
                continue
            tick = _tick(root, reading, each)
            if content.tick and content.tick != tick:
                each.told.append(f"{each.name}: its price step is {content.tick:g}, that of {root} {tick:g}")
            made, bad = series.of(each.path, content, part, tick, options)
            each.parts.append((root, made))
            each.bad += bad
            each.told += made.told
            if not part.contract:
                each.told.append(f"{each.name}: nothing in it names the instrument; read as {root}, as --instrument says")
        if not each.parts:
            each.bad += content.bad
    except TapewireError as error:
        each.fail(error)
    content.parts.clear()


def _wanted(root: str, part: Part, reading: Reading) -> bool:
    if reading.wanted and root not in reading.wanted:
        return False
    only = reading.options.contract
    return not only or not part.contract or _contract(only, reading) == _contract(part.contract, reading)


def _tick(root: str, reading: Reading, each: Examined) -> float:
    for terms in reading.instruments.values():
        if terms.root == root:
            return terms.tick
    near = suggest(root, reading.instruments)
    raise Unwanted(f"{each.path}: {root!r} is no known instrument{near}; add it with --instruments FILE, or say --instrument")


def _know_clock(files: list[Examined], options: Options) -> None:
    """Name the zone that fits files of one format which leave it open."""
    parts = [part for each in files if each.content is not None and not each.content.clock for part in each.content.parts]
    if options.zone or not parts:
        return
    stamps = np.concatenate([_minutes(part.rows) for part in parts])
    volume = np.concatenate([part.rows.size if isinstance(part.rows, Ticks) else part.rows.volume for part in parts])
    ends = {each.content.stamps for each in files if each.content is not None}
    fits = proof.suggest(stamps, volume, at_open=ends == {"open"})
    hint = f"the bars fit {fits}: say --zone {fits}" if fits else "say --zone, such as America/Chicago or America/New_York"
    for each in files:
        if each.content is not None and not each.content.clock and each.error is None:
            each.error = DataError(f"{each.path}: nothing in it says which zone its stamps are in; {hint}")


def _minutes(rows: Bars | Ticks) -> Whole:
    return (rows.stamp // MINUTE_NS + 1) * MINUTE_NS if isinstance(rows, Ticks) else rows.stamp


def _by_clock(files: list[Examined]) -> Iterator[list[tuple[Examined, Series]]]:
    """Series that must tell the same clock: of one format and root."""
    groups: dict[tuple[str, str], list[tuple[Examined, Series]]] = {}
    for each in files:
        if each.error is None and each.found is not None and each.content is not None and not each.content.checked:
            for root, part in each.parts:
                groups.setdefault((each.found.reader.NAME, root), []).append((each, part))
    yield from groups.values()


def _prove(group: list[tuple[Examined, Series]], reading: Reading) -> None:
    first, _ = group[0]
    assert first.content is not None
    ends = reading.options.stamps or first.content.stamps
    declared = StampClock(series.clock(first.path, first.content, reading.options), ends == "open")
    stamps = np.concatenate([part.bars.stamp for _, part in group])
    volume = np.concatenate([part.bars.volume for _, part in group])
    try:
        first.told += proof.check(str(first.path), stamps, volume, declared)
    except DataError as error:
        if first.content.assumed or reading.options.zone:
            first.error = error
            return
        first.told.append(f"{error}; the zone stands in the stamps and was believed")
        for each, _ in group:
            each.odd_clock = True


def _doubt(each: Examined, reading: Reading) -> None:
    """Leave out what no market can have done, if the user allows so many; tell what is strange."""
    if each.content is None or each.content.checked:
        return
    parts: list[tuple[str, Series]] = []
    for root, part in each.parts:
        wrong, bad = doubts.closed(part, reading.now, dated=each.content.dated, odd_clock=each.odd_clock)
        each.bad += bad
        kept = series.only(part, ~wrong)
        parts.append((root, kept))
        each.told += doubts.strange(kept)
    each.parts = parts
    try:
        each.told += series.refuse(
            each.path, sorted(each.bad, key=lambda bad: bad.line), reading.options.skip_bad, each.content.rows
        )
    except DataError as error:
        each.error = error


def _contract(written: str, reading: Reading) -> str:
    """A contract by its usual name, so that two spellings of it are one; other words as they are."""
    try:
        contract = reading.rolls.parse(written, reading.now.date())
    except (DataError, ConfError):
        return written
    return (
        written
        if contract is None or written.upper() in reading.instruments
        else f"{contract.root} {contract.month:02}-{contract.year % 100:02}"
    )


def _joined(path: str, root: str, parts: list[Series], reading: Reading, told: list[str]) -> Joined:
    contracts: dict[str, list[Series]] = {}
    for part in parts:
        contracts.setdefault(_contract(part.contract, reading), []).append(part)
    whole: dict[str, Bars] = {}
    for name, mine in contracts.items():
        whole[name], twice = join.files(mine, reading.options.seconds)
        if twice:
            told.append(f"{name or root}: {twice:,} minutes stand in more than one file; those of the first by name are kept")
    if len(whole) == 1:
        return join.one(*next(iter(whole.items())))
    options = reading.options
    if options.roll == "none":
        raise DataError(
            f"{path} holds {len(whole)} contracts of {root} ({_listed(whole)}); say --contract, or --roll volume or --roll table"
        )
    keys = {name: _month(name, reading) for name in whole}
    if loose := [name for name, key in keys.items() if key is None]:
        rest = _listed(name for name in whole if name not in loose)
        raise DataError(
            f"{path}: bars of {loose[0] or 'no named contract'} beside those of {rest}; "
            "give them folders of their own, or say --contract"
        )
    chosen = (
        join.by_volume(whole, lambda name: keys[name] or (0, 0)) if options.roll == "volume" else _by_table(root, whole, reading)
    )
    made = join.joined(whole, chosen, adjust=options.adjust)
    origin = normal.provenance(root, made, options, (), ())
    told += [f"{root}: {normal.rolled(roll, origin)}" for roll in origin.rolls]
    return made


def _month(name: str, reading: Reading) -> tuple[int, int] | None:
    try:
        contract = reading.rolls.parse(name, reading.now.date())
    except (DataError, ConfError):
        return None
    return None if contract is None or name.upper() in reading.instruments else (contract.year, contract.month)


def _by_table(root: str, contracts: Mapping[str, Bars], reading: Reading) -> dict[int, str]:
    chosen: dict[int, str] = {}
    for date in np.unique(np.concatenate([doubts.trade_date(bars.stamp) for bars in contracts.values()])).tolist():
        day = dt.date(1970, 1, 1) + dt.timedelta(date)
        front = reading.rolls.front(root, day)
        name = f"{front.root} {front.month:02}-{front.year % 100:02}"
        if name in contracts:
            chosen[date] = name
    if not chosen:
        raise DataError(f"no contract of {root} is in front on any of its dates by conf/rolls.toml; say --roll volume")
    return chosen


def _between(whole: Joined, options: Options) -> Joined:
    """The trade dates from --from to --to. Raises ConfError for a text that is no date."""
    if not (options.start or options.end):
        return whole
    dates = doubts.trade_date(whole.bars.stamp)
    first, last = _days(options)
    keep = np.ones(len(dates), np.bool_)
    if first is not None:
        keep &= dates >= first
    if last is not None:
        keep &= dates <= last
    return whole._replace(bars=whole.bars.only(keep), by=whole.by[keep])


def _days(options: Options) -> tuple[int | None, int | None]:
    return _day(options.start, "--from"), _day(options.end, "--to")


def _day(text: str, name: str) -> int | None:
    if not text:
        return None
    try:
        return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
    except ValueError:
        raise ConfError(f"{name} {text!r}: not a date; write YYYY-MM-DD") from None


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:LISTED]) + (f" and {len(every) - LISTED} more" if len(every) > LISTED else "") if every else "nothing"

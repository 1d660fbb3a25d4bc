"""Each file of a path, recognised, read, checked and told about, alone and with those of its format.

What is wrong with a file is kept, so that `tapewire data inspect` can show all of them. Files are taken in the order of their
names, so that the result does not depend on the disk.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath

import numpy as np

from tapewire.bus.errors import DataError, TapewireError, suggest
from tapewire.replay.sources import dayfolder, db, doubts, formats, journal, normal, proof, series, tradedates
from tapewire.replay.sources.doubts import Times
from tapewire.replay.sources.formats import Recognised
from tapewire.replay.sources.normal import Source
from tapewire.replay.sources.proof import StampClock
from tapewire.replay.sources.reading import Reading, days, root_of, usual_name
from tapewire.replay.sources.series import Series
from tapewire.replay.sources.table import Bad, Bars, Content, Options, Part, Progress, Ticks, Unwanted, Whole
from tapewire.replay.sources.unpack import PACKED
from tapewire.strategies.clock import MINUTE_NS

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of mallopt(3)
LARGE, KEPT, USUAL = 1 << 23, 1 << 27, 1 << 17  # bytes
OURS = ("calendar.json", "instruments.toml")
TEXTS = (".md", ".html", ".toml")  # what stands beside recordings and is none


@dataclass(slots=True)
class Examined:
    """One file. found: its format, None if unknown; other: what it is then, if that can be told. parts: root and series of each
    contract. error: why it cannot be used.

    named: the path names this file, not a folder around it. odd_clock: its stamps carry a zone that the market's day contradicts;
    they are believed, and that is told. times: of the bars of each series by its id, until they are doubted.
    """

    path: Path
    name: str
    other: str = ""
    found: Recognised | None = None
    content: Content | None = None
    parts: list[tuple[str, Series]] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    error: TapewireError | None = None
    named: bool = False
    odd_clock: bool = False
    times: dict[int, Times] = field(default_factory=dict)

    @property
    def unread(self) -> str:
        """How a file in no known format is listed."""
        return f"{self.name} ({self.other})" if self.other else self.name

    def fail(self, error: TapewireError) -> None:
        """Keep why the file cannot be used. In a folder, a sound file of another kind is left out, which is told."""
        if isinstance(error, Unwanted) and not self.named:
            self.told.append(f"{error}; left out")
            self.parts.clear()
        else:
            self.error = error


def _in_wsl(path: Path) -> str:
    """For an error about a path as Windows writes it: where WSL has the same file. Empty for other paths."""
    of_windows = PureWindowsPath(path.as_posix())
    if not of_windows.drive.endswith(":"):
        return ""
    here = Path("/mnt", of_windows.drive[0].lower(), *of_windows.parts[1:])
    return f"; in WSL a path of Windows is written {here}"


def paths(path: Path, reading: Reading) -> tuple[list[Path], list[str]]:
    """The files to look at, and what was left out in words: one file, or all of a folder and the folders in it.

    Of NinjaTrader's database these are the files of the wanted roots and dates; otherwise all but hidden ones.

    Raises:
        DataError: there is nothing, or a file stands there plain and compressed.
    """
    if path.is_file():
        return [path], []
    if not path.is_dir():
        state = "is neither a file nor a folder" if path.exists() else "is not there"
        raise DataError(f"{path} {state}; name a file with bars or trades, or a folder that holds some{_in_wsl(path)}")
    if tapes := journal.tapes(path):
        return tapes, []
    if days_of_run := dayfolder.folders(path):
        return [each for symbol in dayfolder.symbols(days_of_run) for each in dayfolder.files(days_of_run, symbol)], []
    if db.looks_like(path):
        return _database(path, reading)
    found = sorted(
        each
        for each in _under(path)
        if each.is_file()
        and each.name not in OURS
        and each.suffix not in TEXTS
        and not each.name.endswith(normal.BESIDE)
        and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    there: dict[Path, Path] = {}
    for each in found:
        other = there.setdefault(each.with_suffix("") if each.suffix in PACKED else each, each)
        if other != each:
            raise DataError(f"{each.parent} holds both {other.name} and {each.name}; remove one, so that it is clear which counts")
    if not found:
        raise DataError(f"{path} holds nothing; name a file with bars or trades, or a folder that holds some")
    return found, []


def _under(folder: Path) -> Iterator[Path]:
    """What a folder and the folders in it hold, those that a link names included, each once.

    Raises:
        DataError: one cannot be listed, so that bars would be missing unseen.
    """

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror}); allow it, or move it out of {folder}") from error

    taken = {*folder.resolve().parents}  # a link that leads up would bring what nobody named
    for at, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        if (here := Path(at).resolve()) in taken:
            folders.clear()
            continue
        taken.add(here)
        yield from (Path(at, name) for name in names)


def _database(path: Path, reading: Reading) -> tuple[list[Path], list[str]]:
    options = reading.options
    first, last = (None if day is None else proof.date_of(day) for day in days(options))
    span = db.Span(first, last)
    files: list[Path] = []
    told: list[str] = []
    for root in dict.fromkeys(reading.wanted) or ("",):
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
    with _heap():
        return _examine(places, reading, progress)


def _examine(places: Sequence[Path], reading: Reading, progress: Progress) -> list[Examined]:
    files: list[Examined] = []
    sizes: list[int] = []
    taken: set[tuple[int, int]] = set()
    for path in places:
        found, told = paths(path, reading)
        for file in found:
            status = file.stat()
            if (status.st_dev, status.st_ino) in taken:
                continue  # another path leads to it
            taken.add((status.st_dev, status.st_ino))
            name = str(file.relative_to(path)) if path.is_dir() else file.name
            files.append(Examined(file, name, told=told, named=path.is_file()))
            sizes.append(max(status.st_size, 1))
            told = []
    done = 0
    for each, size in zip(files, sizes, strict=True):
        _read(each, reading, lambda share, start=done, size=size: progress((start + share * size) / sum(sizes)))  # type: ignore[misc]
        done += size
        if reading.options.zone or (each.content is not None and each.content.clock):
            _make(each, reading)  # at once: rows as they were read take twice the memory
    for name in {each.found.reader.NAME: None for each in files if each.found is not None}:
        _know_clock([each for each in files if each.found is not None and name == each.found.reader.NAME], reading.options)
    for each in files:
        if each.content is not None and each.content.parts:
            _make(each, reading)
    for root, group in _by_clock(files):
        _prove(root, group, reading)
    for each in files:
        if each.error is None:
            _doubt(each, reading)
    progress(1.0)
    return files


def source_of(each: Examined, reading: Reading) -> Source:
    """A file as the provenance of a series names it."""
    assert each.found is not None
    assert each.content is not None
    ends = series.ends(each.content, reading.options)
    zone = series.clock(each.path, each.content, reading.options)
    return Source(each.name, normal.digest(each.path), each.found.reader.NAME, zone, ends)


def _read(each: Examined, reading: Reading, progress: Progress) -> None:
    options = reading.options
    try:
        each.found = formats.recognised(each.path, options)
        if each.found is None:
            each.other = formats.other(each.path)
            return
        each.content = content = each.found.reader.read(each.found.head, options, progress)
        each.told += [*content.told, *series.unused(each.path, content, options)]
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
            each.parts.append((root, replace(made, bars=made.bars.narrow())))
            each.bad += bad
            each.told += made.told
            if not part.contract:
                each.told.append(f"{each.name}: nothing in it names the instrument; read as {root}, as --instrument says")
        if not each.parts:
            each.bad += content.bad
    except TapewireError as error:
        each.fail(error)
    content.parts.clear()


@contextmanager
def _heap() -> Iterator[None]:
    """Have glibc keep the memory of small columns while files are read, and give all that is free back in the end.

    By default it gives it back after each piece of a file; asking for it again takes half as long as reading the piece.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if (option := getattr(library, "mallopt", None)) is None or (trim := getattr(library, "malloc_trim", None)) is None:
        yield
        return
    option(M_MMAP_THRESHOLD, LARGE)
    option(M_TRIM_THRESHOLD, KEPT)
    try:
        yield
    finally:
        option(M_TRIM_THRESHOLD, USUAL)
        trim(0)


def _wanted(root: str, part: Part, reading: Reading) -> bool:
    if reading.wanted and root not in reading.wanted:
        return False
    only = reading.options.contract
    return not only or not part.contract or usual_name(only, reading) == usual_name(part.contract, reading)


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


def _by_clock(files: list[Examined]) -> Iterator[tuple[str, list[tuple[Examined, Series]]]]:
    """Series that must tell the same clock, of one format and root, with the root."""
    groups: dict[tuple[str, str], list[tuple[Examined, Series]]] = {}
    for each in files:
        if each.error is None and each.found is not None and each.content is not None and not each.content.checked:
            for root, part in each.parts:
                groups.setdefault((each.found.reader.NAME, root), []).append((each, part))
    for (_, root), group in groups.items():
        yield root, group


def _prove(root: str, group: list[tuple[Examined, Series]], reading: Reading) -> None:
    first, _ = group[0]
    assert first.content is not None
    at_open = series.ends(first.content, reading.options) == "open"
    declared = StampClock(series.clock(first.path, first.content, reading.options), at_open)
    for each, part in group:
        each.times[id(part)] = Times(*proof.new_york(part.bars.stamp))
    if len(group) == 1:
        bars, times = group[0][1].bars, first.times[id(group[0][1])]
        stamps, volume = bars.stamp, bars.volume
    else:
        stamps = np.concatenate([part.bars.stamp for _, part in group])
        volume = np.concatenate([part.bars.volume for _, part in group])
        times = Times(*map(np.concatenate, zip(*(each.times[id(part)] for each, part in group), strict=True)))
    always_from = reading.always_from(root)
    if always_from < proof.NEVER and (times.day >= always_from).any():
        first.told.append(f"{first.name}: {root} trades around the clock, so nothing proves the clock of its bars")
        return
    try:
        first.told += proof.check(str(first.path), stamps, volume, declared, times, said=bool(reading.options.zone))
    except DataError as error:
        if first.content.assumed:
            first.error = _by_dates(first, group[0][1], declared) if "; say --" not in str(error) else None
            first.error = first.error or error
            return
        first.told.append(f"{str(error).rpartition('; say ')[0] or error}; the zone stands in the stamps and was believed")
        for each, _ in group:
            each.odd_clock = True


def _by_dates(each: Examined, part: Series, declared: StampClock) -> DataError | None:
    """What the dates in a file say of its clock, where its hours say only that they are wrong."""
    if each.content is None or each.content.dates is None:
        return None
    try:
        tradedates.check(each.path, part.bars, each.times[id(part)], each.content.dates, declared, believed=False)
    except DataError as error:
        return error if "; the dates fit " in str(error) else None
    return None


def _doubt(each: Examined, reading: Reading) -> None:
    """Leave out what no market can have done, if the user allows so many; tell what is strange."""
    if each.content is None or each.content.checked:
        return
    parts: list[tuple[str, Series]] = []
    for root, part in each.parts:
        times = each.times.pop(id(part))
        dated, odd = each.content.dated, each.odd_clock
        wrong, bad = doubts.closed(part, times, reading.now, dated=dated, odd_clock=odd, always_from=reading.always_from(root))
        each.bad += bad
        try:
            kept, times = _dated(each, root, series.only(part, ~wrong), times.only(~wrong), reading)
        except DataError as error:
            each.error = error
            return
        parts.append((root, kept))
        each.told += doubts.strange(kept, times)
    each.parts = parts
    try:
        each.told += series.refuse(
            each.path, sorted(each.bad, key=lambda bad: bad.line), reading.options.skip_bad, each.content.rows
        )
    except DataError as error:
        each.error = error


def _dated(each: Examined, root: str, part: Series, times: Times, reading: Reading) -> tuple[Series, Times]:
    """The bars whose date is that of their stamp, where the file writes one. Raises DataError: the clock contradicts the dates."""
    content = each.content
    assert content is not None
    if content.dates is None or not len(part.bars) or (times.day >= reading.always_from(root)).any():
        return part, times
    declared = StampClock(series.clock(each.path, content, reading.options), series.ends(content, reading.options) == "open")
    bad, told = tradedates.check(each.path, part.bars, times, content.dates, declared, believed=not content.assumed)
    each.bad += bad
    each.told += told
    keep = ~np.isin(part.bars.line, [row.line for row in bad]) if bad else np.ones(len(part.bars), np.bool_)
    return series.only(part, keep), times.only(keep)

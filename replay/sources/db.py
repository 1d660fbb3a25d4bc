"""NinjaTrader's database as a folder: which of its files hold the bars of an instrument between two trade dates.

The folder may be NinjaTrader's own ("Documents/NinjaTrader 8"), `db` in it, `db/minute`, or one contract's. Only names are looked
at, so a database of many years is listed at once. Files are those of clock days in the zone of NinjaTrader's PC. A trade date lies
in two of them; which two depends on the zone, so a day more is taken on each side.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tapewire.bus.errors import DataError
from tapewire.replay.sources import ncd_files, ncd_header
from tapewire.replay.sources.ncd_files import CONTRACT, KINDS, Kind, Place

MERGED = "##-##"
DAY = dt.timedelta(days=1)
INSTANT = dt.timedelta(microseconds=1)
NAMED = 3  # stray files that a sentence names; the rest is counted


class Listing(NamedTuple):
    """Files to read, by contract and time. told: what was left out, and why."""

    files: list[Path]
    told: list[str]


class Span(NamedTuple):
    """Trade dates that are wanted; None: from the beginning, to the end."""

    first: dt.date | None = None
    last: dt.date | None = None

    def touches(self, place: Place) -> bool:
        """Whether a file may hold one of them."""
        begin, end = place.begin.date(), (place.end - INSTANT).date()
        return (self.first is None or end >= self.first - DAY) and (self.last is None or begin <= self.last + DAY)


ALWAYS = Span()


def looks_like(folder: Path) -> str:
    """By what sign this is NinjaTrader's database or a part of it; empty if it is not."""
    if ncd_files.in_cache(folder):
        return "it is NinjaTrader's db/cache"
    for each in _folders(folder):
        for path, _ in _within(each):
            if ncd_files.named(path) is not None:
                return f"it holds {path.relative_to(folder)}, as NinjaTrader calls the files of its database"
    return ""


def contracts(folder: Path) -> dict[str, list[Kind]]:
    """The contracts that a database has files of, and of which kinds."""
    found: dict[str, set[Kind]] = {}
    for each in _folders(folder):
        kinds = {place.kind for path, _ in _within(each) if (place := ncd_files.named(path)) is not None}
        found.setdefault(each.absolute().name, set()).update(kinds)
    return {name: [kind for kind in KINDS if kind in found[name]] for name in sorted(found, key=_month) if found[name]}


def files(
    folder: Path, symbols: Sequence[str] = (), kind: Kind | Literal[""] = "", span: Span = ALWAYS, price: str = "Last"
) -> Listing:
    """The files of an instrument's contracts that may hold the wanted trade dates.

    Args:
        symbols: as folders are called ("NQ" of "NQ 03-27"), the wanted one first; the first that has files is taken. Empty: all.
        kind: empty for minutes, and ticks of the clock days that have no minutes.
        price: "Last", or "Bid" or "Ask" for files of quotes.
    Raises:
        DataError: the folder is NinjaTrader's cache, or cannot be listed.
    """
    ncd_files.refuse_cache(folder)
    there = list(_folders(folder))
    kinds: tuple[Kind, ...] = (kind,) if kind else ("minute", "tick")
    if not symbols:
        return _listed(there, kinds, span, price)
    for symbol in symbols:
        listing = _listed([each for each in there if _symbol(each) == symbol], kinds, span, price)
        if listing.files:
            if symbol != symbols[0]:
                listing.told.insert(0, f"{folder} has no {symbols[0]} of these dates; {symbol} is read in its place")
            return listing
    return Listing([], [])


def _folders(folder: Path) -> Iterator[Path]:
    """The contracts' folders under a folder, whichever part of the database it is."""
    at = folder.absolute()
    if CONTRACT.fullmatch(at.name) or at.parent.name in KINDS:
        yield folder
        return
    if (folder / "db").is_dir():
        folder = folder / "db"
    for path, entry in _within(folder):
        if not _is_folder(entry):
            continue
        if path.name in KINDS:
            yield from (inner for inner, each in _within(path) if _is_folder(each))
        elif at.name in KINDS or CONTRACT.fullmatch(path.name):
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _within(folder: Path) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    """What a folder holds, by name. One look at the folder, as a look at each file is slow across the border of WSL."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}); name NinjaTrader's folder, or db in it") from error
    for entry in found:
        yield folder / entry.name, entry


def _listed(folders: Sequence[Path], kinds: tuple[Kind, ...], span: Span, price: str) -> Listing:
    told: list[str] = []
    places: list[tuple[Place, Path]] = []
    stray: list[str] = []
    empty = 0
    for folder in folders:
        if folder.name.endswith(MERGED):
            told.append(f"{folder.name}: NinjaTrader's merged contract, left out; the contracts themselves are read")
            continue
        for path, entry in _within(folder):
            place = ncd_files.named(path)
            if place is None:
                stray += [f"{folder.name}/{path.name}"] if path.suffix == ".ncd" else []
            elif place.kind in kinds and place.price == price and span.touches(place):
                if _size(entry) > ncd_header.SIZE:
                    places.append((place, path))
                else:
                    empty += 1
    if stray:
        more = f" and {len(stray) - NAMED:,} more" if len(stray) > NAMED else ""
        told.append(f"no names that NinjaTrader gives, left out: {', '.join(stray[:NAMED])}{more}")
    if empty:
        told.append(f"{_counted(empty, 'file')} without data, left out")
    return Listing(_one_kind(places, told), told)


def _one_kind(places: list[tuple[Place, Path]], told: list[str]) -> list[Path]:
    """The files by contract and time, without the ticks of clock days that have minutes."""
    minutes = {(place.contract, place.begin.date()) for place, _ in places if place.kind == "minute"}
    chosen = [
        (place, path) for place, path in places if place.kind != "tick" or (place.contract, place.begin.date()) not in minutes
    ]
    mixed = {contract for contract, _ in minutes}
    from_ticks = {(place.contract, place.begin.date()) for place, _ in chosen if place.kind == "tick" and place.contract in mixed}
    for contract, days in sorted(Counter(contract for contract, _ in from_ticks).items()):
        told.append(f"{contract}: {_counted(days, 'day')} without minute bars, read from ticks")
    return [path for _, path in sorted(chosen, key=lambda each: (_month(each[0].contract), each[0].begin))]


def _symbol(folder: Path) -> str:
    found = CONTRACT.fullmatch(folder.absolute().name)
    return found[1] if found else folder.absolute().name


def _month(contract: str) -> tuple[str, str, str]:
    """Sorts contracts by symbol and month."""
    found = CONTRACT.fullmatch(contract)
    return (found[1], found[2][3:], found[2][:2]) if found else (contract, "", "")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def _size(entry: os.DirEntry[str]) -> int:
    """Bytes of a file; 0 for a link that leads nowhere."""
    try:
        return entry.stat().st_size
    except OSError:
        return 0

"""A file or a folder as series of roots: files examined (examine.py), their contracts joined, dates cut."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tapewire.bus.errors import DataError, suggest
from tapewire.replay.sources import doubts, formats, join, lived, normal, proof
from tapewire.replay.sources.barlist import BarList
from tapewire.replay.sources.examine import Examined, examine
from tapewire.replay.sources.join import Joined
from tapewire.replay.sources.reading import Reading, contract_of, days, listed, named, symbol_of, usual_name
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tapewire.replay.sources.series import Series
from tapewire.replay.sources.table import Bars, Options, Progress

LISTED = 3  # reasons why there is nothing
COMPANIONS = ("NQ", "ES", "YM")  # roots whose bars stand beside those of a traded one


@dataclass(slots=True)
class Gathered:
    """What a path holds. series: by root. told: in the order in which a person wants to know it."""

    files: list[Examined]
    series: dict[str, Joined]
    told: list[str]
    ignored: dict[str, list[Ignored]]


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
        there = listed(each.unread for each in files)
        raise DataError(
            f"{path}: no bars, as no file is in a format that can be read; it holds {there}; known formats: {formats.known()}"
        )
    if odd := [each.path for each in known if os.fsencode(each.name) != each.name.encode("utf-8", "replace")]:
        raise DataError(f"{odd[0]}: its name is no UTF-8, so no result could name it; rename it (`ls -b` shows it)")
    told = list(dict.fromkeys(line for each in known for line in each.told))
    if unknown := [each.unread for each in files if each.found is None]:
        told.append(f"not read, in no known format: {listed(unknown)}")
    told += _without_micros(known, reading)
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
        if len(parts) > 1 and len(bars.contracts) < 2:
            told += doubts.jumps(bars.bars, root, doubts.trade_date(bars.bars.stamp))
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
    if (own := lived.recording(path, instrument, reading, progress)) is not None:
        return own
    root = reading.instruments[instrument].root
    gathered = gather([path], reading, progress)
    if root not in gathered.series:
        there = ", ".join(gathered.series) or "no bars that are wanted"
        options = reading.options
        said = (("--from", options.start), ("--to", options.end), ("--contract", options.contract))
        cut = ", ".join(f"{name} {value}" for name, value in said if value)
        remedy = f"check {cut}" if cut else "say --instrument for what is there"
        if not gathered.series and not cut:
            there, remedy = "no bars at all", "; ".join(gathered.told[:LISTED]) or "export the series again, with at least one"
        raise DataError(f"{path}: no bars of {root}, which {instrument} trades on; it holds {there}; {remedy}")
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


def _without_micros(files: list[Examined], reading: Reading) -> list[str]:
    """Leave out the bars of another symbol of a root that has bars of its own: the volume of MNQ is not that of NQ."""
    told: list[str] = []
    for root in {root: None for each in files for root, _ in each.parts}:
        parts = [part for each in files for mine, part in each.parts if mine == root]
        others = sorted({symbol_of(part.contract, root, reading) for part in parts} - {root})
        own = [part for part in parts if symbol_of(part.contract, root, reading) == root]
        if not own or not others:
            continue
        told.append(f"{root}: the files of {listed(others)} are left out, as there are some of {root}")
        for each in files:
            each.parts = [(mine, part) for mine, part in each.parts if symbol_of(part.contract, root, reading) not in others]
    return told


def _joined(path: str, root: str, parts: list[Series], reading: Reading, told: list[str]) -> Joined:
    contracts: dict[str, list[Series]] = {}
    for part in parts:
        contracts.setdefault(usual_name(part.contract, reading), []).append(part)
    whole: dict[str, Bars] = {}
    for name, mine in contracts.items():
        whole[name], twice, other = join.files(mine, reading.options.seconds)
        if twice:
            differ = f", though {other:,} of them differ" if other else ""
            told.append(
                f"{name or root}: {twice:,} minutes stand in more than one file; those of the first by name are kept{differ}"
            )
    if len(whole) == 1:
        return join.one(*next(iter(whole.items())))
    options = reading.options
    if options.roll == "none":
        raise DataError(
            f"{path} holds {len(whole)} contracts of {root} ({listed(whole)}); say --contract, or --roll volume or --roll table"
        )
    months = {name: contract for name in whole if (contract := contract_of(name, reading)) is not None}
    if loose := [name for name in whole if name not in months]:
        rest = listed(name for name in whole if name not in loose)
        raise DataError(
            f"{path}: bars of {loose[0] or 'no named contract'} beside those of {rest}; "
            "give them folders of their own, or say --contract"
        )
    if options.roll == "volume":
        chosen = join.by_volume(whole, lambda name: (months[name].year, months[name].month))
    else:
        chosen = _by_table(root, whole, reading)
    made = join.joined(whole, chosen, adjust=options.adjust)
    if unused := [name for name in whole if name not in made.contracts]:
        told.append(f"{root}: no bars of {listed(unused)} are used, by {options.roll}")
    origin = normal.provenance(root, made, options, (), ())
    told += [f"{root}: {normal.rolled(roll, origin)}" for roll in origin.rolls]
    return made


def _by_table(root: str, contracts: Mapping[str, Bars], reading: Reading) -> dict[int, str]:
    chosen: dict[int, str] = {}
    for date in np.unique(np.concatenate([doubts.trade_date(bars.stamp) for bars in contracts.values()])).tolist():
        name = named(reading.rolls.front(root, proof.date_of(date)))
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
    first, last = days(options)
    keep = np.ones(len(dates), np.bool_)
    if first is not None:
        keep &= dates >= first
    if last is not None:
        keep &= dates <= last
    return whole._replace(bars=whole.bars.only(keep), by=whole.by[keep])

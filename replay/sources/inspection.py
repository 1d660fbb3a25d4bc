"""What a path holds, for `tapewire data inspect`: each file with its format, clock, sessions, holes and doubts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from msgspec import Struct

from tapewire.daemons.market.calendar import Calendar
from tapewire.replay.sources import doubts, join, notes, proof, series
from tapewire.replay.sources.examine import Examined, examine
from tapewire.replay.sources.reading import Reading, days
from tapewire.replay.sources.series import Series, only
from tapewire.replay.sources.table import Progress, Whole
from tapewire.strategies.clock import RTH_CLOSE, RTH_OPEN, hhmm, minute_of

LISTED = 10
DAILY = (".ncd", ".nrd")  # NinjaTrader keeps a file for each day
Special: TypeAlias = Callable[[str, dt.date, dt.date], Calendar]
"""The special days of a root between two dates."""


class SessionHoles(Struct, frozen=True):
    """A session whose RTH minutes are not all there. missing: stretches, by their first and last minute."""

    session: str
    bars: int
    expected: int
    missing: tuple[str, ...]


class Inspected(Struct, frozen=True):
    """One contract in one file. first, last: closes in UTC. flow: share of the volume whose side is known, None if there is none.

    sessions: trade dates with bars; complete: of them with every RTH minute; holes: the others.
    """

    root: str
    contract: str
    bars: int
    first: str
    last: str
    sessions: int
    complete: int
    holes: tuple[SessionHoles, ...]
    volume: int
    empty_minutes: int
    flow: float | None
    ignored: int


class InspectedFile(Struct, frozen=True):
    """One file. sign: by what its format was recognised. notes: what was told. error: why it cannot be read as it is."""

    file: str
    format: str
    sign: str
    zone: str
    stamps: str
    period_s: int
    rows: int
    bad_rows: int
    contents: tuple[Inspected, ...]
    notes: tuple[str, ...]
    error: str


def inspect(
    places: Sequence[Path], reading: Reading, special: Special, progress: Progress, *, together: bool = False
) -> list[InspectedFile]:
    """Look at every file under some paths. Errors are part of the answer. together: the files of a contract's folder as one."""
    first, last = days(reading.options)
    groups: dict[tuple[Path, str], list[Examined]] = {}
    for each in examine(places, reading, progress):
        each.parts = [(root, _between(part, first, last)) for root, part in each.parts]
        daily = together and each.path.suffix in DAILY and each.found is not None
        groups.setdefault((each.path.parent, each.path.suffix) if daily else (each.path, ""), []).append(each)
    return [_files(group, reading, special) for group in groups.values()]


def lines(files: list[InspectedFile]) -> Iterator[str]:
    """The answer for a person."""
    unknown = [" ".join((file.file, *(f"({note})" for note in file.notes))) for file in files if not file.format]
    for file in files:
        if not file.format:
            continue
        yield file.file
        yield f"  format    {file.format}: {file.sign}"
        bars = "trades" if file.stamps == "trade" else f"bars of {file.period_s} s stamped at the {file.stamps}"
        if file.stamps:
            yield f"  clock     {file.zone or 'unknown'}, {bars}"
        for part in file.contents:
            yield f"  {part.contract or part.root:<9} {part.bars:,} bars from {part.first} to {part.last} UTC"
            yield f"  sessions  {part.sessions}, of which {part.complete} have every minute from 09:31 on"
            for hole in part.holes[:LISTED]:
                yield f"            {hole.session}: {hole.bars} of {hole.expected} minutes; missing {', '.join(hole.missing)}"
            if len(part.holes) > LISTED:
                yield f"            and {len(part.holes) - LISTED} more sessions with holes"
            side = "no order flow" if part.flow is None else f"{part.flow:.2%} of it with its side"
            empty = f", {part.empty_minutes:,} minutes without" if part.empty_minutes else ""
            yield f"  volume    {part.volume:,} contracts, {side}{empty}"
            if part.ignored:
                yield f"  left out  {part.ignored:,} repeated or late rows"
        for note in file.notes:
            yield f"  note      {note}"
        if file.error:
            yield f"  REFUSED   {file.error}"
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        yield f"in no known format: {', '.join(unknown[:LISTED])}{more}"


def _between(part: Series, first: int | None, last: int | None) -> Series:
    """The bars of the wanted trade dates."""
    if first is None and last is None:
        return part
    dates = doubts.trade_date(part.bars.stamp)
    low, high = (dates[0] if first is None else first, dates[-1] if last is None else last) if len(dates) else (0, 0)
    return only(part, (dates >= low) & (dates <= high))


def _files(group: list[Examined], reading: Reading, special: Special) -> InspectedFile:
    """Files of one contract as if they were one."""
    files = [_file(each, reading, special) for each in group]
    if len(group) == 1:
        return files[0]
    first, last = files[0], group[-1].path.name
    parts: dict[tuple[str, str], list[Series]] = {}
    for each in group:
        for root, part in each.parts:
            if len(part.bars):
                parts.setdefault((root, part.contract), []).append(part)
    whole = [
        (
            root,
            replace(
                own[0], bars=join.files(own, reading.options.seconds)[0], ignored=[row for part in own for row in part.ignored]
            ),
        )
        for (root, _), own in parts.items()
    ]
    refused = [file.error for file in files if file.error]
    more = f" ({len(refused) - 1} more files are refused)" if len(refused) > 1 else ""
    return msgspec.structs.replace(
        first,
        file=f"{'/'.join(group[0].path.parts[-3:-1])}: {len(group)} files, {group[0].path.name} to {last}",
        rows=sum(file.rows for file in files),
        bad_rows=sum(file.bad_rows for file in files),
        contents=tuple(_part(root, part, special) for root, part in whole),
        notes=tuple(notes.few(note for file in files for note in file.notes)),
        error=f"{refused[0]}{more}" if refused else "",
    )


def _file(each: Examined, reading: Reading, special: Special) -> InspectedFile:
    content, options = each.content, reading.options
    return InspectedFile(
        file=each.name,
        format="" if each.found is None else each.found.reader.NAME,
        sign="" if each.found is None else each.found.sign,
        zone=options.zone if content is None or (options.zone and content.assumed) else content.clock,
        stamps="" if content is None else series.ends(content, options),
        period_s=0 if content is None else content.period_s,
        rows=0 if content is None else content.rows,
        bad_rows=len(each.bad),
        contents=tuple(_part(root, part, special) for root, part in each.parts if len(part.bars)),
        notes=tuple(dict.fromkeys((*each.told, *([each.other] if each.other else ())))),
        error="" if each.error is None else str(each.error),
    )


def _part(root: str, part: Series, special: Special) -> Inspected:
    bars = part.bars
    dates = doubts.trade_date(bars.stamp)
    days = np.unique(dates)
    calendar = special(root, proof.date_of(days[0]), proof.date_of(days[-1]))
    holes = [hole for day in days.tolist() if (hole := _holes(day, bars.stamp[dates == day], calendar)) is not None]
    with_rth = [day for day in days.tolist() if _closes(day, calendar) > RTH_OPEN]
    flow = None
    if bars.ask is not None and bars.bid is not None:
        known = (bars.ask >= 0) & (bars.bid >= 0)
        flow = float((bars.ask + bars.bid)[known].sum() / max(int(bars.volume.sum()), 1)) if known.any() else None
    ends = bars.stamp[[0, -1]].astype("datetime64[ns]").astype("datetime64[m]")
    return Inspected(
        root=root,
        contract=part.contract,
        bars=len(bars),
        first=str(ends[0]),
        last=str(ends[1]),
        sessions=len(days),
        complete=len(with_rth) - len(holes),
        holes=tuple(holes),
        volume=int(bars.volume.sum()),
        empty_minutes=int((bars.volume == 0).sum()),
        flow=flow,
        ignored=len(part.ignored),
    )


def _closes(day: int, special: Calendar) -> int:
    date = proof.date_of(day).isoformat()
    if date in special.holidays:
        return RTH_OPEN
    return minute_of(special.half_days[date]) if date in special.half_days else RTH_CLOSE


def _holes(day: int, stamps: Whole, special: Calendar) -> SessionHoles | None:
    closes = _closes(day, special)
    local, minute = proof.new_york(stamps)
    here = set(minute[local == day].tolist())
    missing = [each for each in range(RTH_OPEN + 1, closes + 1) if each not in here]
    if not missing:
        return None
    starts = [at for at in missing if at - 1 not in missing]
    ends = [at for at in missing if at + 1 not in missing]
    stretches = [hhmm(first) if first == last else f"{hhmm(first)}-{hhmm(last)}" for first, last in zip(starts, ends, strict=True)]
    more = [f"and {len(stretches) - 5} more stretches"] if len(stretches) > 5 else []
    expected = closes - RTH_OPEN
    return SessionHoles(proof.date_of(day).isoformat(), expected - len(missing), expected, (*stretches[:5], *more))

"""A run's own record as a recording: its journal, or the folders of its days. Bars as they came, and what was lost as lost.

Nothing is proved or doubted here as with files of others: the bars have been through the bus. A bar keeps every field, except that
its number counts from 0 as in every recording, and that the venue of the new run says what the account holds. History that a chart
loaded stays history: no entry is decided on it. A bar that the tracker never got is left out, and is a gap in its place. Levels
that a person gave are given again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, Gap, GivenLevels
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.replay.sources import dayfolder, journal
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.pages import PagedBars
from tapewire.replay.sources.reading import Reading, days, listed
from tapewire.replay.sources.recording import Input, Recording, SourceFile, Told
from tapewire.replay.tapes import wall
from tapewire.strategies.clock import RTH_CLOSE, RTH_OPEN, hhmm

SAID = ("instrument", "start", "end")  # the options that mean something here

Facts: TypeAlias = Iterator[Input]


class Lived(NamedTuple):
    """A run's record of one instrument.

    symbol: the instrument of the bars. files: by name under the path, in their order, what gives each one's content.
    closes: by trade date, the close of RTH in minutes after midnight.
    """

    symbol: str
    files: Mapping[str, Callable[[], Facts]]
    closes: Callable[[], Mapping[str, int]]


def recording(path: Path, instrument: str, reading: Reading, progress: Callable[[float], None]) -> Recording | None:
    """The bars of an instrument; None if the path is no run's record, or holds no bars of its root.

    Raises:
        ConfError: an option does not fit. DataError: a file is damaged; or no bar is left.
    """
    found = _found(path, instrument, reading)
    if found is None:
        return None
    _check(path, reading.options)
    kept = _Kept(instrument, reading.options)
    bars = PagedBars(kept.bars(found.files))
    progress(1.0)
    if not bars:
        raise DataError(f"{path}: no bars of {found.symbol} in the dates that are wanted; check --from and --to")
    return Recording(
        instrument=instrument,
        root=reading.instruments[instrument].root,
        bars=bars,
        files=tuple(SourceFile(name, found.symbol, kept.taken[name], kept.accepted[name]) for name in found.files),
        notes=tuple(kept.notes(path, found.symbol)),
        facts=kept.facts,
    )


def calendar(path: Path, instrument: str, reading: Reading) -> Calendar | None:
    """The half days and holidays that the run had, by its sessions; None where nothing tells them."""
    found = _found(path, instrument, reading)
    closes = {} if found is None else found.closes()
    if not closes:
        return None
    return Calendar(
        half_days={date: hhmm(at) for date, at in closes.items() if RTH_OPEN < at < RTH_CLOSE},
        holidays=tuple(date for date, at in closes.items() if at <= RTH_OPEN),
    )


def _found(path: Path, instrument: str, reading: Reading) -> Lived | None:
    by_symbol = _of_journal(path) or _of_days(path)
    if instrument not in reading.instruments:
        return None
    root = reading.instruments[instrument].root
    mine = sorted(name for name in by_symbol if name in reading.instruments and reading.instruments[name].root == root)
    return next((by_symbol[name] for name in (instrument, root, *mine) if name in by_symbol), None)


def _of_journal(path: Path) -> dict[str, Lived]:
    found = journal.by_symbol(path)
    return {
        symbol: Lived(symbol, {_name(tape, path): partial(journal.heard, tape)}, partial(journal.closes, tape))
        for symbol, tape in found.items()
    }


def _of_days(path: Path) -> dict[str, Lived]:
    folders = dayfolder.folders(path)
    found: dict[str, Lived] = {}
    for symbol in dayfolder.symbols(folders):
        files = {_name(file, path): partial(dayfolder.facts, file, symbol) for file in dayfolder.files(folders, symbol)}
        found[symbol] = Lived(symbol, files, partial(dayfolder.closes, folders, symbol))
    return found


def _name(file: Path, path: Path) -> str:
    return file.name if file == path else str(file.relative_to(path))


def _check(path: Path, options: Options) -> None:
    usual = Options()
    names = [field.name for field in fields(Options) if field.name not in SAID]
    if said := [name for name in names if getattr(options, name) != getattr(usual, name)]:
        what = ", ".join(f"--{name.replace('_', '-')}" for name in said)
        raise ConfError(f"{path} is a run's own record, which is read as it is; leave out {what}")
    days(options)


class _Kept:
    """What is kept of a run's record. taken, accepted: bars of each file. facts: by the number of the bar they came before."""

    def __init__(self, instrument: str, options: Options) -> None:
        self.taken = Counter[str]()
        self.accepted = Counter[str]()
        self.facts: dict[int, tuple[Told, ...]] = {}
        self._instrument = instrument
        self._first, self._last = options.start or "0", options.end or "9"
        self._clock = SessionClock(Calendar())  # a trade date depends on no calendar
        self._again = self._history = self._lost = 0
        self._holes: list[str] = []
        self._given: list[str] = []

    def bars(self, files: Mapping[str, Callable[[], Facts]]) -> Iterator[Bar]:
        """The bars that are wanted."""
        number, last_ns = 0, 0
        before: list[Told] = []
        for name, each in ((name, each) for name, facts in files.items() for each in facts()):
            if isinstance(each, Gap):
                before.append(replace(each, topic=topics.bar(self._instrument)))
                continue
            if isinstance(each, GivenLevels):
                before.append(replace(each, instrument=self._instrument))
                continue
            self.taken[name] += 1
            if each.close_ns <= last_ns:
                self._again += 1
                continue
            last_ns = each.close_ns
            if not self._first <= self._clock.read(each.close_ns)[0].date <= self._last:
                before = [fact for fact in before if isinstance(fact, GivenLevels)]
                continue
            if before:
                self._note(before, each)
                self.facts[number] = tuple(before)
                before.clear()
            historical = each.phase == "historical"
            self._history += historical
            phase = each.phase if historical else "playback"
            yield replace(each, instrument=self._instrument, index=number, position=None, phase=phase)
            self.accepted[name] += 1
            number += 1

    def _note(self, before: list[Told], bar: Bar) -> None:
        gaps = [fact for fact in before if isinstance(fact, Gap)]
        self._lost += sum(gap.last - gap.first + 1 for gap in gaps)
        self._holes += [wall(bar.close_ns)] if gaps else []
        self._given += [fact.session for fact in before if isinstance(fact, GivenLevels)]

    def notes(self, path: Path, symbol: str) -> Iterator[str]:
        """What a person should know of it."""
        if self._lost:
            places = listed(self._holes)
            yield f"{path}: {self._lost:,} bars of {symbol} were lost on the way, before {places}; their trade dates take no entry"
        if self._given:
            yield f"{path}: levels of {symbol} were given for {listed(dict.fromkeys(self._given))}; they hold from the same bars on"
        if self._history:
            yield f"{path}: {self._history:,} bars of {symbol} are history that a chart loaded; no entry is decided on them"
        if self._again:
            yield f"{path}: {self._again:,} bars of {symbol} came again, or late; left out, as in the run"

"""Reading a journal while the logger writes it: each topic from where the last round ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.journal import extent, scan_from
from tapewire.replay.days.book import READ, START, Book, Reached
from tapewire.replay.tapes import SUFFIX

AT_ONCE = 2_000  # records of one topic in a round


class Continuation(NamedTuple):
    """Where a file is read on: the place behind what was read, and how far its topic had been read by then."""

    offset: int = 0
    reached: Reached = START


class Follower:
    """Feeds a book from the files under `journal/`. A record counts once it is whole; a torn one is read again with its rest.

    Args:
        book: that has read what stands before these places. places: by the name of the file; the others are read from the start.
    """

    def __init__(self, journal: Path, book: Book, places: Mapping[str, Continuation] = MappingProxyType({})) -> None:
        self._journal = journal
        self._book = book
        self._offsets = {name: place.offset for name, place in places.items()}
        self._firsts: dict[str, dict[str, Continuation]] = {}  # by file: where each date begins in it

    def round(self) -> bool:
        """Read on, at most AT_ONCE records of each topic. Returns whether more was there.

        Bars come first: what they led to is in the other files before the next bar is in its own.

        Raises:
            JournalError: a file is damaged before its end.
        """
        more = False
        for prefix in READ:
            for path in sorted(self._journal.glob(f"{prefix}*{SUFFIX}")):
                more |= self._read(path)
        return more

    def read(self) -> dict[str, int]:
        """How many bytes of each file have been read."""
        return dict(sorted(self._offsets.items()))

    def behind(self, date: str) -> dict[str, Continuation]:
        """Where to read on for all that is of later dates. Forgets where this date and those before begin.

        Gaps belong to no date, and are few: their file is always read whole.
        """
        found: dict[str, Continuation] = {}
        for name, offset in self._offsets.items():
            firsts = self._firsts[name] = {day: place for day, place in self._firsts.get(name, {}).items() if day > date}
            if not name.startswith(topics.GAP):
                here = Continuation(offset, self._book.reached.get(_topic(name), START))
                found[name] = min([here, *firsts.values()], key=lambda place: place.offset)
        return found

    def _read(self, path: Path) -> bool:
        name = path.name
        start = self._offsets.get(name, 0)
        if extent(path) <= start:
            return False
        topic, book = _topic(name), self._book
        firsts = self._firsts.setdefault(name, {})
        more = False
        for count, (offset, frame) in enumerate(scan_from(path, start), 1):
            reached = book.reached.get(topic, START)
            date = book.take(topic, frame)
            if date and date not in firsts:
                firsts[date] = Continuation(start, reached)
            start = offset
            if count == AT_ONCE:
                more = True
                break
        self._offsets[name] = start
        return more


def _topic(name: str) -> str:
    return f"{name.removesuffix(SUFFIX)}."

"""Reading a journal while the logger writes it: each topic from where the last round ended."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.journal import scan_from
from tapewire.replay.days.book import READ, Book
from tapewire.replay.tapes import SUFFIX

AT_ONCE = 2_000  # records of one topic in a round


class Follower:
    """Feeds a book from the files under `journal/`. A record counts once it is whole; a torn one is read again with its rest."""

    def __init__(self, journal: Path, book: Book) -> None:
        self._journal = journal
        self._book = book
        self._offsets: dict[Path, int] = {}

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
        return {path.name: offset for path, offset in sorted(self._offsets.items())}

    def _read(self, path: Path) -> bool:
        start = self._offsets.get(path, 0)
        if path.stat().st_size <= start:
            return False
        topic = f"{path.name.removesuffix(SUFFIX)}."
        for count, (offset, frame) in enumerate(scan_from(path, start), 1):
            self._book.take(topic, frame)
            if count == AT_ONCE:
                self._offsets[path] = offset
                return True
            start = offset
        self._offsets[path] = start
        return False

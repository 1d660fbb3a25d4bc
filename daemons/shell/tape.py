"""The journal of a run on disk: one file per topic, in the order of its numbers.

The logger writes it; an epoch that begins reads how far each topic went.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tapewire.bus import archive, private, wire
from tapewire.bus.bounds import MAX_FRAME
from tapewire.bus.journal import Journal
from tapewire.bus.messages import HistoryRequest, Page, TopicLength
from tapewire.bus.records import START

MAX_PAGE = 1_000
MAX_PAGE_BYTES = MAX_FRAME // 2  # a longer page is cut; the reader requests the rest
SUFFIX = ".tape"
HELD_BYTES = 1 << 17
"""Of frames that a tape collects before its files get them. No file's share is so large that the memory for it is not reused."""


class Reel:
    """One topic: its compressed records, then those of its file. Positions count from the first record that is kept."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._frames = archive.index(journal.path, journal.begins) if journal.begins > START else []
        self._packed = sum(frame.records for frame in self._frames)

    def __len__(self) -> int:
        return self._packed + len(self._journal)

    def read(self, start: int, count: int) -> Iterator[bytes]:
        """At most `count` records from position `start` on."""
        for frame in self._frames:
            first = frame.before
            if first + frame.records > start and first < start + count:
                yield from islice(archive.records(self._journal.path, frame), max(0, start - first), start + count - first)
        if start + count > self._packed:
            yield from self._journal.read(max(0, start - self._packed), start + count - max(start, self._packed))

    def last(self) -> bytes | None:
        """The newest record; None if there is none."""
        return next(self.read(len(self) - 1, 1), None) if len(self) else None


class Tape:
    """The journal directory of a run: `<topic without its last dot>.tape` for every topic."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
        self.folder = folder
        self.files: dict[str, Journal] = {}
        self.reels: dict[str, Reel] = {}
        self.ends: dict[str, tuple[int, int]] = {}
        self._held: dict[str, list[bytes]] = {}  # frames that their files do not have yet
        self._held_bytes = 0
        self._dirty: set[str] = set()
        self._unsynced: set[str] = set()
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            self._open(f"{path.name.removesuffix(SUFFIX)}.")

    def append(self, topic: str, epoch: int, seq: int, frame: bytes) -> None:
        """Add one frame; it is on disk for other processes to read after `flush`."""
        frames = self._held.get(topic)
        if frames is None:
            if topic not in self.files:
                self._open(topic)
            frames = self._held[topic] = []
        frames.append(frame)
        self.ends[topic] = (epoch, seq)
        self._held_bytes += len(frame)
        if self._held_bytes >= HELD_BYTES:
            self._hand_over()

    def flush(self) -> None:
        self._hand_over()
        for topic in self._dirty:
            self.files[topic].flush()
        self._unsynced |= self._dirty
        self._dirty.clear()

    def sync(self) -> None:
        self.flush()
        for topic in self._unsynced:
            self.files[topic].sync()
        self._unsynced.clear()

    def restore(self) -> None:
        """Write anew each file that was deleted, moved or replaced. Raises JournalLost if one cannot be."""
        for journal in self.files.values():
            journal.restore()

    def restored(self) -> list[tuple[Path, str]]:
        """The files that were written anew since the last call, each with what was wrong."""
        found = [(journal.path, fault) for journal in self.files.values() for fault in journal.restored]
        for journal in self.files.values():
            journal.restored.clear()
        return found

    def close(self) -> None:
        """Sync and close all files; a tape that is closed stays so."""
        try:
            self.sync()
        finally:
            for journal in self.files.values():
                journal.close()
            self.files.clear()
            self.reels.clear()
            self._dirty.clear()
            self._unsynced.clear()

    def lengths(self, prefix: str) -> tuple[TopicLength, ...]:
        self._hand_over()
        return tuple(
            TopicLength(topic, len(self.reels[topic]), *self.ends[topic])
            for topic in sorted(self.reels)
            if topic.startswith(prefix)
        )

    def page(self, asked: HistoryRequest) -> Page:
        reel = self.reels.get(asked.topic)
        if reel is None:
            return Page(asked.id, asked.topic, asked.start, (), 0)
        self._hand_over()
        frames: list[bytes] = []
        size = 0
        for frame in reel.read(asked.start, min(max(asked.count, 0), MAX_PAGE)):
            size += len(frame)
            if frames and size > MAX_PAGE_BYTES:
                break
            frames.append(frame)
        return Page(asked.id, asked.topic, asked.start, tuple(frames), len(reel))

    def _hand_over(self) -> None:
        """Give each file its frames, many at once."""
        self._held_bytes = 0
        while self._held:
            topic, frames = self._held.popitem()
            self.files[topic].extend(frames)
            self._dirty.add(topic)

    def _open(self, topic: str) -> None:
        journal = Journal.open(self.folder / f"{topic.removesuffix('.')}{SUFFIX}")
        self.files[topic] = journal
        self.reels[topic] = Reel(journal)
        last = self.reels[topic].last()
        if last is None:
            self.ends[topic] = (0, 0)
        else:
            header, _ = wire.decode(last)
            self.ends[topic] = (header.epoch, header.seq)

"""Compressing the old records of a run's journal, and leaving out the oldest. The run must be down.

Compressing moves records from a file of the journal into its archive (bus/archive.py) in two steps, each of which happens or does
not: the archive is written beside, synced and renamed, then the file without these records. A kill between them leaves the records
in both, and readers take the file's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from tapewire.bus import archive, disk
from tapewire.bus.archive import FRAME_BYTES, PackedFrame
from tapewire.bus.journal import Journal, begins, scan_from
from tapewire.bus.messages import Header
from tapewire.bus.records import HEAD, START, record

_COPY_AT_ONCE = 1 << 22
_header = msgspec.msgpack.Decoder(Header)


class Moved(NamedTuple):
    """Records of a journal's file. size: their bytes. packed: as compressed; 0 where it was not tried."""

    records: int = 0
    size: int = 0
    packed: int = 0


def old(path: Path, before_ns: int) -> Moved:
    """The records of a journal's file that are not compressed and lie before a market time, up to the first that does not.

    Raises:
        JournalError: it cannot be read.
    """
    records = size = 0
    for _, payload in scan_from(path, begins(path)):
        if _header.decode(payload).event_ns >= before_ns:
            break
        records, size = records + 1, size + HEAD.size + len(payload)
    return Moved(records, size)


def compress(path: Path, before_ns: int) -> Moved:
    """Move these records into the journal's archive; one at least.

    Raises:
        JournalError: another process writes it, or it is damaged. DiskError: the disk refuses; nothing is lost.
    """
    with Journal.open(path, create=False) as journal:
        frames = _frames(path)
        records = size = packed = 0
        with disk.whole(archive.beside(path)) as file:
            if frames:
                _copy(archive.beside(path), file, 0, frames[-1].at + frames[-1].size)
            for content, count, first_ns, last_ns in _chunks(journal, before_ns):
                frame = archive.pack(content, journal.begins + size, count, first_ns, last_ns)
                file.write(frame)
                records, size, packed = records + count, size + len(content), packed + len(frame)
            _durable(file)
        disk.sync_folder(path.parent)
        journal.cut(records)
    return Moved(records, size, packed)


def oldest(path: Path, before_ns: int) -> list[PackedFrame]:
    """The frames of an archive that can go: all their records lie before a market time, and so does one that stays.

    A start of the run folds the last days of a topic, and finds the record before them: without it, it would take what was left out
    for a loss.
    """
    frames = _frames(path)
    return [frame for frame, following in pairwise(frames) if following.first_ns < before_ns]


def newest_ns(path: Path) -> int:
    """The market time of a journal's last record; 0 if it has none."""
    for _, payload in deque(scan_from(path, begins(path)), maxlen=1):
        return _header.decode(payload).event_ns
    frames = _frames(path)
    return frames[-1].last_ns if frames else 0


def leave_out(path: Path, frames: list[PackedFrame]) -> None:
    """Remove the first frames of an archive.

    Raises:
        JournalError: another process writes the journal. DiskError: the disk refuses; nothing is lost.
    """
    with Journal.open(path, create=False):
        last = _frames(path)[-1]
        with disk.whole(archive.beside(path)) as file:
            _copy(archive.beside(path), file, frames[-1].at + frames[-1].size, last.at + last.size)
            _durable(file)
        disk.sync_folder(path.parent)


def _frames(path: Path) -> list[PackedFrame]:
    place = begins(path)
    return archive.index(path, place) if place > START else []


def _chunks(journal: Journal, before_ns: int) -> Iterator[tuple[bytes, int, int, int]]:
    """The old records in portions of whole ones, each with their number and the market times of the first and the last."""
    content = bytearray()
    count = first_ns = last_ns = 0
    for payload in journal.read():
        at_ns = _header.decode(payload).event_ns
        if at_ns >= before_ns:
            break
        first_ns = first_ns if count else at_ns
        content += record(payload)
        count, last_ns = count + 1, at_ns
        if len(content) >= FRAME_BYTES:
            yield bytes(content), count, first_ns, last_ns
            content.clear()
            count = 0
    if count:
        yield bytes(content), count, first_ns, last_ns


def _copy(source: Path, to: BinaryIO, start: int, stop: int) -> None:
    with source.open("rb") as file:
        file.seek(start)
        while start < stop:
            piece = file.read(min(_COPY_AT_ONCE, stop - start))
            to.write(piece)
            start += len(piece)


def _durable(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())

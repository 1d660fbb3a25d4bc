"""The compressed part of a journal: its oldest records, in `<name>.zst` beside it.

    file    = frame, frame, ...
    frame   = a skippable frame of zstd with what the next one holds, then a zstd frame with up to a MiB of whole records

So `zstd -dc` gives the records, and a reader finds any of them by unpacking one frame. Each frame is read by itself: of the Python
libraries for zstd half stop without a word after the first frame of a file that was appended to.

A journal that was compressed says in its first line at which place it goes on (bus/records.py). What an archive holds from there on
is not read: its writer was killed between the two steps, and the journal still has it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tapewire.bus.errors import JournalError
from tapewire.bus.records import HEAD, START, payloads

SUFFIX = ".zst"
FRAME_BYTES = 1 << 20
LEVEL = 9
_SKIPPABLE = 0x184D2A50
_TOLD = struct.Struct("<IIQQIIqq")


class PackedFrame(NamedTuple):
    """One frame. at, size: of the packed records in the file. start, end: places in the journal. before: records of the archive
    before it. first_ns, last_ns: market times of its first and last record."""

    at: int
    size: int
    start: int
    end: int
    records: int
    before: int
    first_ns: int
    last_ns: int


def beside(journal: Path) -> Path:
    """Where a journal's archive lies."""
    return journal.with_name(f"{journal.name}{SUFFIX}")


def pack(content: bytes, start: int, records: int, first_ns: int, last_ns: int) -> bytes:
    """Whole records as a frame; unpacked again before it is returned, because the journal's own bytes will be removed."""
    zstd = library()
    packed: bytes = zstd.compress(content, LEVEL)
    if zstd.decompress(packed) != content:
        raise JournalError("zstd does not give back what it has packed; check the memory of this machine")
    told = (_SKIPPABLE, _TOLD.size - 8, start, start + len(content), records, len(packed), first_ns, last_ns)
    return _TOLD.pack(*told) + packed


def index(journal: Path, until: int) -> list[PackedFrame]:
    """The frames of a journal's archive up to the place where the journal goes on; none if there is no archive.

    Raises:
        JournalError: it is damaged.
    """
    path = beside(journal)
    found: list[PackedFrame] = []
    try:
        with path.open("rb") as file:
            before = 0
            while len(head := file.read(_TOLD.size)) == _TOLD.size:
                kind, _, start, end, records, size, first_ns, last_ns = _TOLD.unpack(head)
                if kind != _SKIPPABLE or (found and start != found[-1].end):
                    raise _damaged(path, start)
                if end > until:
                    break
                found.append(PackedFrame(file.tell(), size, start, end, records, before, first_ns, last_ns))
                before += records
                file.seek(size, 1)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
    if until > START and (not found or found[-1].end != until):
        raise _damaged(path, found[-1].end if found else START)
    return found


def end(journal: Path) -> int:
    """The place behind the last record of an archive whose journal is gone."""
    place = START
    with beside(journal).open("rb") as file:
        while len(head := file.read(_TOLD.size)) == _TOLD.size:
            place = _TOLD.unpack(head)[3]
            file.seek(_TOLD.unpack(head)[5], 1)
    return place


def content(journal: Path, frame: PackedFrame) -> bytes:
    """The records of a frame as they stood in the journal. Raises JournalError: it is damaged."""
    path = beside(journal)
    try:
        with path.open("rb") as file:
            file.seek(frame.at)
            found: bytes = library().decompress(file.read(frame.size))
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
    except library().ZstdError as error:
        raise _damaged(path, frame.start) from error
    if len(found) != frame.end - frame.start:
        raise _damaged(path, frame.start)
    return found


def records(journal: Path, frame: PackedFrame) -> Iterator[bytes]:
    """The payloads of a frame."""
    try:
        yield from payloads(content(journal, frame))
    except ValueError as error:
        raise _damaged(beside(journal), frame.start) from error


def scan_from(journal: Path, offset: int, until: int) -> Iterator[tuple[int, bytes]]:
    """Each payload with the place behind it, from a place on to the one where the journal goes on."""
    for frame in index(journal, until):
        if frame.end <= offset:
            continue
        place = frame.start
        for payload in records(journal, frame):
            place += HEAD.size + len(payload)
            if place > offset:
                yield place, payload


def _damaged(path: Path, place: int) -> JournalError:
    return JournalError(f"{path}: damaged behind place {place}; restore it from a copy")


def library() -> Any:
    """Part of Python from 3.14 on; before, the same module from backports.zstd."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd

"""How far a journal had been read, so that a start need not read days again that are long over.

The folders and the journal are the truth; this is a shortcut, and it is proved before it is taken: the bytes of the journal before
each place, and every file of every day and month that is left out, must have the hash that they had. On any doubt the journal is
read from its beginning, and what is wrong is written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk, private
from tapewire.bus.errors import JournalError
from tapewire.bus.journal import before
from tapewire.replay.days import folders
from tapewire.replay.days.follow import Continuation

FILE = "read.json"
PROVED = 1 << 16  # bytes before a place; records in them have numbers and times
OURS = ("session_init", "bars", "signals", "rejects", "trades", "performance", "report", "summary")
"""How the names of the files begin that follow from the journal. Others stand beside them: stamps, a verdict."""


class Proved(Struct, frozen=True):
    """A place in a file of the journal, and the hash of the bytes before it."""

    place: Continuation
    before: str


class Checkpoint(Struct, frozen=True):
    """The content of read.json.

    read: bytes read of each file, at the run's last stop. dropped: the newest date that is left out. places: where the others
    begin, by file. folders: the hash of each day and month that is left out.
    """

    read: dict[str, int] = {}
    dropped: str = ""
    places: dict[str, Proved] = {}
    folders: dict[str, str] = {}


def load(run: Path) -> Checkpoint:
    """What the run's file says; nothing, if there is none or it cannot be read."""
    try:
        return msgspec.json.decode((run / folders.FOLDER / FILE).read_bytes(), type=Checkpoint)
    except (OSError, msgspec.MsgspecError):
        return Checkpoint()


def proved(run: Path, known: Checkpoint) -> bool:
    """Whether the journal and the folders are those of which this was written."""
    journal = run / "journal"
    try:
        return all(_before(journal / name, each.place.offset) == each.before for name, each in known.places.items()) and all(
            _digest(run, name) == digest for name, digest in known.folders.items()
        )
    except (OSError, JournalError):
        return False


def write(run: Path, known: Checkpoint, dropped: str, places: dict[str, Continuation], read: dict[str, int]) -> Checkpoint:
    """Write how far the journal has been read. known: what was written last, whose folders are not hashed again.

    Raises:
        DiskError: the disk refuses.
    """
    dates = [date for date in folders.dates(run) if date <= dropped]
    months = {date[:7] for date in dates if date[:7] < dropped[:7]}
    found = Checkpoint(
        read=read,
        dropped=dropped,
        places={name: Proved(place, _before(run / "journal" / name, place.offset)) for name, place in sorted(places.items())},
        folders={name: known.folders.get(name) or _digest(run, name) for name in sorted({*dates, *months})},
    )
    disk.replace(private.folder(run / folders.FOLDER) / FILE, msgspec.json.encode(found) + b"\n")
    return found


def _before(path: Path, offset: int) -> str:
    return hashlib.sha256(before(path, offset, PROVED)).hexdigest()


def _digest(run: Path, name: str) -> str:
    """The hash of the files of a day or a month."""
    whole = hashlib.sha256()
    for path in _files(folders.place(run, name)):
        whole.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith(OURS))

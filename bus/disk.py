"""Files that appear whole or not at all, and one sentence for a disk that refuses: the file, the reason, the remedy.

    .<name>.<pid>.unfinished    beside it, while it is written

A reader sees the old file or the new one, never a part; a write that fails leaves the old one. A kill may leave an unfinished file,
which no reader takes for anything.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from tapewire.bus import private
from tapewire.bus.errors import ConfError, JournalError

_ROOM = "make room there (`df -h {folder}`), then try again"
_OWNER = "give this user access to it, or name another folder"
_LIMIT = "raise the limit of the shell that starts tapewire (`ulimit -f unlimited`)"
_MOUNT = (
    "Linux mounts a disk with a fault so (`dmesg`): check it and mount it to write; WSL2 does after `wsl --shutdown` on Windows"
)
REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOSPC: _ROOM,
        errno.EDQUOT: _ROOM,
        errno.EROFS: _MOUNT,
        errno.EFBIG: _LIMIT,
        errno.EIO: "check the disk (`dmesg`)",
        errno.EACCES: _OWNER,
        errno.EPERM: _OWNER,
        errno.ENOENT: "make the folder that is missing, or correct the path",
        errno.ENOTDIR: "a file stands where a folder should be: correct the path",
        errno.EISDIR: "a folder stands where a file should be: name another file, or remove what is in the way",
        errno.ENAMETOOLONG: "name a shorter one",
        errno.ELOOP: "a link there leads to itself: remove it",
    }
)
"""What to do about an error of the disk, by its number."""
UNWRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
"""Errors that only writing has."""


class DiskError(JournalError):
    """A file cannot be written or removed. What stood there before stays."""


def refused(path: Path | str, error: OSError, what: str = "written") -> DiskError:
    """The error for a person: file, reason, remedy."""
    folder = os.path.dirname(path) or "."
    remedy = REMEDIES.get(error.errno or 0, "remove what is in the way").format(folder=folder)
    return DiskError(f"{path}: cannot be {what} ({error.strerror or error}); {remedy}")


@contextmanager
def writing(path: Path | str, what: str = "written") -> Iterator[None]:
    """Turns what the disk refuses in this block into a DiskError that names this path."""
    try:
        yield
    except OSError as error:
        raise refused(path, error, what) from error


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name, readable by this user only, when the block has ended well; not at all when it has not.

    Raises:
        DiskError: the disk refuses.
    """
    if not path.name:  # the working folder, or the root of all
        raise refused(path, OSError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if is_device(path):
        raise DiskError(f"{path}: cannot be written (it is a device, a pipe or a socket); name a file")
    hidden = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        hidden.unlink(missing_ok=True)  # of a process that died on the way: with its mode
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private.FILE)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        hidden.replace(path)
    except BaseException as error:
        with suppress(OSError):  # it was never made, or the disk has become read-only
            hidden.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refused(path, error) from error
        raise


def is_device(path: Path) -> bool:
    """Whether neither a file nor a folder has this name: a file in its place would take `/dev/null` from everybody."""
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing has
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or os.path.realpath(path.parent) == "/dev"


def replace(path: Path, content: bytes) -> None:
    """Write a file as `whole` does; an older one of its name is replaced."""
    with whole(path) as file:
        file.write(content)


def final(name: str) -> str:
    """The name that an unfinished file was to have; any other name as it is."""
    found = re.fullmatch(r"\.(.+?)(?:\.\d+)?\.unfinished", name)
    return name if found is None else found[1]


def only(folder: Path, ours: Container[str], kind: str) -> None:
    """Refuse a folder for results that holds others' files. One that is not there holds none.

    Args:
        ours: names of files that may be there, whole or unfinished. kind: what writes them, in words, such as "a run".
    Raises:
        ConfError: with the first of the others.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if foreign := [name for name in names if final(name) not in ours]:
        named = ", ".join(foreign[:3])
        raise ConfError(f"--out {folder} holds files that are not {kind}'s ({named}); name a new or empty folder")


def sync_folder(folder: Path) -> None:
    """Make a new or renamed entry durable: fsync of a file does not cover its name."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Files and folders that only their user can read: a run holds an account, its orders and its keys.

One rule for all that tapewire writes: folders 0700, files 0600. It holds for results, too (`--out` of a backtest, replay or sweep):
they show strategies, sizes and settings, a replay's folder has the files of a live run's, and a second rule would only be one more
to get wrong. To share a report, copy it.

The entry points set the file mode mask (`limit`), and every child process inherits it. `tighten` changes what an earlier version
wrote.

A Windows drive under WSL2 (`/mnt/c`) keeps no modes unless it is mounted with `metadata`. There, and wherever else a change of mode
has no effect, `tighten` returns a warning. Where a change of mode is refused it raises.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tapewire.bus.errors import ConfError

MASK = 0o077  # the bits of group and others
FOLDER = 0o700
FILE = 0o600
MOUNTS = Path("/proc/self/mountinfo")


def limit() -> None:
    """From now on this process and its children make folders 0700 and files 0600."""
    os.umask(MASK)


def folder(path: Path) -> Path:
    """Make a folder that only this user can read, or make an existing one so. Returns its path.

    Raises:
        ConfError: it cannot be made private.
        OSError: it cannot be created.
    """
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    _make_private(path, path, os.chmod)
    return path


def own_folder(path: Path) -> Path:
    """As `folder`, in a place where other users can create folders, too.

    Raises:
        ConfError: another user has made it.
    """
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    owner = path.lstat().st_uid
    if owner != os.geteuid():
        raise ConfError(f"{path}: belongs to another user (uid {owner}); remove it, or set TMPDIR to a folder of your own")
    return folder(path)


def tighten(top: Path, chmod: Callable[[Path, int], None] = os.chmod) -> str:
    """Take a folder and everything below it away from group and others; links are not followed.

    Returns:
        A warning if the file system keeps no modes; empty if all is private.

    Raises:
        ConfError: a path cannot be made private, or a link leads to a place that others can read.
    """
    for path in _tree(top):
        if not _make_private(path, top, chmod):
            return f"{path}: {reason(path)}; {remedy(path)}"
    return ""


def readable(top: Path) -> Path | None:
    """The first path in a folder that group or others can access; None if there is none."""
    return next((path for path in _tree(top) if _mode(path) & MASK), None)


def reason(path: Path) -> str:
    """Why a path is not private."""
    if on_windows(path, MOUNTS.read_text("utf-8")):
        return f"others can access it (mode {_mode(path):04o}): this Windows drive is mounted without metadata and keeps no modes"
    return f"others can access it (mode {_mode(path):04o})"


def remedy(path: Path) -> str:
    """How to make a path private."""
    if on_windows(path, MOUNTS.read_text("utf-8")):
        return 'keep the folder on the Linux disk (--var), or set `options = "metadata"` under [automount] in /etc/wsl.conf'
    return "run `chmod -R go-rwx` on its folder; if the mode does not change, move the folder to a disk that keeps modes"


def on_windows(path: Path, mounts: str) -> bool:
    """Whether a path lies on a Windows drive that keeps no modes.

    Args:
        mounts: the text of /proc/self/mountinfo (`man 5 proc`): field 5 is the mount point; type, source, options follow ` - `.
    """
    best, windows = "", False
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point, details = left.split()[4], right.split(maxsplit=2)
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and path.absolute().is_relative_to(point):
            options = details[2].replace(";", ",").split(",")
            best = point
            windows = (details[0] == "drvfs" or "aname=drvfs" in options) and "metadata" not in options
    return windows


def _make_private(path: Path, top: Path, chmod: Callable[[Path, int], None]) -> bool:
    """Whether a path is private now, or has gone."""
    mode = 0
    try:
        mode = _mode(path)
        if not mode & MASK:
            return True
        if path.is_symlink():
            raise ConfError(f"{path}: links to a place that others can access (mode {mode:04o}); run `chmod go-rwx` on its target")
        chmod(path, mode & ~MASK)
        return not _mode(path) & MASK
    except FileNotFoundError:
        return True
    except OSError as error:
        if on_windows(path, MOUNTS.read_text("utf-8")):
            return False
        raise ConfError(
            f"{path}: others can access it (mode {mode:04o}), and the mode cannot be changed ({error.strerror}); make this user "
            f"the owner (`sudo chown -R $USER {top}`), or choose another folder"
        ) from error


def _tree(top: Path) -> Iterator[Path]:
    """A folder, and every file, folder and link below it."""
    if top.exists():
        yield top
    for where, folders, files in os.walk(top):
        for name in sorted([*folders, *files]):
            yield Path(where, name)


def _mode(path: Path) -> int:
    """The mode of a file, of a link's target; 0 where a link leads nowhere."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0

"""A latch on disk: a file in the run's folder, written before the daemon is asked, so that it holds whatever happens next.

The daemon keeps the latch in its own log as well. The file is for the moment when the daemon cannot be asked: it looks for the file
when it starts, before it takes anything else, and at each heartbeat. Which file that is stands in its value (`Latch` in
bus/daemon.py). So whoever releases it removes the file first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tapewire.bus import disk


def write(path: Path, by: str) -> None:
    """Write the latch and bring it to the disk.

    Raises:
        DiskError: the disk refuses.
    """
    with disk.writing(path), path.open("ab") as file:
        with suppress(OSError):  # a full disk has room for a file, if not for its content: an empty one latches, too
            file.truncate(0)
            os.write(file.fileno(), by.encode())
        os.fsync(file.fileno())


def read(path: Path) -> str:
    """Who latched it; empty when it is not latched. A file that cannot be read latches, too."""
    try:
        return path.read_text("utf-8") or "unknown"
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        return "unknown"


def release(path: Path) -> None:
    """Take the latch away.

    Raises:
        DiskError: the disk refuses; it stays latched.
    """
    with disk.writing(path, "removed, so the switch stays latched"):
        path.unlink(missing_ok=True)

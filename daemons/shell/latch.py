"""A latch on disk: a file in the run's folder, written before the daemon is asked, so that it holds whatever happens next.

The daemon keeps the latch in its own log as well. The file is for the moment when the daemon cannot be asked: it looks for the file
when it starts, before it takes anything else, and at each heartbeat. Which file that is stands in its value (`Latch` in
bus/daemon.py). So whoever releases it removes the file first.
"""

from __future__ import annotations

import os
from pathlib import Path

from tapewire.bus.errors import JournalError


def write(path: Path, by: str) -> None:
    """Write the latch and bring it to the disk.

    Raises:
        JournalError: it could not be written; the text says what else to do.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(by)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalError(
            f"{path}: {error.strerror}; the latch is not on disk, so stop the daemons with `tapewire down`"
        ) from error


def read(path: Path) -> str:
    """Who latched it; empty when it is not latched. A file that cannot be read latches, too."""
    try:
        return path.read_text("utf-8") or "unknown"
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        return "unknown"


def release(path: Path) -> None:
    """Take the latch away."""
    path.unlink(missing_ok=True)

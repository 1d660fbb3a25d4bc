"""The kill switch on disk: a file in the run's folder, written before the gate is asked, so that it holds whatever happens next.

The gate keeps the latch in its own log as well. The file is for the moment when the gate is not there to be asked: it looks for
it when it starts, before it takes anything else.
"""

from __future__ import annotations

import os
from pathlib import Path

from tapewire.bus.errors import JournalError

NAME = "killed"


def latch(run: Path, by: str) -> None:
    """Write the latch and bring it to the disk.

    Raises:
        JournalError: it could not be written; the text says what else to do.
    """
    try:
        with (run / NAME).open("w", encoding="utf-8") as file:
            file.write(by)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalError(
            f"{run / NAME}: {error.strerror}; the latch is not on disk, so stop the daemons with `tapewire down`"
        ) from error


def read(run: Path) -> str:
    """Who latched it; empty when it is not latched."""
    try:
        return (run / NAME).read_text("utf-8") or "unknown"
    except FileNotFoundError:
        return ""


def release(run: Path) -> None:
    """Take the latch away."""
    (run / NAME).unlink(missing_ok=True)

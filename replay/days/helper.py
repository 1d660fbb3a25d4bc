"""A command of ours beside the daybook, at the lowest priority, so the folders go on and no order waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LOWEST = 19


def start(run: Path, words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start `tapewire WORDS`. log: where it writes to, in the run's folder."""
    command = [sys.executable, "-P", "-m", "tapewire", *words]
    path = run / log
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    with suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST)
    return process

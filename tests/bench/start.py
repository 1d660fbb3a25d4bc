"""How long commands take to start: the program beside this Python, against a Python that does nothing.

It knows no module of tapewire, so it measures any revision.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import Figure, compared

BASELINE = "python -c pass"
COMMANDS = ("--help", "--version", "status", "backtest --help")


def run(folder: Path, *, quick: bool) -> list[Figure]:
    """In turns; `status` with nothing running, which ends with an error after all its imports."""
    program = os.fspath(Path(sys.executable).with_name("tapewire"))
    ways = {BASELINE: [sys.executable, "-c", "pass"], **{f"tapewire {words}": [program, *words.split()] for words in COMMANDS}}
    environment = os.environ | {"HOME": os.fspath(folder), "XDG_RUNTIME_DIR": os.fspath(folder), "PYTHONSAFEPATH": "1"}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(4 if quick else 16):
        for name, command in ways.items():
            used, start = _used_s(), time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
            if number:  # the first ones write byte code
                wall[name].append(1e6 * (time.perf_counter() - start))
                cpu[name].append(1e6 * (_used_s() - used))
    return [*compared("start, wall", wall, BASELINE), *compared("start, CPU time", cpu, BASELINE)]


def _used_s() -> float:
    """CPU time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

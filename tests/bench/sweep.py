"""A sweep by the command: 64 cells over 40 sessions, two processes. The figures are of the whole command, reading included.

It knows no module of tapewire unless it has to make the bars, so it measures any revision.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import Figure

SESSIONS, SHORT = 40, 6
CELLS = 64
GRID = (
    "edge_fade.ib_under_points=150,200,250,300",
    "edge_fade.pause_bars=10,20,30,40",
    "exits.exit_time=15:30,15:59",
    "fill=next_open,close",
)
ROUNDS = 3


def run(folder: Path, *, quick: bool, data: Path | None = None) -> list[Figure]:
    """Time per cell; each round computes all of them anew."""
    data = recorded(folder / "sweep-bars", quick=quick) if data is None else data
    program = os.fspath(Path(sys.executable).with_name("tapewire"))
    out = folder / "sweep"
    settings = [word for setting in GRID for word in ("--set", setting)]
    command = [program, "sweep", "--data", os.fspath(data), "--out", os.fspath(out), "--jobs", "2", "--json", *settings]
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(1 if quick else ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        used, start = used_s(), time.perf_counter()
        subprocess.run(command, env=os.environ | {"PYTHONSAFEPATH": "1"}, check=True, capture_output=True)
        wall.append(1e6 * (time.perf_counter() - start) / CELLS)
        cpu.append(1e6 * (used_s() - used) / CELLS)
    found = {"wall, per cell": sorted(wall), "CPU time of all processes, per cell": sorted(cpu)}
    return [
        Figure("sweep, two processes", name, taken[len(taken) // 2], per_s=1e6 / taken[len(taken) // 2])
        for name, taken in found.items()
    ]


def recorded(folder: Path, *, quick: bool) -> Path:
    """Synthetic sessions in a new folder."""
    return made(folder, SHORT if quick else SESSIONS)


def made(folder: Path, sessions: int) -> Path:
    """So many of them."""
    from tapewire.replay.sources import synthetic
    from tests.bench import ours

    synthetic.generate(folder, sessions=sessions, seed=ours.SEED, start=ours.START)
    return folder


def used_s() -> float:
    """CPU time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

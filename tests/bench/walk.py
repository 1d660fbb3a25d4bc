"""A walk-forward by the command against a sweep for each of its windows: a year, 16 cells, two processes.

    walk-forward      every cell once over the year; the windows are made of its trades
    sweep by window   the same windows without it: a sweep over the sessions of each sample and its test, as many of them in sample
                      as the sample has

CPU time of all processes, in turns, reading included. The sweeps are those of the revision before there was a walk-forward,
installed as `--against` does it, and of this one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench import against, sweep
from tests.bench.figures import Figure, compared

BEFORE = "4945c3f"
SESSIONS, SHORT = 252, 12
SAMPLE, TEST = 60, 20
GRID = (
    *("--set", "edge_fade.ib_under_points=150,200,250,300", "--set", "edge_fade.pause_bars=10,20,30,40"),
    *("--jobs", "2", "--json"),
)
ROUNDS = 3


def run(folder: Path, *, quick: bool, data: Path | None = None) -> list[Figure]:
    """CPU time of each, per session of the year."""
    sample, test = (6, 2) if quick else (SAMPLE, TEST)
    sessions = SHORT if quick else SESSIONS
    if data is None:
        data = sweep.made(folder / "walk-bars", sessions)
    ours = Path(sys.executable).with_name("tapewire")
    before = against.made(BEFORE) / ".venv" / "bin" / "tapewire"
    walked, swept = folder / "walked", folder / "swept"

    def whole() -> None:
        words = ("--sample", sample, "--test", test, "--metric", "net")
        _run([ours, "walk-forward", "--data", data, "--out", walked, *words, *GRID])

    def by_window(program: Path) -> Callable[[], None]:
        def windows() -> None:
            for line in (walked / "windows.jsonl").read_text().splitlines():
                window = json.loads(line)
                share = (sample + 0.5) / (sample + window["test_sessions"])
                span = ("--from", window["sample_first"], "--to", window["test_last"], "--sessions-split", share)
                _run([program, "sweep", "--data", data, "--out", swept / str(window["number"]), *span, *GRID])

        return windows

    ways = {
        "walk-forward": whole,
        "sweep by window, before": by_window(before),
        "sweep by window, this revision": by_window(ours),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 if quick else ROUNDS):
        shutil.rmtree(walked, ignore_errors=True)
        for name, way in ways.items():
            shutil.rmtree(swept, ignore_errors=True)
            swept.mkdir()
            used = sweep.used_s()
            way()
            taken[name].append(1e6 * (sweep.used_s() - used) / sessions)
    return compared("walk-forward of a year, 16 cells", taken, "walk-forward")


def _run(words: Iterable[object]) -> None:
    subprocess.run([str(word) for word in words], env=os.environ | {"PYTHONSAFEPATH": "1"}, check=True, capture_output=True)

"""What the scripts of this folder share. Each runs one engine once, in a process of its own, and prints one JSON object.

The rivals' scripts run in an environment that knows nothing of ours, so this module is imported by its bare name there and needs
numpy alone. The strategy is the same for all of them: when flat, a fast average that crosses a slow one enters one contract at the
market, with a stop and a target; only these end the position, and crosses meanwhile are let pass.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CASH = 100_000_000  # dollars: whatever the strategy loses, nothing is ever refused for want of money
MULTIPLIER = 2  # dollars per point of MNQ
TICK = 0.25

Column = NDArray[np.float64]


class Rule(NamedTuple):
    """The simple strategy. fast, slow: bars of each average. stop, target: points from the close that decided."""

    fast: int
    slow: int
    stop: float
    target: float


def arguments() -> tuple[Path, Rule]:
    """BARS.npz FAST SLOW STOP TARGET, as rivals.py calls the scripts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    for name, kind in (("fast", int), ("slow", int), ("stop", float), ("target", float)):
        parser.add_argument(name, type=kind)
    given = parser.parse_args()
    return given.bars, Rule(given.fast, given.slow, given.stop, given.target)


def columns(path: Path) -> dict[str, Column]:
    """close_ns, open, high, low, close and volume, one value per bar."""
    with np.load(path) as packed:
        return {name: packed[name] for name in packed.files}


def tell(play: Callable[[], int | None], *, bars: int, load_s: float, more: Callable[[], Mapping[str, object]] = dict) -> None:
    """Play once and print what it took. play: returns the number of trades, if it knows. load_s: spent on having the bars ready.

    The peak is this process's own (VmHWM): ru_maxrss would start at what the parent had.
    """
    start, cpu = time.perf_counter(), time.process_time()
    trades = play()
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    figures = {"bars": bars, "trades": trades, "run_s": spent, "cpu_s": cpu, "load_s": load_s, "peak_mb": peak_mb}
    print(json.dumps({**figures, **more()}))

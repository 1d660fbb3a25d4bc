"""What the scripts of this folder share. Each runs one engine once, in a process of its own, and prints one JSON object.

The rivals' scripts run in an environment that knows nothing of ours, so this module is imported by its bare name there and needs
numpy alone. The strategy is the same for all of them: when flat, a fast average that crosses a slow one enters one contract at the
market, with a stop and a target. Only these end the position, and crosses meanwhile are let pass; `--reverse` turns the position at
a cross against it as well. Averages that are equal keep the side that they had, and the first side of all is no cross.

Each engine fills as it does when nothing is said about fills: that is what a newcomer from there is used to.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
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


class Told(NamedTuple):
    """A trade. side: 1 bought, -1 sold. entered, left: which bar of the recording, by what the engine says."""

    side: int
    entered: int
    entry: float
    left: int
    exit: float


class Asked(NamedTuple):
    """What a script is to do. listed: where the trades go, with the crosses that its averages made. cells: combinations at once."""

    path: Path
    rule: Rule
    reverses: bool = False
    listed: Path | None = None
    cells: int = 1


def arguments() -> Asked:
    """BARS.npz FAST SLOW STOP TARGET [--reverse] [--list FILE] [--cells N], as rivals.py and trades.py call the scripts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    for name, kind in (("fast", int), ("slow", int), ("stop", float), ("target", float)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--list", type=Path)
    parser.add_argument("--cells", type=int, default=1)
    given = parser.parse_args()
    return Asked(given.bars, Rule(given.fast, given.slow, given.stop, given.target), given.reverse, given.list, given.cells)


def columns(path: Path) -> dict[str, Column]:
    """close_ns, open, high, low, close and volume, one value per bar."""
    with np.load(path) as packed:
        return {name: packed[name] for name in packed.files}


def crosses(fast: Column, slow: Column) -> NDArray[np.int64]:
    """1 where the fast average has crossed above the slow one, -1 below, 0 elsewhere."""
    side = np.where(np.isnan(fast) | np.isnan(slow), 0, np.sign(np.nan_to_num(fast) - np.nan_to_num(slow))).astype(np.int64)
    known = np.maximum.accumulate(np.where(side != 0, np.arange(len(side)), 0))
    side = side[known]
    before = np.concatenate(([0], side[:-1]))
    return np.where((before != 0) & (before != side), side, 0)


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


def write(path: Path, version: str, trades: Sequence[Told], crossed: Mapping[int, int]) -> None:
    """The trades of an engine, and the crosses that it saw by bar."""
    path.write_text(json.dumps({"version": version, "trades": trades, "crosses": sorted(crossed.items())}))

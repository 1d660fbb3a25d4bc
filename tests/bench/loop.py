"""The in-process backtest: bars per second of the whole pipeline, where each bar's time goes, and how much memory it takes.

The baseline is a bare Python loop over the same bars that calls seven strategy objects which do next to nothing: what Python takes
for a bar before any decision, message or record. The throughput is of CPU time, of which other work on the machine takes little.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tapewire.bus.daemon import Daemon, Event, Output
from tapewire.bus.messages import Bar, Body
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import keeping, loop, runs
from tapewire.replay.loop import Record
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport
from tests.bench import ours
from tests.bench.figures import Figure, compared, quantile

BARE = "bare loop, seven near-empty strategies"
SEVEN = 7


class NearEmpty:
    """A strategy that keeps one price: the cost of a near-empty one."""

    def __init__(self) -> None:
        self.last = 0.0

    def next(self, bar: Bar) -> bool:
        rose = bar.close > self.last
        self.last = bar.close
        return rose


class TimedCore:
    """A core whose steps are clocked."""

    def __init__(self, daemon: Daemon) -> None:
        self._step = daemon.core.step
        self.spent_ns = 0

    def step(self, event: Event) -> Sequence[Output]:
        start = time.perf_counter_ns()
        outputs = self._step(event)
        self.spent_ns += time.perf_counter_ns() - start
        return outputs


class TimedVenue(Venue):
    """The simulated venue, clocked."""

    spent_ns = 0

    def on_bar(self, bar: Bar) -> list[VenueReport]:
        start = time.perf_counter_ns()
        reports = super().on_bar(bar)
        self.spent_ns += time.perf_counter_ns() - start
        return reports

    def on_order(self, order: Body) -> list[VenueReport]:
        start = time.perf_counter_ns()
        reports = super().on_order(order)
        self.spent_ns += time.perf_counter_ns() - start
        return reports


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Throughput by preset with and without a journal, then by kind of bar, then by stage, then memory."""
    folder = folder / "loop"
    folder.mkdir()
    return [
        *_throughput(folder, recorded, rounds=3 if quick else 9),
        *_by_kind_of_bar(recorded, rounds=2 if quick else 5),
        *_by_stage(recorded, rounds=2 if quick else 5),
        *_memory(folder, recorded),
    ]


def _throughput(folder: Path, recorded: ours.Recorded, *, rounds: int) -> list[Figure]:
    bars = recorded.bars
    ways: dict[str, Callable[[], None]] = {BARE: lambda: _bare(bars)}
    for name in (each for each in configuration.preset_names() if each != "bare"):  # which names no strategy
        conf = ours.settings(name)
        if len(conf.preset.strategies) < SEVEN:  # another strategy's own preset: not comparable
            continue
        ways[f"{name}, no journal"] = lambda conf=conf: _play(conf, bars)  # type: ignore[misc]
        ways[f"{name}, with journal"] = lambda conf=conf: _recorded(conf, bars, folder)  # type: ignore[misc]
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time_ns()
            way()
            taken[name].append((time.process_time_ns() - start) / 1000 / len(bars))
    return compared("loop", taken, BARE, rate=True, notes={BARE: f"{len(bars)} bars"})


def _by_kind_of_bar(recorded: ours.Recorded, *, rounds: int) -> list[Figure]:
    """RTH bars take longer: all the rules apply to them, and only to them."""
    conf = ours.settings("seed")
    taken: dict[str, list[float]] = {"RTH bars": [], "other bars": []}
    for _ in range(rounds):
        played = loop.Loop(ours.daemons(conf), runs.venue(conf))
        for bar, rth in zip(recorded.bars, recorded.rth, strict=True):
            start = time.perf_counter_ns()
            played.bar(bar)
            taken["RTH bars" if rth else "other bars"].append((time.perf_counter_ns() - start) / 1000)
    return [
        Figure("loop, seed by kind of bar", name, quantile(each, 0.5), quantile(each, 0.99), per_s=1e6 * len(each) / sum(each))
        for name, each in taken.items()
    ]


def _by_stage(recorded: ours.Recorded, *, rounds: int) -> list[Figure]:
    """The time of each core's step, and the rest for queue, numbers and routes. The figures include the clock itself."""
    conf = ours.settings("seed")
    spent: dict[str, list[float]] = {}
    for _ in range(rounds):
        cores = {daemon.name: (daemon, TimedCore(daemon)) for daemon in ours.daemons(conf)}
        venue = TimedVenue({symbol: conf.instruments[symbol] for symbol in conf.traded}, conf.trading.account, conf.fill)
        start = time.perf_counter_ns()
        loop.run([daemon._replace(core=core) for daemon, core in cores.values()], venue, recorded.bars)
        total = time.perf_counter_ns() - start
        parts = {name: core.spent_ns for name, (_, core) in cores.items()} | {"venue": venue.spent_ns}
        parts["loop itself"] = total - sum(parts.values())
        for name, each in parts.items():
            spent.setdefault(name, []).append(each / 1000 / len(recorded.bars))
    total_us = sum(quantile(each, 0.5) for each in spent.values())
    return [
        Figure("loop, seed by stage", name, quantile(each, 0.5), note=f"{quantile(each, 0.5) / total_us:.0%} of a bar")
        for name, each in spent.items()
    ]


def _memory(folder: Path, recorded: ours.Recorded) -> list[Figure]:
    """Resident memory of a fresh process: with the bars read, after a run, after a run with a journal; and its peak."""
    spawn = multiprocessing.get_context("spawn")
    ours_end, theirs = spawn.Pipe()
    process = spawn.Process(target=_measured, args=(folder / "memory", recorded.folder, theirs))
    process.start()
    theirs.close()
    marks: dict[str, float] = ours_end.recv()
    process.join()
    return [Figure("loop, resident memory", name, each, note="MB, not us") for name, each in marks.items()]


def _measured(folder: Path, bars: Path, parent: Connection) -> None:
    marks = {"imports": _resident_mb("VmRSS")}
    recording, _ = runs.read(bars, ours.INSTRUMENT, lambda share: None)
    marks[f"{len(recording.bars)} bars read"] = _resident_mb("VmRSS")
    _play(ours.settings("seed"), recording.bars)
    marks["after a run"] = _resident_mb("VmRSS")
    _recorded(ours.settings("seed"), recording.bars, folder)
    marks["after a run with journal"] = _resident_mb("VmRSS")
    marks["highest of all"] = _resident_mb("VmHWM")
    parent.send(marks)


def _resident_mb(field: str) -> float:
    # Not getrusage: its figure starts at the parent's memory at the start of this process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def _bare(bars: Iterable[Bar]) -> None:
    strategies = [NearEmpty() for _ in range(SEVEN)]
    for bar in bars:
        for strategy in strategies:
            strategy.next(bar)


def _play(conf: Conf, bars: Iterable[Bar], record: Record | None = None) -> None:
    loop.run(ours.daemons(conf), runs.venue(conf), bars, record)


def _recorded(conf: Conf, bars: Iterable[Bar], folder: Path) -> None:
    """Like `tapewire backtest`, up to the closed journal."""
    keeper = keeping.Keeper(runs.prepare(folder / "run"), "all")
    _play(conf, bars, keeper.record)
    keeper.close()

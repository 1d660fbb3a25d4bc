"""How long a bar took on its way: from the laps that the heartbeats tell (PROTOCOL.md 12, Lap) to figures per hop.

    bridge        the bar came at the bridge, and was sent
    > tracker     sent by the bridge, arrived at the tracker: two clocks, where NinjaTrader runs on another machine or beside WSL2
    tracker       its work; likewise `evaluator`, `gate` (with its write to the disk) and `venue`
    > evaluator   sent by the tracker, arrived at the evaluator; likewise `> gate` and `> venue`
    to decision   from the tracker's arrival to the evaluator's answer, for every bar
    to signal     from the tracker's arrival to the gate's signal and order, for bars with an intent

The last two are sums by one clock, and the second is what the budget is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import get_args

from msgspec import Struct

from tapewire.bus.messages import Lap, Stage
from tapewire.daemons.operator.tables import aligned

BUDGET_MS = 50.0
"""From a bar to its signal (p99)."""

STAGES: tuple[Stage, ...] = get_args(Stage)
DECISION, SIGNAL = "to decision", "to signal"
HOPS = (
    *(name for before, stage in pairwise(("", *STAGES)) for name in ((f"> {stage}", stage) if before else (stage,))),
    DECISION,
    SIGNAL,
)
BAR = "#"
WIDTH = 40


class Passage(Struct, frozen=True):
    """One bar's way: when the work of each stage began and ended (wall clock, UTC ns); null where that is not known."""

    instrument: str
    bar_ns: int
    bridge: tuple[int, int] | None = None
    tracker: tuple[int, int] | None = None
    evaluator: tuple[int, int] | None = None
    gate: tuple[int, int] | None = None
    venue: tuple[int, int] | None = None


class HopFigures(Struct, frozen=True):
    """Milliseconds of one hop. histogram: (upper end, count); a class is twice as wide as the one before, empty ones are absent."""

    count: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    worst_ms: float
    histogram: tuple[tuple[float, int], ...]


def passage(laps: Iterable[Lap]) -> Passage:
    """The way of one bar, from its laps; at least one. Of several laps of one stage the first counts."""
    first: dict[str, tuple[int, int]] = {}
    instrument, bar_ns = "", 0
    for lap in laps:
        instrument, bar_ns = lap.instrument, lap.bar_ns
        first.setdefault(lap.stage, (lap.in_ns, lap.out_ns))
    return Passage(instrument, bar_ns, **first)


def hops(way: Passage) -> dict[str, int]:
    """Nanoseconds of each hop of which both ends are known."""
    found: dict[str, int] = {}
    before: tuple[int, int] | None = None
    for stage in STAGES:
        at: tuple[int, int] | None = getattr(way, stage)
        if at is not None:
            found[stage] = at[1] - at[0]
            if before is not None:
                found[f"> {stage}"] = at[0] - before[1]
        before = at
    if way.tracker is not None:
        for name, end in ((DECISION, way.evaluator), (SIGNAL, way.gate)):
            if end is not None:
                found[name] = end[1] - way.tracker[0]
    return found


def figures(ways: Iterable[Passage]) -> dict[str, HopFigures]:
    """The figures of each hop that a bar has passed, in the order of the way."""
    taken: dict[str, list[int]] = {}
    for way in ways:
        for name, ns in hops(way).items():
            taken.setdefault(name, []).append(ns)
    return {name: _figures(sorted(taken[name])) for name in HOPS if name in taken}


def slowest(found: Mapping[str, HopFigures]) -> str:
    """The hop between a bar's arrival and its signal with the highest p99; empty without one."""
    names = [name for name in found if name not in (STAGES[0], f"> {STAGES[1]}", f"> {STAGES[-1]}", STAGES[-1], DECISION, SIGNAL)]
    return max(names, key=lambda name: found[name].p99_ms, default="")


def chart(found: HopFigures) -> list[str]:
    """The histogram as lines for a terminal."""
    counts = dict(found.histogram)
    edge, most, rows = min(counts), max(counts.values()), []
    while edge <= max(counts):
        count = counts.get(edge, 0)
        rows.append((f"up to {edge:g} ms", BAR * -(-count * WIDTH // most), f"{count:,}"))
        edge *= 2
    return list(aligned(rows))


def _figures(sorted_ns: Sequence[int]) -> HopFigures:
    classes: dict[float, int] = {}
    for ns in sorted_ns:
        edge = 0.0625
        while ns > edge * 1e6:
            edge *= 2
        classes[edge] = classes.get(edge, 0) + 1
    p50, p99, p999, worst = (round(_at(sorted_ns, share) / 1e6, 3) for share in (0.5, 0.99, 0.999, 1.0))
    return HopFigures(len(sorted_ns), p50, p99, p999, worst, tuple(sorted(classes.items())))


def _at(sorted_ns: Sequence[int], share: float) -> int:
    """The value that this share of all does not exceed (nearest rank)."""
    return sorted_ns[max(0, -(-len(sorted_ns) * int(share * 1000) // 1000) - 1)]

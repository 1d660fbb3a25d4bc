"""The report of a bench: times of the same job done several ways, in turns, each also as a multiple of the plainest way.

Ratios carry from machine to machine, microseconds do not. So every variant is measured in the same run, block by block in turns:
whatever else the machine does meanwhile hits all of them alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct


class Figure(Struct, frozen=True):
    """One line of a report. p50, p99: microseconds per item. x50, x99: the same as multiples of the baseline's.

    per_s: items per second, where throughput is the point. note: what the line means, when its name does not say it.
    """

    bench: str
    name: str
    p50: float
    p99: float | None = None
    x50: float | None = None
    x99: float | None = None
    per_s: float | None = None
    note: str = ""


Samples = Mapping[str, Sequence[float]]
"""Microseconds per item, by variant."""


def compared(
    bench: str, samples: Samples, baseline: str, *, rate: bool = False, notes: Mapping[str, str] | None = None
) -> list[Figure]:
    """A line per variant, each measured against `baseline`. rate: also report the items per second at the median."""
    base50, base99 = quantile(samples[baseline], 0.5), quantile(samples[baseline], 0.99)
    figures = []
    for name, taken in samples.items():
        p50, p99 = quantile(taken, 0.5), quantile(taken, 0.99)
        figures.append(
            Figure(
                bench=bench,
                name=name,
                p50=p50,
                p99=p99,
                x50=p50 / base50,
                x99=p99 / base99,
                per_s=1e6 / p50 if rate else None,
                note=(notes or {}).get(name, ""),
            )
        )
    return figures


def by_turn(bench: str, turns: Mapping[str, list[list[float]]], baseline: str, notes: Mapping[str, str]) -> list[Figure]:
    """All turns together, and the median of each turn of another against that of the baseline before it: what else the machine did
    for a while is in few of them."""
    together = {name: [taken for turn in each for taken in turn] for name, each in turns.items()}
    figures = compared(bench, together, baseline, notes=notes)
    for name in turns:
        pairs = [*zip(turns[baseline], turns[name], strict=False)]
        if name != baseline:
            x50, x99 = (
                statistics.median(quantile(with_it, at) / quantile(without, at) for without, with_it in pairs) for at in (0.5, 0.99)
            )
            title = f"{name}: median of {len(pairs)} turns"
            figures.append(Figure(bench, title, quantile(together[name], 0.5), x50=x50, x99=x99))
    return figures


def quantile(taken: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the samples do not exceed."""
    rising = sorted(taken)
    return rising[min(len(rising) - 1, int(share * len(rising)))]


def in_turns(variants: Mapping[str, Callable[[], object]], *, rounds: int, times: int) -> dict[str, list[float]]:
    """Run each variant `times` times in a row, then the next one, for `rounds` rounds after an uncounted one.

    Returns microseconds per call, one sample for each block: for things that are shorter than a clock reading.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, call in variants.items():
            start = time.perf_counter_ns()
            for _ in range(times):
                call()
            spent = time.perf_counter_ns() - start
            if number:
                taken[name].append(spent / 1000 / times)
    return taken


def table(figures: Iterable[Figure]) -> str:
    """The report as a table."""
    lines = [f"{'':<44}{'p50 us':>10}{'p99 us':>10}{'x p50':>8}{'x p99':>8}{'per s':>10}"]
    bench = ""
    for each in figures:
        if each.bench != bench:
            bench = each.bench
            lines.append(f"\n{bench}")
        cells = (_number(each.p50, 10), _number(each.p99, 10), _ratio(each.x50), _ratio(each.x99), _whole(each.per_s))
        lines.append(f"  {each.name:<42}{''.join(cells)}  {each.note}".rstrip())
    return "\n".join(lines)


def _number(value: float | None, width: int) -> str:
    return " " * width if value is None else f"{value:>{width}.2f}" if value < 100 else f"{value:>{width}.0f}"


def _ratio(value: float | None) -> str:
    return " " * 8 if value is None else f"{value:>8.2f}"


def _whole(value: float | None) -> str:
    return " " * 10 if value is None else f"{value:>10.0f}"

"""How long the bars of a day took, from its folder: for `tapewire latency`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tapewire.bus.errors import DataError
from tapewire.bus.messages import Lap
from tapewire.daemons.operator.latency import BUDGET_MS, DECISION, SIGNAL, HopFigures, Passage, chart, passage
from tapewire.daemons.operator.tables import aligned
from tapewire.replay.days.folders import LATENCY


def ways(folder: Path) -> list[Passage]:
    """The bars of a day of which it is known. A torn last line is one that is being written.

    Raises:
        DataError: there is no file, or it cannot be read.
    """
    path = folder / LATENCY
    laps: dict[tuple[str, int], list[Lap]] = {}
    try:
        content = path.read_bytes()
        for lap in msgspec.json.Decoder(Lap).decode_lines(content[: content.rfind(b"\n") + 1]):
            laps.setdefault((lap.instrument, lap.bar_ns), []).append(lap)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: the daybook of this version did not run on that day") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; remove the line that is wrong") from error
    return [passage(of_bar) for of_bar in laps.values()]


def lines(date: str, bars: int, found: Mapping[str, HopFigures]) -> Iterator[str]:
    """The figures for a person: a table of the hops, then the histogram of what the budget is for."""
    yield f"{date}: {bars:,} bars, milliseconds"
    heading = ("hop", "bars", "p50", "p99", "p99.9", "worst")
    rows = [(name, f"{hop.count:,}", *(f"{ms:.3f}" for ms in _columns(hop))) for name, hop in found.items()]
    yield from (f"  {line}" for line in aligned([heading, *rows]))
    name = SIGNAL if SIGNAL in found else DECISION
    if name in found:
        over = "over" if found[name].p99_ms > BUDGET_MS else "within"
        yield f"a bar {name}: p99 {found[name].p99_ms:g} ms, {over} the budget of {BUDGET_MS:g} ms"
        yield from (f"  {line}" for line in chart(found[name]))


def _columns(hop: HopFigures) -> tuple[float, ...]:
    return hop.p50_ms, hop.p99_ms, hop.p999_ms, hop.worst_ms

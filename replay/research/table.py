"""The results of a sweep, from its finished cells.

table.csv, .jsonl    one line per cell, in the order of the grid
sessions.jsonl       one line per cell and session
sweep.html           the same as one page, with the doubt about the best cell (`tapewire.replay.research.overfit`)
sweep.json           the doubt in machine-readable form; it is written last, so where it exists the others are complete
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from tapewire.bus import disk
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import lines as results
from tapewire.replay.research import grid, overfit, page
from tapewire.replay.research.cell import Result
from tapewire.replay.research.grid import Axis, Cell
from tapewire.replay.research.overfit import Try
from tapewire.replay.research.page import Sweep
from tapewire.replay.sources.recording import Recording


def write(
    out: Path, conf: Conf, recording: Recording, axes: Sequence[Axis], made: Sequence[tuple[Cell, Result]], share: float
) -> Sweep:
    """Write the tables, the doubt and the page, from finished cells alone: equal cells give equal files.

    Args:
        made: every cell of the grid in its order, or those that a search tried. share: the share of the sessions that is in sample.
    """
    tries = [Try(grid.words(cell), tuple(day.net_cents for day in result.days), _trades(result)) for cell, result in made]
    places = [cell for cell, _ in made]
    near = {at: [places.index(each) for each in grid.neighbours(axes, cell) if each in places] for at, cell in enumerate(places)}
    doubt = overfit.judge(tries, near, share)
    sweep = Sweep(
        instrument=recording.instrument,
        preset=conf.preset.name,
        axes=tuple(axes),
        cells=len(made),
        sessions=tuple(day.session for day in made[0][1].days),
        bars=len(recording.bars),
        doubt=doubt,
        best=max(range(len(tries)), key=lambda at: (sum(tries[at].nets), -at)),
        off=tuple(f"{grid.words(cell)}: {text}" for cell, result in made for text in result.off),
    )
    rows = [row(cell, result, doubt.sessions_in) for cell, result in made]
    disk.replace(out / "table.csv", _csv(rows).encode())
    disk.replace(out / "table.jsonl", b"".join(msgspec.json.encode(each) + b"\n" for each in rows))
    disk.replace(out / "sessions.jsonl", b"".join(_session_lines(made)))
    disk.replace(out / "sweep.html", page.page(sweep, rows).encode())
    disk.replace(out / "sweep.json", msgspec.json.format(msgspec.json.encode(sweep), indent=2) + b"\n")
    return sweep


def row(cell: Cell, result: Result, inside: int) -> dict[str, Any]:
    """One line of the table. Dollars; `in_` covers the sessions on which the best was chosen, `out_` the rest."""
    nets = [day.net_cents / 100 for day in result.days]
    gross = sum(day.gross_cents for day in result.days)
    net = sum(day.net_cents for day in result.days)
    return {
        **cell,
        "trades": _trades(result),
        "wins": sum(day.wins for day in result.days),
        "refused": result.refused,
        "gross": gross / 100,
        "commission": (gross - net) / 100,
        "net": net / 100,
        "max_drawdown": result.drawdown_cents / 100,
        "net_per_session": round(fmean(nets), 2) if nets else 0.0,
        "sharpe_per_session": round(overfit.sharpe(nets), 6),
        "in_trades": sum(day.trades for day in result.days[:inside]),
        "in_net": sum(day.net_cents for day in result.days[:inside]) / 100,
        "out_trades": sum(day.trades for day in result.days[inside:]),
        "out_net": sum(day.net_cents for day in result.days[inside:]) / 100,
        "cell": result.key,
    }


def lines(out: Path, sweep: Sweep, most: int) -> Iterator[str]:
    """The best cells in sample as a table for a terminal, and that of all sessions in any case. out: the folder of the results."""
    rows = results.read(out / "table.jsonl")
    order = sorted(range(len(rows)), key=lambda at: (-rows[at]["in_net"], at))
    kept = order[:most] if sweep.best in order[:most] else [*order[: most - 1], sweep.best]
    names = [axis.name for axis in sweep.axes]
    found = [(*names, "trades", "net", "drawdown", "sharpe", "in sample", "out of sample", "")]
    for at in kept:
        row = rows[at]
        found.append(
            (
                *(grid.shown(row[name]) for name in names),
                f"{row['trades']:,}",
                f"{row['net']:+,.2f}",
                f"{row['max_drawdown']:,.2f}",
                f"{row['sharpe_per_session']:.2f}",
                f"{row['in_net']:+,.2f}",
                f"{row['out_net']:+,.2f}",
                page.best(sweep, at),
            )
        )
    yield from aligned(found)
    if len(rows) > len(kept):
        yield f"and {len(rows) - len(kept)} more; table.csv has them all"


def _session_lines(made: Sequence[tuple[Cell, Result]]) -> Iterator[bytes]:
    for cell, result in made:
        for day in result.days:
            line = {**cell, "session": day.session, "trades": day.trades, "wins": day.wins, "net": day.net_cents / 100}
            yield msgspec.json.encode(line) + b"\n"


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: grid.shown(value) for name, value in each.items()} for each in rows)
    return text.getvalue()


def _trades(result: Result) -> int:
    return sum(day.trades for day in result.days)

"""The results of a walk-forward, from its finished cells.

windows.csv, .jsonl   one line per window: its dates, the chosen settings, what they promised and what they made
trades.csv, .jsonl    the trades of the account over all tests, in the order of their exits; times are Eastern wall stamps
equity.csv            its realised equity after each of them
sessions.csv, .jsonl  one line per session of the tests, with those on which nothing was traded
cells.csv, .jsonl     one line per cell: what it alone would have made over all tests, and how often it was chosen
walk.html             the same as one page
walk.json             figures and doubts; it is written last, so where it exists the others are complete

Money is dollars, after commission and slippage, unless it is called gross.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import equity, excursion, lines
from tapewire.replay.research import grid, multiple, walk, walk_page
from tapewire.replay.research.grid import Axis, Cell
from tapewire.replay.research.multiple import Overfit, Superior
from tapewire.replay.research.sweep import KEPT
from tapewire.replay.research.trades import CellTrades
from tapewire.replay.research.walk import TestedTrade, Walked
from tapewire.replay.research.windows import Plan
from tapewire.replay.sources.recording import Recording

NAMES = ("windows", "trades", "sessions", "cells")
OURS = (*KEPT, *(f"{name}.{ending}" for name in NAMES for ending in ("csv", "jsonl")), "equity.csv", "walk.html", "walk.json")

TRADE = ("window", *lines.TRADE)


class WalkForward(Struct, frozen=True):
    """A walk-forward and its results.

    sessions: of the tests. figures: of the account, see replay/desk/numbers.py. off: strategies that were switched off, with the
    cell in words. overfit, superior: of the cells over the tested sessions (replay/research/multiple.py).
    """

    instrument: str
    preset: str
    plan: Plan
    axes: tuple[Axis, ...]
    cells: int
    windows: int
    sessions: tuple[str, ...]
    bars: int
    capital: float
    figures: dict[str, Any]
    efficiency: float | None
    overfit: Overfit | None
    superior: Superior | None
    held: int
    words: tuple[str, ...]
    off: tuple[str, ...]


def write(
    out: Path,
    conf: Conf,
    recording: Recording,
    axes: Sequence[Axis],
    cells: Sequence[Cell],
    made: Sequence[CellTrades],
    walked: Walked,
) -> WalkForward:
    """Write the tables and the page, from finished cells alone: equal cells give equal files.

    Args:
        made: every cell's trades, in the order of `cells`. walked: what came of them.
    """
    capital = conf.preset.risk.start
    overfit, superior, search = multiple.words([each.nets for each in walked.fixed])
    found = WalkForward(
        instrument=recording.instrument,
        preset=conf.preset.name,
        plan=walked.plan,
        axes=tuple(axes),
        cells=len(cells),
        windows=len(walked.steps),
        sessions=walked.sessions,
        bars=len(recording.bars),
        capital=capital,
        figures=walked.figures,
        efficiency=walked.efficiency,
        overfit=overfit,
        superior=superior,
        held=walked.held,
        words=(*walk.words(walked), *search, "None of this says that any cell will make money."),
        off=tuple(f"{grid.words(cell)}: {text}" for cell, each in zip(cells, made, strict=True) for text in each.off),
    )
    rows = {
        "windows": list(windows(walked, cells)),
        "trades": [trade(each, recording, conf) for each in walked.trades],
        "sessions": list(sessions(walked)),
        "cells": [cell(walked, each, at) for at, each in enumerate(cells)],
    }
    for name in NAMES:
        disk.replace(out / f"{name}.jsonl", b"".join(msgspec.json.encode(row) + b"\n" for row in rows[name]))
        columns = rows[name][0] if rows[name] else dict.fromkeys(TRADE)
        disk.replace(out / f"{name}.csv", _csv(columns, rows[name]))
    disk.replace(out / "equity.csv", _csv(equity.COLUMNS, equity.rows(rows["trades"], capital, conf.calendar)))
    disk.replace(out / "walk.html", walk_page.page(found, walked, cells, rows["windows"], rows["cells"]).encode())
    disk.replace(out / "walk.json", msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return found


def windows(walked: Walked, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    """The lines of the windows. The settings are none where nothing was chosen."""
    for step in walked.steps:
        line = msgspec.structs.asdict(step)
        at = line.pop("cell")
        yield {**line, **(dict.fromkeys(cells[0]) if at is None else cells[at])}


def trade(tested: TestedTrade, recording: Recording, conf: Conf) -> dict[str, Any]:
    """A trade of the account. session: of its signal; window: from 1."""
    of = tested.placed
    measures = excursion.measure(of.trade, of.entry, recording.bars, conf.instruments.get(of.trade.instrument))
    return {"window": tested.window + 1, **lines.trade(of.trade, measures)}


def sessions(walked: Walked) -> Iterator[dict[str, Any]]:
    """The lines of the tested sessions. A trade counts in the one in which it was closed."""
    numbers = [step.number for step in walked.steps for _ in range(step.test_sessions)]
    for session, number, net, trades in zip(walked.sessions, numbers, walked.nets, walked.closed, strict=True):
        yield {"session": session, "window": number, "trades": trades, "net": net}


def cell(walked: Walked, settings: Cell, at: int) -> dict[str, Any]:
    """One line of the cells: traded alone over all tests, with a new account at their beginning."""
    fixed = walked.fixed[at]
    return {
        **settings,
        "trades": fixed.trades,
        "net": fixed.net,
        "max_drawdown": fixed.max_drawdown,
        "sharpe": fixed.sharpe if fixed.sharpe is not None and math.isfinite(fixed.sharpe) else None,
        "chosen": fixed.chosen,
    }


def _csv(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else grid.shown(value) for name, value in each.items()} for each in rows)
    return text.getvalue().encode()

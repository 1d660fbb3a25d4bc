"""One run under every fill model: the same bars and settings, read and folded once, and what each model makes of them.

fills.json      the figures of each model, its rules in words, and what ended its trades; written last
trades.jsonl    all trades, with the model; trades.csv the same
fills.html      the page
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus import disk
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings.fills import MODELS
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import equity, lines
from tapewire.replay.desk import numbers
from tapewire.replay.desk.numbers import ClosedTrade
from tapewire.replay.research import cell, models_page
from tapewire.replay.research.models_page import ComparedModels, ModelRun
from tapewire.replay.research.sessions import Stream
from tapewire.replay.sources.recording import Recording
from tapewire.replay.venue.stated import stated

OURS = ("fills.json", "fills.html", "trades.jsonl", "trades.csv")
SHOWN = ("trades", "win_rate", "net", "expectancy", "profit_factor", "max_drawdown", "sharpe")
"""The figures of a table, by their names in desk/numbers.py."""


class Made(Struct, frozen=True):
    """A run under one model. rows: its trades as lines of trades.jsonl. nets: of each session, dollars."""

    run: ModelRun
    rows: list[dict[str, Any]]
    nets: list[float]


def prepare(out: Path) -> None:
    """A folder for a comparison: new, empty, or that of an earlier one, which is replaced.

    Raises:
        ConfError: it holds other files. DiskError: it cannot be made ready.
    """
    disk.only(out, OURS, "a comparison")
    with disk.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for name in OURS:
            (out / name).unlink(missing_ok=True)


def compare(conf: Conf, recording: Recording, out: Path) -> ComparedModels:
    """Run a recording under every fill model with the options of this configuration, and write the files.

    Raises:
        ConfError: the folder holds other files.
    """
    prepare(out)
    confs = [replace(conf, fill=model) for model in MODELS]
    runs, days = cell.played(confs, Stream(conf, recording), entries=True)
    made = [_made(each, run, days, recording) for each, run in zip(confs, runs, strict=True)]
    found = ComparedModels(
        instrument=recording.instrument,
        preset=conf.preset.name,
        strategies=conf.preset.strategies,
        sessions=tuple(days),
        bars=len(recording.bars),
        models=tuple(each.run for each in made),
    )
    rows = [{"fill": each.run.fill, **row} for each in made for row in each.rows]
    lines.write(out / "trades.jsonl", rows)
    lines.write_csv(out / "trades.csv", ("fill", *lines.TRADE), rows)
    disk.replace(out / "fills.html", models_page.page(found, {each.run.fill: each.nets for each in made}).encode())
    disk.replace(out / "fills.json", msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return found


def table(found: ComparedModels) -> Iterator[str]:
    """The models beside each other, as lines for a terminal."""
    reasons = found.reasons
    rows = [("fill", *(name.replace("_", " ") for name in SHOWN), "refused", *reasons)]
    for each in found.models:
        ended = (str(each.ended.get(reason, 0)) for reason in reasons)
        rows.append((each.fill, *(_shown(name, each.figures[name]) for name in SHOWN), str(each.refused), *ended))
    yield from aligned(rows)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name == "win_rate" else f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _made(conf: Conf, run: cell.CellRun, days: Sequence[str], recording: Recording) -> Made:
    rows = [lines.trade(trade, run.measured(trade, recording.bars)) for trade in run.trades]
    closed = list(equity.closed(rows, conf.calendar))
    results = [
        ClosedTrade(session, row["net"], row["gross"], row["commission"], row["r"], row["bars_held"])
        for row, session in zip(rows, closed, strict=True)
    ]
    sessions = sorted({*days, *closed})
    figures = numbers.figures(results, sessions, capital=conf.preset.risk.start, bars=len(recording.bars))
    del figures["buy_and_hold"]  # it is the same under all models
    ended = dict(sorted(Counter(trade.reason for trade in run.trades).items()))
    told = ModelRun(fill=conf.fill, rules=stated(conf), figures=figures, ended=ended, refused=run.refused, off=tuple(run.off))
    return Made(told, rows, numbers.by_session(results, sessions))

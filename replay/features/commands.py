"""The command `features`. It imports what it needs when it runs: all other commands need none of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.commands import InstrumentsOption, SetOption, split
from tapewire.daemons.operator.tables import aligned
from tapewire.replay.commands import (
    CommissionOption,
    FillEmptyOption,
    FillOption,
    InstrumentOption,
    JsonOption,
    PresetOption,
    SlippageOption,
    StrategiesOption,
    bar,
    err,
    out,
    prepare,
)
from tapewire.replay.options import reads_files
from tapewire.replay.sources.options import Options

if TYPE_CHECKING:
    import pandas as pd


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(features)


@reads_files
def features(
    data: Annotated[
        Path | None, typer.Option("--data", help="A file or folder with recorded bars or trades (`tapewire data formats`).")
    ] = None,
    path: Annotated[Path | None, typer.Option("--out", help="The file, .parquet or .csv; an older one is replaced.")] = None,
    shown: Annotated[bool, typer.Option("--list", help="Show all features with unit and meaning, and do nothing else.")] = False,
    names: Annotated[str | None, typer.Option(help="Comma-separated features; all without it.")] = None,
    labels: Annotated[str, typer.Option(help="triple-barrier, outcome (of the preset's trades) or none.")] = "triple-barrier",
    profit_atr: Annotated[float, typer.Option(help="Triple barrier: the profit's distance from the close, in ATR.")] = 2.0,
    loss_atr: Annotated[float, typer.Option(help="Triple barrier: the loss's distance from the close, in ATR.")] = 2.0,
    bars: Annotated[int, typer.Option(help="Triple barrier: bars until the time is over.")] = 30,
    side: Annotated[str, typer.Option(help="Triple barrier: long or short, whose profit and loss they are.")] = "long",
    all_hours: Annotated[bool, typer.Option("--all-hours", help="Rows of the night, too.")] = False,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    fill: FillOption = None,
    fill_empty: FillEmptyOption = False,
    settings: SetOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Write what a model is trained on: features of each bar, and what became of it. Exit status 1 if a strategy failed."""
    from tapewire.strategies.features import FEATURES

    if shown:
        rows = [("name", "unit", "revision", "meaning")]
        rows += [(each.name, each.unit, str(each.revision), each.meaning) for each in FEATURES.values()]
        if as_json:
            out.print(msgspec.json.encode([dict(zip(rows[0], row, strict=True)) for row in rows[1:]]).decode(), markup=False)
            return
        for line in aligned(rows):
            out.print(line, markup=False)
        return
    if data is None or path is None:
        raise ConfError("write --data with a recording and --out with a file, or --list")
    from tapewire.replay.features import barriers, export
    from tapewire.replay.features.barriers import TripleBarrier

    kind, rule = export.checked(labels), TripleBarrier(profit_atr, loss_atr, bars, barriers.side(side))
    wanted = split(names)
    export.ending(path)
    conf, recording = prepare(
        data,
        instrument,
        preset,
        strategies,
        fill,
        "features",
        settings=settings,
        own=own,
        source=source,
        fill_empty=fill_empty,
        commission=commission,
        slippage=slippage,
        check=lambda made: export.wanted(made, wanted),
    )
    with bar() as (tell, progress):
        tell("features")
        frame = export.table(
            conf, recording, wanted, labels=kind, rule=rule, hours="all" if all_hours else "rth", progress=progress
        )
        tell(f"writing {path}")
        export.write(frame, path)
    off: list[str] = frame.attrs["tapewire"]["off"]
    for text in off:
        err.print(text, style="red", markup=False)
    if as_json:
        out.print(msgspec.json.encode({"out": str(path), "rows": len(frame), **frame.attrs["tapewire"]}).decode(), markup=False)
        raise typer.Exit(1 if off else 0)
    if wanted is None and not conf.preset.auction_row_ticks:
        err.print("note: without the features of the auction, which need --set auction_row_ticks=4", markup=False)
    for name, text in account(frame):
        out.print(f"{name:<13} {text}", markup=False)
    out.print(f"results: {path}", markup=False)
    raise typer.Exit(1 if off else 0)


def account(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """A table for a person: name, text."""
    told = frame.attrs["tapewire"]
    yield "rows", f"{len(frame)}, of {frame['session'].nunique()} sessions"
    yield "features", f"{told['count']}, definitions {told['digest'][:12]}"
    if "label" not in frame:
        return
    counts = {value: int((frame["label"] == value).sum()) for value in (1, 0, -1)}
    none = int(frame["label"].isna().sum())
    yield "labels", ", ".join(f"{value}: {count}" for value, count in counts.items()) + f"; none: {none}"
    yield "", told["definition"]

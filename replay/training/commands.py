"""The command `train`. It imports what it needs when it runs: all other commands need none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.commands import InstrumentsOption, SetOption, split
from tapewire.replay.commands import InstrumentOption, JsonOption, bar, err, out, prepare
from tapewire.replay.options import reads_files
from tapewire.replay.sources.options import Options


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(train)


@reads_files
def train(
    out_dir: Annotated[
        Path, typer.Option("--out", help="Folder for the model, its card and its preset; an earlier one is replaced.")
    ],
    tables: Annotated[list[Path] | None, typer.Argument(help="Tables of `tapewire features`, one of each side.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="In place of tables: a recording, of which both sides are made.")
    ] = None,
    names: Annotated[str | None, typer.Option(help="With --data: comma-separated features; all without it.")] = None,
    profit_atr: Annotated[float, typer.Option(help="With --data: the profit's distance from the close, in ATR.")] = 2.0,
    loss_atr: Annotated[float, typer.Option(help="With --data: the loss's distance from the close, in ATR.")] = 2.0,
    bars: Annotated[int, typer.Option(help="With --data: bars until the time is over.")] = 30,
    sides: Annotated[
        str | None,
        typer.Option(
            help="With --data: long, short or long,short; both without it. Of a table that does not say its side (CSV): its own."
        ),
    ] = None,
    sample: Annotated[int, typer.Option(help="Sessions on which a window trains; with --anchored the first one.")] = 60,
    test: Annotated[int, typer.Option(help="Sessions after it on which it is scored.")] = 20,
    anchored: Annotated[bool, typer.Option("--anchored", help="Every sample begins with the first session.")] = False,
    purge: Annotated[int, typer.Option(help="Last sessions of a sample that do not count.")] = 0,
    embargo: Annotated[int, typer.Option(help="Sessions between a sample and its test.")] = 0,
    threshold: Annotated[
        float | None,
        typer.Option(help="Probability from which a side is proposed; without it --share chooses.", show_default=False),
    ] = None,
    share: Annotated[float, typer.Option(help="Share of the rows out of sample that reach the threshold.")] = 0.05,
    trees: Annotated[int, typer.Option(help="Trees of a side.")] = 100,
    leaves: Annotated[int, typer.Option(help="Leaves of a tree, at most.")] = 8,
    rate: Annotated[float, typer.Option(help="Share of each tree that is taken.")] = 0.05,
    rows_at_least: Annotated[int, typer.Option(help="Rows of a leaf, at least.")] = 50,
    seed: Annotated[int, typer.Option(help="Of what is random.")] = 1,
    instrument: InstrumentOption = "MNQ",
    settings: SetOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Train a model for the strategy `model`: walk-forward, calibration, a card, and the file, proved row by row."""
    from tapewire.replay.features import barriers, export
    from tapewire.replay.features.barriers import TripleBarrier
    from tapewire.replay.research.windows import Plan, checked
    from tapewire.replay.training import card as cards
    from tapewire.replay.training import rows, start
    from tapewire.replay.training.boosting import Recipe

    if (data is None) is (not tables):
        raise ConfError("write tables of `tapewire features`, or --data with a recording")
    start.check()
    plan = checked(Plan(sample, test, anchored, purge, embargo))
    recipe = Recipe(trees=trees, leaves=leaves, rate=rate, rows_at_least=rows_at_least, seed=seed)
    thresholds = start.Thresholds(threshold, share)
    named = barriers.SIDES if sides is None else barriers.sides(split(sides) or [])
    if data is None:
        made = [each for path in tables or [] for each in rows.read(path, rows.only(named))]
    else:
        rules = [TripleBarrier(profit_atr, loss_atr, bars, side) for side in named]
        wanted = split(names)
        conf, recording = prepare(
            data,
            instrument,
            "seed",
            None,
            None,
            "train",
            settings=settings,
            own=own,
            source=source,
            check=lambda found: export.wanted(found, wanted),
        )
        with bar() as (tell, progress):
            tell("features")
            made = rows.of_recording(conf, recording, wanted, rules, progress)
    with bar() as (tell, progress):
        tell("train")
        card = start.train(
            made, out_dir, start.origin(made, instrument, own), plan=plan, recipe=recipe, thresholds=thresholds, progress=progress
        )
    if as_json:
        out.print(msgspec.json.encode(card).decode(), markup=False)
        return
    for line in cards.short(card):
        out.print(line, markup=False)
    out.print(f"results: {out_dir} ({', '.join(start.OURS)})", markup=False)
    err.print("This is no evidence of profit: read card.md, then `tapewire backtest` on later bars", markup=False)

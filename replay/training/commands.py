"""The command `train`. It imports what it needs when it runs: all other commands need none of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.operator.commands import InstrumentsOption, SetOption, split
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.replay.commands import InstrumentOption, JsonOption, bar, err, out, prepare
from tapewire.replay.options import reads_files
from tapewire.replay.sources.options import Options

if TYPE_CHECKING:
    from tapewire.bus.messages import Direction
    from tapewire.replay.training.card import ModelCard
    from tapewire.replay.training.rows import TrainingRows


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
        str, typer.Option(help="With --data: long, short or long,short. Of a table that does not say its side: long.")
    ] = ("long,short"),
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
    from tapewire.replay.research.windows import Plan, checked
    from tapewire.replay.training import start
    from tapewire.replay.training.boosting import Recipe

    if (data is None) is (not tables):
        raise ConfError("write tables of `tapewire features`, or --data with a recording")
    start.check()
    plan = checked(Plan(sample, test, anchored, purge, embargo))
    recipe = Recipe(trees=trees, leaves=leaves, rate=rate, rows_at_least=rows_at_least, seed=seed)
    if data is None:
        made = _read(tables or [], _sides(sides))
    else:
        made = _made(data, instrument, names, _sides(sides), (profit_atr, loss_atr, bars), settings, own, source)
    symbol = str(made[0].told.get("instrument", instrument)) if made else instrument
    of = start.Of(symbol, configuration.instrument(symbol, own).root)
    with bar() as (tell, progress):
        tell("train")
        card = start.train(
            made, out_dir, of, plan=plan, recipe=recipe, thresholds=start.Thresholds(threshold, share), progress=progress
        )
    if as_json:
        out.print(msgspec.json.encode(card).decode(), markup=False)
        return
    _show(card)
    out.print(f"results: {out_dir} ({', '.join(start.OURS)})", markup=False)
    err.print("This is no evidence of profit: read card.md, then `tapewire backtest` on later bars", markup=False)


def _read(tables: list[Path], sides: list[Direction]) -> list[TrainingRows]:
    from tapewire.replay.training import rows

    return [each for path in tables for each in rows.read(path, sides[0])]


def _made(
    data: Path,
    instrument: str,
    names: str | None,
    sides: list[Direction],
    rule: tuple[float, float, int],
    settings: list[str] | None,
    own: Path | None,
    source: Options,
) -> list[TrainingRows]:
    """A table of each side of a recording."""
    from tapewire.replay.features import export
    from tapewire.replay.features.barriers import TripleBarrier
    from tapewire.replay.training import rows

    wanted = split(names)
    rules = [TripleBarrier(*rule, side) for side in sides]
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
        check=lambda made: export.wanted(made, wanted),
    )
    with bar() as (tell, progress):
        tell("features")
        frames = export.barrier_tables(conf, recording, wanted, rules, progress=progress)
    return [each for frame, side in zip(frames, sides, strict=True) for each in rows.of_table(frame, str(data), side)]


def _sides(words: str) -> list[Direction]:
    known: dict[str, Direction] = {"long": "LONG", "short": "SHORT"}
    found = split(words) or []
    for word in found:
        if word.lower() not in known:
            raise ConfError(f"--sides {words!r}{suggest(word, known)}; write long, short or long,short")
    if not found:
        raise ConfError("--sides: write long, short or long,short")
    return [known[word.lower()] for word in found]


def _show(card: ModelCard) -> None:
    """A card in short."""
    terms = card.terms
    out.print(f"trained on    {terms.first} to {terms.last}, {card.sessions} sessions, {card.rows:,} rows", markup=False)
    out.print(f"features      {len(terms.features)}, definitions {terms.digest[:12]}", markup=False)
    out.print(f"windows       {card.plan}", markup=False)
    out.print(f"conversion    {card.rows:,} rows one at a time, at most {card.difference:.1e} from scikit-learn", markup=False)
    rows = [
        ("out of sample", "rows", "base rate", "log loss", "base rate's", "Brier", "AUC", "threshold", "reached", "of these paid")
    ]
    rows += [
        (
            *(each.side, f"{each.score.rows:,}", f"{each.score.base_rate:.4f}", f"{each.score.log_loss:.4f}"),
            *(
                f"{each.score.base_log_loss:.4f}",
                f"{each.score.brier:.4f}",
                "-" if each.score.auc is None else f"{each.score.auc:.4f}",
            ),
            *(f"{each.threshold:.4f}", f"{each.reached:,}", "-" if each.paid is None else f"{each.paid:.4f}"),
        )
        for each in card.sides
    ]
    for line in aligned(rows):
        out.print(line, markup=False)

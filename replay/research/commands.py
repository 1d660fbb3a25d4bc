"""The commands of research: signals, why, lookahead, sweep, walk-forward.

Each imports what it needs: all other commands need none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.commands import InstrumentsOption, SetOption
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.replay.commands import (
    CommissionOption,
    DataOption,
    FillEmptyOption,
    FillOption,
    InstrumentOption,
    JsonOption,
    OutOption,
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
    from tapewire.replay.research.lookahead import Analysis

MOST_CELLS = 10  # of a sweep on the terminal
TrialsOption = Annotated[
    int | None, typer.Option(min=1, help="Try so many cells, by Optuna, in place of a whole grid; per window in a walk-forward.")
]
SeedOption = Annotated[int, typer.Option(help="Of the trials: another seed tries others.")]
JobsOption = Annotated[int | None, typer.Option(min=1, help="Processes; all cores without it.")]
ClusterOption = Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:PORT, instead of processes here.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (signals, why, lookahead, sweep, walk_forward):
        app.command()(command)


@reads_files
def signals(
    data: DataOption,
    out_dir: OutOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Every strategy alone, no position, no arbitration: proposals, session state, levels. Exit status 1 if one of them failed."""
    from tapewire.replay.research import signals as independent

    conf, recording = prepare(data, instrument, preset, strategies, None, "signals", own=own, source=source)
    with bar() as (tell, progress):
        tell("signals")
        findings = independent.write(conf, recording, out_dir, progress)
    if as_json:
        out.print(msgspec.json.encode(findings).decode(), markup=False)
    else:
        out.print(
            f"bars          {findings.bars}, of which {findings.rth_bars} in RTH, of {findings.sessions} sessions", markup=False
        )
        out.print(f"proposals     {sum(findings.proposals.values())} ({findings.preset}, each strategy alone)", markup=False)
        for name, number in findings.proposals.items():
            out.print(f"              {name}: {number}", markup=False)
        out.print(f"results: {out_dir} (proposals.jsonl, session.jsonl, levels.jsonl, research.json)", markup=False)
    for text in findings.off:
        err.print(text, style="red", markup=False)
    raise typer.Exit(1 if findings.off else 0)


@reads_files
def why(
    strategy: Annotated[str, typer.Argument(help="One strategy, by its name in presets; without it all of the preset.")] = "",
    data: Annotated[
        Path | None, typer.Option("--data", help="A file or folder with recorded bars or trades (`tapewire data formats`).")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="In place of --data: a run's folder, with its bars and settings.")
    ] = None,
    session: Annotated[str, typer.Option("--session", help="Count this trade date alone, YYYY-MM-DD.")] = "",
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    settings: SetOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Why nothing was traded: how many bars passed each condition of a strategy, the nearest miss of each session, refusals."""
    from tapewire.replay.research import why as reasons

    if (data is None) is (run is None):
        raise ConfError("write --data with a recording, or --run with a run's folder")
    conf, recording = prepare(
        data or run or Path(), instrument, preset, strategies, None, "why", settings=settings, own=own, source=source
    )
    if run is not None:
        conf = configuration.read(run)
    with bar() as (tell, progress):
        tell("why")
        found = reasons.explain(conf, recording, progress, strategy=strategy, session=session)
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
        return
    for line in reasons.lines(found):
        out.print(line, markup=False)


@reads_files
def lookahead(
    data: DataOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    cuts: Annotated[int, typer.Option(min=0, help="Cuts anywhere, beside those right after decisions.")] = 20,
    seed: Annotated[int, typer.Option(help="Another seed cuts elsewhere.")] = 1,
    features: Annotated[bool, typer.Option("--features", help="Compare the values of all features, too.")] = False,
    settings: SetOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Cut the stream and compare every decision up to the cut with the whole run's. Exit status 1 if something looks ahead."""
    from tapewire.replay.research import lookahead as cutting
    from tapewire.strategies.features.stream import available

    conf, recording = prepare(data, instrument, preset, strategies, None, "lookahead", settings=settings, own=own, source=source)
    names = available(conf.preset.auction_row_ticks) if features else ()
    with bar() as (tell, progress):
        analysis = cutting.analyse(
            conf, recording, count=cuts, seed=seed, data=data.resolve(), tell=tell, progress=progress, features=names
        )
    if as_json:
        out.print(msgspec.json.encode(analysis).decode(), markup=False)
    else:
        for line in account(analysis):
            out.print(line, markup=False)
    raise typer.Exit(0 if analysis.well else 1)


def account(analysis: Analysis) -> Iterator[str]:
    """A look-ahead analysis for a person."""
    yield f"bars          {analysis.bars}, folded whole; {analysis.decided} of them with a proposal or an intent"
    yield "withheld      each bar handed to another process after its answer to the one before: a cut after every bar"
    after = f"right after each of the {analysis.decided} bars with a decision"
    yield f"fresh folds   two take turns at {analysis.cuts} cuts: {analysis.anywhere} anywhere (seed {analysis.seed}), and {after}"
    yield f"              {analysis.anywhere} more begin anew, one at each of the cuts anywhere"
    compared = "every field of sessions, of each strategy's own proposals and of arbitrated intents"
    features = f", and {analysis.features} features" if analysis.features else ""
    yield f"compared      {compared}{features} up to the cut"
    yield ""
    yield from aligned(
        [("subject", "decisions", "verdict"), *((row.subject, str(row.decisions), row.verdict) for row in analysis.rows)]
    )
    for difference in analysis.differences:
        yield f"\n{difference}"
    for use in analysis.uses:
        when = "while deciding" if use.deciding else "while it was imported and built; if it holds the future, no cut can show it"
        yield f"\n{use.plug_in} {use.what} {when}"


@reads_files
def sweep(
    data: DataOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results; finished cells there are not computed again.")],
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUES",
            help="name=value,value; once per setting. With --trials also name=low..high or name=low..high:step.",
        ),
    ],
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    fill: FillOption = None,
    fill_empty: FillEmptyOption = False,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    sessions_split: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Share of the sessions on which the best is chosen.")
    ] = 0.7,
    trials: TrialsOption = None,
    metric: Annotated[str, typer.Option(help="What trials make large in sample: net, sharpe or sortino.")] = "net",
    seed: SeedOption = 1,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Run a grid of settings over a recording, and list the reasons to doubt the best cell."""
    from tapewire.replay.research import search, start, table

    parts = search.space(settings)
    wanted = None if trials is None else search.Search(trials, metric, seed)
    conf, recording = prepare(
        data,
        instrument,
        preset,
        strategies,
        fill,
        "sweep",
        own=own,
        source=source,
        fill_empty=fill_empty,
        commission=commission,
        slippage=slippage,
        check=lambda made: start.checked(made, parts, wanted),
    )
    with bar("sweep") as (_, progress):
        found = start.swept(
            conf,
            start.Data(data.resolve(), source, recording),
            parts,
            sessions_split,
            out_dir,
            start.Processes(jobs, cluster),
            start.Telling(err.print, progress),
            wanted,
        )
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        for line in table.lines(out_dir, found, MOST_CELLS):
            out.print(line, markup=False)
        _listed(found.doubt.words)
        out.print(f"results: {out_dir} (sweep.html, table.csv, table.jsonl, sessions.jsonl, sweep.json, cells/)", markup=False)
    _ended(found.off)


@reads_files
def walk_forward(
    data: DataOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results; finished cells there are not computed again.")],
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUES",
            help="name=value,value; once per setting. With --trials also name=low..high or name=low..high:step.",
        ),
    ],
    sample: Annotated[int, typer.Option(help="Sessions on which a window chooses; with --anchored the first one.")] = 60,
    test: Annotated[int, typer.Option(help="Sessions after it on which the choice is traded.")] = 20,
    anchored: Annotated[bool, typer.Option("--anchored", help="Every sample begins with the first session.")] = False,
    purge: Annotated[int, typer.Option(help="Last sessions of a sample that do not count.")] = 0,
    embargo: Annotated[int, typer.Option(help="Sessions between a sample and its test.")] = 0,
    metric: Annotated[
        str, typer.Option(help="Of the choice: sharpe, sortino, calmar, net, expectancy, profit_factor or win_rate.")
    ] = "sharpe",
    trials: TrialsOption = None,
    seed: SeedOption = 1,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    fill: FillOption = None,
    fill_empty: FillEmptyOption = False,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Choose a cell of a grid on one window of sessions after another, and trade it on those that follow."""
    from tapewire.replay.research import search, start, windows

    plan = windows.checked(windows.Plan(sample, test, anchored, purge, embargo, metric))
    parts = search.space(settings)
    wanted = None if trials is None else search.Search(trials, metric, seed)
    conf, recording = prepare(
        data,
        instrument,
        preset,
        strategies,
        fill,
        "walk-forward",
        own=own,
        source=source,
        fill_empty=fill_empty,
        commission=commission,
        slippage=slippage,
        check=lambda made: start.checked(made, parts, wanted),
    )
    with bar("walk-forward") as (_, progress):
        found = start.walked(
            conf,
            start.Data(data.resolve(), source, recording),
            parts,
            plan,
            out_dir,
            start.Processes(jobs, cluster),
            start.Telling(err.print, progress),
            wanted,
        )
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        _listed(found.words)
        out.print(
            f"results: {out_dir} (walk.html, windows, trades, sessions, cells as csv and jsonl, equity.csv, walk.json)",
            markup=False,
        )
    _ended(found.off)


def _listed(words: Iterable[str]) -> None:
    for line in words:
        out.print(f"* {line}", markup=False)


def _ended(off: Sequence[str]) -> NoReturn:
    """Exit status 1 if a strategy was switched off, with the cell."""
    for text in off:
        err.print(text, style="red", markup=False)
    raise typer.Exit(1 if off else 0)

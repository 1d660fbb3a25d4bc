"""The commands that play recordings, and those that read a run: see `register`. What only one of them needs, it imports itself."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tapewire.bus import contexts, keys, topics
from tapewire.bus.errors import ConfError, Refused, suggest
from tapewire.bus.messages import Alarm
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.operator.commands import LIVE, InstrumentsOption, SetOption, split, tell_instruments
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import fills, overrides
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.replay import applied, keeping, keyboard, runs, tapes
from tapewire.replay import pace as paces
from tapewire.replay import program as programs
from tapewire.replay.options import reads_files
from tapewire.replay.outputs import Summary
from tapewire.replay.sources import notes
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.replay.tapes import Kept
from tapewire.strategies.figures import shown

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

DataOption = Annotated[
    Path, typer.Option("--data", help="A file or folder with recorded bars or trades (`tapewire data formats`).")
]
InstrumentOption = Annotated[str, typer.Option(metavar="NAME", help="What to trade; MNQ reads NQ (conf/instruments.toml).")]
PresetOption = Annotated[
    str, typer.Option(metavar="NAME", help="Which strategies with which numbers: of conf/presets, or a path.toml.")
]
StrategiesOption = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Comma-separated list instead of the preset's.")]
FillOption = Annotated[
    str | None,
    typer.Option(
        help=f"How orders are filled: {', '.join(fills.MODELS)} (docs/fills.md); compare: all of them (backtest). Without it the "
        "preset's, else next_open.",
        show_default=False,
    ),
]
FillEmptyOption = Annotated[bool, typer.Option("--fill-empty", help="Bars with volume 0 fill orders, too.")]
ProgramOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Apply a prop firm's program to the account (conf/programs).")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Folder for the results; an earlier run there is replaced.")
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        help="What the journal keeps: none, decisions (what led to orders and came of them) or all; without it all of up to "
        f"{keeping.BIG:,} bars, decisions of more. The results are the same."
    ),
]
CommissionOption = Annotated[
    float | None, typer.Option(help="Dollars per side and contract, in place of the instrument's.", show_default=False)
]
SlippageOption = Annotated[int | None, typer.Option(help="Ticks per fill, in place of the instrument's.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]

MOST_LINES = 10
ALARMS = topics.of(topics.ALARM, "evaluator")
DEMO_SEED = 8
DEMO_SESSIONS = 6


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (demo, backtest, replay, compare, report, explain, chaos, backfill):
        app.command()(command)
    app.command(name="diff")(diff)


@reads_files
def backtest(
    data: DataOption,
    out_dir: OutOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    fill: FillOption = None,
    fill_empty: FillEmptyOption = False,
    program: ProgramOption = None,
    settings: SetOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    own: InstrumentsOption = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Run recorded bars through the daemons' cores in this process: the fast way to the same result."""
    compares = fill == fills.COMPARE
    if compares and (program or journal):
        raise ConfError(f"--fill compare has no journal and no program; leave out --{'program' if program else 'journal'}")
    conf, recording = prepare(
        data,
        instrument,
        preset,
        strategies,
        None if compares else fill,
        "backtest",
        program,
        settings,
        own,
        source=source,
        fill_empty=fill_empty,
        commission=commission,
        slippage=slippage,
    )
    if compares:
        _compare_models(conf, recording, out_dir, as_json=as_json)
        return
    kept = _kept(journal, len(recording.bars))
    heard: list[Alarm] = []
    with bar() as (tell, progress):
        tell("backtest")
        summary = runs.backtest(conf, recording, out_dir, progress, kept, heard.append)
    show(summary, heard, out_dir, as_json)


def _compare_models(conf: Conf, recording: Recording, out_dir: Path, *, as_json: bool) -> None:
    """Run all fill models, and show them side by side. Exit status 1 if a strategy was switched off."""
    from tapewire.replay.research import models

    with bar() as (tell, _):
        tell(f"{len(fills.MODELS)} fill models")
        found = models.compare(conf, recording, out_dir)
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        for line in models.table(found):
            out.print(line, markup=False)
        out.print(f"results: {out_dir} ({', '.join(models.OURS)})", markup=False)
    for each in found.models:
        for text in each.off:
            err.print(f"{each.fill}: {text}", style="red", markup=False)
    raise typer.Exit(1 if any(each.off for each in found.models) else 0)


@reads_files
def replay(
    data: DataOption,
    out_dir: OutOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    fill: FillOption = None,
    fill_empty: FillEmptyOption = False,
    program: ProgramOption = None,
    settings: SetOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    own: InstrumentsOption = None,
    speed: Annotated[str, typer.Option(help="max, or a multiple of real time such as 60.")] = "max",
    control: Annotated[
        bool,
        typer.Option("--control", help="Wait before the first bar: start it with the space bar, or `tapewire ask replay start`."),
    ] = False,
    ingress: Annotated[
        bool, typer.Option("--ingress", help="Accept external signals during the replay (`tapewire send`).")
    ] = False,
    api: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Serve the HTTP door and its page on this port until the replay ends.")
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="With --api: go on serving behind the last bar, until it is stopped.")
    ] = False,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Tell what happens, by the channels and rules of conf/live.toml (`tapewire alert`).")
    ] = False,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Run recorded bars through the real, supervised daemons over the bus, in lockstep.

    In a terminal the space bar pauses and plays on, the right arrow steps, up and down change the speed.
    """
    conf, recording = prepare(
        data,
        instrument,
        preset,
        strategies,
        fill,
        "replay",
        program,
        settings,
        own,
        source=source,
        fill_empty=fill_empty,
        commission=commission,
        slippage=slippage,
    )
    if ingress:
        conf = msgspec.structs.replace(conf, ingress=msgspec.structs.replace(conf.ingress, enabled=True))
    if api is not None:
        conf = msgspec.structs.replace(conf, api=msgspec.structs.replace(conf.api, enabled=True, port=api))
    elif hold:
        raise ConfError("--hold goes on serving, so it needs --api PORT")
    if alerts:
        from tapewire.daemons.alerts import senders

        conf = msgspec.structs.replace(conf, alerts=msgspec.structs.replace(configuration.alerting(), enabled=True))
        senders.check(conf.alerts)
    play(conf, recording, out_dir, speed, as_json, control=control, hold=hold)


def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Another seed makes other sessions.")] = DEMO_SEED,
    sessions: Annotated[int, typer.Option(min=1, max=60, help="How many trading days.")] = DEMO_SESSIONS,
    preset: Annotated[
        str | None, typer.Option(help="As of `backtest`; without it `seed` with V-Reversal beside it.", show_default=False)
    ] = None,
) -> None:
    """Make synthetic sessions and replay them through the real daemons; leaves signals, trades and a report."""
    from tapewire.replay import demo as demonstration  # here: numpy would make every other command start slower

    demonstration.run(out_dir, seed, sessions, preset)


def diff(
    a: Annotated[Path, typer.Argument(help="A run's folder.")],
    b: Annotated[Path, typer.Argument(help="Another run's folder.")],
    as_json: JsonOption = False,
) -> None:
    """The first difference of two runs, with its cause. Exit status 1 if they differ."""
    from tapewire.replay import diff as differences

    found = differences.compare(a, b)
    if missing := differences.left_out(a, b):
        err.print(f"note: {missing}", markup=False)
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    elif found is None:
        same = "the same results" if missing else "the same messages and the same results"
        out.print(f"no difference: {a} and {b} hold {same}", markup=False)
    else:
        out.print(str(found), markup=False)
    raise typer.Exit(0 if found is None else 1)


def compare(
    source: Annotated[Path, typer.Argument(help="NinjaTrader's Trades or Executions grid, or its NinjaTrader.sqlite.")],
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    account: Annotated[str | None, typer.Option(help="Which account, where the source has several.")] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of the PC that exported a grid, such as Europe/Berlin.")
    ] = None,
    dates: Annotated[str | None, typer.Option(help="dmy or mdy: order of a grid's dates, where no day is above 12.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First trade date; without it the run's.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last trade date; without it the run's.")] = None,
    window: Annotated[float, typer.Option(min=0, max=60, help="Largest distance of two entries, in minutes.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Your own trades beside a run's: twins, differences, slippage. Exit status 1 if a trade of either has no twin."""
    from tapewire.replay.compare import comparison, region, text
    from tapewire.replay.compare import source as sources

    bounds = comparison.date("--from", first), comparison.date("--to", last)
    history = sources.read(source, zone, region.order("--dates", dates))
    found = comparison.compare(history, run, account=account, first=bounds[0], last=bounds[1], window_s=window * 60)
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        for line in text.lines(found):
            out.print(line, markup=False)
    raise typer.Exit(0 if found.whole else 1)


@reads_files
def chaos(
    data: DataOption,
    out_dir: OutOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    matrix: Annotated[bool, typer.Option("--matrix", help="Kill every daemon at every step of its round, in every state.")] = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the random kills and freezes; printed, so that the run can be repeated.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Bars between two random strikes, on average.")] = 150,
    bars: Annotated[int | None, typer.Option(min=1, help="Only this many bars.")] = None,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Replay while killing and freezing daemons, and compare with an undisturbed run. Exit status 1 if anything differs."""
    from tapewire.replay import chaos as storms

    conf, recording = prepare(data, instrument, preset, strategies, None, "chaos", own=own, source=source)
    recording = msgspec.structs.replace(recording, bars=recording.bars[:bars])
    conf = elsewhere(conf)
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    logger = logs.configure("replay", level=logging.WARNING)
    with bar() as (tell, progress):
        if matrix:
            outcome = storms.matrix(conf, recording, out_dir, progress, tell, logger)
        else:
            err.print(f"seed {chosen}", markup=False)
            outcome = storms.storm(conf, recording, out_dir, chosen, every, progress, tell, logger)
    if as_json:
        out.print(msgspec.json.encode(outcome).decode(), markup=False)
    else:
        for line in storms.lines(outcome):
            out.print(line, markup=False)
    raise typer.Exit(0 if outcome.well else 1)


def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of an intent, order, execution or trade; or topic@epoch:seq.")],
    run: Annotated[Path | None, typer.Option("--run", help="A run's folder; without it the run that is up.")] = None,
    instance: Annotated[str | None, typer.Option("--instance", help="Which run, when several are up.")] = None,
    as_json: JsonOption = False,
) -> None:
    """From an order, signal or trade back to its bar, and forward to its fills and its profit."""
    from tapewire.replay import explain as stories

    steps = stories.explain(run or Path(instances.choose(instance).run), name)
    if as_json:
        out.print(msgspec.json.encode(steps).decode(), markup=False)
        return
    for step in steps:
        out.print(str(step), markup=False)


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First trade date; without it the run's.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last trade date; without it the run's.")] = None,
    path: Annotated[Path | None, typer.Option("--out", help="The file; without it report.html of the run.")] = None,
) -> None:
    """Write a run's report.html again; of a live run as it is now, or of some of its dates."""
    from tapewire.replay import report as reports
    from tapewire.replay.compare import comparison

    start, end = comparison.date("--from", first), comparison.date("--to", last)
    out.print(f"report: {reports.write(run, start=start or '', end=end or '', out=path)}", markup=False)


def backfill(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the export; an existing file is not replaced.")],
    instrument: InstrumentOption = "MNQ",
    lookback: Annotated[int, typer.Option(min=1, help="How far back, in units.")] = 30,
    unit: Annotated[str, typer.Option(help="days, weeks, months (30 days) or years (365 days).")] = "days",
    base_port: Annotated[int | None, typer.Option(help="The bridge's base port; without it conf/live.toml's.")] = None,
    run: Annotated[Path, typer.Option(help="Folder of the live run, for the bridge's key.")] = LIVE,
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a chart's bars from a running NinjaTrader as an export. Start it again to continue after an interruption."""
    from tapewire.daemons.shell.doors import Doors
    from tapewire.replay import backfill as fills

    terms = configuration.instrument(instrument, own)
    tell_instruments(own)
    fills.bars(lookback, unit, 1)
    changes = {} if base_port is None else {"bus": {"base_port": base_port}}
    preset = configuration.preset("seed")
    conf = configuration.load("live", instance="backfill", traded=[instrument], preset=preset, changes=changes, own=own)
    keys.make(run.resolve())
    with (
        bar() as (tell, progress),
        contexts.brief() as context,
        Doors(context, run.resolve(), conf.bus) as doors,
        fills.Charts(context, doors.outside("backfill")) as chart,
    ):
        tell("waiting for NinjaTrader")
        filled = fills.write(
            chart, instrument, terms, out_dir, wanted=lambda minutes: fills.bars(lookback, unit, minutes), progress=progress
        )
    if as_json:
        out.print(msgspec.json.encode(filled).decode(), markup=False)
    else:
        out.print(
            f"{filled.path}: {filled.bars} bars" + (f", {filled.resumed} of them from before" if filled.resumed else ""),
            markup=False,
        )


def prepare(
    data: Path,
    instrument: str,
    preset: str,
    strategies: str | None,
    fill: str | None,
    instance: str,
    program: str | None = None,
    settings: list[str] | None = None,
    own: Path | None = None,
    source: Options | None = None,
    fill_empty: bool = False,
    commission: float | None = None,
    slippage: int | None = None,
    check: Callable[[Conf], object] = lambda conf: None,
) -> tuple[Conf, Recording]:
    """Read and check everything before anything is written or started. check: of the settings, before the recording is read."""
    from tapewire.replay.desk.start import configured, costs

    values = {**overrides.read(settings or ()), **costs(instrument, commission, slippage)}
    conf = configured(instance, instrument, preset, split(strategies), values, fill, fill_empty, program, own)
    check(conf)
    tell_instruments(own)
    with bar() as (tell, progress):
        tell(f"reading {data}")
        recording, calendar = runs.read(data, instrument, progress, source, conf.instruments)
    tell_read(recording)
    runs.askable(conf, recording)
    return msgspec.structs.replace(conf, calendar=calendar), recording


def _kept(asked: str | None, bars: int) -> Kept:
    """What the journal is to keep, told with its size before it is written. Raises ConfError for another word."""
    kind = next((each for each in keeping.KINDS if each == asked), None)
    if asked is not None and kind is None:
        raise ConfError(f"--journal {asked!r}{suggest(asked, keeping.KINDS)}; write {', '.join(keeping.KINDS)}")
    kind = keeping.chosen(kind, bars)
    sizes = {each: f"about {max(1, round(keeping.estimate(each, bars) / 1e6)):,} MB" for each in keeping.KINDS}
    if kind == "all":
        err.print(f"journal: all messages, {sizes['all']}", markup=False)
    elif kind == "decisions":
        err.print(f"journal: decisions and what led to them, {sizes['decisions']} (--journal all: {sizes['all']})", markup=False)
    else:
        err.print("journal: none; explain, report and diff of messages need --journal decisions or all")
    return kind


def tell_read(recording: Recording) -> None:
    """What a person should know of the files that were read, on stderr."""
    for line in notes.few(recording.notes):
        err.print(f"note: {line}", markup=False)
    for row in recording.ignored[:MOST_LINES]:
        err.print(f"ignored: {row.file} line {row.line}: {row.stamp} is {row.why}", markup=False)
    if (more := len(recording.ignored) - MOST_LINES) > 0:
        err.print(f"ignored: {more} more rows; all are listed in summary.json", markup=False)


def play(
    conf: Conf, recording: Recording, out_dir: Path, speed: str, as_json: bool, *, control: bool = False, hold: bool = False
) -> None:
    """Replay on the first free block of ports, so that it never shares one with live daemons or another replay."""
    try:
        fastness = paces.parsed_speed(speed)
    except Refused as error:
        raise ConfError(f"--speed: {error}") from error
    pace = paces.Pace(speed=fastness, paused=control, bars=len(recording.bars), last_ns=recording.bars[-1].close_ns)
    conf = elsewhere(conf)
    if control:
        err.print(
            f"waits before the first bar: start it with the space bar or `tapewire ask replay start`; {keyboard.HELP}", markup=False
        )
    with bar() as (tell, progress):
        summary = runs.replay(conf, recording, out_dir, progress, pace=pace, logger=logs.configure("replay"), tell=tell, hold=hold)
    show(summary, tapes.facts(out_dir, ALARMS, Alarm), out_dir, as_json)


def elsewhere(conf: Conf) -> Conf:
    """The same configuration on the first free block of ports, with an instance name of its own if that is not the usual block."""
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    if base == conf.bus.base_port:
        return conf
    if held := supervise.in_use(conf.bus.host, conf.bus.base_port):
        err.print(f"ports from {base} on: {held}", markup=False)
    bus = msgspec.structs.replace(conf.bus, base_port=base)
    return msgspec.structs.replace(conf, bus=bus, instance=f"{conf.instance}-{base}")


@contextmanager
def bar(name: str = "") -> Iterator[tuple[Callable[[str], None], Callable[[float], None]]]:
    """A progress bar on stderr: one function names the current work, one sets the share done. It and its thread begin with either.

    name: of the work, until another is named.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True)
    task = progress.add_task(name, total=1.0)

    def tell(text: str) -> None:
        progress.start()
        progress.update(task, description=text)

    def done(share: float) -> None:
        progress.start()
        progress.update(task, completed=share)

    try:
        yield tell, done
    finally:
        progress.stop()


def show(summary: Summary, alarms: Iterable[Alarm], out_dir: Path, as_json: bool) -> None:
    """The result for a person, or as JSON; a run in a prop-firm program ends with its verdict."""
    for alarm in alarms:
        err.print(alarm.text, style="red", markup=False)
    verdict = programs.read(out_dir)
    if as_json:
        fields = msgspec.to_builtins(summary) | ({} if verdict is None else {"program": msgspec.to_builtins(verdict)})
        out.print(msgspec.json.encode(fields).decode(), markup=False)
        return
    for name, text in lines(summary):
        out.print(f"{name:<13} {text}", markup=False)
    for name, text in told(out_dir) if summary.trades else untold(out_dir):
        out.print(f"{name:<13} {text}", markup=False)
    for line in () if verdict is None else programs.lines(verdict):
        out.print(line, markup=False)
    messages = "" if tapes.kept(out_dir) == "none" else f", {tapes.FOLDER}/"
    out.print(f"results: {out_dir} (report.html, signals.jsonl, trades.jsonl, summary.json{messages})", markup=False)


def told(run: Path) -> Iterator[tuple[str, str]]:
    """What the trades of a run amount to, and how little that may say: name, text. The formulas are in replay/desk/numbers.py."""
    from tapewire.replay.desk.run import load
    from tapewire.replay.report.text import many_sessions

    figures = load(run).figures()
    found = {name: "none" if value is None else f"{value:,.2f}" for name, value in figures.items()}
    yield (
        "a trade",
        (
            f"{found['expectancy']} $ ({found['expectancy_r']} R); won {found['average_win']}, lost {found['average_loss']}; "
            f"profit factor {found['profit_factor']}"
        ),
    )
    yield "a year", f"Sharpe {found['sharpe']}, Sortino {found['sortino']}, Calmar {found['calmar']} (252 sessions)"
    if found["confidence_low"] != "none":
        told = f"{found['session_mean']} $, between {found['confidence_low']} and {found['confidence_high']} with 95 %"
        needed = figures["sessions_needed"]
        yield "a session", told if needed is None else f"{told}; {many_sessions(int(needed))} would tell it from 0"


def untold(run: Path) -> Iterator[tuple[str, str]]:
    """Where to look when nothing was traded."""
    place = f"--run {run}" if tapes.kept(run) == "all" else "--data DIR"
    yield "why", f"`tapewire why {place}` shows the condition at which each strategy stayed out, and the nearest miss"


def table(path: Path, columns: tuple[str, ...]) -> Iterator[str]:
    """Some fields of a results file in aligned columns, with a heading; the last one is not padded."""
    rows = [columns, *(tuple(_text(json.loads(line)[name]) for name in columns) for line in path.read_text().splitlines())]
    yield from aligned(rows)


def _text(value: object) -> str:
    return shown(value) if value is None or isinstance(value, float) else str(value)


def lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """A summary in a dozen short lines: name, text."""
    yield "traded", f"{', '.join(summary.instruments)} with {', '.join(summary.strategies)} ({summary.preset}, fill {summary.fill})"
    yield "bars", f"{summary.bars}, of {len(summary.sessions)} sessions"
    lacking = [session for session in summary.sessions if session.missing]
    for session in lacking[:MOST_LINES]:
        yield "", f"{session.session}: {session.note}"
    if (more := len(lacking) - MOST_LINES) > 0:
        yield "", f"{more} more sessions with missing minutes; all are listed in summary.json"
    if whole := len(summary.sessions) - len(lacking):
        yield "", f"{whole} {'session' if whole == 1 else 'sessions'} with none missing"
    if summary.ignored:
        yield "ignored rows", f"{len(summary.ignored)} (repeated or late; listed in summary.json)"
    refused = ", ".join(f"{reason} {count}" for reason, count in summary.refusals.items())
    yield from applied.lines(summary.applied)
    for name, words in summary.costs.items():
        yield "costs", f"{name}: {words}"
    for number, rule in enumerate(each for each in summary.fill_rules if each.flatters):
        yield "flatters" if number == 0 else "", f"{rule.of}: {rule.rule}"
    yield "intents", f"{summary.intents} entries requested; refused: {refused or 'none'}"
    if summary.suppressed:
        yield "not asked for", ", ".join(f"{reason} {count}" for reason, count in summary.suppressed.items())
    yield "signals", f"{summary.signals} (entries, exits and moves)"
    yield "trades", f"{summary.trades}, of which {summary.wins} with a profit"
    for name, tally in (*summary.by_strategy.items(), *summary.by_reason.items()):
        yield "", f"{name}: {tally.trades}, net {tally.net:+.2f}"
    yield "net", f"{summary.net:+.2f} $ (gross {summary.gross:+.2f}, commission {summary.commission:.2f})"
    yield "drawdown", f"{summary.max_drawdown:.2f} $ from the peak of realised profit"

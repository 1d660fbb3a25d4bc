"""Research from Python: what the commands `sweep`, `walk-forward`, `lookahead` and `compare` do, without a terminal.

Each leaves the files of its command in its folder, and shows their tables as pandas; `COLUMNS` here and in tables.py say what the
columns are. Money is dollars after commission and slippage, times are New York's.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import lines, runs
from tapewire.replay.compare import comparison, region
from tapewire.replay.compare import source as sources
from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.run import ReportPage, Run
from tapewire.replay.desk.start import configured, costs, opened
from tapewire.replay.research import lookahead as cutting
from tapewire.replay.research import page, walk_files
from tapewire.replay.research import search as searches
from tapewire.replay.research import start as studies
from tapewire.replay.research.grid import Axis
from tapewire.replay.research.overfit import Doubt
from tapewire.replay.research.search import Search, ValueRange
from tapewire.replay.research.watch import Use
from tapewire.replay.research.windows import Plan
from tapewire.replay.sources.options import Options
from tapewire.strategies.clock import NEW_YORK
from tapewire.strategies.features.stream import available

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "Sweep.table": {
        "(settings)": "one column for each setting of the grid, by its name",
        "trades, wins, refused": "closed trades, those with a net above 0, entries that the gate refused",
        "gross, commission, net": "dollars; net is gross less commission",
        "max_drawdown": "dollars, 0 or more",
        "net_per_session": "mean, dollars",
        "sharpe_per_session": "mean over deviation of a session, not annualised",
        "in_trades, in_net, out_trades, out_net": "on the sessions on which the best was chosen, and on the rest",
        "cell": "the name of its file in cells/",
    },
    "Sweep.sessions": {"(settings)": "of the cell", "session": "trade date", "trades, wins": "closed", "net": "dollars"},
    "WalkForward.windows": {
        "number": "of the window, from 1",
        "sample_first, sample_last, sample_sessions": "trade dates that count for the choice",
        "test_first, test_last, test_sessions": "trade dates on which the choice was traded",
        "(settings)": "of the chosen cell; None where nothing was chosen",
        "value": "the metric in the sample",
        "sample_net, sample_trades": "of the chosen cell in the sample",
        "net, trades": "of the account, closed in the test",
        "rank": "of the chosen cell among all by what each alone made in the test; NaN where nothing was chosen",
        "best": "the most that a cell alone made in the test",
        "limited, crossed": "entries forbidden by the limit of the drawdown, or by a position of the window before",
    },
    "WalkForward.sessions": {"session": "trade date of a test", "window": "its number", "trades": "closed", "net": "dollars"},
    "WalkForward.cells": {
        "(settings)": "of the cell",
        "trades, net, max_drawdown, sharpe": "of the cell alone over all tests, on an account of its own; sharpe is annualised",
        "chosen": "in how many windows",
    },
    "Lookahead.table": {
        "subject": "a strategy, `session` (the tracker), `arbitrated` (evaluator and gate) or a feature",
        "decisions": "messages, proposals or intents of the whole run; of a feature, bars with a value",
        "verdict": "`same`, or what is wrong",
    },
}
"""What the columns are; those of trades and equity are in `tables.COLUMNS`, with the window beside them."""


class StudyResult:
    """Results in a folder. It is removed with this object where no `out` was named."""

    def __init__(self, folder: Path, *, passing: bool) -> None:
        self.folder = folder
        if passing:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def _rows(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(lines.read(self.folder / name))


class SweepResult(StudyResult):
    """A finished sweep. doubt: the reasons to doubt its best cell, with their figures. off: strategies that were switched off."""

    def __init__(self, folder: Path, found: page.Sweep, *, passing: bool) -> None:
        super().__init__(folder, passing=passing)
        self.doubt: Doubt = found.doubt
        self.off = found.off
        self._found = found

    def __repr__(self) -> str:
        return "\n".join((f"<Sweep of {self._found.preset}: {self._found.cells} cells, {self.folder}>", *self.doubt.words))

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per cell, in the order of the grid."""
        return self._rows("table.jsonl")

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """A row per cell and session."""
        return self._rows("sessions.jsonl")

    @property
    def best(self) -> pd.Series[Any]:
        """The cell that was best in sample."""
        return self.table.iloc[self.doubt.best]

    def report(self) -> ReportPage:
        """The page."""
        return ReportPage(self.folder / "sweep.html")


class WalkForwardResult(StudyResult):
    """A finished walk-forward. words: what to think of before one believes it. off: strategies that were switched off."""

    def __init__(self, folder: Path, found: walk_files.WalkForward, *, passing: bool) -> None:
        super().__init__(folder, passing=passing)
        self.plan: Plan = found.plan
        self.words = found.words
        self.off = found.off
        self.found = found

    def __repr__(self) -> str:
        told = self.found
        return "\n".join(
            (f"<Walk-forward of {told.preset}: {told.windows} windows, {told.cells} cells, {self.folder}>", *self.words)
        )

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    @cached_property
    def windows(self) -> pd.DataFrame:
        """A row per window: its dates, the chosen settings, what they promised and what they made."""
        return self._rows("windows.jsonl")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """The account's trades over all tests, in the order of their exits."""
        from tapewire.replay.desk import tables

        rows = lines.read(self.folder / "trades.jsonl")
        table = tables.made("trades", rows)
        table.insert(0, "window", [row["window"] for row in rows])
        return table

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account's realised equity after each of its trades."""
        from tapewire.replay.desk import tables

        with (self.folder / "equity.csv").open(newline="") as file:
            return tables.made("equity", csv.DictReader(file))

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """A row per session of the tests."""
        return self._rows("sessions.jsonl")

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row per cell: alone over all tests."""
        return self._rows("cells.jsonl")

    @property
    def stats(self) -> pd.Series[Any]:
        """The figures of the account over all tests by name (`tapewire.replay.desk.numbers`), and the efficiency of the choice."""
        from tapewire.replay.desk import tables

        return tables.series({**self.found.figures, "efficiency": self.found.efficiency})

    def report(self) -> ReportPage:
        """The page."""
        return ReportPage(self.folder / "walk.html")


class Lookahead(NamedTuple):
    """A look-ahead analysis. table: see COLUMNS. differences: the first of each subject. uses: what plug-ins read elsewhere."""

    well: bool
    table: pd.DataFrame
    differences: pd.DataFrame
    uses: pd.DataFrame


class ComparedAccount(NamedTuple):
    """An account beside a run. twins: trades that both have; account_only, run_only: the others; figures: of the twins; doubts."""

    whole: bool
    twins: pd.DataFrame
    account_only: pd.DataFrame
    run_only: pd.DataFrame
    figures: pd.Series[Any]
    doubts: tuple[str, ...]


@typed
def sweep(
    data: str | Path | pd.DataFrame,
    *,
    set: Mapping[str, Any],  # the option's own name
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    out: str | Path | None = None,
    fill: str | None = None,
    fill_empty: bool = False,
    commission: float | None = None,
    slippage: int | None = None,
    sessions_split: float = 0.7,
    trials: int | None = None,
    metric: str = "net",
    seed: int = 1,
    jobs: int | None = None,
    cluster: str | None = None,
    instruments: str | Path | None = None,
    options: Options | None = None,
    progress: runs.Progress | None = None,
) -> SweepResult:
    """Run a grid of settings over a recording, and list the reasons to doubt the best cell.

    Args:
        data, instrument, preset, strategies, start, end, fill_empty, commission, slippage, instruments, options, progress: as of
            `backtest`.
        set: the grid: a list of values for each setting, such as {"edge_fade.pause_bars": [10, 20, 40], "fill": ["close"]}.
        out: the folder, whose finished cells are not computed again; None for one that goes with the result.
        sessions_split: share of the sessions on which the best is chosen.
        trials: try so many cells by Optuna, which makes `metric` large in sample (net, sharpe or sortino), with this seed. A
            setting may then also be a range, such as "5..60", "5..60:5" or "100.0..400.0". None for the whole grid.
        jobs: processes, all cores if None. cluster: address of
            a Dask scheduler instead, whose workers must see `data` under the same path.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    if not 0 < sessions_split <= 1:
        raise ConfError(f"sessions_split = {sessions_split}: write a share above 0 and at most 1")
    axes, search = _space(set), None if trials is None else Search(trials, metric, seed)
    chosen = (
        instrument,
        preset,
        strategies,
        start,
        end,
        fill,
        fill_empty,
        instruments,
        options,
        costs(instrument, commission, slippage),
    )
    with prepared("sweep", data, axes, search, *chosen) as (conf, read):
        with kept(out) as folder:
            told = studies.Telling(lambda words: None, progress or (lambda share: None))
            found = studies.swept(conf, read, axes, sessions_split, folder, studies.Processes(jobs, cluster), told, search)
        return SweepResult(folder, found, passing=out is None)


@typed
def walk_forward(
    data: str | Path | pd.DataFrame,
    *,
    set: Mapping[str, Any],  # the option's own name
    sample: int = 60,
    test: int = 20,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    metric: str = "sharpe",
    trials: int | None = None,
    seed: int = 1,
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    out: str | Path | None = None,
    fill: str | None = None,
    fill_empty: bool = False,
    commission: float | None = None,
    slippage: int | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    instruments: str | Path | None = None,
    options: Options | None = None,
    progress: runs.Progress | None = None,
) -> WalkForwardResult:
    """Choose a cell of a grid on one window of sessions after another, and trade it on those that follow.

    Args:
        data, instrument, preset, strategies, start, end, fill_empty, commission, slippage, instruments, options, progress: as of
            `backtest`.
        set, trials, seed, out, jobs, cluster: as of `sweep`; each window has trials of its own.
        sample, test, anchored, purge, embargo: the windows, in sessions (replay/research/windows.py).
        metric: by which each window chooses: sharpe, sortino, calmar, net, expectancy, profit_factor or win_rate.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    plan = Plan(sample, test, anchored, purge, embargo, metric)
    axes, search = _space(set), None if trials is None else Search(trials, metric, seed)
    chosen = (
        instrument,
        preset,
        strategies,
        start,
        end,
        fill,
        fill_empty,
        instruments,
        options,
        costs(instrument, commission, slippage),
    )
    with prepared("walk-forward", data, axes, search, *chosen) as (conf, read):
        with kept(out) as folder:
            told = studies.Telling(lambda words: None, progress or (lambda share: None))
            found = studies.walked(conf, read, axes, plan, folder, studies.Processes(jobs, cluster), told, search)
        return WalkForwardResult(folder, found, passing=out is None)


@typed
def lookahead(
    data: str | Path | pd.DataFrame,
    *,
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    set: Mapping[str, Any] | None = None,  # the option's own name
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    cuts: int = 20,
    seed: int = 1,
    features: bool = False,
    instruments: str | Path | None = None,
    options: Options | None = None,
    progress: runs.Progress | None = None,
) -> Lookahead:
    """Cut the stream and compare every decision up to the cut with the whole run's.

    Args:
        data, instrument, preset, strategies, set, start, end, instruments, options, progress: as of `backtest`.
        cuts: how many anywhere, beside those right after decisions. seed: of their places. features: compare the values of all
            features, too.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    import pandas as pd

    chosen = (instrument, preset, strategies, start, end, None, False, instruments, options)
    with prepared("lookahead", data, (), None, *chosen, set) as (conf, read):
        found = cutting.analyse(
            conf,
            read.recording,
            count=cuts,
            seed=seed,
            data=read.path,
            tell=lambda words: None,
            progress=progress or (lambda share: None),
            features=available(conf.preset.auction_row_ticks) if features else (),
        )
    table, differences, uses = (
        pd.DataFrame([msgspec.structs.asdict(row) for row in rows], columns=[field.name for field in msgspec.structs.fields(kind)])
        for kind, rows in ((cutting.SubjectResult, found.rows), (cutting.Divergence, found.differences), (Use, found.uses))
    )
    return Lookahead(found.well, table, differences, uses)


@typed
def compare(
    source: str | Path,
    run: str | Path | Run,
    *,
    account: str | None = None,
    zone: str | None = None,
    dates: str | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    window_min: float = comparison.WINDOW_MIN,
) -> ComparedAccount:
    """Your own trades beside a run's: twins, differences, slippage.

    Args:
        source: NinjaTrader's Trades or Executions grid, or its NinjaTrader.sqlite. run: a run or its folder.
        account: which one, where the source has several. zone: of the PC that exported a grid, such as "Europe/Berlin".
        dates: "dmy" or "mdy", the order of a grid's dates, where no day is above 12. start, end: first and last trade date; without
            them the run's. window_min: largest distance of two entries, minutes.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    from tapewire.replay.desk import tables

    history = sources.read(Path(source), zone, region.order("dates", dates))
    found = comparison.compare(
        history,
        run.folder if isinstance(run, Run) else Path(run),
        account=account,
        first=comparison.date("start", None if start is None else str(start)),
        last=comparison.date("end", None if end is None else str(end)),
        window_s=window_min * 60,
    )
    figures = {} if found.figures is None else msgspec.to_builtins(found.figures)
    twins, account_only, run_only = map(_moments, (found.twins, found.account_only, found.run_only))
    return ComparedAccount(
        found.whole,
        twins,
        account_only,
        run_only,
        tables.series(figures),
        found.doubts,
    )


def _moments(rows: Sequence[msgspec.Struct]) -> pd.DataFrame:
    """A table of these rows, inner ones by their dotted names with `_`; wall stamps are moments in New York."""
    import pandas as pd

    from tapewire.replay.desk import tables

    table = pd.json_normalize([msgspec.to_builtins(row) for row in rows], sep="_")
    for name in table.columns:
        if name.endswith("_time"):
            table[name] = pd.to_datetime(table[name]).dt.tz_localize(NEW_YORK.key).astype(tables.TIME)
    return table


def _space(values: Mapping[str, Any]) -> tuple[Axis | ValueRange, ...]:
    """What to vary, by name: several values, one, or a range in words."""
    found: list[Axis | ValueRange] = []
    for name, each in values.items():
        if isinstance(each, str) and ".." in each:
            found.append(searches.part(f"{name}={each}"))
        else:
            found.append(Axis(name, tuple(each) if isinstance(each, Sequence) and not isinstance(each, str) else (each,)))
    return searches.checked(found)


@contextmanager
def kept(out: str | Path | None) -> Iterator[Path]:
    """Where results go; a passing folder is removed if they cannot be made."""
    folder = Path(mkdtemp(prefix="tapewire-") if out is None else out)
    try:
        yield folder
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def prepared(
    instance: str,
    data: str | Path | pd.DataFrame,
    parts: Sequence[Axis | ValueRange],
    search: Search | None,
    instrument: str,
    preset: str | Path,
    strategies: Iterable[str] | None,
    start: str | dt.date | None,
    end: str | dt.date | None,
    fill: str | None,
    fill_empty: bool,
    instruments: str | Path | None,
    options: Options | None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Conf, studies.Data]]:
    """The settings of a study, and its recording: under a path that other processes can read while this is open."""
    own = None if instruments is None else Path(instruments)
    conf = configured(instance, instrument, preset, strategies, settings, fill, fill_empty, None, own)
    if parts:
        studies.checked(conf, parts, search)
    with opened(conf, data, start, end, options, lambda share: None) as (conf, recording, place):
        yield conf, studies.Data(place.path.resolve(), place.how, recording)

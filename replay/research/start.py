"""A sweep and a walk-forward from settings to files: what the commands and `import tapewire` start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Generic, NamedTuple

import msgspec

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import cell as cells
from tapewire.replay.research import grid, metrics, overfit, sweep, table, trades, walk, walk_files, windows
from tapewire.replay.research import search as searches
from tapewire.replay.research.cell import Job, Result
from tapewire.replay.research.grid import Axis, Cell
from tapewire.replay.research.page import Sweep
from tapewire.replay.research.search import Search, Study, ValueRange
from tapewire.replay.research.sweep import Found, Workers
from tapewire.replay.research.trades import CellTrades, PlacedTrade
from tapewire.replay.research.walk_files import WalkForward
from tapewire.replay.research.windows import Plan
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording


class Data(NamedTuple):
    """A recording that has been read: its file or folder, under a path that workers can read, and how it was read."""

    path: Path
    source: Options
    recording: Recording


class Processes(NamedTuple):
    """Where cells are computed: `jobs` processes here, all cores if None, or a Dask cluster by its address."""

    jobs: int | None = None
    cluster: str | None = None


class Telling(NamedTuple):
    """Who hears of the progress. say: one sentence; progress: the share done, which begins when there is something to do."""

    say: Callable[[str], None] = lambda words: None
    progress: Callable[[float], None] = lambda share: None


def checked(conf: Conf, parts: Sequence[Axis | ValueRange], search: Search | None = None) -> None:
    """Check the cells of a grid, or the ends of a search's space, as a run would, before anything is read. Raises ConfError."""
    if search is not None:
        searches.checked_search(search)
    for each in searches.corners(parts) if search is not None else grid.cells(_axes(parts)):
        grid.applied(conf, each)


def swept(
    conf: Conf,
    data: Data,
    parts: Sequence[Axis | ValueRange],
    share: float,
    out: Path,
    processes: Processes,
    telling: Telling,
    search: Search | None = None,
) -> Sweep:
    """Run a grid of settings over a recording, and write the tables, the page and the reasons to doubt the best cell.

    Args:
        parts: the grid, or the space of a search. share: the share of the sessions that is in sample. out: the folder; finished
            cells there are not computed again. search: tries some cells in place of all.
    Raises:
        ConfError: a setting is wrong, the folder holds other files, or a worker ended.
    """
    if search is not None and search.metric not in metrics.OF_SESSIONS:
        raise ConfError(
            f"metric = {search.metric}: a sweep searches by {', '.join(metrics.OF_SESSIONS)}, which sessions alone give"
        )

    digest = _digest(data)

    def jobs(cells: Sequence[Cell]) -> list[Job]:
        return sweep.jobs(conf, digest, data.path, data.source, cells)

    (base,) = jobs([{}])
    if search is None:
        jobs(grid.cells(_axes(parts)))  # a wrong one is told before the folder is touched
    sweep.prepare(out)
    with Computing(out, conf, data, processes, telling, jobs, Result, cells.compute) as results:
        if search is None:
            found = grid.cells(_axes(parts))
        else:
            study = Study(out, parts, search, (base.key, share))
            metric = search.metric
            searches.run([study], lambda asked: [[_in_sample(each, share, metric) for each in results(asked[0])]])
            found = searches.distinct(study.cells)
        made = list(zip(found, results(found), strict=True))
    return table.write(out, conf, data.recording, searches.tried(parts, found), made, share)


def walked(
    conf: Conf,
    data: Data,
    parts: Sequence[Axis | ValueRange],
    plan: Plan,
    out: Path,
    processes: Processes,
    telling: Telling,
    search: Search | None = None,
) -> WalkForward:
    """Run every cell of a grid once, choose one in each window, and write what the choices made on the sessions after it.

    Args:
        parts, out: as of `swept`. search: each window has a search of its own, on its sample, by the plan's metric.
    Raises:
        ConfError: a setting or the plan is wrong, the folder holds other files, or a worker ended.
    """
    metrics.checked(windows.checked(plan).metric)

    digest = _digest(data)

    def jobs(cells: Sequence[Cell]) -> list[Job]:
        return trades.jobs(conf, digest, data.path, data.source, cells)

    (base,) = jobs([{}])
    known: dict[bytes, int] = {}
    found: list[Cell] = []
    made: list[CellTrades] = []
    placed: list[list[PlacedTrade]] = []
    limits: list[int | None] = []
    if search is None:
        jobs(grid.cells(_axes(parts)))
    sweep.prepare(out, walk_files.OURS, "a walk-forward")
    with Computing(out, conf, data, processes, telling, jobs, CellTrades, trades.compute) as results:

        def places(cells: Sequence[Cell]) -> list[int]:
            """Where these cells are among those that are there, which they join."""
            new = [each for each in searches.distinct(cells) if msgspec.json.encode(each) not in known]
            limits.extend(trades.limit_cents(conf, each) for each in new)
            for each, result in zip(new, results(new), strict=True):
                known[msgspec.json.encode(each)] = len(found)
                found.append(each)
                made.append(result)
                placed.append(trades.placed(result, conf.calendar))
            return [known[msgspec.json.encode(each)] for each in cells]

        candidates = None
        if search is None:
            places(grid.cells(_axes(parts)))
        else:
            steps = windows.windows(len(results([{}])[0].sessions), plan)
            own = msgspec.structs.replace(search, metric=plan.metric)
            studies = [Study(out, parts, own, (base.key, step)) for step in steps]

            def values(asked: list[list[Cell]]) -> list[list[float | None]]:
                places([each for cells in asked for each in cells])
                return [
                    [walk.sampled(placed[at], limits[at], step, plan.metric).value for at in places(cells)]
                    for step, cells in zip(steps, asked, strict=True)
                ]

            searches.run(studies, values)
            candidates = [places(searches.distinct(study.cells)) for study in studies]
    whole = walk.walk(placed, limits, made[0].sessions, plan, conf.preset.risk.start, candidates)
    return walk_files.write(out, conf, data.recording, searches.tried(parts, found), found, made, whole)


class Computing(Generic[Found]):
    """Cells on demand: those that are in the folder, and the others computed by workers, which start when they are needed."""

    def __init__(
        self,
        out: Path,
        conf: Conf,
        data: Data,
        processes: Processes,
        telling: Telling,
        jobs: Callable[[Sequence[Cell]], list[Job]],
        kind: type[Found],
        work: Callable[[bytes], list[bytes]],
    ) -> None:
        """jobs: of cells. kind: what a cell leaves. work: what a worker does with encoded jobs."""
        self._out, self._conf, self._data = out, conf, data
        self._processes, self._telling = processes, telling
        self._jobs, self._kind, self._work = jobs, kind, work
        self._stack = ExitStack()
        self._workers: Workers | None = None
        self._told = False

    def __enter__(self) -> Computing[Found]:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def __call__(self, cells: Sequence[Cell]) -> list[Found]:
        """The results of these cells. Raises ConfError."""
        planned = self._jobs(cells) if cells else []
        missing = {job.key: job for job in planned if sweep.kept(self._out, job, self._kind) is None}
        if missing or not self._told:
            there = sum(job.key not in missing for job in planned)
            self._telling.say(f"{len(planned)} cells: {there} there already, {len(missing)} to compute")
            self._told = True
        if missing:
            if self._workers is None:
                first = next(iter(missing.values()))
                self._workers = self._stack.enter_context(sweep.workers(*self._processes, first, self._data.recording))
                self._telling.progress(0.0)
            size = sweep.batch(self._conf, self._data.recording, len(missing), self._workers.places)
            sweep.compute(self._out, list(missing.values()), self._workers.executor, self._telling.progress, size, self._work)
        return [sweep.whole(self._out, job, sweep.kept(self._out, job, self._kind)) for job in planned]


def _digest(data: Data) -> str:
    """Taken once: it reads every file, and all jobs are of the files as they were then."""
    return cells.recording_digest(data.path, data.source, [file.file for file in data.recording.files])


def _axes(parts: Sequence[Axis | ValueRange]) -> list[Axis]:
    """The axes of a grid. Raises ConfError for a range, which only a search can take."""
    for each in parts:
        if isinstance(each, ValueRange):
            raise ConfError(f"{each.name} = {each.low}..{each.high} is a range; a search takes it (--trials), a grid takes values")
    return list(grid.checked([each for each in parts if isinstance(each, Axis)]))


def _in_sample(result: Result, share: float, metric: str) -> float | None:
    days = result.days[: overfit.inside(len(result.days), share)]
    return metrics.value(metric, [day.net_cents for day in days if day.trades], [day.net_cents for day in days])

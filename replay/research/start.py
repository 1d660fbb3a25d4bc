"""A sweep and a walk-forward from settings to files: what the commands and `import tapewire` start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import grid, metrics, sweep, table, trades, walk, walk_files, windows
from tapewire.replay.research.grid import Axis, Cell
from tapewire.replay.research.page import Sweep
from tapewire.replay.research.trades import CellTrades
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


def checked(conf: Conf, axes: Sequence[Axis]) -> list[Cell]:
    """The cells of a grid, each as a run would check it, before anything is read. Raises ConfError."""
    cells = grid.cells(axes)
    for each in cells:
        grid.applied(conf, each)
    return cells


def swept(conf: Conf, data: Data, axes: Sequence[Axis], share: float, out: Path, processes: Processes, telling: Telling) -> Sweep:
    """Run a grid of settings over a recording, and write the tables, the page and the reasons to doubt the best cell.

    Args:
        share: the share of the sessions that is in sample. out: the folder; finished cells there are not computed again.
    Raises:
        ConfError: a setting is wrong, the folder holds other files, or a worker ended.
    """
    cells = grid.cells(axes)
    planned = sweep.jobs(conf, data.recording, data.path, data.source, cells)
    sweep.prepare(out)
    missing = [job for job in planned if sweep.finished(out, job) is None]
    telling.say(f"{len(planned)} cells: {len(planned) - len(missing)} there already, {len(missing)} to compute")
    if missing:
        with sweep.workers(*processes) as workers:
            size = sweep.batch(conf, data.recording, len(missing), workers.places)
            sweep.compute(out, missing, workers.executor, telling.progress, size)
    made = [(cell, sweep.result(out, job)) for cell, job in zip(cells, planned, strict=True)]
    return table.write(out, conf, data.recording, axes, made, share)


def walked(
    conf: Conf, data: Data, axes: Sequence[Axis], plan: Plan, out: Path, processes: Processes, telling: Telling
) -> WalkForward:
    """Run every cell of a grid once, choose one in each window, and write what the choices made on the sessions after it.

    Args:
        out: the folder; finished cells there are not computed again.
    Raises:
        ConfError: a setting or the plan is wrong, the folder holds other files, or a worker ended.
    """
    metrics.checked(windows.checked(plan).metric)
    cells = grid.cells(axes)
    limits = [trades.limit_cents(conf, cell) for cell in cells]
    planned = trades.jobs(conf, data.recording, data.path, data.source, cells)
    sweep.prepare(out, walk_files.OURS, "a walk-forward")
    distinct = list({job.key: job for job in planned}.values())
    missing = [job for job in distinct if sweep.kept(out, job, CellTrades) is None]
    telling.say(f"{len(planned)} cells: {len(planned) - len(missing)} there already, {len(missing)} to compute")
    if missing:
        with sweep.workers(*processes) as workers:
            size = sweep.batch(conf, data.recording, len(missing), workers.places)
            sweep.compute(out, missing, workers.executor, telling.progress, size, trades.compute)
    made = [sweep.whole(out, job, sweep.kept(out, job, CellTrades)) for job in planned]
    sessions = made[0].sessions
    placed = [trades.placed(each.trades, sessions, conf.calendar) for each in made]
    found = walk.walk(placed, limits, sessions, plan, conf.preset.risk.start)
    return walk_files.write(out, conf, data.recording, axes, cells, made, found)

"""A sweep: a grid of settings over one recording; each cell is computed once.

A finished cell is one file, `cells/<hash>.json`, named after everything that its result depends on (replay/research/cell.py), so a
second sweep computes only what is new. A cell gives the same result on the cores of this machine and on a Dask cluster.
replay/research/table.py makes the results of the cells.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from tapewire.bus import disk
from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import cell as cells
from tapewire.replay.research import grid, search
from tapewire.replay.research.apart import Apart
from tapewire.replay.research.cell import Job, Result
from tapewire.replay.research.grid import Cell
from tapewire.replay.research.sessions import WINDOW
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry

MOST_AT_ONCE = 16
"""Cells of one call of a worker: they share a fold, and an interruption loses them together."""

KEPT = ("cells", search.FILE)
OURS = (*KEPT, "table.csv", "table.jsonl", "sessions.jsonl", "sweep.json", "sweep.html")
CONNECT_S = "10s"


class Finished(Protocol):
    """What a cell leaves: its name, and whatever was computed."""

    @property
    def key(self) -> str: ...


Found = TypeVar("Found", bound=Finished)


class Workers(NamedTuple):
    """Where cells are computed, and how many at the same time."""

    executor: Executor
    places: int


def prepare(out: Path, ours: Sequence[str] = OURS, kind: str = "a sweep") -> None:
    """A folder for sweeps: new, empty, or one that held sweeps before, whose finished cells stay.

    Args:
        ours: the names of its files; KEPT ones stay. kind: what it holds, in words.
    Raises:
        ConfError: it holds files that no sweep writes. DiskError: it cannot be made ready.
    """
    disk.only(out, ours, kind)
    with disk.writing(out):
        (out / "cells").mkdir(parents=True, exist_ok=True)
        for name in ours:
            if name not in KEPT:
                (out / name).unlink(missing_ok=True)


def jobs(conf: Conf, files: str, data: Path, source: Options, grid_cells: Sequence[Cell]) -> list[Job]:
    """One job per cell. files: the recording's digest. Raises ConfError for the first setting that is wrong."""
    confs = [grid.applied(conf, cell) for cell in grid_cells]
    code = cells.code_digest(conf.preset.strategies)
    return [Job(cells.key(each, files, code), str(data), source, files, code, each) for each in confs]


def finished(out: Path, job: Job) -> Result | None:
    """A cell that was computed before, if it is there and whole."""
    return kept(out, job, Result)


def kept(out: Path, job: Job, kind: type[Found]) -> Found | None:
    """As `finished`, of cells that leave something else."""
    try:
        result = msgspec.json.decode((out / "cells" / f"{job.key}.json").read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return result if result.key == job.key else None


def result(out: Path, job: Job) -> Result:
    """A cell that has just been computed. Raises ConfError if its file has gone since."""
    return whole(out, job, kept(out, job, Result))


def whole(out: Path, job: Job, found: Found | None) -> Found:
    """A cell that must be there. Raises ConfError."""
    if found is None:
        raise ConfError(f"{out}/cells/{job.key}.json is missing or damaged; start it again")
    return found


def compute(
    out: Path,
    jobs: Sequence[Job],
    executor: Executor,
    progress: Callable[[float], None],
    size: int = 1,
    work: Callable[[bytes], list[bytes]] = cells.compute,
) -> None:
    """Compute these cells, so many in one call of a worker, and put each in place as soon as its call is finished.

    An interruption keeps those that are in place.

    Args:
        work: what a worker does with encoded jobs.
    Raises:
        ConfError: a worker cannot do it, or ended.
    """
    batches = [jobs[at : at + size] for at in range(0, len(jobs), size)]
    futures = {executor.submit(work, msgspec.json.encode(batch)): batch for batch in batches}
    done = 0
    try:
        for future in as_completed(futures):
            for job, found in zip(futures[future], future.result(), strict=True):
                disk.replace(out / "cells" / f"{job.key}.json", found)
            done += len(futures[future])
            progress(done / len(jobs))
    except (BrokenExecutor, CancelledError) as error:
        raise ConfError("a worker ended (out of memory?); sweep again with fewer --jobs, finished cells are kept") from error
    finally:
        for future in futures:
            future.cancel()


def batch(conf: Conf, recording: Recording, count: int, workers: int) -> int:
    """How many cells a worker computes in one call: as many as share a fold of a recording that a worker does not keep whole.

    Plug-ins stay alone in a run over a whole recording, as in a backtest: nobody knows what they keep in their modules.
    """
    if len(recording.bars) <= WINDOW or registry.packages(conf.preset.strategies):
        return 1
    return max(1, min(MOST_AT_ONCE, count // workers))


@contextmanager
def workers(count: int | None, cluster: str | None, job: Job, recording: Recording) -> Iterator[Workers]:
    """Where cells are computed: `count` processes here (all cores if None), or a Dask cluster by its address.

    Processes here share the recording with this one, folded, by being forked from it. Where other threads run, as in a notebook,
    that is not safe: they start anew, and each reads it.

    Args:
        job: of any cell of the recording.
    Raises:
        ConfError: Dask is not installed, or nothing answers at the address.
    """
    if cluster is None:
        count = count or os.cpu_count() or 1
        forked = threading.active_count() == 1
        if forked:
            cells.hold(job, recording)
        context = multiprocessing.get_context("fork") if forked else Apart()
        with ProcessPoolExecutor(count, mp_context=context, initializer=_leave_interrupts) as pool:
            pool.submit(os.getpid)  # the first call forks all of them, before anything else begins a thread
            yield Workers(pool, count)
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfError("--cluster needs Dask; install it with: pip install 'tapewire[cluster]'") from error
    try:
        client = Client(cluster, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise ConfError(f"--cluster {cluster}: no Dask scheduler answers ({error}); start one or leave the option out") from error
    with client:
        yield Workers(client.get_executor(), max(1, len(client.nthreads())))


def _leave_interrupts() -> None:
    """Ctrl-C is for the program; a worker finishes its cell, which is then kept."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

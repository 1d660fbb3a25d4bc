"""The memory of each daemon at the end of a replay by the command: what it alone has, its share of what it shares, and all of it.

It knows no module of tapewire unless it has to make the bars, so it measures any revision (`memory --against REV`). The figures are
megabytes, in the column of the microseconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench import sweep
from tests.bench.figures import Figure

LENGTHS = (1, 10)  # sessions
EVERY_S = 0.1
FEWEST = 6  # daemons of any revision


class Taken(NamedTuple):
    """Megabytes of a process. uss: pages that it alone has; pss: those, and its share of the others; rss: all; peak: of rss."""

    uss: float
    pss: float
    rss: float
    peak: float


def run(folder: Path, *, quick: bool, data: Path | None = None) -> list[Figure]:
    """One replay for each length. data: replay this alone."""
    figures = []
    made = [(data.name, data)] if data is not None else []
    for sessions in LENGTHS[:1] if quick else LENGTHS if data is None else ():
        made.append((f"{sessions} session{'s' if sessions > 1 else ''}", sweep.made(folder / f"memory-{sessions}", sessions)))
    for words, bars in made:
        found = replayed(bars, folder / "memory-run")
        for kind in Taken._fields:
            total = sum(getattr(taken, kind) for taken in found.values())
            bench = f"memory, {kind}, {words}"
            figures += [Figure(bench, name, getattr(taken, kind), note="MB, not us") for name, taken in sorted(found.items())]
            figures.append(Figure(bench, "all of them", total, note="MB, not us"))
    return figures


def replayed(data: Path, out: Path) -> dict[str, Taken]:
    """Each daemon by its name as it was last seen while all were there."""
    shutil.rmtree(out, ignore_errors=True)
    program = os.fspath(Path(sys.executable).with_name("tapewire"))
    command = [program, "replay", "--data", os.fspath(data), "--out", os.fspath(out)]
    started = subprocess.Popen(
        command, env=os.environ | {"PYTHONSAFEPATH": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    last: dict[str, Taken] = {}
    while started.poll() is None:
        seen = {name: taken for name, pid in daemons(out).items() if (taken := memory(pid)) is not None}
        if len(seen) >= max(len(last), FEWEST):
            last = seen
        time.sleep(EVERY_S)
    if started.returncode or not last:
        raise SystemExit(f"memory: {' '.join(command)} ended with {started.returncode}\n{started.communicate()[1][-2_000:]}")
    return last


def daemons(out: Path) -> dict[str, int]:
    """The processes that run for a folder (`... NAME --run FOLDER`), by name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "--run" in words and words[words.index("--run") + 1] == os.fspath(out.resolve()):
            found[words[words.index("--run") - 1]] = int(path.parent.name)
    return found


def memory(pid: int) -> Taken | None:
    """None for a process that is gone."""
    try:
        rollup = _fields(Path(f"/proc/{pid}/smaps_rollup").read_text())
        peak = _fields(Path(f"/proc/{pid}/status").read_text())["VmHWM"]
    except (OSError, KeyError):
        return None
    uss = rollup["Private_Clean"] + rollup["Private_Dirty"]
    return Taken(*(kilobytes / 1024 for kilobytes in (uss, rollup["Pss"], rollup["Rss"], peak)))


def _fields(text: str) -> dict[str, int]:
    lines = (line.split() for line in text.splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}

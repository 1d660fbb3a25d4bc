"""Another revision beside this one: both run the same benches, in turns, in one run. The report is ratios, this one to that one.

The other revision is unpacked from git into a temporary folder, installed there by its own `make install` (compiled, if it can be),
and kept for the next run. It runs this revision's benches where it can, so that both measure the same; else its own. Figures are
compared by bench and name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from tests.bench.figures import Figure, quantile

ROOT = Path(__file__).parents[2]
STAMP = ".built-for-benches"

_figures = msgspec.json.Decoder(list[Figure])


class Ratio(Struct, frozen=True):
    """One figure of both revisions. this, that: medians over the rounds. ratio, low, high: this to that within a round: median,
    lowest, highest. ratio99: the median of the p99s' ratio."""

    bench: str
    name: str
    this: float
    that: float
    ratio: float
    low: float
    high: float
    ratio99: float | None = None


class Way(NamedTuple):
    """How one side runs benches: its Python, and the folder whose `tests` it takes."""

    python: Path
    folder: Path


def run(revision: str, names: Sequence[str], *, rounds: int, quick: bool) -> list[Ratio]:
    """The ratios of the named benches.

    Raises:
        SystemExit: there is no such revision, it cannot be installed, or it can run none of its own and our benches of a name.
    """
    built = made(revision)
    here = Way(Path(sys.executable), ROOT)
    ratios: list[Ratio] = []
    with tempfile.TemporaryDirectory(prefix="tapewire-bench-against-") as folder:
        (Path(folder) / "tests").symlink_to(ROOT / "tests")
        theirs = built / ".venv" / "bin" / "python"
        for name in names:
            words = [name, "--json", *(["--quick"] if quick else [])]
            if name in ("sweep", "memory"):
                words += ["--data", os.fspath(_bars(Path(folder) / "bars", name, quick=quick))]
            that, last = None, ""
            pairs: list[tuple[list[Figure], list[Figure]]] = []
            for number in range(rounds):
                print(f"{name}: round {number + 1} of {rounds}", file=sys.stderr)
                mine, last = _figures_of(here, words)
                if mine is None:
                    raise SystemExit(f"{name} failed here\n{last}")
                for way in (Way(theirs, Path(folder)), Way(theirs, built)) if that is None else (that,):
                    found, last = _figures_of(way, words)
                    if found is not None:
                        that = way
                        break
                else:
                    raise SystemExit(f"{revision} can run {name} neither as it is here nor as its own\n{last}")
                pairs.append((mine, found))
            if that is not None and that.folder == built:
                print(f"{name}: {revision} cannot run this revision's bench; it ran its own", file=sys.stderr)
            ratios += compared(pairs)
    return ratios


def compared(rounds: Sequence[tuple[list[Figure], list[Figure]]]) -> list[Ratio]:
    """The figures that both sides have in every round, in the order of this side."""
    both = [({_key(each): each for each in mine}, {_key(each): each for each in theirs}) for mine, theirs in rounds]
    ratios = []
    for key in both[0][0]:
        if not all(key in mine and key in theirs and theirs[key].p50 > 0 for mine, theirs in both):
            continue
        pairs = [(mine[key], theirs[key]) for mine, theirs in both]
        each = [mine.p50 / theirs.p50 for mine, theirs in pairs]
        each99 = [mine.p99 / theirs.p99 for mine, theirs in pairs if mine.p99 and theirs.p99]
        ratios.append(
            Ratio(
                *key,
                this=quantile([mine.p50 for mine, _ in pairs], 0.5),
                that=quantile([theirs.p50 for _, theirs in pairs], 0.5),
                ratio=quantile(each, 0.5),
                low=min(each),
                high=max(each),
                ratio99=quantile(each99, 0.5) if len(each99) == len(pairs) else None,
            )
        )
    return ratios


def table(ratios: Sequence[Ratio]) -> str:
    """The report as a table."""
    lines = [f"{'':<44}{'this':>10}{'that':>10}{'x p50':>8}{'range':>16}{'x p99':>8}"]
    bench = ""
    for each in ratios:
        if each.bench != bench:
            bench = each.bench
            lines.append(f"\n{bench}")
        range_ = f"{each.low:.2f} to {each.high:.2f}"
        p99 = "" if each.ratio99 is None else f"{each.ratio99:.2f}"
        lines.append(f"  {each.name:<42}{each.this:>10.2f}{each.that:>10.2f}{each.ratio:>8.2f}{range_:>16}{p99:>8}")
    return "\n".join(lines)


def _key(figure: Figure) -> tuple[str, str]:
    return figure.bench, figure.name


def _figures_of(way: Way, words: Sequence[str]) -> tuple[list[Figure] | None, str]:
    """One run of the benches. None if they failed, with their last words."""
    ours = {"PYTHONPATH", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [way.python, "-m", "tests.bench", *words], cwd=way.folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        return None, done.stderr[-2_000:]
    try:
        return _figures.decode(done.stdout), ""
    except msgspec.MsgspecError as error:
        return None, f"{error}: {done.stdout[:200]}"


def _bars(folder: Path, name: str, *, quick: bool) -> Path:
    """Bars for both, since not every revision can make them."""
    from tests.bench import memory, sweep

    short, whole = (sweep.SHORT, sweep.SESSIONS) if name == "sweep" else memory.LENGTHS
    sessions = short if quick else whole
    path = folder / f"sessions-{sessions}"
    return path if path.exists() else sweep.made(path, sessions)


def made(revision: str) -> Path:
    """The folder of an installed revision."""
    named = ["git", "-C", os.fspath(ROOT), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    found = subprocess.run(named, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"--against {revision}: git knows no such revision")
    commit = found.stdout.strip()
    folder = Path(tempfile.gettempdir()) / f"tapewire-bench-{os.getuid()}-{commit[:12]}"
    if not (folder / STAMP).exists():
        print(f"installing {revision} in {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        packed = subprocess.run(["git", "-C", os.fspath(ROOT), "archive", commit], check=True, capture_output=True).stdout
        subprocess.run(["tar", "x"], cwd=folder, input=packed, check=True)
        installed = subprocess.run(["make", "install"], cwd=folder, capture_output=True, text=True)
        if installed.returncode:
            raise SystemExit(f"--against {revision}: `make install` failed there\n{installed.stderr[-2_000:]}")
        (folder / STAMP).touch()
    return folder

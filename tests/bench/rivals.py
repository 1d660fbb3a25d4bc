"""The in-process backtest against other engines on the same one-minute bars: time per bar and peak memory.

Ours runs everything it has: tracker, evaluator with all seven strategies of a preset, gate, publisher and venue. The others run
one average that crosses another, by the same rule (rival/played.py), and their own simulated broker. Each run is a fresh process
that has its bars ready before the clock starts; the engines take turns, so that whatever else the machine does hits all alike.

What trades costs more than what looks on, so there are two comparisons: with about as many trades as our seven strategies make,
and with about as many as `pipeline` makes beside them, which trades all day.

The rivals live in an environment of their own (.venv-bench), made when this bench is first requested by name. They are no
dependency.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, convert

from tapewire.bus.messages import Bar
from tapewire.replay import runs
from tapewire.replay.sources import synthetic
from tests.bench import ours
from tests.bench.figures import Figure, compared, quantile
from tests.bench.rival.played import Rule

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-bench"
STAMP = ENVIRONMENT / ".installed"
COMMON = ("backtesting==0.6.6", "backtrader==1.9.78.123", "vectorbt==1.2.0")
NEWEST, OLDER = "nautilus_trader==1.231.0", "nautilus_trader==1.221.0"  # the newest needs Python 3.12
SCRIPTS = {
    "NautilusTrader": "by_nautilus.py",
    "backtesting.py": "by_backtesting.py",
    "backtrader": "by_backtrader.py",
    "vectorbt": "by_vectorbt.py",
}
BASELINE = "NautilusTrader"
USUAL, SHORT = 40, 10  # sessions; NautilusTrader's time with many trades grows with their square
ROUNDS = 3
CELLS = 64  # what vectorbt is made for; the others are at their best with one

# Short averages in both: long ones cost NautilusTrader time per bar. So the distance of stop and target makes trades few.
FEW = Rule(fast=10, slow=30, stop=80, target=160)
MANY = Rule(fast=3, slow=8, stop=6, target=6)

PLAIN = {f"tapewire, {preset}": (preset,) for preset in ("seed", "adaptive")}
PIPELINE = {"tapewire, seed and pipeline": ("seed", "--pipeline")}


class Taken(Struct, frozen=True):
    """The cost of one run. run_s: wall-clock time. cpu_s: CPU time. load_s: from the file to bars in the engine's form."""

    bars: int
    run_s: float
    cpu_s: float
    load_s: float
    peak_mb: float
    trades: int | None = None
    stages_ns: dict[str, int] = {}

    @property
    def us(self) -> float:
        """Microseconds of CPU per bar."""
        return 1e6 * self.cpu_s / self.bars


Runs = dict[str, list[Taken]]


def installed() -> bool:
    """Whether the rivals are installed in the compared versions."""
    return STAMP.exists() and STAMP.read_text().split() == list(pins(newer_python()))


def run(folder: Path, *, quick: bool, sessions: int = USUAL) -> list[Figure]:
    """Few trades, many trades, many cells at once, tapewire's stages, peak memory. sessions: of the recording."""
    install()
    data, packed = _recorded(SHORT if quick else sessions)
    few: Runs = {}
    many: Runs = {}
    at_once: Runs = {}
    stages: list[Taken] = []
    for number in range(1 if quick else ROUNDS):
        print(f"rivals: round {number + 1}", file=sys.stderr)
        _round(few, FEW, PLAIN, data, packed, folder)
        _round(many, MANY, PIPELINE, data, packed, folder)
        at_once.setdefault("vectorbt", []).append(_child([*command(SCRIPTS["vectorbt"], packed, FEW), "--cells", str(CELLS)]))
        at_once.setdefault("tapewire, seed", []).append(_ours([str(data), "seed", "--cells", str(CELLS)]))
        stages.append(_ours([str(data), "seed", "--stages", "--journal", str(folder / "rivals")]))
    return [
        *_rates("rivals, a few trades", few),
        *_rates("rivals, many trades", many),
        *compared(
            f"rivals, {CELLS} cells at once, a bar of a cell",
            {name: [each.us for each in of] for name, of in at_once.items()},
            "vectorbt",
            rate=True,
        ),
        *_stages(stages),
        *_memory("rivals, peak memory, a few trades", few),
        *_memory("rivals, peak memory, many trades", many),
    ]


def _round(taken: Runs, rule: Rule, tapewire: Mapping[str, Sequence[str]], data: Path, packed: Path, folder: Path) -> None:
    """Each engine once."""
    for name, script in SCRIPTS.items():
        taken.setdefault(name, []).append(_child(command(script, packed, rule)))
    for name, options in tapewire.items():
        plain = [str(data), *options]
        taken.setdefault(name, []).append(_ours(plain))
        taken.setdefault(f"{name}, with journal", []).append(_ours([*plain, "--journal", str(folder / "rivals")]))


def _rates(bench: str, taken: Runs) -> list[Figure]:
    """Time per bar against NautilusTrader's; for ours also how many times the bars per second of each rival."""
    middle = {name: quantile([each.us for each in of], 0.5) for name, of in taken.items()}
    notes = {}
    for name, of in taken.items():
        wall = quantile([each.run_s for each in of], 0.5)
        parts = [] if of[0].trades is None else [f"{of[0].trades} trades"]
        parts.append(f"wall {wall:.1f} s")
        if name not in SCRIPTS:
            parts.append(", ".join(f"{middle[rival] / middle[name]:.2f} of {rival}" for rival in SCRIPTS))
        notes[name] = "; ".join(parts)
    return compared(bench, {name: [each.us for each in of] for name, of in taken.items()}, BASELINE, rate=True, notes=notes)


def _stages(taken: Sequence[Taken]) -> list[Figure]:
    """tapewire's time by stage, seed with a journal. The figures include the clocks."""
    spent = {name: quantile([each.stages_ns[name] / 1000 / each.bars for each in taken], 0.5) for name in taken[0].stages_ns}
    total = sum(spent.values())
    return [Figure("rivals, tapewire by stage", name, us, note=f"{us / total:.0%} of a bar") for name, us in spent.items()]


def _memory(bench: str, taken: Runs) -> list[Figure]:
    """The peak memory of each process, bars and interpreter included."""
    peaks = {name: max(each.peak_mb for each in of) for name, of in taken.items()}
    return [Figure(bench, name, peak, x50=peak / peaks[BASELINE], note="MB, not us") for name, peak in peaks.items()]


def _ours(options: Sequence[str]) -> Taken:
    return _child([sys.executable, "-m", "tests.bench.rival.by_tapewire", *options])


def _child(command: Sequence[str]) -> Taken:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rivals: {' '.join(command)} failed\n{done.stderr[-2_000:]}")
    return convert(json.loads(done.stdout.splitlines()[-1]), Taken)


def _recorded(sessions: int) -> tuple[Path, Path]:
    """The synthetic sessions, and their bars as the rivals read them. Kept between runs of the bench."""
    made_by = Path(synthetic.__file__).read_bytes() + f"{ours.SEED} {ours.START} {sessions}".encode()
    name = f"tapewire-bench-{os.getuid()}-{hashlib.sha256(made_by).hexdigest()[:12]}"
    data = Path(tempfile.gettempdir()) / name
    packed = data / "bars.npz"
    if not packed.exists():  # written last
        print(f"rivals: making {sessions} sessions in {data}", file=sys.stderr)
        shutil.rmtree(data, ignore_errors=True)
        synthetic.generate(data, sessions=sessions, seed=ours.SEED, start=ours.START)
        bars = runs.read(data, ours.INSTRUMENT, lambda share: None)[0].bars
        unfinished = data / "unfinished.npz"
        pack(unfinished, bars)
        unfinished.rename(packed)
    return data, packed


def pack(path: Path, bars: Iterable[Bar]) -> None:
    """Bars as the rivals read them."""
    rows = [(bar.close_ns, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]
    close_ns, *prices = zip(*rows, strict=True)
    named = zip(("open", "high", "low", "close", "volume"), (np.array(each, float) for each in prices), strict=True)
    np.savez(path, allow_pickle=False, close_ns=np.array(close_ns), **dict(named))


def command(script: str, packed: Path, rule: Rule) -> list[str]:
    """The call of a rival's script."""
    return [str(ENVIRONMENT / "bin" / "python"), str(ROOT / "tests" / "bench" / "rival" / script), str(packed), *map(str, rule)]


def pins(newer: Path | None) -> tuple[str, ...]:
    """The compared versions. newer: a Python from 3.12 on."""
    return (OLDER if newer is None else NEWEST, *COMMON)


@functools.cache
def newer_python() -> Path | None:
    """A Python from 3.12 on: this one, one on the path, or one of pyenv's. None if there is none."""
    names = [f"python3.{minor}" for minor in range(12, 15)]
    found = [shutil.which(name) for name in names]
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob("3.1[2-4].*/bin/python"))
    for each in (sys.executable, *filter(None, found), *map(str, pyenv)):
        said = subprocess.run([each, "-c", "import sys; print(sys.version_info >= (3, 12))"], capture_output=True, text=True)
        if said.stdout.strip() == "True":  # a name of pyenv's may lead to no Python
            return Path(each)
    return None


def install() -> None:
    """Make the rivals' environment, unless it exists with these versions."""
    if installed():
        return
    newer = newer_python()
    wanted = pins(newer)
    print(f"rivals: installing {', '.join(wanted)} into {ENVIRONMENT}", file=sys.stderr)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([str(newer or sys.executable), "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([*pip, *wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit("rivals: not installed, see above; the other benches need none of them") from error
    STAMP.write_text("\n".join(wanted) + "\n")

"""Reading two years of three instruments: against `pandas.read_csv` of the same files, and again once they are converted.

Memory is that of `tapewire backtest` over them, a process of its own.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tapewire.replay.sources import synthetic
from tests.bench import ours
from tests.bench.figures import Figure, compared

START = dt.date(2024, 1, 2)
SESSIONS, SHORT = 565, 20
ROUNDS = 5
BEFORE_MB = 555  # of a backtest over as many bars, before recordings were kept in columns
TAPEWIRE = (sys.executable, "-m", "tapewire")
SAFE = {**os.environ, "PYTHONSAFEPATH": "1"}
BASELINE = "pandas.read_csv"
# Each way in a process of its own, as people have it: reading sets how glibc keeps memory, and what one leaves free helps another.
PANDAS = """
import sys, time
import pandas
for _ in sys.stdin:
    start = time.process_time()
    for file in sys.argv[1:]:
        pandas.read_csv(file, comment="#")
    print(time.process_time() - start, flush=True)
"""
OURS = """
import sys, time
from pathlib import Path
from tapewire.replay import runs
for _ in sys.stdin:
    start = time.process_time()
    runs.read(Path(sys.argv[1]), sys.argv[2], lambda share: None)
    print(time.process_time() - start, flush=True)
"""
# The command in a process of its own, which tells the most memory that it had.
MEASURED = """
import os, resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """In turns; CPU time for each bar of each instrument. `recorded` is too short for this and not used."""
    plain, converted = folder / "recordings", folder / "converted"
    synthetic.generate(plain, sessions=SHORT if quick else SESSIONS, seed=ours.SEED, start=START)
    for packed in plain.glob("*.gz"):
        subprocess.run(["gunzip", str(packed)], check=True)
    files = sorted(plain.glob("*.csv"))
    convert = [*TAPEWIRE, "data", "convert", str(plain), "--out", str(converted), "--json"]
    written = json.loads(subprocess.run(convert, env=SAFE, check=True, capture_output=True, text=True).stdout)
    bars = sum(each["bars"] for each in written)

    ways = {
        BASELINE: (PANDAS, *map(str, files)),
        "tapewire": (OURS, str(plain), ours.INSTRUMENT),
        "tapewire, converted to Parquet": (OURS, str(converted), ours.INSTRUMENT),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as stack:
        readers = {name: stack.enter_context(_reader(words)) for name, words in ways.items()}
        for number in range((1 if quick else ROUNDS) + 1):
            for name, reader in readers.items():
                seconds = _asked(reader)
                if number:
                    taken[name].append(1e6 * seconds / bars)
    peak = _peak_mb([*TAPEWIRE, "backtest", "--data", str(plain), "--out", str(folder / "backtest")])
    return [
        *compared("recordings, reading", taken, BASELINE, rate=True, notes={"tapewire": f"{bars:,} rows"}),
        Figure("recordings, memory", "tapewire backtest", peak, x50=peak / BEFORE_MB, note=f"MB, not us; x: of {BEFORE_MB} MB"),
    ]


def _reader(words: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=SAFE)


def _asked(process: subprocess.Popen[str]) -> float:
    """The seconds of CPU time that a process takes to read once more."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def _peak_mb(command: list[str]) -> float:
    done = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, env=SAFE)
    if done.returncode:
        raise SystemExit(f"recordings: {' '.join(command)} failed\n{done.stderr[-2_000:]}")
    return int(done.stdout.split()[-1]) / 1024

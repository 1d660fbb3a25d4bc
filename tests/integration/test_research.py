"""The research commands as a user runs them, with plug-ins as a user installs them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Alarm
from tapewire.replay import tapes
from tapewire.replay.sources import synthetic
from tests.integration.conftest import START, Run
from tests.plug_ins import CHEAT, install

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[2] / "strategies" / "template.py"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for packages, on the path of every command."""
    folder = tmp_path / "site"
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def cheats(site: Path) -> Path:
    names = {name: name.capitalize() for name in ("peeker", "reader", "leaker", "gambler", "careless")}
    return install(site, "cheats", CHEAT, **names)


def preset(folder: Path, text: str) -> Path:
    """A preset of the user's own: strategies and parameters, the rest by default."""
    path = folder / "mine.toml"
    path.write_text(f'description = "mine"\nday_type = "edge"\n{text}')
    return path


# --- the template ---------------------------------------------------------------------------------------------------------------


def test_a_copy_of_the_template_runs_everywhere(tapewire: Run, bars: Path, site: Path, tmp_path: Path) -> None:
    """Installed as an entry point under another name: signals, backtest and lookahead find it, with its own parameters."""
    install(
        site, "mine", TEMPLATE.read_text().replace("First Breakout", "Mine").replace("FIRST_BREAKOUT", "MINE"), mine="FirstBreakout"
    )
    chosen = preset(tmp_path, 'strategies = ["mine", "edge_fade"]\n[parameters.mine]\nbeyond_r = 0.01\nuntil = "15:00"\n')
    options = ("--data", bars, "--preset", chosen)

    alone = tapewire("signals", *options, "--out", tmp_path / "signals")
    traded = tapewire("backtest", *options, "--out", tmp_path / "run")
    checked = tapewire("lookahead", *options, "--cuts", 3)

    assert (alone.returncode, traded.returncode, checked.returncode) == (0, 0, 0), alone.stderr + traded.stderr + checked.stdout
    proposals = [json.loads(line) for line in (tmp_path / "signals" / "proposals.jsonl").read_text().splitlines()]
    assert {"Mine"} <= {proposal["strategy"] for proposal in proposals}
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["preset"] == "mine"
    assert "Mine" in checked.stdout


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("beyond_rr = 0.1", ["parameters.mine", "beyond_rr", "did you mean 'beyond_r'"]),
        ("stop_r = -1.0", ["parameters.mine", "stop_r = -1.0", "above 0"]),
        ('until = "1 pm"', ["parameters.mine", "until"]),
    ],
)
def test_its_parameters_are_checked_before_anything_starts(
    tapewire: Run, bars: Path, site: Path, tmp_path: Path, parameters: str, expected: list[str]
) -> None:
    """Typed and validated like those of the built-in ones."""
    install(site, "mine", TEMPLATE.read_text(), mine="FirstBreakout")
    chosen = preset(tmp_path, f'strategies = ["mine"]\n[parameters.mine]\n{parameters}\n')

    done = tapewire("signals", "--data", bars, "--preset", chosen, "--out", tmp_path / "out")

    assert done.returncode == ConfError.status
    assert all(word in done.stderr for word in expected), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_broken_plug_in_is_named_by_the_run_that_names_it_and_hurts_no_other(
    tapewire: Run, bars: Path, site: Path, tmp_path: Path
) -> None:
    """The run with it is refused in one sentence; the run without it does not even import it."""
    install(site, "broken", "import no_such_library", broken="Strategy")

    refused = tapewire("backtest", "--data", bars, "--strategies", "edge_fade,broken", "--out", tmp_path / "out")
    done = tapewire("backtest", "--data", bars, "--strategies", "edge_fade", "--out", tmp_path / "out")

    assert refused.returncode == ConfError.status
    assert "strategy plug-in 'broken' (broken:Strategy) does not load: ModuleNotFoundError" in refused.stderr
    assert done.returncode == 0


def test_a_plug_in_that_raises_ends_itself_alone(tapewire: Run, bars: Path, cheats: Path, tmp_path: Path) -> None:
    """The others propose as they would without it; the account names it, and the status reports it."""
    with_it = tapewire("signals", "--data", bars, "--strategies", "careless,pipeline", "--out", tmp_path / "with")
    without = tapewire("signals", "--data", bars, "--strategies", "pipeline", "--out", tmp_path / "without")

    assert (with_it.returncode, without.returncode) == (1, 0)
    assert "Careless is switched off for the rest of the run: propose failed with ZeroDivisionError" in with_it.stderr
    assert (tmp_path / "with" / "proposals.jsonl").read_bytes() == (tmp_path / "without" / "proposals.jsonl").read_bytes()


def test_a_failure_is_told_the_same_way_by_a_backtest_and_by_the_daemons(
    tapewire: Run, bars: Path, cheats: Path, tmp_path: Path
) -> None:
    """The same fact at the same bar, the same trades of the others: a failure that a backtest survives does not stop a replay."""
    options = ("--data", bars, "--strategies", "careless,pipeline", "--out")
    here = tapewire("backtest", *options, tmp_path / "here")
    there = tapewire("replay", *options, tmp_path / "there")
    compared = tapewire("diff", tmp_path / "here", tmp_path / "there")
    alarms = [list(tapes.facts(tmp_path / run, "sys.alarm.evaluator.", Alarm)) for run in ("here", "there")]

    assert (here.returncode, there.returncode, compared.returncode) == (0, 0, 0), there.stderr + compared.stdout
    assert alarms[0] == alarms[1]
    assert [alarm.name for alarm in alarms[0]] == ["strategy_off"]
    assert alarms[0][0].text in here.stderr
    assert json.loads((tmp_path / "there" / "summary.json").read_text())["trades"] > 0


# --- look-ahead -----------------------------------------------------------------------------------------------------------------


def test_what_ships_does_not_look_ahead(tapewire: Run, bars: Path) -> None:
    """All strategies of a preset, and the arbitrated pipeline: the same at every cut."""
    done = tapewire("lookahead", "--data", bars, "--preset", "adaptive", "--cuts", 5, "--json")

    analysis = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {row["verdict"] for row in analysis["rows"]} == {"same"}
    assert analysis["cuts"] >= analysis["decided"] > 0


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("peeker", "Peeker at "),
        ("leaker", "remembers another run"),
        ("gambler", "Gambler at "),
        ("careless", "was switched off"),
    ],
)
def test_a_cheater_is_caught_and_the_honest_one_beside_it_is_not(
    tapewire: Run, bars: Path, cheats: Path, strategy: str, expected: str
) -> None:
    """Future bars within reach, state that outlives a run, chance, a failure: each is reported; the other's row has `same`."""
    done = tapewire("lookahead", "--data", bars, "--strategies", f"{strategy},edge_fade", "--cuts", 3)

    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert expected in done.stdout
    assert rows["Edge Fade"].endswith("same")
    assert not rows[strategy.capitalize()].endswith("same")


def test_a_strategy_that_opens_the_recording_is_caught_with_the_files_name(
    tapewire: Run, bars: Path, cheats: Path, tmp_path: Path
) -> None:
    """Its decisions are the same at every cut, because the file is not cut; the read itself is detected."""
    file = bars / "NQ_Volumetric_1.csv.gz"
    chosen = preset(tmp_path, f'strategies = ["reader"]\n[parameters.reader]\npath = "{file}"\n')

    done = tapewire("lookahead", "--data", bars, "--preset", chosen, "--cuts", 2)

    assert done.returncode == 1
    assert f"reads beside the stream: opens {file}" in done.stdout
    assert "reader opens" in done.stdout


def test_a_strategy_that_ends_the_process_is_told_without_a_traceback(tapewire: Run, bars: Path, site: Path) -> None:
    """`os._exit` cannot be caught; the parent process reports it."""
    kills = CHEAT.replace("def wants(self, s):\n        return random", "def wants(self, s):\n        import os, multiprocessing\n"
                          "        multiprocessing.parent_process() and os._exit(9)\n        return random")  # fmt: skip
    install(site, "killers", kills, gambler="Gambler")

    done = tapewire("lookahead", "--data", bars, "--strategies", "gambler")

    assert done.returncode == ConfError.status
    assert "ended with status 9" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_cuts_are_chosen_by_the_seed(tapewire: Run, bars: Path) -> None:
    """The seed is printed; the same seed gives the same output."""
    first, again = (tapewire("lookahead", "--data", bars, "--strategies", "edge_fade", "--cuts", 2, "--seed", 5) for _ in range(2))

    assert "(seed 5)" in first.stdout
    assert first.stdout == again.stdout


# --- sweeps -----------------------------------------------------------------------------------

GRID = ("--strategies", "pipeline", "--set", "pipeline.distance_points=5,20", "--set", "risk.max_trades=3,10")
WALKED = ("windows.jsonl", "trades.jsonl", "cells.jsonl", "walk.json")
RESULTS = ("table.csv", "table.jsonl", "sessions.jsonl", "sweep.json", "sweep.html")


def test_a_sweep_computes_each_cell_once_and_doubts_the_best(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """On two processes; the second sweep computes nothing and reports so, and a wider one computes only the new cells."""
    options = ("sweep", "--data", bars, *GRID, "--out", tmp_path / "out")
    first = tapewire(*options, "--jobs", 2)
    before = {name: (tmp_path / "out" / name).read_bytes() for name in RESULTS}
    again = tapewire(*options)
    after = {name: (tmp_path / "out" / name).read_bytes() for name in RESULTS}
    wider = tapewire(*options, "--set", "conflict=priority,veto")

    assert (first.returncode, again.returncode, wider.returncode) == (0, 0, 0), first.stderr
    assert "4 cells: 0 there already, 4 to compute" in first.stderr
    assert "4 cells: 4 there already, 0 to compute" in again.stderr
    assert "8 cells: 4 there already, 4 to compute" in wider.stderr
    assert before == after
    assert "4 cells were tried" in first.stdout
    assert "None of this says that any cell will make money." in first.stdout


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("--set", "edge_fad.pause_bars=1,2"), ["edge_fad.pause_bars", "did you mean 'edge_fade.pause_bars'"]),
        (("--set", "edge_fade.pause_bars=1,many"), ["edge_fade.pause_bars=many", "Expected `int`"]),
        (("--set", "edge_fade.pause_bars=1", "--cluster", "tcp://127.0.0.1:1"), ["tcp://127.0.0.1:1"]),
    ],
    ids=["no such strategy", "no such value", "no such cluster"],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(
    tapewire: Run, bars: Path, tmp_path: Path, settings: tuple[str, ...], expected: list[str]
) -> None:
    """With the correct value; no partial result remains."""
    if "--cluster" in settings:
        pytest.importorskip("distributed", reason="the extra tapewire[cluster] is not installed")
    done = tapewire("sweep", "--data", bars, *settings, "--out", tmp_path / "out")

    assert done.returncode == ConfError.status
    assert all(word in done.stderr for word in expected), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "table.csv").exists()


@pytest.fixture
def cluster(home: Path, tmp_path: Path) -> Iterator[str]:
    """A Dask scheduler with one worker, both real processes: its address."""
    pytest.importorskip("distributed", reason="the extra tapewire[cluster] is not installed")
    written = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(written), "--no-dashboard"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common]
    worker = [*dask, "worker", "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path / "worker"), *common]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "dask.log").open("wb"))
        for command in (scheduler, worker):
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        yield address_of(written, process)


def address_of(written: Path, process: subprocess.Popen[bytes]) -> str:
    """The scheduler's address, once it has written it."""
    for _ in range(600):
        if written.exists() and written.stat().st_size:
            address: str = json.loads(written.read_text())["address"]
            return address
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError("the Dask scheduler did not start")


def test_a_dask_cluster_leaves_the_same_table(tapewire: Run, bars: Path, tmp_path: Path, cluster: str) -> None:
    """The place of computation does not change a cell's result, nor what a walk-forward makes of it."""
    here = tapewire("sweep", "--data", bars, *GRID, "--out", tmp_path / "here", "--jobs", 1)
    there = tapewire("sweep", "--data", bars, *GRID, "--out", tmp_path / "there", "--cluster", cluster)
    synthetic.generate(tmp_path / "three", sessions=3, seed=7, start=START)
    options = ("walk-forward", "--data", tmp_path / "three", *GRID, "--sample", 2, "--test", 1)
    walked = tapewire(*options, "--out", tmp_path / "walked", "--jobs", 1)
    far = tapewire(*options, "--out", tmp_path / "far", "--cluster", cluster)

    assert (here.returncode, there.returncode, walked.returncode, far.returncode) == (0, 0, 0, 0), there.stderr + far.stderr
    assert "0 there already, 4 to compute" in there.stderr
    assert all((tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes() for name in RESULTS)
    assert all((tmp_path / "walked" / name).read_bytes() == (tmp_path / "far" / name).read_bytes() for name in WALKED)
    assert walked.stdout.startswith("* 1 window: each chose by sharpe among 4 cells")

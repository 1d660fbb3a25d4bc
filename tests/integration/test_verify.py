"""The verdict on live days through the bridge: one run in which every daemon is killed once, and one that loses bars."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.replay import tapes
from tapewire.replay.days import folders
from tapewire.replay.verify import verdict
from tests import bridges
from tests.bridges import Bridge
from tests.installs import cloned
from tests.integration.conftest import home_in, run
from tests.mono import needs_mono
from tests.mono import program as program
from tests.stages import GO, Stage, kill

pytestmark = [pytest.mark.slow, needs_mono]

DATES = ["2026-03-02", "2026-03-03"]
CHECK = Path(__file__).parents[2] / "examples" / "check_bars.py"
START = 925  # the bar before which the chart is loaded: before the first open
PATIENCE_S = 60.0
ROOM = 5  # bars that may wait in the bridge


@pytest.fixture(scope="module")
def killed(bars: Path, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two sessions and a night through the bridge; each daemon is killed once, by day and by night."""
    folder = tmp_path_factory.mktemp("killed")
    with home_in(folder):
        stage = Stage(program, bars, folder, bridges.conf(["pipeline"]))
        victims = list(supervise.DAEMONS)

        def strike(instance: Instance, bar: int) -> str:
            if victims and bar > 300 and kill(instance, victims[0]):
                victims.pop(0)
            return GO

        made = stage.play("--cross-first", 1, strike=strike)
        assert victims == []
        yield made


def test_a_run_in_which_every_daemon_was_killed_is_equal(killed: Path) -> None:
    """Both days, by the command; each bar is decided, and no fill differs from the simulated venue's."""
    done = [run("verify", date, "--run", killed) for date in DATES]
    together = run("verify", "--all", "--run", killed)

    assert [each.returncode for each in (*done, together)] == [0, 0, 0], done
    assert together.stdout == "".join(each.stdout for each in done)
    assert all(f"{date}: equal; " in each.stdout for date, each in zip(DATES, done, strict=True))
    assert all("0 missed, 0 extra, 0 foreign fills" in each.stdout for each in done)
    assert run("prove", DATES[1], "--run", killed).returncode == 0


def test_another_program_can_check_the_record_of_the_bars(killed: Path, tmp_path: Path) -> None:
    """With nothing of ours but the files; a record that is not of this day's bars is found."""
    record = run("prove", DATES[1], "--run", killed, "--json").stdout
    (tmp_path / "true.json").write_text(record)
    (tmp_path / "false.json").write_text(record.replace(json.loads(record)["instruments"][0]["bars"][7]["sha256"], "0" * 64))

    true, false = (check(tmp_path / name, killed) for name in ("true.json", "false.json"))

    assert (true.returncode, true.stdout) == (
        0,
        f"{len(json.loads(record)['instruments'][0]['bars'])} bars of {DATES[1]} are as recorded\n",
    )
    assert false.returncode == 1
    assert "is not the one in journal/raw.bar.MNQ.1m.tape" in false.stdout


def check(record: Path, of: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", str(CHECK), str(record), str(of)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_day_was_judged_by_itself(killed: Path) -> None:
    """The daybook had it done when the second day began."""
    found = folders.judged(killed, DATES[0])

    assert found is not None
    assert found.summary.startswith(f"{DATES[0]}: equal; ")


def test_one_changed_line_of_a_strategy_is_named(killed: Path, tmp_path: Path) -> None:
    """The same command from sources in which the strategy leaves a bar earlier names the file, and the way back to the bar."""
    sources = cloned(tmp_path / "sources")
    strategy = sources / "strategies" / "pipeline.py"
    strategy.write_text(strategy.read_text().replace("BUY, SELL = 0, 2", "BUY, SELL = 0, 1"))
    command = [sys.executable, "-P", "-m", "tapewire", "verify", DATES[0], "--run", str(killed)]
    environment = {**os.environ, "PYTHONPATH": str(sources)}

    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    kept = folders.judged(killed, DATES[0])

    assert done.returncode == 1, done.stderr
    assert f"{DATES[0]}: code changed at intent.MNQ.@1:" in done.stdout
    assert "the evaluator had other code: strategies/pipeline.py" in done.stdout
    assert "back to raw.bar.MNQ.1m.@" in done.stdout
    assert kept is not None
    assert kept.verdict == "diverged"


def test_one_altered_threshold_is_named(killed: Path, tmp_path: Path) -> None:
    """In the settings of the run, which the daemons had read otherwise."""
    copy = Path(shutil.copytree(killed, tmp_path / "copy", ignore=shutil.ignore_patterns("sockets")))
    settings = json.loads((copy / "run.json").read_bytes())
    settings["preset"]["parameters"]["pipeline"] = {"distance_points": 5.0}
    (copy / "run.json").write_text(json.dumps(settings))

    done = run("verify", DATES[0], "--run", copy)

    assert done.returncode == 1, done.stderr
    assert "settings changed at intent.MNQ.@1:1" in done.stdout
    assert "preset.parameters.pipeline was (absent), is {'distance_points': 5.0}" in done.stdout


def test_ten_bars_that_the_bridge_lost_are_told_and_equal(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """The broker is away for fifteen minutes of an open market, and the bridge has room for five bars: ten are dropped. The day
    is equal, given what came, and the bars are named as the bridge numbers them."""
    data = bridges.unpacked(bars, tmp_path / "data")
    conf, where = bridges.conf(["pipeline"]), tmp_path / "run"
    others = tuple(name for name in supervise.DAEMONS if name != "broker")
    with bridges.bus(conf, where, ()):
        options = ("--from", START, "--broker", tmp_path / "broker", "--most-bars", ROOM)
        with bridges.daemons(where, ("broker",)), bridges.daemons(where, others):
            bridge = Bridge(program, conf, where, data, tmp_path / "nt", *options)
            bridge.done()
            closed(bridge, where, 60)
        before = decided(where)
        until(lambda: bridge.do("lights")[0].startswith("bus "), "the bridge saw that the broker is gone")
        for _ in range(ROOM + 10):
            bridge.do("bar")
        with bridges.daemons(where, ("broker",)), bridges.daemons(where, others):
            until(lambda: decided(where) == before + ROOM, "the bars that had room were decided")
            closed(bridge, where, 20)
            bridges.wait_until_read(where)
            bridge.close()

    found = verdict.judge(where, DATES[0])
    lines = run("prove", DATES[0], "--run", where)

    assert found.first is None
    assert found.verdict == "equal"
    assert [(each.who, each.count, each.told) for each in found.lost] == [("bridge", 10, "alarm dropped")]
    assert found.checked["trade"] > 10
    assert lines.returncode == 1
    assert "10 bars lost by the bridge" in lines.stdout


def closed(bridge: Bridge, where: Path, bars: int) -> None:
    """So many bars close, each once the one before it is decided. What waits in the bridge comes first."""
    for _ in range(bars):
        before = decided(where)
        bridge.do("bar")
        until(lambda seen=before: decided(where) > seen, f"a bar was decided after {before}")


def until(holds: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, f"waited in vain until {what}"


def decided(where: Path) -> int:
    topic = "eval.done.MNQ."
    return sum(1 for _ in tapes.frames(where, topic)) if topic in tapes.topics(where, topic) else 0

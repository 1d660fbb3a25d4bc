"""A chart's history out of NinjaTrader while live bars go on: every bar once, in order, in flat memory, and after a death."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bus.messages import Bar
from daemons.settings import Conf
from replay import runs, tapes
from tests import bridges
from tests.bridges import Bridge, Gate
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_bridge_link import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

MANY = 1_050_000
FLAT_KB = 120_000  # of the asker; its interpreter and libraries take half of that


class Chart:
    """A loaded chart behind `shown` bars, its bridge, and a gate."""

    def __init__(self, conf: Conf, folder: Path, bridge: Bridge, gate: Gate) -> None:
        self.conf = conf
        self.folder = folder
        self.bridge = bridge
        self.gate = gate

    def backfill(self) -> subprocess.Popen[str]:
        """`tapewire backfill` of everything there is."""
        port = self.conf.bus.base_port
        options = ("--out", self.folder / "out", "--lookback", 3, "--unit", "years", "--base-port", port, "--json")
        command = [str(TAPEWIRE), "backfill", *map(str, options)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until_done(self, asker: subprocess.Popen[str]) -> tuple[dict[str, object], int, int]:
        """What it says, its peak memory in kB, and how many live bars passed meanwhile."""
        peak = live = 0
        while asker.poll() is None:
            peak = max(peak, peak_kb(asker.pid))
            if live < 200:
                self.bridge.do("bar", self.gate.pump)
                live += 1
        told, errors = asker.communicate()
        assert asker.returncode == 0, errors
        return json.loads(told), peak, live


def peak_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def chart(program: Path, data: Path, folder: Path, *options: object) -> Iterator[Chart]:
    conf = bridges.conf()
    with bridges.bus(conf, folder / "run"):
        gate = Gate(conf)
        bridge = Bridge(program, conf, data, folder / "nt", "--cross", 0, *options)
        bridge.done(gate.pump)
        try:
            yield Chart(conf, folder, bridge, gate)
        finally:
            bridge.close()
            gate.close()


def test_a_backfilled_export_is_the_chart(home: Path, program: Path, plain: Path, tmp_path: Path, tapewire: Run) -> None:
    """Read as any export, it holds the very bars that the chart was made of, with their order flow."""
    with chart(program, plain, tmp_path, "--from", 1500, "--historical", 1500) as shown:
        told, _, _ = shown.until_done(shown.backfill())
        again = tapewire("backfill", "--out", tmp_path / "out", "--base-port", shown.conf.bus.base_port)
    fetched, _ = runs.read(tmp_path / "out", "MNQ", lambda share: None)
    original, _ = runs.read(plain, "MNQ", lambda share: None)

    assert told["bars"] == len(fetched.bars) >= 1500
    assert fetched.bars == [msgspec.structs.replace(bar, cross=()) for bar in original.bars[: len(fetched.bars)]]
    assert again.returncode == 78
    assert "is there already" in again.stderr


def test_a_million_bars_arrive_once_in_order_and_live_bars_pass(home: Path, program: Path, tmp_path: Path) -> None:
    """1,050,000 bars: none missing, none twice; the asker's memory stays flat; live bars are on the bus meanwhile."""
    with chart(program, tmp_path, tmp_path, "--invent", MANY + 1000, "--from", MANY, "--historical", 1) as shown:
        told, peak, live = shown.until_done(shown.backfill())
    lines = 0
    last = ""
    with (tmp_path / "out" / "NQ_Volumetric_1.csv").open() as export:
        for line in export:
            if line[0] == "2":
                assert line[:23] > last
                last = line[:23]
                lines += 1
    stamps = [bar.close_ns for bar in tapes.facts(tmp_path / "run", "raw.", Bar)]

    assert told["bars"] == lines >= MANY
    assert peak < FLAT_KB
    assert live > 20
    assert stamps == sorted(set(stamps))
    assert len(stamps) == live + 1


def test_an_asker_that_was_killed_goes_on_where_it_was(home: Path, program: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: the next one keeps what was written, cuts off a torn line, and the file is whole."""
    shown_bars = 300_000
    unfinished = tmp_path / "out" / ".NQ_Volumetric_1.csv.unfinished"
    with chart(program, tmp_path, tmp_path, "--invent", shown_bars, "--from", shown_bars, "--historical", 1) as shown:
        first = shown.backfill()
        while not unfinished.exists() or unfinished.stat().st_size < 1_000_000:
            shown.gate.pump()
            assert first.poll() is None
        first.kill()
        first.communicate()
        with unfinished.open("a") as file:
            file.write("2024-01-")

        asker = shown.backfill()
        while asker.poll() is None:
            shown.gate.pump()
        told = json.loads(asker.communicate()[0])
    stamps = [line[:23] for line in (tmp_path / "out" / "NQ_Volumetric_1.csv").read_text().splitlines() if line[0] == "2"]

    assert told["resumed"] > 1000
    assert told["bars"] == shown_bars == len(stamps)
    assert stamps == sorted(set(stamps))


def test_without_a_bridge_the_asker_says_what_to_do(home: Path, tmp_path: Path, tapewire: Run) -> None:
    """Nobody connects: status 75, and the remedy."""
    conf = bridges.conf()

    done = tapewire("backfill", "--out", tmp_path / "out", "--base-port", conf.bus.base_port)

    assert done.returncode == 75
    assert "TapewireBridge" in done.stderr

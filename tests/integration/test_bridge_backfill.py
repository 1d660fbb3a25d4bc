"""A chart's history out of NinjaTrader while live bars continue: every bar once, in order, in constant memory, and after a death.

`python -m tests.bench backfill` measures its rate and the delay of live bars.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.messages import Bar
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.doors import Doors
from tapewire.replay import backfill, runs, tapes
from tests import bridges
from tests.bridges import Bridge, Gate
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_bridge_link import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

MANY = 1_050_000
SHOWN = 120_000
SHORT_DAYS = 70  # a tenth of them
FLAT = 1.15  # peak memory with a million bars, relative to a tenth of them


class Filled(NamedTuple):
    """The outcome of a backfill: its report, the number of live bars meanwhile, and the peak memory of each process in kB."""

    report: dict[str, int]
    live: int
    peaks: dict[str, int]


class Chart:
    """A loaded chart with its bridge. pump: the test's work meanwhile. pids: the measured processes, by name."""

    def __init__(self, conf: Conf, folder: Path, bridge: Bridge, pump: Callable[[], None], pids: dict[str, int]) -> None:
        self.conf = conf
        self.folder = folder
        self.run = folder / "run"
        self.bridge = bridge
        self.pump = pump
        self.where = ("--run", self.run, "--base-port", conf.bus.base_port)
        self.pids = {"NinjaTrader": bridge.process.pid, **pids}

    def backfill(self, *options: object, out: str = "out") -> subprocess.Popen[str]:
        """Start `tapewire backfill`, of the whole chart by default."""
        wanted = options or ("--lookback", 3, "--unit", "years")
        given = ("--out", self.folder / out, *self.where, "--json", *wanted)
        command = [str(TAPEWIRE), "backfill", *map(str, given)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until_done(self, requester: subprocess.Popen[str]) -> Filled:
        """Close live bars until it ends."""
        for pid in self.pids.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset the peak memory
        peak = live = 0
        while requester.poll() is None:
            peak = max(peak, peak_kb(requester.pid))
            if live < 200:
                self.bridge.do("bar", self.pump)
                live += 1
        report, errors = requester.communicate()
        assert requester.returncode == 0, errors
        return Filled(json.loads(report), live, {"requester": peak, **{name: peak_kb(pid) for name, pid in self.pids.items()}})


def peak_kb(pid: int) -> int:
    """The peak memory of a process in kB; 0 after its end."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def chart(program: Path, data: Path, folder: Path, *options: object) -> Iterator[Chart]:
    """A chart with a broker, a logger, and the test's own gate."""
    conf = bridges.conf()
    with bridges.bus(conf, folder / "run"):
        gate = Gate(conf, folder / "run")
        bridge = Bridge(program, conf, folder / "run", data, folder / "nt", "--cross", 0, *options)
        bridge.done(gate.pump)
        gate.until(gate.hellos, "hello")  # a bar waits briefly for messages in flight
        try:
            yield Chart(conf, folder, bridge, gate.pump, {})
        finally:
            bridge.close()
            gate.close()


@contextmanager
def supervised_chart(program: Path, folder: Path, bars: int) -> Iterator[Chart]:
    """An invented chart with all the daemons of a run."""
    conf = bridges.conf()
    run = runs.prepare(folder / "run")
    configuration.write(conf, run)
    with runs.supervised(conf, run, lambda text: None) as instance:
        where = ("--cross", 0, "--invent", bars + 1000, "--from", bars, "--historical", 1)
        bridge = Bridge(program, conf, run, folder, folder / "nt", *where)
        bridge.done()
        try:
            pids = {each["name"]: each["pid"] for each in supervise.processes(instance)}
            yield Chart(conf, folder, bridge, lambda: None, pids)
            bridges.wait_until_read(run)
        finally:
            bridge.close()


def test_a_backfilled_export_is_the_chart(home: Path, program: Path, plain: Path, tmp_path: Path, tapewire: Run) -> None:
    """Read like any export, it holds exactly the bars of the chart, with their order flow."""
    with chart(program, plain, tmp_path, "--from", 1500, "--historical", 1500) as shown:
        report = shown.until_done(shown.backfill()).report
        again = tapewire("backfill", "--out", tmp_path / "out", *shown.where)
    fetched, _ = runs.read(tmp_path / "out", "MNQ", lambda share: None)
    original, _ = runs.read(plain, "MNQ", lambda share: None)

    assert report["bars"] == len(fetched.bars) >= 1500
    assert fetched.bars == [msgspec.structs.replace(bar, cross=()) for bar in original.bars[: len(fetched.bars)]]
    assert again.returncode == 78
    assert "exists; name another folder" in again.stderr


def test_a_million_bars_arrive_once_in_order_in_flat_memory(home: Path, program: Path, tmp_path: Path) -> None:
    """1,050,000 bars: none missing, none duplicated; live bars are published meanwhile, none lost. No process needs more memory
    than for a tenth of them: NinjaTrader, whose chart is the same both times, the requester, and every daemon."""
    with supervised_chart(program, tmp_path, MANY) as shown:
        short = shown.until_done(shown.backfill("--lookback", SHORT_DAYS, "--unit", "days", out="short"))
        long = shown.until_done(shown.backfill())
    lines = 0
    last = ""
    with (tmp_path / "out" / "NQ_Volumetric_1.csv").open() as export:
        for line in export:
            if line[0] == "2":
                assert line[:23] > last
                last = line[:23]
                lines += 1
    stamps = [bar.close_ns for bar in tapes.facts(tmp_path / "run", "raw.", Bar)]
    growth = {name: peak / short.peaks[name] for name, peak in long.peaks.items()}

    assert long.report["bars"] == lines >= MANY
    assert 9 < long.report["bars"] / short.report["bars"] < 11
    assert set(growth) == {"requester", "NinjaTrader", *supervise.DAEMONS}
    assert {name: ratio for name, ratio in growth.items() if ratio > FLAT} == {}
    assert min(short.live, long.live) > 20
    assert stamps == sorted(set(stamps))
    assert len(stamps) == short.live + long.live + 1


def test_a_live_bar_waits_for_a_page_or_two(home: Path, program: Path, tmp_path: Path) -> None:
    """History is requested as fast as it arrives. Counted are the pages between a bar's close and its arrival over the bus: two are
    in flight at the close, and one or two more pass while the bar goes through the broker. The unit is pages, not milliseconds, so
    a slow machine changes nothing."""
    with chart(program, tmp_path, tmp_path, "--invent", SHOWN + 2000, "--from", SHOWN, "--historical", 1) as shown:
        waited = pages_before_each_bar(shown)

    assert len(waited) > 50
    assert statistics.median(waited) <= 4


def pages_before_each_bar(shown: Chart) -> list[int]:
    """Pages between the close and the arrival of each bar. A bar closes as soon as the previous one has arrived."""
    waited: list[int] = []
    closed_at = pages = 0
    with zmq.Context() as context, Doors(context, shown.run, shown.conf.bus) as doors:
        live = sockets.subscriber(context, access.local(shown.run, "reader").to("broker.out"), (topics.RAW,))
        shown.bridge.send("bar")
        while number(live) < SHOWN:
            pass  # the welcome, and the broker's last value
        with backfill.Charts(context, doors.outside("backfill")) as chart:
            (length,) = chart.topics()
            for _ in chart.read(length.topic, 0, chunk=200):
                pages += 1
                if live.poll(0) and number(live) > SHOWN:
                    waited.append(pages - closed_at)
                    closed_at = 0
                if not closed_at:
                    shown.bridge.send("bar")
                    closed_at = pages
        live.close()
    return waited


def number(live: zmq.Socket[bytes]) -> int:
    """The index of the next bar; -1 for any other message."""
    frames = live.recv_multipart()
    body = wire.decode(frames[1])[1] if len(frames) == 2 else None
    return body.index if isinstance(body, Bar) else -1


def test_a_killed_requester_resumes_from_its_file(home: Path, program: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: the next requester keeps the written part, cuts off a torn line, and completes the file."""
    shown_bars = 300_000
    unfinished = tmp_path / "out" / ".NQ_Volumetric_1.csv.unfinished"
    with chart(program, tmp_path, tmp_path, "--invent", shown_bars, "--from", shown_bars, "--historical", 1) as shown:
        first = shown.backfill()
        while not unfinished.exists() or unfinished.stat().st_size < 1_000_000:
            shown.pump()
            assert first.poll() is None
        first.kill()
        first.communicate()
        with unfinished.open("a") as file:
            file.write("2024-01-")

        requester = shown.backfill()
        while requester.poll() is None:
            shown.pump()
        report = json.loads(requester.communicate()[0])
    stamps = [line[:23] for line in (tmp_path / "out" / "NQ_Volumetric_1.csv").read_text().splitlines() if line[0] == "2"]

    assert report["resumed"] > 1000
    assert report["bars"] == shown_bars == len(stamps)
    assert stamps == sorted(set(stamps))


def test_without_a_bridge_the_command_names_the_remedy(home: Path, tmp_path: Path, tapewire: Run) -> None:
    """No bridge connects: status 75, and the remedy."""
    conf = bridges.conf()

    done = tapewire("backfill", "--out", tmp_path / "out", "--run", tmp_path / "run", "--base-port", conf.bus.base_port)

    assert done.returncode == 75
    assert "TapewireBridge" in done.stderr

"""A chart's history out of NinjaTrader while live bars go on: every bar once, in order, in flat memory, and after a death.

How fast it is, and what live bars feel of it, is measured by `python -m tests.bench backfill`.
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

from tapewire.bus import sockets, topics, wire
from tapewire.bus.messages import Bar
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
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
FLAT = 1.15  # highest memory while a million bars pass, against that with a tenth of them


class Filled(NamedTuple):
    """What a backfill has come to: what it said, how many live bars passed meanwhile, and each process's highest memory in kB."""

    told: dict[str, int]
    live: int
    peaks: dict[str, int]


class Chart:
    """A loaded chart with its bridge. pump: what the test must do meanwhile. pids: the processes that are watched, by name."""

    def __init__(self, conf: Conf, folder: Path, bridge: Bridge, pump: Callable[[], None], pids: dict[str, int]) -> None:
        self.conf = conf
        self.folder = folder
        self.bridge = bridge
        self.pump = pump
        self.pids = {"NinjaTrader": bridge.process.pid, **pids}

    def backfill(self, *options: object, out: str = "out") -> subprocess.Popen[str]:
        """`tapewire backfill`; of everything there is, unless told otherwise."""
        wanted = options or ("--lookback", 3, "--unit", "years")
        given = ("--out", self.folder / out, "--base-port", self.conf.bus.base_port, "--json", *wanted)
        command = [str(TAPEWIRE), "backfill", *map(str, given)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until_done(self, asker: subprocess.Popen[str]) -> Filled:
        """Live bars close while it goes on."""
        for pid in self.pids.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the highest memory so far
        peak = live = 0
        while asker.poll() is None:
            peak = max(peak, peak_kb(asker.pid))
            if live < 200:
                self.bridge.do("bar", self.pump)
                live += 1
        told, errors = asker.communicate()
        assert asker.returncode == 0, errors
        return Filled(json.loads(told), live, {"asker": peak, **{name: peak_kb(pid) for name, pid in self.pids.items()}})


def peak_kb(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def chart(program: Path, data: Path, folder: Path, *options: object) -> Iterator[Chart]:
    """With a broker, a logger, and a gate of the test's."""
    conf = bridges.conf()
    with bridges.bus(conf, folder / "run"):
        gate = Gate(conf)
        bridge = Bridge(program, conf, data, folder / "nt", "--cross", 0, *options)
        bridge.done(gate.pump)
        gate.until(gate.hellos, "hello")  # a bar waits a little for words that are on their way
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
        bridge = Bridge(program, conf, folder, folder / "nt", *where)
        bridge.done()
        try:
            pids = {each["name"]: each["pid"] for each in supervise.processes(instance)}
            yield Chart(conf, folder, bridge, lambda: None, pids)
            bridges.wait_until_read(conf)
        finally:
            bridge.close()


def test_a_backfilled_export_is_the_chart(home: Path, program: Path, plain: Path, tmp_path: Path, tapewire: Run) -> None:
    """Read as any export, it holds the very bars that the chart was made of, with their order flow."""
    with chart(program, plain, tmp_path, "--from", 1500, "--historical", 1500) as shown:
        told = shown.until_done(shown.backfill()).told
        again = tapewire("backfill", "--out", tmp_path / "out", "--base-port", shown.conf.bus.base_port)
    fetched, _ = runs.read(tmp_path / "out", "MNQ", lambda share: None)
    original, _ = runs.read(plain, "MNQ", lambda share: None)

    assert told["bars"] == len(fetched.bars) >= 1500
    assert fetched.bars == [msgspec.structs.replace(bar, cross=()) for bar in original.bars[: len(fetched.bars)]]
    assert again.returncode == 78
    assert "is there already" in again.stderr


def test_a_million_bars_arrive_once_in_order_in_flat_memory(home: Path, program: Path, tmp_path: Path) -> None:
    """1,050,000 bars: none missing, none twice; live bars are on the bus meanwhile, none lost. No process needs more memory than
    for a tenth of them: not NinjaTrader's, whose chart is the same both times, not the asker, no daemon."""
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

    assert long.told["bars"] == lines >= MANY
    assert 9 < long.told["bars"] / short.told["bars"] < 11
    assert set(growth) == {"asker", "NinjaTrader", *supervise.DAEMONS}
    assert {name: ratio for name, ratio in growth.items() if ratio > FLAT} == {}
    assert min(short.live, long.live) > 20
    assert stamps == sorted(set(stamps))
    assert len(stamps) == short.live + long.live + 1


def test_a_live_bar_waits_for_a_page_or_two(home: Path, program: Path, tmp_path: Path) -> None:
    """While history is asked for as fast as it comes, pages that arrive between a bar's close and its coming over the bus: two are
    under way when it closes, and one or two more pass while it goes through the broker. Pages, and no milliseconds, so that a slow
    machine changes nothing."""
    with chart(program, tmp_path, tmp_path, "--invent", SHOWN + 2000, "--from", SHOWN, "--historical", 1) as shown:
        waited = pages_before_each_bar(shown)

    assert len(waited) > 50
    assert statistics.median(waited) <= 4


def pages_before_each_bar(shown: Chart) -> list[int]:
    """A bar closes as soon as the one before is on the bus."""
    waited: list[int] = []
    asked = pages = 0
    with zmq.Context() as context:
        live = sockets.subscriber(context, shown.conf.bus.address("broker.out"), (topics.RAW,))
        shown.bridge.say("bar")
        while number(live) < SHOWN:
            pass  # the welcome, and what the broker kept
        with backfill.Charts(context, shown.conf.bus.address("backfill")) as chart:
            (length,) = chart.topics()
            for _ in chart.read(length.topic, 0, chunk=200):
                pages += 1
                if live.poll(0) and number(live) > SHOWN:
                    waited.append(pages - asked)
                    asked = 0
                if not asked:
                    shown.bridge.say("bar")
                    asked = pages
        live.close()
    return waited


def number(live: zmq.Socket[bytes]) -> int:
    """Of the next bar; -1 for a message that is none."""
    frames = live.recv_multipart()
    body = wire.decode(frames[1])[1] if len(frames) == 2 else None
    return body.index if isinstance(body, Bar) else -1


def test_an_asker_that_was_killed_goes_on_where_it_was(home: Path, program: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: the next one keeps what was written, cuts off a torn line, and the file is whole."""
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

        asker = shown.backfill()
        while asker.poll() is None:
            shown.pump()
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

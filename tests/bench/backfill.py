"""A chart's history out of the C# bridge: bars per second, the delay of live bars, and the memory of every process.

The stub host invents a chart. Live bars continue while `tapewire backfill` fetches it through the bridge into an export; each is
timed from the command to the host until its arrival over the bus. A tenth of the history and all of it, out of the same chart,
which the host keeps in its memory as NinjaTrader does: any further growth is tapewire's.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import zmq

from tapewire.bus import access, sockets, topics
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs
from tests import bridges, mono
from tests.bench import ours
from tests.bench.figures import Figure, compared

MANY = 1_050_000
REST_S = 0.01
ALONE = 200  # live bars that are timed before the history is requested, and again after it
DAY = 24 * 60  # of a lookback, in bars
RESERVE = 5_000  # the rest of the chart, for live bars
NAME = "history from the bridge"


class Timed:
    """Closes bars on the chart, a hundred a second at most, and measures when each arrived over the bus."""

    def __init__(self, run: Path, bridge: bridges.Bridge) -> None:
        self.bridge = bridge
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = sockets.subscriber(self.context, access.local(run, "reader").to("broker.out"), (topics.RAW,))

    def bar(self) -> float:
        """One live bar, in microseconds."""
        while self.socket.poll(0):
            self.socket.recv_multipart()
        time.sleep(REST_S)
        start = ours.now_us()
        self.bridge.send("bar")
        while self.socket.recv_multipart()[0] != topics.bar("MNQ").encode():
            pass
        spent = ours.now_us() - start
        self.bridge.done()
        return spent


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Measure both lengths. Empty without Mono."""
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        return []
    program = mono.compile_all(folder)
    most = MANY // 10 if quick else MANY
    conf = bridges.conf()
    with tempfile.TemporaryDirectory() as home:
        prepared = runs.prepare(folder / "run")
        configuration.write(conf, prepared)
        options = ("--cross", 0, "--invent", most + 2 * RESERVE, "--from", most, "--historical", 1)
        with runs.supervised(conf, prepared, lambda text: None) as instance:
            bridge = bridges.Bridge(program, conf, prepared, Path(home), folder / "nt", *options)
            try:
                bridge.done()
                short, grown_short = _measured(conf, instance, bridge, folder / "short", most // 10 // DAY)
                long, grown_long = _measured(conf, instance, bridge, folder / "long", most // DAY + 1)
            finally:
                bridge.kill()
    memory = [
        Figure(f"{NAME}, memory while it streams, MB", name, grown_long[name], None, x50=grown_long[name] / grown_short[name])
        for name in grown_long
    ]
    return [*short, *long, *(msgspec.structs.replace(each, note="peak; x: against a tenth of the history") for each in memory)]


def _measured(
    conf: Conf, instance: Instance, bridge: bridges.Bridge, out: Path, days: int
) -> tuple[list[Figure], dict[str, float]]:
    timed = Timed(Path(instance.run), bridge)
    for _ in range(20):
        timed.bar()
    alone = [timed.bar() for _ in range(ALONE)]
    pids = {each["name"]: each["pid"] for each in supervise.processes(instance)} | {"NinjaTrader's stand-in": bridge.process.pid}
    for pid in pids.values():
        _forget_peak(pid)
    start = time.monotonic()
    command = [shutil.which("tapewire", path=str(Path(ours.__file__).parents[2] / ".venv" / "bin")) or "tapewire", "backfill"]
    command += ["--out", str(out), "--lookback", str(days), "--run", instance.run, "--base-port", str(conf.bus.base_port), "--json"]
    requester = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    during: list[float] = []
    peak = 0.0
    while requester.poll() is None:
        peak = max(peak, _peak_mb(requester.pid))
        if len(during) < RESERVE - 2 * ALONE - 100:
            during.append(timed.bar())
    spent = time.monotonic() - start
    report, errors = requester.communicate()
    if requester.returncode:
        raise RuntimeError(errors)
    peaks = {name: _peak_mb(pid) for name, pid in pids.items()} | {"tapewire backfill": peak}
    alone += [timed.bar() for _ in range(ALONE)]
    timed.context.destroy(linger=0)
    fetched = msgspec.json.decode(report)["bars"]
    name = f"{NAME}, {fetched:,} bars"
    each = 1e6 * spent / fetched
    rate = Figure(name, "a bar of history", each, None, per_s=1e6 / each, note=f"{spent:.1f} s in all")
    return [rate, *compared(name, {"a live bar alone": alone, "a live bar meanwhile": during}, "a live bar alone")], peaks


def _forget_peak(pid: int) -> None:
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)

"""Bars and orders with and without a storm of 50,000 trades a second into the broker, in turns, in one run of the real daemons.

The tracker makes bars of 1, 5, 10, 15 and 30 seconds of the trades. The feed is a process of its own that encodes and sends them
one by one, on the same machine: what it takes of the processor is in the figures, too.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from tapewire.bus import access
from tapewire.bus.client import request_control
from tests.bench import ours
from tests.bench.figures import Figure, compared

NAME = "ticks: bars and orders in a storm"
RATE = 50_000
TIMEFRAMES = ["1s", "5s", "10s", "15s", "30s"]
DAEMONS = ("broker", "tracker", "evaluator", "gate", "logger")
REST_S = 0.001
BLOCK = 130
QUIET, STORM = "without trades", f"with {RATE:,} trades a second"


class Feed:
    """The feed's process. sent: trades so far. seconds: how long it has been on."""

    def __init__(self, run: Path, rate: int) -> None:
        command = [sys.executable, "-m", "tests.bench.storm", str(run), str(rate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.sent = 0
        self.seconds = 0.0
        self._since = 0.0
        assert self._read() == "ready"

    def turn(self, on: bool) -> None:
        """Begin or end a storm."""
        assert self._process.stdin is not None
        self._process.stdin.write("on\n" if on else "off\n")
        self._process.stdin.flush()
        if on:
            self._since = time.monotonic()
        else:
            self.sent = int(self._read())
            self.seconds += time.monotonic() - self._since

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars, quiet and in a storm in turns."""
    folder = folder / "ticks"
    folder.mkdir()
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: 390 * (2 if quick else 12)]
    conf = ours.settings("seed", ["pipeline"])
    taken: dict[str, dict[str, list[float]]] = {kind: {QUIET: [], STORM: []} for kind in ("bar", "order")}
    with (
        ours.running(conf, folder / "run", tracker={"timeframes": TIMEFRAMES}) as conf,
        feeding(folder / "run") as feed,
        ours.TimedPlayer(conf, folder / "run", rest_s=REST_S) as player,
    ):
        storm = False

        def turn() -> None:
            nonlocal storm
            now = STORM if storm else QUIET
            taken["bar"][now] += player.idle_us
            taken["order"][now] += player.signal_us
            player.idle_us, player.signal_us = [], []
            storm = not storm
            feed.turn(storm)

        player.join()
        player.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
        if not storm:
            turn()
        before = memory(folder / "run")
        until = time.monotonic() + (5 if quick else 30)
        while time.monotonic() < until:
            player.pump(0.1)
        after = memory(folder / "run")
        turn()
        broker, tracker = (state(folder / "run", name) for name in ("broker", "tracker"))
    lost = sum(tracker["ticks_lost"].values())
    per_s = feed.sent / feed.seconds
    note = f"{feed.sent:,} trades, {per_s:,.0f}/s; tracker: {tracker['ticks']:,} taken, {lost:,} lost; bars lost: {tracker['lost']}"
    return [
        *compared(f"{NAME}, bar to eval.done", taken["bar"], QUIET, notes={STORM: note}),
        *compared(f"{NAME}, bar to signal", taken["order"], QUIET, notes={STORM: f"the broker forwarded {broker['ticks']:,}"}),
        *(
            Figure(
                f"{NAME}, memory, MB",
                name,
                after[name],
                x50=after[name] / before[name],
                note="x: against before the last part, a storm without bars",
            )
            for name in DAEMONS
        ),
    ]


@contextmanager
def feeding(run: Path) -> Iterator[Feed]:
    feed = Feed(run, RATE)
    try:
        yield feed
    finally:
        feed.close()


def state(run: Path, name: str) -> dict[str, Any]:
    """The report of a daemon."""
    with zmq.Context() as context:
        return dict(request_control(context, access.local(run, "reader").to(f"control.{name}"), "state", timeout_s=10))


def memory(run: Path) -> dict[str, float]:
    """Resident memory of each daemon, in MB."""
    found: dict[str, float] = {}
    for name in DAEMONS:
        text = Path(f"/proc/{state(run, name)['pid']}/status").read_text()
        found[name] = int(text.partition("VmRSS:")[2].split()[0]) / 1024
    return found

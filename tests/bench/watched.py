"""Bars and orders beside the api and the alerts daemon, and beside nothing, in turns, in one run of the real daemons.

Somebody reads the stream: a program that does nothing else, which shows what the two daemons cost, or a page in a browser, which
draws on this machine as well. Or a thousand clients are slow at the api's door. `neither` means that the two processes do not run.
CPU time is counted beside the latency: of the chain's processes, which have a core for themselves, of the two daemons and of the
browser.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tapewire.bus import keys
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings.structs import Conf
from tests import browser
from tests.bench import ours
from tests.bench.figures import Figure, by_turn, quantile
from tests.bench.http import free
from tests.bench.ticks import state

NAME = "watched: bars and orders"
CLIENTS = ("api", "alerts")
CHAIN = ("broker", "tracker", "evaluator", "gate")
REST_S = 0.02  # a live bar is alone; 50 a second are fifty times as many as a chart of seconds has
BLOCK = 195
SETTLE_S = 1.0  # the past is told and drawn, the daemons that have started are done with it
OFF, READ, DRAWN, SLOW = (
    "neither",
    "api and alerts, a plain reader",
    "api and alerts, a page",
    "api and alerts, a thousand slow clients",
)
PROGRAMS = {READ: "stream_reader", SLOW: "slow_clients"}
ALERTS: dict[str, object] = {
    "enabled": True,
    "channels": {"log": {"per_minute": 600}},
    "rules": [{"topics": [""], "channels": ["log"]}],
}


class Clients:
    """The api and the alerts daemon of a run, and who reads the stream, on the cores that this process has now."""

    def __init__(self, conf: Conf, run: Path, visitor: browser.Visitor) -> None:
        self._instance = next(each for each in instances.running() if each.name == conf.instance)
        self._run = run
        self._port = conf.api.port
        self._token = keys.find(run, "reader").token
        self._visitor = visitor
        self._page: Any = None
        self._reader: subprocess.Popen[bytes] | None = None
        self._cores = os.sched_getaffinity(0)

    def begin(self, kind: str) -> None:
        """Start what belongs to a turn; returns when it reads."""
        if kind == OFF:
            return
        for name in CLIENTS:
            supervise.restart(self._instance, name)
        if kind == DRAWN:
            self._page = self._visitor.connected(self._token)
            return
        command = [sys.executable, "-m", f"tests.bench.{PROGRAMS[kind]}", str(self._port), self._token]
        self._reader = subprocess.Popen(command, stdout=subprocess.PIPE)
        os.sched_setaffinity(self._reader.pid, self._cores)
        assert self._reader.stdout is not None
        self._reader.stdout.readline()

    def end(self) -> None:
        """Stop it."""
        if self._page is not None:
            self._page.context.close()
            self._page = None
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()
            self._reader = None
        with supervise.remote(self._instance) as rpc:
            for name in CLIENTS:
                with contextlib.suppress(Exception):
                    rpc.supervisor.stopProcess(name)

    def bars(self) -> int:
        """How many bars the chart holds; 0 without one."""
        return 0 if self._page is None else int(self._page.evaluate("document.getElementById('chart').drawn().length"))

    def spent(self) -> dict[str, float]:
        """Microseconds of CPU time so far, of the chain, of each client, and of the browser."""
        there = CLIENTS if self._page is not None or self._reader is not None else ()
        found = {"the chain": sum(cpu_us(state(self._run, name)["pid"]) for name in CHAIN)}
        found |= {name: cpu_us(state(self._run, name)["pid"]) for name in there}
        if self._page is not None:
            found["the browser"] = sum(cpu_us(pid) for pid in descendants(os.getpid()) if "chromium" in name_of(pid))
        return found


def cpu_us(pid: int) -> float:
    """CPU time of a process' threads so far."""
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1_000
    except FileNotFoundError:
        return 0.0


def descendants(pid: int) -> Iterator[int]:
    """The processes below one."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            with contextlib.suppress(FileNotFoundError):
                yield from descendants(child)


def name_of(pid: int) -> str:
    """The name of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return ""


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars, beside each of them in turns."""
    if why := browser.missing():
        raise SystemExit(why)
    place = folder / "watched"
    place.mkdir()
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: BLOCK * (8 if quick else 24)]
    conf = ours.settings("seed", ["pipeline"])
    kinds = (OFF, READ, DRAWN, SLOW)
    turns: dict[str, dict[str, list[list[float]]]] = {what: {kind: [] for kind in kinds} for what in ("bar", "order")}
    spent: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    drawn: list[int] = []
    api: dict[str, object] = {"enabled": True, "port": free()}
    core = ours.chain_core()
    with ours.running(conf, place / "run", api=api, alerts=ALERTS) as conf, ours.apart(), contextlib.ExitStack() as stack:
        visitor = stack.enter_context(browser.visiting(f"http://127.0.0.1:{conf.api.port}/"))
        clients = Clients(conf, place / "run", visitor)
        clients.end()
        stack.enter_context(ours.on_core(core))
        player = stack.enter_context(ours.TimedPlayer(conf, place / "run", rest_s=REST_S))
        number, before = 0, {}

        def settle() -> None:
            nonlocal before
            until = time.monotonic() + SETTLE_S
            while time.monotonic() < until:
                player.pump(0.1)
            before = clients.spent()
            player.idle_us, player.signal_us = [], []

        def turn() -> None:
            nonlocal number
            kind = kinds[number % len(kinds)]
            for name, so_far in clients.spent().items():
                spent[kind].setdefault(name, []).append((so_far - before[name]) / BLOCK)
            turns["bar"][kind].append(player.idle_us[10:])  # the first ones wake everybody up again
            turns["order"][kind].append(player.signal_us[5:])
            drawn.append(clients.bars())
            clients.end()
            number += 1
            clients.begin(kinds[number % len(kinds)])
            settle()

        player.join()
        settle()
        player.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
        clients.end()
    return [
        *by_turn(f"{NAME}, bar to eval.done", turns["bar"], OFF, {DRAWN: f"the chart held {max(drawn):,} bars"}),
        *by_turn(f"{NAME}, bar to signal", turns["order"], OFF, {}),
        *_work(spent),
    ]


def _work(spent: dict[str, dict[str, list[float]]]) -> list[Figure]:
    """CPU time a bar, by process and by what was beside the chain."""
    base = quantile(spent[OFF]["the chain"], 0.5)
    return [
        Figure(f"{NAME}, CPU time a bar", f"{name}: {kind}", middle, x50=middle / base if name == "the chain" else None)
        for kind, each in spent.items()
        for name, taken in each.items()
        for middle in [quantile(taken, 0.5)]
    ]

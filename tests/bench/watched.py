"""Bars and orders with a page open and alerts on, and with neither, in turns, in one run of the real daemons.

`off` means that the two processes do not run. Before each turn with them they are started, and the page, which has been there all
the time, connects by itself. The browser is on the same machine, off the chain's core.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from tapewire.bus import keys
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings.structs import Conf
from tests import browser
from tests.bench import ours
from tests.bench.figures import Figure, by_turn
from tests.bench.http import free

NAME = "watched: bars and orders"
CLIENTS = ("api", "alerts")
REST_S = 0.02  # a live bar is alone; 50 a second are fifty times as many as a chart of seconds has
BLOCK = 195
SETTLE_S = 1.0  # the page draws the past, the daemons that have started are done with it
OFF, ON = "neither", "a page and alerts"
ALERTS: dict[str, object] = {
    "enabled": True,
    "channels": {"log": {"per_minute": 600}},
    "rules": [{"topics": [""], "channels": ["log"]}],
}


class Clients:
    """The api and the alerts daemon of a run, and a page."""

    def __init__(self, conf: Conf, page: Any) -> None:
        self._instance = next(each for each in instances.running() if each.name == conf.instance)
        self._page = page

    def stop(self) -> None:
        with supervise.remote(self._instance) as rpc:
            for name in CLIENTS:
                rpc.supervisor.stopProcess(name)

    def start(self) -> None:
        for name in CLIENTS:
            supervise.restart(self._instance, name)

    def connected(self) -> bool:
        return bool(self._page.locator(browser.CONNECTED).count())

    def bars(self) -> int:
        """How many bars the chart holds."""
        return int(self._page.evaluate("document.getElementById('chart').drawn().length"))


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars, with the clients and without them in turns."""
    if why := browser.missing():
        raise SystemExit(why)
    place = folder / "watched"
    place.mkdir()
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: BLOCK * (4 if quick else 20)]
    conf = ours.settings("seed", ["pipeline"])
    turns: dict[str, dict[str, list[list[float]]]] = {kind: {OFF: [], ON: []} for kind in ("bar", "order")}
    drawn: list[int] = []
    api: dict[str, object] = {"enabled": True, "port": free()}
    with ours.running(conf, place / "run", api=api, alerts=ALERTS) as conf, ours.apart(), contextlib.ExitStack() as stack:
        visitor = stack.enter_context(browser.visiting(f"http://127.0.0.1:{conf.api.port}/"))
        clients = Clients(conf, visitor.connected(keys.find(place / "run", "reader").token))
        clients.stop()
        stack.enter_context(ours.on_core(ours.chain_core()))
        player = stack.enter_context(ours.TimedPlayer(conf, place / "run", rest_s=REST_S))
        there = False

        def turn() -> None:
            nonlocal there
            now = ON if there else OFF
            turns["bar"][now].append(player.idle_us[10:])  # the first ones wake everybody up again
            turns["order"][now].append(player.signal_us[5:])
            if there:
                drawn.append(clients.bars())
                clients.stop()
            else:
                clients.start()
                while not clients.connected():
                    player.pump(0.1)
            there = not there
            until = time.monotonic() + SETTLE_S
            while time.monotonic() < until:
                player.pump(0.1)
            player.idle_us, player.signal_us = [], []

        player.join()
        player.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
    note = f"the chart held {drawn[-1]:,} bars" if drawn else ""
    return [
        *by_turn(f"{NAME}, bar to eval.done", turns["bar"], OFF, ON, note),
        *by_turn(f"{NAME}, bar to signal", turns["order"], OFF, ON),
    ]

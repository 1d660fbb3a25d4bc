"""Bars and orders with and without 2,000 connections at the public ports, in turns, in one run of the real daemons.

A third of the crowd reads (premium, delayed, free). The others get nothing: keys that are wrong, revoked, expired, of another tier
or another server, none at all, garbage, silence; a few have a key and never read. They come again as long as they are turned away.
The crowd is a process of its own on the same machine. Other machines would do its work, so it has the lowest priority, off the
chain's core.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import crowd
from tests.bench import ours
from tests.bench.figures import Figure, compared
from tests.bench.ticks import state

NAME = "public: bars and orders beside a crowd"
READERS, OTHERS = 670, 1_330
REST_S = 0.02  # a live bar is alone; 50 a second are fifty times as many as a chart of seconds has
BLOCK = 195
ALONE, CROWD = "nobody outside", f"{READERS + OTHERS:,} outside"


class Outside:
    """The crowd's process. seen: what each kind got, over all turns."""

    def __init__(self, run: Path, base_port: int, readers: int, others: int) -> None:
        command = [sys.executable, "-m", "tests.crowd", str(run), str(base_port), str(readers), str(others)]
        with ours.apart():
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seen: Counter[str] = Counter()
        self.readers: list[int] = []

    def turn(self, on: bool) -> None:
        """Everybody comes, or goes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("on\n" if on else "off\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not on:
            found: dict[str, int] = json.loads(told)
            self.readers.append(found.pop("readers"))
            self.seen.update(found)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars, alone and beside the crowd in turns."""
    folder = folder / "public"
    folder.mkdir()
    readers, others = (60, 120) if quick else (READERS, OTHERS)
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: BLOCK * (4 if quick else 20)]
    conf = ours.settings("seed", ["pipeline"])
    taken: dict[str, dict[str, list[float]]] = {kind: {ALONE: [], CROWD: []} for kind in ("bar", "order")}
    with ours.running(conf, folder / "run", subscribers={"enabled": True, "connections": READERS}) as conf:
        crowd.invite(folder / "run")
        with (
            outside(folder / "run", conf.bus.base_port, readers, others) as people,
            ours.on_core(ours.chain_core()),  # before any context: its threads keep their core
            ours.TimedPlayer(conf, folder / "run", rest_s=REST_S) as player,
        ):
            there = False
            pid = publisher(folder / "run")["pid"]

            def turn() -> None:
                nonlocal there
                now = CROWD if there else ALONE
                taken["bar"][now] += player.idle_us[10:]  # the first ones wake everybody up again
                taken["order"][now] += player.signal_us[5:]
                there = not there
                people.turn(there)
                player.idle_us, player.signal_us = [], []

            player.join()
            player.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
            if there:
                people.turn(False)
            after = publisher(folder / "run")
    strange = sum(people.seen[name] for name in crowd.STRANGE)
    note = (
        f"{min(people.readers)} to {max(people.readers)} readers got {people.seen[crowd.READER]:,}; the others {strange} messages, "
        f"at most {people.seen['most bytes to a raw peer'] // max(1, len(people.readers))} bytes before a key; "
        f"publisher {'lives' if after['pid'] == pid else 'DIED'}"
    )
    return [
        *compared(f"{NAME}, bar to eval.done", taken["bar"], ALONE, notes={CROWD: note}),
        *compared(f"{NAME}, bar to signal", taken["order"], ALONE, notes={CROWD: f"{after['turned_away']:,} turned away"}),
    ]


def publisher(run: Path) -> dict[str, Any]:
    return state(run, "publisher")


@contextmanager
def outside(run: Path, base_port: int, readers: int, others: int) -> Iterator[Outside]:
    people = Outside(run, base_port, readers, others)
    try:
        yield people
    finally:
        people.close()

"""Bars and orders with and without 2,000 connections at the public ports, in turns, in one run of the real daemons.

A third of the crowd reads (premium, delayed, free). The others get nothing: keys that are wrong, revoked, expired, of another tier
or another server, none at all, garbage, silence; a few have a key and never read. They come again as long as they are turned away.
The crowd is a process of its own on the same machine. Other machines would do its work, so it has the lowest priority, off the
chain's core.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import crowd
from tests.bench import ours
from tests.bench.figures import Figure, by_turn
from tests.bench.ticks import state

NAME = "public: bars and orders beside a crowd"
READERS, OTHERS = 670, 1_330
REST_S = 0.02  # a live bar is alone; 50 a second are fifty times as many as a chart of seconds has
BLOCK = 195
ALONE, CROWD = "nobody outside", f"{READERS + OTHERS:,} outside"


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars, alone and beside the crowd in turns."""
    folder = folder / "public"
    folder.mkdir()
    readers, others = (60, 120) if quick else (READERS, OTHERS)
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: BLOCK * (4 if quick else 20)]
    conf = ours.settings("seed", ["pipeline"])
    turns: dict[str, dict[str, list[list[float]]]] = {kind: {ALONE: [], CROWD: []} for kind in ("bar", "order")}
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
                turns["bar"][now].append(player.idle_us[10:])  # the first ones wake everybody up again
                turns["order"][now].append(player.signal_us[5:])
                there = not there
                people.turn(there)
                player.idle_us, player.signal_us = [], []

            player.join()
            player.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
            if there:
                people.turn(False)
            after = publisher(folder / "run")
    note = (
        f"{min(people.readers)} readers or more got {people.seen[crowd.READER]:,}; the others {people.strange} messages, "
        f"at most {people.seen[crowd.MOST]} bytes before a key; "
        f"publisher {'lives' if after['pid'] == pid else 'DIED'}"
    )
    notes = {"bar": note, "order": f"{after['turned_away']:,} turned away"}
    return [
        *by_turn(f"{NAME}, bar to eval.done", turns["bar"], ALONE, {CROWD: notes["bar"]}),
        *by_turn(f"{NAME}, bar to signal", turns["order"], ALONE, {CROWD: notes["order"]}),
    ]


def publisher(run: Path) -> dict[str, Any]:
    return state(run, "publisher")


@contextmanager
def outside(run: Path, base_port: int, readers: int, others: int) -> Iterator[crowd.People]:
    with ours.apart():
        people = crowd.People(run, base_port, readers, others)
    with people:
        yield people

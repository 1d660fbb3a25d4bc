"""`python -m tests.bench [NAME ...] [--quick] [--json] [--against REV]`: measure and report, assert nothing; README.md explains.

Each bench is imported when it runs. So an older revision can run those that it can import (against.py); those of `PROGRAMS`, which
know nothing of tapewire but its command, any revision can.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.bench import against
from tests.bench.figures import Figure, table

INSIDE = ("codec", "journal", "loop", "hop", "chain", "durable", "lockstep", "fanout", "relay", "backfill", "ticks")
PROGRAMS = ("start", "sweep")
ASKED = ("walk", "memory", "http", "page", "watched", "recordings", "rivals", "hostile", "public")
"""These run when they are named, `rivals` also when it is installed."""


def main() -> None:
    """Run the named benches and print a table, or JSON. By default none of `ASKED`, nor rivals to install."""
    known = (*INSIDE, *PROGRAMS, *ASKED)
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure tapewire against bare baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: shows that it runs, too noisy to quote")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    parser.add_argument("--frames", type=int, help="how many `hostile` sends (default: a million)")
    parser.add_argument("--speed", type=float, help="how fast `page` plays its session (default: 60 times real time)")
    parser.add_argument("--data", type=Path, help="bars of yours for `sweep`, `walk`, `memory`, `rivals --trades`")
    parser.add_argument("--sessions", type=int, help="how many `rivals` plays (default: 40)")
    parser.add_argument("--trades", action="store_true", help="with `rivals`: compare trade for trade, measure nothing")
    parser.add_argument("--against", metavar="REV", help="run the named benches in another revision, too, in turns; ratios")
    parser.add_argument("--rounds", type=int, default=3, help="with --against: turns of each (default: %(default)s)")
    given = parser.parse_args()
    for name in given.names:
        if name not in known:
            parser.error(f"unknown bench {name!r}; known: {', '.join(known)}")
    if given.against is not None:
        if not given.names:
            parser.error("--against needs the names of the benches to compare")
        ratios = against.run(given.against, given.names, rounds=given.rounds, quick=given.quick)
        print(_json(ratios) if given.json else against.table(ratios))
        return
    if given.trades:
        _traded(given.data, as_json=given.json)
        return
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tapewire-bench-") as folder:
        recorded = functools.cache(lambda: _recorded(Path(folder) / "bars", 4 if given.quick else 12))
        for name in given.names or _usual():
            start = time.monotonic()
            options: dict[str, object] = {"quick": given.quick}
            if name == "hostile" and given.frames is not None:
                options["frames"] = given.frames
            if name == "rivals" and given.sessions is not None:
                options["sessions"] = given.sessions
            if name == "page" and given.speed is not None:
                options["speed"] = given.speed
            if name in ("sweep", "walk", "memory") and given.data is not None:
                options["data"] = given.data
            inputs = () if name in (*PROGRAMS, "walk", "memory", "rivals") else (recorded(),)
            figures += _bench(name)(Path(folder), *inputs, **options)
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(_json(figures) if given.json else table(figures))


def _traded(data: Path | None, *, as_json: bool) -> None:
    from tests.bench import trades

    with tempfile.TemporaryDirectory(prefix="tapewire-bench-") as folder:
        found = trades.run(Path(folder), data)
    print(_json(found) if as_json else trades.table(found))


def _usual() -> list[str]:
    from tests.bench import rivals

    return [*INSIDE, *PROGRAMS, *(["rivals"] if rivals.installed() else [])]


def _bench(name: str) -> Callable[..., list[Figure]]:
    run: Callable[..., list[Figure]] = importlib.import_module(f"tests.bench.{name}").run
    return run


def _recorded(folder: Path, sessions: int) -> Any:
    return importlib.import_module("tests.bench.ours").Recorded(folder, sessions)


def _json(found: list[Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


if __name__ == "__main__":
    main()

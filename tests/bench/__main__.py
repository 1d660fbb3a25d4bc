"""`python -m tests.bench [NAME ...] [--quick] [--json]`: measure and report, assert nothing; README.md explains the figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from tests.bench import backfill, chain, codec, durable, fanout, hop, hostile, journal, lockstep, loop, recordings, rivals, ticks
from tests.bench.figures import Figure, table
from tests.bench.ours import Recorded

BENCHES: dict[str, Callable[..., list[Figure]]] = {
    "codec": codec.run,
    "journal": journal.run,
    "loop": loop.run,
    "hop": hop.run,
    "chain": chain.run,
    "durable": durable.run,
    "lockstep": lockstep.run,
    "fanout": fanout.run,
    "backfill": backfill.run,
    "ticks": ticks.run,
    "recordings": recordings.run,
    "rivals": rivals.run,
    "hostile": hostile.run,
}


def main() -> None:
    """Run the named benches and print a table, or JSON. By default not `hostile`, `recordings`, nor rivals to install."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure tapewire against bare baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: shows that it runs, too noisy to quote")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    parser.add_argument("--frames", type=int, default=hostile.FRAMES, help="how many `hostile` sends (default: %(default)s)")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHES:
            parser.error(f"unknown bench {name!r}; known: {', '.join(BENCHES)}")
    benches = BENCHES | {"hostile": partial(hostile.run, frames=arguments.frames)}
    usual = [name for name in BENCHES if name not in ("hostile", "recordings") and (name != "rivals" or rivals.installed())]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tapewire-bench-") as folder:
        recorded = Recorded(Path(folder) / "bars", 4 if arguments.quick else 12)
        for name in arguments.names or usual:
            start = time.monotonic()
            figures += benches[name](Path(folder), recorded, quick=arguments.quick)
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() if arguments.json else table(figures))


if __name__ == "__main__":
    main()

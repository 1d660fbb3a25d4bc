"""The cost of durability for a decision: the same daemons twice, side by side, with the run's folder on disk and in memory.

In memory an fsync is a call that returns at once; everything else is the same code, the same bars, the same core. The two runs play
blocks of bars in turns.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench import ours
from tests.bench.figures import Figure, compared

MEMORY = Path("/dev/shm")
REST_S = 0.001
BLOCK = 30  # bars
SYNCED, UNSYNCED = "with fsync, on disk", "without, in memory"


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Bar to signal, and to the end of a bar with intents; p50 and p99 of one against the other. Empty without /dev/shm."""
    if not MEMORY.is_dir():
        return []
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: 390 * (2 if quick else 10)]
    blocks = iter([bars[first : first + BLOCK] for first in range(0, len(bars), BLOCK)])
    conf = ours.settings("seed", ["pipeline"], pin="auto")
    with (
        tempfile.TemporaryDirectory(prefix="tapewire-bench-", dir=MEMORY) as memory,
        ours.running(conf, folder / "durable") as on_disk,
        ours.running(conf, Path(memory) / "run") as in_memory,
        ours.on_core(ours.chain_core()),
        ours.TimedPlayer(on_disk, folder / "durable", rest_s=REST_S) as synced,
        ours.TimedPlayer(in_memory, Path(memory) / "run", rest_s=REST_S) as unsynced,
    ):

        def turn() -> None:
            for bar in next(blocks, ()):
                unsynced.bar(bar)

        synced.join()
        unsynced.join()
        synced.play(ours.blocks(bars, BLOCK, turn, lambda spent: None))
    signals = {UNSYNCED: unsynced.signal_us, SYNCED: synced.signal_us}
    decided = {UNSYNCED: unsynced.done_us, SYNCED: synced.done_us}
    return [
        *compared("durability, bar to signal", signals, UNSYNCED),
        *compared("durability, bar to eval.done, with intent", decided, UNSYNCED),
    ]

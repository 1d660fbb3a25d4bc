"""Lockstep replay: bars per second through the real daemons, seven strategies, against the bare round trip of the same hops."""

from __future__ import annotations

from pathlib import Path

from tests.bench import bare, ours
from tests.bench.figures import Figure, compared

BARE, OURS = "bare round trip", "tapewire replay"


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Blocks of bars in turns with blocks of bare round trips. Every bar counts: night, day, with orders and without."""
    folder = folder / "lockstep"
    folder.mkdir()
    core = ours.chain_core()
    bars = recorded.bars[: 1_500 if quick else 8_000]
    conf = ours.settings("seed")
    taken: dict[str, list[float]] = {BARE: [], OURS: []}
    with (
        ours.running(conf, folder / "run") as conf,
        ours.on_core(core),  # before any context: its threads keep their core
        bare.chain(core, ours.lengths(conf, bars[:1_500]), folder) as chain,
        ours.TimedPlayer(conf, folder / "run") as player,
    ):

        def turn() -> None:
            block = [chain.trip(bare.DONE) for _ in range(100)]
            taken[BARE].append(sum(block) / len(block))

        player.join()
        player.play(ours.blocks(bars, 100, turn, taken[OURS].append))
    return compared("lockstep", taken, BARE, rate=True, notes={OURS: "per bar, in blocks of 100"})

"""Bar in to signal out through the real processes, against the same hops without work; pinned to one core and not.

The pipeline strategy trades, so that every other RTH bar has a signal: an entry on the first of four, an exit on the third.
"""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.journal import Journal
from tests.bench import bare, ours
from tests.bench.figures import Figure, compared, quantile

REST_S = 0.001  # between bars: live bars arrive alone, not while the records of the last one are written
WAYS = {"bare to eval.done": bare.DONE, "bare to signal": bare.SIGNAL, "bare to signal, with fsync": bare.DURABLE}
DONE, SIGNAL, WITH_INTENT = "tapewire to eval.done, no intent", "tapewire to signal", "tapewire to eval.done, with intent"


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Both sides in turns, first pinned, then left to the scheduler."""
    figures: list[Figure] = []
    for pin in ("auto", "off"):
        figures += _pinned(folder / f"chain-{pin}", recorded, pin, quick=quick)
    return figures


def _pinned(folder: Path, recorded: ours.Recorded, pin: str, *, quick: bool) -> list[Figure]:
    folder.mkdir()
    core = ours.chain_core() if pin == "auto" else None
    bars = [bar for bar, rth in zip(recorded.bars, recorded.rth, strict=True) if rth][: 390 * (2 if quick else 10)]
    conf = ours.settings("seed", ["pipeline"], pin=pin)
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    disk: list[float] = []
    with (
        ours.running(conf, folder / "run") as conf,
        ours.on_core(core),  # before any context: its threads keep their core
        bare.chain(core, ours.lengths(conf, bars[:390]), folder) as chain,
        ours.TimedPlayer(conf, folder / "run", rest_s=REST_S) as player,
        Journal.open(folder / "fsync") as journal,
    ):

        def turn() -> None:
            for name, way in WAYS.items():
                taken[name] += [chain.trip(way, rest_s=REST_S) for _ in range(30)]
            disk.extend(_synced(journal) for _ in range(15))

        player.join()
        player.play(ours.blocks(bars, 60, turn, lambda spent: None))
        taken |= {DONE: player.idle_us, SIGNAL: player.signal_us, WITH_INTENT: player.done_us}
    bench = "chain, pinned to one core" if core is not None else "chain, not pinned"
    fsync = Figure(bench, "the gate's fsync alone", quantile(disk, 0.5), quantile(disk, 0.99), note="one small append on this disk")
    return [
        *compared(bench, {name: taken[name] for name in ("bare to eval.done", DONE)}, "bare to eval.done"),
        *compared(bench, {name: taken[name] for name in ("bare to signal", SIGNAL, WITH_INTENT)}, "bare to signal"),
        *compared(bench, {name: taken[name] for name in ("bare to signal, with fsync", SIGNAL)}, "bare to signal, with fsync"),
        fsync,
    ]


def _synced(journal: Journal) -> float:
    start = ours.now_us()
    journal.append(b"x" * 600)
    journal.sync()
    return ours.now_us() - start

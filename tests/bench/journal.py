"""The journal: the cost of a record that is kept in memory, passed to the system, or forced to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tapewire.bus.journal import Journal
from tests.bench import ours
from tests.bench.figures import Figure, compared, in_turns

RECORD = b"x" * 600


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Each against a plain file for the same job: without length, checksum and offsets."""
    folder = folder / "journal"
    folder.mkdir()
    rounds = 20 if quick else 150
    with Journal.open(folder / "ours") as journal, (folder / "bare").open("wb", buffering=1 << 18) as file:

        def ours_with(last: Callable[[], None]) -> Callable[[], None]:
            def call() -> None:
                journal.append(RECORD)
                last()

            return call

        def bare_with(last: Callable[[], None]) -> Callable[[], None]:
            def call() -> None:
                file.write(RECORD)
                last()

            return call

        def synced() -> None:
            file.flush()
            os.fsync(file.fileno())

        def nothing() -> None:
            pass

        steps: tuple[tuple[str, Callable[[], None], Callable[[], None], int], ...] = (
            ("append", nothing, nothing, 500),
            ("append and flush", file.flush, journal.flush, 100),
            ("append and fsync", synced, journal.sync, 1),
        )
        figures: list[Figure] = []
        for name, theirs, our, times in steps:
            ways = {"plain file": bare_with(theirs), "tapewire": ours_with(our)}
            taken = in_turns(ways, rounds=rounds * (1 if times > 1 else 4), times=times)
            figures += compared(f"journal, {name}", taken, "plain file", notes={"tapewire": f"{len(RECORD)} byte record"})
    return figures

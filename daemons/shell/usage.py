"""Which subscribers were there, and what they got: a file beside the feed that outlives the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.bus.clock import Clock
from tapewire.daemons.shell.outlet import Outlet
from tapewire.strategies.clock import SECOND_NS

FILE = "usage.json"
WRITE_NS = 10 * SECOND_NS


class Used(Struct, frozen=True):
    """What a subscriber has got so far. connections: open now. last_seen: when one was open, seconds since 1970, 0 for never."""

    messages: int = 0
    bytes: int = 0
    connections: int = 0
    last_seen: int = 0


class Usage:
    """The counts of a run, written every `WRITE_NS`. A file that cannot be read or written stops nothing."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._before = read(folder)
        self._now: dict[str, Used] = dict(self._before)
        self._written_ns = clock.monotonic_ns()

    def note(self, here: Counter[str], outlets: Sequence[Outlet]) -> None:
        """Who is there now, and what has been sent since the start."""
        now_s = self._clock.now_ns() // SECOND_NS
        messages: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for outlet in outlets:
            messages += outlet.messages
            size += outlet.bytes
        for name in {*self._before, *self._now, *here, *messages}:
            before = self._before.get(name, Used())
            seen = now_s if here[name] else self._now.get(name, before).last_seen
            self._now[name] = Used(before.messages + messages[name], before.bytes + size[name], here[name], seen)
        if self._clock.monotonic_ns() - self._written_ns >= WRITE_NS:
            self.write()

    def write(self) -> None:
        """Write the file."""
        self._written_ns = self._clock.monotonic_ns()
        with suppress(disk.DiskError):
            disk.replace(self._path, msgspec.json.format(msgspec.json.encode(self._now)) + b"\n")


def read(folder: Path) -> dict[str, Used]:
    """The counts in the folder of a feed, by the name of the key; empty where there are none."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=dict[str, Used])
    except (OSError, msgspec.MsgspecError):
        return {}

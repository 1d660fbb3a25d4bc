"""A run as the daemons leave it, made in this process: its journal, the gate's log and what each daemon ran with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Daemon, Event, Output
from tapewire.bus.journal import Journal, scan
from tapewire.bus.messages import Body, Intents, PlaceOrder
from tapewire.daemons import makers
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.daemons.shell import lives, recovery
from tapewire.replay import keeping, loop, runs
from tapewire.replay.sources.recording import Recording
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport

LOG = "gate.log"


class _Logged:
    """A gate's core whose inputs stand in a log before it takes them."""

    def __init__(self, daemon: Daemon, log: Journal) -> None:
        self._core = daemon.core
        self._log = log

    def step(self, event: Event) -> Sequence[Output]:
        way = recovery.ASKED if isinstance(event.body, Intents) else recovery.LINK
        entry = recovery.Entry(way, event.sender.encode(), event.topic, wire.encode(event.header, event.body))
        self._log.append(msgspec.msgpack.encode(entry))
        return self._core.step(event)


class Refusing(Venue):
    """A simulated venue that refuses the entry of this number, counted from 1."""

    def __init__(self, number: int, instruments: Mapping[str, Instrument], account: str) -> None:
        super().__init__(instruments, account)
        self._left = number

    def on_order(self, order: Body) -> list[VenueReport]:
        self._left -= isinstance(order, PlaceOrder)
        self.no_entries = "" if self._left else "the venue refuses this one"
        return super().on_order(order)


def made(run: Path, conf: Conf, recording: Recording, venue: Venue | None = None) -> Path:
    """Play a recording through the cores, and leave the folder of a run over the bus."""
    runs.prepare(run)
    configuration.write(conf, run)
    keeper = keeping.Keeper(run, "all")
    daemons = [makers.maker(name)(conf) for name in makers.CORES]
    with Journal.open(run / LOG) as log:
        daemons = [each._replace(core=_Logged(each, log)) if each.name == "gate" else each for each in daemons]
        loop.run(daemons, venue or runs.venue(conf), recording.inputs(), keeper.record)
    keeper.close()
    for name in makers.CORES:
        lives.note(run, name, conf, structlog.get_logger())
    runs._leave(run)
    return run


def rewritten(path: Path, change: Callable[[int, bytes], bytes | None]) -> None:
    """Write a journal's file again with other records; None leaves one out."""
    records = [changed for number, each in enumerate(scan(path)) if (changed := change(number, each)) is not None]
    path.unlink()
    with Journal.open(path) as journal:
        for each in records:
            journal.append(each)


def altered(run: Path, topic: str, number: int, **fields: object) -> None:
    """Change fields of one record of the journal, counted from 0."""

    def change(at: int, frame: bytes) -> bytes:
        return frame if at != number else msgspec.msgpack.encode(msgspec.msgpack.decode(frame) | fields)

    rewritten(tape(run, topic), change)


def tape(run: Path, topic: str) -> Path:
    return run / "journal" / f"{topic.removesuffix('.')}.tape"


BARS = topics.bar("MNQ")

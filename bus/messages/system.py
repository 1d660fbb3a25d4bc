"""Topics `sys.`, `feed.` and `ops.`: the state of the bus itself, of the feed, and what happens to a run."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Number, TimeNs
from tapewire.bus.messages.words import FeedState, OpsKind, Stage


class Lap(Struct, frozen=True):
    """When one stage began and ended its work for a bar, by the wall clock of its machine. bar_ns: the bar's close."""

    stage: Stage
    instrument: str
    bar_ns: TimeNs
    in_ns: TimeNs
    out_ns: TimeNs


class Beat(Struct, frozen=True, tag="beat"):
    """The heartbeat of a source, once a second. wall_ns: the sender's clock. last: (epoch, seq) of each topic that it writes.

    failed, queued, dropped: of the bridge only; messages that found a socket's queue full, that wait, and that were given up.
    laps: since the last heartbeat.
    ticks, ticks_lost: last trades; of the bridge those that it sent and gave up, of a reader those that it took and lacks.
    """

    name: str
    pid: int
    started_ns: int
    wall_ns: int
    last: dict[str, tuple[Number, Number]]
    received: int = 0
    sent: int = 0
    healed: int = 0
    lost: int = 0
    note: str = ""
    failed: int = 0
    queued: int = 0
    dropped: int = 0
    laps: tuple[Lap, ...] = ()
    ticks: int = 0
    ticks_lost: int = 0


class Resend(Struct, frozen=True, tag="resend"):
    """A request to publish these messages again, with their old numbers. first and last are inclusive."""

    topic: str
    of_epoch: Number
    first: Number
    last: Number


class Gap(Struct, frozen=True, tag="gap"):
    """A loss as a fact: messages that were not recovered. The receiver's core gets it as an event and decides."""

    topic: str
    of_epoch: Number
    first: Number
    last: Number
    reader: str


class Alarm(Struct, frozen=True, tag="alarm"):
    """An event that an operator should look at."""

    name: str
    text: str


class FeedStatus(Struct, frozen=True, tag="feed_status"):
    """What is known of an instrument's bars now. bar_ns: close of the newest one, 0 before the first. late_s: how late it came."""

    instrument: str
    status: FeedState
    text: str
    bar_ns: TimeNs = 0
    late_s: float = 0.0


class OpsEvent(Struct, frozen=True, tag="ops_event"):
    """Something that happened to the run. subject: a process, an instrument, or `run`."""

    event: OpsKind
    subject: str
    text: str

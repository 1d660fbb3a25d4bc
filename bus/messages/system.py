"""Topics `sys.`: the state of the bus itself."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Number


class Beat(Struct, frozen=True, tag="beat"):
    """The heartbeat of a source, once a second. wall_ns: the sender's clock. last: (epoch, seq) of each topic that it writes.

    failed, queued, dropped: of the bridge only; messages that found a socket's queue full, that wait, and that were given up.
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

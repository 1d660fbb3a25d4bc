"""Topics `sys.`: how the bus itself is doing."""

from __future__ import annotations

from msgspec import Struct


class Beat(Struct, frozen=True, tag="beat"):
    """One second's sign of life. wall_ns is the sender's clock; last maps each topic it writes to (epoch, seq)."""

    name: str
    pid: int
    started_ns: int
    wall_ns: int
    last: dict[str, tuple[int, int]]
    received: int = 0
    sent: int = 0
    healed: int = 0
    lost: int = 0
    note: str = ""


class Resend(Struct, frozen=True, tag="resend"):
    """Please publish these again, with their old numbers. first and last are inclusive."""

    topic: str
    of_epoch: int
    first: int
    last: int


class Gap(Struct, frozen=True, tag="gap"):
    """Messages that did not come back: the loss, as a fact. The receiver's core is told and decides."""

    topic: str
    of_epoch: int
    first: int
    last: int
    reader: str


class Alarm(Struct, frozen=True, tag="alarm"):
    """Something a person should look at."""

    name: str
    text: str

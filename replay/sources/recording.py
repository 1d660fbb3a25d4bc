"""A recording that has been read: bars in order, and a list of every row that was left out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tapewire.bus.messages import Bar


class Ignored(Struct, frozen=True):
    """A row that was left out (playbook 1.1). why: "repeated" has the stamp of the last accepted row, "late" an earlier one."""

    file: str
    line: int
    stamp: str
    why: str


class SourceFile(Struct, frozen=True):
    """One file that was read. rows: data lines. accepted: those that became bars; the others are listed as `Ignored`."""

    file: str
    instrument: str
    rows: int
    accepted: int


class Recording(Struct, frozen=True):
    """Bars of one traded instrument, oldest first and strictly rising in time.

    instrument: the traded symbol (MNQ). root: the contract family of the bars (NQ). files: the root's files first, then the others.
    notes: sentences on what was told, joined or doubted, for a person.
    """

    instrument: str
    root: str
    bars: Sequence[Bar]
    ignored: tuple[Ignored, ...] = ()
    files: tuple[SourceFile, ...] = ()
    notes: tuple[str, ...] = ()

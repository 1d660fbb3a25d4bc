"""Which files are to be copied now: a pure function of what is there and what was copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

GROWTH = 2
"""A file that grows is copied again when it is so many times as long."""


class Local(NamedTuple):
    """A file of the run.

    name: in the store. size: bytes. stamp: changes with its content. grows: lines are only added. final: its day is over.
    """

    name: str
    size: int
    stamp: int
    grows: bool
    final: bool


class Copied(Struct, frozen=True):
    """What was copied of a file."""

    size: int
    stamp: int


def due(files: Iterable[Local], copied: Mapping[str, Copied]) -> list[str]:
    """The names of the files to copy, in order."""
    return [file.name for file in files if file.size and _due(file, copied.get(file.name))]


def _due(file: Local, before: Copied | None) -> bool:
    if before == Copied(file.size, file.stamp):
        return False
    if file.final:
        return True
    return file.grows and (before is None or file.size >= GROWTH * before.size)

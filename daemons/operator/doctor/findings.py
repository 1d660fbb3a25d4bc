"""What one look has found: a line for a person, and data for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from tapewire.daemons.operator.tables import aligned

WELL, ILL, UNSURE = 0, 1, 3


class CheckState(StrEnum):
    """unknown: it could not be looked at, because something in front of it is broken or does not run."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Found(NamedTuple):
    """A state, what was seen, and what to do about it; empty where nothing need be done."""

    state: CheckState
    value: str
    remedy: str = ""


class Finding(Struct, frozen=True):
    """What was looked at, and what was found."""

    name: str
    state: CheckState
    value: str
    remedy: str = ""


def ok(value: str) -> Found:
    """It is well."""
    return Found(CheckState.OK, value)


def broken(value: str, remedy: str) -> Found:
    """It is not."""
    return Found(CheckState.BROKEN, value, remedy)


def unknown(value: str, remedy: str = "") -> Found:
    """It could not be looked at."""
    return Found(CheckState.UNKNOWN, value, remedy)


def lines(findings: Sequence[Finding]) -> Iterator[tuple[str, bool]]:
    """The findings for a person, each line with whether it is well or waits for another; the last one says it all in one."""
    rows = [(each.state, each.name, f"{each.value}; {each.remedy}" if each.remedy else each.value) for each in findings]
    yield from zip(aligned(rows), (each.state is not CheckState.BROKEN for each in findings), strict=True)
    yield "", True
    yield _sum(findings), status(findings) != ILL


def status(findings: Sequence[Finding]) -> int:
    """The exit status: 0 all is well, 1 something is broken, 3 nothing is, but not everything could be looked at."""
    states = {each.state for each in findings}
    return ILL if CheckState.BROKEN in states else UNSURE if CheckState.UNKNOWN in states else WELL


def _sum(findings: Sequence[Finding]) -> str:
    ill, unsure = ([each.name for each in findings if each.state is state] for state in (CheckState.BROKEN, CheckState.UNKNOWN))
    if ill:
        return f"broken: {', '.join(ill)}" + (f"; {len(unsure)} more could not be looked at" if unsure else "")
    return f"unknown: {', '.join(unsure)}" if unsure else f"all ok ({len(findings)} looked at)"

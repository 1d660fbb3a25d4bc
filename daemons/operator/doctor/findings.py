"""The result of one check: a line for a person, and JSON for a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from tapewire.daemons.operator.tables import aligned

ALL_OK, SOME_BROKEN, SOME_UNKNOWN = 0, 1, 3


class CheckState(StrEnum):
    """The outcome of a check.

    warning: it passed, and something is due soon. unknown: it could not be made, because something that it depends on is broken or
    does not run.
    """

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Found(NamedTuple):
    """The result of a check: its state, what was observed, and the remedy; empty if none is needed."""

    state: CheckState
    value: str
    remedy: str = ""


class Finding(Struct, frozen=True):
    """A named check with its result; the field names are the keys of `doctor --json`."""

    name: str
    state: CheckState
    value: str
    remedy: str = ""


def ok(value: str) -> Found:
    """A check that passed."""
    return Found(CheckState.OK, value)


def warning(value: str, remedy: str) -> Found:
    """A check that passed, with what is due soon."""
    return Found(CheckState.WARNING, value, remedy)


def broken(value: str, remedy: str) -> Found:
    """A check that failed, with its remedy."""
    return Found(CheckState.BROKEN, value, remedy)


def unknown(value: str, remedy: str = "") -> Found:
    """A check that could not be made."""
    return Found(CheckState.UNKNOWN, value, remedy)


def lines(findings: Sequence[Finding]) -> Iterator[tuple[str, bool]]:
    """The findings as lines for a person, each with False if it is broken, and a summary as the last line."""
    rows = [(each.state, each.name, f"{each.value}; {each.remedy}" if each.remedy else each.value) for each in findings]
    yield from zip(aligned(rows), (each.state is not CheckState.BROKEN for each in findings), strict=True)
    yield "", True
    yield _summary(findings), status(findings) != SOME_BROKEN


def status(findings: Sequence[Finding]) -> int:
    """The exit status: 0 all checks passed; 1 at least one is broken; 3 none is broken, but at least one is unknown."""
    states = {each.state for each in findings}
    return SOME_BROKEN if CheckState.BROKEN in states else SOME_UNKNOWN if CheckState.UNKNOWN in states else ALL_OK


def _summary(findings: Sequence[Finding]) -> str:
    failed, unchecked, warned = (
        [each.name for each in findings if each.state is state]
        for state in (CheckState.BROKEN, CheckState.UNKNOWN, CheckState.WARNING)
    )
    due = f"; look at {', '.join(warned)}" if warned else ""
    if failed:
        return f"broken: {', '.join(failed)}" + (f"; {len(unchecked)} more could not be checked" if unchecked else "") + due
    return (f"unknown: {', '.join(unchecked)}" if unchecked else f"all ok ({len(findings)} checks)") + due

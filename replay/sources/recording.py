"""A recording that has been read: bars in order, and a list of every row that was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from tapewire.bus.messages import Bar, Gap, GivenLevels

Told: TypeAlias = Gap | GivenLevels
"""What a run's journal tells beside its bars: bars were lost for good before the next one, or a person gave levels."""
Input: TypeAlias = Bar | Told
"""What a run takes of a recording."""

LOST = "lost"
"""The phase, in the folders of days, of a bar that the journal has and the run's tracker never got."""


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
    notes: sentences on what was told, joined or doubted, for a person. facts: what a run's own journal tells besides, by the number
    of the bar that it came before.
    """

    instrument: str
    root: str
    bars: Sequence[Bar]
    ignored: tuple[Ignored, ...] = ()
    files: tuple[SourceFile, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[int, tuple[Told, ...]] = {}

    def inputs(self) -> Iterator[Input]:
        """Bars and facts in their order."""
        return inputs(self.bars, self.facts)


def inputs(bars: Iterable[Bar], facts: Mapping[int, Sequence[Told]]) -> Iterator[Input]:
    """Bars of a recording from its first on, with the facts before each."""
    for number, bar in enumerate(bars):
        yield from facts.get(number, ())
        yield bar

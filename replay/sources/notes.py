"""Notes for a person: of those that differ in numbers only, the first few. A database has one for each of its days."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

MOST_ALIKE = 3


def few(notes: Iterable[str]) -> list[str]:
    """The notes without repetitions, and how many more there are of their kinds."""
    kept: list[str] = []
    alike = Counter[str]()
    for note in dict.fromkeys(notes):
        kind = re.sub(r"[\d.:, ]+", "#", note)
        alike[kind] += 1
        if alike[kind] <= MOST_ALIKE:
            kept.append(note)
    more = sum(max(count - MOST_ALIKE, 0) for count in alike.values())
    return [*kept, f"{more} more like these; `tapewire data inspect --json` has them all"] if more else kept

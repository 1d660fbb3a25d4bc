"""What the evaluator shows of its strategies on request: for a person who asks why there is no signal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from tapewire.strategies.roster import Roster

MOST = 64  # values of one strategy


def strategies(roster: Roster) -> dict[str, Any]:
    """Each strategy that runs, in priority order, with its state; and those that were switched off, with the reason."""
    return {
        "running": [{"strategy": each.name, "state": state(each)} for each in roster.strategies],
        "off": [str(failure) for failure in roster.failures],
    }


def state(strategy: object) -> dict[str, Any]:
    """Its attributes as JSON can hold them: plain values as they are, a collection by its length; anything else is left out."""
    held: Mapping[str, object] = getattr(strategy, "__dict__", {})
    return dict(list(_plain(held))[:MOST])


def _plain(held: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    for name, value in held.items():
        if isinstance(value, float):
            yield name, float(value) if math.isfinite(value) else None
        elif value is None or type(value) in (bool, int, str):
            yield name, value
        elif type(value) in (list, tuple, set, dict) and isinstance(value, Sized):
            yield name, len(value)

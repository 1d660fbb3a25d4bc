"""The replies of a process on its control port (PROTOCOL.md 7)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from tapewire.bus.errors import Refused
from tapewire.bus.messages import Control, Report

Answers: TypeAlias = Mapping[str, Callable[[str], object]]
"""By verb, what answers it: given its argument, a value that JSON can hold. Raises Refused."""

NONE: Answers = MappingProxyType({})


def report(asked: Control, name: str, note: str, state: Callable[[], dict[str, Any]], own: Answers = NONE) -> Report:
    """The reply to a verb. `stop` is only confirmed here.

    Args:
        state: what `state` shows. own: further verbs of this process.
    """
    common: Answers = {
        "ping": lambda _: {"name": name, "pid": os.getpid(), "note": note},
        "state": lambda _: state(),
        "stop": lambda _: {},
    }
    return answered(asked, {**common, **own})


def answered(asked: Control, answers: Answers, others: Iterable[str] = ()) -> Report:
    """The reply of one of these, or that there is no such verb. others: verbs that are answered elsewhere."""
    answer = answers.get(asked.verb)
    if answer is None:
        return Report(asked.id, False, f"VERB: unknown verb {asked.verb[:60]!r}; known: {', '.join((*answers, *others))}")
    try:
        return Report(asked.id, True, json.dumps(answer(asked.argument)))
    except Refused as refused:
        return Report(asked.id, False, str(refused))

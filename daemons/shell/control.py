"""The replies of a process on its control port (PROTOCOL.md 7)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from tapewire.bus.messages import Control, Report


def report(asked: Control, name: str, note: str, state: Callable[[], dict[str, Any]]) -> Report:
    """The reply to a verb. `stop` is only confirmed here.

    Args:
        state: what `state` shows.
    """
    match asked.verb:
        case "ping":
            return Report(asked.id, True, json.dumps({"name": name, "pid": os.getpid(), "note": note}))
        case "state":
            return Report(asked.id, True, json.dumps(state()))
        case "stop":
            return Report(asked.id, True, "{}")
    return Report(asked.id, False, f"unknown verb {asked.verb!r}; known: ping, state, stop")

"""Injected deaths, for the kill matrix: SIGKILL at one step of a daemon's round, at one market time.

Only `tapewire chaos` writes faults into a run's configuration; no file under conf/ can hold one. Each fault strikes once per run,
whatever restarts: it writes a mark into the run's folder first.

The steps of a round, in order:

    receive    an event has arrived, and nothing has been done with it
    append     it is in the log's buffer, not yet on disk            (daemons with a log)
    sync       it is on disk, and the core has not taken it          (daemons with a log)
    speak      the core has decided, and nothing is published
    said       facts are published; requests and orders are not sent yet
    sent       everything is sent, and nothing is acknowledged
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from tapewire.daemons.settings.structs import Fault

STEPS = ("receive", "append", "sync", "speak", "said", "sent")


class Faults:
    """The faults of one daemon that have not struck yet; false without one."""

    def __init__(self, name: str, faults: Iterable[Fault], run: Path) -> None:
        self._marks = run / "faults"
        self._waiting = [fault for fault in faults if fault.daemon == name and not self._mark(fault).exists()]

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def strike(self, step: str, event_ns: int, topic: str = "") -> None:
        """Die here if a fault wants it: at this step of the first event of its topics at or after its time."""
        for fault in self._waiting:
            if fault.step == step and event_ns >= fault.at_ns and topic.startswith(fault.topic):
                self._marks.mkdir(exist_ok=True)
                self._mark(fault).touch()
                os.kill(os.getpid(), signal.SIGKILL)

    def _mark(self, fault: Fault) -> Path:
        return self._marks / f"{fault.daemon}-{fault.step}-{fault.at_ns}"

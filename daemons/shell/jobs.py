"""Verbs whose answer takes a while: worked on in slices, behind everything else of a round, and never for longer than two seconds.

So a question about thousands of bars delays a bar of the stream by one slice at most.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tapewire.bus.clock import Clock
from tapewire.bus.daemon import Job
from tapewire.bus.errors import Refused
from tapewire.bus.messages import Control, Report
from tapewire.strategies.clock import SECOND_NS

LIMIT_NS = 2 * SECOND_NS
MOST = 4  # questions at a time

Send = Callable[[Report], None]


class Running(NamedTuple):
    """A job, who wants its answer, and when it must have ended (monotonic)."""

    id: str
    job: Job
    send: Send
    until_ns: int


class Jobs:
    """The jobs of one process, oldest first.

    Args:
        kinds: by verb, what makes the job of an argument.
    """

    def __init__(self, kinds: Mapping[str, Callable[[str], Job]], clock: Clock) -> None:
        self.kinds = kinds
        self._clock = clock
        self._running: deque[Running] = deque()

    def __len__(self) -> int:
        return len(self._running)

    def take(self, asked: Control, send: Send) -> None:
        """Begin a job; its verb is one of `kinds`."""
        if len(self._running) >= MOST:
            send(Report(asked.id, False, str(Refused("BUSY", f"{MOST} questions are being worked on; ask again"))))
            return
        until_ns = self._clock.monotonic_ns() + LIMIT_NS
        self._running.append(Running(asked.id, self.kinds[asked.verb](asked.argument), send, until_ns))

    def advance(self) -> None:
        """Work on the oldest one for a slice."""
        if not self._running:
            return
        now = self._running[0]
        try:
            late = self._clock.monotonic_ns() > now.until_ns
            answer = now.job.throw(TimeoutError()) if late else next(now.job)
            report = None if answer is None else Report(now.id, True, json.dumps(answer))
        except Exception as error:
            report = Report(now.id, False, str(Refused("INTERNAL", f"{type(error).__name__}: {error}")))
        if report is not None:
            self._running.popleft()
            now.job.close()
            now.send(report)

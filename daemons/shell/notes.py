"""Inputs that a durable daemon's own process makes: what only a clock, a socket or a file can tell its core.

A note goes the way of any other input: into the log, to the disk, and then to the core. So a fold meets it again, where it was.
"""

from __future__ import annotations

from pathlib import Path

from tapewire.bus import wire
from tapewire.bus.daemon import Core, Event, Latch, LogPolicy
from tapewire.bus.messages import PROTOCOL_VERSION, Body, Header
from tapewire.daemons.shell import latch
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.watch import DUE, JOURNAL, Watch


class Notes:
    """Makes the notes that a daemon's value asks for. Their epoch is the life of the process, which no other life shares."""

    def __init__(self, process: Process, intake: Intake, watch: Watch, policy: LogPolicy) -> None:
        self._process = process
        self._intake = intake
        self._watch = watch
        self._policy = policy
        self._count = 0

    def note(self, topic: str, body: Body, at_ns: int | None = None) -> None:
        """Take this into the round. Its market time is the latest that the daemon has reached, unless `at_ns` is given."""
        self._count += 1
        at_ns = self._watch.market_ns if at_ns is None else at_ns
        header = Header(PROTOCOL_VERSION, self._process.name, self._process.started_ns, self._count, at_ns)
        self._intake.note(Event(topic, header, body), wire.encode(header, body))

    def look(self, core: Core, now_ns: int, *, connected: bool) -> None:
        """Note what the clock says: the logger is silent, reports a fault or is back, the time-out that the core wants is over.

        Args:
            connected: whether what the core waits for could come at all; a time-out is told only then.
        """
        if self._policy.journal:
            beat_ns, note = self._process.beats.get("logger"), self._process.beat_notes.get("logger", "")
            state = self._watch.journal(beat_ns, now_ns, note)
            if state is not None:
                self._process.logger.info("journal_up" if state.up else "journal_down", why=state.detail)
                self.note(JOURNAL, state)
        if connected and self._policy.due_ns is not None:
            due = self._watch.due(self._policy.due_ns(core), now_ns)
            if due is not None:
                self.note(DUE, due, due.at_ns)

    def latched(self, core: Core, run: Path) -> None:
        """Note a latch that was written while the daemon was down, or could not be told of it."""
        wanted: Latch | None = self._policy.latch
        if wanted is not None and (by := latch.read(run / wanted.file)) and not wanted.holds(core):
            self.note(wanted.topic, wanted.word(by))

"""Poisoned events: those on which a core raised. Each is set aside in the run's folder, and no later life of the daemon takes it.

    RUN/poisoned/<name>.jsonl       one line for each event: its name, a digest of its content, and the alarm's text

A core that raised may have changed half of its state, so its process ends and never steps it again. The next life folds the same
events without this one, and publishes the alarm `poisoned` in its place, under the number that the alarm had the first time:

    a daemon that folds the journal   supervisord starts it again at once; it goes on with the next event
    a durable daemon (the gate)       it stays down (status 74) and its latch is written: its books may lack a fill or an order, and
                                      a person must compare them with the venue. It starts latched, so it approves no entry

A backtest stops at the event and names the line: its result would rest on a run that no live chain could have.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Core, Daemon, Event, Output, Publish
from tapewire.bus.errors import JournalError, Poisoned, Transient, raised_at
from tapewire.bus.messages import Alarm
from tapewire.daemons.shell import latch

FOLDER = "poisoned"
ALARM = "poisoned"


class PoisonedEvent(msgspec.Struct, frozen=True):
    """One line of the file. text: of the alarm."""

    ref: str
    digest: str
    text: str


class Aside:
    """The events that one daemon has set aside, over all its lives and epochs.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path, daemon: Daemon) -> None:
        self._path = run / FOLDER / f"{daemon.name}.jsonl"
        self._name = daemon.name
        self._durable = daemon.durable is not None
        self._latch = run / daemon.durable.latch.file if daemon.durable is not None and daemon.durable.latch is not None else None
        self._texts = {(each.ref, each.digest): each.text for each in _read(self._path)}

    def __len__(self) -> int:
        return len(self._texts)

    def step(self, core: Core, event: Event) -> Sequence[Output]:
        """The core's outputs; the alarm instead, for an event that was set aside.

        Raises:
            Poisoned: the core raised. The event is set aside, on disk.
        """
        if self._texts and (text := self._texts.get(_key(event))) is not None:
            return (self.alarm(text),)
        try:
            return core.step(event)
        except Exception as error:
            raise self.put(event, error) from error

    def alarm(self, text: str) -> Publish:
        """What is published in place of the event's outputs."""
        return Publish(topics.of(topics.ALARM, self._name), Alarm(ALARM, text))

    def put(self, event: Event, error: Exception) -> Poisoned:
        """Set an event aside, and write the daemon's latch. Returns what to raise.

        Raises:
            JournalError: the file cannot be written.
        """
        text = f"{event.ref} was set aside: {type(error).__name__} at {raised_at(error)}; please report it"
        key = _key(event)
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(PoisonedEvent(*key, text)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise JournalError(f"{self._path}: {problem.strerror}; {text}") from error
        self._texts[key] = text
        if self._latch is not None:
            latch.write(self._latch, text)
        return Poisoned(self._name, text, JournalError.status if self._durable else Transient.status)


def _key(event: Event) -> tuple[str, str]:
    """Name and content: two external senders may give their messages the same name."""
    frame = wire.encode(event.header, event.body)
    return event.ref, hashlib.sha256(frame).hexdigest()[:32]


def _read(path: Path) -> list[PoisonedEvent]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines[:-1]:  # a last line without its end was cut off by a death: its event raises once more
        try:
            found.append(msgspec.json.decode(line, type=PoisonedEvent))
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path}: a line is damaged ({error}); restore it from a copy, or remove the line") from error
    return found

"""One epoch of a run once more: each core with the inputs that it had, and what it gives for one trade date.

A daemon that starts folds the same inputs by the same functions (daemons/shell/recovery.py): the journal without what it had lost,
with its gaps where they occurred, and the gate its log. Here the outputs are kept instead of being sent. Days before the date are
folded for the state that they leave; if they came out otherwise, the date still begins with the numbers that it had. So one fold
serves many dates, in their order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Daemon, Event, Output, Request
from tapewire.bus.errors import Poisoned, raised_at
from tapewire.bus.messages import Ack, Body, Decisions, Gap, Header, Intents
from tapewire.bus.stamp import Stamper
from tapewire.bus.voice import Voice
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, recovery
from tapewire.daemons.shell.aside import Aside
from tapewire.daemons.shell.epochs import Make
from tapewire.replay.verify import record
from tapewire.replay.verify.record import DatedFrames, Dates, Epoch, EpochJournal, LogFile, Number

Given = dict[str, dict[Number, bytes]]
"""Messages by topic and number."""


class Unstepped(Exception):
    """A core raised on an event that it once took. text: the event, the error and its line."""

    def __init__(self, daemon: str, event: Event, text: str) -> None:
        super().__init__(text)
        self.daemon = daemon
        self.event = event
        self.text = text


class _ReadAside(Aside):
    """The events that the daemon had set aside. Nothing is added to them here."""

    def put(self, event: Event, error: Exception) -> Poisoned:
        return Poisoned(self._name, f"{type(error).__name__} at {raised_at(error)}")


class DaemonFold(ABC):
    """One daemon of one epoch, folded as far as the dates that are asked about, and what it gives for each.

    Args:
        dates: those that will be asked about.
    """

    def __init__(self, run: Path, daemon: Daemon, epoch: int, dates: Iterable[str]) -> None:
        self.daemon = daemon
        self.core = daemon.core
        self._asked = frozenset(dates)
        self._dates = Dates()
        self._aside = _ReadAside(run, daemon)
        self._voice = Voice(Stamper(daemon.name, epoch))
        self._given: dict[str, list[tuple[str, Header, Body]]] = {}
        self._error: Unstepped | None = None

    def of(self, date: str, published: Given) -> Given:
        """What it gives for a date, no earlier than the last one that was asked about; each date once.

        Args:
            published: what it has published on the date in this epoch.
        Raises:
            Unstepped: its core raises on a recorded event, of this date or before.
        """
        if self._error is None:
            try:
                self._advance(date)
            except Unstepped as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return _numbered(self._given.pop(date, []), published)

    @abstractmethod
    def _advance(self, date: str) -> None:
        """Fold to the end of a date."""

    def _past(self, event: Event) -> None:
        """An event of an earlier epoch, whose outputs were another's."""
        self._outputs(event)

    def _step(self, event: Event) -> list[Intents]:
        """An event of this epoch. Returns the requests that wait for an answer."""
        asked: list[Intents] = []
        for output in self._outputs(event):
            header = self._voice.header(event, output)
            if isinstance(output, Request) and isinstance(output.body, Intents):
                asked.append(output.body)
            if output.topic.startswith(record.JUDGED[self.daemon.name]):
                date = self._dates.of(header.event_ns)
                if date in self._asked:
                    self._given.setdefault(date, []).append((output.topic, header, output.body))
        return asked

    def _outputs(self, event: Event) -> Sequence[Output]:
        try:
            return self._aside.step(self.core, event)
        except Poisoned as error:
            raise Unstepped(self.daemon.name, event, error.text) from error


class JournalFold(DaemonFold):
    """A daemon that folds the journal.

    Args:
        conf: in place of the epoch's own. besides: messages that it had read and the journal lacks.
    """

    def __init__(
        self, run: Path, epoch: Epoch, make: Make, dates: Iterable[str], conf: Conf | None = None, besides: Given | None = None
    ) -> None:
        conf = conf or epoch.conf
        daemon = make(conf)
        super().__init__(run, daemon, conf.epoch, dates)
        subscribe = tuple(prefix for prefix in daemon.subscribe if prefix != topics.GAP)
        past = recovery.of_history(EpochJournal(run, epoch.until, besides), daemon, subscribe, conf.since, conf.folds)
        self._answers = {
            (event.body.instrument, event.body.id): event
            for event in past.answers.values()
            if isinstance(event.body, Decisions) and event.header.epoch == conf.epoch
        }
        self._facts = past.facts
        self._next: tuple[bool, Event] | None = None  # read, and of a later date
        self._epoch, self._new, self._market_ns = conf.epoch, conf.epoch == 1, 0

    def _advance(self, date: str) -> None:
        while (fact := self._next or next(self._facts, None)) is not None:
            of_this_epoch, event = fact
            if not isinstance(event.body, Gap):
                if self._dates.of(event.header.event_ns) > date:
                    self._next = fact
                    return
                self._market_ns = max(self._market_ns, event.header.event_ns)
            self._next = None
            self._take(of_this_epoch, event)

    def _take(self, of_this_epoch: bool, event: Event) -> None:
        if of_this_epoch and not self._new:
            self._step(epochs.begun(self.daemon.name, self._epoch, self._market_ns))
            self._new = True
        if not self._new:
            self._past(event)
            return
        for asked in self._step(event):
            if (answer := self._answers.pop((asked.instrument, asked.id), None)) is not None:
                self._step(answer)


class LogFold(DaemonFold):
    """The gate, which folds its log of an epoch: all of it at once.

    Args:
        conf: in place of the epoch's own.
    """

    def __init__(self, run: Path, epoch: Epoch, dates: Iterable[str], conf: Conf | None = None) -> None:
        conf = conf or epoch.conf
        super().__init__(run, gate.daemon(conf), conf.epoch, dates)
        self._log: LogFile | None = log_of(epoch)

    def _advance(self, date: str) -> None:
        log, self._log = self._log, None
        if log is None:
            return
        carried = recovery.began_with(log)
        if carried is not None and self.daemon.durable is not None:
            self.core = self.daemon.durable.restored(carried.core)
        for _, event in recovery.inputs(log):
            if not isinstance(event.body, Ack):
                self._step(event)


def _numbered(given: Iterable[tuple[str, Header, Body]], published: Given) -> Given:
    """The messages of a date by their numbers. It begins with the numbers that it had, however the days before it come out."""
    following = {topic: min(seq for _, seq in numbers) for topic, numbers in published.items()}
    found: Given = {}
    for topic, header, body in given:
        if topic in following:
            header = replace(header, seq=following[topic])
            following[topic] += 1
        found.setdefault(topic, {})[header.epoch, header.seq] = wire.encode(header, body)
    return found


def log_of(epoch: Epoch) -> LogFile:
    """The gate's log of an epoch."""
    return LogFile(path_of_log(epoch))


def path_of_log(epoch: Epoch) -> Path:
    return epoch.folder / "gate.log"


def of_epoch(given: Given, epoch: int) -> Given:
    """The messages of one epoch."""
    found = {topic: {at: frame for at, frame in numbers.items() if at[0] == epoch} for topic, numbers in given.items()}
    return {topic: numbers for topic, numbers in found.items() if numbers}


def judgeable(published: Given, given: Given) -> Given:
    """What was published, without bars that were made of last trades: the journal keeps no trades, so none comes out again."""
    return {topic: found for topic, found in published.items() if topic in given or not topic.startswith(topics.TIMEFRAME)}


def published(recorded: DatedFrames, daemon: str, date: str) -> Given:
    """What a daemon has published on the date, by topic and number."""
    return {topic: found for topic in record.judged(recorded.run, daemon) if (found := recorded.of(topic, date))}

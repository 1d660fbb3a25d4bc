"""One epoch of a run once more: each core with the inputs that it had, and what it gives for one trade date.

A daemon that starts folds the same inputs by the same functions (daemons/shell/recovery.py): the journal without what it had lost,
with its gaps where they occurred, and the gate its log. Here the outputs are kept instead of being sent. Days before the date are
folded for the state that they leave; if they came out otherwise, the date still begins with the numbers that it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Daemon, Event, Output, Request
from tapewire.bus.errors import Poisoned, raised_at
from tapewire.bus.messages import Ack, Decisions, Gap, Header, Intents
from tapewire.bus.stamp import Stamper
from tapewire.bus.voice import Voice
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, recovery
from tapewire.daemons.shell.aside import Aside
from tapewire.daemons.shell.epochs import Make
from tapewire.replay.verify import record
from tapewire.replay.verify.record import Dates, Epoch, EpochJournal, LogFile, Number

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


class _DateNumbers(Stamper):
    """Numbers the messages of an epoch; the date begins with the numbers that it had.

    Args:
        first: the number of the date's first message by topic.
    """

    def __init__(self, source: str, epoch: int, date: str, first: Mapping[str, int]) -> None:
        super().__init__(source, epoch)
        self._date = date
        self._first = dict(first)
        self._dates = Dates()

    def header(self, topic: str, event_ns: int, cause: str = "") -> Header:
        if topic in self._first and self._dates.of(event_ns) >= self._date:
            self.last[topic] = self._first.pop(topic) - 1
        return super().header(topic, event_ns, cause)


class EpochFold:
    """One daemon of one epoch and its outputs on one date.

    Args:
        published: what it has published on the date.
    """

    def __init__(self, run: Path, daemon: Daemon, epoch: int, date: str, published: Given) -> None:
        first = {topic: min(seq for _, seq in numbers) for topic, numbers in of_epoch(published, epoch).items()}
        self.daemon = daemon
        self.core = daemon.core
        self.given: Given = {}
        self._date = date
        self._dates = Dates()
        self._aside = _ReadAside(run, daemon)
        self._voice = Voice(_DateNumbers(daemon.name, epoch, date, first))

    def past(self, event: Event) -> None:
        """An event of an earlier epoch, whose outputs were another's."""
        self._outputs(event)

    def step(self, event: Event) -> list[Intents]:
        """An event of this epoch. Returns the requests that wait for an answer."""
        asked: list[Intents] = []
        for output in self._outputs(event):
            header = self._voice.header(event, output)
            if isinstance(output, Request) and isinstance(output.body, Intents):
                asked.append(output.body)
            if output.topic.startswith(record.JUDGED[self.daemon.name]) and self._dates.of(header.event_ns) == self._date:
                self.given.setdefault(output.topic, {})[header.epoch, header.seq] = wire.encode(header, output.body)
        return asked

    def _outputs(self, event: Event) -> Sequence[Output]:
        try:
            return self._aside.step(self.core, event)
        except Poisoned as error:
            raise Unstepped(self.daemon.name, event, error.text) from error


def of_journal(
    run: Path, epoch: Epoch, make: Make, date: str, published: Given, conf: Conf | None = None, besides: Given | None = None
) -> Given:
    """What a daemon that folds the journal gives for the date.

    Args:
        conf: in place of the epoch's own. besides: messages that it had read and the journal lacks.
    Raises:
        Unstepped: its core raises on a recorded event.
    """
    conf = conf or epoch.conf
    daemon = make(conf)
    fold, dates = EpochFold(run, daemon, conf.epoch, date, published), Dates()
    subscribe = tuple(prefix for prefix in daemon.subscribe if prefix != topics.GAP)
    past = recovery.of_history(EpochJournal(run, epoch.until, besides), daemon, subscribe, conf.since, conf.folds)
    answers = {
        (event.body.instrument, event.body.id): event
        for event in past.answers.values()
        if isinstance(event.body, Decisions) and event.header.epoch == conf.epoch
    }
    new, market_ns = conf.epoch == 1, 0
    for of_this_epoch, event in past.facts:
        if not isinstance(event.body, Gap):
            if dates.of(event.header.event_ns) > date:
                break
            market_ns = max(market_ns, event.header.event_ns)
        if of_this_epoch and not new:
            fold.step(epochs.begun(daemon.name, conf.epoch, market_ns))
            new = True
        if not new:
            fold.past(event)
            continue
        for asked in fold.step(event):
            if (answer := answers.pop((asked.instrument, asked.id), None)) is not None:
                fold.step(answer)
    return fold.given


def of_log(run: Path, epoch: Epoch, date: str, published: Given, conf: Conf | None = None) -> Given:
    """What the gate gives for the date, from its log of this epoch. Arguments and errors as `of_journal`."""
    conf = conf or epoch.conf
    daemon = gate.daemon(conf)
    fold, log = EpochFold(run, daemon, conf.epoch, date, published), log_of(epoch)
    carried = recovery.began_with(log)
    if carried is not None and daemon.durable is not None:
        fold.core = daemon.durable.restored(carried.core)
    for _, event in recovery.inputs(log):
        if not isinstance(event.body, Ack):
            fold.step(event)
    return fold.given


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


def published(run: Path, daemon: str, date: str) -> Given:
    """What a daemon has published on the date, by topic and number."""
    dates = Dates()
    return {topic: found for topic in record.judged(run, daemon) if (found := record.frames(run, topic, date, dates))}

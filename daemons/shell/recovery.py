"""What happened before, for a daemon that starts: its own fsynced log, or the journal of the topics that make its state.

Both are read into the events that the core took in its earlier lives, in the same order and with the same gaps. The runner decides
what to do with them; nothing here changes a file or publishes.

A durable daemon's log is of one epoch. Its first record may be what the last epoch left (`Carried`), and its last one what this
epoch leaves, if it was stopped rather than killed:

    [carried] input input input ... [carried]
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, Protocol

import msgspec

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Command, Daemon, Event
from tapewire.bus.errors import PeerError
from tapewire.bus.journal import Journal
from tapewire.bus.messages import Ack, Gap, TopicLength
from tapewire.bus.recall import Recalled, recall
from tapewire.bus.stamp import Stamper, ref
from tapewire.bus.voice import Voice
from tapewire.daemons.shell.aside import Aside

FACT, ASKED, LINK, CARRIED = "fact", "asked", "link", "carried"


class ReadableLog(Protocol):
    """A durable daemon's log, to be read."""

    def read(self, start: int = 0, count: int | None = None) -> Iterator[bytes]: ...


class ReadableJournal(Protocol):
    """The journal, to be read: over the wire (`History`), or from its files."""

    def topics(self, prefix: str = "") -> tuple[TopicLength, ...]: ...
    def read(self, topic: str, start: int = 0) -> Iterator[bytes]: ...


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One record of a durable daemon's log: how a message came, from whom, and the message; or what was carried over."""

    way: str
    sender: bytes
    topic: str
    frame: bytes


class Carried(msgspec.Struct, frozen=True):
    """What one epoch of a durable daemon leaves to the next.

    core: its core's state. undelivered: topic and frame of each order that the venue has not acknowledged, oldest first. facts,
    direct: epoch and number of the last message of each topic, of those read on the bus and of those sent to it. market_ns: the
    market time it had reached.
    """

    core: bytes
    undelivered: tuple[tuple[str, bytes], ...] = ()
    facts: dict[str, tuple[int, int]] = {}
    direct: dict[str, tuple[int, int]] = {}
    market_ns: int = 0

    @property
    def entry(self) -> Entry:
        """Its record."""
        return Entry(CARRIED, b"", "", zlib.compress(msgspec.msgpack.encode(self), 1))


def inputs(log: ReadableLog) -> Iterator[tuple[Entry, Event]]:
    """The inputs in a durable daemon's log, in their order.

    Raises:
        JournalError: the log is damaged before its end.
    """
    decoder = msgspec.msgpack.Decoder(Entry)
    for record in log.read():
        entry = decoder.decode(record)
        if entry.way != CARRIED:
            yield entry, Event(entry.topic, *wire.decode(entry.frame), entry.sender.decode("latin-1"))


def began_with(log: ReadableLog) -> Carried | None:
    """What this log's epoch took over, None if it was the first."""
    return _carried(next(log.read(0, 1), None))


def left(log: Journal, daemon: Daemon, epoch: int, aside: Aside) -> Carried:
    """What the epoch of this log leaves: its closing record, or, if it was killed, what folding it gives.

    Args:
        daemon: as the epoch's own settings make it, with a core that has seen nothing.
        aside: the events that it does not take.

    Raises:
        Poisoned: its core raised. The event is set aside; another call goes on without it.
    """
    closing = _carried(log.last())
    if closing is not None:
        return closing
    assert daemon.durable is not None
    core, voice = daemon.core, Voice(Stamper(daemon.name, epoch))
    facts: dict[str, tuple[int, int]] = {}
    direct: dict[str, tuple[int, int]] = {}
    undelivered: dict[str, tuple[str, bytes]] = {}
    market_ns = 0
    before = began_with(log)
    if before is not None:
        core, facts, direct, market_ns = daemon.durable.restored(before.core), {**before.facts}, {**before.direct}, before.market_ns
        undelivered = {name(*each): each for each in before.undelivered}
    for entry, event in inputs(log):
        if isinstance(event.body, Ack):
            undelivered.pop(event.body.ref, None)
            continue
        if daemon.admission(event.body).numbered:
            known, topic, at = facts if entry.way == FACT else direct, *number(event)
            known[topic] = max(known.get(topic, (0, 0)), at)
        if not isinstance(event.body, Gap):
            market_ns = max(market_ns, event.header.event_ns)
        for output in aside.step(core, event):
            header = voice.header(event, output)
            if isinstance(output, Command):
                undelivered[ref(output.topic, header)] = (output.topic, wire.encode(header, output.body))
    return Carried(daemon.durable.snapshot(core), tuple(undelivered.values()), facts, direct, market_ns)


def name(topic: str, frame: bytes) -> str:
    """The name of an encoded message."""
    return ref(topic, wire.decode(frame)[0])


def number(event: Event) -> tuple[str, tuple[int, int]]:
    """Topic, and epoch and number, that are known with this event; with a gap, the last that it stands for."""
    if isinstance(event.body, Gap):
        return event.body.topic, (event.body.of_epoch, event.body.last)
    return event.topic, (event.header.epoch, event.header.seq)


def _carried(record: bytes | None) -> Carried | None:
    if record is None:
        return None
    entry = msgspec.msgpack.decode(record, type=Entry)
    return msgspec.msgpack.decode(zlib.decompress(entry.frame), type=Carried) if entry.way == CARRIED else None


class Past(NamedTuple):
    """What the journal holds for a daemon that folds it.

    gaps: what it had lost for good, each with its frame. answers: by the name of the request. facts: the rest, merged by market
    time; first those of epochs that are over, then, with True, those of this one.
    """

    gaps: list[tuple[Event, bytes]]
    answers: dict[str, Event]
    facts: Iterator[tuple[bool, Event]]


def of_history(
    history: ReadableJournal,
    daemon: Daemon,
    subscribe: tuple[str, ...],
    since: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    folds: Mapping[str, int] = MappingProxyType({}),
) -> Past:
    """The facts that make the daemon's state.

    Args:
        subscribe: what it reads live; what it folds besides are answers to it.
        since: where this epoch began, by topic; before all of a topic that is not in it.
        folds: the first record to read of each topic; all of a topic that is not in it.
    """
    told = topics.of(topics.GAP, daemon.name)
    gaps = [(Event(told, *wire.decode(frame)), frame) for frame in history.read(told)]
    lost: dict[str, list[Event]] = {}
    for event, _ in gaps:
        if isinstance(event.body, Gap) and topics.matches(event.body.topic, daemon.recover):
            lost.setdefault(event.body.topic, []).append(event)
    found = [length.topic for prefix in daemon.recover for length in history.topics(prefix)]
    names = [topic for topic in found if not topic.startswith(topics.TICK)]  # recorded trades make no state
    answers = [topic for topic in names if not topics.matches(topic, (*subscribe, *daemon.owns))]
    given = {event.header.cause: event for topic in answers for event in _events(history, topic, folds.get(topic, 0))}
    heard = sorted({*names, *lost} - {*answers})
    facts = [
        _parted(_recalled(history, topic, lost.get(topic, ()), daemon.name, folds.get(topic, 0)), since.get(topic, (0, 0)))
        for topic in heard
    ]
    return Past(gaps, given, ((new, event) for new, _, event in heapq.merge(*facts, key=lambda each: each[:2])))


def _recalled(history: ReadableJournal, topic: str, gaps: Iterable[Event], reader: str, start: int) -> Iterator[Recalled]:
    events = _events(history, topic, start)
    first = next(events, None) if start else None
    if first is None:
        return recall(topic, events, gaps, reader=reader)
    before = (first.header.epoch, first.header.seq - 1)
    return recall(topic, chain([first], events), gaps, reader=reader, after=before)


def _parted(recalled: Iterator[Recalled], since: tuple[int, int]) -> Iterator[tuple[bool, int, Event]]:
    for at_ns, event in recalled:
        yield number(event)[1] > since, at_ns, event


def _events(history: ReadableJournal, topic: str, start: int = 0) -> Iterator[Event]:
    for frame in history.read(topic, start):
        try:
            yield Event(topic, *wire.decode(frame))
        except PeerError:  # out of bounds: an earlier version recorded it; its number becomes a Gap, as for a reader that is live
            continue

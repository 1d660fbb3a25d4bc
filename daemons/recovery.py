"""What happened before, for a daemon that starts: its own fsynced log, or the journal of the topics that make its state.

Both are read into the events that the core saw in its earlier lives, in the same order, what was lost as lost. What to do with
them is the runner's affair; nothing here changes anything.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from bus import topics, wire
from bus.client import History
from bus.daemon import Daemon, Event
from bus.journal import Journal
from bus.messages import Gap
from bus.recall import recall


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One input of a durable daemon, as its own log keeps it: how it came, from whom, and the message."""

    way: str
    sender: bytes
    topic: str
    frame: bytes


def of_log(log: Journal) -> Iterator[tuple[Entry, Event]]:
    """The inputs of a durable daemon, in their order.

    Raises:
        JournalError: the log is damaged before its end.
    """
    decoder = msgspec.msgpack.Decoder(Entry)
    for record in log.read():
        entry = decoder.decode(record)
        yield entry, Event(entry.topic, *wire.decode(entry.frame), entry.sender.decode("latin-1"))


class Past(NamedTuple):
    """What the journal holds for a daemon that folds it.

    gaps: what it had lost for good, each with its frame. answers: what it was answered, by the name of its question. facts: the
    rest, merged by market time.
    """

    gaps: list[tuple[Event, bytes]]
    answers: dict[str, Event]
    facts: Iterator[Event]


def of_history(history: History, daemon: Daemon, subscribe: tuple[str, ...]) -> Past:
    """The facts that make the daemon's state. subscribe: what it reads live; what it folds besides are answers to it."""
    told = topics.of(topics.GAP, daemon.name)
    gaps = [(Event(told, *wire.decode(frame)), frame) for frame in history.read(told)]
    lost: dict[str, list[Event]] = {}
    for event, _ in gaps:
        if isinstance(event.body, Gap) and topics.matches(event.body.topic, daemon.recover):
            lost.setdefault(event.body.topic, []).append(event)
    names = [length.topic for prefix in daemon.recover for length in history.topics(prefix)]
    answers = [topic for topic in names if not topics.matches(topic, subscribe)]
    given = {event.header.cause: event for topic in answers for event in _events(history, topic)}
    heard = sorted({*names, *lost} - {*answers})
    facts = [recall(topic, _events(history, topic), lost.get(topic, ()), reader=daemon.name) for topic in heard]
    return Past(gaps, given, (event for _, event in heapq.merge(*facts, key=lambda each: each.at_ns)))


def _events(history: History, topic: str) -> Iterator[Event]:
    for frame in history.read(topic):
        yield Event(topic, *wire.decode(frame))

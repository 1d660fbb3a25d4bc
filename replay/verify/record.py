"""What a run has recorded, read from its files while or after it runs. Nothing here locks, repairs or writes.

A date may lie in several epochs, each with its own settings and its own log of the gate. An epoch's part of the journal begins
behind `since` of its settings and ends with `since` of the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tapewire.bus import topics
from tapewire.bus.errors import ConfError
from tapewire.bus.journal import scan
from tapewire.bus.messages import Gap, Header, TopicLength
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs
from tapewire.replay import tapes

_header = msgspec.msgpack.Decoder(Header)
_gap = msgspec.msgpack.Decoder(Gap)

Number = tuple[int, int]
"""Epoch and number of a message in its topic."""

JUDGED: Mapping[str, tuple[str, ...]] = {
    "tracker": (topics.LEVELS, topics.SESSION, topics.TIMEFRAME, topics.AUCTION),
    "gate": (
        *(topics.DECISION, topics.SIGNAL, topics.REJECT, topics.COMMAND, topics.ORDER, topics.FILL, topics.POSITION),
        *(topics.TRADE, topics.RISK, topics.INGRESS),
    ),
    "evaluator": (topics.INTENT, topics.EVAL_DONE, topics.SUPPRESSED),
    "publisher": (topics.PUBLIC,),
}
"""The topics that each core gives, and that are compared. A daemon stands behind those whose messages it reads. What a process
tells of itself (`sys.`) is not about the market."""


class Epoch(NamedTuple):
    """One start of the run. folder: where its settings and the gate's log lie. until: where its part of the journal ends, by topic;
    None for the last one, which has no end."""

    conf: Conf
    folder: Path
    until: Mapping[str, Number] | None

    def begins(self, topic: str) -> Number:
        return self.conf.since.get(topic, (0, 0))

    def holds(self, topic: str, number: Number) -> bool:
        """Whether a record of the journal was made in this epoch."""
        return self.begins(topic) < number and (self.until is None or number <= self.until.get(topic, (0, 0)))


class Dates:
    """The trade date of a market time; it depends on no calendar."""

    def __init__(self) -> None:
        self._clock = SessionClock(Calendar())

    def of(self, at_ns: int) -> str:
        return self._clock.read(at_ns)[0].date


class EpochJournal:
    """The journal as a daemon of one epoch could read it: up to where the next epoch begins.

    Args:
        besides: messages that the logger lost and that came out again, by topic and number.
    """

    def __init__(
        self, run: Path, until: Mapping[str, Number] | None, besides: Mapping[str, Mapping[Number, bytes]] | None = None
    ) -> None:
        self._run = run
        self._until = until
        self._besides = besides or {}

    def topics(self, prefix: str = "") -> tuple[TopicLength, ...]:
        """The topics with this prefix; how long they are is left open."""
        return tuple(TopicLength(topic, 0, 0, 0) for topic in tapes.topics(self._run, prefix))

    def read(self, topic: str, start: int = 0) -> Iterator[bytes]:
        """Frames from record `start` on, oldest first; all of a topic whose beginning was removed, as positions count no more."""
        if topic not in tapes.topics(self._run, topic):
            return
        if start and (first := next(tapes.frames(self._run, topic), None)) is not None and number(first)[1] > 1:
            start = 0
        end = None if self._until is None else self._until.get(topic, (0, 0))
        besides = deque(sorted(self._besides.get(topic, {}).items()))
        for frame in islice(tapes.frames(self._run, topic), start, None):
            at = number(frame)
            if end is not None and at > end:
                return
            while besides and besides[0][0] < at:
                yield besides.popleft()[1]
            yield frame
        yield from (frame for _, frame in besides)


class LogFile:
    """A durable daemon's log, which its daemon may be writing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        return islice(scan(self._path), start, None if count is None else start + count)


def of_epochs(run: Path) -> list[Epoch]:
    """The epochs of a run, oldest first. One whose settings are gone is left out, and the one before it ends where the next begins.

    Raises:
        ConfError: the folder is no run's.
    """
    last = configuration.read(run)
    folders = [epochs.folder(run, each) for each in range(1, last.epoch)]
    known = [(configuration.read(folder), folder) for folder in folders if (folder / "run.json").exists()]
    known.append((last, run))
    ends: list[Mapping[str, Number] | None] = [conf.since for conf, _ in known[1:]]
    return [Epoch(conf, folder, end) for (conf, folder), end in zip(known, [*ends, None], strict=True)]


class DatedFrames:
    """The messages of a run on the trade dates that are asked about. The file of a topic is read once for all of them.

    Args:
        dates: those that will be asked about.
    """

    def __init__(self, run: Path, dates: Iterable[str]) -> None:
        self.run = run
        self._asked = frozenset(dates)
        self._read: dict[str, dict[str, dict[Number, bytes]]] = {}

    def of(self, topic: str, date: str) -> dict[Number, bytes]:
        """The messages of one topic and one date, by their numbers."""
        if topic not in self._read:
            self._read[topic] = self._of_topic(topic)
        return self._read[topic].get(date, {})

    def _of_topic(self, topic: str) -> dict[str, dict[Number, bytes]]:
        dates, found = Dates(), dict[str, dict[Number, bytes]]()
        for frame in tapes.frames(self.run, topic):
            header = _header.decode(frame)
            date = dates.of(header.event_ns)
            if date in self._asked:
                found.setdefault(date, {})[header.epoch, header.seq] = frame
        return found


def judged(run: Path, daemon: str) -> list[str]:
    """The topics of a run that a daemon's core has written."""
    return [topic for prefix in JUDGED[daemon] for topic in tapes.topics(run, prefix)]


def gaps(run: Path, reader: str) -> list[Gap]:
    """What a reader has reported as lost for good."""
    topic = topics.of(topics.GAP, reader)
    return [_gap.decode(frame) for frame in tapes.frames(run, topic)] if topic in tapes.topics(run, topic) else []


def covers(told: Sequence[Gap], topic: str, at: Number) -> bool:
    """Whether a message is among what was reported as lost."""
    return any(gap.topic == topic and gap.of_epoch == at[0] and gap.first <= at[1] <= gap.last for gap in told)


def end(run: Path, topic: str, epoch: int) -> Number:
    """The last number of a topic in an epoch; 0 if it has none."""
    found = tapes.frames(run, topic) if topic in tapes.topics(run, topic) else ()
    return max((at for at in map(number, found) if at[0] == epoch), default=(epoch, 0))


def newest_ns(run: Path, epoch: Epoch) -> int:
    """The market time of the last bar that was recorded in an epoch."""
    found = 0
    for topic in tapes.topics(run, topics.BAR):
        held = (frame for frame in tapes.frames(run, topic) if epoch.holds(topic, number(frame)))
        found = max(found, max((header_of(frame).event_ns for frame in held), default=0))
    return found


def pruned(run: Path) -> str:
    """The first bar of a journal whose beginning was taken away; empty if nothing was."""
    for topic in tapes.topics(run, topics.BAR):
        first = next(tapes.frames(run, topic), None)
        if first is not None and number(first)[1] > 1:
            return name(topic, number(first))
    return ""


def number(frame: bytes) -> Number:
    header = _header.decode(frame)
    return header.epoch, header.seq


def header_of(frame: bytes) -> Header:
    return _header.decode(frame)


def fields(frame: bytes) -> dict[str, Any]:
    """A message as a map, header and body."""
    found: dict[str, Any] = msgspec.msgpack.decode(frame)
    return found


def name(topic: str, at: Number) -> str:
    """The name of a message."""
    return f"{topic}@{at[0]}:{at[1]}"


def dates_of(run: Path) -> list[str]:
    """The trade dates of a run's bars, in order.

    Raises:
        ConfError: it has no journal, no bar, or a backtest's journal without all bars.
    """
    if (kept := tapes.kept(run)) != "all":
        raise ConfError(f"{run} ran with --journal {kept}, so bars are missing; a verdict needs a run that keeps all")
    dates = Dates()
    tracked = tapes.topics(run, topics.BAR)
    found = {dates.of(_header.decode(frame).event_ns) for topic in tracked for frame in tapes.frames(run, topic)}
    if not found:
        raise ConfError(f"{run} has no bar yet; a verdict needs a day")
    return sorted(found)

"""What was published beside what comes out again: the first message that differs, and the messages that led to it.

Messages are compared by their numbers. A field that the recorded message lacks was added by a later version and is no difference.
A message that only the logger lost is no difference either; it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Gap
from tapewire.replay import diff, explain, tapes
from tapewire.replay.diff import ABSENT, FieldDifference
from tapewire.replay.explain import StoryMessage
from tapewire.replay.verify import record
from tapewire.replay.verify.again import Given
from tapewire.replay.verify.record import DatedFrames, Number


class Mismatch(NamedTuple):
    """A message that is not the same. a: as published; b: as it comes out again; None where there is none. witness: what b is, if
    it is not what a core gives again."""

    daemon: str
    epoch: int
    topic: str
    at: Number
    a: bytes | None
    b: bytes | None
    witness: str = ""

    @property
    def frame(self) -> bytes:
        frame = self.a if self.a is not None else self.b
        if frame is None:
            raise AssertionError("a difference has at least one message")
        return frame

    @property
    def name(self) -> str:
        return record.name(self.topic, self.at)

    @property
    def at_ns(self) -> int:
        return record.header_of(self.frame).event_ns

    @property
    def rank(self) -> tuple[int, int, str]:
        return diff.rank(self.topic, self.at_ns)

    @property
    def fields(self) -> tuple[FieldDifference, ...]:
        """What differs: published first, then as it comes out again."""
        values = [None if frame is None else record.fields(frame) for frame in (self.a, self.b)]
        return tuple(_told(diff.fields_of("", *values)))


class Chain(Struct, frozen=True):
    """One message of the way from a difference back to its bar. same: it comes out again as it was published."""

    same: bool
    message: StoryMessage


def different(a: bytes, b: bytes) -> bool:
    """Whether two versions of a message say different things."""
    return a != b and any(_told(diff.fields_of("", record.fields(a), record.fields(b))))


def differences(
    daemon: str,
    epoch: int,
    published: Given,
    given: Given,
    lost: Sequence[Gap],
    *,
    whole: bool,
    cut: Callable[[str, Number, bytes], bool],
) -> tuple[list[Mismatch], Given]:
    """The first difference of each topic of one daemon in one epoch, and the messages that only the logger lost.

    Args:
        lost: what the logger has reported as lost. whole: nothing more is written about the date; otherwise a topic may be behind.
        cut: whether a message lies behind all that the logger wrote in the epoch, as if it had been killed there.
    """
    found: list[Mismatch] = []
    unrecorded: Given = {}
    for topic in sorted({*published, *given}):
        left, right = published.get(topic, {}), given.get(topic, {})
        ends = max(left, default=(0, 0)), max(right, default=(0, 0))
        for at in sorted({*left, *right}):
            a, b = left.get(at), right.get(at)
            if a is not None and b is not None and not different(a, b):
                continue
            if not whole and (at > ends[0] or at > ends[1]):
                break
            if a is None and b is not None and (record.covers(lost, topic, at) or cut(topic, at, b)):
                unrecorded.setdefault(topic, {})[at] = b
                continue
            found.append(Mismatch(daemon, epoch, topic, at, *diff.same_moment(a, b)))
            break
    return found, unrecorded


class Ways:
    """The ways back of one date: from a message along its causes.

    Args:
        published, given: all messages of the date, of every daemon.
    """

    def __init__(self, recorded: DatedFrames, date: str, published: Given, given: Given) -> None:
        raw = {topic: recorded.of(topic, date) for topic in tapes.topics(recorded.run, topics.BAR)}
        self._published = {**raw, **published}
        self._given = given

    def first(self, found: Sequence[Mismatch]) -> Mismatch:
        """The earliest of several differences, or the one that caused it."""
        rest = sorted(found, key=lambda each: each.rank)
        first = rest.pop(0)
        while earlier := next((each for each in rest if self._leads(each, first)), None):
            rest.remove(earlier)
            first = earlier
        return first

    def back(self, of: Mismatch) -> tuple[Chain, ...]:
        """From a difference back to its bar, newest first."""
        steps = ((topic, at, frame) for topic, at, frame in self._steps(of.topic, of.at, of.frame))
        return tuple(
            Chain(
                (topic, at) != (of.topic, of.at) and self._same(topic, at, frame),
                explain.story_message(record.name(topic, at), topic, record.fields(frame)),
            )
            for topic, at, frame in steps
        )

    def _leads(self, earlier: Mismatch, to: Mismatch) -> bool:
        """Whether the way back from a difference meets a topic at or behind an earlier difference."""
        return any(topic == earlier.topic and at >= earlier.at for topic, at, _ in list(self._steps(to.topic, to.at, to.frame))[1:])

    def _same(self, topic: str, at: Number, frame: bytes) -> bool:
        if topic.startswith(topics.RAW):
            return True
        again = self._given.get(topic, {}).get(at)
        return again is not None and not different(frame, again)

    def _steps(self, topic: str, at: Number, frame: bytes) -> Iterator[tuple[str, Number, bytes]]:
        seen: set[str] = set()
        while True:
            yield topic, at, frame
            seen.add(record.name(topic, at))
            cause = record.header_of(frame).cause
            topic, at = _parsed(cause)
            found = self._published.get(topic, {}).get(at)
            if not cause or cause in seen or found is None:
                return
            frame = found


def _parsed(name: str) -> tuple[str, Number]:
    topic, _, numbers = name.partition("@")
    epoch, _, seq = numbers.partition(":")
    return topic, (int(epoch), int(seq)) if epoch.isdigit() and seq.isdigit() else (0, 0)


def _told(fields: Iterator[FieldDifference]) -> Iterator[FieldDifference]:
    return (each for each in fields if each.a != ABSENT or each.path == "message" or each.path.endswith("]"))

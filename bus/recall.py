"""A topic as one reader received it: the journal without the messages that this reader lost, and with its gaps where they occurred.

Recovery folds the journal. The logger may hold messages that the reader never received, and lack some that it did. Folding the
logger's view would rebuild another state than the one that died, and give what follows from it other numbers. So:

    journal    1 2 3 4 5 . . 8 9          . lost by the logger
    our gaps       [3-4]
    recalled   1 2 G(3-4) 5 G(6-7) 8 9

As from the `Sequencer` in the first place, every number comes once and in order, as a message or inside a Gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import PROTOCOL_VERSION, Gap, Header


class Recalled(NamedTuple):
    """An event and its arrival in market time. A Gap arrives with the fact before it (0: before all): its header has wall time."""

    at_ns: int
    event: Event


def recall(
    topic: str, facts: Iterable[Event], gaps: Iterable[Event], *, reader: str, after: tuple[int, int] = (0, 0)
) -> Iterator[Recalled]:
    """Merge the journal and the gaps of one topic.

    Args:
        facts: the journal of the topic, in the order of its numbers.
        gaps: the `Gap`s that the reader has published about this topic, in any order.
        reader: its name, for gaps that were never published.
        after: epoch and number before the first fact, when the journal is not read from its beginning. Earlier gaps are left out.
    """
    at_ns = 0
    done = after
    gaps = [event for event in gaps if isinstance(event.body, Gap) and _first(event.body) > after]
    waiting = sorted(((gap, event) for event in gaps if isinstance(gap := event.body, Gap)), key=lambda each: _first(each[0]))
    waiting.reverse()
    for fact in facts:
        number = (fact.header.epoch, fact.header.seq)
        while waiting and _first(waiting[-1][0]) <= number:
            gap, event = waiting.pop()
            yield from _missing(topic, done, _first(gap), at_ns, reader)
            yield Recalled(at_ns, event)
            done = (gap.of_epoch, gap.last)
        if number > done:
            yield from _missing(topic, done, number, at_ns, reader)
            at_ns = fact.header.event_ns
            yield Recalled(at_ns, fact)
            done = number
    for gap, event in reversed(waiting):
        yield from _missing(topic, done, _first(gap), at_ns, reader)
        yield Recalled(at_ns, event)
        done = (gap.of_epoch, gap.last)


def _first(gap: Gap) -> tuple[int, int]:
    return gap.of_epoch, gap.first


def _missing(topic: str, done: tuple[int, int], upto: tuple[int, int], at_ns: int, reader: str) -> Iterator[Recalled]:
    """The Gap between two numbers, if there is one. How far an old epoch went behind its last recorded number cannot be told."""
    epoch, seq = upto
    first = done[1] + 1 if epoch == done[0] else 1
    if first < seq:
        lost = Gap(topic, epoch, first, seq - 1, reader)
        yield Recalled(at_ns, Event(topics.of(topics.GAP, reader), Header(PROTOCOL_VERSION, reader, epoch, 0, at_ns), lost))

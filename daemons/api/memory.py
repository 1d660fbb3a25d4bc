"""What a reader who comes late is shown: the last facts of each topic, within bounds. The journal has all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.roles import PUBLISHES, Role

HEADER = ("v", "source", "epoch", "seq", "event_ns", "cause", "type")
KEPT = {topics.SESSION: 1_500, topics.TIMEFRAME: 500, topics.PUBLIC: 5_000}
"""How many facts of each topic are kept, by the beginning of the topic. A trade date has at most 1,440 minutes."""
KEPT_ELSE = 1_000
KEPT_ONE = (topics.BEAT, topics.RISK, topics.POSITION, topics.FEED, topics.EVAL_DONE, topics.LEVELS)
"""Of these only the last fact has a meaning."""
LEFT_OUT = (topics.RESEND, topics.WELCOME, topics.BAR)
"""Topics that no reader of the stream needs: what is requested again, and bars, which their `session` holds."""
READ = (
    *sorted({prefix for role, prefixes in PUBLISHES.items() if role is not Role.BRIDGE for prefix in prefixes}),
    *(topics.BEAT, topics.GAP, topics.ALARM),
)
"""What the stream is subscribed to. Each message that is sent to nobody spares the broker a wake-up between a bar and its order."""

_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.json.Encoder().encode
_market_time = attrgetter("at_ns")


class SeenFact(Struct, frozen=True, gc=False):
    """A fact as it came over the bus. at_ns: its market time. seen: which one it was, counted from the first. made: its text, or
    nothing yet."""

    topic: str
    epoch: int
    seq: int
    at_ns: int
    frame: bytes
    seen: int = 0
    made: bytes = b""

    @property
    def text(self) -> bytes:
        """The fact as JSON: made when it is first told, and kept, because each reader who comes is told it again."""
        if not self.made:
            msgspec.structs.force_setattr(self, "made", self._json())
        return self.made

    def _json(self) -> bytes:
        fields: dict[str, Any] = _decode(self.frame)
        head = {name: fields.pop(name) for name in HEADER if name in fields}
        shown = {
            "topic": self.topic,
            "epoch": self.epoch,
            "seq": self.seq,
            "ts": head["event_ns"] // 1_000_000,
            "type": head["type"],
            "cause": head["cause"],
            "body": fields,
        }
        return _encode(shown)


class Recent:
    """The last facts of every topic. A fact that is not newer than the last one of its topic is left out.

    lost: how many numbers were left out by those that came, since the beginning.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._topics: dict[str, deque[SeenFact]] = {}
        self._seen = 0

    def take(self, told: SeenFact) -> SeenFact | None:
        """Keep a fact, numbered; None if it is none for the stream, or an old one."""
        if told.topic.startswith(LEFT_OUT):
            return None
        kept = self._topics.get(told.topic)
        if kept is None:
            kept = self._topics[told.topic] = deque(maxlen=most(told.topic))
        elif not told.topic.startswith(topics.BEAT):
            last = kept[-1]
            if (told.epoch, told.seq) <= (last.epoch, last.seq):
                return None
            if told.epoch == last.epoch:
                self.lost += told.seq - last.seq - 1
        self._seen += 1
        told = msgspec.structs.replace(told, seen=self._seen)
        kept.append(told)
        return told

    def last(self, prefix: str) -> Iterator[SeenFact]:
        """The last fact of each topic with this prefix."""
        if (exact := self._topics.get(prefix)) is not None:
            yield exact[-1]
            return
        for topic, kept in self._topics.items():
            if topic.startswith(prefix):
                yield kept[-1]

    def names(self, prefix: str) -> list[str]:
        """The topics with this prefix, in alphabetical order."""
        return sorted(topic for topic in self._topics if topic.startswith(prefix))

    def of(self, topic: str, at_ns: int | None = None) -> list[SeenFact]:
        """What is kept of a topic, oldest first. at_ns: only of this market time."""
        if at_ns is None:
            return [*self._topics.get(topic, ())]
        return [*takewhile(lambda told: told.at_ns == at_ns, self.since(topic, at_ns))]

    def since(self, topic: str, at_ns: int) -> Iterator[SeenFact]:
        """What is kept of a topic from a market time on, which rises within a topic; oldest first."""
        kept = self._topics.get(topic, ())
        return islice(kept, bisect_left(kept, at_ns, key=_market_time), None)

    def all(self, prefixes: tuple[str, ...]) -> list[SeenFact]:
        """What is kept of the topics with one of these prefixes, in the order in which it came."""
        found: Iterable[SeenFact] = (each for topic, kept in self._topics.items() if topic.startswith(prefixes) for each in kept)
        return sorted(found, key=lambda told: told.seen)


def most(topic: str) -> int:
    """How many facts of a topic are kept."""
    if topic.startswith(KEPT_ONE):
        return 1
    return next((most for prefix, most in KEPT.items() if topic.startswith(prefix)), KEPT_ELSE)

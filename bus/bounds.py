"""What a message may be: the limits of topics, frames, numbers, epochs, sequences and times (PROTOCOL.md 2, "Bounds").

A limit is far beyond every valid message. It stops what would end a reader, or silence one for good: a topic that is no file name,
a number that no sum can hold, an epoch or a time that makes everything after it old. Fields of messages carry their limits as types
(`TimeNs`, `Price`, ...), and the decoder checks them. Limits that need a clock or a run are checked at a socket (`Limits`).

A message out of bounds is a `PeerError` with a code. The reader drops it, counts it, and reports the first of its source and code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from tapewire.bus import roles, topics
from tapewire.bus.errors import PeerError

MAX_FRAME: Final = 4 << 20
"""Longest frame in bytes, in both directions and on every socket; most ports take less. Only a page of history comes near it."""

MAX_MESSAGE: Final = 1 << 20
"""Longest published message or request in bytes, so that a page of history can hold every message."""

MAX_FRAMES: Final = 8
"""Frames of a message that a socket keeps. Messages have two, four with a routing id and the empty frame; more are refused."""

MAX_SUBSCRIPTION: Final = 4 << 10
"""Longest frame in bytes that a reader may send. A subscription costs libzmq 50 bytes of memory for each of its own."""

MAX_TICK: Final = 4 << 10
"""Longest frame in bytes of a last trade."""

MAX_QUESTION: Final = 64 << 10
"""Longest frame in bytes that a port takes which is only asked for history, or by the verbs of `control`."""

_FACT = MAX_MESSAGE + MAX_SUBSCRIPTION  # a message that is a little too long, or encrypted, still gets the reason of its refusal
_RECEIVED: Mapping[str, int] = {
    "broker.in": _FACT,
    "gate": _FACT,
    "evaluator": _FACT,  # `evaluate` brings its bars
    "venue": _FACT,
    "backfill": MAX_FRAME,
    "broker.out": MAX_SUBSCRIPTION,
    "ticks.in": MAX_TICK,
    "ticks.out": MAX_SUBSCRIPTION,  # their number has no limit here
    "public": MAX_SUBSCRIPTION,
}

MAX_TOPIC: Final = 200
"""Longest topic in bytes: with its ending it is a file name in the journal, which may have 255."""

MAX_WORDS: Final = 16
"""Most words of a topic."""

MAX_JUMP: Final = 1 << 24
"""How far a number may be above the last one of its topic. No ring or journal explains more missing messages."""

MAX_TIME_NS: Final = 4_102_444_800_000_000_000
"""2100-01-01 UTC in nanoseconds since 1970."""

DAY_NS: Final = 86_400_000_000_000
AHEAD_NS: Final = DAY_NS
"""How far an epoch that is read from a clock, or a market time, may be ahead of this machine's clock."""

REPLAY_AHEAD_NS: Final = 31 * DAY_NS
"""How far a market time may be ahead of the one reached, where that is itself ahead of this machine's clock (a dated replay)."""

MAX_PRICE: Final = 1e7
MAX_QTY: Final = 10_000
MAX_VOLUME: Final = 10**12
MAX_CENTS: Final = 10**15
MAX_SIGNED: Final = 2**63 - 1
MAX_SOURCES: Final = 256
"""Pairs of source and code that a reader reports; later ones are only counted."""

TimeNs: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIME_NS)]
"""UTC nanoseconds since 1970, before 2100; 0 where there is none."""

Number: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_SIGNED)]
"""An epoch or a number in a topic."""

Price: TypeAlias = Annotated[float, Meta(ge=-MAX_PRICE, le=MAX_PRICE)]
"""Points; finite."""

Quantity: TypeAlias = Annotated[int, Meta(ge=-MAX_QTY, le=MAX_QTY)]
"""Contracts, signed."""

Volume: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_VOLUME)]
"""Contracts traded in a bar."""

Delta: TypeAlias = Annotated[int, Meta(ge=-MAX_VOLUME, le=MAX_VOLUME)]
"""Contracts bought less contracts sold in a bar."""

Cents: TypeAlias = Annotated[int, Meta(ge=-MAX_CENTS, le=MAX_CENTS)]
"""Money in cents of a dollar."""

Word: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
"""One word of a topic."""

Dollars: TypeAlias = Annotated[float, Meta(ge=-MAX_CENTS / 100, le=MAX_CENTS / 100)]
"""Money in dollars, as a venue reports it; finite."""


class Bound(StrEnum):
    """The code of a refusal: which limit a message breaks.

    RESEND: its sender has requested more again than it may (ring.py). ROLE: the sender's key may not send it (roles.py).
    """

    UNREADABLE = "unreadable"
    TOPIC = "topic"
    FRAME = "frame"
    EPOCH = "epoch"
    SEQUENCE = "sequence"
    TIME = "time"
    RESEND = "resend"
    ROLE = "role"


class OutOfBounds(PeerError):
    """A message breaks a limit. code: which one."""

    def __init__(self, code: Bound, text: str) -> None:
        super().__init__(text)
        self.code = code


_TOPIC = re.compile(rb"([A-Za-z0-9_-]+\.)+")


@lru_cache(maxsize=4096)
def topic(frame: bytes) -> str:
    """A topic from its frame.

    Raises:
        OutOfBounds: it is too long, has too many words, or holds a character that is unsafe in a file name.
    """
    if len(frame) > MAX_TOPIC:
        raise OutOfBounds(Bound.TOPIC, f"topic of {len(frame)} bytes ({frame[:40]!r}...), the limit is {MAX_TOPIC}")
    if not _TOPIC.fullmatch(frame):
        raise OutOfBounds(
            Bound.TOPIC,
            f"not a topic: {frame[:40]!r}; topics are dotted words of A-Z, a-z, 0-9, _ and -, with a dot at the end",
        )
    if frame.count(b".") > MAX_WORDS:
        raise OutOfBounds(Bound.TOPIC, f"topic of {frame.count(b'.')} words, the limit is {MAX_WORDS}")
    return frame.decode("ascii")


def max_received(port: str) -> int:
    """Longest frame in bytes that a port receives; a longer one closes its connection.

    A stranger can send as much, as one step of a handshake, so it is no more than the port's messages need.
    """
    return _RECEIVED.get(port, MAX_QUESTION)


def is_topic(text: str) -> bool:
    """Whether a text in a field is a topic."""
    try:
        topic(text.encode())
    except (OutOfBounds, UnicodeEncodeError):
        return False
    return True


def jump(name: str, highest: int, seq: int) -> None:
    """Check the step from the highest number of a topic to another one.

    Raises:
        OutOfBounds: it is more than MAX_JUMP.
    """
    if seq - highest > MAX_JUMP:
        raise OutOfBounds(Bound.SEQUENCE, f"{name}: number {seq} after {highest}, the limit of a step is {MAX_JUMP}")


# Facts of the run's own daemons, which have its epoch. NinjaTrader's bridge, operators and external senders take theirs from
# a clock or from their own memory, as any other program may; the senders' signals begin with `ingress.`, as the gate's answers do.
_OURS = tuple(topic for role in roles.DAEMONS for topic in roles.PUBLISHES.get(role, ()) if topic != topics.INGRESS)


class Limits:
    """The limits that depend on the run and on the clock. One object for a process.

    Args:
        epoch: of the run; the run's own daemons never have a later one.
    """

    __slots__ = ("_epoch", "_reached_ns", "_until_ns")

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._reached_ns = 0
        self._until_ns = 0

    def check(self, name: str, epoch: int, event_ns: int, now: Callable[[], int]) -> None:
        """Check a message on this topic. A valid one costs two comparisons; the clock is read for the others.

        Raises:
            OutOfBounds: as `epoch` and `time` do.
        """
        if epoch > self._epoch:
            self.epoch(name, epoch, now())
        if event_ns > self._until_ns:
            self.time(name, event_ns, now())
        if event_ns > self._reached_ns and not topics.technical(name):  # those carry the time of a machine's clock
            self._reached_ns = event_ns

    def reached(self, event_ns: int) -> None:
        """An earlier life of this process has reached this market time."""
        self._reached_ns = max(self._reached_ns, event_ns)

    def epoch(self, name: str, epoch: int, now_ns: int) -> None:
        """Check the epoch of a message on this topic.

        Raises:
            OutOfBounds: it is later than the run's, or, where it is read from a clock, more than a day ahead of this machine's.
        """
        if epoch <= self._epoch:
            return
        if name.startswith(_OURS):
            raise OutOfBounds(Bound.EPOCH, f"{name}: epoch {epoch}, the run is in epoch {self._epoch}")
        if epoch > now_ns + AHEAD_NS:
            raise OutOfBounds(Bound.EPOCH, f"{name}: epoch {epoch} is more than a day ahead of this machine's clock ({now_ns})")

    def time(self, name: str, event_ns: int, now_ns: int) -> None:
        """Check the market time of a message on this topic.

        The first message of a process may have any time: a recording may be dated ahead of this machine's clock.

        Raises:
            OutOfBounds: it is more than a day ahead of the clock, and more than REPLAY_AHEAD_NS ahead of a time reached that is
                itself ahead of the clock.
        """
        dated_ahead = self._reached_ns > now_ns + AHEAD_NS
        self._until_ns = max(now_ns + AHEAD_NS, self._reached_ns + REPLAY_AHEAD_NS if dated_ahead else 0)
        if event_ns > self._until_ns and self._reached_ns:
            raise OutOfBounds(
                Bound.TIME,
                f"{name}: market time {event_ns} is too far ahead of this machine's clock ({now_ns}) "
                f"and of the market time reached ({self._reached_ns}); compare the clocks",
            )


class Refusals:
    """Counts what was refused, by source and code, and tells which refusal is the first of its kind."""

    __slots__ = ("_seen", "counts", "total")

    def __init__(self) -> None:
        self.total = 0
        self.counts: Counter[str] = Counter()
        self._seen: set[tuple[str, str]] = set()

    def count(self, source: str, error: PeerError) -> bool:
        """Count a refusal. Returns whether to report it: it is the first of this source with this code."""
        code = error.code if isinstance(error, OutOfBounds) else Bound.UNREADABLE
        self.total += 1
        self.counts[code] += 1
        kind = (source[:MAX_TOPIC], code)
        if kind in self._seen or len(self._seen) >= MAX_SOURCES:
            return False
        self._seen.add(kind)
        return True

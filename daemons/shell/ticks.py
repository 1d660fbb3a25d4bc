"""Last trades as a process reads them: behind everything else, within a share of its time, and what is lost is counted.

A trade has no obligations (PROTOCOL.md 4): nobody resends one, and no heartbeat announces it. Its number only shows how many were
lost before it, here or on the way. `TickReader` takes what has come for a slice of time, then looks away for several times as long:
so in a storm a bar waits for a slice at most, and most of the processor's time is left to the decision chain. What waits meanwhile
is at most a queue (`sockets.TICKS_HWM`); the rest has been dropped before it came here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import zmq

from tapewire.bus import bounds, sockets, topics, wire
from tapewire.bus.access import Access
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError
from tapewire.bus.inlets import Inlets
from tapewire.bus.messages import Gap, Header, Tick
from tapewire.bus.wire import Message
from tapewire.daemons.shell.entrance import Entrance

SLICE_NS = 300_000
REST = 4  # how many times a slice's time is left to everything else
LOOK = 16  # trades between two looks at the clock
NEVER_NS = 1 << 62


class TickNumbers:
    """What is missing before each trade, by its number in its topic. taken, lost: trades so far."""

    def __init__(self) -> None:
        self.taken = 0
        self.lost: Counter[str] = Counter()
        self._last: dict[str, tuple[int, int]] = {}

    def missing(self, topic: str, header: Header) -> range | None:
        """The numbers that are lost before this one, none usually; None for a number that was taken already.

        A topic counts from the first one that is read. A new epoch counts from 1.
        """
        epoch, last = self._last.get(topic, (header.epoch, header.seq - 1))
        if header.epoch > epoch:
            last = 0
        elif header.epoch < epoch or header.seq <= last:
            return None
        self._last[topic] = (header.epoch, header.seq)
        self.taken += 1
        self.lost[topic] += header.seq - 1 - last
        return range(last + 1, header.seq)


class NoTicks:
    """A process that reads no trades.

    next_ns: when it wants to go on at the latest (monotonic). numbers: what was taken, and what is missing.
    """

    def __init__(self) -> None:
        self.next_ns = NEVER_NS
        self.numbers = TickNumbers()

    def round(self) -> None:
        """The end of a round of the process: everything else is done."""

    def counts(self) -> dict[str, int]:
        """What a heartbeat tells."""
        return {"ticks": self.numbers.taken, "ticks_lost": self.numbers.lost.total()}

    def state(self) -> dict[str, Any]:
        """What the process's report shows."""
        return {}


class TickReader(NoTicks):
    """The trades that a process reads.

    Args:
        name: the process. socket: a `sockets.tick_reader`, which `inlets` are to watch. take: gets each trade with its frame, and
        before it a `Gap` for what was lost, with an empty frame.
    """

    def __init__(
        self,
        name: str,
        socket: zmq.Socket[bytes],
        inlets: Inlets,
        entrance: Entrance,
        take: Callable[[Event, bytes], None],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__()
        self._name = name
        self._socket = socket
        self._inlets = inlets
        self._entrance = entrance
        self._take = take
        self._monotonic_ns = monotonic_ns
        self._there = False
        inlets.add(socket, self.came)

    def came(self) -> None:
        """The socket is readable."""
        self._there = True

    def round(self) -> None:
        """Everything else of this round is done, so trades may have a slice if they are not to rest."""
        if self.next_ns < NEVER_NS:
            if self._monotonic_ns() < self.next_ns:
                return
            self.next_ns = NEVER_NS
            self._inlets.add(self._socket, self.came)
        elif not self._there:
            return
        self._there = False
        rest_ns = self._slice()
        if rest_ns:
            self.next_ns = self._monotonic_ns() + rest_ns
            self._inlets.remove(self._socket)  # nothing wakes the process for trades until then

    def _slice(self) -> int:
        """Take what has come, for a while. Returns how long to look away then; 0 if all was taken."""
        start_ns = now_ns = self._monotonic_ns()
        more = True
        while more and now_ns - start_ns < SLICE_NS:
            count = 0
            for frames in sockets.arrived(self._socket, LOOK):
                count += 1
                self._one(frames)
            more = count == LOOK
            now_ns = self._monotonic_ns()
        return REST * (now_ns - start_ns) if more else 0

    def _one(self, frames: list[bytes]) -> None:
        try:
            topic, header, body = tick(frames)
            self._entrance.check(topic, header)
        except PeerError as error:
            self._entrance.refuse(frames[0][:60].decode("latin-1"), error)
            return
        missing = self.numbers.missing(topic, header)
        if missing is None:
            return
        if missing:
            lost = Gap(topic, header.epoch, missing[0], missing[-1], self._name)
            self._take(Event(topics.of(topics.GAP, self._name), header, lost), b"")
        self._take(Event(topic, header, body), frames[1])

    def state(self) -> dict[str, Any]:
        return {"ticks": self.numbers.taken, "ticks_lost": dict(self.numbers.lost)}


class Reads(Protocol):
    """What `read` needs of a process (daemons/shell/process.py)."""

    name: str
    context: zmq.Context[zmq.Socket[bytes]]
    access: Access
    inlets: Inlets
    entrance: Entrance
    ticks: NoTicks


def read(process: Reads, prefixes: tuple[str, ...], take: Callable[[Event, bytes], None]) -> None:
    """Let a process read last trades from now on."""
    socket = sockets.tick_reader(process.context, process.access.to("ticks.out"), prefixes)
    process.ticks = TickReader(process.name, socket, process.inlets, process.entrance, take)


def tick(frames: list[bytes]) -> Message:
    """A trade. Raises PeerError: it is none, or not of its topic's instrument."""
    if frames and len(frames[-1]) > bounds.MAX_TICK:
        raise bounds.OutOfBounds(bounds.Bound.FRAME, f"trade of {len(frames[-1])} bytes, the limit is {bounds.MAX_TICK}")
    message = wire.decode_message(frames)
    if not isinstance(message.body, Tick) or message.topic != topics.tick(message.body.instrument):
        raise PeerError(f"{message.topic}: no trade of its instrument")
    return message

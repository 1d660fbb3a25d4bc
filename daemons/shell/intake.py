"""What a round has taken in: the events in the order in which the core gets them, and their records for the log.

A message comes in one of four ways, and each way has its rule:

    fact       read on the bus, in the order of its numbers (`Process` sees to that)
    request    sent to the daemon's service or over the venue link: admitted in the order of its sender's numbers
    reply      to a request of this daemon
    note       made by this process (daemons/shell/notes.py)

How a request of one kind is admitted is in the daemon's value (`Daemon.admits`).
"""

from __future__ import annotations

import msgspec
import structlog

from tapewire.bus import wire
from tapewire.bus.clock import Clock
from tapewire.bus.daemon import Daemon, Event, When
from tapewire.bus.sequence import Sequencer
from tapewire.daemons.shell.process import Taken
from tapewire.daemons.shell.recovery import ASKED, FACT, LINK, Entry
from tapewire.daemons.shell.watch import Watch


class Intake:
    """Collects a round's events and records.

    direct: the numbers of what is sent to this daemon rather than published; its sender resends until it is acknowledged, so a
    hole is never asked for. reused: requests under a name that belonged to another one. The first is logged.

    Args:
        reads: whether the daemon reads facts, which requests may then wait for.
        watch: the market time that requests without one of their own get.
    """

    def __init__(self, daemon: Daemon, clock: Clock, watch: Watch, logger: structlog.stdlib.BoundLogger, *, reads: bool) -> None:
        self.direct: Sequencer[Taken] = Sequencer(daemon.name, complete=True, heal_ns=None)
        self.reused = 0
        self._daemon = daemon
        self._clock = clock
        self._logger = logger
        self._reads = reads
        self._watch = watch
        self._entries: list[Entry] = []
        self._events: list[Event] = []
        self._waiting: list[tuple[str, bytes, Event, bytes]] = []
        self._read_ns = 0  # market time of the latest fact

    def fact(self, event: Event, frame: bytes) -> None:
        """Take a fact from the bus, and then the requests that have waited for it."""
        self._take(FACT, b"", event, frame)
        self._reached(event)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                self._take_after_facts(*each)

    def request(self, sender: bytes, event: Event, frame: bytes, *, reused: bool = False) -> None:
        """Take a request that came to the service and is not a repeat that has been answered.

        Args:
            reused: the name belongs to another request, which has been answered; the sender numbers from an earlier point again.
        """
        rule = self._daemon.admission(event.body)
        if rule.when is not When.SENDER:
            event, frame = _moved(event, self._now_ns(rule.when))
        if reused:
            self.reused += 1
            if self.reused == 1:  # its sender could fill the disk
                self._logger.warning("name_given_again", ref=event.ref)
            self._take_after_facts(ASKED, sender, event, frame)
        elif rule.numbered:
            self._admit(ASKED, sender, event, frame)
        elif all(queued.ref != event.ref for queued in self._events):
            self._take_after_facts(ASKED, sender, event, frame)

    def word(self, sender: bytes, event: Event, frame: bytes) -> bool:
        """Take a message from the venue link. Returns whether to acknowledge it: it is taken now or was taken earlier."""
        self._admit(LINK, sender, event, frame)
        return (event.header.epoch, event.header.seq) <= self.direct.last.get(event.topic, (0, 0))

    def acknowledged(self, sender: bytes, topic: str, frame: bytes) -> None:
        """Log that a delivery was acknowledged. A fold must not deliver it again; the core has no business with it."""
        self._entries.append(Entry(LINK, sender, topic, frame))

    def reply(self, event: Event, frame: bytes) -> None:
        """Take the reply to a request of this daemon."""
        self._take(ASKED, b"", event, frame)

    def note(self, event: Event, frame: bytes) -> None:
        """Take an event that this process made."""
        self._take(FACT, b"", event, frame)

    def folded(self, entry: Entry, event: Event) -> None:
        """An earlier life of this daemon has taken this event."""
        if entry.way == FACT:
            self._reached(event)

    def hand_over(self) -> tuple[list[Entry], list[Event]]:
        """The records and the events of this round; the next one begins empty."""
        entries, self._entries = self._entries, []
        events, self._events = self._events, []
        return entries, events

    def _admit(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        now_ns = self._clock.monotonic_ns()
        ready = self.direct.admit(event.topic, event.header, (event, frame), now_ns)
        # A peer that died with a hole open can never fill it: its new epoch begins behind what the old one still owed.
        for gap, released in self.direct.given_up(now_ns):
            self._logger.error("gap", topic=gap.topic, epoch=gap.of_epoch, first=gap.first, last=gap.last)
            ready += released
        for each, its_frame in ready:
            self._take_after_facts(way, sender, each, its_frame)

    def _take_after_facts(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        """A request about a bar waits for the bar: the two come over different sockets, and the bar was first.

        A bar that is lost for good arrives as a Gap. A Gap carries wall-clock time, so it releases what waits.
        """
        waits = self._reads and self._daemon.admission(event.body).waits
        if waits and event.header.event_ns > self._read_ns:
            self._waiting.append((way, sender, event, frame))
        else:
            self._take(way, sender, event, frame)

    def _take(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        if self._daemon.durable is not None:
            self._entries.append(Entry(way, sender, event.topic, frame))
        self._events.append(event)

    def _reached(self, event: Event) -> None:
        self._read_ns = max(self._read_ns, event.header.event_ns)

    def _now_ns(self, when: When) -> int:
        if when is When.REACHED:
            return self._watch.market_ns
        return self._watch.estimated_ns(self._clock.monotonic_ns())


def _moved(event: Event, at_ns: int) -> tuple[Event, bytes]:
    """The event at another market time, and its frame."""
    header = msgspec.structs.replace(event.header, event_ns=at_ns)
    return event.but(header=header), wire.encode(header, event.body)

"""The daemons in one process: the same values that `tapewire.daemons.shell.runner` gives sockets, here with a queue.

One bar runs in lockstep, as between processes. The venue takes the bar and its messages go to the gate; when the queue is empty the
bar is published with the position as it stands; then messages are delivered, in the order in which they were published, until the
queue is empty again:

    Publish   to every subscriber of its topic
    Request   to the service, and to every other subscriber
    Reply     to the sender of the request, and to every other subscriber
    Command   to the venue, whose messages go to the gate at once, and to every subscriber

Each source numbers its own messages, the venue as "nt", and outputs get their headers as in a process (bus/voice.py). So what is
recorded here is, message for message, what the processes would have published. The venue's messages are delivered to the gate alone
and are not published, on either path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import Command, Daemon, Event, Publish, Reply, Request
from tapewire.bus.errors import ConfError, Poisoned, TapewireError, raised_at
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Body, Gap, GivenLevels, Header, Position, Session
from tapewire.bus.stamp import Stamper, ref
from tapewire.bus.voice import Voice
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport

Record: TypeAlias = Callable[[str, Header, Body], None]

VENUE_SOURCE = "nt"


class Participant:
    """A daemon in the loop: its core's step, and what gives its outputs their headers."""

    __slots__ = ("name", "step", "voice")

    def __init__(self, daemon: Daemon, epoch: int) -> None:
        self.name = daemon.name
        self.step = daemon.core.step
        self.voice = Voice(Stamper(daemon.name, epoch))


class Route:
    """Where the facts of a topic go: who subscribed, and what records them."""

    __slots__ = ("readers", "record")

    def __init__(self, readers: tuple[Participant, ...], record: Record | None) -> None:
        self.readers: Final = readers
        self.record: Final = record


class Loop:
    """Daemons, a venue and a queue. `bar` takes one bar to the end; `finish` says that there are no more.

    Args:
        daemons: fresh values, whose cores only this loop steps; at most one may own the venue link.
        venue: what fills orders.
        record: called with each published message, in the order of publishing.
        epoch: of every source, as in the run's configuration. recorded: prefixes of the topics that are recorded.

    Raises:
        ConfError: a daemon uses a service that none of the others serves, or two serve the same.
    """

    def __init__(
        self,
        daemons: list[Daemon],
        venue: Venue,
        record: Record | None = None,
        epoch: int = 1,
        recorded: tuple[str, ...] = ("",),
    ) -> None:
        self._venue = venue
        self._record = record
        self._recorded = recorded
        self._nt = Stamper(VENUE_SOURCE, epoch)
        self._queue: list[tuple[Participant, Event]] = []
        self._prefixes = [(Participant(daemon, epoch), daemon.subscribe) for daemon in daemons]
        self._named = {participant.name: participant for participant, _ in self._prefixes}
        self._services = _services(daemons, self._named)
        self._gate = next((self._named[daemon.name] for daemon in daemons if daemon.venue), None)
        self._owners = [(self._named[daemon.name], daemon.owns) for daemon in daemons if daemon.owns]
        self._routes: dict[str, Route] = {}
        self._bar_topics: dict[str, str] = {}

    def bar(self, bar: Bar) -> None:
        """One bar of a traded instrument, from the venue's fills to the last message that it leads to."""
        position = self._trade(bar)
        topic = self._bar_topic(bar.instrument)
        self._publish(topic, self._nt.header(topic, bar.close_ns), replace(bar, position=position))
        self._drain()

    def folded(self, bar: Bar, made: Event | None) -> None:
        """As `bar`, where a tracker outside this loop, which has none, has published the bar's session: what this loop makes of it.

        Args:
            bar: with any position. made: its session with the same one; None for a bar that the tracker did not take.
        """
        position = self._trade(bar)
        same = position == bar.position
        stood = bar if same else replace(bar, position=position)
        topic = self._bar_topic(bar.instrument)
        readers = self._route(topic).readers
        if readers:
            self._give(readers, Event(topic, self._nt.header(topic, bar.close_ns), stood))
        if made is not None and isinstance(made.body, Session):
            self._give(self._route(made.topic).readers, made if same else made.but(body=replace(made.body, bar=stood)))
        self._drain()

    def _trade(self, bar: Bar) -> Position:
        """The venue takes the bar, and the gate what follows. Returns the position after it."""
        words = self._venue.on_bar(bar)
        if words:
            self._hear(words, bar.close_ns, "")
            self._drain()
        return self._venue.position(bar.instrument)

    def _bar_topic(self, name: str) -> str:
        topic = self._bar_topics.get(name)
        if topic is None:
            topic = self._bar_topics[name] = topics.bar(name)
        return topic

    def told(self, fact: Gap | GivenLevels) -> None:
        """What a journal tells beside its bars."""
        if isinstance(fact, Gap):
            self._lose(fact)
            return
        topic = topics.of(topics.LEVELS, fact.instrument)
        for owner, prefixes in self._owners:
            if topics.matches(topic, prefixes):
                header = Header(PROTOCOL_VERSION, owner.name, self._nt.epoch, 0, 0)  # without a number, as a person gives them
                self._queue.append((owner, Event(topic, header, fact)))
        self._drain()

    def _lose(self, lost: Gap) -> None:
        """Bars were lost for good: their numbers are left out, and each reader has a gap, as a process would."""
        topic = lost.topic
        first = self._nt.last.get(topic, 0) + 1
        last = first + lost.last - lost.first
        self._nt.resume(topic, last)
        for reader in self._route(topic).readers:
            told = topics.of(topics.GAP, reader.name)
            gap = Gap(topic, self._nt.epoch, first, last, reader.name)
            header = reader.voice.stamper.header(told, self._venue.now_ns)
            record = self._route(told).record
            if record is not None:
                record(told, header, gap)
            self._queue.append((reader, Event(told, header, gap)))
        self._drain()

    def finish(self) -> None:
        """The bars have ended: the venue closes what is open."""
        self._hear(self._venue.finish(), self._venue.now_ns, "")
        self._drain()

    def _drain(self) -> None:
        """Deliver until the queue is empty. Facts, which nearly everything is, are published in place: it saves 3 % of a bar."""
        queue, routes = self._queue, self._routes
        for participant, event in queue:  # which grows meanwhile
            try:
                outputs = participant.step(event)
            except TapewireError:
                raise
            except Exception as error:
                text = f"{event.ref} ended the run: {type(error).__name__} ({error}) at {raised_at(error)}; please report it"
                raise Poisoned(participant.name, text) from error
            if not outputs:
                continue
            for output in outputs:
                if not isinstance(output, Publish):
                    self._deliver(participant, event, output, participant.voice.header(event, output))
                    continue
                topic, body = output.topic, output.body
                route = routes.get(topic)
                if route is None:
                    route = self._route(topic)
                readers, record = route.readers, route.record
                if not readers and record is None:
                    continue  # nobody sees its number
                header = participant.voice.header(event, output)
                if record is not None:
                    record(topic, header, body)
                if readers:
                    fact = Event(topic, header, body)
                    for reader in readers:
                        queue.append((reader, fact))
        queue.clear()

    def _deliver(self, participant: Participant, event: Event, output: Request | Reply | Command, header: Header) -> None:
        """Publish an output that also has one addressee: the service asked, the asker or the venue."""
        topic, body = output.topic, output.body
        match output:
            case Request():
                self._publish(topic, header, body, self._services[output.service], participant.name)
            case Reply():
                self._publish(topic, header, body, self._named.get(event.sender))
            case Command():
                self._publish(topic, header, body)
                self._hear(self._venue.on_order(body), event.header.event_ns, ref(topic, header))

    def _publish(self, topic: str, header: Header, body: Body, to: Participant | None = None, sender: str = "") -> None:
        """Record it and queue it: for `to` as a request or an answer, for everyone else who subscribed as a fact."""
        route = self._route(topic)
        readers, record = route.readers, route.record
        if record is not None:
            record(topic, header, body)
        if to is not None:
            self._queue.append((to, Event(topic, header, body, sender)))
        if readers:
            self._give(readers, Event(topic, header, body), to)

    def _give(self, readers: tuple[Participant, ...], event: Event, but: Participant | None = None) -> None:
        """Queue it for those who subscribed, but for one."""
        for reader in readers:
            if reader is not but:
                self._queue.append((reader, event))

    def _route(self, topic: str) -> Route:
        """Where a topic goes, worked out once."""
        route = self._routes.get(topic)
        if route is None:
            readers = tuple(reader for reader, prefixes in self._prefixes if prefixes and topics.matches(topic, prefixes))
            route = self._routes[topic] = Route(readers, self._record if topics.matches(topic, self._recorded) else None)
        return route

    def _hear(self, words: Iterable[VenueReport], event_ns: int, cause: str) -> None:
        """Queue the venue's messages for the gate, which alone receives them."""
        gate = self._gate
        if gate is None:
            return
        for word in words:
            topic = topics.of(topics.VENUE, word.instrument)
            self._queue.append((gate, Event(topic, self._nt.header(topic, event_ns, cause), word, VENUE_SOURCE)))


def run(
    daemons: list[Daemon], venue: Venue, inputs: Iterable[Bar | Gap | GivenLevels], record: Record | None = None, epoch: int = 1
) -> None:
    """Play all bars, and what was told between them, through the daemons, to the end of the data. Arguments as for `Loop`."""
    loop = Loop(daemons, venue, record, epoch)
    for each in inputs:
        if isinstance(each, Bar):
            loop.bar(each)
        else:
            loop.told(each)
    loop.finish()


def _services(daemons: list[Daemon], named: dict[str, Participant]) -> dict[str, Participant]:
    services: dict[str, Participant] = {}
    for daemon in daemons:
        if daemon.serves:
            if daemon.serves in services:
                raise ConfError(f"{daemon.name} and {services[daemon.serves].name} both serve {daemon.serves!r}; one owner each")
            services[daemon.serves] = named[daemon.name]
    for daemon in daemons:
        for service in daemon.requests:
            if service not in services:
                raise ConfError(f"{daemon.name} uses {service!r}, which no daemon in this loop serves")
    return services

"""Tools for testing what uses the bus: your strategy, your daemon, your reader. Public, and used by our own tests.

    builders     `bar()`, `session()`, `intent()`, `intents()`, `event()`: valid messages of an ordinary morning; name only what
                 your test is about
    MemoryBus    several daemons wired together in memory: same numbers, same causes, same order every time, no sockets
    LossyBus     one writer and one reader with a bad network between them, from a seed

    def test_the_evaluator_requests_what_my_strategy_proposes():
        bus = MemoryBus(evaluator)
        bus.publish("tracker", session("11:00", above=5, accepted_long=True))

        assert [request.intents[0].setup for request in bus.bodies(Intents)] == ["FIRST_GREEN"]

Nothing here sleeps, opens a socket or reads a clock.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tapewire.bus import topics, wire
from tapewire.bus.clock import ManualClock
from tapewire.bus.daemon import Command, Daemon, Event, Output, Publish, Reply, Request
from tapewire.bus.errors import InvariantError
from tapewire.bus.messages import LONG, SHORT, Action, Bar, Body, Gap, Header, Intent, Intents, Range, Session
from tapewire.bus.ring import Ring
from tapewire.bus.sequence import RESEND_EVERY_NS, Sequencer
from tapewire.bus.stamp import Stamper
from tapewire.bus.voice import Voice

B = TypeVar("B")

DAY = "2026-03-03"
MINUTE_NS = 60_000_000_000

_NEW_YORK = ZoneInfo("America/New_York")
_TOPIC_DOMAINS = {
    "Session": topics.SESSION,
    "Profile": topics.AUCTION,
    "Intents": topics.INTENT,
    "Decisions": topics.DECISION,
    "EvalDone": topics.EVAL_DONE,
    "Suppressed": topics.SUPPRESSED,
    "Signal": topics.SIGNAL,
    "Reject": topics.REJECT,
    "OrderEvent": topics.ORDER,
    "PlaceOrder": topics.COMMAND,
    "ClosePosition": topics.COMMAND,
    "MoveBracket": topics.COMMAND,
    "CancelOrder": topics.COMMAND,
    "Fill": topics.FILL,
    "PositionChanged": topics.POSITION,
    "Trade": topics.TRADE,
    "OrderUpdate": topics.VENUE,
    "Execution": topics.VENUE,
    "PublicSignal": f"{topics.PUBLIC}{topics.SIGNAL}",
    "PublicTrade": f"{topics.PUBLIC}{topics.TRADE}",
}


# --- builders ---------------------------------------------------------------------------------------------------------------


def eastern(clock: str, day: str = DAY) -> int:
    """`HH:MM` on a date in New York, as UTC nanoseconds."""
    return int(dt.datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_NEW_YORK).timestamp()) * 1_000_000_000


def bar(at: str = "11:00", open: float = 21_000.0, close: float | None = None, *, day: str = DAY, **fields: Any) -> Bar:
    """A one-minute bar that closes at `at` (New York).

    close is the open unless given; high and low are the body's ends unless given; any other field of Bar by its name.
    """
    close = open if close is None else close
    close_ns = eastern(at, day)
    given = {
        "instrument": "MNQ",
        "open_ns": close_ns - MINUTE_NS,
        "close_ns": close_ns,
        "high": max(open, close),
        "low": min(open, close),
        "volume": 1_000,
    }
    return Bar(**{**given, "open": open, "close": close, **fields})


def session(at: str = "11:00", *, day: str = DAY, **fields: Any) -> Session:
    """The session after the bar that closes at `at`: RTH counters run, and from 10:31 on the initial balance stands.

    Any field of Session by its name; `bar` is `bar(at)` unless given.
    """
    hours, minutes = map(int, at.split(":"))
    minute = hours * 60 + minutes
    rth = 570 < minute <= 960
    given: dict[str, Any] = {
        "bar": bar(at, day=day),
        "session": day,
        "minute": minute,
        "rth": rth,
        "closes": 960,
    }
    if rth:
        given |= {"i": minute - 571, "vwap": 21_000.0, "vwap_eth": 21_000.0}
    if rth and minute > 630:
        given |= {"k": minute - 631, "ib": Range(21_050.0, 20_950.0, 21_000.0, 21_000.0, 60, final=True, valid=True)}
    return Session(**{**given, **fields})


def intent(action: Action = Action.ENTER_LONG, *, at: str = "11:00", day: str = DAY, **fields: Any) -> Intent:
    """What a strategy proposes at the close of the bar at `at`: by default a long at 21,000, stop 20 points, target 40 points away.

    For ENTER_SHORT the bracket is mirrored; for the other actions prices are None until given.
    """
    short = action is Action.ENTER_SHORT
    sign = -1 if short else 1
    given: dict[str, Any] = {
        "id": f"MNQ-{day.replace('-', '')}-{at.replace(':', '')}-TEST-{action.value}",
        "action": action,
        "strategy": "Test",
        "setup": "TEST",
        "direction": SHORT if short else LONG,
        "reason": "a test wants it",
        "valid_until_ns": eastern(at, day) + MINUTE_NS,
    }
    if action in (Action.ENTER_LONG, Action.ENTER_SHORT):
        given |= {"entry": 21_000.0, "stop": 21_000.0 - sign * 20.0, "target": 21_000.0 + sign * 40.0}
    return Intent(**{**given, **fields})


def intents(*proposed: Intent, at: str = "11:00", day: str = DAY, **fields: Any) -> Intents:
    """All intents of the bar that closes at `at`, as the evaluator sends them to the gate; `intent()` if none is given."""
    given: dict[str, Any] = {
        "id": f"MNQ-{day.replace('-', '')}-{at.replace(':', '')}",
        "instrument": "MNQ",
        "session": day,
        "bar_ns": eastern(at, day),
        "bar_index": 90,
        "close": 21_000.0,
        "intents": proposed or (intent(at=at, day=day),),
    }
    return Intents(**{**given, **fields})


def event(
    body: Body, *, topic: str = "", source: str = "test", epoch: int = 1, seq: int = 1, event_ns: int | None = None, **fields: Any
) -> Event:
    """A message as a core sees it. Topic and event time follow from the body; `cause` and `sender` by name."""
    at_ns = moment_of(body) if event_ns is None else event_ns
    header = Header(1, source, epoch, seq, at_ns, fields.pop("cause", ""))
    return Event(topic or topic_of(body), header, body, **fields)


def topic_of(body: Body) -> str:
    """The topic this message goes on. Raises ValueError for messages whose topic does not follow from themselves."""
    if isinstance(body, Bar):
        return topics.bar(body.instrument)
    subject = body.bar.instrument if isinstance(body, Session) else getattr(body, "instrument", "")
    domain = _TOPIC_DOMAINS.get(type(body).__name__)
    if domain is None or not subject:
        raise ValueError(f"the topic of {type(body).__name__} does not follow from it; give topic=...")
    return topics.of(domain, subject)


def moment_of(body: Body) -> int:
    """The market time of this message if its body carries one; else 0."""
    if isinstance(body, Bar):
        return body.close_ns
    if isinstance(body, Session):
        return body.bar.close_ns
    return getattr(body, "bar_ns", 0)


# --- several daemons, no sockets ----------------------------------------------------------------------------------------------


class MemoryBus:
    """Daemons wired together in memory. Each message is delivered to every daemon that would get it, in the order of publishing.

    A `Publish` reaches the subscribers of its topic; a `Request` also the daemon that serves under that name; a `Reply` also the
    requester; a `Command` also the other end of the venue link: from the daemon that owns it to `venue`, from `venue` back to it.
    No daemon gets a message twice. Acknowledgements, resending and recovery belong to the shell and do not exist here.

    Attributes:
        published: every message, in the order of publishing.
    """

    def __init__(self, *daemons: Daemon, venue: Daemon | None = None) -> None:
        self.published: list[Event] = []
        everyone = daemons if venue is None else (*daemons, venue)
        self._daemons: dict[str, Daemon] = {daemon.name: daemon for daemon in everyone}
        if len(self._daemons) != len(everyone):
            raise ValueError(f"two daemons share a name: {', '.join(daemon.name for daemon in everyone)}")
        self._venue = venue.name if venue else ""
        self._stampers: dict[str, Stamper] = {}
        self._queue: deque[tuple[str, Event]] = deque()

    def publish(self, source: str, body: Body, *, topic: str = "", event_ns: int | None = None, cause: str = "") -> Event:
        """Publish a fact from outside, as `source`, and let the daemons react until the queue is empty."""
        message = self._stamp(source, topic or topic_of(body), body, moment_of(body) if event_ns is None else event_ns, cause)
        self._deliver(message)
        return self._drain(message)

    def request(self, source: str, service: str, body: Body, *, topic: str = "", event_ns: int | None = None) -> Event:
        """Send a request to a service from outside and let the daemons react. The reply is among `caused_by` the returned event."""
        message = self._stamp(source, topic or topic_of(body), body, moment_of(body) if event_ns is None else event_ns, "")
        self._deliver(message, self._serving(service))
        return self._drain(message)

    def bodies(self, kind: type[B]) -> list[B]:
        """Every published body of this type, in order."""
        return [message.body for message in self.published if isinstance(message.body, kind)]

    def caused_by(self, cause: Event) -> list[Event]:
        """Every message that names this one as its cause, in order."""
        return [message for message in self.published if message.header.cause == cause.ref]

    def _drain(self, first: Event, limit: int = 100_000) -> Event:
        for _ in range(limit):
            if not self._queue:
                return first
            name, received = self._queue.popleft()
            for output in self._daemons[name].core.step(received):
                self._speak(name, output, received)
        raise InvariantError(f"{first.ref} led to more than {limit} deliveries: daemons answer each other for ever")

    def _speak(self, name: str, output: Output, received: Event) -> None:
        header = Voice(self._stamper(name)).header(received, output)
        message = self._keep(output.topic, header, output.body)
        match output:
            case Publish():
                self._deliver(message)
            case Request():
                self._deliver(message, self._serving(output.service))
            case Reply():
                self._deliver(message, received.sender)
            case Command():
                self._deliver(message, self._across(name))

    def _stamp(self, source: str, topic: str, body: Body, event_ns: int, cause: str) -> Event:
        return self._keep(topic, self._stamper(source).header(topic, event_ns, cause), body)

    def _keep(self, topic: str, header: Header, body: Body) -> Event:
        message = Event(topic, header, body)
        self.published.append(message)
        return message

    def _stamper(self, source: str) -> Stamper:
        return self._stampers.setdefault(source, Stamper(source))

    def _deliver(self, message: Event, direct: str = "") -> None:
        for name, daemon in self._daemons.items():
            if name == direct:
                self._queue.append((name, message.but(sender=message.header.source)))
            elif daemon.subscribe and topics.matches(message.topic, daemon.subscribe):
                self._queue.append((name, message))

    def _serving(self, service: str) -> str:
        for name, daemon in self._daemons.items():
            if daemon.serves == service:
                return name
        raise ValueError(f"no daemon on this bus serves {service!r}; add the daemon that does")

    def _across(self, name: str) -> str:
        if name != self._venue:
            return self._venue
        return next((other for other, daemon in self._daemons.items() if daemon.venue and other != name), "")


# --- one writer, one reader, a bad network ------------------------------------------------------------------------------------


class LossyBus:
    """A writer with its ring and a reader with its sequencer, and between them a network that loses, repeats and delays.

    Resend requests and resent frames are lost like all others. The same seed and calls give the same losses.

    Args:
        seed: of every random choice.
        drop, repeat, delay: probability for each frame to be lost, to arrive twice, to be overtaken (each time). delay < 1.
        ring: frames that the writer keeps for resending.
        heal_ns, hold, complete: the reader's, as in `Sequencer`.

    Attributes:
        received: what the reader's core would see: an Event or a Gap each, in order.
    """

    def __init__(
        self,
        seed: int,
        *,
        drop: float = 0.2,
        repeat: float = 0.1,
        delay: float = 0.2,
        ring: int = 4096,
        heal_ns: int = 2_000_000_000,
        hold: int = 4096,
        complete: bool = True,
        topic: str = "raw.bar.MNQ.1m.",
    ) -> None:
        if not (0 <= drop <= 1 and 0 <= repeat <= 1 and 0 <= delay < 1):
            raise ValueError(f"drop={drop}, repeat={repeat}, delay={delay}: probabilities, and delay below 1 or nothing arrives")
        self.topic = topic
        self.received: list[Event | Gap] = []
        self.clock = ManualClock()
        self.stamper = Stamper("writer")
        self.sequencer: Sequencer[Event] = Sequencer("reader", complete=complete, heal_ns=heal_ns, hold=hold)
        self._ring = Ring(ring)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not a secret
        self._drop, self._repeat, self._delay = drop, repeat, delay
        self._flight: list[bytes] = []

    def publish(self, body: Body, event_ns: int = 0) -> Header:
        """The writer publishes; the network moves once."""
        header = self.stamper.header(self.topic, event_ns)
        frame = wire.encode(header, body)
        self._ring.keep(self.topic, header.epoch, header.seq, frame)
        self._send(frame)
        self._move()
        return header

    def restart(self) -> None:
        """The writer restarts in a new epoch, with an empty ring."""
        self.stamper = Stamper("writer", self.stamper.epoch + 1)
        self._ring = Ring(self._ring.size)

    def beat(self) -> None:
        """The writer's heartbeat arrives and reports its last number."""
        message = self.stamper.last.get(self.topic, 0)
        if message:
            self.sequencer.announced(self.topic, self.stamper.epoch, message, self.clock.monotonic_ns())

    def advance(self, by_ns: int = RESEND_EVERY_NS) -> None:
        """Time passes: frames in flight arrive, the reader requests missing numbers and gives up holes that are too old."""
        self.clock.advance(by_ns)
        self._move()
        now_ns = self.clock.monotonic_ns()
        for resend in self.sequencer.missing(now_ns):
            if self._chance.random() >= self._drop:
                for frame in self._ring.again(resend.topic, resend.of_epoch, resend.first, resend.last):
                    self._send(frame)
        for gap, released in self.sequencer.given_up(now_ns):
            self.received += [gap, *released]

    def drain(self) -> None:
        """Beat, and advance until the reader has reached the writer's last number, by messages or by gaps."""
        self.beat()
        end = (self.stamper.epoch, self.stamper.last.get(self.topic, 0))
        for _ in range(10_000):
            self.advance()
            if not self._flight and (not end[1] or self.sequencer.last.get(self.topic, end) == end):
                return
        raise InvariantError(f"the reader never reached {end}, it stands at {self.sequencer.last}")

    def _send(self, frame: bytes) -> None:
        if self._chance.random() < self._drop:
            return
        self._flight += [frame] * (2 if self._chance.random() < self._repeat else 1)

    def _move(self) -> None:
        moving, self._flight = self._flight, []
        for frame in moving:
            if self._chance.random() < self._delay:
                self._flight.append(frame)
            else:
                self._admit(frame)

    def _admit(self, frame: bytes) -> None:
        header, body = wire.decode(frame)
        arrived = Event(self.topic, header, body)
        self.received += self.sequencer.admit(self.topic, header, arrived, self.clock.monotonic_ns())


def account_for(received: Iterable[Event | Gap]) -> list[tuple[int, int]]:
    """Every (epoch, seq) that a reader received, as a message or inside a Gap, in order."""
    numbers: list[tuple[int, int]] = []
    for each in received:
        if isinstance(each, Gap):
            numbers += [(each.of_epoch, seq) for seq in range(each.first, each.last + 1)]
        else:
            numbers.append((each.header.epoch, each.header.seq))
    return numbers

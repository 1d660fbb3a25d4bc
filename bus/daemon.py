"""What a daemon is: a value. Cores are written against this module alone.

    Daemon(name, core, subscribe, ...)      a process, once `tapewire.daemons.shell.runner.run` gives it sockets
                                            a participant in a backtest, once `tapewire.replay.loop` gives it a queue

A core is an object with one method, `step(event) -> outputs`. It owns its state, changes it only there, and knows no socket,
clock, file or random number: its only now is the event's time. Equal events in equal order give equal outputs, whatever runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

from tapewire.bus import topics
from tapewire.bus.messages import Body, Stage
from tapewire.bus.step import BEGINS, Command, Event, Output, Publish, Reply, Request

__all__ = [
    "BEGINS",
    "USUAL",
    "Accepted",
    "Admission",
    "Command",
    "Core",
    "Daemon",
    "Event",
    "Job",
    "Latch",
    "LinkPolicy",
    "LogPolicy",
    "Output",
    "PublicPolicy",
    "Publish",
    "Reply",
    "Request",
    "Sink",
    "When",
]


class Core(Protocol):
    """The deciding part of a daemon. `step` is total for any decodable event; it raises only on a bug of ours."""

    def step(self, event: Event) -> Sequence[Output]: ...


class When(Enum):
    """The market time that a request has when the core gets it.

    SENDER: its own. REACHED: the latest that the daemon has reached; for a sender whose clock is not the market's, such as a person
    in a replay. ESTIMATED: REACHED and the time waited since, so that a market that has gone silent is old by now; after a restart
    the waiting counts anew.
    """

    SENDER = auto()
    REACHED = auto()
    ESTIMATED = auto()


class Admission(NamedTuple):
    """How requests of one kind are admitted.

    when: their market time. numbered: they are admitted in the order of their numbers; False for a kind that many senders put on
    one topic, where a number only tells a repeat. topic: the only topic they may come on; "" for any. waits: one about a market
    time that no fact read here has reached waits for that fact.
    """

    when: When = When.SENDER
    numbered: bool = True
    topic: str = ""
    waits: bool = False


class Latch(NamedTuple):
    """A file in the run's folder that stands for a message while the daemon is down.

    A daemon that finds it, when it starts or at a heartbeat, takes `word(text of the file)` on `topic`, unless `holds(core)` says
    that the core has it.
    """

    file: str
    topic: str
    word: Callable[[str], Body]
    holds: Callable[[Any], bool]


class LogPolicy(NamedTuple):
    """A daemon that keeps its own log: each input is on disk before the core gets it, and a restart folds the log.

    snapshot, restored: what the core knows as bytes, and a core from them; so it goes on in a new epoch. due_ns: the market time at
    which the core wants a `Due`, 0 for never. journal: the core wants to know when the logger falls silent and when it is back
    (`LinkState` on `journal.link.`). latch: what a file may tell it on its start.
    """

    snapshot: Callable[[Any], bytes]
    restored: Callable[[bytes], Core]
    due_ns: Callable[[Any], int] | None = None
    journal: bool = False
    latch: Latch | None = None


class LinkPolicy(NamedTuple):
    """A daemon that owns the venue link. It needs a log as well.

    The core hears when the venue comes and goes (`LinkState` on `venue.link.`). halted: whether the lease forbids entries. books:
    what the control port shows of positions and orders, as JSON can hold it.
    """

    halted: Callable[[Any], bool] = lambda core: False
    books: Callable[[Any], dict[str, Any]] = lambda core: {}


class Sink(Protocol):
    """Writes public facts as files. name: of its lines in the daemon's log. folder: where the files go."""

    name: str

    @property
    def folder(self) -> object: ...

    def take(self, body: Body) -> object | None:
        """Write the file of this fact. Returns its path; None if this fact has no file. Raises OSError."""


class PublicPolicy(NamedTuple):
    """A daemon whose facts on topics with `prefix` also go out on the public port.

    sink: given the run's folder, what writes them as files. Only what is published now is written, nothing that a fold repeats.
    feed: they are kept as the public feed, and served in tiers. queries: what subscribers may ask, by verb: the answer, as JSON can
    hold it, given what returns the bodies of the last so many trade dates that the asker may see, and the argument. Raises Refused.
    """

    prefix: str = topics.PUBLIC
    sink: Callable[[str], Sink] | None = None
    feed: bool = False
    queries: Mapping[str, Callable[[Callable[[int], Sequence[Body]], str], object]] = MappingProxyType({})


class Accepted(NamedTuple):
    """What a core is to take because a person asked for it, and what the person is told once its outputs are published.

    body: None if the core has it already.
    """

    topic: str
    body: Body | None
    reply: object


Job: TypeAlias = Generator[object | None, None, None]
"""An answer that takes a while: yields None after each slice of work, and then a value that JSON can hold.

It touches no state of a core. Where TimeoutError is thrown in, it yields an answer that is safe to act on.
"""


class Daemon(NamedTuple):
    """A process as a value.

    name: its source name on the bus. core: what decides. subscribe: topic prefixes it wants.
    requests: services that it sends requests to. serves: the port name of its service, if any. admits: how its service
    admits requests of a kind, by the class of the body; any other kind as `Admission()`.
    venue: it owns the venue link. public: it owns the public port.
    recover: journal topics (prefixes) that rebuild its state on start; empty with `durable`, which keeps its own fsynced log.
    owns: topics of its own that are among those: facts that a person made it publish, and that its core takes again when it starts.
    timed: the stage that it is for a bar, and the kind of input with which a bar comes; its heartbeat tells how long it took.
    jobs: verbs of its service that work on their argument alone, by name. shows: verbs that show a part of its core, which they
    must not change, as JSON can hold it; what `state` shows comes before the messages. takes: verbs whose argument its core takes
    as an event; they change nothing themselves, and raise Refused.
    ticks: prefixes of last trades that it wants, behind everything else; what is lost of them is a `Gap` to its core, and no
    recovery brings them back.
    """

    name: str
    core: Core
    subscribe: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    serves: str = ""
    admits: Mapping[type[Body], Admission] = MappingProxyType({})
    venue: LinkPolicy | None = None
    public: PublicPolicy | None = None
    recover: tuple[str, ...] = ()
    durable: LogPolicy | None = None
    timed: tuple[Stage, type[Body]] | None = None
    jobs: Mapping[str, Callable[[str], Job]] = MappingProxyType({})
    shows: Mapping[str, Callable[[Any], object]] = MappingProxyType({})
    owns: tuple[str, ...] = ()
    takes: Mapping[str, Callable[[Any, str], Accepted]] = MappingProxyType({})
    ticks: tuple[str, ...] = ()

    def admission(self, body: Body) -> Admission:
        """How this request is admitted."""
        return self.admits.get(type(body), USUAL)


USUAL = Admission()

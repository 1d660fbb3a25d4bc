"""What a daemon is: a value. Cores are written against this module alone.

    Daemon(name, core, subscribe, ...)      a process, once `tapewire.daemons.shell.runner.run` gives it sockets
                                            a participant in a backtest, once `tapewire.replay.loop` gives it a queue

A core is an object with one method, `step(event) -> outputs`. It owns its state, changes it only there, and knows no socket,
clock, file or random number: its only now is the event's time. Equal events in equal order give equal outputs, whatever runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from tapewire.bus.messages import Body, Header


class Event(NamedTuple):
    """A message as a core sees it. `sender` names the peer of a request ("" for a published fact)."""

    topic: str
    header: Header
    body: Body
    sender: str = ""

    @property
    def ref(self) -> str:
        """The message's name, `topic@epoch:seq`."""
        return ref(self.topic, self.header)


def ref(topic: str, header: Header) -> str:
    """The name of a message, as it stands in the `cause` of what it leads to."""
    return f"{topic}@{header.epoch}:{header.seq}"


class Publish(NamedTuple):
    """Say it to everyone. Cause and event time are the triggering event's, unless a cause or a time (`at_ns`, not 0) is given."""

    topic: str
    body: Body
    cause: str = ""
    at_ns: int = 0


class Ask(NamedTuple):
    """Publish it, and deliver it to the service until it answers with a `Decisions` (or another answer) caused by it."""

    service: str
    topic: str
    body: Body
    cause: str = ""


class Answer(NamedTuple):
    """Publish it, and send it to the asker. Its cause is the message asked with, which is how the asker knows it."""

    topic: str
    body: Body


class Tell(NamedTuple):
    """Publish it, and deliver it on the venue link until the venue has acknowledged it."""

    topic: str
    body: Body
    cause: str = ""


Output: TypeAlias = Publish | Ask | Answer | Tell


class Core(Protocol):
    """The deciding part of a daemon. `step` is total for any decodable event; it raises only on a bug of ours."""

    def step(self, event: Event) -> Sequence[Output]: ...


class Carry(NamedTuple):
    """How what a durable core knows goes into its next epoch: as bytes, and from them."""

    snapshot: Callable[[Any], bytes]
    restored: Callable[[bytes], Core]


class Daemon(NamedTuple):
    """A process as a value.

    name: its source name on the bus. core: what decides. subscribe: topic prefixes it wants.
    asks: services it sends requests to. serves: the port name on which it is asked, if any. venue: it owns the venue link.
    recover: journal topics (prefixes) that rebuild its state on start; empty with `durable`, which keeps its own fsynced log.
    carry: of a durable daemon, how it goes on in a new epoch.
    """

    name: str
    core: Core
    subscribe: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    serves: str = ""
    venue: bool = False
    recover: tuple[str, ...] = ()
    durable: bool = False
    carry: Carry | None = None

"""What a core's `step` takes and gives. Cores import it from `tapewire.bus.daemon`, which tells what becomes of each output.

Several of these are made for each bar. They hold frozen values alone, which form no cycle: the garbage collector leaves them alone.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from mypy_extensions import mypyc_attr

from tapewire.bus.messages import Body, Header
from tapewire.bus.stamp import ref
from tapewire.bus.value import Value


@mypyc_attr(acyclic=True)
class Event(Value):
    """A message as a core sees it. `sender` names the peer of a request ("" for a published fact)."""

    __slots__ = ("body", "header", "sender", "topic")
    __match_args__ = ("topic", "header", "body", "sender")

    def __init__(self, topic: str, header: Header, body: Body, sender: str = "") -> None:
        self.topic: Final = topic
        self.header: Final = header
        self.body: Final = body
        self.sender: Final = sender

    @property
    def ref(self) -> str:
        """The message's name, `topic@epoch:seq`."""
        return ref(self.topic, self.header)


BEGINS: Final = "-"
"""The cause of a `Publish` that begins a chain: no message led to it, whatever event the core was given."""


@mypyc_attr(acyclic=True)
class Publish(Value):
    """Publish it. Cause and event time are the triggering event's, unless a cause or a time (`at_ns`, not 0) is given."""

    __slots__ = ("at_ns", "body", "cause", "topic")
    __match_args__ = ("topic", "body", "cause", "at_ns")

    def __init__(self, topic: str, body: Body, cause: str = "", at_ns: int = 0) -> None:
        self.topic: Final = topic
        self.body: Final = body
        self.cause: Final = cause
        self.at_ns: Final = at_ns


@mypyc_attr(acyclic=True)
class Request(Value):
    """Publish it, and deliver it to the service until the service replies: with a message that names it as its cause."""

    __slots__ = ("body", "cause", "service", "topic")
    __match_args__ = ("service", "topic", "body", "cause")

    def __init__(self, service: str, topic: str, body: Body, cause: str = "") -> None:
        self.service: Final = service
        self.topic: Final = topic
        self.body: Final = body
        self.cause: Final = cause


@mypyc_attr(acyclic=True)
class Reply(Value):
    """Publish it, and send it to the requester. Its cause is the request, by which the requester recognises it."""

    __slots__ = ("body", "topic")
    __match_args__ = ("topic", "body")

    def __init__(self, topic: str, body: Body) -> None:
        self.topic: Final = topic
        self.body: Final = body


@mypyc_attr(acyclic=True)
class Command(Value):
    """Publish it, and deliver it on the venue link until the venue has acknowledged it."""

    __slots__ = ("body", "cause", "topic")
    __match_args__ = ("topic", "body", "cause")

    def __init__(self, topic: str, body: Body, cause: str = "") -> None:
        self.topic: Final = topic
        self.body: Final = body
        self.cause: Final = cause


Output: TypeAlias = Publish | Request | Reply | Command

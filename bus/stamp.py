"""Sequence numbers for what a source publishes: one counter per topic, so `topic@epoch:seq` is unique and holes show."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tapewire.bus.messages import PROTOCOL_VERSION, Header


def ref(topic: str, header: Header) -> str:
    """The name of a message, as it stands in the `cause` of what it leads to."""
    return f"{topic}@{header.epoch}:{header.seq}"


@mypyc_attr(allow_interpreted_subclasses=True)
class Stamper:
    """Makes headers for one source in one epoch."""

    __slots__ = ("epoch", "last", "source")

    def __init__(self, source: str, epoch: int = 1) -> None:
        self.source = source
        self.epoch = epoch
        self.last: dict[str, int] = {}

    def header(self, topic: str, event_ns: int, cause: str = "") -> Header:
        """The next header of a topic."""
        seq = self.last.get(topic, 0) + 1
        self.last[topic] = seq
        return Header(PROTOCOL_VERSION, self.source, self.epoch, seq, event_ns, cause)

    def resume(self, topic: str, seq: int) -> None:
        """Continue behind this number: an earlier process of this source reached it."""
        self.last[topic] = max(seq, self.last.get(topic, 0))

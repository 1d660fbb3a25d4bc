"""Requests that are no facts, and their replies: pages of the journal, and the control ports."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.bounds import Number


class TopicsRequest(Struct, frozen=True, tag="topics_request"):
    """Requests the topics of the journal with this prefix, and their lengths."""

    id: str
    prefix: str = ""


class TopicLength(Struct, frozen=True):
    """One topic of the journal: number of records, and epoch and seq of the last one."""

    topic: str
    records: int
    epoch: int
    seq: int


class Topics(Struct, frozen=True, tag="topics"):
    id: str
    topics: tuple[TopicLength, ...]


class HistoryRequest(Struct, frozen=True, tag="history_request"):
    """Records [start, start + count) of one topic. A reader keeps a few requests in flight: this is its credit."""

    id: str
    topic: str
    start: Number
    count: Number


class Page(Struct, frozen=True, tag="page"):
    """Frames as they were published, oldest first.

    end: number of records in the topic now. A page that stops before it with fewer frames than requested is cut.
    """

    id: str
    topic: str
    start: int
    frames: tuple[bytes, ...]
    end: int


class Control(Struct, frozen=True, tag="control"):
    """A request to the control port of a process, or to its service.

    verb: a `Verb`. It stays text on the wire, so a process can answer an unknown verb with a `Report` that lists its own.
    """

    id: str
    verb: str
    argument: str = ""


class Report(Struct, frozen=True, tag="report"):
    """The reply to Control: ok, and a JSON text with the details."""

    id: str
    ok: bool
    text: str

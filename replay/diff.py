"""The first difference of two runs, and its cause.

"First" follows the market and then causality: the earliest event time; at one event time the topic that others follow from; and
if a message differs because its cause differs, the cause is the first difference. One early difference explains a thousand later
ones, so only that one is reported, with the chain of messages from it back to the bar.

Heartbeats, alarms, the feed's status and operational events (`sys.`, `feed.`, `ops.`) describe processes, not the market, and are
not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Header
from tapewire.replay import program, tapes

CAUSAL_ORDER = (
    topics.RAW,
    topics.SESSION,
    topics.INTENT,
    topics.DECISION,
    topics.SIGNAL,
    topics.REJECT,
    topics.COMMAND,
    topics.ORDER,
    topics.VENUE,
    topics.FILL,
    topics.POSITION,
    topics.TRADE,
    topics.RISK,
    topics.EVAL_DONE,
    topics.PUBLIC,
)
PROVENANCE = ("files", "ignored", "notes")  # of a summary: where the bars come from, which is no result
FILES = ("signals.jsonl", "intents.jsonl", "trades.jsonl", program.NAME, "summary.json")
ABSENT = "(absent)"
SHOWN_FIELDS = 12

_header = msgspec.msgpack.Decoder(Header)
_map = msgspec.msgpack.Decoder(dict[str, Any])


class FieldDifference(Struct, frozen=True):
    """One field with both values; `path` is dotted, `(absent)` means that one side lacks the field or message."""

    path: str
    a: Any
    b: Any


class ChainMessage(Struct, frozen=True):
    """One message of a cause chain: its name, kind and market time, and whether both runs hold the same bytes for it."""

    ref: str
    type: str
    time: str
    same: bool


class Difference(Struct, frozen=True):
    """Where two runs first differ.

    where: a topic, or the name of a result file. seq: the message's number in its topic (the line, in a file), from 1.
    time: market time, Eastern wall stamp; empty for a result file. fields: what differs, headers first; never empty.
    causes: from the message itself back to the bar, newest first; empty for a result file.
    """

    where: str
    seq: int
    time: str
    fields: tuple[FieldDifference, ...]
    causes: tuple[ChainMessage, ...] = ()

    def __str__(self) -> str:
        first = f"first difference: {self.where} number {self.seq}" + (f", market time {self.time}" if self.time else "")
        width = max(len(field.path) for field in self.fields)
        lines = [first]
        for field in self.fields[:SHOWN_FIELDS]:
            lines.append(f"  {field.path:<{width}}  A: {_text(field.a)}")
            lines.append(f"  {'':<{width}}  B: {_text(field.b)}")
        if len(self.fields) > SHOWN_FIELDS:
            lines.append(f"  and {len(self.fields) - SHOWN_FIELDS} fields more")
        if self.causes:
            lines.append("from it back to the bar:")
            refs, kinds = (max(map(len, column)) for column in zip(*((c.ref, c.type) for c in self.causes), strict=True))
            for link in self.causes:
                verdict = "same in both" if link.same else "DIFFERS"
                lines.append(f"  {link.ref:<{refs}}  {link.type:<{kinds}}  {link.time}  {verdict}")
        return "\n".join(lines)


class _FirstDifference(Struct, frozen=True):
    """The first record of one topic that is not the same in both runs; None in a run that has no such record."""

    topic: str
    seq: int
    a: bytes | None
    b: bytes | None

    @property
    def frame(self) -> bytes:
        frame = self.a if self.a is not None else self.b
        if frame is None:
            raise AssertionError("a difference has at least one record")
        return frame

    @property
    def rank(self) -> tuple[int, int, str]:
        return rank(self.topic, _header.decode(self.frame).event_ns)


def rank(topic: str, at_ns: int) -> tuple[int, int, str]:
    """Market time, then causality, then the topic's name, so that the answer never depends on the order of files."""
    order = next((at for at, prefix in enumerate(CAUSAL_ORDER) if topic.startswith(prefix)), len(CAUSAL_ORDER))
    return at_ns, order, topic


def compare(a: Path, b: Path) -> Difference | None:
    """The first difference of two finished runs, None if they hold the same messages and the same results.

    Raises:
        ConfError: one of the folders is not a finished run. DataError, JournalError: a journal cannot be read.
    """
    try:
        for names in _compared(a, b):
            differing = {difference.topic: difference for name in names if (difference := _first_difference(a, b, name))}
            if differing:
                return _explained(a, b, differing)
    except msgspec.MsgspecError as error:
        raise DataError(f"{a}, {b}: a record in the journal is not a message ({error}); start the run again") from error
    return next((found for name in FILES if (found := _file(a, b, name))), None)


def left_out(a: Path, b: Path) -> str:
    """What of two runs cannot be compared, in words; empty if everything can."""
    kinds = tapes.kept(a), tapes.kept(b)
    for run, kind in zip((a, b), kinds, strict=True):
        if kind == "none":
            return f"messages are not compared, as {run} ran with --journal none"
    if kinds[0] == kinds[1]:
        return ""
    run = a if kinds[0] == "decisions" else b
    return f"bars and sessions are not compared, as {run} ran with --journal decisions"


def _compared(a: Path, b: Path) -> Iterator[list[str]]:
    """The topics to compare. Where a journal keeps decisions alone, the messages of a bar depend on them and come after them."""
    kinds = {tapes.kept(a), tapes.kept(b)}
    if "none" in kinds:
        return
    names = [name for name in dict.fromkeys((*tapes.topics(a), *tapes.topics(b))) if not topics.technical(name)]
    if kinds == {"all"}:
        yield names
        return
    yield [name for name in names if not tapes.of_a_bar(name)]
    if kinds == {"decisions"}:
        yield [name for name in names if tapes.of_a_bar(name)]


def _first_difference(a: Path, b: Path, topic: str) -> _FirstDifference | None:
    for number, (left, right) in enumerate(zip_longest(_frames(a, topic), _frames(b, topic)), 1):
        if left != right:
            return _FirstDifference(topic, number, *same_moment(left, right))
    return None


def same_moment(left: bytes | None, right: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Records of two moments are not two versions of one message: drop the later one; the other run lacks the earlier."""
    if left is None or right is None:
        return left, right
    left_ns, right_ns = _header.decode(left).event_ns, _header.decode(right).event_ns
    return left if left_ns <= right_ns else None, right if right_ns <= left_ns else None


def _frames(run: Path, topic: str) -> Iterator[bytes]:
    return tapes.frames(run, topic) if topic in tapes.topics(run, topic) else iter(())


def _explained(a: Path, b: Path, differing: Mapping[str, _FirstDifference]) -> Difference:
    """The earliest difference, or the one that caused it."""
    first = min(differing.values(), key=lambda difference: difference.rank)
    others = dict(differing)
    chain = _chain(a, b, others.pop(first.topic))
    # Its cause may differ, or the cause's topic may differ even earlier: then that is the first difference.
    while earlier := next((others[topic] for topic, at, _ in chain if topic in others and others[topic].seq <= at), None):
        first = earlier
        chain = _chain(a, b, others.pop(first.topic))
    values = [_map.decode(frame) if frame is not None else None for frame in (first.a, first.b)]
    return Difference(
        where=first.topic,
        seq=first.seq,
        time=tapes.wall(_header.decode(first.frame).event_ns),
        fields=tuple(fields_of("", *values)) or (FieldDifference("bytes", _hex(first.a), _hex(first.b)),),
        causes=tuple(link for _, _, link in chain),
    )


def _chain(a: Path, b: Path, difference: _FirstDifference) -> list[tuple[str, int, ChainMessage]]:
    """The message and its causes, back to a message without one: topic, record number, and how to show it."""
    run, other = (a, b) if difference.a is not None else (b, a)
    topic, number, frame = difference.topic, difference.seq, difference.frame
    same = False
    chain: list[tuple[str, int, ChainMessage]] = []
    seen: set[str] = set()
    while True:
        header = _header.decode(frame)
        name = f"{topic}@{header.epoch}:{header.seq}"
        kind = str(_map.decode(frame).get("type", "?"))
        chain.append((topic, number, ChainMessage(name, kind, tapes.wall(header.event_ns), same)))
        seen.add(name)
        if not header.cause or header.cause in seen:
            return chain
        found = _find(run, header.cause)
        if found is None:
            return chain
        topic, number, frame = found
        same = next((right == frame for at, right in enumerate(_frames(other, topic), 1) if at == number), False)


def _find(run: Path, name: str) -> tuple[str, int, bytes] | None:
    """The record with this `topic@epoch:seq`; None if the run does not hold it (its topic is not kept)."""
    topic, _, numbers = name.partition("@")
    for number, frame in enumerate(_frames(run, topic), 1):
        header = _header.decode(frame)
        if f"{header.epoch}:{header.seq}" == numbers:
            return topic, number, frame
    return None


def fields_of(path: str, a: Any, b: Any) -> Iterator[FieldDifference]:
    """The fields in which two decoded values differ, in the order of writing."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys((*a, *b)):
            yield from fields_of(f"{path}.{key}" if path else str(key), a.get(key, ABSENT), b.get(key, ABSENT))
    elif isinstance(a, list) and isinstance(b, list):
        for at, (left, right) in enumerate(zip_longest(a, b, fillvalue=ABSENT)):
            yield from fields_of(f"{path}[{at}]", left, right)
    elif a != b or type(a) is not type(b):
        yield FieldDifference(path or "message", ABSENT if a is None and not path else a, ABSENT if b is None and not path else b)


def _file(a: Path, b: Path, name: str) -> Difference | None:
    """The first line of a result file that differs. A file that is not JSON lines is compared as one value."""
    left, right = (_values(run / name) for run in (a, b))
    if name == "summary.json":
        left, right = ([_result(line, name)] for line in (*left, *right))
    for number, (one, other) in enumerate(zip_longest(left, right), 1):
        if one != other:
            values = [None if line is None else _json(line, name, number) for line in (one, other)]
            fields = tuple(fields_of("", *values)) or (FieldDifference("bytes", _hex(one), _hex(other)),)
            return Difference(name, number, "", fields)
    return None


def _result(summary: bytes, name: str) -> bytes:
    """A summary without what it says of the files that were read: the same bars may be written in many ways."""
    value = _json(summary, name, 1)
    return msgspec.json.encode({key: each for key, each in value.items() if key not in PROVENANCE})


def _values(path: Path) -> list[bytes]:
    if path.name == program.NAME and not path.exists():  # the run was in no program
        return []
    return _read(path).splitlines() if path.suffix == ".jsonl" else [_read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfError(f"{path} is missing: the run did not finish; start it again") from error


def _json(line: bytes, name: str, number: int) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise DataError(f"{name}, line {number}: {error}; start the run again") from error


def _hex(content: bytes | None) -> str:
    return ABSENT if content is None else content.hex()


def _text(value: Any) -> str:
    if value == ABSENT:
        return ABSENT
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:197]}..."

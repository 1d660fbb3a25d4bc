"""tapewire's own journal: the raw bars of a run, live or replayed, as they came, companions included.

A run's folder holds a tape for every topic; `raw.bar.<SYMBOL>.1m.tape` are the bars. What was lost on the way is not in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from tapewire.bus import journal, topics, wire
from tapewire.bus.daemon import Event
from tapewire.bus.errors import DataError, JournalError, PeerError
from tapewire.bus.messages import Bar, CrossBar, Gap, GivenLevels
from tapewire.bus.recall import recall
from tapewire.bus.records import CONTINUED, MAGIC
from tapewire.replay.sources.recording import Input
from tapewire.replay.sources.table import UTC, Bars, Content, Head, Options, Part, Progress, Whole
from tapewire.replay.tapes import FOLDER, SUFFIX, kept

NAME = "tapewire journal"
READER = "tracker"  # whose bars a run decides from
BARS = f"{topics.RAW}bar."
_bar = msgspec.msgpack.Decoder(Bar)


class _Closes(Struct, frozen=True):
    session: str
    closes: int


_closes = msgspec.msgpack.Decoder(_Closes)


def tapes(run: Path) -> list[Path]:
    """The tapes of raw bars in a run's folder, or in its folder `journal`; empty if it is none.

    Raises:
        DataError: the run has not kept its bars.
    """
    found = sorted((run / FOLDER).glob(f"{BARS}*{SUFFIX}"))
    if found and (keeps := kept(run)) != "all":
        raise DataError(f"{run} ran with --journal {keeps}: its journal lacks bars; name the recording that it read")
    return found or sorted(run.glob(f"{BARS}*{SUFFIX}"))


def by_symbol(path: Path) -> dict[str, Path]:
    """The tapes of raw bars of one minute at a path, by their instrument: a run's folder, its folder `journal`, or one tape."""
    found = [path] if path.name.startswith(BARS) and path.suffix == SUFFIX and path.is_file() else tapes(path)
    names = ((tape.name.removeprefix(BARS).removesuffix(SUFFIX), tape) for tape in found)
    return {name.removesuffix(".1m"): tape for name, tape in names if name.endswith(".1m")}


def heard(tape: Path) -> Iterator[Input]:
    """The bars of a tape as the run's tracker took them, with a gap for each loss, and levels where a person gave some.

    Raises:
        DataError: the tape, or the one of the tracker's gaps, is damaged.
    """
    topic = f"{tape.name.removesuffix(SUFFIX)}."
    gaps = [event for event in _events(tape.with_name(f"{topics.GAP}{READER}{SUFFIX}")) if _about(event, topic)]
    facts = _events(tape)
    first = next(facts, None)
    if first is None:
        return
    # Whether something was lost before the first message of a journal that was pruned, only a gap can tell.
    start = (first.header.epoch, first.header.seq)
    before = (start[0], start[1] - 1)
    if any((gap.body.of_epoch, gap.body.first) < start for gap in gaps if isinstance(gap.body, Gap)):
        before = (0, 0)
    given = deque(event.body for event in _events(_beside(tape, topics.LEVELS)) if isinstance(event.body, GivenLevels))
    for recalled in recall(topic, _with(first, facts), gaps, reader=READER, after=before):
        body = recalled.event.body
        while isinstance(body, Bar) and given and given[0].after_ns < body.close_ns:
            yield given.popleft()
        if isinstance(body, Bar | Gap):
            yield body


def closes(tape: Path) -> dict[str, int]:
    """When RTH ended on each trade date of the run, in minutes after midnight, by the sessions beside a tape of bars."""
    sessions = _beside(tape, topics.SESSION)
    if not sessions.exists():
        return {}
    try:
        return {at.session: at.closes for at in map(_closes.decode, journal.scan(sessions))}
    except (JournalError, msgspec.MsgspecError) as error:
        raise DataError(f"{sessions}: {error}") from error


def _beside(tape: Path, prefix: str) -> Path:
    """The tape of the same instrument's topic with another prefix."""
    return tape.with_name(f"{prefix}{tape.name.removeprefix(BARS).removesuffix(f'.1m{SUFFIX}')}{SUFFIX}")


def _events(tape: Path) -> Iterator[Event]:
    if not tape.exists():
        return
    topic = f"{tape.name.removesuffix(SUFFIX)}."
    try:
        for frame in journal.scan(tape):
            try:
                yield Event(topic, *wire.decode(frame))
            except PeerError:  # out of bounds: an earlier version recorded it; its number becomes a gap, as in a recovery
                continue
    except JournalError as error:
        raise DataError(f"{tape}: {error}") from error


def _with(first: Event, others: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from others


def _about(event: Event, topic: str) -> bool:
    return isinstance(event.body, Gap) and event.body.topic == topic


def recognise(head: Head) -> str:
    if not head.raw.startswith((MAGIC, CONTINUED)):
        return ""
    return "it is a tape of tapewire's journal" + (" with bars" if head.path.name.startswith(BARS) else "")


def read(head: Head, options: Options, progress: Progress) -> Content:
    path = head.path
    bars: list[Bar] = []
    try:
        for number, frame in enumerate(journal.scan(path), 1):
            try:
                bars.append(_bar.decode(frame))
            except msgspec.MsgspecError as error:
                remedy = "name the run's folder, or its tape of raw bars"
                raise DataError(f"{path}, record {number}: not a bar ({error}); {remedy}") from error
    except JournalError as error:
        raise DataError(f"{path}: {error}") from error
    progress(1.0)
    return content(bars)


def content(bars: Sequence[Bar]) -> Content:
    """Bars of one instrument, and those that stand beside them, as columns."""
    if not bars:
        return Content([], UTC, "close", assumed=False)
    close = np.array([bar.close_ns for bar in bars], np.int64)
    line = np.arange(1, len(bars) + 1)
    beside: dict[str, list[tuple[int, CrossBar]]] = {}
    for place, bar in enumerate(bars):
        for other in bar.cross:
            beside.setdefault(other.instrument, []).append((place, other))
    parts = [Part(bars[0].instrument, _rows(bars, close, line))]
    for name, rows in beside.items():
        at = np.array([place for place, _ in rows])
        parts.append(Part(name, _rows([other for _, other in rows], close[at], line[at])))
    return Content(parts, UTC, "close", assumed=False, rows=len(bars))


def _rows(bars: Sequence[Bar | CrossBar], close: Whole, line: Whole) -> Bars:
    prices = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars]).T
    volume = np.array([bar.volume for bar in bars], np.int64)
    flow = _known([(bar.ask_volume, bar.bid_volume) for bar in bars])
    moves = _known([(bar.up_ticks, bar.down_ticks) if isinstance(bar, Bar) else (None, None) for bar in bars])
    up, down = (None, None) if (moves < 0).all() else moves
    return Bars(close, prices[0], prices[1], prices[2], prices[3], volume, line, flow[0], flow[1], up, down)


def _known(pairs: Sequence[tuple[int | None, int | None]]) -> Whole:
    """Two columns; -1 where a bar has none."""
    return np.array([[-1 if each is None else each for each in pair] for pair in pairs], np.int64).T

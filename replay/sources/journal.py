"""tapewire's own journal: the raw bars of a run, live or replayed, as they came, companions included.

A run's folder holds a tape for every topic; `raw.bar.<SYMBOL>.1m.tape` are the bars. What was lost on the way is not in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from tapewire.bus import journal, topics
from tapewire.bus.errors import DataError, JournalError
from tapewire.bus.messages import Bar, CrossBar
from tapewire.replay.sources.table import UTC, Bars, Content, Head, Options, Part, Progress, Whole

NAME = "tapewire journal"
FOLDER = "journal"
MINUTE = "1m"
_bar = msgspec.msgpack.Decoder(Bar)


def tapes(run: Path) -> list[Path]:
    """The tapes of raw bars in a run's folder; empty if it is none."""
    return sorted((run / FOLDER).glob(f"{topics.RAW}bar.*.tape"))


def recognise(head: Head) -> str:
    if not head.raw.startswith(journal.MAGIC):
        return ""
    return "it is a tape of tapewire's journal" + (" with bars" if head.path.name.startswith(f"{topics.RAW}bar.") else "")


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
    flow = np.array([[-1 if side is None else side for side in (bar.ask_volume, bar.bid_volume)] for bar in bars], np.int64).T
    volume = np.array([bar.volume for bar in bars], np.int64)
    return Bars(close, prices[0], prices[1], prices[2], prices[3], volume, line, flow[0], flow[1])

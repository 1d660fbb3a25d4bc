"""Reading the journal of a finished run: one file per topic under `RUN/journal/`, `<topic without its last dot>.tape`.

Facts are decoded into the struct that the reader names. It may be the message itself or a narrower struct with a few of its fields:
MessagePack maps have field names, so decoding three of forty fields costs three.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.bus import topics as names
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.journal import scan
from tapewire.strategies.clock import new_york

SUFFIX = ".tape"
FOLDER = "journal"
MARK = "journal.json"

Kept: TypeAlias = Literal["none", "decisions", "all"]
"""What of a backtest's messages its journal keeps (replay/keeping.py)."""

OF_A_BAR = (names.RAW, names.TIMEFRAME, names.AUCTION, names.SESSION, names.EVAL_DONE, names.SUPPRESSED)

T = TypeVar("T")


class _Mark(Struct, frozen=True):
    journal: Kept


def kept(run: Path) -> Kept:
    """What a run's journal keeps. Raises DataError if its mark cannot be read."""
    path = run / MARK
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Mark).journal
    except FileNotFoundError:
        return "all"
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; run it again") from error


def mark(run: Path, kind: Kept) -> None:
    """Note what a run's journal keeps; without a note it is all."""
    disk.replace(run / MARK, msgspec.json.encode(_Mark(kind)) + b"\n")


def of_a_bar(topic: str) -> bool:
    """Whether each bar leaves a message on this topic, so that `decisions` does not keep all of them."""
    return topic.startswith(OF_A_BAR)


def topics(run: Path, prefix: str = "") -> list[str]:
    """The topics of a run, sorted.

    Raises:
        ConfError: there is no journal; the path is not a run's.
    """
    folder = run / FOLDER
    if not folder.is_dir():
        if kept(run) == "none":
            raise ConfError(f"{run} has no messages: it ran with --journal none; run it again with --journal decisions, or all")
        why = "does not exist" if not run.exists() else "has no journal/"
        raise ConfError(f"{run} {why}; name the folder that `tapewire backtest` or `tapewire replay` left (its --out)")
    found = (f"{path.name.removesuffix(SUFFIX)}." for path in folder.glob(f"*{SUFFIX}"))
    return sorted(topic for topic in found if topic.startswith(prefix))


def frames(run: Path, topic: str) -> Iterator[bytes]:
    """The messages of one topic as they were published, oldest first. Raises JournalError if the file is damaged."""
    return scan(run / FOLDER / f"{topic.removesuffix('.')}{SUFFIX}")


def facts(run: Path, prefix: str, kind: type[T]) -> Iterator[T]:
    """Every fact on the topics with this prefix, topic by topic.

    Raises:
        ConfError: no journal. DataError: a record is not of this kind; the text names topic and record.
    """
    decoder = msgspec.msgpack.Decoder(kind)
    for topic in topics(run, prefix):
        for number, frame in enumerate(frames(run, topic), 1):
            try:
                yield decoder.decode(frame)
            except msgspec.MsgspecError as error:
                raise DataError(f"{run}: record {number} of {topic} is not what the topic holds ({error}); run it again") from error


def wall(at_ns: int) -> str:
    """A time as Eastern wall-clock time, `2027-02-24T10:31:00`, as bars are stamped."""
    return f"{new_york(at_ns):%Y-%m-%dT%H:%M:%S}"

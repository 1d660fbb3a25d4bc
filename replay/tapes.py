"""Reading the journal of a finished run: one file per topic under `RUN/journal/`, `<topic without its last dot>.tape`.

Facts are decoded into the struct that the reader names. It may be the message itself or a narrower struct with a few of its fields:
MessagePack maps have field names, so decoding three of forty fields costs three.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.journal import scan
from tapewire.strategies.clock import new_york

SUFFIX = ".tape"

T = TypeVar("T")


def topics(run: Path, prefix: str = "") -> list[str]:
    """The topics of a run, sorted.

    Raises:
        ConfError: there is no journal; the path is not a run's.
    """
    folder = run / "journal"
    if not folder.is_dir():
        why = "does not exist" if not run.exists() else "has no journal/"
        raise ConfError(f"{run} {why}; name the folder that `tapewire backtest` or `tapewire replay` left (its --out)")
    found = (f"{path.name.removesuffix(SUFFIX)}." for path in folder.glob(f"*{SUFFIX}"))
    return sorted(topic for topic in found if topic.startswith(prefix))


def frames(run: Path, topic: str) -> Iterator[bytes]:
    """The messages of one topic as they were published, oldest first. Raises JournalError if the file is damaged."""
    return scan(run / "journal" / f"{topic.removesuffix('.')}{SUFFIX}")


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

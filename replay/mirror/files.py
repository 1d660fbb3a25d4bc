"""The dated files of a run, with their names in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tapewire.bus import feed_files
from tapewire.bus.errors import DataError
from tapewire.replay.days import folders
from tapewire.replay.mirror.plan import Local

GROWING = folders.GROWING
FEED = "feed.jsonl"


class DatedFile(NamedTuple):
    """A file of a run: where it is, and as what it is copied."""

    path: Path
    local: Local


def public(run: Path) -> Iterator[DatedFile]:
    """The feed, a file for each trade date, oldest first, and the anchors of those dates."""
    paths = sorted((run / feed_files.FOLDER).glob(f"[0-9]*{feed_files.SUFFIX}"))
    for path in paths:
        final = path != paths[-1] or feed_files.closing(path) is not None
        yield from _source(path, f"{path.stem.replace('-', '/')}/{FEED}", final=final)
    for suffix in feed_files.ANCHORS:
        for path in sorted((run / feed_files.FOLDER).glob(f"[0-9]*{suffix}")):
            date, _, name = path.name.partition(".")
            yield from _source(path, f"{date.replace('-', '/')}/{name}", final=True)


def private(run: Path) -> Iterator[DatedFile]:
    """The folders of days, and the summaries of months."""
    days = folders.dates(run)
    over = {date for date in days if _over(run, date)}
    for path in sorted((run / folders.FOLDER).rglob("*")):
        name = path.relative_to(run / folders.FOLDER).as_posix()
        if "/" in name and path.is_file() and not path.name.startswith("."):
            date = "-".join(path.parent.parts[-3:])
            yield from _source(path, name, final=date in over if date in days else bool(over))


def content(source: DatedFile) -> bytes:
    """What is to be copied: of a file that grows whole lines only."""
    data = source.path.read_bytes()
    return data[: data.rfind(b"\n") + 1] if source.local.grows else data


def _source(path: Path, name: str, *, final: bool) -> Iterator[DatedFile]:
    with suppress(FileNotFoundError):  # replaced or removed meanwhile
        about = path.stat()
        yield DatedFile(path, Local(name, about.st_size, about.st_mtime_ns, path.suffix in GROWING, final))


def _over(run: Path, date: str) -> bool:
    try:
        done = folders.performance(run, date)
    except DataError:
        return False
    return done is not None and done.closed

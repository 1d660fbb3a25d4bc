"""The bytes of a file, unpacked: `.gz`, `.bz2` and `.zst`, told by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tapewire.bus import archive
from tapewire.bus.errors import DataError
from tapewire.replay.sources.table import Progress

ZSTD = b"\x28\xb5\x2f\xfd"
PACKED = (".gz", ".bz2", ".zst")


def beginning(path: Path, size: int) -> bytes:
    """The first unpacked bytes of a file. Raises DataError if it cannot be opened."""
    with guarded(path), _opened(path) as (stream, _):
        return stream.read(size)


def pieces(path: Path, size: int, progress: Progress) -> Iterator[bytes]:
    """The unpacked bytes of a file, in pieces of so many. Raises DataError if it cannot be unpacked."""
    total = max(path.stat().st_size, 1)
    with guarded(path), _opened(path) as (stream, raw):
        while piece := stream.read(size):
            yield piece
            progress(min(raw.tell() / total, 1.0))


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Whatever prevents reading a file is a DataError that names it."""
    try:
        yield
    except EOFError as error:
        raise DataError(f"{path}: the compressed file ends in the middle of its data; copy or export it again") from error
    except UnicodeError as error:
        raise DataError(f"{path}: {error}; save the file as UTF-8") from error
    except (zlib.error, OSError) as error:
        raise DataError(f"{path}: unreadable ({error}); copy or export it again") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The unpacked bytes of a file, and the file itself. Compression is told by its first bytes, or else by its name."""
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b" or path.suffix == ".gz":
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)), raw
        elif magic[:3] == b"BZh":
            yield cast(BinaryIO, bz2.BZ2File(raw)), raw
        elif magic == ZSTD:
            zstd = archive.library()
            try:
                yield cast(BinaryIO, zstd.ZstdFile(raw)), raw
            except zstd.ZstdError as error:
                raise DataError(f"{path}: unreadable ({error}); copy or export it again") from error
        else:
            yield raw, raw

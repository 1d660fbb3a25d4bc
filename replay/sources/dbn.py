"""Databento's binary files, `.dbn` and `.dbn.zst`, through the vendor's own library: an extra, because few need it.

The library turns the file into the vendor's CSV with the symbols of its metadata, and the reader of that CSV reads it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tapewire.bus.errors import DataError
from tapewire.replay.sources import databento, layouts, unpack
from tapewire.replay.sources.table import Content, Head, Options, Progress

NAME = "Databento DBN"
MAGIC = b"DBN"
PIECE = 1 << 22
PANIC = "PanicException"
SHARE = 0.5  # of the work: the conversion


def recognise(head: Head) -> str:
    return "its first bytes are DBN" if head.raw.startswith(MAGIC) and head.text is None else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    with tempfile.TemporaryDirectory(prefix="tapewire-") as folder:
        table = Path(folder) / f"{head.path.name}.csv"
        rest = _convert(head.path, table, lambda share: progress(share * SHARE))
        try:
            written = layouts.head_of(table)
            if not databento.recognise(written):
                raise DataError(f"{head.path}: neither bars nor trades; download ohlcv-1m, ohlcv-1s or trades")
            content = databento.read(written, options, lambda share: progress(SHARE + share * (1 - SHARE)))
        except DataError as error:
            raise type(error)(str(error).replace(str(table), str(head.path))) from error
    told = [line.replace(table.name, head.path.name) for line in content.told]
    if rest:
        told.append(f"{head.path.name}: the last {rest} bytes are less than a record, the file was still being written; left out")
    content.told[:] = told
    return content


def _convert(path: Path, table: Path, progress: Progress) -> int:
    """Write a DBN file as CSV. Returns how many bytes at the end are no whole record."""
    try:
        import databento_dbn
    except ImportError as error:
        raise DataError(f"{path}: reading DBN needs Databento's library; pip install 'tapewire[dbn]', or download CSV") from error
    with table.open("wb") as stream:
        transcoder = databento_dbn.Transcoder(
            stream,
            databento_dbn.Encoding.CSV,
            databento_dbn.Compression.NONE,
            pretty_px=False,
            pretty_ts=False,
            map_symbols=True,
        )
        try:
            for piece in unpack.pieces(path, PIECE, progress):
                transcoder.write(piece)
            transcoder.flush()
            rest = len(transcoder.buffer())
            transcoder.finish()
        except BaseException as error:
            # The library panics on some damage, and a panic of Rust is no Exception.
            if not isinstance(error, databento_dbn.DBNError) and type(error).__name__ != PANIC:
                raise
            raise DataError(f"{path}: {error}; copy or download the file again") from error
    return rest

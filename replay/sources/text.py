"""Tables of text as columns: unpacked, decoded, separated, each cell checked; whole files in pieces, so that memory stays small.

A text is read in blocks of whole lines. The shape of each line is checked here (too many or too few cells, a last line that was
cut, a header in the middle, blank lines), and pandas converts the cells of rows that have the right shape. Line numbers are those
of an editor.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tapewire.bus.errors import DataError, suggest
from tapewire.replay.sources.table import Bad, Flags, Head, Progress, Whole, narrow

HEAD = 1 << 16
BLOCK = 1 << 21
ZSTD = b"\x28\xb5\x2f\xfd"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
AGAIN = "correct the line or export the file again"
AHEAD = 64  # pieces for which a column has room at first
NEWLINE = ord("\n")
_UNIT = b"\x1f"

Column = NDArray[Any]
Convert = Callable[[Any], tuple[Column, Flags]]
"""Cells of one column (a Series) as values, and which of them are none. See `price`, `whole`, `Words`, and stamps.py."""


class Layout(NamedTuple):
    """How a table is written. names: of its columns, in order. first: the line of the first data row, from 1."""

    names: tuple[str, ...]
    separator: str = ","
    decimal: str = "."
    first: int = 1


class Wanted(NamedTuple):
    """A column to read. why: what is wrong with a cell that cannot be converted, with the remedy.

    exact: whole numbers of many digits, which must not become floats because another cell of the column is none.
    width: if above 0, `convert` takes so many first signs of each cell, as a table of bytes with 0 behind a cell's end.
    raw: cells stay text, so that `0931` is no number. few: they are few different texts; `convert` takes a categorical Series.
    """

    convert: Convert
    why: str
    exact: bool = False
    width: int = 0
    raw: bool = False
    few: bool = False


@dataclass(slots=True)
class Table:
    """Columns of the rows that could be read, and the rows that could not.

    rows: data rows in the file, bad ones included. blank: lines. header, separator, width, stops (see `_stops`): of the block that
    is being read.
    """

    line: Whole
    columns: dict[str, Column]
    bad: list[Bad] = field(default_factory=list)
    rows: int = 0
    told: list[str] = field(default_factory=list)
    blank: int = 0
    header: bytes = b""
    separator: str = ","
    width: int = 0
    stops: Whole | None = None


def head_of(path: Path) -> Head:
    """The beginning of a file. Raises DataError if it cannot be opened."""
    with _guarded(path), _opened(path) as (stream, _):
        raw = stream.read(HEAD)
    encoding = "utf-16" if raw.startswith(UTF16) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # to be recognised; `read` refuses it by the line
    if "\0" in text:
        return Head(path, raw, None, [])
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(raw) == HEAD or not lines[-1]:
        lines.pop()
    return Head(path, raw, text, lines)


def fields_of(line: str, separator: str) -> list[str]:
    """The cells of one line, unquoted and stripped."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def separator_of(line: str) -> str:
    """The separator that a line uses: of `;`, tab, `,` and `|` the one that splits it into the most cells."""
    return max(";\t,|", key=lambda sign: (len(fields_of(line, sign)), sign == ","))


def layout_of(head: Head) -> Layout | None:
    """The layout of a table with a header line; lines that begin with `#` before it are skipped. None: there is no text."""
    for number, line in enumerate(head.lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        separator = separator_of(line)
        names = tuple(name.lower() for name in fields_of(line, separator))
        while names and not names[-1]:
            names = names[:-1]
        return Layout(names, separator, decimal_of(head.lines[number:], separator), number + 1)
    return None


def decimal_of(lines: Sequence[str], separator: str) -> str:
    """The decimal sign of these rows: a comma where numbers such as `24448,75` stand between other separators."""
    comma = re.compile(r"-?\d+,\d+")
    if separator == ",":
        return "."
    return "," if any(comma.fullmatch(cell) for line in lines[:50] for cell in fields_of(line, separator)) else "."


def first_row(head: Head, layout: Layout) -> list[str]:
    """The cells of the first data row that is not blank; none if there is none."""
    lines = (line for line in head.lines[layout.first - 1 :] if line.strip())
    return fields_of(next(lines, ""), layout.separator)


def need(path: Path, layout: Layout, names: Sequence[str], remedy: str) -> None:
    """Raises DataError if a column is missing or appears twice."""
    for name in names:
        where = f"{path}, line {layout.first - 1}"
        if name not in layout.names:
            near = suggest(name, [each for each in layout.names if each not in names])
            raise DataError(f"{where}: column {name!r} is missing{near}; the header names {', '.join(layout.names)}; {remedy}")
        if layout.names.count(name) > 1:
            raise DataError(f"{where}: column {name!r} appears twice; keep one")


def price(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """Decimal numbers; what is not finite is none."""
    values = _numbers(cells)
    bad = ~np.isfinite(values)
    return np.where(bad, 0.0, values) if bad.any() else values, bad


def whole(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """Whole numbers, 0 or more, below 10^15."""
    if cells.dtype.kind == "i":
        numbers = cells.to_numpy(np.int64)
        return numbers, (numbers < 0) | (numbers >= 10**15)
    values = _numbers(cells)
    bad = ~((values >= 0) & (values < 1e15) & (values == np.floor(values)))
    return np.where(bad, 0.0, values).astype(np.int64), bad


PRICE = Wanted(price, f"not a price (digits and a point); {AGAIN}")
CONTRACTS = Wanted(whole, f"not a whole number of contracts, 0 or more; {AGAIN}")


class Words:
    """Converts a column of few different words to their numbers in `self.words`."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, cells: pd.Series[Any]) -> tuple[Column, Flags]:
        categories, codes = cells.cat.categories, cells.cat.codes.to_numpy(np.int64)
        numbers = np.zeros(len(categories), np.int16)
        for code in pd.unique(codes):  # in the order of the rows
            numbers[code] = self._number(str(categories[code]).strip())
        return numbers[codes], np.zeros(len(cells), np.bool_)

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.words)
            self.words.append(text)
        return self._numbers[text]


def groups(words: Words, numbers: Whole) -> Iterator[tuple[str, Flags]]:
    """Each word of a column that `Words` converted, with its rows; in the order of their first rows."""
    for number, word in enumerate(words.words):
        rows = numbers == number
        if rows.any():
            yield word, rows


def read(head: Head, layout: Layout, wanted: Mapping[str, Wanted], progress: Progress, stamp: str = "") -> Table:
    """Read the wanted columns of a whole file. stamp: the column whose values are nanoseconds, which a `Bad` keeps.

    A row with a cell that cannot be converted is a `Bad` of its first such column, in the order of `wanted`. Blank lines are
    skipped; a repeated header is told. A last line without an end that has too few cells was being written: it is told, not read.

    Raises:
        DataError: the file cannot be unpacked or decoded, or a row has more or fewer cells than the header names.
    """
    table = Table(np.empty(0, np.int64), {})
    lines, columns = _Grown(), {name: _Grown() for name in wanted}
    for block in _blocks(head, progress):
        content, line = _rows(head.path, block, layout, table)
        if len(line):
            line, pieces = _columns(content, line, layout, wanted, table, stamp)
            lines.add(narrow(line))
            for name, piece in pieces.items():
                columns[name].add(piece)
    table.line = lines.whole()
    table.columns = {name: column.whole() for name, column in columns.items()}
    if table.blank:
        table.told.append(f"{head.path.name}: {table.blank} blank lines")
    table.bad.sort(key=lambda bad: bad.line)
    progress(1.0)
    return table


def pieces(path: Path, size: int, progress: Progress) -> Iterator[bytes]:
    """The unpacked bytes of a file, in pieces of so many. Raises DataError if it cannot be unpacked."""
    total = max(path.stat().st_size, 1)
    with _guarded(path), _opened(path) as (stream, raw):
        while piece := stream.read(size):
            yield piece
            progress(min(raw.tell() / total, 1.0))


class _Grown:
    """A column that is written piece by piece into one place: pieces that are joined in the end need twice the memory."""

    def __init__(self) -> None:
        self._column: Column = np.empty(0, np.int64)
        self._size = 0

    def add(self, piece: Column) -> None:
        need = self._size + len(piece)
        kind = np.result_type(self._column, piece) if self._size else piece.dtype
        if need > len(self._column) or kind != self._column.dtype:
            # What is never written takes no memory.
            wider = np.empty(max(AHEAD * len(piece), 2 * self._size), kind)
            wider[: self._size] = self._column[: self._size]
            self._column = wider
        self._column[self._size : need] = piece
        self._size = need

    def whole(self) -> Column:
        return self._column[: self._size]


class _Block(NamedTuple):
    """Whole lines of a text in UTF-8, each with `\\n` at its end. first: the line's number. cut: the last one had no end."""

    content: bytes
    first: int
    cut: bool


def _blocks(head: Head, progress: Progress) -> Iterator[_Block]:
    """The text of a file in blocks of whole lines."""
    path, number, rest = head.path, 1, b""
    utf16 = codecs.getincrementaldecoder("utf-16")() if head.raw.startswith(UTF16) else None
    with _guarded(path):
        for piece in itertools.chain(pieces(path, BLOCK, progress), [b""]):
            ended = not piece
            text = piece if utf16 is None else utf16.decode(piece, final=ended).encode()
            if number == 1 and not rest:
                text = text.removeprefix(codecs.BOM_UTF8)
            rest += text
            if not ended and rest.endswith(b"\r"):
                continue
            content = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in rest else rest
            cut = ended and bool(content) and not content.endswith(b"\n")
            end = len(content) if ended else content.rfind(b"\n") + 1
            rest = content[end:]
            if end:
                block = content[:end] + b"\n" * cut
                _decodes(path, block, number)
                yield _Block(block, number, cut)
                number += int(np.count_nonzero(np.frombuffer(block, np.uint8) == NEWLINE))


def _decodes(path: Path, block: bytes, first: int) -> None:
    if block.isascii():
        return
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = first + block.count(b"\n", 0, error.start)
        raise DataError(f"{path}, line {line}: byte 0x{block[error.start]:02x} is not UTF-8; save the file as UTF-8") from error


def _rows(path: Path, block: _Block, layout: Layout, table: Table) -> tuple[bytes, Whole]:
    """The data rows of a block, each with as many cells as the header names, and their line numbers."""
    content, first, separator = block.content, block.first, layout.separator.encode()
    start = 0
    while first < layout.first and start < len(content):
        end = content.index(b"\n", start)
        table.header = content[start:end]
        start, first = end + 1, first + 1
    content = content[start:]
    header = table.header
    if b'"' in content:
        content = _unquoted(content, layout.separator)
        header = _unquoted(header + b"\n", layout.separator)[:-1]
        separator = _UNIT
    width = len(layout.names)
    table.separator, table.width = separator.decode(), width
    table.stops = _stops(content, separator, width)
    if table.stops is not None:
        ends = table.stops[:, -1]
        cells = np.full(len(ends), width)
    else:
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == NEWLINE)
        cells = _per_line(content, separator, ends) + 1
    line = np.arange(first, first + len(ends), dtype=np.int64)
    # One empty cell too many is a separator at the end of the line.
    fits = (cells == width) | ((cells == width + 1) & _ends_with(content, separator, ends))
    keep = fits.copy()
    for at in np.flatnonzero(~fits):
        text = content[ends[at - 1] + 1 if at else 0 : ends[at]].decode()
        shown = text.replace(_UNIT.decode(), layout.separator)
        if not shown.strip(f" \t{layout.separator}"):
            table.blank += 1
            continue
        if block.cut and at == len(ends) - 1 and cells[at] < width:
            table.told.append(f"{path.name}, line {line[at]}: {shown[:60]!r} is cut, the file was still being written; left out")
            continue
        names = "header names" if header else "rows before it have"
        table.bad.append(Bad(int(line[at]), "row", shown[:60], f"{cells[at]} fields, the {names} {width}; {AGAIN}"))
    for row in _again(content, header, ends):
        table.told.append(f"{path.name}, line {line[row]}: the header again; left out")
        keep[row] = False
    table.rows += int(keep.sum())
    if not keep.all():
        table.stops = None
        starts = np.concatenate(([0], ends + 1))
        # Rows that are kept stand in few runs: behind the header, and around what is left out.
        edges = np.flatnonzero(np.diff(np.concatenate(([0], keep, [0]))))
        content = b"".join(content[starts[first] : starts[last]] for first, last in edges.reshape(-1, 2))
    table.width = int(cells[keep].max(initial=width))
    return content, line[keep]


def _again(content: bytes, header: bytes, ends: Whole) -> Iterator[int]:
    """The rows that are the header."""
    if not header or header not in content:
        return
    if content.startswith(header + b"\n"):
        yield 0
    at = content.find(b"\n" + header + b"\n")
    while at >= 0:
        yield int(np.searchsorted(ends, at)) + 1
        at = content.find(b"\n" + header + b"\n", at + 1)


def _columns(
    content: bytes, line: Whole, layout: Layout, wanted: Mapping[str, Wanted], table: Table, stamp: str
) -> tuple[Whole, dict[str, Column]]:
    """The wanted columns of data rows, without the rows that have a cell which cannot be converted."""
    places = {name: layout.names.index(name) for name in wanted}
    at = {name: place for name, place in places.items() if not wanted[name].width}

    blanks = b" " in content and f"{table.separator} ".encode() in content

    def frame_of(kinds: Mapping[int, object]) -> Any:
        return pd.read_csv(
            io.BytesIO(content),
            sep=table.separator,
            decimal=layout.decimal,
            header=None,
            names=range(table.width),
            usecols=sorted(at.values()),
            dtype=kinds,
            index_col=False,
            skip_blank_lines=False,
            skipinitialspace=blanks,
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            low_memory=False,
        )

    kinds: dict[int, object] = {place: str for name, place in at.items() if wanted[name].raw}
    few: dict[int, object] = {
        place: "category" for name, place in at.items() if wanted[name].few or isinstance(wanted[name].convert, Words)
    }
    frame = frame_of(kinds | few)
    rounded: dict[int, object] = {place: str for name, place in at.items() if wanted[name].exact and frame[place].dtype.kind == "f"}
    if rounded:
        frame = frame_of(kinds | few | rounded)
    refused = np.zeros(len(line), np.bool_)
    columns: dict[str, Column] = {}
    for name, (convert, why, _, width, *_) in wanted.items():
        cells: Any = _signs(content, table, places[name], width) if width else frame[at[name]]
        columns[name], wrong = convert(cells)
        if convert is whole:
            columns[name] = narrow(columns[name])
        for row in np.flatnonzero(wrong & ~refused):
            value = bytes(cells[row]).rstrip(b"\0").decode(errors="replace") if width else str(cells.iloc[row])
            stamp_ns = int(columns[stamp][row]) if stamp in columns and stamp != name else None
            table.bad.append(Bad(int(line[row]), name, value, why, stamp_ns))
        refused |= wrong
    if not refused.any():
        return line, columns
    return line[~refused], {name: column[~refused] for name, column in columns.items()}


def runs(letters: NDArray[np.uint8]) -> tuple[Whole, Whole]:
    """Where each run of equal rows begins, and how many rows it has."""
    if not letters.shape[1]:
        return np.zeros(min(len(letters), 1), np.int64), np.array([len(letters)] * (len(letters) > 0), np.int64)
    texts = np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel()
    starts = np.flatnonzero(np.concatenate(([True], texts[1:] != texts[:-1])))
    return starts, np.diff(starts, append=len(letters))


def _cells(stops: Whole, column: int) -> tuple[Whole, Whole]:
    """Where the cells of a column start and end."""
    return stops[:, column - 1] + 1 if column else np.concatenate(([0], stops[:-1, -1] + 1)), stops[:, column]


def _stops(content: bytes, separator: bytes, width: int) -> Whole | None:
    """Where each cell ends, if every line has so many: a row for each line."""
    signs = np.frombuffer(content, np.uint8)
    newline = signs == NEWLINE
    stops = np.flatnonzero(newline | (signs == ord(separator)))
    if len(stops) != np.count_nonzero(newline) * width or not newline[stops[width - 1 :: width]].all():
        return None
    return stops.reshape(-1, width)


def _signs(content: bytes, table: Table, column: int, width: int) -> NDArray[np.uint8]:
    """The first signs of the cells of one column."""
    signs = np.frombuffer(content + bytes(width), np.uint8)
    if table.stops is not None:
        starts, ends = _cells(table.stops, column)
    else:
        ends = np.flatnonzero(signs == NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        places = np.append(np.flatnonzero(signs == ord(table.separator)), len(signs))
        cell = np.searchsorted(places, starts) + column
        ends = np.minimum(ends, places[cell])
        if column:
            starts = places[cell - 1] + 1
    starts = starts + (signs[starts] == ord(" "))
    letters: NDArray[np.uint8] = np.lib.stride_tricks.sliding_window_view(signs, width)[starts]
    lengths = ends - starts
    longest, shortest = lengths.max(initial=0), lengths.min(initial=width)
    letters[:, longest:] = 0
    if shortest < longest:
        letters[np.arange(width) >= lengths[:, None]] = 0
    return letters


def _per_line(content: bytes, sign: bytes, ends: Whole) -> Whole:
    """How often a sign stands in each line."""
    places = np.flatnonzero(np.frombuffer(content, np.uint8) == ord(sign))
    return np.diff(np.searchsorted(places, ends), prepend=0)


def _ends_with(content: bytes, sign: bytes, ends: Whole) -> Flags:
    last = np.frombuffer(content, np.uint8)[np.maximum(ends - 1, 0)]
    return np.asarray(last == ord(sign))


def _unquoted(content: bytes, separator: str) -> bytes:
    """The same rows without quotes, separated by a sign that no cell holds."""
    unit = _UNIT.decode()
    lines = (
        unit.join(next(csv.reader([line], delimiter=separator, skipinitialspace=True), []))
        for line in content.decode().split("\n")[:-1]
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _numbers(cells: pd.Series[Any]) -> NDArray[np.float64]:
    if cells.dtype.kind == "b":
        return np.full(len(cells), np.nan)  # True is no number
    numbers = cells if cells.dtype.kind in "iuf" else pd.to_numeric(cells, errors="coerce")
    return np.asarray(numbers, np.float64)


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
            zstd = _zstd(path)
            try:
                yield cast(BinaryIO, zstd.ZstdFile(raw)), raw
            except zstd.ZstdError as error:
                raise DataError(f"{path}: unreadable ({error}); copy or export it again") from error
        else:
            yield raw, raw


def _zstd(path: Path) -> Any:
    """The library for files that are packed with zstd, as Databento packs its files."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise DataError(f"{path}: packed with zstd; pip install 'tapewire[dbn]', or unpack it with zstd -d") from error
    return zstd


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise DataError(f"{path}: the compressed file ends in the middle of its data; copy or export it again") from error
    except UnicodeError as error:
        raise DataError(f"{path}: {error}; save the file as UTF-8") from error
    except (zlib.error, OSError) as error:
        raise DataError(f"{path}: unreadable ({error}); copy or export it again") from error

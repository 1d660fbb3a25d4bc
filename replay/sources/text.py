"""Tables of text as columns: whole files in pieces, so that memory stays small.

A text is read in blocks of whole lines. The shape of each line is checked here (too many or too few cells, a last line that was
cut, a header in the middle, blank lines); the cells of rows that have the right shape are converted (cells.py, stamps.py). Line
numbers are those of an editor.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import DataError
from tapewire.replay.sources import unpack
from tapewire.replay.sources.cells import AGAIN, BLANK, Cells, Column, Wanted, changes
from tapewire.replay.sources.digits import PADDING, WORD, Lines
from tapewire.replay.sources.layouts import UTF16, Layout
from tapewire.replay.sources.table import Bad, Flags, Head, Progress, Whole

BLOCK = 1 << 21
AHEAD = 128  # pieces for which a column has room at first
NEWLINE = ord("\n")
ROOM = bytes(PADDING)
_UNIT = b"\x1f"


class Runs(NamedTuple):
    """A column of which only changes are kept: the line of the first row of each run of equal cells, and their value."""

    lines: Whole
    values: Whole


@dataclass(slots=True)
class Table:
    """Columns of the rows that could be read, and the rows that could not.

    rows: data rows in the file, bad ones included. blank: lines. header: the line of the header.
    """

    line: Whole
    columns: dict[str, Column]
    runs: dict[str, Runs] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    rows: int = 0
    told: list[str] = field(default_factory=list)
    blank: int = 0
    header: bytes = b""


def read(head: Head, layout: Layout, wanted: Mapping[str, Wanted], progress: Progress, stamp: str = "") -> Table:
    """Read the wanted columns of a whole file. stamp: the column whose values are nanoseconds, which a `Bad` keeps.

    A row with a cell that cannot be converted is a `Bad` of its first such column, in the order of `wanted`. Blank lines are
    skipped; a repeated header is told. A last line without an end that has too few cells was being written: it is told, not read.

    Raises:
        DataError: the file cannot be unpacked or decoded, or a row has more or fewer cells than the header names.
    """
    table = Table(np.empty(0, np.int64), {})
    lines, columns = _Grown(), {name: _Grown() for name, each in wanted.items() if not each.runs}
    runs: dict[str, list[Runs]] = {name: [] for name, each in wanted.items() if each.runs}
    first = 1
    for block in _blocks(head, progress):
        _decodes(head.path, block.content, first)
        rows = _rows(head.path, block, first, layout, table)
        first += rows.lines
        if not len(rows.line):
            continue
        line, pieces = _columns(rows, layout, wanted, table, stamp, runs)
        lines.add(line)
        for name, piece in pieces.items():
            columns[name].add(piece)
    table.line = lines.whole()
    table.columns = {name: column.whole() for name, column in columns.items()}
    table.runs = {name: Runs(*map(np.concatenate, zip(*changes, strict=True))) for name, changes in runs.items() if changes}
    if table.blank:
        table.told.append(f"{head.path.name}: {table.blank} blank lines")
    table.bad.sort(key=lambda bad: bad.line)
    progress(1.0)
    return table


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
    """Whole lines of a text in UTF-8, each with `\\n` at its end, with ROOM before and behind. cut: the last one had no end."""

    content: bytes
    cut: bool


def _blocks(head: Head, progress: Progress) -> Iterator[_Block]:
    """The text of a file in blocks of whole lines."""
    rest, held, begun = b"", b"", False
    utf16 = codecs.getincrementaldecoder("utf-16")() if head.raw.startswith(UTF16) else None
    with unpack.guarded(head.path):
        for piece in itertools.chain(unpack.pieces(head.path, BLOCK, progress), [b""]):
            ended = not piece
            text = piece if utf16 is None else utf16.decode(piece, final=ended).encode()
            if not begun:
                text, begun = text.removeprefix(codecs.BOM_UTF8), True
            if held or b"\r" in text:
                text = held + text
                held = b"\r" if text.endswith(b"\r") and not ended else b""
                text = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            end = len(text) if ended else text.rfind(b"\n") + 1
            if not end and not (ended and rest):
                rest += text
                continue
            cut = ended and not (text or rest).endswith(b"\n")
            content = b"".join((ROOM, rest, memoryview(text)[:end], b"\n" * cut, ROOM))
            rest = text[end:]
            yield _Block(content, cut)


def _decodes(path: Path, block: bytes, first: int) -> None:
    if block.isascii():
        return
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = first + block.count(b"\n", 0, error.start)
        raise DataError(f"{path}, line {line}: byte 0x{block[error.start]:02x} is not UTF-8; save the file as UTF-8") from error


class _Rows(NamedTuple):
    """Data rows of a block that have as many cells as the header names.

    signs: of the block. line: the rows' numbers. starts: of the rows. stops: of each column, where the rows' cells end.
    lines: in the block, all told. blanks: a cell may begin or end with one.
    """

    signs: NDArray[np.uint8]
    line: Whole
    starts: Whole
    stops: Whole
    lines: int
    blanks: bool


def _rows(path: Path, block: _Block, first: int, layout: Layout, table: Table) -> _Rows:
    """The data rows of a block that begins with line `first`; what is wrong with the others is noted in the table."""
    content, separator, width = block.content, layout.separator.encode(), len(layout.names)
    start, end, skipped = PADDING, len(block.content) - PADDING, 0
    while first + skipped < layout.first and start < end:
        stop = content.index(b"\n", start)
        table.header = content[start:stop]
        start, skipped = stop + 1, skipped + 1
    header = table.header
    if content.find(b'"', start) >= 0:
        content = b"".join((ROOM, _unquoted(content[start:end], layout.separator), ROOM))
        header = _unquoted(header + b"\n", layout.separator)[:-1]
        start, end, separator = PADDING, len(content) - PADDING, _UNIT
    signs = np.frombuffer(content, np.uint8)
    newline = signs[start:end] == NEWLINE
    found = signs[start:end] == ord(separator)
    found |= newline
    stops = np.flatnonzero(found)
    lines = int(np.count_nonzero(newline))
    line: Any = np.arange(first + skipped, first + skipped + lines, dtype=np.int32)
    blanks = b" " in content and (
        signs[start] == BLANK or any(pair in content for sign in (separator, b"\n") for pair in (sign + b" ", b" " + sign))
    )
    even = _even(stops, newline, lines, width)
    ends = (stops[newline[stops]] if even is None else even[:, -1]) + start
    stops += start
    starts = np.concatenate(([start], ends[:-1] + 1))[:lines]
    again = (
        [at for at in np.flatnonzero(ends - starts == len(header)) if content[starts[at] : ends[at]] == header] if header else []
    )
    if even is not None and not again:
        table.rows += lines
        return _Rows(signs, line, starts, even[:, :width].T.copy(), lines + skipped, blanks)
    separators = np.append(stops[signs[stops] != NEWLINE], len(signs))
    before = np.searchsorted(separators, starts)
    cells = np.searchsorted(separators, ends) - before + 1
    # One empty cell too many is a separator at the end of the line.
    keep = (cells == width) | ((cells == width + 1) & (signs[ends - 1] == ord(separator)))
    for at in np.flatnonzero(~keep):
        shown = content[starts[at] : ends[at]].decode().replace(_UNIT.decode(), layout.separator)
        if not shown.strip(f" \t{layout.separator}"):
            table.blank += 1
            continue
        if block.cut and at == lines - 1 and cells[at] < width:
            table.told.append(f"{path.name}, line {line[at]}: {shown[:60]!r} is cut, the file was still being written; left out")
            continue
        names = "header names" if header else "rows before it have"
        table.bad.append(Bad(int(line[at]), "row", shown[:60], f"{cells[at]} fields, the {names} {width}; {AGAIN}"))
    for at in again:
        table.told.append(f"{path.name}, line {line[at]}: the header again; left out")
        keep[at] = False
    table.rows += int(keep.sum())
    starts, ends = starts[keep], ends[keep]
    stops = separators[np.minimum(before[keep][:, None] + np.arange(width), len(separators) - 1)]
    return _Rows(signs, line[keep], starts, np.minimum(stops, ends[:, None]).T, lines + skipped, blanks)


def _even(stops: Whole, newline: Flags, lines: int, width: int) -> Whole | None:
    """Where each cell ends, if every line has so many cells, or each has a separator at its end, too: a row for each line."""
    if not lines or len(stops) % lines:
        return None
    cells = len(stops) // lines
    if cells not in (width, width + 1) or not newline[stops[cells - 1 :: cells]].all():
        return None
    rows = stops.reshape(lines, cells)
    return None if cells > width and (rows[:, -1] - rows[:, -2] != 1).any() else rows


def _columns(
    rows: _Rows, layout: Layout, wanted: Mapping[str, Wanted], table: Table, stamp: str, runs: Mapping[str, list[Runs]]
) -> tuple[Whole, dict[str, Column]]:
    """The wanted columns of data rows, without the rows that have a cell which cannot be converted."""
    refused = np.zeros(len(rows.line), np.bool_)
    columns: dict[str, Column] = {}
    shortest = int((rows.stops[-1] - rows.starts).min())
    lines = Lines(rows.signs, rows.starts, shortest + WORD)
    for name, each in wanted.items():
        cells = _cells(rows, layout.names.index(name), layout.decimal, lines)
        if each.runs:
            first = changes(cells)
            values, wrong = each.convert(cells.at(first))
            runs[name].append(Runs(rows.line[first[~wrong]], values[~wrong]))
            wrong = np.repeat(wrong, np.diff(first, append=len(cells))) if wrong.any() else wrong
        else:
            columns[name], wrong = each.convert(cells)
        if not wrong.any():
            continue
        found = np.flatnonzero(wrong & ~refused)
        for row, value in zip(found.tolist(), cells.at(found).texts(), strict=True):
            stamp_ns = int(columns[stamp][row]) if stamp in columns and stamp != name else None
            table.bad.append(Bad(int(rows.line[row]), name, value, each.why, stamp_ns))
        refused |= wrong
    if not refused.any():
        return rows.line, columns
    return rows.line[~refused], {name: column[~refused] for name, column in columns.items()}


def _cells(rows: _Rows, column: int, decimal: str, lines: Lines) -> Cells:
    starts, ends = rows.stops[column - 1] + 1 if column else rows.starts, rows.stops[column]
    if rows.blanks:
        starts = starts + (rows.signs[starts] == BLANK)
        ends = ends - ((rows.signs[ends - 1] == BLANK) & (ends > starts))
    place = lines.place(starts)
    return Cells(rows.signs, starts, ends, decimal, None if place is None else lines, place or 0)


def _unquoted(content: bytes, separator: str) -> bytes:
    """The same rows without quotes, separated by a sign that no cell holds."""
    unit = _UNIT.decode()
    lines = (
        unit.join(next(csv.reader([line], delimiter=separator, skipinitialspace=True), []))
        for line in content.decode().split("\n")[:-1]
    )
    return "".join(f"{line}\n" for line in lines).encode()

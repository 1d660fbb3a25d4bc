"""How a table of text is written: found from the beginning of a file."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tapewire.bus.errors import DataError, suggest
from tapewire.replay.sources import unpack
from tapewire.replay.sources.table import Head

HEAD = 1 << 16
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Layout(NamedTuple):
    """How a table is written. names: of its columns, in order. first: the line of the first data row, from 1."""

    names: tuple[str, ...]
    separator: str = ","
    decimal: str = "."
    first: int = 1


def head_of(path: Path) -> Head:
    """The beginning of a file. Raises DataError if it cannot be opened."""
    raw = unpack.beginning(path, HEAD)
    encoding = "utf-16" if raw.startswith(UTF16) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # to be recognised; reading the table refuses it by the line
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

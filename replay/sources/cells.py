"""The cells of a table as columns of values: numbers, words, and what is wrong with a cell that is none.

A column is converted as a whole where its cells are written as nearly all files write them. The rest is converted cell by cell, and
gives the same values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapewire.replay.sources import digits
from tapewire.replay.sources.table import Flags, Whole, narrow

AGAIN = "correct the line or export the file again"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
LARGEST = 10**15  # no file counts so many contracts
PLUS, MINUS, BLANK = ord("+"), ord("-"), ord(" ")

Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of some rows.

    signs: UTF-8 with `digits.PADDING` bytes around it. starts, ends: of each cell. lines: of the rows; all cells begin at `place`.
    """

    signs: NDArray[np.uint8]
    starts: Whole
    ends: Whole
    decimal: str = "."
    lines: digits.Lines | None = None
    place: int = 0

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, rows: Whole | Flags) -> Cells:
        """Some of the cells."""
        return Cells(self.signs, self.starts[rows], self.ends[rows], self.decimal)

    def texts(self) -> list[str]:
        """Each cell, without blanks around it."""
        content = self.signs
        return [
            content[start:end].tobytes().decode(errors="replace").strip()
            for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]

    def masked(self) -> list[digits.Words]:
        """The signs of each cell, eight a word, with 0 behind its end: cells are equal where all their words are."""
        lengths = self.ends - self.starts
        shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
        words = self.words(-(-max(longest, 1) // digits.WORD))
        if shortest == longest:
            words[-1] &= digits.BEGINNINGS[longest - digits.WORD * (len(words) - 1)]
            return words
        for number in range(shortest // digits.WORD, len(words)):
            words[number] &= digits.BEGINNINGS[np.clip(lengths - digits.WORD * number, 0, digits.WORD)]
        return words

    def words(self, count: int) -> list[digits.Words]:
        """The first signs of each cell, eight a word; what follows a cell's end is not cut off."""
        return [self.word(digits.WORD * number) for number in range(count)]

    def word(self, behind: int = 0) -> digits.Words:
        """The eight signs so far behind each cell's start."""
        words = None if self.lines is None else self.lines.words(self.place + behind)
        return digits.words_at(self.signs, self.starts + behind if behind else self.starts) if words is None else words


Convert: TypeAlias = Callable[[Cells], tuple[Column, Flags]]
"""Cells of one column as values, and which of them are none."""


class Wanted(NamedTuple):
    """A column to read. why: what is wrong with a cell that cannot be converted, with the remedy.

    runs: equal values stand behind each other, and only where they change is kept (`text.Table.runs`).
    """

    convert: Convert
    why: str
    runs: bool = False


def price(cells: Cells) -> tuple[Column, Flags]:
    """Decimal numbers, in as few bits as hold them; what is not finite is none."""
    values, wrong = decimals(cells)
    return narrow(values), wrong


def decimals(cells: Cells) -> tuple[Column, Flags]:
    """Decimal numbers; what is not finite is none."""
    values, good = digits.decimals(cells.signs, cells.starts, cells.ends, cells.decimal, cells.word)
    if good.all():
        return values, ~good
    rest = np.flatnonzero(~good)
    minus = rest[cells.signs[cells.starts[rest]] == MINUS]
    if len(minus):
        positive, fine = digits.decimals(cells.signs, cells.starts[minus] + 1, cells.ends[minus], cells.decimal)
        values[minus], good[minus] = -positive, fine
        rest = np.flatnonzero(~good)
    for row, text in zip(rest.tolist(), cells.at(rest).texts(), strict=True):
        number = _number(text.replace(cells.decimal, "."))
        good[row] = math.isfinite(number)
        values[row] = number if good[row] else 0.0
    return values, ~good


def whole(cells: Cells) -> tuple[Column, Flags]:
    """Whole numbers, 0 or more, below 10^15; `12.0` is one."""
    values, good = digits.whole(cells.signs, cells.starts, cells.ends, cells.word)
    for row, text in _others(cells, good):
        number = _number(text.replace(cells.decimal, "."))
        good[row] = math.isfinite(number) and number == math.floor(number)
        values[row] = min(max(int(number), -1), LARGEST) if good[row] else 0
    wrong = ~good
    if len(values) and (values.min() < 0 or values.max() >= LARGEST):
        wrong |= (values < 0) | (values >= LARGEST)
    return values, wrong


def integers(cells: Cells) -> tuple[Column, Flags]:
    """Whole numbers of 64 bits, to the last digit."""
    values, good = digits.whole(cells.signs, cells.starts, cells.ends, cells.word)
    for row, text in _others(cells, good):
        number = int(text) if INTEGER.fullmatch(text) else 1 << 63
        good[row] = -(1 << 63) <= number < 1 << 63
        values[row] = number if good[row] else 0
    return values, ~good


def contracts(cells: Cells) -> tuple[Column, Flags]:
    """Numbers of contracts in as few bits as hold them."""
    values, wrong = whole(cells)
    return narrow(values), wrong


PRICE = Wanted(price, f"not a price (digits and a point); {AGAIN}")
CONTRACTS = Wanted(contracts, f"not a whole number of contracts, 0 or more; {AGAIN}")


class Words:
    """Converts a column of few different words to their numbers in `self.words`."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, cells: Cells) -> tuple[Column, Flags]:
        texts, codes = different(cells)
        numbers = np.array([self._number(text) for text in texts], np.int16)
        one = len(texts) == 1
        return np.full(len(cells), numbers[0]) if one else numbers[codes], np.zeros(len(cells), np.bool_)

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.words)
            self.words.append(text)
        return self._numbers[text]


def different(cells: Cells) -> tuple[list[str], Whole]:
    """The different cells in the order of their first rows, and which of them each cell is."""
    if int((cells.ends - cells.starts).max(initial=0)) > digits.PADDING:
        places: dict[str, int] = {}
        found = [places.setdefault(text, len(places)) for text in cells.texts()]
        return list(places), np.array(found, np.int64)
    words = cells.masked()
    if all((word == word[:1]).all() for word in words):
        return cells.at(np.arange(min(len(cells), 1))).texts(), np.zeros(len(cells), np.int64)
    keys = words[0] if len(words) == 1 else np.stack(words, axis=1).view(f"S{digits.WORD * len(words)}").ravel()
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return cells.at(first[order]).texts(), place[codes]


def changes(cells: Cells) -> Whole:
    """The rows whose cell is another than the row's before, the first one included."""
    changed = np.ones(len(cells), np.bool_)
    if int((cells.ends - cells.starts).max(initial=0)) <= digits.PADDING:
        changed[1:] = False
        for word in cells.masked():
            changed[1:] |= word[1:] != word[:-1]
    return np.flatnonzero(changed)


def groups(words: Words, numbers: Whole) -> Iterator[tuple[str, Flags]]:
    """Each word of a column that `Words` converted, with its rows; in the order of their first rows."""
    for number, word in enumerate(words.words):
        rows = numbers == number
        if rows.any():
            yield word, rows


def repeated(convert: Callable[[Sequence[str]], tuple[Column, Flags]]) -> Convert:
    """A converter of few different cells, such as dates and times of day: each is converted once a block."""

    def once(cells: Cells) -> tuple[Column, Flags]:
        texts, codes = different(cells)
        values, wrong = convert(texts)
        return values[codes], wrong[codes]

    return once


def _others(cells: Cells, good: Flags) -> Iterator[tuple[int, str]]:
    """The cells that are not as nearly all are, with their rows."""
    if not good.all():
        rest = np.flatnonzero(~good)
        yield from zip(rest.tolist(), cells.at(rest).texts(), strict=True)


def _number(text: str) -> float:
    return float(text) if NUMBER.fullmatch(text) else math.nan

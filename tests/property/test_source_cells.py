"""Cells of tables: what is read as a column is what Python reads cell by cell, whatever stands beside it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tapewire.replay.sources import cells, layouts, text

PLAIN = st.decimals(0, 10**7, places=9).map(lambda number: f"{number:f}")
SHORT = st.decimals(0, 10**6, places=2).map(lambda number: f"{number:f}".rstrip("0").rstrip("."))
INTEGERS = st.integers(-(2**63), 2**64).map(str)
OTHERS = st.text("0123456789.eE+-nai ", min_size=1, max_size=24).filter(str.strip)
TEXTS = st.lists(st.one_of(PLAIN, SHORT, SHORT.map("-{}".format), INTEGERS, OTHERS), min_size=1, max_size=30)


def table(folder: Path, convert: cells.Convert, written: list[str], end: str = "") -> text.Table:
    path = folder / "cells.csv"
    path.write_text("".join(f"x;{cell};y{end}\n" for cell in written))
    wanted = {"cell": cells.Wanted(convert, "no")}
    return text.read(layouts.head_of(path), text.Layout(("a", "cell", "b"), ";"), wanted, lambda share: None)


def by_line(read: text.Table) -> dict[int, object]:
    return dict(zip(read.line.tolist(), read.columns["cell"].tolist(), strict=True))


@given(TEXTS)
@example(["1.5", "12345678.25", "0.1", ".5", "5.", "1e3", "-0.25", "1.2.3", "123456789012345.5"])
@example(["9007199254740993", "0.30000000000000004", "000000000001.5", "1..5"])
def test_prices_are_what_python_reads(tmp_path_factory, written):
    """Correctly rounded to the last bit; what is no finite decimal number is bad."""
    read = table(tmp_path_factory.getbasetemp(), cells.decimals, written)

    expected = {
        line: float(cell.strip())
        for line, cell in enumerate(written, 1)
        if cells.NUMBER.fullmatch(cell.strip()) and math.isfinite(float(cell.strip()))
    }
    assert by_line(read) == expected
    assert {bad.line for bad in read.bad} == {*range(1, len(written) + 1)} - {*expected}


@given(TEXTS)
@example(["0", "12.0", "1e3", "999999999999999", "1000000000000000", "-1", "1.5"])
def test_contracts_are_whole_numbers(tmp_path_factory, written):
    """From 0 to below 10^15; `12.0` is one, `1.5` and `-1` are none."""
    read = table(tmp_path_factory.getbasetemp(), cells.whole, written, ";")

    numbers = {line: float(cell) for line, cell in enumerate(map(str.strip, written), 1) if cells.NUMBER.fullmatch(cell)}
    assert by_line(read) == {line: number for line, number in numbers.items() if number.is_integer() and 0 <= number < 10**15}


@given(st.lists(INTEGERS, min_size=1, max_size=20))
def test_integers_are_read_to_the_last_digit(tmp_path_factory, written):
    """A stamp in nanoseconds has 19 digits; a float would round it."""
    read = table(tmp_path_factory.getbasetemp(), cells.integers, written)

    assert by_line(read) == {line: int(cell) for line, cell in enumerate(written, 1) if -(2**63) <= int(cell) < 2**63}


@given(st.lists(st.text("NQES!-8", min_size=1, max_size=20), min_size=1, max_size=30))
def test_words_keep_the_order_of_their_first_rows(tmp_path_factory, written):
    """Each row has its word, however long the words are."""
    words = cells.Words()

    read = table(tmp_path_factory.getbasetemp(), words, written)

    assert words.words == list(dict.fromkeys(written))
    assert [words.words[number] for number in read.columns["cell"]] == written


@given(st.lists(st.sampled_from(["2027-01-31", "2027-02-01", "x"]), min_size=1, max_size=12))
def test_of_runs_only_their_beginnings_are_kept(tmp_path_factory, written):
    """A column that says the same for a thousand rows takes the memory of one."""
    path = tmp_path_factory.getbasetemp() / "runs.csv"
    path.write_text("".join(f"{cell};\n" for cell in written))
    wanted = {
        "cell": cells.Wanted(lambda column: (np.arange(len(column)), np.array([t == "x" for t in column.texts()])), "no", True)
    }

    read = text.read(layouts.head_of(path), text.Layout(("cell",), ";"), wanted, lambda share: None)

    first = [line for line, cell in enumerate(written, 1) if line == 1 or written[line - 2] != cell]
    assert [bad.line for bad in read.bad] == [line for line, cell in enumerate(written, 1) if cell == "x"]
    assert ([*read.runs["cell"].lines] if read.runs else []) == [line for line in first if written[line - 1] != "x"]

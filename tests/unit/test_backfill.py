"""The number of bars in a lookback, and the state from which an interrupted backfill resumes."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, TopicLength
from tapewire.bus.testing import MINUTE_NS, eastern
from tapewire.daemons.settings.load import instruments
from tapewire.replay.backfill import Charts, Filled, bars, write

TOPIC = "chart.MNQ.1m."
UNFINISHED = ".NQ_Volumetric_1.csv.unfinished"


class Loaded(Charts):
    """A chart of so many minutes, without a NinjaTrader. requested: the first number of each request."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.requested: list[int] = []

    def topics(self) -> tuple[TopicLength, ...]:
        return (TopicLength(TOPIC, self.length, 1, self.length),)

    def read(self, topic: str, start: int, *, chunk: int = 500, window: int = 2) -> Iterator[list[Bar]]:
        self.requested.append(start)
        for number in range(start, self.length):
            yield [self._bar(number)]

    def _bar(self, number: int) -> Bar:
        close_ns = eastern("09:31") + number * MINUTE_NS
        return Bar("MNQ", close_ns - MINUTE_NS, close_ns, 1.0, 2.0, 0.5, 1.5, 10, 6, 4, index=number)


def fill(folder: Path, chart: Charts, wanted: int = 1_000_000) -> Filled:
    return write(chart, "MNQ", instruments()["MNQ"], folder, wanted=lambda minutes: wanted, progress=lambda share: None)


def leave(folder: Path, content: str) -> None:
    """Leave the file of a killed requester."""
    folder.mkdir(exist_ok=True)
    (folder / UNFINISHED).write_text(content)


@pytest.mark.parametrize(
    ("lookback", "unit", "minutes", "expected"),
    [
        (30, "days", 1, 43_200),
        (7, "days", 5, 2_016),
        (3, "months", 1440, 100),  # about 90 days, and 100 at least
        (1, "weeks", 1, 10_080),
        (2, "years", 1, 1_051_200),
        (1, "days", 60, 100),
        (5, "years", 1, 1_100_000),  # the ceiling
    ],
)
def test_a_lookback_is_a_number_of_bars(lookback, unit, minutes, expected):
    """Three worked examples, the other units, and both ends."""
    assert bars(lookback, unit, minutes) == expected


@pytest.mark.parametrize(
    ("lookback", "unit", "expected_text"), [(3, "fortnights", "days, weeks"), (3, "day", "did you mean 'days'"), (0, "days", "1")]
)
def test_an_impossible_lookback_is_refused(lookback, unit, expected_text):
    """With the defined units, or the value to write."""
    with pytest.raises(ConfError, match=expected_text):
        bars(lookback, unit, 1)


@pytest.mark.parametrize(
    ("lines", "torn", "resumed"),
    [(0, "", 0), (1, "", 0), (2, "", 0), (3, "", 1), (42, "", 40), (42, "2026-03-03T10:1", 40), (1, "timestamp,instr", 0)],
    ids=["empty", "a comment", "a heading", "one bar", "forty bars", "and a torn one", "a torn heading"],
)
def test_an_unfinished_file_is_resumed(tmp_path: Path, lines: int, torn: str, resumed: int) -> None:
    """With any cut by a death, the file equals that of an undisturbed requester, and no whole line is requested again."""
    whole = fill(tmp_path / "whole", Loaded(60))
    content = Path(whole.path).read_text().splitlines(keepends=True)
    leave(tmp_path / "cut", "".join(content[:lines]) + torn)
    chart = Loaded(60)

    filled = fill(tmp_path / "cut", chart)

    assert Path(filled.path).read_text() == "".join(content)
    assert (filled.bars, filled.resumed) == (60, resumed)
    assert chart.requested[-1] == resumed


def test_a_chart_that_grew_meanwhile_is_resumed_from_the_old_beginning(tmp_path: Path) -> None:
    """The last forty bars were requested; since then twenty more have closed, and the export has sixty."""
    first = fill(tmp_path / "first", Loaded(100), wanted=40)
    leave(tmp_path / "second", Path(first.path).read_text())

    filled = fill(tmp_path / "second", Loaded(120), wanted=40)

    assert (filled.bars, filled.resumed) == (60, 40)


@pytest.mark.parametrize(
    ("first", "bar", "expected_text"),
    [
        ("#schema: another tool's", "2026-03-03T09:31:00.000", "names no first bar"),
        ("#schema: x 0", "2026-03-03T09:32:00.000", "changed"),
    ],
    ids=["not ours", "of another chart"],
)
def test_a_file_that_is_not_of_this_chart_is_refused(tmp_path: Path, first: str, bar: str, expected_text: str) -> None:
    """It stays unchanged, and the error has the remedy."""
    leave(tmp_path, f"{first}\nheading\n{bar},NQ\n")

    with pytest.raises(DataError, match=f"{expected_text}.*remove the file"):
        fill(tmp_path, Loaded(60))
    assert bar in (tmp_path / UNFINISHED).read_text()


def test_resuming_takes_the_same_memory_for_any_length(tmp_path: Path) -> None:
    """The file is read line by line: ten times the lines, the same memory."""

    def peak(left: int) -> int:
        folder = tmp_path / str(left)
        leave(folder, "#schema: x 0\nheading\n" + "2026-03-03T09:32:00.000,NQ\n" * left)
        tracemalloc.start()
        with pytest.raises(DataError):  # the file is not of this chart
            fill(folder, Loaded(left))
        highest: Any = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return int(highest)

    peak(1_000)  # loads modules and caches

    assert peak(20_000) < 1.2 * peak(2_000)

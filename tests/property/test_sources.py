"""Reading exports: written rows are read back, a cut changes nothing before it, garbage is a DataError."""

import datetime as dt
import tempfile
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from tapewire.bus.errors import DataError
from tapewire.bus.messages import Bar
from tapewire.replay.sources.recording import Recording
from tests.recordings import read

NEEDED = ("instrument", "timestamp", "period", "open", "high", "low", "close", "volume", "vol_ask", "vol_bid", "session_date")
NEW_YORK = ZoneInfo("America/New_York")
FIRST = dt.datetime(2027, 2, 24, 9, 31)


@st.composite
def rows(draw: st.DrawFn) -> str:
    """One row that is a bar; its minute may lie before or after that of other rows."""
    stamp = FIRST + dt.timedelta(minutes=draw(st.integers(0, 30)))
    ticks = sorted(draw(st.lists(st.integers(1, 200_000), min_size=4, max_size=4)))
    low, inner, outer, high = (tick * 0.25 for tick in ticks)
    ask, bid = draw(st.tuples(st.integers(0, 9999), st.integers(0, 9999)))
    return f"NQ,{stamp.isoformat()}.000,Volumetric_1,{inner},{high},{low},{outer},{ask + bid},{ask},{bid},2027-02-24"


def read_bytes(content: bytes) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "NQ_Volumetric_1.csv").write_bytes(content)
        return read(Path(folder))


def read_forward(content: bytes) -> Recording:
    """Rows of which most run forward; others are refused as a whole, and are no example here."""
    stamps = [line.split(b",")[1] for line in content.splitlines()[1:]]
    steps = list(pairwise(stamps))
    assume(sum(after < before for before, after in steps) <= max(1, sum(after > before for before, after in steps)))
    return read_bytes(content)


def export(lines: list[str]) -> bytes:
    return "\n".join([",".join(NEEDED), *lines]).encode()


def row_of(bar: Bar) -> str:
    stamp = dt.datetime.fromtimestamp(bar.close_ns / 1e9, NEW_YORK).replace(tzinfo=None)
    prices = f"{bar.open},{bar.high},{bar.low},{bar.close}"
    return f"NQ,{stamp.isoformat()}.000,Volumetric_1,{prices},{bar.volume},{bar.ask_volume},{bar.bid_volume},2027-02-24"


@given(st.lists(rows(), min_size=1, max_size=40))
def test_every_row_is_a_bar_or_is_named(lines):
    """Accepted and ignored rows together are the file: no row disappears, and bars only move forward."""
    recording = read_forward(export(lines))

    stamps = [bar.close_ns for bar in recording.bars]
    left_out = {ignored.line for ignored in recording.ignored}
    assert stamps == sorted(set(stamps))
    assert [row_of(bar) for bar in recording.bars] == [line for at, line in enumerate(lines, 2) if at not in left_out]


@given(st.lists(rows(), min_size=2, max_size=40), st.data())
def test_a_cut_changes_nothing_before_it(lines, data):
    """A shorter recording is a prefix of the longer one."""
    kept = data.draw(st.integers(1, len(lines) - 1))

    whole, cut = read_forward(export(lines)), read_forward(export(lines[:kept]))

    assert whole.bars[: len(cut.bars)] == cut.bars
    assert whole.ignored[: len(cut.ignored)] == cut.ignored


@given(rows(), st.binary(max_size=12), st.data())
def test_garbage_is_a_data_error_or_a_bar(line, garbage, data):
    """Any bytes anywhere in a file end in bars on the grid or in a DataError, never in another exception."""
    content = export([line, line])
    at = data.draw(st.integers(0, len(content)))
    spoilt = content[:at] + garbage + content[at + data.draw(st.integers(0, 12)) :]

    try:
        bars = read_bytes(spoilt).bars
    except DataError:
        bars = []

    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(price % 0.25 == 0 for bar in bars for price in (bar.open, bar.high, bar.low, bar.close))

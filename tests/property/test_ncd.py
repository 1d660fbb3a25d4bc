"""NinjaTrader's database: what a writer writes is read back in every code, and damage is refused or changes values only."""

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapewire.bus.errors import DataError
from tapewire.replay.sources import ncd
from tapewire.replay.sources.layouts import head_of
from tapewire.replay.sources.table import Bars, Content, Options, Ticks
from tests import ncd_writer
from tests.ncd_writer import MinuteRecord, TickRecord, placed

DAY = "minute/NQ 03-31/20310304.Last.ncd"
HOUR = "tick/NQ 03-31/203103041900.Last.ncd"
YEAR = "day/NQ 03-31/2031.Last.ncd"
MIDNIGHT = dt.datetime(2031, 3, 4, 0, 1)
EVENING = dt.datetime(2031, 3, 4, 18, 0)
DAY_NS, HOUR_NS = 86_400 * 10**9, 3_600 * 10**9
BEGIN = {place: np.datetime64(text, "ns").astype(np.int64) for place, text in ((DAY, "2031-03-04"), (HOUR, "2031-03-04T18"))}
TICKS = st.sampled_from([0.25, 0.1, 1.0, 1 / 32, 1 / 64, 0.00005, 5e-07])
MOST = {0: 0, 1: (1 << 8) - 1, 2: (1 << 16) - 1, 3: (1 << 32) - 1}


def read(path: Path) -> Content:
    return ncd.read(head_of(path), Options(), lambda share: None)


def values(code: int) -> st.SearchStrategy[int]:
    return st.integers(0, MOST[code])


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if bits else st.just(0)


def volumes(codes: tuple[int, ...]) -> st.SearchStrategy[tuple[int, int]]:
    """A code and a volume that it can hold."""
    return st.sampled_from(codes).flatmap(
        lambda code: st.integers(0, (1 << 8 * ncd_writer.VOLUME[code][0]) - 1).map(
            lambda count: (code, count * ncd_writer.VOLUME[code][1])
        )
    )


@st.composite
def minutes(draw: st.DrawFn) -> MinuteRecord:
    """A bar in any codes that are proved."""
    open_code, high_code, low_code, close_code = (
        draw(st.sampled_from(codes)) for codes in ((0, 1, 2), range(4), (0, 1, 2), range(4))
    )
    volume_code, volume = draw(volumes((1, 2, 3, 4, 5, 6)))
    time_code = draw(st.sampled_from((0, 1, 2)))
    up, down = draw(values(high_code)), draw(values(low_code))
    return MinuteRecord(
        minutes=draw(st.integers(1, 30)) if time_code else 1,
        moved=draw(signed((0, 8, 16)[open_code])),
        up=up,
        down=down,
        rise=draw(st.integers(0, min(up + down, MOST[close_code]))),
        volume=volume,
        time_code=time_code,
        open_code=open_code,
        high_code=high_code,
        low_code=low_code,
        close_code=close_code,
        volume_code=volume_code,
    )


@st.composite
def ticks(draw: st.DrawFn) -> TickRecord:
    """A trade in any codes that are proved."""
    time_code, price_code, quote_code = (draw(st.sampled_from(codes)) for codes in (range(7), range(4), range(8)))
    volume_code, volume = draw(volumes((1, 2, 5)))
    width, unit = ncd_writer.TICK_TIME[time_code]
    sides = st.integers(0, 15 if quote_code == 6 else 255)
    below, above = ncd_writer.QUOTES.get(quote_code) or (draw(sides), draw(sides))
    return TickRecord(
        passed=draw(st.integers(0, min((1 << 8 * width) - 1, 50 * ncd_writer.SECOND // unit))) * unit,
        moved=draw(st.integers(-16, 15) if price_code == 1 else signed((0, 0, 8, 32)[price_code])),
        below=below,
        above=above,
        volume=volume,
        time_code=time_code,
        price_code=price_code,
        quote_code=quote_code,
        volume_code=volume_code,
    )


def price(count: int, tick: float) -> float:
    return float(count * Decimal(repr(tick)))


@settings(max_examples=60)
@given(TICKS, st.integers(-1000, 1000), minutes(), st.lists(minutes(), max_size=40))
def test_minutes_are_read_back(tick, start, first, rest):
    """Any bars, each value in any code that holds it: the same bars come out."""
    records = [first._replace(minutes=0, time_code=1, moved=0), *rest]
    with tempfile.TemporaryDirectory() as folder:
        raw = ncd_writer.minute_file(tick, price(start, tick), MIDNIGHT, records)
        (part,) = read(placed(Path(folder), DAY, raw)).parts

    rows = part.rows
    assert isinstance(rows, Bars)
    opens = np.cumsum([start, *(record.moved for record in rest)]).tolist()
    lows = [opened - record.down for opened, record in zip(opens, records, strict=True)]
    assert rows.stamp.tolist() == [
        BEGIN[DAY] + (1 + passed) * 60 * 10**9 for passed in np.cumsum([record.minutes for record in records]).tolist()
    ]
    assert rows.open.tolist() == [price(opened, tick) for opened in opens]
    assert rows.high.tolist() == [price(opened + record.up, tick) for opened, record in zip(opens, records, strict=True)]
    assert rows.low.tolist() == [price(low, tick) for low in lows]
    assert rows.close.tolist() == [price(low + record.rise, tick) for low, record in zip(lows, records, strict=True)]
    assert rows.volume.tolist() == [record.volume for record in records]


@settings(max_examples=60)
@given(TICKS, st.integers(-1000, 1000), ticks(), st.lists(ticks(), max_size=60))
def test_trades_are_read_back(tick, start, first, rest):
    """Any trades, each value in any code that holds it: the same trades come out, with their quotes and sides."""
    records = [first._replace(passed=0, moved=0, price_code=0 if first.price_code == 0 else 2), *rest]
    with tempfile.TemporaryDirectory() as folder:
        raw = ncd_writer.tick_file(tick, price(start, tick), EVENING, records)
        (part,) = read(placed(Path(folder), HOUR, raw)).parts

    rows = part.rows
    assert isinstance(rows, Ticks)
    assert rows.bid is not None
    assert rows.ask is not None
    assert rows.side is not None
    counts = np.cumsum([start, *(record.moved for record in rest)]).tolist()
    passed = np.cumsum([record.passed for record in records]).tolist()
    both = list(zip(counts, records, strict=True))
    assert rows.stamp.tolist() == [BEGIN[HOUR] + units * 100 for units in passed]
    assert rows.price.tolist() == [price(count, tick) for count in counts]
    assert rows.bid.tolist() == [price(count - record.below, tick) for count, record in both]
    assert rows.ask.tolist() == [price(count + record.above, tick) for count, record in both]
    assert rows.size.tolist() == [record.volume for record in records]
    assert rows.side.tolist() == [(record.above == 0) - (record.below == 0) for record in records]


def possible(place: str, content: Content) -> None:
    """Asserts what holds of every file that is read: rows of the file's date, in order; a bar's prices between low and high."""
    for part in content.parts:
        rows = part.rows
        assert len(rows)
        assert np.array_equal(rows.line, np.arange(1, len(rows) + 1))
        if isinstance(rows, Ticks):
            assert np.diff(rows.stamp).min(initial=0) >= 0
            assert BEGIN[place] <= rows.stamp.min()
            assert rows.stamp.max() <= BEGIN[place] + HOUR_NS
            assert np.isfinite(rows.price).all()
        else:
            assert np.diff(rows.stamp).min(initial=1) > 0
            assert (np.minimum(rows.open, rows.close) >= rows.low).all()
            assert (np.maximum(rows.open, rows.close) <= rows.high).all()
            assert (rows.volume >= 0).all()
        if place == DAY:
            assert BEGIN[place] < rows.stamp.min()
            assert rows.stamp.max() <= BEGIN[place] + DAY_NS


@pytest.mark.parametrize(
    "place, whole",
    [(DAY, ncd_writer.MINUTES), (HOUR, ncd_writer.TRADES), (YEAR, ncd_writer.DAYS)],
    ids=["minutes", "ticks", "days"],
)
def test_every_flipped_bit_is_refused_or_changes_values_only(tmp_path, place, whole):
    """Nothing crashes, and no row is out of order, outside of its date or impossible. The format has no checksum to tell more."""
    path = placed(tmp_path, place, whole)
    refused = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            possible(place, read(path))
        except DataError:
            refused += 1

    assert refused


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_after_a_header_are_refused_or_possible(body):
    """Rubbish that happens to be read is still bars in order."""
    with tempfile.TemporaryDirectory() as folder:
        for place, time in ((DAY, MIDNIGHT), (HOUR, EVENING)):
            path = placed(Path(folder), place, ncd_writer.header(0.25, 100, time) + body)
            try:
                found = read(path)
            except DataError:
                continue
            possible(place, found)

"""Market replay files: trades with bid and ask, believed only where the file's own header confirms them."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapewire.bus.errors import DataError
from tapewire.replay.sources import formats
from tapewire.replay.sources.table import Content, Options, Ticks
from tests import ncd_writer, nrd_writer
from tests.ncd_writer import placed
from tests.nrd_writer import ASK, BID, DEPTH_ASK, DEPTH_BID, EMBEDDED, LAST, SETTLEMENT, Event

PLACE = "replay/NQ 03-31/20310304.nrd"
BEGIN = dt.datetime(2031, 3, 4, 14, 30)
FIRST = dict.fromkeys(range(12), 400)
EVENTS = (
    Event(LAST, volume=7),
    Event(BID, passed=10, moved=-1, price_code=EMBEDDED),
    Event(DEPTH_BID, passed=300, moved=-5, time_code=2, price_code=2),
    Event(ASK, moved=1, time_code=0, price_code=EMBEDDED),
    Event(LAST, passed=20_000_000, moved=1, volume=300, time_code=5, price_code=EMBEDDED, volume_code=2),
    Event(DEPTH_ASK, passed=1, moved=0, time_code=1, price_code=0, volume_code=0, volume=0),
    Event(SETTLEMENT, passed=0, moved=-100, time_code=0, price_code=2),
    Event(BID, moved=-15, time_code=0, price_code=1),
    Event(LAST, passed=5, moved=-16 + 4, volume=1, time_code=1, price_code=2),
)


def content(path: Path) -> Content:
    found = formats.recognised(path, Options())
    assert found is not None
    assert found.reader.NAME == "NinjaTrader market replay"
    return found.reader.read(found.head, Options(), lambda share: None)


def rows(read: Content) -> Ticks:
    (part,) = read.parts
    assert isinstance(part.rows, Ticks)
    return part.rows


def test_trades_are_read_with_the_quotes_before_them(tmp_path):
    """In UTC; a trade before the first quotes has none. What was proved, and what was not, is told."""
    path = placed(tmp_path, PLACE, nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS))

    read = content(path)

    assert (read.clock, read.stamps, read.period_s, read.tick, read.parts[0].contract) == ("UTC", "trade", 0, 0.25, "NQ 03-31")
    assert "never tried on a real file here" in read.told[0]
    found = rows(read)
    assert found.price.tolist() == [100, 100.25, 97.25]
    assert found.size.tolist() == [7, 300, 1]
    assert found.bid is not None
    assert found.ask is not None
    assert np.array_equal(found.bid, [np.nan, 99.75, 96], equal_nan=True)
    assert np.array_equal(found.ask, [np.nan, 100.25, 100.25], equal_nan=True)
    begin = np.datetime64("2031-03-04T14:30", "ns").astype(np.int64)
    assert (found.stamp - begin).tolist() == [0, 2_000_031_000, 2_000_031_600]


@pytest.mark.parametrize(
    "changed, what",
    [
        ({"volume": 8}, "the volume of its trades is 308, the header says 309"),
        ({"moved": 1}, "the low of its trades is 97.25, the header says 97.5"),
    ],
)
def test_trades_that_the_header_contradicts_are_refused(tmp_path, changed, what):
    """Volume, high, low and last price of the stream must be those of the header."""
    said = nrd_writer.replay_file(0.25, FIRST, BEGIN, [EVENTS[0]._replace(**changed), *EVENTS[1:]])
    stream = nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS)[3520:]

    with pytest.raises(DataError, match=f"{what}.*download the day again"):
        content(placed(tmp_path, PLACE, said[:3520] + stream))


@pytest.mark.parametrize(
    "last, what",
    [
        (nrd_writer.event(Event(LAST, volume_code=7)), "record 2 at byte .*volume code 7"),
        (bytes((0, 5 << 5 | 31, 0xC0)), "a kind of event that nobody has described"),
        (nrd_writer.event(Event(LAST, passed=5 * 864_000_000_000, time_code=4)), "a pause of more than four days"),
        (nrd_writer.event(Event(BID)), "one of the bids, of which the header has none"),
    ],
    ids=["volume", "kind", "pause", "bid"],
)
def test_an_event_that_cannot_be_is_named(tmp_path, last, what):
    """Such a file is refused by record and byte."""
    whole = nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS[:1]) + last

    with pytest.raises(DataError, match=what):
        content(placed(tmp_path, PLACE, whole))


def test_quotes_that_the_header_contradicts_are_left_out(tmp_path):
    """The trades are still the header's; nobody can say then which side they were on."""
    said = nrd_writer.replay_file(0.25, FIRST, BEGIN, [*EVENTS, Event(BID, moved=50)])
    stream = nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS)[3520:]

    read = content(placed(tmp_path, PLACE, said[:3520] + stream))

    assert (rows(read).bid, rows(read).ask) == (None, None)
    assert read.told[1] == "20310304.nrd: the high of its bids is 99.75, the header says 108.5; the quotes are left out"


def test_a_cut_file_is_refused(tmp_path):
    """A day that was not downloaded whole ends in an event, or has less volume than its header; nothing is read of it."""
    whole = nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS)
    path = placed(tmp_path, PLACE, whole)
    for size in (2000, *range(3520, len(whole))):
        path.write_bytes(whole[:size])

        with pytest.raises(DataError):
            content(path)


def test_a_file_without_trades_is_told(tmp_path):
    """Some days have quotes only."""
    assert content(placed(tmp_path, PLACE, nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS[1:2]))).told == [
        "20310304.nrd: no trades in it"
    ]


def test_damage_is_refused_or_leaves_trades_in_order(tmp_path):
    """Every bit of the trades' slot and of the stream flipped in turn: no crash, and no trade out of order."""
    whole = nrd_writer.replay_file(0.25, FIRST, BEGIN, EVENTS)
    path = placed(tmp_path, PLACE, whole)
    body = range(3520, len(whole))
    refused = 0
    for bit in (bit for at in (*range(160, 240), *body) for bit in range(8 * at, 8 * at + 8)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read = content(path)
        except DataError:
            refused += 1
            continue
        for part in read.parts:
            assert np.diff(part.rows.stamp).min(initial=0) >= 0

    assert refused


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event in any codes that are described."""
    kind = draw(st.sampled_from((ASK, BID, LAST, 5, SETTLEMENT, DEPTH_ASK, DEPTH_BID)))
    code = draw(st.sampled_from((0, 1, 2, 3) if kind >= 8 else (0, 1, 2, 3, EMBEDDED)))
    if kind >= DEPTH_ASK:
        moves = {0: st.just(0), 1: st.integers(-128, 127), 2: st.integers(-32768, 32767), 3: st.integers(-100_000, 100_000)}[code]
    else:
        embedded = st.integers(-14, 16).filter(bool)
        moves = {
            0: st.just(0),
            1: st.just(-15),
            2: st.integers(-128, 127),
            3: st.integers(-100_000, 100_000),
            EMBEDDED: embedded,
        }[code]
    time_code = draw(st.integers(0, 7))
    width, unit = ncd_writer.TICK_TIME[time_code]
    volume_code = draw(st.integers(0, 6))
    volume_width, factor = ncd_writer.VOLUME.get(volume_code, (0, 0))
    return Event(
        kind,
        passed=draw(st.integers(0, min((1 << 8 * width) - 1, 100))) * unit,
        moved=draw(moves),
        volume=draw(st.integers(0, (1 << 8 * volume_width) - 1)) * factor,
        time_code=time_code,
        price_code=code,
        volume_code=volume_code,
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(events(), max_size=30), after=st.lists(events(), max_size=30))
def test_any_events_are_read_back(tmp_path, before, after):
    """Trades, quotes and depth in any codes: the trades come out, each with the last bid and ask before it."""
    every = [Event(BID, moved=-1), *before, Event(LAST, volume=3), *after]
    path = placed(tmp_path, PLACE, nrd_writer.replay_file(0.25, FIRST, BEGIN, every))

    found = rows(content(path))

    price, expected = dict(FIRST), []
    seen: set[int] = set()
    for one in every:
        price[one.kind] += one.moved
        seen.add(one.kind)
        if one.kind == LAST:
            quotes = (price[BID] / 4, price[ASK] / 4) if {ASK, BID} <= seen else (None, None)
            expected.append((price[LAST] / 4, one.volume, *quotes))
    assert found.bid is not None
    assert found.ask is not None
    columns = zip(found.price.tolist(), found.size.tolist(), found.bid.tolist(), found.ask.tolist(), strict=True)
    assert [tuple(None if value != value else value for value in row) for row in columns] == expected

"""Sierra Chart's text and binary files: bars and single trades, with their volume at bid and ask."""

import struct

import numpy as np
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources.table import Options
from tests.shared import needs_shared
from tests.specimens import bars, expected, only, read, same, specimen, trades, written
from tests.vendors import FILES, START_US, rows, scid

TEXT, BARS, TRADES = (FILES[name] for name in ("NQH7_FUT_CME.txt", "NQH7_FUT_CME.scid", "6EH7_FUT_CME.scid"))
HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
START_NS = START_US * 1000


@needs_shared
@pytest.mark.parametrize(
    "name, zone, multiplier",
    [
        ("sierra_bar_text", "America/Chicago", 1),
        ("sierra_scid_minute", "", 1),
        ("sierra_scid_tick", "", 1),
        ("sierra_scid_tick_times_100", "", 0.01),
    ],
)
def test_the_specimens_give_their_bars(name, zone, multiplier):
    """Each specimen gives exactly the bars that it must."""
    content = read(specimen(name))

    assert same(bars(content, zone, multiplier=multiplier), expected(name))
    assert content.parts[0].contract == "NQH7"


def test_text_is_stamped_at_the_open_in_a_zone_that_it_does_not_say(tmp_path):
    """Time may have parts of a second; a bar whose sides are both 0 has no order flow."""
    content = read(written(tmp_path / "NQH7_FUT_CME.txt", TEXT))

    bars = only(content)
    assert (content.clock, content.stamps, content.period_s) == ("", "open", 60)
    assert (bars.stamp - np.datetime64("2027-01-31T17:00", "ns").astype(np.int64)).tolist() == [0, 120_000_000_000]
    assert (bars.close.tolist(), bars.volume.tolist()) == ([24998.75, 24999.5], [181, 129])
    assert bars.ask is not None
    assert bars.bid is not None
    assert (bars.ask.tolist(), bars.bid.tolist()) == ([86, -1], [95, -1])


def test_older_text_names_its_columns_in_another_way(tmp_path):
    """`# of Trades` and `Bid Volume` are what `NumberOfTrades` and `BidVolume` are; averages between them are not read."""
    header = "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume"
    content = read(written(tmp_path / "x.txt", rows(header, "2027/1/31, 17:00:00, 2, 3, 1, 2, 9, 4, 2, 2, 2, 5, 4")))

    bars = only(content)
    assert (bars.ask, bars.bid, content.parts[0].contract) == ([4], [5], "")


def test_text_of_single_trades_is_read_as_trades(tmp_path):
    """The records of single trades stand in the columns of bars: open 0, the ask as high, the bid as low."""
    lines = ("2027/1/31, 17:00:00.125, 0, 2.5, 2.25, 2.5, 3, 1, 0, 3", "2027/1/31, 17:00:00.125, 0, 2.5, 2.25, 2.25, 1, 1, 1, 0")
    content = read(written(tmp_path / "x.txt", rows(HEADER, *lines)))

    found = trades(content)
    assert (content.stamps, content.period_s) == ("trade", 0)
    assert (found.price.tolist(), found.size.tolist()) == ([2.5, 2.25], [3, 1])
    np.testing.assert_array_equal(found.side, [1, -1])


def test_binary_bars_are_stamped_at_the_open_in_utc(tmp_path):
    """A record is a bar; one whose sides are both 0 has no order flow."""
    content = read(written(tmp_path / "NQH7_FUT_CME.scid", BARS))

    bars = only(content)
    assert (content.clock, content.stamps, content.period_s, content.rows) == ("UTC", "open", 60, 2)
    assert bars.stamp.tolist() == [START_NS, START_NS + 60_000_000_000]
    assert bars.high.tolist() == [25000.25, 25005.75]
    assert bars.ask is not None
    assert bars.ask.tolist() == [86, -1]


def test_binary_trades_keep_their_order_and_their_decimals(tmp_path):
    """Parts of a split trade are trades; a price is the decimal that its float stands for; a quote of 0 is none."""
    content = read(written(tmp_path / "6EH7_FUT_CME.scid", TRADES))

    found = trades(content)
    assert (content.stamps, content.parts[0].contract) == ("trade", "6EH7")
    assert (found.stamp - START_NS).tolist() == [1_250_000, 1_250_000, 1_251_000]
    assert found.price.tolist() == [1.0877, 1.08765, 1.0876]
    assert found.size.tolist() == [3, 2, 1]
    np.testing.assert_array_equal(found.side, [1, -1, -1])
    assert found.ask is not None
    np.testing.assert_array_equal(found.ask, [1.0877, 1.0877, np.nan])


def test_trades_without_quotes_are_told_by_their_stamps(tmp_path):
    """Where a feed has no quotes, single trades have one price four times, and stamps between the seconds."""
    content = read(written(tmp_path / "x.scid", scid((START_US + 7, 2.5, 2.5, 2.5, 2.5, 1, 3, 0, 3))))

    found = trades(content)
    assert (found.price.tolist(), found.bid, found.side) == ([2.5], None, [1])


def test_half_a_record_at_the_end_is_told(tmp_path):
    """A file to which Sierra Chart is writing is read up to its last whole record."""
    content = read(written(tmp_path / "x.scid", BARS[:-17]))

    assert len(only(content)) == 1
    assert content.told == ["x.scid: the last 23 bytes are less than a record, the file was still being written; left out"]


def test_only_records_near_the_wanted_dates_are_kept(tmp_path):
    """A file of years is read for some days without holding the rest."""
    day_us = 86_400_000_000
    records = [(START_US + day * day_us, 2.0, 3.0, 1.0, 2.0, 1, 1, 0, 1) for day in range(20)]
    content = read(written(tmp_path / "x.scid", scid(*records)), Options(start="2027-02-09", end="2027-02-10"))

    assert (only(content).line.tolist(), content.rows) == ([8, 9, 10, 11, 12], 20)


@pytest.mark.parametrize(
    "content, words",
    [
        (BARS + TRADES[56:], "record 3: bars before it, single trades from here on; choose one storage unit"),
        (scid((START_US + 7, 2.5, 3, 2, 2.5, 9, 30, 0, 3)), "bars of no fixed length; choose one storage unit"),
        (b"SCID" + struct.pack("<II", 56, 32), "header of 56 bytes and records of 32, known are 56 and 40"),
        (BARS[:56] + struct.pack("<d", 44_000.5) + BARS[64:96], "an old Sierra Chart wrote it, with stamps in days"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, content, words):
    """Mixed kinds, bars of no fixed length and other records are refused with the remedy."""
    with pytest.raises(DataError, match=words):
        read(written(tmp_path / "x.scid", content))


def test_a_record_without_a_price_is_bad(tmp_path):
    """Not a number is no price; the record is named by its number."""
    content = read(written(tmp_path / "x.scid", BARS + scid((START_US + 120_000_000, 2, 3, 1, float("nan"), 1, 1, 0, 1))[56:]))

    assert [(bad.line, bad.field, bad.value) for bad in content.bad] == [(3, "last", "nan")]

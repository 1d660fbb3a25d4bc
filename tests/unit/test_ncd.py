"""NinjaTrader's database: minutes, ticks and days, and what is refused by name because nobody has proved it."""

import datetime as dt
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources import db, formats, ncd_bars, ncd_records, ncd_ticks, zones
from tapewire.replay.sources.table import EXCHANGE, Bars, Content, Options, Ticks
from tests import ncd_writer
from tests.ncd_writer import MinuteRecord, TickRecord, WrittenBar, placed
from tests.shared import SHARED, needs_shared

DAY = "minute/NQ 03-31/20310304.Last.ncd"
HOUR = "tick/NQ 03-31/203103041900.Last.ncd"
YEAR = "day/NQ 03-31/2031.Last.ncd"
MIDNIGHT = dt.datetime(2031, 3, 4, 0, 1)
EVENING = dt.datetime(2031, 3, 4, 18, 0)
FIRST_BAR = MinuteRecord(0, 0, 2, 2, 3, 10)
FIRST_TRADE = TickRecord(0, 0, 1, 0, 5)


def content(path: Path) -> Content:
    found = formats.recognised(path, Options())
    assert found is not None
    return found.reader.read(found.head, Options(), lambda share: None)


def bars(path: Path) -> list[tuple[str, float, float, float, float, int]]:
    (part,) = content(path).parts
    assert isinstance(part.rows, Bars)
    rows = part.rows
    columns = (
        times(rows.stamp),
        rows.open.tolist(),
        rows.high.tolist(),
        rows.low.tolist(),
        rows.close.tolist(),
        rows.volume.tolist(),
    )
    return list(zip(*columns, strict=True))


def trades(path: Path) -> list[tuple[str, float, float, float, int, int]]:
    (part,) = content(path).parts
    assert isinstance(part.rows, Ticks)
    rows = part.rows
    assert rows.bid is not None
    assert rows.ask is not None
    assert rows.side is not None
    columns = (times(rows.stamp), rows.price.tolist(), rows.bid.tolist(), rows.ask.tolist(), rows.size.tolist(), rows.side.tolist())
    return list(zip(*columns, strict=True))


def times(stamps: np.ndarray) -> list[str]:
    return [str(stamp).rstrip("0").removesuffix(":") for stamp in stamps.astype("datetime64[ns]").astype("datetime64[us]")]


def test_a_minute_file_is_read_to_the_last_digit(tmp_path):
    """Seven bars that two other readers decoded; stamps are closes, in a clock that only a person can name."""
    path = placed(tmp_path, DAY, ncd_writer.MINUTES)

    read = content(path)

    assert (read.clock, read.stamps, read.period_s, read.dated, read.tick) == ("", "close", 60, True, 0.25)
    assert (read.parts[0].contract, read.rows, read.told) == ("NQ 03-31", 7, [])
    assert bars(path) == [
        ("2031-03-04T00:01:00.", 100, 100, 100, 100, 7),
        ("2031-03-04T00:02:00.", 101, 101.5, 100.25, 101.25, 9),
        ("2031-03-04T00:17:00.", 100, 100.25, 99.75, 100.25, 300),
        ("2031-03-04T01:47:00.", 50, 125, -50, 100, 1000),
        ("2031-03-04T01:48:00.", 50, 50, 50, 50, 4000),
        ("2031-03-04T01:49:00.", 50, 51.25, 50, 50.5, 4660),
        ("2031-03-04T01:50:00.", 50, 50.25, 49.75, 49.75, 74565),
    ]


def test_a_tick_file_has_the_quote_at_each_trade(tmp_path):
    """Eight trades that two other readers decoded. At the ask the buyer took, at the bid the seller; at neither nobody can say."""
    path = placed(tmp_path, HOUR, ncd_writer.TRADES)

    read = content(path)

    assert (read.clock, read.stamps, read.period_s, read.tick) == ("", "trade", 0, 0.25)
    assert trades(path) == [
        ("2031-03-04T18:00:00.123", 100, 100, 100.25, 5, -1),
        ("2031-03-04T18:00:00.12301", 100, 99.75, 100, 1, 1),
        ("2031-03-04T18:00:00.12401", 100.75, 100.75, 101.25, 2, -1),
        ("2031-03-04T18:00:00.22401", 100.25, 99.75, 100.25, 3, 1),
        ("2031-03-04T18:00:10.22401", 100.5, 100.5, 101.25, 258, -1),
        ("2031-03-04T18:00:17.22401", 100.5, 99.75, 100.5, 200, 1),
        ("2031-03-04T18:00:17.22401", 50.5, 50, 51.75, 1, 0),
        ("2031-03-04T18:00:17.22401", 50.5, 47.5, 54.75, 1, 0),
    ]


def test_a_day_file_is_read_and_told(tmp_path):
    """Dates only: such bars are for looking, not for rules within the day."""
    path = placed(tmp_path, YEAR, ncd_writer.DAYS)

    read = content(path)

    assert read.period_s == 86_400
    assert "whole days" in read.told[0]
    assert bars(path) == [
        ("2031-03-03T00:00:00.", 100, 105.25, 99.5, 104, 1000),
        ("2031-03-04T00:00:00.", 104.25, 104.5, 90, 91.75, 123456),
    ]


def real_bytes(first: int, last: int) -> bytes:
    """Bytes that NinjaTrader wrote, from the lines of the format's worked example: an exchange's data does not belong in here."""
    example = (SHARED / "spec" / "ncd").with_suffix(".md").read_text().split("\n## 8.")[1].split("\n### 8a")[0]
    lines = re.findall(r"^ {4}((?:[0-9a-f]{2} )+) {2,}", example, re.MULTILINE)
    return bytes.fromhex("".join(lines[first:last]))


@needs_shared
def test_the_bytes_of_a_real_minute_file(tmp_path):
    """The first three bars of a day that NinjaTrader wrote, as its own export has them."""
    path = placed(tmp_path, "minute/NQ 09-20/20200623.Last.ncd", real_bytes(0, 7))

    assert bars(path) == [
        ("2020-06-23T00:01:00.", 3110.25, 3110.5, 3109, 3109, 138),
        ("2020-06-23T00:02:00.", 3109, 3110.25, 3108.25, 3109.75, 175),
        ("2020-06-23T00:03:00.", 3109.75, 3112.5, 3109.75, 3112, 191),
    ]


@needs_shared
def test_the_bytes_of_a_real_tick_file(tmp_path):
    """The first three trades of an hour that NinjaTrader wrote. The opening auction has bid and ask at its price, and no side."""
    head = ncd_writer.header(0.25, 3113.25, dt.datetime(2020, 6, 23, 18, 0, 0, 11_000))
    path = placed(tmp_path, "tick/NQ 09-20/202006231900.Last.ncd", head + real_bytes(7, 10))

    assert trades(path) == [
        ("2020-06-23T18:00:00.011", 3113.25, 3113.25, 3113.25, 56, 0),
        ("2020-06-23T18:00:00.015", 3113.25, 3113, 3113.25, 1, 1),
        ("2020-06-23T18:00:00.015", 3113, 3113, 3113.25, 1, -1),
    ]


@pytest.mark.parametrize(
    "tick, price", [(0.1, 2100.3), (1 / 64, 109.984375), (0.00005, 1.08765), (5e-07, 0.0063405), (0.25, -37.25)]
)
def test_prices_have_the_decimals_of_the_tick(tmp_path, tick, price):
    """A price is the float of its decimal number, for every tick size: RTY, bonds, currencies, prices below zero."""
    path = placed(tmp_path, DAY, ncd_writer.minute_file(tick, price, MIDNIGHT, [FIRST_BAR._replace(up=1, down=0, rise=1)]))

    ((_, opened, high, _, _, _),) = bars(path)

    assert (opened, high) == (price, round(price + tick, 10))


MINUTE_CODES = {
    "time code 3": MinuteRecord(1, 0, 1, 1, 1, 5, time_code=3),
    "open code 3": MinuteRecord(1, 0, 1, 1, 1, 5, open_code=3),
    "low code 3": MinuteRecord(1, 0, 1, 1, 1, 5, low_code=3),
    "volume code 0": MinuteRecord(1, 0, 1, 1, 1, 0, volume_code=0),
    "volume code 7": MinuteRecord(1, 0, 1, 1, 1, 5, volume_code=7),
    "the close is above the high": MinuteRecord(1, 0, 1, 1, 3, 5),
    "its stamp is not after the one before": MinuteRecord(0, 0, 1, 1, 1, 5),
    "its stamp is not of 2031-03-04": MinuteRecord(1440, 0, 1, 1, 1, 5, time_code=2),
}
TICK_CODES = {
    "time code 7": TickRecord(0, 0, 0, 1, 5, time_code=7),
    "volume code 0": TickRecord(0, 0, 0, 1, 0, volume_code=0),
    "volume code 3": TickRecord(0, 0, 0, 1, 500, volume_code=3),
    "volume code 4": TickRecord(0, 0, 0, 1, 1000, volume_code=4),
    "volume code 6": TickRecord(0, 0, 0, 1, 5, volume_code=6),
    "volume code 7": TickRecord(0, 0, 0, 1, 5, volume_code=7),
    "its time is not in the hour up to 2031-03-04 19:00": TickRecord(35_999_999_999, 0, 0, 1, 5, time_code=4),
}


@pytest.mark.parametrize("what", MINUTE_CODES)
def test_a_minute_that_cannot_be_is_named(tmp_path, what):
    """Codes that nobody has proved, and bars that cannot be, are refused by record and byte."""
    records = [FIRST_BAR, FIRST_BAR._replace(minutes=1), MINUTE_CODES[what]]
    path = placed(tmp_path, DAY, ncd_writer.minute_file(0.25, 100, MIDNIGHT, records))

    with pytest.raises(DataError, match=f"record 3 at byte 54: {what}.*load it again in NinjaTrader"):
        content(path)


@pytest.mark.parametrize("what", TICK_CODES)
def test_a_trade_that_cannot_be_is_named(tmp_path, what):
    """As with minutes."""
    path = placed(
        tmp_path, HOUR, ncd_writer.tick_file(0.25, 100, EVENING, [FIRST_TRADE, FIRST_TRADE._replace(passed=2), TICK_CODES[what]])
    )

    with pytest.raises(DataError, match=f"record 3 at byte 50: {what}"):
        content(path)


@pytest.mark.parametrize(
    "place, content_, what",
    [
        (DAY, ncd_writer.header(0.25, 100, MIDNIGHT, version=2) + b"!P\0\1\5\x8a", "version 2; only version 1"),
        (DAY, ncd_writer.header(0.3, 100, MIDNIGHT) + b"!P\0\1\5\x8a", "no multiple of the tick size 0.3"),
        (DAY, ncd_writer.header(0.25, 100, MIDNIGHT) + b"!P\1\1\5\x8a", "does not repeat the header"),
        (DAY, ncd_writer.header(0.25, 100, MIDNIGHT) + b"1P\0\1\5\x8a", "a bit that is always 0"),
        (HOUR, ncd_writer.header(0.25, 100, EVENING) + b"\0\x21\5", "bits that are always 0"),
        (
            HOUR,
            ncd_writer.header(0.25, 100, EVENING.replace(hour=19, second=1)) + b"\0\x20\5",
            "record 1 at byte 28: its time is not in",
        ),
        (YEAR, ncd_writer.DAYS + b"\0", "97 bytes after the header"),
        (YEAR.replace("2031", "2030"), ncd_writer.DAYS, "not in 2030, the year"),
        ("minute/NQ 03-31/20310304 (1).Last.ncd", ncd_writer.MINUTES, "no name that NinjaTrader gives"),
        ("minute/NQ 03-31/20311304.Last.ncd", ncd_writer.MINUTES, "no name that NinjaTrader gives"),
        ("cache/NQ 03-31/20310304.Last.ncd", ncd_writer.MINUTES, "bars that NinjaTrader derived"),
    ],
)
def test_a_file_that_is_not_what_its_place_says_is_refused(tmp_path, place, content_, what):
    """Header, reserved bits, date in the name and folder must agree; the message says what does not."""
    path = placed(tmp_path, place, content_)

    with pytest.raises(DataError, match=what):
        content(path)


@pytest.mark.parametrize("size", [0, 5, 28])
def test_a_file_without_records_is_no_error(tmp_path, size):
    """NinjaTrader leaves empty files and bare headers for dates without data."""
    read = content(placed(tmp_path, DAY, ncd_writer.MINUTES[:size]))

    assert (read.parts, read.told) == ([], ["20310304.Last.ncd: no data in it"])


@pytest.mark.parametrize("place, whole", [(DAY, ncd_writer.MINUTES), (HOUR, ncd_writer.TRADES)], ids=["minutes", "ticks"])
def test_a_cut_leaves_the_records_before_it(tmp_path, place, whole):
    """NinjaTrader writes while it is read: the whole records are read, and a cut one is told, at every byte."""
    path = placed(tmp_path, place, whole)
    lines = bars if place == DAY else trades
    everything = lines(path)
    for size in range(29, len(whole)):
        path.write_bytes(whole[:size])
        read = content(path)
        count = sum(len(part.rows) for part in read.parts)

        assert count < len(everything)
        if count:
            assert lines(path) == everything[:count]
        assert any("is cut" in told for told in read.told) or len(whole[:size]) in record_ends(place, whole)


def record_ends(place: str, whole: bytes) -> set[int]:
    lengths = ncd_bars.LENGTHS if place == DAY else ncd_ticks.LENGTHS
    return set(ncd_records.all_starts(np.frombuffer(whole, np.uint8), 28, lengths).tolist())


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path, monkeypatch):
    """Size and time of writing before and after must be the same; after some attempts the rest is left out, with a word."""
    path = placed(tmp_path, DAY, ncd_writer.MINUTES)
    written = iter(range(100))
    untouched = Path.read_bytes

    def touched(self: Path) -> bytes:
        raw = untouched(self)
        os.utime(self, ns=(0, next(written)))
        return raw

    monkeypatch.setattr(Path, "read_bytes", touched)

    assert content(path).told == ["20310304.Last.ncd: NinjaTrader was writing it; what came after the reading began is left out"]


def test_quotes_are_told(tmp_path):
    """A Bid or Ask file holds quotes; its trades have no side."""
    read = content(placed(tmp_path, HOUR.replace("Last", "Bid"), ncd_writer.TRADES))

    assert read.told == ["203103041900.Bid.ncd: bid quotes, not trades"]
    (part,) = read.parts
    assert isinstance(part.rows, Ticks)
    assert part.rows.side is None


def test_the_last_bar_of_a_day_closes_at_midnight(tmp_path):
    """A minute file holds closes from 00:01 to 00:00 of the next day."""
    records = [FIRST_BAR, FIRST_BAR._replace(minutes=1439, time_code=2)]

    read = bars(placed(tmp_path, DAY, ncd_writer.minute_file(0.25, 100, MIDNIGHT, records)))

    assert [bar[0] for bar in read] == ["2031-03-04T00:01:00.", "2031-03-05T00:00:00."]


def test_trades_on_one_side_only_are_told(tmp_path):
    """A provider without quotes gives every trade the same side; volume by side means nothing then."""
    records = [FIRST_TRADE._replace(below=0, above=1), *[FIRST_TRADE._replace(below=0, above=1, passed=1)] * 200]

    read = content(placed(tmp_path, HOUR, ncd_writer.tick_file(0.25, 100, EVENING, records)))

    assert read.told == ["203103041900.Last.ncd: every trade is at the bid; the provider gave no quotes?"]


@needs_shared
@pytest.mark.parametrize("root, tick", [("NQ", 0.25), ("YM", 1.0)])
def test_recorded_sessions_are_the_same_bars_as_in_their_export(tmp_path, root, tick):
    """Real sessions, written as NinjaTrader's PC in Chicago has them, are the bars of the export to the last digit."""
    (part,) = content(SHARED / f"data/ninjatrader/{root}_Volumetric_1.csv").parts
    export = part.rows
    assert isinstance(export, Bars)
    utc, _ = zones.to_utc(export.stamp, EXCHANGE)
    chicago = pd.DatetimeIndex(utc.astype("datetime64[ns]")).tz_localize("UTC").tz_convert("America/Chicago").tz_localize(None)
    columns = (export.open.tolist(), export.high.tolist(), export.low.tolist(), export.close.tolist(), export.volume.tolist())
    bars = map(WrittenBar, chicago.to_pydatetime(), *columns)
    paths = ncd_writer.database(tmp_path, f"{root} 03-27", tick, bars)

    read = [content(path).parts[0].rows for path in paths]

    assert db.files(tmp_path, (root,)).files == sorted(paths)
    again, _ = zones.to_utc(np.concatenate([rows.stamp for rows in read]), "America/Chicago")
    assert again.tolist() == utc.tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert np.concatenate([getattr(rows, name) for rows in read]).tolist() == getattr(export, name).tolist()

"""Databento's CSV and DBN files: bars and trades of several contracts, exact to the nanosecond."""

from __future__ import annotations

import datetime as dt
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tapewire.bus import archive
from tapewire.bus.errors import DataError
from tapewire.replay.sources.table import Unwanted
from tests.shared import needs_shared
from tests.specimens import bars, expected, only, read, same, specimen, trades, written
from tests.vendors import FILES, rows

BARS = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"
TRADES = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol"
OPEN_NS = 1_801_436_400_000_000_000


@needs_shared
@pytest.mark.parametrize("name", ["databento_ohlcv_pretty", "databento_ohlcv_raw_two_contracts", "databento_trades"])
def test_the_specimens_give_their_bars(name):
    """Each specimen gives exactly the bars that it must, in its first contract."""
    content = read(specimen(name))

    assert same(bars(content), expected(name))
    assert content.parts[0].contract == "NQH7"


@pytest.mark.parametrize("name", ["glbx-mdp3-ohlcv-1m.csv", "glbx-mdp3-ohlcv-1m.raw.csv"])
def test_contracts_are_parts_and_spreads_are_left_out(tmp_path, name):
    """Rows of several contracts stand in one file; each contract is a part, and a spread none. Both forms give the same."""
    content = read(written(tmp_path / name, FILES[name]))

    assert [part.contract for part in content.parts] == ["NQH7", "NQM7"]
    assert (content.clock, content.stamps, content.assumed, content.period_s, content.rows) == ("UTC", "open", False, 60, 3)
    assert bars(content)[0][:6] == (OPEN_NS + 60_000_000_000, 24998.75, 25000.25, 24994.5, 24998.75, 181)
    assert bars(content, part=1)[0][:6] == (OPEN_NS + 180_000_000_000, 25208.75, 25210.25, 25204.5, 25208.75, 3)
    assert content.parts[1].rows.line.tolist() == [4]
    assert content.told == [f"{name}: 1 rows of NQH7-NQM7 left out: spreads, or no futures contract"]


def test_trades_are_put_in_the_order_of_the_exchange(tmp_path):
    """By the exchange's time, then by sequence; B is a buyer, A a seller, N nobody knows."""
    content = read(written(tmp_path / "trades.csv", FILES["glbx-mdp3-trades.csv"]))

    found = trades(content)
    assert (content.stamps, content.period_s) == ("trade", 0)
    assert (found.stamp - OPEN_NS).tolist() == [1, 7, 7]
    assert (found.line.tolist(), found.size.tolist()) == ([4, 3, 2], [1, 2, 5])
    np.testing.assert_array_equal(found.side, [0, 1, -1])
    assert content.told == ["trades.csv: 1 trades stand after a later one; put in the order of ts_event and sequence"]


def test_trades_without_a_sequence_keep_the_order_of_the_file(tmp_path):
    """Trades of one stamp stand as the file has them."""
    header = "ts_event,rtype,publisher_id,instrument_id,action,side,price,size,symbol"
    lines = [f"{OPEN_NS},0,1,7,T,B,{price}000000000,1,NQH7" for price in (3, 1, 2)]
    content = read(written(tmp_path / "trades.csv", rows(header, *lines)))

    assert trades(content).price.tolist() == [3.0, 1.0, 2.0]


def test_only_trades_are_taken_from_a_file_of_all_events(tmp_path):
    """A schema with the book has rows without a price; its quotes come with the trades."""
    header = "ts_event,rtype,publisher_id,instrument_id,action,side,price,size,bid_px_00,ask_px_00,symbol"
    lines = (f"{OPEN_NS},1,1,7,R,N,{2**63 - 1},0,1,1,NQH7", f"{OPEN_NS},1,1,7,T,B,2500000000,3,2250000000,{2**63 - 1},NQH7")
    content = read(written(tmp_path / "tbbo.csv", rows(header, *lines)))

    found = trades(content)
    assert (found.price.tolist(), found.size.tolist()) == ([2.5], [3])
    np.testing.assert_array_equal(found.bid, [2.25])
    np.testing.assert_array_equal(found.ask, [np.nan])
    assert content.told == ["tbbo.csv: 1 rows left out whose action is not T (a trade)"]


def test_a_price_that_is_none_is_bad(tmp_path):
    """The greatest integer stands for no price."""
    none = f"{OPEN_NS},33,1,7,{2**63 - 1},1,1,1,9,NQH7"
    content = read(written(tmp_path / "bars.csv", rows(BARS, f"{OPEN_NS},33,1,7,1,1,1,1,9,NQH7", none)))

    assert [(bad.line, bad.field) for bad in content.bad] == [(3, "open")]


def test_a_front_contract_is_named_by_its_root(tmp_path):
    """`NQ.v.0` is the contract in front by volume."""
    content = read(written(tmp_path / "bars.csv", rows(BARS, f"{OPEN_NS},33,1,7,1000000000,1000000000,1,1,9,NQ.v.0")))

    assert content.parts[0].contract == "NQ"


@pytest.mark.parametrize(
    "lines, error, words",
    [
        ([f"{OPEN_NS},35,1,7,1,1,1,1,9,NQH7"], Unwanted, "daily bars, which are not for intraday rules; download ohlcv-1m"),
        ([f"{OPEN_NS},{kind},1,7,1,1,1,1,9,NQH7" for kind in (32, 33)], DataError, r"bars of different length \(rtype 32, 33\)"),
        ([f"{OPEN_NS},40,1,7,1,1,1,1,9,NQH7"], DataError, "rtype 40 is no bar that is known"),
        ([f"{OPEN_NS},33,1,{number},1,1,1,1,9," for number in (7, 8)], DataError, "2 instruments without a symbol; .* map_symbols"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, lines, error, words):
    """Days, mixed lengths and instruments without a name are refused with the remedy."""
    with pytest.raises(error, match=words):
        read(written(tmp_path / "bars.csv", rows(BARS, *lines)))


class TestDbn:
    """Binary files, written by the vendor's own library."""

    def dbn(self, *records: object, schema: str = "OHLCV_1M") -> bytes:
        vendor = pytest.importorskip("databento_dbn", reason="Databento's library (pip install 'tapewire[dbn]') is not installed")
        span = {"start_date": dt.date(2027, 1, 1), "end_date": dt.date(2027, 3, 1)}
        symbols = {"NQH7": "7", "NQH7-NQM7": "9"}
        metadata = vendor.Metadata(
            dataset="GLBX.MDP3",
            start=OPEN_NS,
            stype_in=vendor.SType.RAW_SYMBOL,
            stype_out=vendor.SType.INSTRUMENT_ID,
            schema=getattr(vendor.Schema, schema),
            symbols=[*symbols],
            mappings=[
                SimpleNamespace(raw_symbol=name, intervals=[SimpleNamespace(**span, symbol=number)])
                for name, number in symbols.items()
            ],
        )
        return bytes(metadata) + b"".join(map(bytes, records))

    def bar(self, number: int = 7, minute: int = 0) -> object:
        vendor = pytest.importorskip("databento_dbn")
        return vendor.OHLCVMsg(
            rtype=vendor.RType.OHLCV_1M,
            publisher_id=1,
            instrument_id=number,
            ts_event=OPEN_NS + minute * 60_000_000_000,
            open=24_998_750_000_000,
            high=25_000_250_000_000,
            low=24_994_500_000_000,
            close=24_998_750_000_000,
            volume=181,
        )

    def test_bars_are_those_of_the_csv(self, tmp_path):
        """Symbols come from the file's own metadata; a spread is left out as in a CSV."""
        content = read(written(tmp_path / "bars.dbn", self.dbn(self.bar(), self.bar(9), self.bar(minute=2))))

        assert [part.contract for part in content.parts] == ["NQH7"]
        assert only(content).stamp.tolist() == [OPEN_NS, OPEN_NS + 120_000_000_000]
        assert bars(content)[0][1:6] == (24998.75, 25000.25, 24994.5, 24998.75, 181)
        assert content.told == ["bars.dbn: 1 rows of NQH7-NQM7 left out: spreads, or no futures contract"]

    def test_trades_are_those_of_the_csv(self, tmp_path):
        """Times, sides and the order are the exchange's."""
        vendor = pytest.importorskip("databento_dbn")
        made = [
            vendor.TradeMsg(
                publisher_id=1,
                instrument_id=7,
                ts_event=OPEN_NS + 7,
                ts_recv=OPEN_NS + 9,
                price=24_904_250_000_000 + sequence * 250_000_000,
                size=sequence,
                action=vendor.Action.TRADE,
                side=side,
                depth=0,
                sequence=sequence,
            )
            for sequence, side in ((2, vendor.Side.BID), (1, vendor.Side.ASK))
        ]

        found = trades(read(written(tmp_path / "trades.dbn", self.dbn(*made, schema="TRADES"))))

        assert (found.stamp - OPEN_NS).tolist() == [7, 7]
        assert (found.price.tolist(), found.size.tolist()) == ([24904.5, 24904.75], [1, 2])
        np.testing.assert_array_equal(found.side, [-1, 1])

    def test_a_packed_file_reads_the_same(self, tmp_path):
        """Databento packs its files with zstd by default."""
        zstd = archive.library()
        plain = self.dbn(self.bar())

        content = read(written(tmp_path / "bars.dbn.zst", zstd.compress(plain)))

        assert same(bars(content), bars(read(written(tmp_path / "bars.dbn", plain))))

    def test_half_a_record_at_the_end_is_told(self, tmp_path):
        """A file that is being written is read up to its last whole record."""
        content = read(written(tmp_path / "bars.dbn", self.dbn(self.bar(), self.bar(minute=1))[:-7]))

        assert (len(only(content)), content.told[0]) == (
            1,
            "bars.dbn: the last 49 bytes are less than a record, the file was still being written; left out",
        )

    @pytest.mark.parametrize("at, byte", [(3, 7), (52, 1)], ids=["version", "a time in each record that is not there"])
    def test_a_damaged_file_is_named(self, tmp_path, at, byte):
        """What the library says of it, with the file and the remedy; the library panics on the second."""
        content = bytearray(self.dbn(self.bar()))
        content[at] = byte
        path = written(tmp_path / "bars.dbn", bytes(content))

        with pytest.raises(DataError, match=r"bars.dbn: .*version.*; copy or download the file again"):
            read(path)

    def test_errors_name_the_file_and_not_its_copy(self, tmp_path):
        """The library's CSV is nobody's business."""
        path = written(tmp_path / "bars.dbn", self.dbn(self.bar(), self.bar(8), self.bar(6)))

        with pytest.raises(DataError) as refused:
            read(path)

        assert str(refused.value).startswith(f"{path}: 2 instruments without a symbol")

    def test_a_missing_library_is_named_with_its_remedy(self, tmp_path, monkeypatch):
        """Few need the vendor's library, so it is an extra."""
        monkeypatch.setitem(sys.modules, "databento_dbn", None)

        with pytest.raises(DataError, match=r"reading DBN needs Databento's library; pip install 'tapewire\[dbn\]'"):
            read(written(tmp_path / "bars.dbn", b"DBN\x03" + b"\0" * 60))


def test_a_packed_csv_reads_the_same(tmp_path):
    """A CSV packed with zstd is a CSV; one that is cut says so."""
    zstd = archive.library()
    packed = zstd.compress(FILES["glbx-mdp3-ohlcv-1m.csv"])

    content = read(written(tmp_path / "bars.csv.zst", packed))

    assert len(content.parts) == 2
    with pytest.raises(DataError, match="ends in the middle of its data"):
        read(written(tmp_path / "cut.csv.zst", packed[:-9]))

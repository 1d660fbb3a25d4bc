"""FirstRate, TradingView and MultiCharts: bars as text, each with the clock of its vendor."""

import numpy as np
import pytest

from tapewire.replay.sources.table import Unwanted
from tests.shared import needs_shared
from tests.specimens import bars, expected, only, read, same, specimen, written
from tests.vendors import FILES, rows

CHART, CHART_ISO, QUOTE_MANAGER = (
    FILES[name] for name in ("CME_MINI_NQ1!, 1.csv", "CME_MINI_NQH2027, 1.csv", "CME.NQ HOT-Minute-Trade.txt")
)
OPEN_NS = 1_801_436_400_000_000_000  # 2027-01-31T23:00:00Z
HOUR_NS = 3_600_000_000_000


@needs_shared
@pytest.mark.parametrize("name, zone", [("firstrate", ""), ("tradingview", ""), ("multicharts", "America/Chicago")])
def test_the_specimens_give_their_bars(name, zone):
    """Each specimen gives exactly the bars that it must."""
    content = read(specimen(name))

    assert same(bars(content, zone), expected(name))
    assert content.parts[0].contract == "NQ"


@pytest.mark.parametrize(
    "name, clock, stamps, first",
    [
        ("NQ_1min_sample.csv", "America/New_York", "open", OPEN_NS - 5 * HOUR_NS),
        ("CME_MINI_NQ1!, 1.csv", "UTC", "open", OPEN_NS),
        ("CME_MINI_NQH2027, 1.csv", "UTC", "open", OPEN_NS),
        ("CME.NQ HOT-Minute-Trade.txt", "", "close", OPEN_NS - 6 * HOUR_NS + 60_000_000_000),
    ],
)
def test_stamps_stay_in_the_clock_of_the_format(tmp_path, name, clock, stamps, first):
    """Stamps are given as the file has them, with what the format says of their clock."""
    content = read(written(tmp_path / name, FILES[name]))

    found = only(content)
    assert (content.clock, content.stamps, content.period_s, content.rows) == (clock, stamps, 60, 2)
    assert found.stamp[0] == first
    assert (found.open[0], found.high[0], found.low[0], found.close[0]) == (24998.75, 25000.25, 24994.5, 24998.75)
    assert found.ask is None


@pytest.mark.parametrize(
    "name, contract",
    [
        ("NQ_1min_sample.csv", "NQ"),
        ("ES_full_1min_continuous_UNadjusted.txt", "ES"),
        ("NQ_H27_1min.txt", "NQH27"),
        ("NQH27_1min.txt", "NQH27"),
        ("bars.csv", ""),
    ],
)
def test_a_firstrate_name_gives_the_contract(tmp_path, name, contract):
    """The name gives the contract; the rows give the format."""
    assert read(written(tmp_path / name, FILES["NQ_1min_sample.csv"])).parts[0].contract == contract


@pytest.mark.parametrize(
    "name, told",
    [
        ("NQ_full_1min_continuous_UNadjusted.txt", []),
        (
            "NQ_full_1min_continuous_ratio_adjusted.txt",
            [
                "NQ_full_1min_continuous_ratio_adjusted.txt: its name says that the prices are adjusted; "
                "unadjusted ones lie on the tick grid"
            ],
        ),
    ],
)
def test_adjusted_prices_are_told_by_the_name(tmp_path, name, told):
    """Nothing but its name says that a file is adjusted."""
    assert read(written(tmp_path / name, FILES["NQ_1min_sample.csv"])).told == told


@pytest.mark.parametrize(
    "name, contract",
    [
        ("CME_MINI_NQ1!, 1.csv", "NQ"),
        ("CME_MINI_DL_NQ1!, 1_1a2b3.csv", "NQ"),
        ("CME_MINI_M2KH2027, 1.csv", "M2KH27"),
        ("CME_6E1!, 1.csv", "6E"),
        ("chart.csv", ""),
    ],
)
def test_a_tradingview_name_gives_the_contract(tmp_path, name, contract):
    """The front contract is `NQ1!`; one month is `NQH2027`."""
    assert read(written(tmp_path / name, CHART)).parts[0].contract == contract


def test_volume_is_found_wherever_it_stands(tmp_path):
    """Columns of indicators may come first and share a name; NaN is a bar without volume."""
    content = read(written(tmp_path / "x.csv", CHART))

    assert (only(content).volume.tolist(), content.told, content.bad) == ([181, 0], [], [])


def test_a_chart_without_volume_is_told(tmp_path):
    """Bars without volume are bars, and nobody is left in doubt why."""
    content = read(written(tmp_path / "x.csv", CHART_ISO))

    assert only(content).volume.tolist() == [0, 0]
    assert content.told == ["x.csv: no column Volume, so every bar has volume 0; show Volume on the chart and export it again"]
    assert not content.assumed


def test_iso_stamps_without_an_offset_need_a_zone(tmp_path):
    """A stamp that does not carry its zone is nobody's guess."""
    content = read(written(tmp_path / "x.csv", rows("time,open,high,low,close,Volume", "2027-01-31T18:00:00,2,3,1,2,9")))

    assert (content.clock, content.assumed) == ("", True)


def test_up_and_down_volume_become_the_sides(tmp_path):
    """QuoteManager's volume of up and down ticks is what there is of order flow, and that is told."""
    header = '"Date","Time","Open","High","Low","Close","Up","Down"'
    content = read(written(tmp_path / "x.txt", rows(header, "2027/1/31,17:01:00,2,3,1,2,5,4")))

    found = only(content)
    assert (found.volume, found.ask, found.bid) == ([9], [5], [4])
    assert "by the tick rule" in content.told[0]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("NQ_1day.csv", rows("2027-01-31,2,3,1,2,9"), "daily bars, which are not for intraday rules"),
        ("NQ1!, 1D.csv", rows("time,open,high,low,close,Volume", "2027-01-31,2,3,1,2,9"), "daily bars, which are not for intraday"),
        ("CME.NQ HOT-Minute-Bid.txt", QUOTE_MANAGER, "quotes at the bid, and only trades make bars"),
    ],
)
def test_days_and_quotes_are_refused_in_words(tmp_path, name, content, words):
    """What no intraday rule can use is refused with what to export instead."""
    with pytest.raises(Unwanted, match=words):
        read(written(tmp_path / name, content))


def test_a_date_in_another_order_is_bad_and_names_the_mapping(tmp_path):
    """Whether 1/2 is January or February nobody can see; a mapping says it."""
    content = read(written(tmp_path / "x.txt", QUOTE_MANAGER.replace(b"2027/1/31", b"1/31/2027")))

    assert [(bad.line, bad.field, bad.value) for bad in content.bad] == [(2, "date", "1/31/2027"), (3, "date", "1/31/2027")]
    assert "--mapping" in content.bad[0].why


def test_nanoseconds_stay_exact_beside_a_damaged_cell(tmp_path):
    """pandas makes floats of a column in which one cell has a point; stamps do not pass through them."""
    lines = ("1801436400000000001,2,3,1,2,9", "1801436460.5,2,3,1,2,9")
    content = read(written(tmp_path / "x.csv", rows("time,open,high,low,close,Volume", *lines)))

    np.testing.assert_array_equal(only(content).stamp, [1_801_436_400_000_000_001])
    assert [bad.value for bad in content.bad] == ["1801436460.5"]


def test_a_row_of_another_width_is_named_without_a_header(tmp_path):
    """The error of a format without a header does not speak of one."""
    found = read(written(tmp_path / "x.csv", FILES["NQ_1min_sample.csv"] + b"2027-01-31 18:03:00,1,1,1,1\n"))

    assert [(bad.line, bad.why.split(";")[0]) for bad in found.bad] == [(3, "5 fields, the rows before it have 6")]

"""NinjaTrader's own export: minutes and ticks are read as they stand, quotes and days refused in words."""

import pytest

from tapewire.replay.sources.table import Unwanted
from tests.shared import needs_shared
from tests.specimens import bars, expected, only, read, same, specimen, trades, written
from tests.vendors import FILES

MINUTES = FILES["NQ 03-27.Last.txt"]
TICKS = FILES["MNQ 03-27.Last.txt"]


@needs_shared
@pytest.mark.parametrize("name", ["ninjatrader_export_minute", "ninjatrader_export_tick"])
def test_the_specimens_give_their_bars(name):
    """Each specimen gives exactly the bars that it must."""
    content = read(specimen(name))

    assert same(bars(content), expected(name))
    assert content.parts[0].contract == "NQ 03-27"


def test_minutes_are_stamped_at_their_close_in_utc(tmp_path):
    """A row is a bar; a minute without a trade has none, and nothing is put in its place."""
    content = read(written(tmp_path / "NQ 03-27.Last.txt", MINUTES))

    rows = only(content)
    assert (content.clock, content.stamps, content.assumed, content.period_s) == ("UTC", "close", True, 60)
    assert rows.stamp.tolist() == [1_801_436_460_000_000_000, 1_801_436_580_000_000_000]
    assert rows.open.tolist() == [24998.75, 24998.0]
    assert rows.volume.tolist() == [181, 2]
    assert rows.ask is None


def test_ticks_of_one_stamp_keep_their_order(tmp_path):
    """A tick has its hundred nanoseconds and its quotes; two of one stamp stand as the file has them."""
    content = read(written(tmp_path / "MNQ 03-27.Last.txt", TICKS))

    rows = trades(content)
    assert (content.stamps, content.period_s, content.parts[0].contract) == ("trade", 0, "MNQ 03-27")
    assert rows.stamp.tolist() == [1_801_492_200_641_000_100] * 2
    assert rows.price.tolist() == [24904.25, 24904.5]
    assert rows.size.tolist() == [5, 2]
    assert rows.bid is not None
    assert rows.bid.tolist() == [24904.25] * 2


def test_older_ticks_have_no_quotes(tmp_path):
    """The older layout has a price and a volume a tick."""
    content = read(written(tmp_path / "ticks.txt", "20270201 143000;24904.25;5\n"))

    rows = trades(content)
    assert (rows.bid, rows.side, rows.price.tolist(), content.parts[0].contract) == (None, None, [24904.25], "")


@pytest.mark.parametrize(
    "name, line, words",
    [
        ("NQ 03-27.Last.txt", "20270131;1;2;1;2;9", "daily bars, which are not for intraday rules"),
        ("NQ 03-27.Last.txt", "20270131;1;9", "daily bars, which are not for intraday rules"),
        ("NQ 03-27.Bid.txt", "20270131 230100;1;2;1;2;9", "quotes at the bid, and only trades make bars"),
        ("NQ 03-27.Ask.txt.gz", "20270131 230100;1;9", "quotes at the ask, and only trades make bars"),
    ],
)
def test_days_and_quotes_are_refused_in_words(tmp_path, name, line, words):
    """What no intraday rule can use is refused with what to export instead."""
    path = written(tmp_path / name.removesuffix(".gz"), line + "\n")

    with pytest.raises(Unwanted, match=words) as refused:
        read(path)

    assert "export Minute or Tick with the data type Last" in str(refused.value)


@pytest.mark.parametrize(
    "name, contract",
    [
        ("NQ 03-27.Last.txt", "NQ 03-27"),
        ("NQ_03-27.Last.txt", "NQ 03-27"),
        ("ES MAR27.Last.txt", "ES MAR27"),
        ("6E 03-27.txt", "6E 03-27"),
        ("NQ ##-##.Last.txt", "NQ"),
        ("NQ.Last.txt", "NQ"),
        ("my bars.txt", ""),
    ],
)
def test_the_name_gives_the_contract(tmp_path, name, contract):
    """A contract is read from the name if NinjaTrader gave it; the format is not."""
    content = read(written(tmp_path / name, MINUTES))

    assert content.parts[0].contract == contract


def test_a_row_that_is_none_is_named(tmp_path):
    """A damaged cell is a bad row with its line, and no error."""
    content = read(written(tmp_path / "NQ 03-27.Last.txt", MINUTES + b"20271331 230400;1;1;1;1;1\n20270131 230400;1;x;1;1;1\n"))

    assert [(bad.line, bad.field, bad.value) for bad in content.bad] == [(3, "stamp", "20271331 230400"), (4, "high", "x")]
    assert (content.rows, len(only(content))) == (4, 2)

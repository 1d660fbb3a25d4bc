"""NinjaTrader's grids as two PCs export them: American in 12 hours, German in 24, both with what real files have."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.compare import source
from tapewire.replay.compare.history import AccountHistory
from tests.runs import at

US_FILLS = (
    "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,",
    'MNQ 03-27,Buy,1,"24,910.50",2/24/2027 10:30:00 AM,x3,Exit,-,o3,Target,$0.62,1,Sim101,Sim,',
    'MNQ 03-27,Sell,1,"24,936.75",2/24/2027 10:01:05 AM,x2,Entry,1 S,o2,Entry,$0.62,1,Sim101,Sim,',
    'MNQ 03-27,Sell,2,"24,936.75",2/24/2027 10:01:05 AM,x1,Exit,-,o2,Entry,$1.24,1,Sim101,Sim,',
    'MNQ 03-27,Buy,2,"24,930.25",2/24/2027 9:31:00 AM,x0,Entry,2 L,o1,Entry,$1.24,1,Sim101,Sim,',
)
GERMAN_FILLS = (
    "Instrument;Action;Quantity;Price;Time;ID;E/X;Position;Order ID;Name;Commission;Rate;Account display name;Connection;",
    "MNQ MAR27;Buy;2;24.930,25;24.02.2027 15:31:00;x0;Entry;2 L;o1;Entry;1,24 $;1;Sim101;Sim;",
    "MNQ MAR27;Sell;2;24.936,75;24.02.2027 16:01:05;x1;Exit;-;o2;Entry;1,24 $;1;Sim101;Sim;",
    "MNQ MAR27;Sell;1;24.936,75;24.02.2027 16:01:05;x2;Entry;1 S;o2;Entry;0,62 $;1;Sim101;Sim;",
    "MNQ MAR27;Buy;1;24.910,50;24.02.2027 16:30:00;x3;Exit;-;o3;Target;0,62 $;1;Sim101;Sim;",
)
US_TRADES = (
    "Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,Entry time,Exit time,Entry name,Exit name,"
    "Profit,Cum. net profit,Commission,Clearing Fee,Exchange Fee,IP Fee,NFA Fee,MAE,MFE,ETD,Bars,",
    "1,MNQ 03-27,Sim101,,Long,1,24930.25,24936.75,2/24/2027 9:31:00 AM,2/24/2027 10:01:05 AM,Entry,Entry,"
    "$11.76,$11.76,$0.74,$0.20,$0.20,$0.00,$0.10,$0.00,$20.00,$8.24,30,",
    "2,MNQ 03-27,Sim101,,Long,1,24930.25,24936.75,2/24/2027 9:31:00 AM,2/24/2027 10:01:05 AM,Entry,Entry,"
    "$11.76,$23.52,$0.74,$0.20,$0.20,$0.00,$0.10,$0.00,$20.00,$8.24,30,",
    "3,MNQ 03-27,Sim101,,Short,1,24936.75,24910.50,2/24/2027 10:01:05 AM,2/24/2027 10:30:00 AM,Entry,Target,"
    "$51.26,$74.78,$0.74,$0.20,$0.20,$0.00,$0.10,($3.50),$52.50,$1.24,29,",
)
GERMAN_TRADES = (
    "Trade number;Instrument;Account;Market pos.;Qty;Entry price;Exit price;Entry time;Exit time;"
    "Profit;Commission;Clearing Fee;Exchange Fee;IP Fee;NFA Fee;MAE;",
    "1;MNQ MAR27;Sim101;Long;2;24930,25;24936,75;24.02.2027 15:31:00;24.02.2027 16:01:05;"
    "23,52 $;1,48 $;0,40 $;0,40 $;0,00 $;0,20 $;0,00 $;",
    "2;MNQ MAR27;Sim101;Short;1;24936,75;24910,50;24.02.2027 16:01:05;24.02.2027 16:30:00;"
    "51,26 $;0,74 $;0,20 $;0,20 $;0,00 $;0,10 $;-3,50 $;",
)
EXPECTED = [
    ("Sim101", 2, at(571), 24930.25, at(601) + 5_000_000_000, 24936.75, Decimal("2.48")),
    ("Sim101", -1, at(601) + 5_000_000_000, 24936.75, at(630), 24910.5, Decimal("1.24")),
]


def read(folder: Path, lines: tuple[str, ...], zone: str | None = "America/New_York", dates=None, **how: str) -> AccountHistory:
    path = folder / "any name.txt"
    path.write_bytes(how.get("end", "\r\n").join((*lines, "")).encode(how.get("encoding", "utf-8")))
    return source.read(path, zone, dates)


def shown(found: AccountHistory) -> list[tuple[object, ...]]:
    return [(t.account, t.direction * t.size, t.entry_ns, t.entry_price, t.exit_ns, t.exit_price, t.fees) for t in found.turns]


@pytest.mark.parametrize(
    "lines, zone",
    [
        (US_FILLS, "America/New_York"),
        (GERMAN_FILLS, "Europe/Berlin"),
        (US_TRADES, "America/New_York"),
        (GERMAN_TRADES, "Europe/Berlin"),
    ],
    ids=["US executions, newest first", "German executions", "US trades", "German trades"],
)
def test_all_four_grids_hold_the_same_round_turns(tmp_path, lines, zone):
    """A long of 2, reversed in one second into a short. Trades has several columns of fees, and may split a turn into lines."""
    assert shown(read(tmp_path, lines, zone)) == EXPECTED


@pytest.mark.parametrize("how", [{"encoding": "utf-8-sig"}, {"encoding": "utf-16"}, {"end": "\n"}])
def test_the_encoding_is_found_by_content(tmp_path, how):
    """With a mark at the beginning or without, and with either end of line."""
    assert shown(read(tmp_path, US_FILLS, **how)) == EXPECTED


def test_columns_may_stand_in_any_order_and_most_may_be_missing(tmp_path):
    """As in files that users made smaller: no seconds, no ids, no fees, the contract by its exchange's code."""
    found = read(
        tmp_path,
        (
            "Instrument,Action,Time,Price,E/X,Quantity,Account display name",
            "MNQH7,Sell,2/24/2027 10:01,24936.75,Exit,2,Sim101",
            "MNQH7,Buy,2/24/2027 9:31,24930.25,Entry,2,Sim101",
        ),
    )

    assert shown(found) == [("Sim101", 2, at(571), 24930.25, at(601), 24936.75, 0)]


def test_a_grid_without_a_zone_is_refused(tmp_path):
    """The file cannot tell; the error names the option."""
    with pytest.raises(ConfError, match="does not name the zone; say it, such as --zone America/New_York"):
        read(tmp_path, US_FILLS, None)


def test_a_zone_is_named_as_everywhere(tmp_path):
    """By its IANA name or by what people write; any other text is refused."""
    assert shown(read(tmp_path, US_FILLS, "ET")) == EXPECTED
    with pytest.raises(ConfError, match="--zone 'Europe/Berlni'"):
        read(tmp_path, US_FILLS, "Europe/Berlni")


def test_dates_that_prove_no_order_need_the_option(tmp_path):
    """3 February or 2 March: one option, and the same file is read."""
    lines = tuple(line.replace("24.02.2027", "03.02.2027") for line in GERMAN_FILLS)

    with pytest.raises(ConfError, match=r"any name\.txt: no date in the file says .* say --dates dmy"):
        read(tmp_path, lines, "Europe/Berlin")
    assert read(tmp_path, lines, "Europe/Berlin", "dmy").turns[0].entry_ns == at(571 - 21 * 24 * 60)


@pytest.mark.parametrize(
    "old, new, error",
    [
        ("Buy,2", "Kauf,2", r"line 5: Action 'Kauf' is neither Buy nor Sell"),
        ("Buy,2", "Buy,0", r"line 5: quantity: '0' is not a number of contracts"),
        ('"24,930.25"', "24,930.25", r"line 5 has 15 values under 14 headings \(a decimal comma without quotes\?\)"),
        ('"24,930.25"', "", r"line 5: no value under 'price'"),
        (
            "$1.24,1,Sim101,Sim,\n",
            "1.2 %,1,Sim101,Sim,\n",
            r"line 4: commission: '1\.2 %' is not a number; export with the display unit",
        ),
        ("2/24/2027 9:31:00 AM", "2/31/2027 9:31:00 AM", r"line 5: time: '2/31/2027 9:31:00 AM' is not a date"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_line(tmp_path, old, new, error):
    """File, line, column, value and remedy."""
    text = "\n".join((*US_FILLS, "")).replace(old, new, 1)

    with pytest.raises(DataError, match=error):
        read(tmp_path, tuple(text.splitlines()))


def test_playback_accounts_are_told_apart(tmp_path):
    """By their own name or by their connection's."""
    lines = (*US_FILLS, US_FILLS[4].replace("Sim101,Sim", "Playback101,Playback").replace("x0", "p0"))

    found = read(tmp_path, lines)

    assert found.accounts == {"Sim101": ("Sim101",), "Playback101": ("Playback101",)}
    assert found.playback == {"Playback101"}


def test_two_exports_in_one_file_count_once(tmp_path):
    """Equal lines with one id are one fill."""
    found = read(tmp_path, (*US_FILLS, *US_FILLS[1:]))

    assert shown(found) == EXPECTED
    assert found.doubts == ("fills that stand there twice, and count once: 4",)


@pytest.mark.parametrize("content", ["", "Date,Open\n1,2\n", "\x00\x01\x02"])
def test_another_file_is_refused_by_its_content(tmp_path, content):
    """The error names what is read, and how the file begins."""
    with pytest.raises(DataError, match=r"is none of the files that are known: NinjaTrader's Trades or Executions grid"):
        read(tmp_path, (content,))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    """Name a file."""
    with pytest.raises(ConfError, match="is a folder with 0 databases; name a file"):
        source.read(tmp_path, None, None)
    with pytest.raises(ConfError, match="No such file or directory; name a file"):
        source.read(tmp_path / "x.csv", None, None)

"""Tables that a person describes: the documented examples are read, and each error in a description names file, key and value."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.sources import mapping
from tapewire.replay.sources.table import Content, Options
from tests.specimens import only, read, trades, written

EXAMPLES = re.findall(r"```toml\n(.*?)```", (Path(mapping.__file__).parent / "MAPPING.md").read_text("utf-8"), re.DOTALL)
GERMAN = "Zeit;Eröffnung;Hoch;Tief;Schluss;Volumen;Kauf;Verkauf;Auf;Ab;x\n"
GERMAN += "31.01.2027 18:01:00;24998,75;25000,25;24994,5;24998;9;5;4;3;0;\n"
AMERICAN = "01/31/2027,05:01 PM,24998.75,25000.25,24994.5,24998,9\n"
BARS = 'stamps = "close"\n[stamp]\ncolumn = "t"\n[columns]\nopen = "o"\nhigh = "h"\nlow = "l"\nclose = "c"\n'
TABLE = "t,o,h,l,c\n2027-01-31T18:01:00Z,2,3,1,2\n"


def mapped(folder: Path, description: str, content: str, name: str = "mine.csv") -> Content:
    path = written(folder / "mine.toml", description)
    return read(written(folder / name, content), Options(mapping=str(path)))


def test_one_column_of_stamps_with_decimal_commas(tmp_path):
    """The first example: names of columns in another language, a comma as the decimal sign, order flow."""
    content = mapped(tmp_path, EXAMPLES[0], GERMAN)

    found = only(content)
    assert (content.clock, content.stamps, content.period_s, content.assumed) == ("Europe/Berlin", "close", 60, True)
    assert content.parts[0].contract == "NQ 03-27"
    assert found.stamp.tolist() == [np.datetime64("2027-01-31T18:01", "ns").astype(np.int64)]
    assert (found.open[0], found.high[0], found.low[0], found.close[0], found.volume[0]) == (24998.75, 25000.25, 24994.5, 24998, 9)
    assert (found.ask, found.bid, found.up, found.down) == ([5], [4], [3], [0])


def test_date_and_time_in_two_columns_without_a_header(tmp_path):
    """The second example: columns by number, a clock of twelve hours."""
    content = mapped(tmp_path, EXAMPLES[1], AMERICAN + AMERICAN.replace("05:01 PM", "12:00 AM"))

    found = only(content)
    assert (content.clock, content.stamps, content.rows) == ("America/Chicago", "open", 2)
    assert found.stamp.tolist() == [np.datetime64(time, "ns").astype(np.int64) for time in ("2027-01-31T17:01", "2027-01-31T00:00")]
    assert (found.volume.tolist(), found.line.tolist()) == ([9, 9], [1, 2])


def test_trades_of_several_contracts(tmp_path):
    """The third example: a contract a row, the side by words, quotes."""
    header = "symbol,ts,px,qty,aggressor,best_bid,best_ask"
    lines = ("NQH7,{},2.5,3,B,2.25,2.5", "ESH7,{},7,1,?,7,8", "NQH7,{},2.25,2,SELL,2.25,2.5")

    content = mapped(tmp_path, EXAMPLES[2], "\n".join((header, *lines)).replace("{}", "1801436400000000001"))

    assert [part.contract for part in content.parts] == ["NQH7", "ESH7"]
    assert (content.clock, content.stamps, content.period_s, content.assumed) == ("UTC", "trade", 0, False)
    content.parts.pop()
    found = trades(content)
    assert found.stamp.tolist() == [1_801_436_400_000_000_001] * 2
    assert (found.price.tolist(), found.size.tolist(), found.line.tolist()) == ([2.5, 2.25], [3, 2], [2, 4])
    np.testing.assert_array_equal(found.side, [1, -1])
    np.testing.assert_array_equal(found.bid, [2.25, 2.25])


def test_a_mapping_is_used_instead_of_recognition(tmp_path):
    """A file that a format recognises is read as the person says."""
    description = 'stamps = "open"\nzone = "Asia/Tokyo"\nheader = false\n[stamp]\ncolumn = 1\nform = "%Y%m%d %H%M%S"\n'
    description += "[columns]\nopen = 2\nhigh = 3\nlow = 4\nclose = 5\nvolume = 6\n"

    content = mapped(tmp_path, description, "20270131 230100;2;3;1;2;9\n", "NQ 03-27.Last.txt")

    assert (content.clock, content.stamps, content.parts[0].contract) == ("Asia/Tokyo", "open", "")


def test_times_without_signs_keep_their_zeros(tmp_path):
    """`0931` is a time, whatever a reader of numbers makes of it."""
    description = BARS.replace('column = "t"', 'date = "d"\ndate_form = "%d%m%Y"\ntime = "t"\ntime_form = "%H%M"')

    content = mapped(tmp_path, description, "d,t,o,h,l,c\n05012027,0931,2,3,1,2\n")

    assert only(content).stamp.tolist() == [np.datetime64("2027-01-05T09:31", "ns").astype(np.int64)]


def test_lines_before_the_header_are_skipped(tmp_path):
    """What a program writes above its table is not read; lines are counted as an editor counts them."""
    content = mapped(tmp_path, "skip = 2\n" + BARS, "My broker\n;;;\n" + TABLE)

    assert only(content).line.tolist() == [4]
    assert content.told == ["mine.csv: no column is named for volume, so every bar has volume 0"]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"close"\n[', '"end"\n[', r"Invalid enum value 'end' - at `\$.stamps` \('end'\)"),
        ('stamps = "close"\n', "", "missing required field `stamps`"),
        ("[stamp]", 'separater = ";"\n[stamp]', r"unknown field `separater` \(did you mean 'separator'\?\)"),
        ("[stamp]", 'skip = "2"\n[stamp]', r"Expected `int`, got `str` - at `\$.skip` \('2'\)"),
        ("[stamp]", 'zone = "Berlin"\n[stamp]', "zone 'Berlin': not a time zone; write an IANA name"),
        ("[stamp]", 'separator = "ab"\n[stamp]', "separator 'ab': not one sign"),
        ("[stamp]", 'decimal = ","\n[stamp]', "decimal ',': mine.csv is separated by it; name another separator"),
        ("[stamp]", "header = false\n[stamp]", "stamp.column 't': without a header a column is a number, from 1"),
        ("[stamp]", 'zone = "UTC"\n[stamp]', "zone 'UTC': the stamps of mine.csv carry theirs; leave the key out"),
        ("[stamp]", 'instrument = "NQ"\n[stamp]', "instrument 'NQ': the column 't' says it, too; keep one"),
        ('column = "t"', 'column = "t"\nform = "%Q"', "stamp.form '%Q': no form that strptime knows"),
        ('column = "t"', 'date = "t"', "stamp.column None: name the column of the stamp, or those of date and time"),
        ('open = "o"\n', "", "columns.open None: bars need this column"),
        ('open = "o"\n', 'open = "o"\nprice = "o"\n', "columns.price 'o': stamps are 'close', so rows are bars"),
        ('open = "o"\n', 'open = "o"\nask_volume = "o"\n', "columns.ask_volume 'o': name both sides of the volume, or none"),
        ('open = "o"\n', 'open = "o"\nup_ticks = "o"\n', "columns.up_ticks 'o': name up ticks and down ticks, or none"),
        ('open = "o"\n', 'open = "h"\n', "columns.high 'h': that is also the column of open"),
    ],
)
def test_an_error_in_a_description_names_file_key_and_value(tmp_path, old, new, words):
    """The operator sees where to look, what stands there, and what to write."""
    description = BARS.replace(old, new)
    if "instrument" in new:
        description += 'instrument = "t"\n'

    with pytest.raises(ConfError, match=words) as refused:
        mapped(tmp_path, description, TABLE)

    assert str(refused.value).startswith(f"{tmp_path / 'mine.toml'}")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"h"', '"high"', r"mine.csv, line 1: column 'high' is missing.*; correct columns.high in .*mine.toml"),
        ('"h"', "9", r"mine.csv, line 1: 5 columns; correct columns.high = 9 in .*mine.toml"),
    ],
)
def test_a_column_that_the_file_lacks_is_named_with_its_key(tmp_path, old, new, words):
    """The file has other columns than the description says: both are named."""
    with pytest.raises(DataError, match=words):
        mapped(tmp_path, BARS.replace(old, new), TABLE)


def test_a_description_that_is_missing_or_no_toml_is_named(tmp_path):
    """The path in the message is the one that was given."""
    with pytest.raises(ConfError, match=r"--mapping '.*nowhere.toml': no such file"):
        mapping.load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfError, match=r"bad.toml"):
        mapping.load(written(tmp_path / "bad.toml", "stamps = \n"))

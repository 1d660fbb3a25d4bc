"""Volumetric exports as bars: what is read, what is left out and reported, and what is refused with a remedy."""

import gzip
import os
from pathlib import Path

import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources import gather
from tapewire.replay.sources.recording import Ignored
from tests.recordings import read, reading
from tests.shared import SHARED, needs_shared

HEADER = "timestamp,instrument,period,open,high,low,close,volume,ema20,vol_ask,vol_bid,vol_delta,session_date"
GOOD = "2027-02-24T09:31:00.000,NQ,Volumetric_1,100.25,101,99.5,100.75,30,1,20,10,10,2027-02-24"
NEXT = "2027-02-24T09:32:00.000,NQ,Volumetric_1,100.75,102,100.5,101.5,12,1,5,7,-2,2027-02-24"


def export(folder: Path, *rows: str, root: str = "NQ", header: str = HEADER) -> Path:
    path = folder / f"{root}_Volumetric_1.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_a_row_becomes_a_bar_of_the_traded_instrument(tmp_path):
    """MNQ trades on NQ's bars; the stamp is the close in Eastern wall-clock time, and the bar opened a minute before."""
    export(tmp_path, GOOD)

    (bar,) = read(tmp_path).bars

    assert (bar.instrument, bar.index, bar.phase, bar.position) == ("MNQ", 0, "playback", None)
    assert (bar.open, bar.high, bar.low, bar.close) == (100.25, 101.0, 99.5, 100.75)
    assert (bar.volume, bar.ask_volume, bar.bid_volume) == (30, 20, 10)
    assert bar.close_ns == 1_803_479_460_000_000_000  # 2027-02-24T14:31:00Z
    assert bar.close_ns - bar.open_ns == 60_000_000_000


@pytest.mark.parametrize(
    "stamp, utc_s",
    [
        ("2027-03-12T16:00:00.000", 1_804_885_200),
        ("2027-03-15T16:00:00.000", 1_805_140_800),
        ("2027-02-24T00:00:00", 1_803_445_200),
    ],
    ids=["winter", "summer", "midnight, no fraction"],
)
def test_wall_time_is_new_york_time(tmp_path, stamp, utc_s):
    """Both sides of a clock change are read by the rules of America/New_York."""
    export(tmp_path, GOOD.replace("2027-02-24T09:31:00.000", stamp).replace("2027-02-24", stamp[:10]))

    assert read(tmp_path).bars[0].close_ns == utc_s * 1_000_000_000


def test_columns_are_found_by_name(tmp_path):
    """Their order is free, and columns that are not needed are not read."""
    names = HEADER.split(",")
    export(tmp_path, ",".join(reversed(GOOD.split(","))), header=",".join(reversed(names)))
    shuffled = read(tmp_path)
    export(tmp_path, GOOD.replace(",1,20", ",not a number,20"))

    assert read(tmp_path).bars == shuffled.bars


def test_a_comment_before_the_header_is_skipped(tmp_path):
    """Exports of the add-on open with `#schema: ...`; line numbers still count it."""
    export(tmp_path, HEADER, GOOD, GOOD, header="#schema: NinjaDataExport/v2.3, volumetric=True")

    recording = read(tmp_path)

    assert len(recording.bars) == 1
    assert recording.ignored[0].line == 4


def test_compressed_exports_read_the_same(tmp_path):
    """A .csv.gz gives the bars of its .csv."""
    path = export(tmp_path, GOOD, NEXT)
    plain = read(tmp_path)
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()

    assert read(tmp_path).bars == plain.bars


def test_other_roots_stand_beside_bars_of_the_same_stamp(tmp_path):
    """ES and YM bars join the NQ bar with their stamp; a minute without one simply has none."""
    export(tmp_path, GOOD, NEXT)
    export(tmp_path, GOOD.replace("NQ", "ES"), root="ES")
    export(tmp_path, "2027-02-24T09:32:00.000,YM,Volumetric_1,50,52,49,51,3,1,2,1,1,2027-02-24", root="YM")

    first, second = read(tmp_path).bars

    assert [(c.instrument, c.close, c.ask_volume) for c in first.cross] == [("ES", 100.75, 20)]
    assert [(c.instrument, c.close, c.bid_volume) for c in second.cross] == [("YM", 51.0, 1)]


def test_repeated_and_late_rows_are_left_out_and_named(tmp_path):
    """A stamp not later than the last accepted one is ignored whatever the row holds (playbook 1.1), and reported."""
    late = GOOD.replace("100.25", "nonsense")
    export(tmp_path, GOOD, NEXT, NEXT.replace(",101.5,", ",100.75,"), late)

    recording = read(tmp_path)

    assert [bar.close for bar in recording.bars] == [100.75, 101.5]
    assert recording.ignored == (
        Ignored("NQ_Volumetric_1.csv", 4, "2027-02-24T09:32:00", "repeated"),
        Ignored("NQ_Volumetric_1.csv", 5, "2027-02-24T09:31:00", "late"),
    )
    assert (recording.files[0].rows, recording.files[0].accepted) == (4, 2)


def test_volume_without_order_flow_is_a_bar(tmp_path):
    """Both sides 0 mean missing order flow (playbook 1.1), not a contradiction; what is missing is null, not 0."""
    export(tmp_path, GOOD.replace(",20,10,10,", ",0,0,0,"))

    (bar,) = read(tmp_path).bars

    assert (bar.volume, bar.ask_volume, bar.bid_volume) == (30, None, None)


def test_progress_runs_to_one(tmp_path):
    """The caller receives shares of the input that never fall and end at 1."""
    stamps = [f"2027-02-{day}T{minute // 60:02}:{minute % 60:02}" for day in range(22, 26) for minute in range(1020)]
    export(tmp_path, *(stamp + GOOD[16:].replace("2027-02-24", stamp[:10]) for stamp in stamps))
    shares: list[float] = []

    gather.recording(tmp_path, "MNQ", reading(), shares.append)

    assert shares == sorted(shares)
    assert len(shares) > 1
    assert shares[-1] == 1.0


def changed(field: str, value: str) -> str:
    fields = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    return ",".join((fields | {field: value}).values())


@pytest.mark.parametrize(
    "field, value, complaint",
    [
        ("open", "abc", "not a price"),
        ("open", "1_00", "not a price"),
        ("open", "", "not a price"),
        ("high", "NaN", "not a price"),
        ("low", "0", "not a price above 0"),
        ("close", "-100.75", "not a price"),
        ("close", "100.8", "not a multiple of the tick 0.25"),
        ("high", "99.25", "below the low 99.5"),
        ("open", "101.25", "outside low 99.5 ... high 101"),
        ("close", "99.25", "outside low 99.5 ... high 101"),
        ("volume", "-30", "not a whole number of contracts"),
        ("volume", "30.5", "not a whole number of contracts"),
        ("vol_ask", "", "not a whole number of contracts"),
        ("vol_bid", "ten", "not a whole number of contracts"),
        ("volume", "29", "ask volume 20 and bid volume 10 are more than it"),
        ("timestamp", "24.02.2027 09:31", "not a time"),
        ("timestamp", "2027-02-30T09:31:00.000", "not a time"),
        ("timestamp", "0001-02-24T09:31:00.000", "not a time"),
        ("period", "Volumetric_5", "only Volumetric_1"),
    ],
)
def test_a_row_that_cannot_be_a_bar_stops_the_reading(tmp_path, field, value, complaint):
    """The error names file, line, field and value, the problem, and ends with a remedy."""
    path = export(tmp_path, changed(field, value))

    with pytest.raises(DataError) as refused:
        read(tmp_path)

    text = str(refused.value)
    assert text.startswith(f"{path}, line 2, {field} {value!r}: ")
    assert complaint in text
    assert "; " in text


@pytest.mark.parametrize("column", ["timestamp", "period", "close", "vol_ask"])
def test_a_missing_column_is_named(tmp_path, column):
    """An export without a needed column (a series that is not volumetric has no vol_ask) is refused by name."""
    export(tmp_path, GOOD, header=HEADER.replace(column, f"my_{column}"))

    with pytest.raises(DataError, match=f"line 1: column '{column}' is missing \\(did you mean 'my_{column}'"):
        read(tmp_path)


@pytest.mark.parametrize("written", ["-Infinity", "1e999", "nan"])
def test_a_price_that_is_not_finite_is_refused(tmp_path, written):
    """Whatever a number may be called, a price has an end."""
    export(tmp_path, changed("high", written))

    with pytest.raises(DataError, match=r"line 2, high .*: not a price"):
        read(tmp_path)


def test_a_row_of_another_instrument_is_refused(tmp_path):
    """One file has one root; its contracts may differ."""
    export(tmp_path, GOOD, NEXT.replace("NQ", "ES"))

    with pytest.raises(DataError, match="line 3, instrument 'ES': this is the file of NQ"):
        read(tmp_path)


def test_a_bar_of_half_a_minute_is_refused(tmp_path):
    """The error shows the stamp in the file's own clock."""
    export(tmp_path, changed("timestamp", "2027-02-24T09:31:30.000"))

    with pytest.raises(DataError, match="line 2, stamp '2027-02-24T09:31:30': not a whole minute"):
        read(tmp_path)


@pytest.mark.parametrize("ending", ["\r", "\r\n", "\n"])
def test_line_ends_of_any_system_are_read(tmp_path, ending):
    """A Mac's, Windows' and Linux' files hold the same bars."""
    (tmp_path / "NQ.csv").write_bytes(ending.join((HEADER, GOOD, NEXT)).encode())

    assert [bar.close for bar in read(tmp_path).bars] == [100.75, 101.5]


def test_a_row_cut_short_is_refused(tmp_path):
    """A file that was still being written ends inside a row."""
    export(tmp_path, GOOD, NEXT[:40])

    with pytest.raises(DataError, match=r"line 3, row '.*': 4 fields, the header names 13"):
        read(tmp_path)


def test_a_compressed_file_cut_short_is_refused(tmp_path):
    """Half a .gz never passes for a shorter recording."""
    packed = gzip.compress("\n".join([HEADER, GOOD, NEXT]).encode())
    (tmp_path / "NQ_Volumetric_1.csv.gz").write_bytes(packed[:-20])

    with pytest.raises(DataError, match="ends in the middle"):
        read(tmp_path)


@pytest.mark.parametrize(
    "name, content, complaint",
    [
        ("NQ_Volumetric_1.csv.gz", b"timestamp,instrument", "unreadable"),
        ("NQ_Volumetric_1.csv", HEADER.encode() + b"\n" + GOOD.encode() + b"\n\xff\xfe", "line 3: byte 0xff is not UTF-8"),
        ("NQ_Volumetric_1.csv", HEADER.replace("ema20", "open").encode(), "column 'open' appears twice"),
    ],
    ids=["not gzip", "not UTF-8", "two columns of one name"],
)
def test_a_file_that_is_no_export_is_refused(tmp_path, name, content, complaint):
    """For any content the error is a DataError that names the file."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=complaint) as refused:
        read(tmp_path)

    assert str(tmp_path / name) in str(refused.value)


@pytest.mark.parametrize("name, content", [("NQ_Minute_1.csv", b""), ("NQ_Minute_1.csv.gz", gzip.compress(b"", mtime=0))])
def test_a_folder_without_a_known_file_is_listed(tmp_path, name, content):
    """The error names the files in the folder; an empty one is called so, packed or not."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"no bars, as no file is in a format that can be read; it holds {name} \(empty\)"):
        read(tmp_path)


def test_what_was_left_out_is_the_reason_for_no_bars(tmp_path):
    """A folder of quotes alone holds no bars, and the error says what to export."""
    (tmp_path / "NQ 03-27.Bid.txt").write_text("20270224 143100;100;101;100;101;9\n")

    with pytest.raises(DataError, match=r"it holds no bars at all; .*quotes at the bid, .*; export Minute or Tick"):
        read(tmp_path)


def test_blanks_around_cells_and_a_separator_at_the_end_do_not_count(tmp_path):
    """Spreadsheets and editors leave them."""
    export(tmp_path, GOOD)
    plain = list(read(tmp_path).bars)
    export(tmp_path, GOOD.replace(",", " , ") + " ,")

    assert list(read(tmp_path).bars) == plain


def test_an_empty_folder_is_named(tmp_path):
    """The error names the empty folder."""
    with pytest.raises(DataError, match="holds nothing; name a file"):
        read(tmp_path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    """The remedy says what can be named."""
    with pytest.raises(DataError, match="is not there; name a file"):
        read(tmp_path / "nowhere")


def test_a_path_of_windows_is_told_as_wsl_has_it():
    """Copied from the Explorer, it names nothing here."""
    with pytest.raises(DataError, match=r"in WSL a path of Windows is written /mnt/c/Users/me/NinjaTrader 8/db$"):
        read(Path(r"C:\Users\me\NinjaTrader 8\db"))


def test_a_path_that_is_neither_file_nor_folder_is_refused(tmp_path):
    """A pipe or a device is there, but nothing can be read from it twice."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DataError, match="is neither a file nor a folder"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("head", "words"),
    [(b"PK\x03\x04....", r"bars.dat \(zip; unpack it"), (b"%PDF-1.7\n", r"bars.dat \(PDF; export text or CSV\)")],
)
def test_a_file_of_another_kind_is_refused_with_the_remedy(tmp_path, head, words):
    """The sort of a file is told by its first bytes, whatever its name is."""
    (tmp_path / "bars.dat").write_bytes(head)

    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_links_that_lead_nowhere_or_in_circles_are_passed_over(tmp_path):
    """The files beside them are read."""
    export(tmp_path, GOOD)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "above").symlink_to(tmp_path)
    (tmp_path / "higher").symlink_to(tmp_path.parent)
    (tmp_path / "gone").symlink_to("nothing")

    assert len(read(tmp_path).bars) == 1


def test_a_folder_that_a_link_names_is_read(tmp_path):
    """Recordings often lie on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    export(tmp_path / "disk", GOOD)
    (tmp_path / "data" / "NQ").symlink_to(tmp_path / "disk")

    assert len(read(tmp_path / "data").bars) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read by root")
def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path):
    """Its bars would be missing unseen."""
    export(tmp_path, GOOD)
    (tmp_path / "closed").mkdir(mode=0)

    with pytest.raises(DataError, match="closed: cannot be listed"):
        read(tmp_path)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst"])
def test_a_plain_and_a_compressed_file_together_are_refused(tmp_path, packing):
    """The reader does not guess between two recordings."""
    export(tmp_path, GOOD).with_suffix(f".csv{packing}").write_bytes(b"")

    with pytest.raises(DataError, match=rf"holds both NQ_Volumetric_1\.csv and NQ_Volumetric_1\.csv\{packing}; remove one"):
        read(tmp_path)


def test_a_name_that_is_no_utf8_is_refused_before_anything_is_computed(tmp_path):
    """An archive from another system brings such names; a summary could not hold one. A file that is no recording may have one."""
    (tmp_path / os.fsdecode(b"Erl\xe4uterung.pdf")).write_bytes(b"%PDF")
    bars = export(tmp_path, GOOD)
    assert len(read(tmp_path).bars) == 1

    bars.rename(tmp_path / os.fsdecode(b"NQ_Volumetric_\xe4.csv"))

    with pytest.raises(DataError, match=r"its name is no UTF-8, so no result could name it; rename it"):
        read(tmp_path)


def test_an_unknown_instrument_is_refused_with_a_suggestion(tmp_path):
    """There is no default contract."""
    with pytest.raises(DataError, match="unknown instrument 'MNK' \\(did you mean 'MNQ'"):
        read(tmp_path, "MNK")


@needs_shared
def test_the_real_export_reads_whole():
    """Four real sessions: every row of NQ is a bar, and nearly every bar has ES and YM beside it."""
    recording = read(SHARED / "data" / "ninjatrader")

    assert len(recording.bars) == 5520
    assert recording.ignored == ()
    assert sum(len(bar.cross) == 2 for bar in recording.bars) == 5498


@needs_shared
def test_the_imperfect_export_reads_with_its_listed_defects():
    """The synthetic vectors hold one repeated and one late row, on 2027-03-12."""
    recording = read(SHARED / "conformance" / "synth")

    assert len(recording.bars) == 21793
    assert [(row.stamp, row.why) for row in recording.ignored] == [
        ("2027-03-12T10:45:00", "repeated"),
        ("2027-03-12T10:40:00", "late"),
    ]

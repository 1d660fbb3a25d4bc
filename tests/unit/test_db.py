"""NinjaTrader's database as a folder: which files are read for an instrument, and what is left out with a word."""

import datetime as dt
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.market.calendar import Calendar
from tapewire.replay.sources import db, inspection
from tapewire.replay.sources.db import Span
from tests import ncd_writer, recordings
from tests.ncd_writer import placed

FIRST, SECOND = "NQ 12-30", "NQ 03-31"
THERE = (
    f"minute/{FIRST}/20301216.Last.ncd",
    f"minute/{SECOND}/20301217.Last.ncd",
    f"minute/{SECOND}/20310304.Last.ncd",
    f"minute/{SECOND}/20310305.Last.ncd",
    f"minute/{SECOND}/20310305.Bid.ncd",
    "minute/ES 03-31/20310304.Last.ncd",
    "minute/MNQ 03-31/20310304.Last.ncd",
    f"tick/{SECOND}/203103041000.Last.ncd",
    f"tick/{SECOND}/203103060000.Last.ncd",
    f"tick/{SECOND}/203103062300.Last.ncd",
    f"tick/{SECOND}/203103070000.Last.ncd",
    f"day/{SECOND}/2031.Last.ncd",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in THERE:
        placed(tmp_path, place, ncd_writer.MINUTES)
    return tmp_path


def read(listing: db.Listing) -> list[str]:
    return ["/".join(path.parts[-3:]) for path in listing.files]


def test_minutes_are_read_and_ticks_of_days_without(folder):
    """By contract and time. A tick file is named by the end of its hour: 00:00 of the 6th belongs to the 5th, which has minutes."""
    listing = db.files(folder, ("NQ", "MNQ"))

    assert read(listing) == [
        f"minute/{FIRST}/20301216.Last.ncd",
        f"minute/{SECOND}/20301217.Last.ncd",
        f"minute/{SECOND}/20310304.Last.ncd",
        f"minute/{SECOND}/20310305.Last.ncd",
        f"tick/{SECOND}/203103062300.Last.ncd",
        f"tick/{SECOND}/203103070000.Last.ncd",
    ]
    assert listing.told == [f"{SECOND}: 1 day without minute bars, read from ticks"]


def test_one_kind_may_be_asked_for(folder):
    """Ticks alone, days alone, quotes alone."""
    assert [len(db.files(folder, ("NQ",), kind).files) for kind in ("minute", "tick", "day")] == [4, 4, 1]
    assert read(db.files(folder, ("NQ",), price="Bid")) == [f"minute/{SECOND}/20310305.Bid.ncd"]


@pytest.mark.parametrize(
    "first, last, days",
    [
        ((2031, 3, 6), None, ["20310305", "203103062300", "203103070000"]),
        (None, (2030, 12, 15), ["20301216"]),
        ((2031, 3, 5), (2031, 3, 5), ["20310304", "20310305", "203103062300", "203103070000"]),
        ((2031, 6, 1), (2031, 6, 30), []),
    ],
)
def test_only_files_that_may_hold_the_dates_are_read(folder, first, last, days):
    """A trade date lies in two clock days; which two depends on the zone, so a day more is taken on each side."""
    span = Span(first and dt.date(*first), last and dt.date(*last))

    assert [path.name.split(".")[0] for path in db.files(folder, ("NQ",), span=span).files] == days


@pytest.mark.parametrize("part", ["", "db", "db/minute", f"db/minute/{SECOND}"])
def test_any_part_of_the_database_is_known(folder, part):
    """NinjaTrader's own folder, db, one kind, or one contract."""
    at = folder / part

    assert "Last.ncd" in db.looks_like(at)
    assert f"minute/{SECOND}/20310304.Last.ncd" in read(db.files(at, ("NQ",)))


def test_another_folder_is_no_database(tmp_path):
    """Exports, and a folder that is called like one of the database and holds none of its files."""
    (tmp_path / "NQ_Volumetric_1.csv").touch()
    (tmp_path / "minute" / SECOND).mkdir(parents=True)

    assert db.looks_like(tmp_path) == ""


def test_a_contract_s_symbol_is_replaced_only_where_it_is_missing(folder):
    """Whoever trades MNQ may have loaded its bars only: they are read in place of NQ's, with a word."""
    assert read(db.files(folder, ("RTY", "M2K"))) == []
    assert read(db.files(folder, ("YM", "MNQ"))) == ["minute/MNQ 03-31/20310304.Last.ncd"]
    assert db.files(folder, ("YM", "MNQ")).told == [f"{folder} has no YM of these dates; MNQ is read in its place"]


def test_what_is_left_out_is_told(folder):
    """Copies with another name, empty files, and the merged contract."""
    placed(folder, f"minute/{SECOND}/20310306 (1).Last.ncd", ncd_writer.MINUTES)
    placed(folder, f"minute/{SECOND}/20310307.Last.ncd", ncd_writer.MINUTES[:28])
    placed(folder, "minute/NQ ##-##/20310304.Last.ncd", ncd_writer.MINUTES)

    listing = db.files(folder, ("NQ",), "minute")

    assert len(listing.files) == 4
    assert listing.told == [
        "NQ ##-##: NinjaTrader's merged contract, left out; the contracts themselves are read",
        f"no names that NinjaTrader gives, left out: {SECOND}/20310306 (1).Last.ncd",
        "1 file without data, left out",
    ]


def test_the_contracts_of_a_database(folder):
    """By symbol and month, with the kinds that each has."""
    assert db.contracts(folder) == {
        "ES 03-31": ["minute"],
        "MNQ 03-31": ["minute"],
        FIRST: ["minute"],
        SECOND: ["minute", "tick", "day"],
    }
    assert len(db.files(folder, kind="minute").files) == 6


def test_the_cache_is_refused(tmp_path):
    """It has derived bars in another layout."""
    path = placed(tmp_path, f"cache/{SECOND}/20310304.Last.ncd", ncd_writer.MINUTES)

    assert db.looks_like(path.parent) == "it is NinjaTrader's db/cache"
    with pytest.raises(DataError, match="another layout; read db/minute or db/tick"):
        db.files(path.parent)


def test_a_companion_that_is_traded_is_read_once(tmp_path):
    """ES is a companion of every instrument, of itself as well; its files are not read a second time."""
    bars = [ncd_writer.WrittenBar(dt.datetime(2027, 2, 24, 9, 31 + at), 100, 101, 99, 100, 10) for at in range(5)]
    ncd_writer.database(tmp_path, "ES 03-27", 0.25, bars)

    recording = recordings.read(tmp_path / "db", "ES", zone="America/New_York")

    assert len(recording.files) == 1
    assert not [note for note in recording.notes if "more than one file" in note]


def test_the_days_of_a_contract_are_shown_as_one(tmp_path):
    """A database of two years has five hundred files; a person wants its sessions and holes. JSON has the files."""
    days = [dt.datetime(2027, 2, 24 + day, 9, 31) + dt.timedelta(minutes=at) for day in (0, 1) for at in range(390) if at != 5]
    bars = [ncd_writer.WrittenBar(close, 100, 101, 99, 100, 10) for close in days]
    ncd_writer.database(tmp_path, "ES 03-27", 0.25, bars)

    def inspected(together: bool, **options: str) -> list[inspection.InspectedFile]:
        reading = recordings.reading("ES", **options)
        return inspection.inspect([tmp_path / "db"], reading, lambda *_: Calendar(), lambda _: None, together=together)

    (whole,) = inspected(True, zone="America/New_York")
    (refused,) = inspected(True)

    assert whole.file == "minute/ES 03-27: 2 files, 20270224.Last.ncd to 20270225.Last.ncd"
    assert (whole.contents[0].sessions, whole.contents[0].bars) == (2, 778)
    assert [hole.missing for hole in whole.contents[0].holes] == [("09:36",), ("09:36",)]
    assert refused.error.endswith("(1 more files are refused)")
    assert len(inspected(False, zone="America/New_York")) == 2


def test_inspection_shows_the_wanted_dates(tmp_path):
    """--from and --to cut whole trade dates, of any file; a text that is no date is refused before anything is read."""
    days = [dt.datetime(2027, 2, 24 + day, 9, 31) + dt.timedelta(minutes=at) for day in (0, 1) for at in range(390)]
    ncd_writer.database(tmp_path, "ES 03-27", 0.25, [ncd_writer.WrittenBar(close, 100, 101, 99, 100, 10) for close in days])

    def bars(**options: str) -> list[int]:
        reading = recordings.reading("ES", zone="America/New_York", **options)
        found = inspection.inspect([tmp_path / "db"], reading, lambda *_: Calendar(), lambda _: None, together=True)
        return [part.bars for file in found for part in file.contents]

    assert bars(start="2027-02-25") == [390]
    assert bars(end="2027-02-23") == []
    with pytest.raises(ConfError, match="--from 'soon': not a date"):
        bars(start="soon")

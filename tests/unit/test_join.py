"""Contracts of one root as one series: which day has which contract, what a roll costs, and what is told."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.sources import gather
from tapewire.replay.sources.gather import Gathered
from tests import recordings
from tests.ncd_writer import SECOND, TickRecord, placed, tick_file

DAYS = ("20260309", "20260310", "20260311", "20260312", "20260313")


def export(folder: Path, contract: str, base: float, volumes: tuple[int, ...]) -> None:
    """A NinjaTrader export with the minutes 14:31 to 14:40 UTC of five days; 0 for a day without bars."""
    lines = [
        f"{day} 14{minute:02}00;{base};{base + 1};{base};{base + 0.5};{volume}"
        for day, volume in zip(DAYS, volumes, strict=True)
        for minute in range(31, 41)
        if volume
    ]
    (folder / f"{contract}.Last.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """March trades most until the third day, June from then on; June is 200 points higher."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 400, 50, 0))
    export(tmp_path, "NQ 06-26", 24_200, (10, 100, 600, 900, 900))
    return tmp_path


def gathered(folder: Path, **options: object) -> Gathered:
    return gather.gather([folder], recordings.reading(**{"instrument": "NQ", **options}), lambda share: None)


def contract_of_each_day(made: Gathered) -> list[str]:
    series = made.series["NQ"]
    return [series.contracts[number] for number in series.by.tolist()[::10]]


def test_the_session_before_decides_the_contract(two: Path) -> None:
    """June trades more on the third day, so it is the contract of the fourth: no day knows its own volume beforehand."""
    made = gathered(two)

    assert contract_of_each_day(made) == ["NQ 03-26"] * 3 + ["NQ 06-26"] * 2
    assert [(roll.date, roll.apart) for roll in made.series["NQ"].rolls] == [("2026-03-12", 200.0)]
    assert any("from NQ 03-26 to NQ 06-26 on 2026-03-12, by volume; +200 points apart" in told for told in made.told)


def test_the_table_rolls_on_its_dates(two: Path) -> None:
    """conf/rolls.toml keeps March in front until 2026-03-16, whatever trades most."""
    made = gathered(two, roll="table")

    assert contract_of_each_day(made) == ["NQ 03-26"] * 4


def test_no_roll_needs_one_contract(two: Path) -> None:
    """The error names the contracts and the options; one of them named is read alone."""
    with pytest.raises(DataError, match=r"holds 2 contracts of NQ \(NQ 03-26, NQ 06-26\); say --contract"):
        gathered(two, roll="none")

    assert contract_of_each_day(gathered(two, roll="none", contract="NQH6")) == ["NQ 03-26"] * 4


def test_prices_stay_as_they_were_traded_unless_asked(two: Path) -> None:
    """Back-adjusted, what came before the roll is moved by the difference, and the offset is kept."""
    plain, moved = gathered(two).series["NQ"], gathered(two, adjust=True).series["NQ"]

    assert sorted(set(plain.bars.open.tolist())) == [24_000, 24_200]
    assert set(moved.bars.open.tolist()) == {24_200}
    assert moved.adjusted
    assert moved.rolls == plain.rolls


def test_a_series_never_goes_back(tmp_path: Path) -> None:
    """Volume that returns to March for a day does not: a contract that expires earlier is over."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 100, 900, 900, 900))
    export(tmp_path, "NQ 06-26", 24_200, (100, 900, 100, 100, 100))

    assert contract_of_each_day(gathered(tmp_path)) == ["NQ 03-26"] * 2 + ["NQ 06-26"] * 3


def test_contracts_without_a_common_minute_have_no_offset(tmp_path: Path) -> None:
    """They are joined and that is told; back-adjusting them is refused."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 0, 0, 0))
    export(tmp_path, "NQ 06-26", 24_200, (0, 0, 900, 900, 900))

    assert any("no minute in common" in told for told in gathered(tmp_path).told)
    with pytest.raises(DataError, match="share no minute before 2026-03-11: the offset is unknown"):
        gathered(tmp_path, adjust=True)


def test_two_files_of_one_contract_are_one(tmp_path: Path) -> None:
    """Minutes that both have are kept once, and counted."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 900, 0, 0))
    (tmp_path / "later").mkdir()
    export(tmp_path / "later", "NQ 03-26", 24_000, (0, 0, 900, 900, 900))

    made = gathered(tmp_path)

    assert len(made.series["NQ"].bars) == 50
    assert any("10 minutes stand in more than one file" in told for told in made.told)


def test_only_the_wanted_dates_are_kept(two: Path) -> None:
    """--from and --to are trade dates, both included; the roll is found before they cut."""
    made = gathered(two, start="2026-03-10", end="2026-03-12")

    assert contract_of_each_day(made) == ["NQ 03-26"] * 2 + ["NQ 06-26"]


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """NinjaTrader's database with two hours of 100 trades, one contract each."""
    for hour in (9, 10):
        trades = [TickRecord(0, 0, 0, 1, 1), *(TickRecord(20 * SECOND, 1, 0, 1, 1) for _ in range(99))]
        content = tick_file(0.25, 24_000, dt.datetime(2026, 3, 10, hour), trades)
        placed(tmp_path, f"tick/NQ 03-26/20260310{hour + 1:02}00.Last.ncd", content)
    return tmp_path / "db"


@pytest.mark.parametrize("instrument", ["NQ", "MNQ", "ES"])
def test_a_trade_counts_once_whichever_instrument_is_traded(ticks: Path, instrument: str) -> None:
    """NQ is the traded root and a companion at once: its files are read once."""
    series = gathered(ticks, instrument=instrument, zone="America/New_York").series["NQ"]

    assert int(series.bars.volume.sum()) == 200


def test_a_file_that_two_paths_name_is_read_once(ticks: Path) -> None:
    """A folder and one in it, or a link to it, hold the same trades."""
    (ticks.parent / "link").symlink_to(ticks)
    places = [ticks, ticks / "tick" / "NQ 03-26", ticks.parent / "link"]

    made = gather.gather(places, recordings.reading("NQ", zone="America/New_York"), lambda share: None)

    assert int(made.series["NQ"].bars.volume.sum()) == 200
    assert not [line for line in made.told if "more than one file" in line]


def test_a_copy_of_an_hour_of_trades_is_told_and_left_out(ticks: Path) -> None:
    """A second folder with the same hours, such as a backup, does not double the volume."""
    shutil.copytree(ticks, ticks.parent / "backup" / "db")
    places = [ticks, ticks.parent / "backup" / "db"]

    made = gather.gather(places, recordings.reading("NQ", zone="America/New_York"), lambda share: None)

    assert int(made.series["NQ"].bars.volume.sum()) == 200
    assert any("68 minutes stand in more than one file" in line for line in made.told)


def test_the_micro_contract_does_not_stand_in_for_its_root(tmp_path: Path) -> None:
    """A folder with the exports of both has one volume: the root's."""
    export(tmp_path, "MNQ 03-26", 24_000, (7, 7, 7, 7, 7))
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 900, 900, 900))

    made = gathered(tmp_path, instrument="MNQ")

    assert set(made.series["NQ"].bars.volume.tolist()) == {900}
    assert "NQ: the files of MNQ are left out, as there are some of NQ" in made.told


def test_the_micro_contract_alone_is_read(tmp_path: Path) -> None:
    """Whoever has only MNQ trades on it."""
    export(tmp_path, "MNQ 03-26", 24_000, (7, 7, 7, 7, 7))

    assert set(gathered(tmp_path, instrument="MNQ").series["NQ"].bars.volume.tolist()) == {7}


def test_minutes_that_two_files_have_differently_are_counted(tmp_path: Path) -> None:
    """An adjusted file beside an unadjusted one of the same contract is no copy."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 900, 0, 0))
    (tmp_path / "later").mkdir()
    export(tmp_path / "later", "NQ 03-26", 24_050, (0, 0, 900, 900, 900))

    assert any("those of the first by name are kept, though 10 of them differ" in told for told in gathered(tmp_path).told)


def test_files_put_together_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    """Most of the bars would be late rows; with --sort all are there."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 900, 900, 900))
    path = tmp_path / "NQ 03-26.Last.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join((*lines[40:], *lines[:40])) + "\n")

    with pytest.raises(DataError, match=r"40 of 50 rows stand behind later ones, .* say --sort"):
        gathered(tmp_path)
    assert len(gathered(tmp_path, sort=True).series["NQ"].bars) == 50


def test_a_contract_that_is_not_used_is_named(tmp_path: Path) -> None:
    """One that traded less on every day gives no bar."""
    export(tmp_path, "NQ 03-26", 24_000, (900, 900, 900, 900, 900))
    export(tmp_path, "NQ 06-26", 24_200, (1, 1, 1, 1, 1))

    assert "NQ: no bars of NQ 06-26 are used, by volume" in gathered(tmp_path).told


def test_dates_that_leave_nothing_are_named(two: Path) -> None:
    """A Sunday has no trade date, and the first date is not after the last."""
    with pytest.raises(DataError, match=r"no bars of NQ, .* check --from 2026-03-15, --to 2026-03-15"):
        recordings.read(two, start="2026-03-15", end="2026-03-15")
    with pytest.raises(ConfError, match="--from 2026-03-12 is after --to 2026-03-10"):
        gathered(two, start="2026-03-12", end="2026-03-10")


def test_a_clock_that_the_format_carries_is_not_the_users(ticks: Path) -> None:
    """--zone is for files that leave it open; the others tell theirs, and say so. Trades have no end."""
    made = gathered(ticks, zone="America/New_York", stamps="open")

    assert made.series["NQ"].bars.stamp[0] == 1_773_147_660 * 10**9  # 2026-03-10T13:01Z
    assert any("it holds trades; --stamps open is not used" in told for told in made.told)

    path = ticks.parent / "NQ_Volumetric_1.csv"
    names = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid"
    path.write_text(f"{names}\n2026-03-10T13:01:00.000Z,NQ,Volumetric_1,1,1,1,1,5,2,3\n")
    zoned = gather.gather([path], recordings.reading("NQ", zone="Europe/Berlin"), lambda share: None)

    assert zoned.series["NQ"].bars.stamp[0] == 1_773_147_660 * 10**9
    assert f"{path.name}: its stamps carry their zone (UTC); --zone Europe/Berlin is not used" in zoned.told

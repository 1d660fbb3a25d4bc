"""A run's own journal, and the folders of its days, as a recording: bars as they came, and what was lost as lost."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, CrossBar, Gap, Session
from tapewire.daemons.settings import load as configuration
from tapewire.replay import runs, tapes
from tapewire.replay.days import folders
from tapewire.replay.days.process import Days
from tapewire.replay.research.sessions import sessions
from tapewire.replay.sources import gather, synthetic
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tests.runs import SESSION, Tape, at, bar, conf, session

BARS = "raw.bar.MNQ.1m."
ES = CrossBar("ES", 10.0, 11.0, 9.0, 10.5, 7, 4, 3)
YM = CrossBar("YM", 20.0, 21.0, 19.0, 20.5, 8)


def read(path: Path, instrument: str = "MNQ", **options: str) -> Recording:
    return runs.read(path, instrument, lambda share: None, Options(**options))[0]  # type: ignore[arg-type]


def with_days(run: Path) -> Path:
    """Its days' folders, with the journal gone."""
    days = Days(run, conf())
    while days.round(0, quiet=False):
        pass
    days.round(0, quiet=False)
    shutil.rmtree(run / "journal")
    return run


def journal(run: Path, *bars: Bar | int) -> Path:
    """A run with these bars; an int is so many numbers that are lost."""
    tape = Tape(run)
    for each in bars:
        if isinstance(each, int):
            tape.stamper.resume(BARS, tape.stamper.last.get(BARS, 0) + each)
        else:
            tape.publish(BARS, each.close_ns, each)
    tape.publish("session.MNQ.", at(571), session(571, closes=780))
    tape.close()
    return run


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two synthetic sessions as an export, and a backtest of them."""
    export, run = tmp_path_factory.mktemp("export"), tmp_path_factory.mktemp("run")
    synthetic.generate(export, sessions=2, seed=7, start=dt.date(2026, 3, 2))
    chosen = configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    recording, calendar = runs.read(export, "MNQ", lambda share: None)
    runs.backtest(replace(chosen, calendar=calendar), recording, run, lambda share: None)
    return export, run


def test_a_journal_and_its_days_hold_the_recordings_bars(both: tuple[Path, Path], tmp_path: Path) -> None:
    """Every field of every bar, order flow and the other instruments' bars included; a date is cut out of both alike."""
    export, run = both
    shutil.copytree(run / "journal", tmp_path / "run" / "journal")
    days = with_days(tmp_path / "run")
    expected = read(export)

    assert read(run).bars == expected.bars
    assert read(run / "journal").bars == expected.bars
    assert read(next((run / "journal").glob("raw.bar.*"))).bars == expected.bars
    assert read(days).bars == expected.bars
    assert read(days / "days" / "2026" / "03").bars == expected.bars
    assert read(folders.place(days, "2026-03-03")).bars == read(run, start="2026-03-03").bars
    assert read(run, start="2026-03-03").bars[0].index == 0
    assert [bool(each.facts) for each in (read(run), read(days))] == [False, False]


def test_the_days_convert_as_any_other_format(both: tuple[Path, Path], tmp_path: Path) -> None:
    """For a person who wants them in one file: bars, order flow and the bars beside them, of all dates."""
    export, run = both
    shutil.copytree(run / "journal", tmp_path / "run" / "journal")
    found = gather.gather([with_days(tmp_path / "run")], runs.reading(Options()), lambda share: None)
    original = gather.gather([export], runs.reading(Options()), lambda share: None)

    assert sorted(found.series) == sorted(original.series) == ["ES", "NQ", "YM"]
    for root, series in original.series.items():
        for column in ("stamp", "close", "volume", "ask", "bid"):
            assert (getattr(found.series[root].bars, column) == getattr(series.bars, column)).all()


@pytest.mark.parametrize("how", [lambda run: run, with_days], ids=["journal", "days"])
def test_what_was_lost_is_a_gap_in_its_place(how: object, tmp_path: Path) -> None:
    """Its numbers are left out, the tracker distrusts the date, and the person is told."""
    assert callable(how)
    beside = replace(bar(572), cross=(YM, ES))
    run = how(journal(tmp_path / "run", bar(571), beside, 3, bar(576), bar(577)))

    found = read(run)
    (gap,) = found.facts[2]
    degraded = [each.degraded for each in sessions(conf(), found.inputs())]

    assert [each.close_ns for each in found.bars] == [at(571), at(572), at(576), at(577)]
    assert found.bars[1].cross == (YM, ES)
    assert (gap.topic, gap.last - gap.first + 1) == (BARS, 3)
    assert degraded == [False, False, True, True]
    (note,) = found.notes
    assert "3 bars of MNQ were lost on the way, before 2027-02-24T09:36:00" in note


@pytest.mark.parametrize("how", [lambda run: run, with_days], ids=["journal", "days"])
def test_a_bar_that_only_the_logger_got_is_lost(how: object, tmp_path: Path) -> None:
    """The tracker said so; what it decided, it decided without that bar."""
    assert callable(how)
    tape = Tape(tmp_path / "run")
    for minute in (571, 572, 573):
        tape.publish(BARS, at(minute), bar(minute))
    tape.publish(topics.of(topics.GAP, "tracker"), at(573), Gap(BARS, 1, 2, 2, "tracker"))
    tape.close()

    found = read(how(tmp_path / "run"))

    assert [each.close_ns for each in found.bars] == [at(571), at(573)]
    assert {number: len(facts) for number, facts in found.facts.items()} == {1: 1}


@pytest.mark.parametrize("how", [lambda run: run, with_days], ids=["journal", "days"])
def test_bars_stay_what_they_were(how: object, tmp_path: Path) -> None:
    """History stays history, an unknown order flow unknown; a bar that came again stands once."""
    assert callable(how)
    unknown = replace(bar(572), ask_volume=None, bid_volume=None)
    run = how(journal(tmp_path / "run", replace(bar(571), phase="historical"), unknown, bar(571), bar(573)))

    found = read(run)

    assert [each.phase for each in found.bars] == ["historical", "playback", "playback"]
    assert [each.ask_volume for each in found.bars] == [6, None, 6]
    assert [each.index for each in found.bars] == [0, 1, 2]


@pytest.mark.parametrize("how", [lambda run: run, with_days], ids=["journal", "days"])
def test_the_calendar_is_the_runs(how: object, tmp_path: Path) -> None:
    """As its sessions tell it, whatever the exchange says of the date."""
    assert callable(how)
    run = how(journal(tmp_path / "run", bar(571)))

    assert runs.read(run, "MNQ", lambda share: None)[1].half_days == {SESSION: "13:00"}


def test_a_recordings_loss_is_one_in_the_next_journal(tmp_path: Path) -> None:
    """The backtest leaves out the same numbers, says that the tracker lost them, and can be read in turn."""
    found = read(journal(tmp_path / "run", bar(571), 3, bar(575)))
    runs.backtest(conf(), found, tmp_path / "out", lambda share: None)

    gaps = list(tapes.facts(tmp_path / "out", topics.of(topics.GAP, "tracker"), Gap))

    assert gaps == [Gap(BARS, 1, 2, 4, "tracker")]
    assert [each.degraded for each in tapes.facts(tmp_path / "out", "session.", Session)] == [False, True]
    assert read(tmp_path / "out").facts == {1: (Gap(BARS, 1, 2, 4, "tracker"),)}


def test_another_symbol_of_the_root_is_read(tmp_path: Path) -> None:
    """A run that traded MNQ is a recording for NQ, under its own name."""
    run = journal(tmp_path / "run", bar(571))

    assert [each.instrument for each in read(run, "NQ").bars] == ["NQ"]
    with pytest.raises(DataError, match="no bars of GC"):
        read(run, "GC")


def test_an_option_for_files_of_others_is_refused(tmp_path: Path) -> None:
    """A clock is not guessed where it is known, and contracts are not joined."""
    with pytest.raises(ConfError, match="leave out --zone, --roll"):
        read(journal(tmp_path / "run", bar(571)), zone="UTC", roll="none")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("bars.csv", ",101.0,", ",many,", r"bars.csv, line 2: .*high"),
        ("bars.csv", "2027-02-24T14:31:00Z", "2027-02-24T14:30:00Z", r"line 2 is of .*14:30:00Z, and of .*14:31:00Z in bars_flow"),
        ("bars_flow.csv", ",realtime,,", "", r"bars.csv: line 2 has fewer or more cells"),
        ("bars_flow.csv", ",realtime,,", ",realtime,GC,", r"bars.GC.csv: .*No such file"),
        ("session_init.json", '"main": "MNQ"', '"main": 1', r"session_init.json: .*main"),
    ],
)
def test_a_harmed_day_is_named_with_its_line(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    """A day's file that a person has edited; no bar goes missing unseen."""
    run = with_days(journal(tmp_path / "run", bar(571), bar(572)))
    path = folders.place(run, SESSION) / name
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))

    with pytest.raises(DataError, match=words):
        read(run)

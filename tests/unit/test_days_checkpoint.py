"""A daybook that starts again reads the last days of the journal, unless something before them is not as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapewire.bus.journal import Journal
from tapewire.replay.days import checkpoint, folders
from tapewire.replay.days.book import KEPT
from tapewire.replay.days.files import STAMPED
from tapewire.replay.days.process import Days, numbers
from tests.runs import Tape, bar, conf, session, signal

DAY = 1440
DATES = 14
BARS = "raw.bar.MNQ.1m.tape"


def days_of(tape: Tape) -> Iterator[None]:
    """A few bars, sessions and a signal of each of some trade dates; a hole before the third bar of each."""
    done = 0
    for number in range(20):
        if number % 7 in (3, 4):  # from Wednesday on: a weekend
            continue
        for minute in range(571 + number * DAY, 575 + number * DAY):
            if minute % DAY == 573:
                tape.stamper.resume("raw.bar.MNQ.1m.", tape.stamper.last["raw.bar.MNQ.1m."] + 1)
            at = bar(minute)
            tape.publish("raw.bar.MNQ.1m.", at.close_ns, at)
            date = f"{dated(number)}"
            tape.publish("session.MNQ.", at.close_ns, replace(session(minute), bar=at, session=date, minute=minute % DAY))
        tape.publish("signal.MNQ.", at.close_ns, replace(signal(minute), session=date))
        yield
        done += 1
        if done == DATES:
            return


def dated(number: int) -> str:
    return (dt.date(2027, 2, 24) + dt.timedelta(number)).isoformat()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    tape = Tape(tmp_path / "run")
    for _ in days_of(tape):
        pass
    tape.close()
    return tmp_path / "run"


def read(run: Path) -> Days:
    days = Days(run, conf())
    days.finish(0)
    return days


def content(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in (run / "days").rglob("*") if path.is_file()}


def test_a_start_reads_the_last_days_only(run: Path) -> None:
    """The newest eight dates, and every file is as before."""
    first = read(run).book.changes
    before = content(run)

    again = read(run)

    assert len(folders.dates(run)) == DATES
    assert again.book.changes == first * KEPT // DATES
    assert content(run) == before


def test_starts_at_every_place_leave_the_same_files(run: Path, tmp_path: Path) -> None:
    """A daybook that starts anew after every two records of each file, against one that reads in one go."""
    read(run)
    other = tmp_path / "other"
    (other / "journal").mkdir(parents=True)
    records = {path.name: list(Journal.open(path).read()) for path in (run / "journal").iterdir()}
    longest = max(map(len, records.values()))
    for at in range(0, longest, 2):
        for name, frames in records.items():
            with Journal.open(other / "journal" / name) as journal:
                for frame in frames[len(journal) : -(-len(frames) * (at + 2) // longest)]:
                    journal.append(frame)
        days = Days(other, conf())
        while days.round(0, quiet=False):
            pass

    read(other)

    assert content(other) == content(run)


@pytest.mark.parametrize("name", ["bars.csv", "trades.jsonl", "report.html", "performance.json"])
def test_a_harmed_day_of_long_ago_is_written_again(run: Path, name: str) -> None:
    """Its hash is not the one that was noted, so the journal is read from its beginning."""
    read(run)
    before = content(run)
    (folders.place(run, "2027-02-25") / name).write_bytes(b"harmed\n")

    read(run)

    assert content(run) == before


def test_a_harmed_month_of_long_ago_is_written_again(run: Path) -> None:
    """Like a day."""
    read(run)
    before = content(run)
    (folders.place(run, "2027-02") / "summary.html").unlink()

    read(run)

    assert content(run) == before


def test_another_journal_is_read_whole(run: Path) -> None:
    """One byte less before the place where a start would begin: the offsets mean nothing there."""
    first = read(run).book.changes
    frames = list(Journal.open(run / "journal" / BARS).read())
    (run / "journal" / BARS).unlink()
    with Journal.open(run / "journal" / BARS) as journal:
        for frame in frames[:3] + frames[4:]:
            journal.append(frame)

    assert read(run).book.changes == first - 1


def test_a_note_that_cannot_be_read_counts_for_nothing(run: Path) -> None:
    """It is a shortcut, and no start depends on it."""
    first = read(run).book.changes
    (run / "days" / checkpoint.FILE).write_bytes(b"\0\0\0")

    assert read(run).book.changes == first


def test_a_message_that_the_journal_has_is_no_arrival(run: Path) -> None:
    """The broker hands it to a daybook that starts; the time would be wrong."""
    assert numbers(run / "journal", STAMPED) == {"signal.MNQ.": (1, DATES)}

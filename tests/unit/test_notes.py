"""What is told of files on the terminal: each kind of note, and few of a kind."""

from __future__ import annotations

import pytest

from tapewire.replay.commands import MOST_ALIKE, tell_notes


def test_of_many_notes_that_differ_in_numbers_only_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A database has a file for each day, so each note stands there once a day; other notes are told among them."""
    tell_notes([*(f"2027{day:04}.Last.ncd: {day} minutes without a bar" for day in range(100)), "NQ: rolled"])

    told = capsys.readouterr().err.splitlines()
    assert told[:MOST_ALIKE] == [f"note: 2027000{day}.Last.ncd: {day} minutes without a bar" for day in range(MOST_ALIKE)]
    assert told[MOST_ALIKE:] == ["note: NQ: rolled", "note: 97 more like these; `tapewire data inspect` shows them all"]


def test_a_few_notes_are_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said about more."""
    tell_notes(["a.csv: 5 of 9", "b.csv: 5 of 9"])

    assert capsys.readouterr().err == "note: a.csv: 5 of 9\nnote: b.csv: 5 of 9\n"

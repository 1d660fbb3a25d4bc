"""What is told of files: each kind of note, and few of a kind."""

from __future__ import annotations

from tapewire.replay.sources.notes import MOST_ALIKE, few


def test_of_many_notes_that_differ_in_numbers_only_the_first_are_told() -> None:
    """A database has a file for each day, so each note stands there once a day; other notes are told among them."""
    told = few([*(f"2027{day:04}.Last.ncd: {day} minutes without a bar" for day in range(100)), "NQ: rolled"])

    assert told[:MOST_ALIKE] == [f"2027000{day}.Last.ncd: {day} minutes without a bar" for day in range(MOST_ALIKE)]
    assert told[MOST_ALIKE:] == ["NQ: rolled", "97 more like these; `tapewire data inspect --json` has them all"]


def test_a_few_notes_are_told_whole_and_once() -> None:
    """Nothing is said about more."""
    assert few(["a.csv: 5 of 9", "b.csv: 5 of 9", "a.csv: 5 of 9"]) == ["a.csv: 5 of 9", "b.csv: 5 of 9"]

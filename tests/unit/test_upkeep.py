"""Lines of a daemon's log as a person reads them, and which files are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons import makers
from tapewire.daemons.operator import upkeep

LINE = {"daemon": "gate", "event": "ready", "level": "info", "timestamp": "2026-11-27T20:39:11.167950Z"}


@pytest.mark.parametrize(
    "fields, text",
    [
        ({}, "2026-11-27 20:39:11 gate      ready"),
        ({"folded": 3, "pending": {"venue": 0}}, '2026-11-27 20:39:11 gate      ready folded=3 pending={"venue": 0}'),
        ({"level": "warning", "error": "no such key"}, '2026-11-27 20:39:11 gate      WARNING ready error="no such key"'),
    ],
)
def test_a_line_is_shown_with_its_time_first(fields: dict[str, object], text: str) -> None:
    """Then the daemon, its level if something is wrong, the event, and its fields."""
    assert upkeep.shown(json.dumps(LINE | fields) + "\n") == text


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "[1, 2]", "{}", '"text"'])
def test_a_line_that_is_no_record_is_shown_as_it_is(line: str) -> None:
    """Python's own words, when a process dies of something else."""
    assert upkeep.shown(f"{line}\n") == line


def test_the_last_lines_are_read_and_later_ones_follow(tmp_path: Path) -> None:
    """The file stands at its end; one that supervisord has put aside is followed by its successor."""
    path = tmp_path / "gate.log"
    path.write_text("one\ntwo\nthree\n")
    file = path.open()
    last = upkeep.tail(file, 2)
    path.rename(tmp_path / "gate.log.1")
    path.write_text("four\n")
    successor = upkeep.reopened(file, path)
    later = list(successor)
    successor.close()

    assert last == ["two\n", "three\n"]
    assert later == ["four\n"]


def test_an_unknown_daemon_is_refused_with_the_nearest_name() -> None:
    """Of those that there are."""
    with pytest.raises(ConfError, match=r"no daemon 'gaet' \(did you mean 'gate'"):
        upkeep.daemon("gaet", makers.NAMES)


def test_a_client_that_the_run_lacks_is_not_started() -> None:
    """The settings decide; the refusal names them."""
    with pytest.raises(ConfError, match=r"this run has no alerts; set enabled = true in \[alerts\]"):
        upkeep.daemon("alerts", makers.NAMES)

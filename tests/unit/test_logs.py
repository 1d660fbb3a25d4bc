"""The lines of a log: for scripts as JSON, for a person as text; a stream that has ended takes nothing with it."""

from __future__ import annotations

import io
import json
from pathlib import Path

from tapewire.daemons.shell.logs import EventLog


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Ended(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_line_names_daemon_event_level_and_time() -> None:
    """One JSON object, with the fields of the event and their text as it is."""
    stream = io.StringIO()

    EventLog("gate", stream).warning("gap", topic="raw.", first=3, text="größer")
    line = json.loads(stream.getvalue())

    assert stream.getvalue().count("\n") == 1
    assert "größer" in stream.getvalue()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"daemon": "gate", "topic": "raw.", "first": 3, "text": "größer", "event": "gap", "level": "warning"}


def test_a_value_that_json_does_not_have_is_written_as_python_shows_it() -> None:
    """A log line never stops a daemon."""
    stream = io.StringIO()

    EventLog("gate", stream).info("folded", path=Path("a"))

    assert json.loads(stream.getvalue())["path"].endswith("Path('a')")


def test_what_is_below_the_least_level_is_left_out() -> None:
    """The two above it are written."""
    stream = io.StringIO()
    log = EventLog("chaos", stream, least="warning")

    log.info("ready")
    log.warning("gap")
    log.error("poisoned")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["gap", "poisoned"]


def test_a_person_reads_text() -> None:
    """On a terminal a line is the time, the level, the daemon, the event and its fields."""
    stream = Terminal()

    EventLog("tracker", stream).info("ready", folded=3)

    assert stream.getvalue().split()[1:] == ["info", "tracker:", "ready", "folded=3"]


def test_a_stream_that_has_ended_loses_the_line_and_nothing_else() -> None:
    """supervisord has died, or a disk is full."""
    EventLog("tracker", Ended()).info("ready")

"""What `tapewire tap` prints beside the messages."""

from __future__ import annotations

import pytest

from tapewire.daemons.operator import tap

MESSAGE = "ops.event.", {"event_ns": 0, "epoch": 1, "seq": 1, "type": "ops_event", "text": "up"}


def test_a_tap_that_gets_nothing_says_that_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, and beside the output: on a quiet bus it looked as if it hung."""
    tap._lines(iter([None] * 10), False, None)

    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "tap: connected, and nothing has come yet; Ctrl-C ends it\n")


def test_a_tap_that_has_printed_something_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    tap._lines(iter([MESSAGE, *[None] * 10]), False, None)

    told = capsys.readouterr()
    assert told.out.endswith("ops.event.@1:1 ops_event text=up\n")
    assert told.err == ""

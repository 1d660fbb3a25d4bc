"""The log of a daemon: lines that supervisord reads from its standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from tapewire.daemons.shell import logs


class Written:
    """A stream that remembers each write, and may be at its end."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.texts: list[str] = []

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        self.texts.append(text)
        return len(text)

    def flush(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_is_one_write_of_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write wakes supervisord, beside a chain that has work to do."""
    stream = Written()
    monkeypatch.setattr(sys, "stderr", stream)

    logs.configure("gate").info("signal", id="MNQ-1", strategy="Größe")

    (text,) = stream.texts
    assert text.endswith("\n")
    assert "Größe" in text
    line = json.loads(text)
    assert (line["daemon"], line["event"], line["level"], line["id"]) == ("gate", "signal", "info", "MNQ-1")


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, or a supervisord that has died, ends no daemon."""
    monkeypatch.setattr(sys, "stderr", Written(full=True))

    logs.configure("gate").error("journal_down", why="disk")

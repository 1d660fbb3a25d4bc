"""The log of a process: one line for each thing that happened, JSON unless a person is watching.

It is written here and not with a library, because a library's imports were a quarter of a daemon's start.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import suppress
from typing import Literal, TextIO

Level = Literal["info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("info", "warning", "error")


class EventLog:
    """Writes lines that name their daemon.

    Args:
        stream: its end may be gone: supervisord has died, or a disk is full. A line is lost then, and nothing else.
        least: what is below this level is left out.
    """

    def __init__(self, daemon: str, stream: TextIO, *, least: Level = "info") -> None:
        self._daemon = daemon
        self._stream = stream
        self._written = LEVELS[LEVELS.index(least) :]

    def info(self, event: str, /, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        self._write("error", event, fields)

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        if level not in self._written:
            return
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        with suppress(OSError):
            if self._stream.isatty():
                told = " ".join(f"{name}={value!r}" for name, value in fields.items())
                text = f"{now} {level:<7} {self._daemon}: {event} {told}"
            else:
                line = {"daemon": self._daemon, **fields, "event": event, "level": level, "timestamp": now}
                text = json.dumps(line, ensure_ascii=False, default=repr)
            self._stream.write(f"{text.rstrip()}\n")
            self._stream.flush()


def configure(name: str, *, least: Level = "info") -> EventLog:
    """The logger of this process, on stderr."""
    return EventLog(name, sys.stderr, least=least)

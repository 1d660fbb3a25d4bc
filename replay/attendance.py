"""How complete the sessions of a run were: which RTH minutes had a bar, and which had none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tapewire.bus import topics
from tapewire.replay import tapes
from tapewire.strategies.clock import RTH_CLOSE, RTH_OPEN, hhmm


class SessionCount(Struct, frozen=True):
    """How complete a session was: RTH bars received, RTH minutes without one, and both in words."""

    instrument: str
    session: str
    rth_bars: int
    missing: int
    note: str


class Attended(Protocol):
    """The few fields of a Session that say whether a minute had its bar."""

    @property
    def session(self) -> str: ...
    @property
    def minute(self) -> int: ...
    @property
    def rth(self) -> bool: ...
    @property
    def closes(self) -> int: ...


class _Minute(Struct, frozen=True):
    session: str
    minute: int
    rth: bool
    closes: int


class _Day:
    """One session. received: a bit for each RTH minute that had a bar."""

    __slots__ = ("closes", "received")

    def __init__(self) -> None:
        self.closes = 0
        self.received = 0


class Attendance:
    """Counts bars, and the minutes of each session. last: the latest trade date."""

    def __init__(self) -> None:
        self.bars = 0
        self.last = ""
        self._days: dict[str, dict[str, _Day]] = {}
        self._at = ("", "")  # topic and session of the last message, and their day
        self._day = _Day()

    @classmethod
    def of(cls, run: Path) -> Attendance:
        """From the journal of a run that holds all its messages."""
        found = cls()
        found.bars = sum(1 for topic in tapes.topics(run, f"{topics.RAW}bar.") for _ in tapes.frames(run, topic))
        for topic in tapes.topics(run, topics.SESSION):
            for at in tapes.facts(run, topic, _Minute):
                found.minute(topic, at)
        return found

    def minute(self, topic: str, at: Attended) -> None:
        """One message of a topic `session.`."""
        place = topic, at.session
        if place != self._at:
            self._at = place
            self._day = self._days.setdefault(topic, {}).setdefault(at.session, _Day())
            self.last = max(self.last, at.session)
        day = self._day
        day.closes = at.closes
        if at.rth:
            day.received |= 1 << at.minute

    def sessions(self) -> Iterator[SessionCount]:
        for topic in sorted(self._days):
            instrument = topic.removeprefix(topics.SESSION).removesuffix(".")
            for session, day in sorted(self._days[topic].items()):
                yield _count(instrument, session, day)


def _count(instrument: str, session: str, day: _Day) -> SessionCount:
    missing = [minute for minute in range(RTH_OPEN + 1, day.closes + 1) if not day.received >> minute & 1]
    received = day.received.bit_count()
    if day.closes <= RTH_OPEN:
        note = "holiday, no RTH"
    elif not received:
        note = "no RTH bars"
    else:
        half = f" of a half day (closes {hhmm(day.closes)})" if day.closes < RTH_CLOSE else ""
        note = f"{received} RTH bars{half}, " + (f"{len(missing)} missing: {_ranges(missing)}" if missing else "none missing")
    return SessionCount(instrument, session, received, len(missing), note)


def _ranges(minutes: list[int]) -> str:
    """Rising minutes as clock times, runs joined: `10:05-10:15, 11:03`."""
    runs: list[list[int]] = []
    for minute in minutes:
        if runs and minute == runs[-1][-1] + 1:
            runs[-1].append(minute)
        else:
            runs.append([minute])
    return ", ".join(hhmm(run[0]) + (f"-{hhmm(run[-1])}" if len(run) > 1 else "") for run in runs)

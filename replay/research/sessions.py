"""A recording as sessions: its bars through the tracker's core, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Gap, GivenLevels, Header, Position, Session
from tapewire.bus.stamp import Stamper
from tapewire.bus.voice import Voice
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay.sources.recording import Input, Recording

UNNUMBERED = Header(PROTOCOL_VERSION, "tracker", 0, 0, 0)  # given again, as a person gives them

WINDOW = 60_000
"""Bars that a stream keeps with their sessions at once: those of two months, in 100 MB."""


class Folded(NamedTuple):
    """A bar, and its session as the tracker publishes it in `made`; None for a bar that it did not take."""

    bar: Bar
    session: Session | None = None
    made: Event | None = None


class FoldedWindow(NamedTuple):
    """Bars of a stream, and what every run over them would find out again.

    beyond: for each bar, the place behind it and the bars outside RTH of its date that follow it. days: dates with an RTH bar.
    """

    bars: Sequence[Folded]
    beyond: Sequence[int]
    days: dict[str, None]


def folded(conf: Conf, inputs: Iterable[Input]) -> Iterator[Folded]:
    """Each bar with its session, in order. There is no venue, so no bar gets another position."""
    core = tracker.daemon(conf).core
    nt, voice = Stamper("nt", conf.epoch), Voice(Stamper("tracker", conf.epoch))
    at_ns = 0
    for each in inputs:
        if isinstance(each, Bar):
            topic, at_ns = topics.bar(each.instrument), each.close_ns
        elif isinstance(each, Gap):
            topic = topics.of(topics.GAP, "tracker")
        else:
            topic = topics.of(topics.LEVELS, each.instrument)
        event = Event(topic, UNNUMBERED if isinstance(each, GivenLevels) else nt.header(topic, at_ns), each)
        session, made = None, None
        for output in core.step(event):
            header, body = voice.header(event, output), output.body
            if isinstance(body, Session):
                session, made = body, Event(output.topic, header, body)
        if isinstance(each, Bar):
            yield Folded(each, session, made)


def sessions(conf: Conf, inputs: Iterable[Input]) -> Iterator[Session]:
    """One `Session` per accepted bar, in order."""
    return (each.session for each in folded(conf, inputs) if each.session is not None)


class Stream:
    """A recording as sessions, for many runs: folded once if it fits into a window, else once for each call of `windows`.

    conf: of a run over it; the tracker's part of it counts. Its bars have the position that is most frequent: the account's flat
    one, before a trade.
    """

    def __init__(self, conf: Conf, recording: Recording) -> None:
        self.conf = conf
        self._recording = recording
        self._flat = Position(conf.trading.account)
        self._kept = list(self._windows()) if len(recording.bars) <= WINDOW else []

    def windows(self) -> Iterable[FoldedWindow]:
        """Its bars in order, so many at a time."""
        return self._kept or self._windows()

    def _windows(self) -> Iterator[FoldedWindow]:
        bars = self._folded()
        while window := list(islice(bars, WINDOW)):
            yield FoldedWindow(window, _beyond(window), _days(window))

    def _folded(self) -> Iterator[Folded]:
        inputs = self._recording.inputs()
        return folded(self.conf, (replace(each, position=self._flat) if isinstance(each, Bar) else each for each in inputs))


def _days(bars: Sequence[Folded]) -> dict[str, None]:
    """As `FoldedWindow.days`."""
    return dict.fromkeys(each.session.session for each in bars if each.session is not None and each.session.i == 0)


def _beyond(bars: Sequence[Folded]) -> list[int]:
    """As `FoldedWindow.beyond`."""
    found = [0] * len(bars)
    place, date = len(bars), ""  # where the bars outside RTH that are being gone through end, and their date
    for at in range(len(bars) - 1, -1, -1):
        s = bars[at].session
        night = "" if s is None or s.rth else s.session
        if not night or night != date:
            place = at + 1
        date = night
        found[at] = place
    return found

"""The session tracker: raw bars in, one `Session` per accepted bar out. The evaluator decides from that stream and nothing else.

The tracker also publishes bars of the longer timeframes in the run's configuration. No daemon decides from them: they are for
people and for subscribers outside the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import BEGINS, Daemon, Event, Output, Publish
from tapewire.bus.messages import Bar, Gap, GivenLevels
from tapewire.daemons.market.clock import Calendar, SessionClock
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import init, shown
from tapewire.daemons.tracker.session_model import SessionModel
from tapewire.daemons.tracker.timeframes import Timeframe


class Feed(NamedTuple):
    """One tracked instrument: its name, the topic of its session records, its clock, its session model, its longer timeframes."""

    instrument: str
    session_topic: str
    clock: SessionClock
    model: SessionModel
    timeframes: tuple[Timeframe, ...]


class Tracker:
    """The core: one session model per instrument, fed by that instrument's one-minute topic alone.

    late: repeated and late bars. refused: bars with a price that is not a finite number. foreign: bars of instruments or
    timeframes that are not tracked. All three are counted and otherwise ignored.
    """

    __slots__ = ("_feeds", "foreign")

    def __init__(self, calendars: Mapping[str, Calendar], timeframes: Sequence[int] = ()) -> None:
        """
        Args:
            calendars: of each instrument. timeframes: lengths in minutes of the longer bars to publish for each.
        """
        self._feeds = {topics.bar(name): self._feed(name, calendar, timeframes) for name, calendar in calendars.items()}
        self.foreign = 0

    @property
    def late(self) -> int:
        return sum(feed.model.late for feed in self._feeds.values())

    @property
    def refused(self) -> int:
        return sum(feed.model.refused for feed in self._feeds.values())

    def step(self, event: Event) -> Sequence[Output]:
        """Fold a `Bar`. A `Gap` in a raw topic degrades its instrument, `GivenLevels` become a fact. Anything else does nothing."""
        body = event.body
        if type(body) is Bar:
            return self._bar(event.topic, body)
        if type(body) is Gap and body.topic in self._feeds:
            # This process or the logger lost bars. A recovery reports the logger's loss in the same way (bus/recall.py).
            self._feeds[body.topic].model.distrust()
        if type(body) is GivenLevels and (model := self.model(body.instrument)) is not None:
            # Without a number it is a person's wish, which becomes a fact now; with one it is the fact of an earlier life.
            given = body if event.header.seq else replace(body, after_ns=model.last_ns)
            model.give(given)
            return (Publish(topics.of(topics.LEVELS, body.instrument), given, BEGINS, given.after_ns),)
        return ()

    @property
    def instruments(self) -> tuple[str, ...]:
        """Those that are tracked."""
        return tuple(feed.instrument for feed in self._feeds.values())

    def model(self, instrument: str) -> SessionModel | None:
        """The session model of an instrument; None for one that is not tracked."""
        feed = self._feeds.get(topics.bar(instrument))
        return None if feed is None else feed.model

    def _bar(self, topic: str, bar: Bar) -> Sequence[Output]:
        feed = self._feeds.get(topic)
        if feed is None or feed.instrument != bar.instrument:
            self.foreign += 1
            return ()
        session = feed.model.fold(bar)
        if session is None:
            return ()
        session_record = Publish(feed.session_topic, session)
        if not feed.timeframes:
            return (session_record,)
        day, at = feed.clock.read(bar.close_ns)
        longer = [Publish(each.topic, closed) for each in feed.timeframes for closed in each.fold(day.date, at, bar)]
        return (session_record, *longer)

    def _feed(self, instrument: str, calendar: Calendar, timeframes: Sequence[int]) -> Feed:
        longer = tuple(Timeframe(instrument, minutes) for minutes in sorted(timeframes))
        clock = SessionClock(calendar)
        return Feed(instrument, topics.of(topics.SESSION, instrument), clock, SessionModel(clock), longer)


def daemon(conf: Conf) -> Daemon:
    """The tracker of a run, for the instruments it trades."""
    return Daemon(
        name="tracker",
        core=Tracker({symbol: conf.calendar_of(symbol) for symbol in conf.traded}, conf.tracker.timeframes),
        subscribe=(topics.RAW, topics.GAP),
        serves="tracker",
        recover=(topics.RAW, topics.LEVELS),
        timed=("tracker", Bar),
        owns=(topics.LEVELS,),
        takes={"init": init.accepted},
        shows={"state": shown.sessions},
    )

"""The session tracker: raw bars in, one `Session` per accepted bar out. The evaluator decides from that stream and nothing else.

Where the preset asks for it the session has the auction by price, whose rows the tracker publishes bracket by bracket.

The tracker also publishes bars of the other timeframes in the run's configuration, from one-minute bars or from last trades. No
daemon decides from them: they are for people and for subscribers outside the chain. Trades are not in the journal, unless a setting
says so; so no recovery folds them, and what they were made into goes on with the numbers that the journal has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import BEGINS, Daemon, Event, Output, Publish
from tapewire.bus.messages import Bar, Gap, GivenLevels, Tick
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.periods import Period, period
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import init, shown
from tapewire.daemons.tracker.auction import AuctionState, RowSize
from tapewire.daemons.tracker.session_model import SessionModel
from tapewire.daemons.tracker.timeframes import Timeframe
from tapewire.daemons.tracker.trades import TradeBars

MINUTE = "1m"  # of what is traded, it is on `raw.bar.`
USUAL = "equity"


class Feed:
    """One tracked instrument: its name, the topics of its session records and profiles, its clock, its session model, its longer
    timeframes.
    """

    __slots__ = ("auction_topic", "clock", "instrument", "model", "session_topic", "timeframes")

    def __init__(self, instrument: str, clock: SessionClock, model: SessionModel, timeframes: tuple[Timeframe, ...]) -> None:
        self.instrument: Final = instrument
        self.session_topic: Final = topics.of(topics.SESSION, instrument)
        self.auction_topic: Final = topics.of(topics.AUCTION, instrument)
        self.clock: Final = clock
        self.model: Final = model
        self.timeframes: Final = timeframes


class Tracker:
    """The core: one session model per instrument, fed by that instrument's one-minute topic alone.

    late: repeated and late bars. refused: bars with a price that is not a finite number. foreign: bars of instruments or
    timeframes that are not tracked. All three are counted and otherwise ignored.
    """

    __slots__ = ("_feeds", "_periods", "_products", "_rows", "_traded", "_trades", "foreign")

    def __init__(
        self,
        calendars: Mapping[str, Calendar],
        timeframes: Sequence[int | str] = (),
        products: Mapping[str, str] = MappingProxyType({}),
        rows: Mapping[str, RowSize] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            calendars: of each tracked instrument. timeframes: of the further bars to publish (daemons/market/periods.py). products:
            the calendar's name of every instrument that is defined; trades of others are foreign. rows: of the instruments whose
            auction is tracked.
        """
        self._periods = sorted(map(period, timeframes), key=_length)
        self._products = products
        self._rows = rows
        self._traded = frozenset(calendars)
        self._feeds = {topics.bar(name): self._feed(name, calendar) for name, calendar in calendars.items()}
        self._trades: dict[str, TradeBars] = {}
        self.foreign = 0

    @property
    def late(self) -> int:
        return sum(feed.model.late for feed in self._feeds.values())

    @property
    def refused(self) -> int:
        return sum(feed.model.refused for feed in self._feeds.values())

    def step(self, event: Event) -> Sequence[Output]:
        """Fold a `Bar` or a `Tick`. A `Gap` in bars degrades their instrument, `GivenLevels` become a fact; the rest is nothing."""
        body = event.body
        if type(body) is Bar:
            return self._bar(event.topic, body)
        if type(body) is Tick:
            return self._tick(event.topic, body)
        if type(body) is Gap and body.topic in self._feeds:
            # This process or the logger lost bars. A recovery reports the logger's loss in the same way (bus/recall.py).
            feed = self._feeds[body.topic]
            feed.model.distrust()
            for each in feed.timeframes:
                each.lost()
        elif type(body) is Gap and body.topic in self._trades:
            self._trades[body.topic].lost()
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
        auction = feed.model.auction
        if not feed.timeframes and auction is None:
            return (session_record,)
        day, at = feed.clock.read(bar.close_ns)
        longer = [Publish(each.topic, closed) for each in feed.timeframes for closed in each.fold(day.date, at, bar)]
        profiles = [] if auction is None else [Publish(feed.auction_topic, profile) for profile in auction.closed()]
        return (session_record, *profiles, *longer)

    def _tick(self, topic: str, tick: Tick) -> Sequence[Output]:
        bars = self._trades.get(topic)
        if bars is None:
            if topic != topics.tick(tick.instrument) or tick.instrument not in self._products:
                self.foreign += 1
                return ()
            bars = self._trades[topic] = self._of_trades(tick.instrument)
        return [Publish(topic, bar) for topic, bar in bars.fold(tick)]

    def _feed(self, instrument: str, calendar: Calendar) -> Feed:
        longer = [each for each in self._periods if not each.needs_trades and each.word != MINUTE]
        clock = SessionClock(calendar)
        made = tuple(Timeframe(instrument, each, self._product(instrument)) for each in longer)
        size = self._rows.get(instrument)
        model = SessionModel(clock, None if size is None else AuctionState(instrument, size))
        return Feed(instrument, clock, model, made)

    def _of_trades(self, instrument: str) -> TradeBars:
        """Of a traded instrument only what is shorter than its minutes; of others, whose minutes nobody follows, all."""
        periods = [each for each in self._periods if each.needs_trades or instrument not in self._traded]
        made = tuple(Timeframe(instrument, each, self._product(instrument), trades=True) for each in periods)
        return TradeBars(SessionClock(Calendar()), made)

    def _product(self, instrument: str) -> str:
        return self._products.get(instrument, USUAL)


def _length(of: Period) -> tuple[bool, int]:
    """Shorter timeframes first; those by the calendar last, in the order of the configuration."""
    return not of.seconds, of.seconds


def daemon(conf: Conf) -> Daemon:
    """The tracker of a run, for the instruments it trades."""
    products = {symbol: terms.calendar for symbol, terms in conf.instruments.items()}
    timeframes = conf.tracker.timeframes
    return Daemon(
        name="tracker",
        core=Tracker({symbol: conf.calendar_of(symbol) for symbol in conf.traded}, timeframes, products, rows(conf)),
        subscribe=(topics.RAW, topics.GAP),
        serves="tracker",
        recover=(topics.RAW, topics.LEVELS),
        timed=("tracker", Bar),
        owns=(topics.LEVELS,),
        takes={"init": init.accepted},
        shows={"state": shown.sessions},
        ticks=_wanted(conf),
    )


def rows(conf: Conf) -> dict[str, RowSize]:
    """The rows of each traded instrument's auction; none if the preset does not ask for it."""
    count = conf.preset.auction_row_ticks
    return {symbol: RowSize(conf.instruments[symbol].tick, count) for symbol in conf.traded} if count else {}


def _wanted(conf: Conf) -> tuple[str, ...]:
    """Which trades the timeframes of a run need: all for bars of seconds; else those of instruments without minutes."""
    periods = [period(each) for each in conf.tracker.timeframes]
    if any(each.needs_trades for each in periods):
        return (topics.TICK,)
    return tuple(topics.tick(name) for name in conf.instruments if name not in conf.traded) if periods else ()

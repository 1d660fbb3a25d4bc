"""Facts into trading days: which day each fact of the journal belongs to, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import (
    Bar,
    Fill,
    Gap,
    GivenLevels,
    Header,
    IbHistory,
    Levels,
    OrderEvent,
    PlaceOrder,
    PriorValue,
    Reject,
    Signal,
    Trade,
)
from tapewire.bus.stamp import ref
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.replay.attendance import Attendance
from tapewire.replay.report.facts import Minute

READER = "tracker"  # whose bars the run decided from
KEPT = 8  # days whose facts stay in memory; a day that old takes no more
HISTORICAL = "historical"

Number: TypeAlias = tuple[int, int]
"""Epoch and number of a message in its topic."""

T = TypeVar("T")


class Sessions(Minute, frozen=True):
    """The fields of a Session that a day needs."""

    levels: Levels = Levels()
    history: IbHistory = IbHistory()
    given: tuple[str, ...] = ()


class Opening(Struct, frozen=True):
    """Levels as they stood at one bar: of the first RTH bar, and of the first bar of the date until there is one.

    prior: the value area of the session before, of a run that asks for the auction.
    """

    as_of_ns: int
    rth: bool
    closes: int
    levels: Levels
    history: IbHistory
    given: tuple[str, ...] = ()
    prior: PriorValue | None = None


class Recorded(Struct, frozen=True):
    """A fact and what its header tells."""

    name: str
    at_ns: int
    cause: str
    body: Signal | Reject | Trade | OrderEvent | Fill | PlaceOrder


class DayFacts:
    """What the journal holds of one trade date.

    bars, minutes, openings, given: by instrument; minutes are those of RTH. numbers: of the bars' messages. lost: how many messages
    of the topic are missing right before a bar, by the bar's place. unheard: numbers that the tracker never got. told: by topic, in
    the order of their numbers. epochs: starts of the run in which the date was tracked. begun: something other than the warm-up of
    a later date happened on it.
    """

    def __init__(self, date: str) -> None:
        self.date = date
        self.bars: dict[str, list[Bar]] = {}
        self.numbers: dict[str, list[Number]] = {}
        self.lost: dict[str, dict[int, int]] = {}
        self.unheard: dict[str, set[Number]] = {}
        self.given: dict[str, list[GivenLevels]] = {}
        self.minutes: dict[str, list[Minute]] = {}
        self.openings: dict[str, Opening] = {}
        self.attendance = Attendance()
        self.told: dict[str, list[Recorded]] = {}
        self.epochs: list[int] = []
        self.begun = False

    def of(self, kind: type[T]) -> list[tuple[Recorded, T]]:
        """The facts of one kind, topic by topic."""
        return [(each, each.body) for topic in sorted(self.told) for each in self.told[topic] if isinstance(each.body, kind)]

    def signals(self) -> list[Signal]:
        return sorted((signal for _, signal in self.of(Signal)), key=lambda signal: signal.bar_ns)

    def rejects(self) -> list[Reject]:
        return sorted((reject for _, reject in self.of(Reject)), key=lambda reject: reject.bar_ns)

    def trades(self) -> list[Trade]:
        return sorted((trade for _, trade in self.of(Trade)), key=lambda trade: trade.exit_ns)


READ = (
    "raw.bar.",
    f"{topics.GAP}{READER}",
    topics.LEVELS,
    topics.SESSION,
    topics.SIGNAL,
    topics.REJECT,
    topics.COMMAND,
    topics.ORDER,
    topics.FILL,
    topics.TRADE,
)
"""How the names of the files begin that days are made of."""

_header = msgspec.msgpack.Decoder(Header)
_bar = msgspec.msgpack.Decoder(Bar)
_given = msgspec.msgpack.Decoder(GivenLevels)
_gap = msgspec.msgpack.Decoder(Gap)
_session = msgspec.msgpack.Decoder(Sessions)
_told = msgspec.msgpack.Decoder(Signal | Reject | Trade | OrderEvent | Fill | PlaceOrder)


class Reached(Struct, frozen=True):
    """How far a topic of bars has been read: its last number, and how many are missing since the last bar that was taken."""

    number: Number | None = None
    missing: int = 0


START = Reached()


class Book:
    """All days. changed: dates of which something is new since `settle`. changes: records taken. unread: those of no known form.

    Args:
        dropped: the newest date that is no longer kept. reached: how far the topics of bars have been read.
    """

    def __init__(self, dropped: str = "", reached: Mapping[str, Reached] = MappingProxyType({})) -> None:
        self.days: dict[str, DayFacts] = {}
        self.changed: set[str] = set()
        self.newest = ""  # trade date of the newest bar
        self.unread = 0
        self.changes = 0
        self._clock = SessionClock(Calendar())  # a trade date depends on no calendar
        self.dropped = dropped
        self.reached = dict(reached)

    def take(self, topic: str, frame: bytes) -> str:
        """One record of the journal. Returns its trade date, if it is of one.

        What cannot be read is counted: the day's files are no judge of the journal.
        """
        self.changes += 1
        try:
            if topic.startswith("raw.bar."):
                return self._bar(topic, _header.decode(frame), _bar.decode(frame))
            if topic.startswith(topics.GAP):
                return self._gap(_gap.decode(frame))
            if topic.startswith(topics.LEVELS):
                return self._levels(_given.decode(frame))
            if topic.startswith(topics.SESSION):
                return self._session(topic, _header.decode(frame), _session.decode(frame))
            return self._fact(topic, _header.decode(frame), frame)
        except msgspec.MsgspecError:
            self.unread += 1
            return ""

    def date_of(self, at_ns: int) -> str:
        """The trade date of a market time."""
        return self._clock.read(at_ns)[0].date

    def after(self, date: str) -> DayFacts | None:
        """The day after this one, if there is one yet."""
        later = [each for each in self.days if each > date]
        return self.days[min(later)] if later else None

    def settle(self) -> list[DayFacts]:
        """The days that have changed since the last call and have begun, in order."""
        changed = [self.days[date] for date in sorted(self.changed) if self.days[date].begun]
        self.changed.clear()
        return changed

    def touch(self, date: str) -> None:
        """Something about a day is new that is not in the journal."""
        if date in self.days:
            self.changed.add(date)

    def forget(self) -> list[DayFacts]:
        """Drop the facts of all but the newest days, and return those days."""
        past = [self.days.pop(date) for date in sorted(each for each in self.days if each <= self.newest)[:-KEPT]]
        self.changed -= {day.date for day in past}
        self.dropped = max([self.dropped, *(day.date for day in past)])
        return past

    def _bar(self, topic: str, header: Header, bar: Bar) -> str:
        number, before = (header.epoch, header.seq), self.reached.get(topic, START)
        lost = before.missing
        if before.number is not None:
            lost += max(header.seq - 1 - (before.number[1] if before.number[0] == header.epoch else 0), 0)
        self.reached[topic] = Reached(number, lost)
        date = self.date_of(bar.close_ns)
        day = self._day(date)
        if day is None:
            return date
        bars = day.bars.setdefault(bar.instrument, [])
        if bars and bar.close_ns <= bars[-1].close_ns:
            return date  # late, or sent again by a chart that was loaded again: the tracker ignores it, too
        if lost:
            day.lost.setdefault(bar.instrument, {})[len(bars)] = lost
            self.reached[topic] = Reached(number)
        bars.append(bar)
        day.numbers.setdefault(bar.instrument, []).append(number)
        day.begun = day.begun or bar.phase != HISTORICAL
        self.newest = max(self.newest, day.date)
        return date

    def _gap(self, gap: Gap) -> str:
        name = gap.topic.removeprefix("raw.bar.").removesuffix(".1m.")
        for day in self.days.values():
            inside = {at for at in day.numbers.get(name, ()) if at[0] == gap.of_epoch and gap.first <= at[1] <= gap.last}
            if inside:
                day.unheard.setdefault(name, set()).update(inside)
                self.changed.add(day.date)
        return ""

    def _levels(self, given: GivenLevels) -> str:
        if (day := self._day(given.session)) is not None:
            day.given.setdefault(given.instrument, []).append(given)
        return given.session

    def _session(self, topic: str, header: Header, at: Sessions) -> str:
        if (day := self._day(at.session)) is None:
            return at.session
        name = topic.removeprefix(topics.SESSION).removesuffix(".")
        if header.epoch not in day.epochs:
            day.epochs.append(header.epoch)
        known = day.openings.get(name)
        if known is None or (at.rth and not known.rth):
            day.openings[name] = Opening(
                at.bar.close_ns,
                at.rth,
                at.closes,
                at.levels,
                at.history,
                at.given,
                None if at.auction is None else at.auction.prior,
            )
        day.attendance.minute(topic, at)
        if at.rth:
            day.minutes.setdefault(name, []).append(at)
        return at.session

    def _fact(self, topic: str, header: Header, frame: bytes) -> str:
        try:
            body = _told.decode(frame)
        except msgspec.ValidationError:
            return ""  # another command
        date = body.session if isinstance(body, Signal | Reject | Trade) else self.date_of(header.event_ns)
        if (day := self._day(date)) is not None:
            day.told.setdefault(topic, []).append(Recorded(ref(topic, header), header.event_ns, header.cause, body))
            day.begun = True
        return date

    def _day(self, date: str) -> DayFacts | None:
        if date <= self.dropped:
            return None
        self.changed.add(date)
        day = self.days.get(date)
        if day is None:
            day = self.days[date] = DayFacts(date)
        return day

"""Who is told what: a function of the facts in their order, of market time, and of what is remembered.

    fact -> alert (alert.py) -> told already? -> rules -> level, quiet hours -> (channel, alert)

It knows no clock, socket or file. Market time is that of the facts; in a live run, where the market may be silent, the shell also
tells the clock's (`look`). Whether a daemon beats is judged by the clock alone, which the shell passes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import (
    Alarm,
    EvalDone,
    FeedStatus,
    Fill,
    PositionChanged,
    Reason,
    Reject,
    Risk,
    Signal,
    Trade,
    TradingState,
)
from tapewire.daemons.alerts import alert as alerts
from tapewire.daemons.alerts.alert import OWN, Alert, money
from tapewire.daemons.alerts.memory import Day, Memory, Open, Withheld
from tapewire.daemons.settings.alerting import Alerting, Level, within
from tapewire.strategies.clock import MINUTE_NS, SECOND_NS, minute_of, new_york

RECENT = 100
TOLD_ELSEWHERE = frozenset({Reason.KILLED.value, Reason.TRADING_DISABLED.value})  # by an alarm; and nobody is told his own settings
LONGEST_BREAK_NS = 3 * SECOND_NS  # a clock that leaps further: this process itself has stood still
STOPPED = "stopped"  # the note of a process's last heartbeat, if it ends in order

SILENCE, POSITION, DIGEST, QUIET, CHANNEL = (f"{OWN}{name}." for name in ("silence", "position", "digest", "quiet", "channel"))


class Post(NamedTuple):
    """An alert and the channel that is to tell it."""

    channel: str
    alert: Alert


class AlertDesk:
    """Decides on alerts.

    Args:
        memory: what an earlier life has left. live: market time goes on with the clock's, and bars are due.
        market_open: whether an instrument's market is open at a wall-clock time. daemons: those that must beat.
    """

    def __init__(
        self,
        conf: Alerting,
        memory: Memory,
        *,
        live: bool,
        market_open: Callable[[str, int], bool],
        daemons: Sequence[str] = (),
    ) -> None:
        self.memory = memory
        self.suppressed = 0
        self._conf = conf
        self._live = live
        self._open = market_open
        self._daemons = tuple(daemons)
        self._zone = ZoneInfo(conf.zone)
        self._repeat_ns = int(conf.repeat_s * SECOND_NS)
        self._looked_ns = 0
        self._awake_ns = 0

    # --- inputs -------------------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> list[Post]:
        """A fact, in the order of its topic."""
        told = [] if topics.technical(event.topic) else [*self._time(event.header.event_ns)]
        self._count(event)
        if isinstance(event.body, Alarm) and (opposite := alerts.SWITCH.get(event.body.name)) is not None:
            self.memory.told.pop(f"{alerts.kind_of(opposite)} {event.header.source}", None)
        if (found := alerts.of(event)) is not None:
            told.append(found)
        told += self._beside(event)
        return self._posts(told)

    def look(self, clock_ns: int, heard: Mapping[str, int], notes: Mapping[str, str], wall_ns: int) -> list[Post]:
        """What the clock tells; to be called about once a second.

        Args:
            clock_ns: monotonic. heard: when each process was last heard, by the same clock. notes: what each one said of itself.
            wall_ns: the wall clock, which is market time in a live run.
        """
        told = [*self._time(wall_ns)] if self._live else []
        if clock_ns - self._looked_ns > LONGEST_BREAK_NS:
            self._awake_ns = clock_ns
        self._looked_ns = clock_ns
        told += self._silence(clock_ns, heard, notes)
        return self._posts(told)

    def failed(self, channel: str, *, works: bool) -> list[Post]:
        """A channel cannot deliver, or delivers again: the others are told."""
        title = f"channel {channel} {'works again' if works else 'cannot deliver'}"
        level = Level.INFO if works else Level.WARNING
        own = self._own(CHANNEL, f"channel {channel}", level, title, again=True)
        return [post for post in self._posts([own]) if post.channel != channel]

    @property
    def well(self) -> bool:
        """Every daemon beats, and bars come where they are due: what the outside service is told."""
        return not self.memory.silent and not self.memory.feeds

    # --- time ---------------------------------------------------------------------------------------------------------------

    def _time(self, now_ns: int) -> Iterator[Alert]:
        """Market time has come to this."""
        memory = self.memory
        if now_ns <= memory.now_ns:
            return
        memory.now_ns = now_ns
        yield from self._digest(now_ns)
        for name, held in memory.positions.items():
            minutes = (now_ns - held.since_ns) / MINUTE_NS
            if self._conf.position_min and not held.told and minutes >= self._conf.position_min:
                held.told = True
                text = f"open since {new_york(held.since_ns):%H:%M} New York"
                title = f"{name}: position {held.qty:+d} is open for {minutes:.0f} minutes"
                yield self._own(POSITION, "position", Level.WARNING, title, text, instrument=name, again=True)

    def _digest(self, now_ns: int) -> Iterator[Alert]:
        if not self._conf.digest_at:
            return
        at = new_york(now_ns)
        later = at.hour * 60 + at.minute >= minute_of(self._conf.digest_at)
        date = (at.date() + dt.timedelta(days=later)).isoformat()
        day = self.memory.day
        if date == day.date:
            return
        self.memory.day = Day(date)
        if not day.empty:
            yield self._own(DIGEST, "digest", Level.INFO, f"{day.date}: {_summary(day)}", _details(day), again=True)

    def _quiet(self, channel: str) -> bool:
        windows = self._conf.channels[channel].quiet
        if not windows or not self.memory.now_ns:
            return False
        at = alerts.local(self.memory.now_ns, self._zone)
        return within(at.hour * 60 + at.minute, windows)

    # --- facts --------------------------------------------------------------------------------------------------------------

    def _count(self, event: Event) -> None:
        day, body = self.memory.day, event.body
        if isinstance(body, EvalDone):
            day.bars += 1
        elif isinstance(body, Signal):
            day.signals += 1
        elif isinstance(body, Reject):
            day.refusals[body.reason.value] = day.refusals.get(body.reason.value, 0) + 1
        elif isinstance(body, Fill):
            day.fills += 1
        elif isinstance(body, Trade):
            day.trades += 1
            day.won += body.net_cents > 0
            day.net_cents += body.net_cents

    def _beside(self, event: Event) -> Iterator[Alert]:
        """What a fact is worth beside those before it."""
        body = event.body
        if isinstance(body, Risk):
            yield from self._risk(event, body)
        elif isinstance(body, FeedStatus):
            yield from self._feed(event, body)
        elif isinstance(body, PositionChanged):
            held = self.memory.positions.get(body.instrument)
            if not body.qty:
                self.memory.positions.pop(body.instrument, None)
            elif held is None or (held.qty > 0) != (body.qty > 0):
                self.memory.positions[body.instrument] = Open(body.qty, event.header.event_ns)
            else:
                held.qty = body.qty

    def _risk(self, event: Event, body: Risk) -> Iterator[Alert]:
        before = self.memory.risk.get(body.account, (TradingState.ACTIVE.value, ""))
        now = (body.state.value, body.reason)
        self.memory.risk[body.account] = now
        if now == before or not TOLD_ELSEWHERE.isdisjoint((body.reason, before[1])):
            return
        active = body.state is TradingState.ACTIVE
        level = Level.INFO if active else Level.CRITICAL if body.state is TradingState.HALTED else Level.WARNING
        title = f"{body.account}: trading is {body.state.lower()}" + (f", {body.reason}" if body.reason else "")
        text = f"today {money(body.realised_cents)} in {body.trades} trades"
        yield Alert(
            topic=event.topic,
            kind=f"risk {body.state} {body.reason}".rstrip(),
            level=level,
            title=title,
            text=text,
            subject=body.account,
            at_ns=event.header.event_ns,
            again=True,
            ref=event.ref,
        )

    def _feed(self, event: Event, body: FeedStatus) -> Iterator[Alert]:
        """Bars that do not come are an alarm while the market is open; before it opens, nobody waits for them."""
        name, was = body.instrument, self.memory.feeds.pop(body.instrument, "")
        missing = body.status == "silent" and self._open(name, event.header.event_ns)
        if missing:
            self.memory.feeds[name] = body.text
        if missing == bool(was) and body.status != "delayed":
            return
        level = Level.CRITICAL if missing else Level.WARNING if body.status == "delayed" else Level.INFO
        title = f"{name}: the feed is {body.status}"
        yield Alert(
            topic=event.topic,
            kind=f"feed {body.status}",
            level=level,
            title=title,
            text=body.text,
            instrument=name,
            again=missing or bool(was),
            ref=event.ref,
        )

    def _silence(self, clock_ns: int, heard: Mapping[str, int], notes: Mapping[str, str]) -> Iterator[Alert]:
        limit_ns = int(self._conf.silent_s * SECOND_NS)
        silent = [
            name
            for name in self._daemons
            if clock_ns - max(heard.get(name, 0), self._awake_ns) >= limit_ns and notes.get(name) != STOPPED
        ]
        before, self.memory.silent = self.memory.silent, silent
        if new := [name for name in silent if name not in before]:
            everyone = len(silent) == len(self._daemons)
            who = "every daemon" if everyone else ", ".join(new)
            text = f"no heartbeat for {self._conf.silent_s:g} s" + ("; the broker or the machine stands still" if everyone else "")
            yield self._own(SILENCE, "silence", Level.CRITICAL, f"{who}: silent", text, subject=who, again=True)
        if back := [name for name in before if name not in silent]:
            who = ", ".join(back)
            yield self._own(SILENCE, "heard again", Level.INFO, f"{who}: heard again", subject=who, again=True)

    def _own(
        self,
        topic: str,
        kind: str,
        level: Level,
        title: str,
        text: str = "",
        *,
        subject: str = "",
        instrument: str = "",
        again: bool = False,
    ) -> Alert:
        return Alert(
            topic=topic,
            kind=kind,
            level=level,
            title=title,
            text=text,
            subject=subject,
            instrument=instrument,
            at_ns=self.memory.now_ns,
            again=again,
        )

    # --- to channels --------------------------------------------------------------------------------------------------------

    def _posts(self, told: Sequence[Alert]) -> list[Post]:
        posts = [*self._over()]
        now_ns = self.memory.now_ns
        for each in (each if each.at_ns else msgspec.structs.replace(each, at_ns=now_ns) for each in told):
            if each.level is not Level.INFO:
                day = self.memory.day
                day.warnings[each.kind] = day.warnings.get(each.kind, 0) + 1
            if self._repeated(each):
                self.suppressed += 1
                self.memory.day.repeats += 1
                continue
            self.memory.recent = [*self.memory.recent[1 - RECENT :], msgspec.structs.replace(each, fields={})]
            posts += self._routed(each)
        return posts

    def _repeated(self, each: Alert) -> bool:
        """Whether it was told: of the same bar ever, else within the last `repeat_s` of market time."""
        memory, key = self.memory, each.key
        if each.again:
            return False
        if each.bar_ns:
            if each.bar_ns <= memory.bars.get(key, 0):
                return True
            memory.bars[key] = each.bar_ns
        last_ns = memory.told.get(key)
        if last_ns is not None and memory.now_ns - last_ns < self._repeat_ns:
            return True
        memory.told[key] = memory.now_ns
        for old in [name for name, at_ns in memory.told.items() if memory.now_ns - at_ns >= self._repeat_ns and name != key]:
            del memory.told[old]
        return False

    def _routed(self, each: Alert) -> Iterator[Post]:
        for name in self._wanting(each):
            channel = self._conf.channels[name]
            if self._quiet(name) and each.level.rank < channel.quiet_level.rank:
                self.memory.held.setdefault(name, Withheld()).add(each.title)
            else:
                yield Post(name, each)

    def _wanting(self, each: Alert) -> list[str]:
        """The channels whose rules and level take it, each once."""
        names: dict[str, None] = {}
        for rule in self._conf.rules:
            if rule.instruments and each.instrument not in rule.instruments:
                continue
            if topics.matches(each.topic, rule.topics) and each.level.rank >= rule.level.rank:
                names.update(dict.fromkeys(rule.channels))
        return [name for name in names if each.level.rank >= self._conf.channels[name].level.rank]

    def _over(self) -> Iterator[Post]:
        """What quiet hours have kept, once they are over."""
        for name in [name for name in self.memory.held if name in self._conf.channels and not self._quiet(name)]:
            held = self.memory.held.pop(name)
            more = [f"and {held.count - len(held.lines)} more"] if held.count > len(held.lines) else []
            title = f"{_many(held.count, 'alert')} in the quiet hours"
            yield Post(name, self._own(QUIET, "quiet", Level.INFO, title, "\n".join([*held.lines, *more]), again=True))


def _summary(day: Day) -> str:
    result = f"{_many(day.trades, 'trade')}, {day.won} won, {money(day.net_cents)}" if day.trades else "no trade"
    return f"{result}; {_many(day.signals, 'signal')}, {sum(day.refusals.values())} refused"


def _details(day: Day) -> str:
    lines = [f"{_many(day.bars, 'bar')}, {_many(day.fills, 'fill')}"]
    for name, counts in (("refused", day.refusals), ("warnings", day.warnings)):
        if counts:
            lines.append(f"{name}: {', '.join(f'{kind} {count}' for kind, count in sorted(counts.items()))}")
    if day.repeats:
        lines.append(f"{_many(day.repeats, 'repeat')} not told")
    return "\n".join(lines)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"

"""The strategy evaluator: sessions in, requests with intents to the gate, `EvalDone` when a bar is finished (playbook 4 and 5.2).

Its decisions depend on the ordered `session.` stream and on nothing else; the gate's decisions never reach a strategy. On each
closed bar, in this order:

    update every strategy           RTH bars only, except those that keep their own hours
    no position given, or warm-up   no intent
    an order is working             no intent (except the rest of an entry that has filled in part: exits are never blocked)
    in a position                   the exit rules, then the exits of the strategy that opened it; with an exit of its own that asks
                                    for it, the strategy's proposal on the same bar follows
    flat                            the first proposal in priority order; it is consumed, whatever the gate decides later
                                    (other ways to resolve several at once: `tapewire.strategies.roster`, the preset's `conflict`)

The evaluator sends the gate one request per bar, with all intents of that bar. `EvalDone` of a bar with intents waits for the
gate's decisions. An instrument's `EvalDone` messages go out in the order of its sessions, even if a later bar was finished first.

A complete setup that its strategy does not propose (for example outside its windows) is published as `Suppressed`, in a position or
not. So is a proposal that is not traded by a rule of ours, under the rule's name: that of a strategy of lower priority, one on the
bar of an exit that does not ask for it, one after the day's loss (DAILY_LOSS) where the gate has no such limit of its own.

The roster switches off a strategy that fails. This daemon publishes an `Alarm` fact, and the other strategies go on. A position of
that strategy keeps its bracket and the common exit rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from mypy_extensions import mypyc_attr

from tapewire.bus import topics
from tapewire.bus.daemon import Daemon, Event, Output, Publish, Request
from tapewire.bus.fields import copied
from tapewire.bus.messages import (
    Action,
    Alarm,
    Bar,
    Begun,
    Decisions,
    EvalDone,
    Gap,
    Intent,
    Intents,
    Position,
    Session,
    Suppressed,
)
from tapewire.daemons.evaluator import shown
from tapewire.daemons.evaluator.exits import ExitRules, Held
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import session_id
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.strategies import checked_strategies
from tapewire.daemons.settings.structs import Conf, Instrument, Preset
from tapewire.strategies.clock import MINUTE_NS, bar_stamp, hhmm
from tapewire.strategies.protocol import LONG, MAX_SETUP, SHORT, Exit, Move, Proposal, Suppression
from tapewire.strategies.roster import Roster

VALID_NS = 2 * MINUTE_NS
"""An intent is valid for two minutes after its bar's close: one bar to fill on, and one for delays."""

DAILY_LOSS = "DAILY_LOSS"
"""Why a proposal was not traded: the exit rule of this name would close its position on the next bar."""

STRATEGY_OFF = "strategy_off"
"""The name of the alarm for a strategy that failed and is switched off."""

SUFFIX = {
    Action.ENTER_LONG: "EL",
    Action.ENTER_SHORT: "ES",
    Action.EXIT: "X",
    Action.MOVE_STOP: "MS",
    Action.MOVE_TARGET: "MT",
}


def daemon(conf: Conf) -> Daemon:
    """The evaluator of a run, for the instruments it trades."""
    traded = {symbol: conf.instruments[symbol] for symbol in conf.traded}
    return Daemon(
        name="evaluator",
        core=Evaluator(traded, conf.preset, {symbol: conf.calendar_of(symbol) for symbol in traded}),
        subscribe=(topics.SESSION,),
        requests=("gate",),
        serves="evaluator",
        recover=(topics.SESSION, topics.DECISION),
        timed=("evaluator", Session),
        shows={"strategies": lambda core: core.shown(), "state": lambda core: core.sessions()},
    )


@mypyc_attr(allow_interpreted_subclasses=True)
class Evaluator:
    """The core: one desk per traded instrument.

    After a gap in the session stream that did not heal, the strategies have missed bars. Their desk goes on, but sets `degraded` in
    its requests for the trade date of the first bar after the gap, so the gate lets exits pass and refuses entries.

    Raises:
        ConfError: the preset names an unknown strategy or parameter, contradicts itself, or an instrument's name is too long.
    """

    def __init__(self, traded: Mapping[str, Instrument], preset: Preset, calendars: Mapping[str, Calendar] | None = None) -> None:
        """calendars: of each instrument; none for days without exceptions."""
        known, times = calendars or {}, preset.risk.times
        self._desks = {
            symbol: Desk(symbol, instrument, preset, Hours(times, known.get(symbol, Calendar())))
            for symbol, instrument in traded.items()
        }

    def step(self, event: Event) -> Sequence[Output]:
        """Take a `Session`, the gate's `Decisions`, a `Gap` or `Begun`. Anything else, and any other instrument, changes nothing.

        A new epoch drops the requests that are still pending, and their entries with them: they belong to the past. An exit that is
        still due is requested again on the next bar.
        """
        body = event.body
        if type(body) is Session:
            bar = body.bar
            desk = self._desks.get(bar.instrument)
            return desk.session(event, body, bar) if desk else ()
        if type(body) is Decisions:
            desk = self._desks.get(body.instrument)
            return desk.decided(event, body) if desk else ()
        if type(body) is Gap:
            for desk in self._desks.values():
                desk.hole = desk.hole or body.topic == desk.sessions_on
        if type(body) is Begun:
            for desk in self._desks.values():
                desk.waiting.clear()
        return ()

    def rests(self, s: Session) -> bool:
        """Whether a bar can change no decision, as long as the account is flat there and has no working order."""
        return self._desks[s.bar.instrument].rests(s)

    def shown(self) -> dict[str, Any]:
        """What each desk holds, by instrument, as JSON can hold it. Changes nothing."""
        return {symbol: desk.shown() for symbol, desk in self._desks.items()}

    def sessions(self) -> dict[str, Any]:
        """The same by the session's id; of a desk without a bar nothing."""
        found = ((session_id(desk.date, symbol), desk) for symbol, desk in self._desks.items() if desk.date)
        return {name: {"session_id": name, **desk.shown()} for name, desk in found}


class RequestedEntry(NamedTuple):
    """An entry that was requested: strategy, setup, and the bar (a running number of the session's bars)."""

    strategy: str
    setup: str
    at: int


class Waiting:
    """A bar whose `EvalDone` cannot go out yet. intents: id of its request, empty if it only waits for earlier bars."""

    __slots__ = ("cause", "done", "intents")

    def __init__(self, intents: str, done: EvalDone, cause: str) -> None:
        self.intents = intents
        self.done = done
        self.cause = cause


class Desk:
    """One instrument: its strategies, the entries requested in this session, and the bars that are not finished."""

    def __init__(self, symbol: str, instrument: Instrument, preset: Preset, hours: Hours) -> None:
        strategies = checked_strategies(symbol, instrument, preset)
        self.symbol = symbol
        self.tick = instrument.tick
        self.roster = Roster(strategies, preset.exits.exit_time, preset.conflict)
        self.failures = 0
        self.rules = ExitRules(preset.exits, instrument, hours)
        closes, refuses = preset.exits.day_loss, preset.risk.day_loss
        self.day_loss = closes if closes is not None and (refuses is None or refuses > closes) else None
        self.sessions_on = topics.of(topics.SESSION, symbol)
        self.intents_on = topics.of(topics.INTENT, symbol)
        self.done_on = topics.of(topics.EVAL_DONE, symbol)
        self.suppressed_on = topics.of(topics.SUPPRESSED, symbol)
        self.date = ""
        self.hole = False
        self.degraded_date = ""
        self.bars = 0
        self.entries: dict[str, RequestedEntry] = {}
        self.open_entry = ""
        self.waiting: deque[Waiting] = deque()

    def shown(self) -> dict[str, Any]:
        """Trade date, bars of it, entries requested on it, the open one, and the strategies with their states."""
        return {
            "session": self.date,
            "bars": self.bars,
            "degraded": bool(self.date) and self.date == self.degraded_date,
            "entries": list(self.entries),
            "open_entry": self.open_entry,
            **shown.strategies(self.roster),
        }

    def rests(self, s: Session) -> bool:
        """As `Evaluator.rests`. Outside RTH no strategy takes a bar but those that fold all hours, and those that a date starts."""
        if s.rth or s.session != self.date or self.roster.folding:
            return False
        return not (self.open_entry or self.waiting or self.hole)

    def session(self, event: Event, s: Session, bar: Bar) -> Sequence[Output]:
        """Decide on a closed bar. bar: the session's."""
        date = s.session
        self._fold(s, date)
        facts = self._suppressed(s) if self.roster.suppressing else ()
        intents = self._decide(s, bar)
        if self.roster.lost:
            facts += tuple(Publish(self.suppressed_on, _fact(each, s)) for each in self.roster.lost)
        if len(self.roster.failures) > self.failures:
            facts += self._alarms(s)
        done = EvalDone(self.symbol, date, bar.close_ns, bar.index, len(intents))
        if intents:
            request = Intents(
                id=_stamp(s),
                instrument=self.symbol,
                session=date,
                bar_ns=bar.close_ns,
                bar_index=bar.index,
                close=bar.close,
                intents=intents,
                degraded=s.degraded or date == self.degraded_date,
                missing=s.missing,
            )
            self.waiting.append(Waiting(request.id, done, ""))
            return (*facts, Request("gate", self.intents_on, request))
        if self.waiting:
            self.waiting.append(Waiting("", done, event.ref))
            return facts
        finished = Publish(self.done_on, done)
        return (*facts, finished) if facts else (finished,)

    def decided(self, event: Event, reply: Decisions) -> Sequence[Output]:
        """Take the gate's reply for one bar. A duplicate, or a reply to no pending request, changes nothing."""
        for bar in self.waiting:
            if bar.intents and bar.intents == reply.id:
                orders = tuple(decision.order_id for decision in reply.decisions if decision.approved)
                bar.done = msgspec.structs.replace(bar.done, orders=orders)
                bar.intents, bar.cause = "", event.ref
                break
        else:
            return ()
        outputs: list[Output] = []
        while self.waiting and not self.waiting[0].intents:
            bar = self.waiting.popleft()
            outputs.append(Publish(self.done_on, bar.done, bar.cause, bar.done.bar_ns))  # an earlier bar may have delayed it
        return outputs

    def _fold(self, s: Session, date: str) -> None:
        if date != self.date:
            self.date, self.bars = date, 0
            self.entries.clear()
        if self.hole:
            self.hole, self.degraded_date = False, date
        self.bars += 1
        self.roster.fold(s)

    def _suppressed(self, s: Session) -> tuple[Publish, ...]:
        """Publishes suppressed setups; warm-up bars publish none."""
        if s.bar.phase == "historical":
            return ()
        return tuple(Publish(self.suppressed_on, _fact(each, s)) for each in self.roster.suppressed(s))

    def _decide(self, s: Session, bar: Bar) -> tuple[Intent, ...]:
        position = bar.position
        if position is None or bar.phase == "historical":
            return ()
        qty, working = position.qty, position.working
        held = position.entry_id if qty else ""
        if self.open_entry and self.open_entry != held:
            self.entries.pop(self.open_entry, None)
        self.open_entry = held
        if working and not (qty and working == (held,)):
            return ()
        return self._leave_or_move(s, position) if qty else self._enter(s, position)

    def _alarms(self, s: Session) -> tuple[Publish, ...]:
        """Publishes an alarm for each strategy that was switched off on this bar."""
        new, self.failures = self.roster.failures[self.failures :], len(self.roster.failures)
        topic = topics.of(topics.ALARM, "evaluator")
        return tuple(Publish(topic, Alarm(STRATEGY_OFF, f"{self.symbol} {_clock(s)}: {failure}")) for failure in new)

    def _enter(self, s: Session, position: Position) -> tuple[Intent, ...]:
        proposals = self.roster.choose(s)
        if not proposals:
            return ()
        if self.day_loss is not None and position.realised <= -self.day_loss:
            detail = f"the session is at {position.realised:.2f} $, and [exits] day_loss = {self.day_loss:g} closes what is opened"
            self.roster.lost += [Suppression(proposal, DAILY_LOSS, detail) for proposal in proposals]
            return ()
        return self._requested(tuple(_entry(proposal, s) for proposal in proposals))

    def _requested(self, intents: tuple[Intent, ...]) -> tuple[Intent, ...]:
        for intent in intents:
            # Two plug-ins may use one setup code on one bar: the gate takes the first and refuses the second as a duplicate.
            self.entries.setdefault(intent.id, RequestedEntry(intent.strategy, intent.setup, self.bars))
        return intents

    def _leave_or_move(self, s: Session, position: Position) -> tuple[Intent, ...]:
        """The first exit rule that matches, else the exit request of the strategy that opened the position."""
        entry = self.entries.get(position.entry_id)
        own_hours = entry is not None and self.roster.keeps_own_hours(entry.strategy)
        held = None if entry is None else Held(entry.strategy, entry.setup, self.bars - entry.at, own_hours)
        request = self.rules.request(s, position, held, closing=self.roster.closing(s))
        own = request is None and held is not None and (s.rth or held.own_hours)
        if own and held is not None:
            request = self._restrained(self.roster.manage(held.strategy, s, position), position)
        if request is None:
            return ()
        if isinstance(request, Exit):
            leaves = _change(Action.EXIT, s, position, held, request.reason)
            follows = self.roster.following(held.strategy, s, wanted=request.then_propose) if own and held is not None else None
            if follows is None:
                return (leaves,)
            return (leaves, *self._requested((_entry(follows, s, after=leaves.id),)))
        intents: list[Intent] = []
        if request.stop is not None:
            intents.append(_change(Action.MOVE_STOP, s, position, held, request.reason, stop=request.stop))
        if request.target is not None:
            intents.append(_change(Action.MOVE_TARGET, s, position, held, request.reason, target=request.target))
        return tuple(intents)

    def _restrained(self, request: Exit | Move | None, position: Position) -> Exit | Move | None:
        """A strategy's own request with prices on the grid: stops only tighten, and an unchanged target is left out."""
        if request is None or isinstance(request, Exit):
            return request
        stop = None if request.stop is None else self.rules.tightened(request.stop, position)
        target = None if request.target is None else rounding.protective(request.target, self.tick, 1 if position.qty > 0 else -1)
        return Move(request.reason, stop, None if target == position.target else target)


def _stamp(s: Session) -> str:
    """`MNQ-20270224-1031`: the bar by trade date and Eastern close stamp."""
    return f"{s.bar.instrument}-{bar_stamp(s.session, s.minute)}"


def _clock(s: Session) -> str:
    """The bar for a person: `2027-02-24 10:31`."""
    return f"{s.session} {hhmm(s.minute)}"


def _id(s: Session, setup: str, action: Action) -> str:
    return f"{_stamp(s)}-{setup[:MAX_SETUP]}-{SUFFIX[action]}"


def _entry(proposal: Proposal, s: Session, after: str = "") -> Intent:
    valid_ns = VALID_NS if proposal.ttl_minutes is None else proposal.ttl_minutes * MINUTE_NS
    return copied(
        Intent,
        proposal,
        id=_entry_id(proposal, s),
        action=_action(proposal),
        valid_until_ns=s.bar.close_ns + valid_ns,
        stop_points=UNSET if proposal.stop_points is None else proposal.stop_points,
        target_points=UNSET if proposal.target_points is None else proposal.target_points,
        after=after or UNSET,
    )


def _fact(setup: Suppression, s: Session) -> Suppressed:
    return copied(
        Suppressed,
        setup.proposal,
        id=_entry_id(setup.proposal, s),
        instrument=s.bar.instrument,
        session=s.session,
        bar_ns=s.bar.close_ns,
        reason=setup.reason,
        detail=setup.detail,
    )


def _entry_id(proposal: Proposal, s: Session) -> str:
    """The id that the strategy gave, else bar, setup and action."""
    return proposal.id or _id(s, proposal.setup, _action(proposal))


def _action(proposal: Proposal) -> Action:
    return Action.ENTER_LONG if proposal.direction == LONG else Action.ENTER_SHORT


def _change(
    action: Action,
    s: Session,
    position: Position,
    held: Held | None,
    reason: str,
    *,
    stop: float | None = None,
    target: float | None = None,
) -> Intent:
    """An exit or a move of the open position. The setup is FOREIGN if the evaluator did not request the entry."""
    setup = held.setup if held else "FOREIGN"
    return Intent(
        id=_id(s, setup, action),
        action=action,
        strategy=held.strategy if held else "",
        setup=setup,
        direction=LONG if position.qty > 0 else SHORT,
        reason=reason,
        valid_until_ns=s.bar.close_ns + VALID_NS,
        stop=stop,
        target=target,
        entry_id=position.entry_id,
    )

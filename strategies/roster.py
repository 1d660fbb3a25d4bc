"""The strategies of one instrument in priority order, called together (playbook 4).

arbitrated    `choose`: the proposals of a bar that are traded. The preset's `conflict` resolves several proposals:

                  priority   the first in priority order; only that one is consumed, the others stay available
                  additive   all of them, in priority order, each consumed; the gate decides on one after another
                  veto       as priority, but a LONG and a SHORT on one bar cancel: nothing is traded, nothing consumed

independent   `every`: each strategy alone, as if the others did not exist; every proposal is reported and consumed

A proposal that is made and not chosen is reported (`lost`): with `priority` those behind the first, with `veto` also all of a bar
that cancel.

A strategy that raises, or returns something that cannot be traded, is switched off for the rest of the run: the others must not be
affected, and its own state can no longer be trusted. `failures` holds its name, the call and the error. The same bars switch it off
at the same place, so a replay or a recovery gives the same result. A call that never returns cannot be caught.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from tapewire.bus.messages import Position, Session
from tapewire.strategies.clock import minute_of
from tapewire.strategies.protocol import (
    LONG,
    MAX_ID,
    Exit,
    Manages,
    Move,
    Proposal,
    Strategy,
    Suppresses,
    Suppression,
    folds_all_hours,
    trades_all_hours,
)

Conflict: TypeAlias = Literal["priority", "additive", "veto"]

T = TypeVar("T")

LOWER_PRIORITY = "LOWER_PRIORITY"
"""Why a proposal was not chosen: a strategy of higher priority proposes on the same bar."""

OPPOSED = "OPPOSED"
"""Why a proposal was not chosen: another one on the same bar has the other side."""

EXIT_BAR = "EXIT_BAR"
"""Why a proposal was not traded: its strategy leaves on this bar, and its exit does not ask for an entry."""

WORDS = {name: get_args(hint) for name, hint in get_type_hints(Proposal).items() if get_origin(hint) is Literal}
"""The words of a proposal's closed sets, by field."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
LONGEST_WHY = 300
FAILURES = (Exception, SystemExit)  # `sys.exit()` in a strategy ends the strategy, not the evaluator


class StrategyFailure(NamedTuple):
    """A strategy that was switched off: its display name, the call in which it failed, and the error with its place."""

    strategy: str
    call: str
    why: str

    def __str__(self) -> str:
        return f"{self.strategy} is switched off for the rest of the run: {self.call} failed with {self.why}"


class Roster:
    """Folds sessions into its strategies and collects proposals. Strategies of all hours receive every bar, as do those that fold
    all hours; the others receive RTH bars.

    Args:
        exit_time: "HH:MM", no proposal from then on (playbook 5.2), except from strategies that trade all hours; None: never.
        conflict: how several proposals on one bar are resolved.

    Attributes:
        lost: the proposals of this bar that `choose` did not choose, with the reason.
        strategies: those that still run, in priority order.
        all_hours: those of them that keep their own hours.
        folding: those of them that take the bars of all hours.
        suppressing: those of them that report the setups they do not propose.
        failures: those that were switched off, oldest first.
    """

    def __init__(self, strategies: Sequence[Strategy], exit_time: str | None, conflict: Conflict = "priority") -> None:
        self.strategies = tuple(strategies)
        self.all_hours = tuple(strategy for strategy in self.strategies if trades_all_hours(strategy))
        self.folding = tuple(strategy for strategy in self.strategies if folds_all_hours(strategy))
        self.suppressing = tuple(strategy for strategy in self.strategies if isinstance(strategy, Suppresses))
        self._managing = {strategy.name: strategy for strategy in self.strategies if isinstance(strategy, Manages)}
        self.exit_minute = None if exit_time is None else minute_of(exit_time)
        self.conflict = conflict
        self.session = ""
        self.failures: list[StrategyFailure] = []
        self.lost: list[Suppression] = []

    def fold(self, s: Session) -> None:
        """Update every strategy with the bar, if it is one of its hours. State advances whether or not it may trade."""
        self.lost = []
        if s.session != self.session:
            self.session = s.session
            for strategy in self.strategies:
                try:
                    strategy.start(s.session)
                except FAILURES as error:
                    self._switch_off(strategy, "start", error)
        for strategy in self.strategies if s.rth else self.folding:
            try:
                strategy.update(s)
            except FAILURES as error:
                self._switch_off(strategy, "update", error)

    def closing(self, s: Session) -> bool:
        """Whether the exit time has come. It is never later than one minute before the session's close."""
        if self.exit_minute is None:
            return not s.rth
        return not s.rth or s.minute >= self.exit_minute or s.minute >= s.closes - 1

    def keeps_own_hours(self, name: str) -> bool:
        """Whether the strategy of this display name trades all hours, and still runs."""
        return any(strategy.name == name for strategy in self.all_hours)

    def suppressed(self, s: Session) -> list[Suppression]:
        """The complete setups of this bar that their strategies do not propose. Call it before `choose`."""
        found: list[Suppression] = []
        for strategy in self.suppressing:
            if isinstance(strategy, Suppresses) and (s.rth or strategy in self.all_hours):
                try:
                    for setup in strategy.suppressed(s):
                        proposal = _tradable(setup.proposal, strategy)
                        found.append(Suppression(proposal, str(setup.reason), str(setup.detail)))
                except FAILURES as error:
                    self._switch_off(strategy, "suppressed", error)
        return found

    def choose(self, s: Session) -> list[Proposal]:
        """The proposals to trade on this bar, consumed; empty if there are none. Those that are not chosen are in `lost`."""
        if self.conflict == "additive":
            return self.every(s)
        made = [(each, proposal) for each in self._proposing(s) if (proposal := self._proposal(each, s)) is not None]
        if not made:
            return []
        (strategy, first), *others = made
        if self.conflict == "veto" and any(proposal.direction != first.direction for _, proposal in others):
            sides = ", ".join(f"{each.name} {proposal.direction}" for each, proposal in made)
            self.lost = [Suppression(proposal, OPPOSED, f"opposite proposals on one bar: {sides}") for _, proposal in made]
            return []
        detail = f"{first.strategy} has the higher priority and proposes {first.setup} on this bar"
        self.lost = [Suppression(proposal, LOWER_PRIORITY, detail) for _, proposal in others]
        self._consume(strategy, first)
        return [first]

    def following(self, name: str, s: Session, *, wanted: bool) -> Proposal | None:
        """The proposal of the strategy of this display name on a bar on which it leaves its position, consumed; None without one.

        wanted: the exit asks for it. One that is not wanted is in `lost`.
        """
        strategy = next((each for each in self._proposing(s) if each.name == name), None)
        proposal = None if strategy is None else self._proposal(strategy, s)
        if strategy is None or proposal is None:
            return None
        if not wanted:
            self.lost.append(Suppression(proposal, EXIT_BAR, f"{name} leaves its position on this bar without then_propose"))
            return None
        self._consume(strategy, proposal)
        return proposal

    def every(self, s: Session) -> list[Proposal]:
        """All proposals of the bar in priority order, each consumed."""
        proposals: list[Proposal] = []
        for strategy in self._proposing(s):
            proposal = self._proposal(strategy, s)
            if proposal is not None:
                self._consume(strategy, proposal)
                proposals.append(proposal)
        return proposals

    def manage(self, name: str, s: Session, position: Position) -> Exit | Move | None:
        """The exit or move that the strategy of this display name requests; None also without exits of its own, or if it is off."""
        strategy = self._managing.get(name)
        if strategy is None:
            return None
        try:
            request = strategy.manage(s, position)
            if request is None:
                return None
            return _sound(request, Exit) if isinstance(request, Exit) else _sound(request, Move)
        except FAILURES as error:
            self._switch_off(strategy, "manage", error)
            return None

    def _proposing(self, s: Session) -> tuple[Strategy, ...]:
        return self.all_hours if self.closing(s) else self.strategies

    def _proposal(self, strategy: Strategy, s: Session) -> Proposal | None:
        try:
            proposal = strategy.propose(s)
            return None if proposal is None else _tradable(proposal, strategy)
        except FAILURES as error:
            self._switch_off(strategy, "propose", error)
            return None

    def _consume(self, strategy: Strategy, proposal: Proposal) -> None:
        try:
            strategy.consume(proposal)
        except FAILURES as error:
            self._switch_off(strategy, "consume", error)

    def _switch_off(self, strategy: Strategy, call: str, error: BaseException) -> None:
        self.strategies = tuple(each for each in self.strategies if each is not strategy)
        self.all_hours = tuple(each for each in self.all_hours if each is not strategy)
        self.folding = tuple(each for each in self.folding if each is not strategy)
        self.suppressing = tuple(each for each in self.suppressing if each is not strategy)
        self._managing.pop(strategy.name, None)
        self.failures.append(StrategyFailure(strategy.name, call, _why(error)))


class Independent:
    """Research mode: no position, no arbitration, no limits."""

    def __init__(self, strategies: Sequence[Strategy], exit_time: str | None) -> None:
        self.roster = Roster(strategies, exit_time)

    def step(self, s: Session) -> list[Proposal]:
        """The proposals that each strategy alone makes at this bar's close."""
        self.roster.fold(s)
        return self.roster.every(s)


def _tradable(proposal: Proposal, strategy: Strategy) -> Proposal:
    """The proposal as it can be published. Raises ValueError or a msgspec error that names what is wrong."""
    sound = _sound(proposal, Proposal)
    if sound.strategy != strategy.name:
        raise ValueError(f"the proposal says strategy = {sound.strategy!r}; write {strategy.name!r}")
    if sound.setup not in strategy.setups:
        raise ValueError(f"setup {sound.setup!r} is not one of its setups {strategy.setups}")
    if len(sound.id) > MAX_ID:
        raise ValueError(f"id {sound.id!r} has {len(sound.id)} characters; write at most {MAX_ID}")
    return _priced(sound)


def _priced(proposal: Proposal) -> Proposal:
    """The proposal with stop and target as prices: those of a distance stand where an entry at its own price puts them.

    Raises:
        ValueError: it has no stop, a price and a distance for one order, or a distance that is none.
    """
    points, targets = proposal.stop_points, proposal.target_points
    if (proposal.stop is None) == (points is None):
        raise ValueError(f"stop = {proposal.stop}, stop_points = {points}: write one of them")
    if proposal.target is not None and targets is not None:
        raise ValueError(f"target = {proposal.target}, target_points = {targets}: write one of them")
    if points is None and targets is None:
        return proposal
    if not (points is None or points > 0) or not (targets is None or targets > 0):
        raise ValueError(f"stop_points = {points}, target_points = {targets}: write distances above 0")
    enters = proposal.entry if proposal.limit is None else proposal.limit
    side = 1 if proposal.direction == LONG else -1
    return msgspec.structs.replace(
        proposal,
        stop=proposal.stop if points is None else enters - side * points,
        target=proposal.target if targets is None else enters + side * targets,
    )


def _sound(returned: object, kind: type[T]) -> T:
    """A strategy's result as plain typed data with finite numbers: equal to what a subscriber would decode."""
    if type(returned) is not kind:
        raise TypeError(f"answered with a {type(returned).__name__}, not a {kind.__name__}")
    plain = msgspec.to_builtins(returned)
    for name, value in plain.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a price")
        if name in WORDS and value not in WORDS[name]:
            raise ValueError(f"{name} {value!r}: write {' or '.join(map(repr, WORDS[name]))}")
    return msgspec.convert(plain, kind)


def _why(error: BaseException) -> str:
    """The error in one line: its type, its text without memory addresses (they change from run to run), and its place."""
    try:
        words = _ADDRESS.sub("0x...", str(error))
    except Exception:  # a plug-in's exception may be broken, too
        words = ""
    at: TracebackType | None = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" ({at.tb_frame.f_code.co_qualname}, line {at.tb_lineno})" if at is not None else ""
    return f"{type(error).__name__}: {words[:LONGEST_WHY]}{place}"

"""Why nothing was traded: how many bars passed each condition of each strategy alone, and the nearest miss of each session.

The conditions are those of the strategy's own code (steps.py). What the gate refused, and why, depends on the account: it is
counted in the run that also gives the sessions, with strategies of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.messages import Bar, Body, Header, Reject, Session, Signal, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs, tapes
from tapewire.replay.lines import ENTRIES
from tapewire.replay.research.reasons import Condition, Nearest, StrategyReasons
from tapewire.replay.research.steps import Instrumented, Miss
from tapewire.replay.sources.recording import Input, Recording
from tapewire.strategies import registry
from tapewire.strategies.protocol import Suppresses
from tapewire.strategies.roster import Independent


class _Count:
    """What one strategy went through."""

    def __init__(self, watch: Instrumented) -> None:
        self.watch = watch
        self.reached = [0] * len(watch.steps)
        self.held = [0] * len(watch.steps)
        self.asked = self.proposed = self.elsewhere = 0
        self.held_back: Counter[str] = Counter()
        self.made: list[int] = []  # closes of the bars with a proposal
        self._nearest: dict[str, tuple[tuple[int, float], Nearest]] = {}
        self._last: tuple[Session, int, Miss | None] | None = None

    def take(self, s: Session, *, proposed: bool) -> None:
        notes, steps = self.watch.notes, self.watch.steps
        self.asked += 1
        self.proposed += proposed
        for step in notes.passed:
            self.reached[step] += 1
            self.held[step] += 1
        for step, _ in notes.failed:
            self.reached[step] += 1
        self._last = None
        if proposed:
            self.made.append(s.bar.close_ns)
            return
        if not notes.failed:
            self.elsewhere += 1
            return
        step, miss = max(notes.failed, key=lambda each: (steps[each[0]].place, -_share(each[1])))
        self._last = s, step, miss
        rank = (steps[step].place, -_share(miss))
        if s.session not in self._nearest or rank > self._nearest[s.session][0]:
            self._nearest[s.session] = rank, self._told(s, step, miss)

    def _told(self, s: Session, step: int, miss: Miss | None) -> Nearest:
        told = () if miss is None else (float(miss.was), float(miss.wanted), float(miss.by))
        return Nearest(s.session, tapes.wall(s.bar.close_ns), self.watch.steps[step].text, *told)

    def result(self, gate: _Gate, off: str) -> StrategyReasons:
        name = self.watch.strategy.name
        last = max((at for at, reached in enumerate(self.reached) if reached), default=-1)
        conditions = [
            Condition(step.text, reached, held)
            for at, (step, reached, held) in enumerate(zip(self.watch.steps, self.reached, self.held, strict=True))
            if reached or at > last
        ]
        return StrategyReasons(
            strategy=self.watch.strategy.name,
            asked=self.asked,
            proposed=self.proposed,
            conditions=tuple(conditions),
            nearest=tuple(nearest for _, nearest in self._nearest.values()),
            elsewhere=self.elsewhere,
            held_back=dict(sorted(self.held_back.items())),
            refused=dict(gate.refused.get(name, {})),
            traded=gate.traded[name],
            in_position=sum((name, at) not in gate.asked and any(a < at < b for a, b in gate.open) for at in self.made),
            off=off,
            last=None if self._last is None else self._told(*self._last),
        )


def explain(
    conf: Conf, recording: Recording, progress: runs.Progress, *, strategy: str = "", session: str = ""
) -> list[StrategyReasons]:
    """Every strategy of the preset, or one of them.

    Args:
        strategy: its name in presets, or the one shown. session: only this trade date is counted; those before it are folded.
    Raises:
        ConfError: no such strategy, or the recording has no such session.
    """
    preset = conf.preset
    built = registry.build(preset.strategies, preset.parameters, preset.day_type)
    counts = {each.name: _Count(Instrumented(each)) for each in built}
    wanted = _wanted(strategy, dict(zip(preset.strategies, counts, strict=True)))
    asked = _Asked(counts, Independent(built, preset.exits.exit_time), session)
    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), asked.given(runs.counted(recording, progress)), asked.record)
    if session and session not in asked.found:
        found = asked.found
        raise ConfError(
            f"--session {session}: the recording has none{suggest(session, found)}; it has {min(found)} to {max(found)}"
        )
    off = {failure.strategy: str(failure) for failure in asked.independent.roster.failures}
    return [counts[name].result(asked.gate, off.get(name, "")) for name in wanted]


class _Gate(NamedTuple):
    """What the gate did in the run, by strategy: what it refused, by reason, and how many entries it approved.

    asked: strategy and bar of each entry that was requested. open: of each trade the bars of its signal and its exit, by their
    closes.
    """

    refused: dict[str, Counter[str]]
    traded: Counter[str]
    asked: set[tuple[str, int]]
    open: list[tuple[int, int]]


class _Asked:
    """Takes the messages of a run: each session to every strategy alone, and what the gate refused or approved.

    Args:
        session: only this trade date is counted; empty for all.
    """

    def __init__(self, counts: Mapping[str, _Count], independent: Independent, session: str) -> None:
        self.independent = independent
        self.found: set[str] = set()
        self.gate = _Gate({}, Counter(), set(), [])
        self._counts = counts
        self._session = session
        self._bar: Bar | None = None

    def given(self, inputs: Iterator[Input]) -> Iterator[Input]:
        """The same inputs; each bar is known here as it was before the run's venue."""
        for each in inputs:
            if isinstance(each, Bar):
                self._bar = each
            yield each

    def record(self, topic: str, header: Header, body: Body) -> None:
        """One message of the run."""
        if type(body) is Session:
            self._ask(body if self._bar is None else replace(body, bar=self._bar))
        elif type(body) is Trade:
            self.gate.open.append((body.signal_ns, body.exit_ns))
        elif isinstance(body, Signal | Reject) and body.action in ENTRIES and self._session in ("", body.session):
            self.gate.asked.add((body.strategy, body.bar_ns))
            if isinstance(body, Signal):
                self.gate.traded[body.strategy] += 1
            else:
                self.gate.refused.setdefault(body.strategy, Counter())[str(body.reason)] += 1

    def _ask(self, s: Session) -> None:
        for count in self._counts.values():
            count.watch.notes.clear()
        proposed = {proposal.strategy for proposal in self.independent.step(s)}
        self.found.add(s.session)
        if self._session not in ("", s.session):
            return
        roster = self.independent.roster
        for each in roster.all_hours if roster.closing(s) else roster.strategies:
            self._counts[each.name].take(s, proposed=each.name in proposed)
            if isinstance(each, Suppresses):
                self._counts[each.name].held_back.update(str(setup.reason) for setup in each.suppressed(s))


def lines(whys: list[StrategyReasons]) -> Iterator[str]:
    """For a person."""
    for number, why in enumerate(whys):
        if number:
            yield ""
        refused = ", ".join(f"{reason} {count}" for reason, count in sorted(why.refused.items()))
        yield (
            f"{why.strategy}: asked at {why.asked:,} bars, proposed {why.proposed}"
            f"{f', the gate refused {refused}' if refused else ''}, traded {why.traded}"
        )
        if why.off:
            yield f"  {why.off}"
        if why.in_position:
            yield f"  {why.in_position:>7,} proposals while a position was open (an exit may ask for the next: then_propose)"
        for reason, count in why.held_back.items():
            yield f"  {count:>7,} complete setups held back: {reason}"
        if why.conditions:
            yield f"  {'came':>7}  {'held':>7}  condition"
        always = never = 0
        for condition in why.conditions:
            if condition.reached > condition.held:
                yield f"  {condition.reached:>7,}  {condition.held:>7,}  {condition.text}"
            always += condition.reached == condition.held > 0
            never += not condition.reached
        if always:
            yield f"  {always} more held at every bar that came to them"
        if never:
            yield f"  {never} more were never reached"
        if why.elsewhere and not why.held_back:
            yield f"  {why.elsewhere:>7,} bars without a setup, in a form that has no single conditions"
        if why.nearest:
            yield "  nearest of each session:"
            yield from (f"    {nearest}" for nearest in why.nearest)
        if why.last:
            yield f"  at the last bar, {why.last}"


def _wanted(asked: str, names: Mapping[str, str]) -> list[str]:
    """The shown names of the strategies that are asked for. names: by their names in presets."""
    if not asked:
        return [*names.values()]
    found = [shown_ for name, shown_ in names.items() if asked.lower() in (name, shown_.lower())]
    if not found:
        raise ConfError(f"{asked!r} is not traded in this preset{suggest(asked, names)}; write one of {', '.join(names)}")
    return found


def _share(miss: Miss | None) -> float:
    """A miss as a share of what was wanted, so that misses at one place have an order. Infinite where it is no number."""
    if miss is None:
        return float("inf")
    return miss.by / max(abs(miss.wanted), 1e-9)

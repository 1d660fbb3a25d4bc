"""Look-ahead analysis by prefix invariance: cutting the stream after any bar changes nothing up to that bar (playbook 7.2).

The recording is folded whole, with every bar in memory, and then again:

    withheld    in a process that gets one bar at a time, each after it has decided on the one before: a cut after every bar
    pair        by two fresh folds in this process, which take turns at each cut: at random places of a seed, and right after every
                decision. One decides where the other has just passed and stopped; then that one goes on
    anew        by another one that begins with the first bar at each of the random cuts, when the pair stands there, and ends there
                too, or sooner

The analysis compares decisions, not trades: every field of every session message, of every proposal of each strategy alone, and of
every intent that arbitration sends to the gate, byte for byte; and, if they are asked for, the value of every feature on every bar
(strategies/features/). Withheld bars show decisions that use future bars, a clock or chance; the others show state that a run
leaves behind for another one, also in the middle of what follows a decision. Inputs are compared before decisions, so a difference
names the input that differed, or reports that none did: then the strategy used more than the stream.

The pair folds each bar twice, however many cuts there are. What begins anew takes a trade date, or two recordings in all where that
is more: so the analysis of a long recording takes as long as six runs.

The analysis cannot cut what a plug-in reads beside the stream (a file, a connection). It watches for it: during a decision, or
inside the recording's own folder, it counts as look-ahead; while the plug-in is imported and built, it is reported.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from tapewire.bus.messages import Bar
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import tapes
from tapewire.replay.research import withheld
from tapewire.replay.research.fold import BarResult, Fold, fields, values
from tapewire.replay.research.watch import Use
from tapewire.replay.sources.recording import Input, Recording, Told
from tapewire.strategies import registry

A_DATE = 1_380
"""Bars of a trade date. What begins anew takes so many, or its share of two recordings where that is more."""

SESSION = "session"
ARBITRATED = "arbitrated"


class Divergence(Struct, frozen=True):
    """The first decision of one subject that differs from the whole run.

    subject: a strategy's display name, "session" (the tracker), "arbitrated" (evaluator and gate together) or a feature's name.
    cut: which fold, in words. at: the bar, Eastern wall stamp. field: its dotted name, with the values whole and cut.
    cause: the first input field that differs, or the statement that none does.
    """

    subject: str
    cut: str
    at: str
    field: str
    whole: str
    cut_short: str
    cause: str

    def __str__(self) -> str:
        return (
            f"{self.subject} at {self.at}: {self.field} is {self.whole} in the whole run, {self.cut_short} {self.cut}; {self.cause}"
        )


class SubjectResult(Struct, frozen=True):
    """One subject of the table. decisions: messages, proposals or intents of the whole run; of a feature, bars with a value.

    verdict: "same" or what is wrong.
    """

    subject: str
    decisions: int
    verdict: str


class Analysis(Struct, frozen=True):
    """What was compared, and the result. decided: bars with a decision, each with a cut after it. features: how many."""

    bars: int
    seed: int
    cuts: int
    anywhere: int
    decided: int
    rows: tuple[SubjectResult, ...]
    differences: tuple[Divergence, ...]
    uses: tuple[Use, ...]
    features: int = 0

    @property
    def well(self) -> bool:
        """Whether nothing was found."""
        return all(row.verdict == SAME for row in self.rows)


SAME = "same"

Fields: TypeAlias = Mapping[str, object]
"""A decision or an input as plain fields by dotted name."""

Different: TypeAlias = tuple[str, str, str]
"""A field's name, its value in the whole run and in the cut one."""

Apart: TypeAlias = Callable[[Conf, Iterable[Input], Sequence[str]], Iterator[withheld.Decided]]


def analyse(
    conf: Conf,
    recording: Recording,
    *,
    count: int,
    seed: int,
    data: Path | None,
    tell: Callable[[str], None],
    progress: Callable[[float], None],
    apart: Apart = withheld.steps,
    features: Sequence[str] = (),
) -> Analysis:
    """Fold, fold again and compare.

    Args:
        count: cuts anywhere. seed: of their choice. data: the recording's folder, which no strategy has business with.
        apart: folds bar by bar without knowing the rest. features: names of those to compare, too.
    """
    bars, facts = recording.bars, recording.facts
    anywhere = choose(len(bars), count, seed)
    longest = max(A_DATE, 2 * len(bars) // max(1, len(anywhere)))
    work = Work(4 * len(bars) + sum(min(cut, longest) for cut in anywhere), progress)
    tell("whole run")
    whole = [work.done(step) for _, step in _steps(Fold(conf, features), bars, 0, facts)]
    comparison = Comparison(bars, whole, features)
    uses: list[Use] = []
    tell("withheld")
    for at, told in enumerate(apart(conf, recording.inputs(), features)):
        uses += told.uses
        comparison.bar(at, work.done(told.step), "when later bars are withheld")
    decided = [at for at, step in enumerate(whole) if step.decided]
    cuts = sorted({*anywhere, *(at + 1 for at in decided)})
    tell("fresh folds")
    pair = Fold(conf, features), Fold(conf, features)
    for first, cut in pairwise(sorted({0, *cuts, len(bars)})):
        where = tapes.wall(bars[cut - 1].close_ns)
        turns = [(fold, first, bars[first:cut], f"in a fresh fold, one of two that take turns until {where}") for fold in pair]
        if cut in anywhere:
            turns.append(
                (Fold(conf, features), 0, bars[: min(cut, longest)], f"in a fold begun anew while others stand at {where}")
            )
        for fold, start, stretch, words in turns:
            for at, step in _steps(fold, stretch, start, facts):
                comparison.bar(at, work.done(step), words)
    return Analysis(
        bars=len(bars),
        seed=seed,
        cuts=len(cuts),
        anywhere=len(anywhere),
        decided=len(decided),
        rows=(*_rows(conf, whole, comparison, uses, data), *_features(features, whole, comparison)),
        differences=tuple(comparison.found.values()),
        uses=tuple(uses),
        features=len(features),
    )


def choose(total: int, count: int, seed: int) -> frozenset[int]:
    """Where to cut anywhere, as numbers of bars kept: `count` places by the seed. total: bars of the recording."""
    return frozenset(random.Random(seed).sample(range(1, total + 1), min(count, total)))  # noqa: S311 - places, not secrets


class Work:
    """How much is done, told a few hundred times. total: bars to fold in all."""

    def __init__(self, total: int, progress: Callable[[float], None]) -> None:
        self._total, self._progress = total, progress
        self._every = max(1, total // 500)
        self._folded = 0

    def done(self, step: BarResult) -> BarResult:
        """Count a bar, and give its result back."""
        self._folded += 1
        if self._folded % self._every == 0:
            self._progress(self._folded / self._total)
        return step


class Comparison:
    """The whole run against others, bar by bar. found: the first difference of each subject, in the order in which they showed."""

    def __init__(self, bars: Sequence[Bar], whole: Sequence[BarResult], features: Sequence[str] = ()) -> None:
        self._bars = bars
        self._features = features
        self._whole = whole
        self.found: dict[str, Divergence] = {}

    def bar(self, at: int, other: BarResult, cut: str) -> None:
        """Compare what another fold decided on the bar with this index."""
        whole = self._whole[at]
        if other == whole:
            return
        if other.session != whole.session:
            equal = "the bars are equal, what the tracker makes of them is not"
            self._note(SESSION, at, fields(whole.session), fields(other.session), cut, lambda: equal)
        if other.proposals != whole.proposals:
            mine, theirs = _by_strategy(whole.proposals), _by_strategy(other.proposals)
            for strategy in dict.fromkeys((*mine, *theirs)):
                cause = partial(_cause, fields(whole.session), fields(other.session))
                self._note(strategy, at, mine.get(strategy, {}), theirs.get(strategy, {}), cut, cause)
        if other.intents != whole.intents:
            cause = partial(_cause, _inputs(whole), _inputs(other))
            self._note(ARBITRATED, at, _joined(whole.intents), _joined(other.intents), cut, cause)
        if len(other.features) == len(whole.features) and other.features != whole.features:
            self._compare_features(at, whole, other, cut)
        for fault in {*whole.off} ^ {*other.off}:
            was, became = ({"running": fault not in step.off} for step in (whole, other))
            self._note(fault.partition(" is switched off")[0], at, was, became, cut, partial(str, fault))

    def _compare_features(self, at: int, whole: BarResult, other: BarResult, cut: str) -> None:
        cause = partial(_cause, fields(whole.session), fields(other.session))
        for name, was, became in zip(self._features, values(whole.features), values(other.features), strict=True):
            self._note(name, at, {"value": _value(was)}, {"value": _value(became)}, cut, cause)

    def _note(self, subject: str, at: int, whole: Fields, short: Fields, cut: str, cause: Callable[[], str]) -> None:
        """Keep the first difference of each subject: those that follow are mostly its consequences."""
        different = None if subject in self.found else _first(whole, short)
        if different is not None:
            name, was, became = different
            self.found[subject] = Divergence(subject, cut, tapes.wall(self._bars[at].close_ns), name, was, became, cause())


def _steps(fold: Fold, bars: Sequence[Bar], first: int, facts: Mapping[int, Sequence[Told]]) -> Iterator[tuple[int, BarResult]]:
    """Give a fold its next bars, with the facts before each. first: place of the first one in the recording."""
    for at, bar in enumerate(bars, first):
        for fact in facts.get(at, ()):
            fold.told(fact)
        yield at, fold.bar(bar)


def _by_strategy(proposals: Iterable[bytes]) -> dict[str, dict[str, object]]:
    decoded = map(fields, proposals)
    return {str(each["strategy"]): each for each in decoded}


def _joined(intents: Iterable[bytes]) -> dict[str, object]:
    return {name: value for each in intents for name, value in fields(each).items()}


def _inputs(step: BarResult) -> dict[str, object]:
    """Everything arbitration saw: the session, then the position."""
    return {**fields(step.session), **{f"position.{name}": value for name, value in fields(step.position).items()}}


def _first(whole: Fields, short: Fields) -> Different | None:
    """The first field that differs, with both values. Where one side has no fields at all, the decision itself is missing."""
    if whole == short:
        return None
    if not whole or not short:
        return "the decision", _words(whole), _words(short)
    name = next(name for name in (*whole, *short) if name not in whole or name not in short or whole[name] != short[name])
    return name, repr(whole.get(name)), repr(short.get(name))


def _cause(whole: Fields, short: Fields) -> str:
    inputs = _first(whole, short)
    if inputs is None:
        return "no input differs: the strategy knows more than the stream, or remembers another run"
    return f"the first input that differs is {inputs[0]} ({inputs[1]} and {inputs[2]})"


def _words(decision: Fields) -> str:
    """A decision in short."""
    if not decision:
        return "nothing"
    names = ("setup", "direction", "intents.0.setup", "intents.0.action", "intents.0.direction")
    return " ".join(str(decision[name]) for name in names if name in decision) or "there"


def _rows(
    conf: Conf, whole: Sequence[BarResult], comparison: Comparison, uses: Sequence[Use], data: Path | None
) -> Iterator[SubjectResult]:
    preset = conf.preset
    yield SubjectResult(SESSION, sum(bool(step.session) for step in whole), _verdict(comparison.found.get(SESSION)))
    counts: dict[str, int] = {}
    for step in whole:
        for proposal in step.proposals:
            name = str(fields(proposal)["strategy"])
            counts[name] = counts.get(name, 0) + 1
    off = {text.partition(" is switched off")[0]: text for step in whole for text in step.off}
    for key in preset.strategies:
        name = registry.load(key).name
        verdict = _verdict(comparison.found.get(name))
        beside = [use.what for use in uses if use.plug_in == key and (use.deciding or _inside(use, data))]
        if verdict == SAME and beside:
            verdict = f"reads beside the stream: {beside[0]}" + (f" and {len(beside) - 1} more" if beside[1:] else "")
        if verdict == SAME and name in off:
            verdict = "was switched off"
        yield SubjectResult(name, counts.get(name, 0), verdict)
    yield SubjectResult(ARBITRATED, sum(bool(step.intents) for step in whole), _verdict(comparison.found.get(ARBITRATED)))


def _features(names: Sequence[str], whole: Sequence[BarResult], comparison: Comparison) -> Iterator[SubjectResult]:
    counts = [0] * len(names)
    for step in whole:
        for place, value in enumerate(values(step.features)):
            counts[place] += value == value
    for name, count in zip(names, counts, strict=True):
        yield SubjectResult(name, count, _verdict(comparison.found.get(name)))


def _value(value: float) -> float | str:
    """A value as it compares equal to itself."""
    return value if value == value else "missing"


def _inside(use: Use, data: Path | None) -> bool:
    path = Path(use.what.partition(" ")[2])
    return data is not None and path.is_absolute() and path.resolve().is_relative_to(data.resolve())


def _verdict(difference: Divergence | None) -> str:
    return SAME if difference is None else f"differs at {difference.at}"

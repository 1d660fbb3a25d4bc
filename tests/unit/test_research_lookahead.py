"""Look-ahead analysis: where to cut, what is compared, and what is said about a difference."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import ClassVar

import msgspec
import pytest

from tapewire.bus import testing
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar, Gap, GivenLevels, Levels, Session
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import lookahead, withheld
from tapewire.replay.research.fold import BarResult, Fold, fields
from tapewire.replay.research.lookahead import Analysis, Comparison
from tapewire.replay.research.sessions import sessions
from tapewire.replay.research.watch import Use
from tapewire.replay.research.withheld import Decided
from tapewire.replay.sources.recording import Input, Recording
from tapewire.strategies import registry
from tapewire.strategies.features import FEATURES, Feature, stream
from tapewire.strategies.features.moment import Moment
from tapewire.strategies.pipeline import Pipeline
from tapewire.strategies.protocol import DayTypeOf, Proposal

BARS = [testing.bar(f"{9 + at // 60:02}:{at % 60:02}", 21_000.0 + at % 7, index=at - 25) for at in range(25, 60)]


class Remembers(Pipeline):
    """Buys where an earlier run in this process has already seen later bars: it keeps what it saw in its class."""

    name: ClassVar[str] = "Remembers"
    seen: ClassVar[set[int]] = set()

    def update(self, s: Session) -> None:
        self.seen.add(s.bar.close_ns)

    def propose(self, s: Session) -> Proposal | None:
        return super().propose(s) if max(self.seen) > s.bar.close_ns else None


def settings(*strategies: str) -> Conf:
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed", strategies))


def here(conf: Conf, inputs: Iterable[Input], features: Sequence[str] = ()) -> Iterator[Decided]:
    """Bar by bar, in this process: honest about what is compared, without the wait for another one."""
    fold = Fold(conf, features)
    return (Decided(fold.bar(each), ()) for each in inputs if isinstance(each, Bar))


def analyse(
    conf: Conf,
    apart: lookahead.Apart = here,
    count: int = 5,
    data: Path | None = None,
    recording: Recording | None = None,
    features: Sequence[str] = (),
    progress: Callable[[float], None] = lambda share: None,
) -> Analysis:
    return lookahead.analyse(
        conf,
        recording or Recording("MNQ", "NQ", BARS),
        count=count,
        seed=1,
        data=data,
        tell=lambda text: None,
        progress=progress,
        apart=apart,
        features=features,
    )


# --- the verdict ------------------------------------------------------------------------------------------------------------------


def test_an_honest_strategy_is_the_same_at_every_cut() -> None:
    """Right after each of its decisions, and anywhere; the table counts what was compared."""
    analysis = analyse(settings("pipeline"))

    assert analysis.well
    assert [(row.subject, row.decisions) for row in analysis.rows] == [("session", 35), ("Pipeline", 8), ("arbitrated", 15)]
    assert (analysis.decided, analysis.cuts, analysis.anywhere) == (15, 18, 5)


def test_state_that_outlives_a_run_is_named_with_the_first_decision_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inputs are equal, which says where to look: the strategy remembers another run."""
    monkeypatch.setattr(Remembers, "seen", set())
    monkeypatch.setitem(registry.BUILT_IN, "remembers", Remembers)  # type: ignore[arg-type]
    analysis = analyse(settings("remembers"))

    difference = next(each for each in analysis.differences if each.subject == "Remembers")
    assert not analysis.well
    assert (difference.at, difference.field, difference.whole) == ("2026-03-03T09:31:00", "the decision", "nothing")
    assert "no input differs" in difference.cause


class Blocks(Pipeline):
    """Its class is blocked for ten bars by each proposal, and free again when the recording ends."""

    name: ClassVar[str] = "Blocks"
    until_ns: ClassVar[int] = 0

    def update(self, s: Session) -> None:
        if s.bar.close_ns == BARS[-1].close_ns:
            type(self).until_ns = 0

    def propose(self, s: Session) -> Proposal | None:
        if s.bar.close_ns < self.until_ns or s.bar.close_ns == BARS[-1].close_ns:
            return None
        if proposal := super().propose(s):
            type(self).until_ns = s.bar.close_ns + 10 * 60_000_000_000
        return proposal


class Inherits(Pipeline):
    """Does nothing if a run before it has stopped in the middle: it is built from what that one left in the class."""

    name: ClassVar[str] = "Inherits"
    left: ClassVar[bool] = False

    def __init__(self, params: Pipeline.Params, day_type: DayTypeOf) -> None:
        super().__init__(params, day_type)
        self.idle = self.left

    def update(self, s: Session) -> None:
        type(self).left = s.bar.close_ns != BARS[-1].close_ns

    def propose(self, s: Session) -> Proposal | None:
        return None if self.idle else super().propose(s)


@pytest.mark.parametrize(("leak", "subject"), [(Blocks, "arbitrated"), (Inherits, "Inherits")])
def test_what_a_run_leaves_in_the_middle_is_found(leak: type[Pipeline], subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole run after a whole run shows nothing of it. Neither does a process that has run nothing before."""
    monkeypatch.setattr(Blocks, "until_ns", 0)
    monkeypatch.setattr(Inherits, "left", False)
    monkeypatch.setitem(registry.BUILT_IN, "leak", leak)  # type: ignore[arg-type]
    conf = settings("leak")
    whole = [[fold.bar(bar) for bar in BARS] for fold in (Fold(conf) for _ in range(2))]

    analysis = analyse(conf)

    assert whole[0] == whole[1]
    assert not analysis.well
    assert subject in {each.subject for each in analysis.differences}


def test_more_decisions_take_no_more_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bar is folded four times, and again by each fold that begins anew; progress tells of it to the end."""
    folded: list[Bar] = []
    real = Fold.bar
    monkeypatch.setattr(Fold, "bar", lambda self, bar: folded.append(bar) or real(self, bar))
    heard: list[float] = []

    analysis = analyse(settings("pipeline"), count=2, progress=heard.append)

    anew = sum(lookahead.choose(len(BARS), 2, seed=1))
    assert analysis.decided == 15
    assert len(folded) == 4 * len(BARS) + anew
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_losses_and_given_levels_come_at_the_same_bar_in_every_fold() -> None:
    """In this process, in the one that gets a bar at a time, and up to every cut: no session differs."""
    given = GivenLevels("MNQ", "2026-03-03", Levels(pdh=21_500.0))
    recording = Recording("MNQ", "NQ", BARS, facts={10: (given,), 20: (Gap("raw.bar.MNQ.1m.", 1, 1, 3, "tracker"),)})
    inside = [(s.given, s.degraded) for s in sessions(settings("pipeline"), recording.inputs())]

    analysis = analyse(settings("pipeline"), withheld.steps, recording=recording)

    assert inside == [((), False)] * 10 + [(("pdh",), False)] * 10 + [(("pdh",), True)] * 15
    assert analysis.differences == ()
    assert analysis.decided < 15


@pytest.mark.parametrize(
    ("use", "verdict"),
    [
        (Use("pipeline", "opens /elsewhere/levels.csv", True), "reads beside the stream: opens /elsewhere/levels.csv"),
        (Use("pipeline", "opens /elsewhere/levels.csv", False), "same"),
        (Use("pipeline", "opens /recordings/NQ.csv", False), "reads beside the stream: opens /recordings/NQ.csv"),
        (Use("another", "opens /elsewhere/levels.csv", True), "same"),
    ],
    ids=["while deciding", "while being built", "the recording, whenever", "somebody else"],
)
def test_reading_beside_the_stream_counts_while_deciding_or_from_the_recording(use: Use, verdict: str) -> None:
    """What is read while a plug-in is imported and built is only told: it may be its own parameters."""

    def reads(conf: Conf, bars: Iterable[Input], features: Sequence[str]) -> Iterator[Decided]:
        for at, told in enumerate(here(conf, bars)):
            yield Decided(told.step, (use,) if at == 0 else ())

    analysis = analyse(settings("pipeline"), reads, data=Path("/recordings"))

    assert next(row.verdict for row in analysis.rows if row.subject == "Pipeline") == verdict
    assert analysis.uses == (use,)


def test_a_strategy_that_was_switched_off_was_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal silence after a failure is no proof."""
    monkeypatch.setattr(Pipeline, "update", lambda self, s: 1 / 0)
    analysis = analyse(settings("pipeline"))

    assert next(row.verdict for row in analysis.rows if row.subject == "Pipeline") == "was switched off"
    assert not analysis.well


# --- features --------------------------------------------------------------------------------------------------------------------


def peeking(m: Moment) -> float | None:
    """The move of the next bar, from the first frame up the stack that holds the bars."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and "bars" not in frame.f_locals:
        frame = frame.f_back
    later = [] if frame is None else [bar.close for bar in frame.f_locals["bars"] if bar.close_ns > m.bar.close_ns]
    return later[0] - m.bar.close if later else None


def remembering(m: Moment) -> float:
    """How many bars it has seen, in this run and in earlier ones."""
    SEEN.append(m.bar.close_ns)
    return len(SEEN)


SEEN: list[int] = []


def plant(monkeypatch: pytest.MonkeyPatch, feature: Feature) -> tuple[str, ...]:
    """The table with a feature more. Returns all names."""
    planted = {**FEATURES, feature.name: feature}
    monkeypatch.setattr(stream, "FEATURES", planted)
    return tuple(planted)


def test_no_feature_looks_ahead() -> None:
    """Each has a row, with the bars on which it has a value."""
    analysis = analyse(settings("pipeline"), features=tuple(FEATURES))

    assert analysis.well
    assert analysis.features == len(FEATURES)
    assert [row.subject for row in analysis.rows] == ["session", "Pipeline", "arbitrated", *FEATURES]
    assert {row.subject: row.decisions for row in analysis.rows}["move_5_atr"] == len(BARS) - 13  # ATR 14 comes with bar 14


@pytest.mark.parametrize("leak", [peeking, remembering])
def test_a_feature_that_knows_more_than_the_stream_is_found(
    leak: Callable[[Moment], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next bar by the frame that holds it; what an earlier run has left. The other features are the same."""
    SEEN.clear()
    analysis = analyse(settings("pipeline"), features=plant(monkeypatch, Feature("leak_count", "count", "It knows.", leak)))

    assert {row.subject for row in analysis.rows if row.verdict != lookahead.SAME} == {"leak_count"}
    (difference,) = analysis.differences
    assert difference.field == "value"
    assert "no input differs" in difference.cause


@pytest.mark.slow
def test_features_are_the_same_in_a_process_that_gets_one_bar_at_a_time() -> None:
    """The real one, with the auction."""
    conf = settings("pipeline")
    conf = msgspec.structs.replace(conf, preset=msgspec.structs.replace(conf.preset, auction_row_ticks=4))
    fold = Fold(conf, tuple(FEATURES))

    for at, told in enumerate(withheld.steps(conf, BARS, tuple(FEATURES))):
        assert told.step == fold.bar(BARS[at])


# --- a difference in words -------------------------------------------------------------------------------------------------------


def test_a_difference_names_the_first_input_that_differs() -> None:
    """A session that differs comes before the decision that it led to."""
    whole = [Fold(settings("pipeline")).bar(BARS[6])]
    session = fields(whole[0].session)
    changed = msgspec.msgpack.decode(whole[0].session)
    changed["flow"]["delta"] = 123.0
    comparison = Comparison(BARS[6:], whole)
    comparison.bar(0, BarResult(msgspec.msgpack.encode(changed), whole[0].position), "in a test")

    assert session["flow.delta"] != 123.0
    assert comparison.found["session"].field == "flow.delta"
    assert comparison.found["session"].cut_short == "123.0"
    assert comparison.found["Pipeline"].field == "the decision"
    assert comparison.found["Pipeline"].cut_short == "nothing"
    assert comparison.found["Pipeline"].cause.startswith("the first input that differs is flow.delta")
    assert list(comparison.found) == ["session", "Pipeline", "arbitrated"]


def test_only_the_first_difference_of_a_subject_is_kept() -> None:
    """The rest are mostly its consequences."""
    whole = [BarResult(b"", b"", (proposal(21_000.0),)), BarResult(b"", b"", (proposal(21_000.0),))]
    comparison = Comparison(BARS, whole)
    comparison.bar(0, BarResult(b"", b"", (proposal(21_001.0),)), "first")
    comparison.bar(1, BarResult(), "second")

    (difference,) = comparison.found.values()
    assert str(difference) == (
        "Test at 2026-03-03T09:25:00: entry is 21000.0 in the whole run, 21001.0 first; "
        "no input differs: the strategy knows more than the stream, or remembers another run"
    )


def proposal(entry: float) -> bytes:
    made = Proposal(strategy="Test", setup="TEST", direction="LONG", entry=entry, stop=1.0, target=None, reason="")
    return msgspec.msgpack.encode(made)


# --- where to cut ---------------------------------------------------------------------------------------------------------------


def test_cuts_are_anywhere_by_the_seed() -> None:
    """As many as were asked for, each another number of bars."""
    anywhere = lookahead.choose(1_000, 20, seed=3)

    assert len(anywhere) == 20
    assert all(1 <= cut <= 1_000 for cut in anywhere)
    assert anywhere == lookahead.choose(1_000, 20, seed=3)
    assert anywhere != lookahead.choose(1_000, 20, seed=4)


def test_a_short_recording_has_no_more_cuts_than_bars() -> None:
    """Asking for twenty cuts of three bars is no error."""
    assert lookahead.choose(3, 20, seed=1) == {1, 2, 3}


# --- the other process -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_process_decides_the_same_without_knowing_the_next_bar() -> None:
    """Byte for byte; it has answered to a bar before it is given the next one."""
    given: list[Bar] = []

    def one_by_one() -> Iterator[Bar]:
        for bar in BARS:
            given.append(bar)
            yield bar

    fold = Fold(settings("pipeline"))
    answers = 0
    for told in withheld.steps(settings("pipeline"), one_by_one()):
        assert told.step == fold.bar(BARS[answers])
        answers += 1
        assert len(given) == answers

    assert answers == len(BARS)


@pytest.mark.slow
def test_a_strategy_that_only_this_process_knows_is_refused_there() -> None:
    """The other process starts from what is installed, and says so in one sentence."""
    conf = settings("pipeline")
    preset = msgspec.structs.replace(conf.preset, strategies=("only_here",))

    with pytest.raises(ConfError, match="in a process of their own: unknown strategy 'only_here'"):
        list(withheld.steps(msgspec.structs.replace(conf, preset=preset), BARS))

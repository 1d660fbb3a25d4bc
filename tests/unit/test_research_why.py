"""Why nothing was traded: conditions are taken from a strategy's own code, and noting them changes no decision."""

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as configuration
from tapewire.replay import runs
from tapewire.replay.research.reasons import Nearest
from tapewire.replay.research.sessions import sessions
from tapewire.replay.research.steps import Instrumented, Miss
from tapewire.replay.sources import synthetic
from tapewire.strategies import registry
from tapewire.strategies.roster import Independent
from tests import command
from tests.shared import SHARED, needs_shared

LIMIT = 3


class Made:
    """In the form of ours: conditions, a helper, limits that may be left out, two ways at the end."""

    name: ClassVar[str] = "Made"

    def __init__(self, **params: Any) -> None:
        self.params = SimpleNamespace(**{"least": 10, "most": None, "until": 600, "flag": False, **params})
        self.asked: list[str] = []

    def propose(self, s: Any) -> Any:
        p = self.params
        if s.minute >= p.until or s.flow is None or not s.ready:
            return None
        if not (p.least < s.close <= 20) or (p.most is not None and s.close > p.most):
            return None
        if p.flag and not s.close > 15:
            return None
        if not self._allowed(s.close, limit=LIMIT):
            return None
        return self._short(s) or self._long(s)

    def _allowed(self, close: float, *, limit: int) -> bool:
        if close % 7 == 0:
            return False
        return self.params.most is None or close >= limit

    def _short(self, s: Any) -> Any:
        if not self._look("short", s.delta) < 0:
            return None
        return self._proposal("SHORT")

    def _long(self, s: Any) -> Any:
        if not self._look("long", s.delta) > 0 or s.close < 12:
            return None
        return self._proposal("LONG")

    def _look(self, side: str, delta: int) -> int:
        self.asked.append(side)
        return delta

    def _proposal(self, side: str) -> Any:
        return side


class Slotted:
    """Its methods cannot be replaced in one object."""

    __slots__ = ()
    name: ClassVar[str] = "Slotted"

    def propose(self, s: Any) -> Any:
        return None if s.close > 3 else "LONG"


def bar(**changes: Any) -> Any:
    return SimpleNamespace(**{"minute": 590, "flow": 1, "ready": True, "close": 13, "delta": 1, **changes})


def noted(watch: Instrumented, s: Any) -> tuple[Any, list[str], list[tuple[str, Miss | None]]]:
    watch.notes.clear()
    made = watch.strategy.propose(s)
    steps = watch.steps
    return made, [steps[at].text for at in watch.notes.passed], [(steps[at].text, miss) for at, miss in watch.notes.failed]


def test_the_steps_are_what_must_hold_in_the_order_of_the_code():
    """With the preset's numbers in place of their names; a limit that is left out, and a flag, are no steps."""
    watch = Instrumented(Made())

    assert [(step.place, step.text) for step in watch.steps] == [
        (0, "s.minute < 600"),
        (1, "s.flow is not None"),
        (2, "s.ready"),
        (3, "10 < s.close <= 20"),
        (4, "s.close <= None"),
        (5, "s.close > 15"),
        (6, "close % 7 != 0"),
        (7, "close >= limit"),
        (8, "self._look('short', s.delta) < 0"),
        (8, "self._look('long', s.delta) > 0"),
        (9, "s.close >= 12"),
    ]


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"minute": 605}, [("s.minute < 600", Miss(605, 600, 5))]),
        ({"flow": None}, [("s.flow is not None", None)]),
        ({"ready": False}, [("s.ready", None)]),
        ({"close": 8}, [("10 < s.close <= 20", Miss(10, 8, 2))]),
        ({"close": 23}, [("10 < s.close <= 20", Miss(23, 20, 3))]),
        ({"close": 14}, [("close % 7 != 0", None)]),
        ({"close": 11}, [("self._look('short', s.delta) < 0", Miss(1, 0, 1)), ("s.close >= 12", Miss(11, 12, 1))]),
    ],
)
def test_a_bar_is_lost_at_the_condition_that_did_not_hold_and_by_how_much(changes, failed):
    """Both sides of a comparison, also of the one in a chain that did not hold; other conditions have no distance."""
    made, _, lost = noted(Instrumented(Made()), bar(**changes))

    assert made is None
    assert lost == failed


def test_a_limit_that_is_set_is_a_step():
    """`p.most is not None and s.close > p.most`."""
    watch = Instrumented(Made(most=12))

    assert noted(watch, bar(close=13))[2] == [("s.close <= 12", Miss(13, 12, 1))]
    assert "s.close <= 12" in noted(watch, bar(close=12))[1]


@given(
    st.fixed_dictionaries(
        {
            "minute": st.integers(590, 610),
            "flow": st.none() | st.just(1),
            "ready": st.booleans(),
            "close": st.integers(5, 25),
            "delta": st.integers(-1, 1),
        }
    ),
    st.fixed_dictionaries({"most": st.none() | st.integers(8, 22), "flag": st.booleans()}),
)
def test_notes_change_neither_the_answer_nor_what_is_looked_at(changes, params):
    """Each condition is evaluated as often as before, in the same order, and not where an earlier one has decided."""
    plain, watched = Made(**params), Made(**params)
    watch = Instrumented(watched)
    s = bar(**changes)

    assert watched.propose(s) == plain.propose(s)
    assert watched.asked == plain.asked
    assert bool(watch.notes.failed) or watched.propose(s) is not None


def test_a_strategy_that_cannot_be_taken_apart_is_left_as_it_is():
    """It decides as ever, and has no steps."""
    strategy = Slotted()
    watch = Instrumented(strategy)

    assert (watch.whole, watch.steps) == (False, [])
    assert strategy.propose(bar(close=2)) == "LONG"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=4, seed=8, start=dt.date(2026, 3, 2), v_reversals=True)
    return folder


@pytest.mark.parametrize("preset", [each for each in configuration.preset_names() if each != "bare"])
def test_every_shipped_strategy_proposes_the_same_with_notes(recorded, preset):
    """Over four sessions with patterns for each, to the last field."""
    chosen = configuration.preset(preset)
    conf = configuration.load("replay", instance="why", traded=["MNQ"], preset=chosen)
    recording, calendar = runs.read(recorded, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar)
    plain, noted_ = (
        Independent(registry.build(chosen.strategies, chosen.parameters, chosen.day_type), chosen.exits.exit_time) for _ in range(2)
    )
    for strategy in noted_.roster.strategies:
        Instrumented(strategy)
    made = 0
    for s in sessions(conf, recording.inputs()):
        expected = plain.step(s)
        assert noted_.step(s) == expected
        made += len(expected)
    assert made
    assert not noted_.roster.failures


@pytest.fixture(scope="module")
def run(recorded: Path) -> tapewire.Run:
    return tapewire.backtest(recorded, set={"risk.max_trades": 1})


def test_counts_are_those_of_the_bars(run):
    """What came to a condition and was lost nowhere was proposed; a condition's bars come from the ones before it."""
    for each in run.why_not():
        lost = sum(condition.reached - condition.held for condition in each.conditions)
        assert each.asked == 4 * 388
        if each.strategy != "OR Reversal":  # its two sides are tried one after the other, so a bar may be lost twice
            assert lost + each.proposed + each.elsewhere == each.asked
        assert all(condition.held <= condition.reached for condition in each.conditions)


def test_refusals_and_trades_are_those_of_the_run(run):
    """The gate decides in a backtest of the same bars; here it refuses after one trade a day."""
    whys = run.why_not()
    refused = run.proposals[run.proposals.rejected != ""]

    assert sum(sum(each.refused.values()) for each in whys) == len(refused) > 0
    assert sum(each.traded for each in whys) == len(run.proposals) - len(refused) > 0


def test_the_last_bar_tells_which_condition_it_lacked(run):
    """Of every strategy the same bar, of the last session; not one that was a complete setup, or has no single conditions."""
    whys = [each for each in run.why_not() if each.last]

    assert {each.last.session for each in whys} == {run.sessions.session.iloc[-1]}
    assert len({each.last.time for each in whys}) == 1
    assert all(each.last.condition in {condition.text for condition in each.conditions} for each in whys)
    assert repr(run.why_not()).count(f"at the last bar, {whys[0].last.time}") == len(whys)


def test_one_session_is_counted_with_the_history_of_those_before(run):
    """The counts of the sessions add up to those of all."""
    (whole,) = run.why_not("edge_fade")
    parts = [run.why_not("Edge Fade", session)[0] for session in run.sessions.session]

    assert sum(part.asked for part in parts) == whole.asked
    assert sum(part.proposed for part in parts) == whole.proposed
    assert [nearest for part in parts for nearest in part.nearest] == [*whole.nearest]


@pytest.mark.parametrize(
    ("strategy", "session", "words"),
    [("edge_fad", "", "edge_fade"), ("", "2030-01-01", "2026-03-02 to 2026-03-05")],
)
def test_a_strategy_or_a_session_that_is_not_there_is_refused(run, strategy, session, words):
    """With what there is."""
    with pytest.raises(ConfError, match=words):
        run.why_not(strategy, session)


def test_a_time_of_day_is_shown_as_one():
    """Minutes after midnight mean nothing to a person."""
    nearest = Nearest("2026-03-02", "2026-03-02T14:00:00", "s.minute < '13:30'", 840.0, 810.0, 30.0)

    assert str(nearest) == "2026-03-02T14:00:00  s.minute < '13:30': 14:00 against 13:30"


@needs_shared
def test_the_four_recorded_sessions_say_why_the_seed_trades_nothing():
    """The newcomer's first question: no strategy proposes anything, and the nearest was a volume spike of 1.289 for 1.3."""
    words = ("why", "--data", SHARED / "data" / "ninjatrader", "--json")
    done = command.ready().run(*words, timeout=120)
    assert done.returncode == 0, done.stderr
    found = {each["strategy"]: each for each in json.loads(done.stdout)}

    assert [each["proposed"] for each in found.values()] == [0] * 7
    nearest = found["IBH Sweep+Fail"]["nearest"][0]
    assert (nearest["session"], nearest["condition"]) == ("2026-02-06", "flow.volume_spike > 1.3")
    assert nearest["by"] == pytest.approx(0.011, abs=0.001)
    assert all(len(each["nearest"]) == 4 for each in found.values())


def test_the_command_wants_bars_from_one_place(recorded, run):
    """A recording, or a run with its own settings."""
    neither = command.ready().run("why", timeout=60)
    of_run = command.ready().run("why", "edge_fade", "--run", run.folder, "--session", "2026-03-03", timeout=120)

    assert neither.returncode == 78
    assert "--data" in neither.stderr
    assert of_run.returncode == 0, of_run.stderr
    assert of_run.stdout.startswith("Edge Fade: asked at 388 bars")

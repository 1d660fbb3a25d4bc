"""Strategies of one instrument called together: arbitrated or each alone (playbook 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.messages import Position, Session
from tapewire.strategies.protocol import DayTypeOf, Exit, Move, Proposal, Suppression
from tapewire.strategies.roster import Conflict, Independent, Roster
from tests.scenes import scene


class Eager:
    """Proposes on every bar until consumed, and records its calls."""

    setups = ("EAGER",)
    direction = "LONG"

    class Params(Struct, frozen=True):
        """None."""

    def __init__(self, params: Any, day_type: DayTypeOf) -> None:
        self.name = str(params)
        self.told: list[str] = []
        self.used = False

    def start(self, session: str) -> None:
        self.used = False
        self.told.append(f"start {session}")

    def update(self, s: Session) -> None:
        self.told.append(f"update {s.minute}")

    def propose(self, s: Session) -> Proposal | None:
        if self.used:
            return None
        close = s.bar.close
        return Proposal(
            strategy=self.name, setup="EAGER", direction=self.direction, entry=close, stop=close - 5, target=None, reason="it may"
        )

    def consume(self, proposal: Proposal) -> None:
        self.used = True


class Bear(Eager):
    direction = "SHORT"


def pair() -> tuple[Eager, Eager]:
    return Eager("first", str), Eager("second", str)


def test_arbitrated_the_first_in_priority_is_chosen_and_the_only_one_consumed() -> None:
    """A suppressed setup stays available for later bars."""
    first, second = pair()
    roster = Roster([first, second], "15:59")
    answers = []
    for at in ("11:00", "11:01", "11:02"):
        bar = scene(at)
        roster.fold(bar)
        answers.append([answer.strategy for answer in roster.choose(bar)])

    assert answers == [["first"], ["second"], []]


def test_independent_every_proposal_is_reported_in_priority_order_and_consumed() -> None:
    """Each strategy alone: both on the first bar, none on the second."""
    first, second = pair()
    independent = Independent([first, second], "15:59")

    assert [each.strategy for each in independent.step(scene("11:00"))] == ["first", "second"]
    assert independent.step(scene("11:01")) == []


@pytest.mark.parametrize(
    ("at", "closes", "exit_time", "proposes"),
    [
        ("15:58", 960, "15:59", True),
        ("15:59", 960, "15:59", False),
        ("15:29", 960, "15:30", True),
        ("15:30", 960, "15:30", False),
        ("12:58", 780, "15:59", True),
        ("12:59", 780, "15:59", False),  # a half day: never later than a minute before the close
        ("16:01", 960, "16:30", False),  # outside RTH
        ("15:59", 960, "16:30", False),
    ],
)
def test_nothing_is_proposed_from_the_exit_time_on(at: str, closes: int, exit_time: str, proposes: bool) -> None:
    """In both modes, and never later than one minute before the session's close."""
    bar = scene(at, closes=closes)
    roster, independent = Roster([pair()[0]], exit_time), Independent([pair()[0]], exit_time)
    roster.fold(bar)

    assert bool(roster.choose(bar)) is proposes
    assert bool(independent.step(bar)) is proposes


def test_state_advances_on_every_rth_bar_even_when_nothing_may_be_proposed() -> None:
    """The exit time does not stop the folding; only bars outside RTH are left out."""
    eager, _ = pair()
    roster = Roster([eager], "11:00")
    for at in ("09:30", "09:31", "11:00", "16:00", "16:01"):
        roster.fold(scene(at))

    assert eager.told == ["start 2026-03-03", "update 571", "update 660", "update 960"]


def test_a_new_trade_date_starts_every_strategy_again() -> None:
    """With its first bar, which may be one of the evening before."""
    eager, _ = pair()
    roster = Roster([eager], "15:59")
    for bar in (scene("11:00"), scene("18:01", session="2026-03-04"), scene("18:02", session="2026-03-04")):
        roster.fold(bar)

    assert eager.told == ["start 2026-03-03", "update 660", "start 2026-03-04"]


# --- a strategy that keeps its own hours -------------------------------------------------------------------------------------


class Owl(Eager):
    """Trades all hours, proposes after it was consumed, and reports suppressed setups."""

    hours = "all"

    def consume(self, proposal: Proposal) -> None:
        pass

    def suppressed(self, s: Session) -> list[Suppression]:
        self.told.append(f"suppressed {s.minute}")
        idle = Proposal(strategy=self.name, setup="EAGER", direction="LONG", entry=9.0, stop=8.0, target=None, reason="it may not")
        return [Suppression(idle, "TOO_EARLY", "not yet")]


def test_a_strategy_of_all_hours_receives_every_bar_and_the_others_rth_bars_only() -> None:
    """Outside RTH only that one is updated; inside RTH it comes in priority order like the rest."""
    owl, eager = Owl("owl", str), Eager("eager", str)
    roster = Roster([owl, eager], "15:59")
    for at in ("03:00", "09:31", "16:00", "16:01"):
        roster.fold(scene(at))

    assert owl.told == ["start 2026-03-03", "update 180", "update 571", "update 960", "update 961"]
    assert eager.told == ["start 2026-03-03", "update 571", "update 960"]


def test_a_strategy_that_folds_all_hours_keeps_regular_ones() -> None:
    """It is updated at night, and proposes and reports setups in RTH only; switched off, it is updated no more."""
    reader = Owl("reader", str)
    reader.hours, reader.folds = "rth", "all"
    roster = Roster([reader], "15:59")
    for at in ("03:00", "09:31"):
        roster.fold(scene(at))

    assert reader.told == ["start 2026-03-03", "update 180", "update 571"]
    assert names(roster, "03:00") == []
    assert names(roster, "11:00") == ["reader"]
    assert roster.suppressed(scene("03:00")) == []
    assert not roster.keeps_own_hours("reader")
    reader.update = None  # type: ignore[assignment,method-assign]
    roster.fold(scene("03:01"))
    assert roster.folding == ()


@pytest.mark.parametrize("conflict", ["priority", "additive", "veto"])
@pytest.mark.parametrize(("at", "answered"), [("03:00", ["owl"]), ("15:59", ["owl"]), ("16:01", ["owl"])])
def test_the_exit_time_does_not_apply_to_strategies_of_all_hours(conflict: Conflict, at: str, answered: list[str]) -> None:
    """They may propose on any bar; the others may not from the exit time on, nor outside RTH."""
    assert names(Roster([Eager("eager", str), Owl("owl", str)], "15:59", conflict), at) == answered


def test_suppressed_setups_are_reported_with_their_reasons() -> None:
    """By the strategies that report them, on bars of their hours."""
    owl, eager = Owl("owl", str), Eager("eager", str)
    roster = Roster([eager, owl], "15:59")
    bar = scene("03:00")
    roster.fold(bar)
    (told,) = roster.suppressed(bar)

    assert (told.proposal.strategy, told.reason, told.detail) == ("owl", "TOO_EARLY", "not yet")
    assert roster.suppressing == (owl,)
    assert roster.keeps_own_hours("owl")
    assert not roster.keeps_own_hours("eager")


def test_outside_rth_only_strategies_of_all_hours_report_suppressed_setups() -> None:
    """A strategy of regular hours has not received that bar."""
    day_owl = Owl("day owl", str)
    day_owl.hours = "rth"
    roster = Roster([day_owl], "15:59")

    assert roster.suppressed(scene("03:00")) == []
    assert len(roster.suppressed(scene("11:00"))) == 1


@pytest.mark.parametrize("call", ["update", "propose", "suppressed"])
def test_a_failing_strategy_of_all_hours_is_switched_off_everywhere(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not called again, and its position falls back to the common exit rules."""
    owl = Owl("owl", str)
    roster = Roster([owl], "15:59")
    monkeypatch.setattr(owl, call, lambda s: {}["level"])
    for at in ("03:00", "03:01"):
        bar = scene(at)
        roster.fold(bar)
        roster.suppressed(bar)
        roster.choose(bar)

    assert [failure.call for failure in roster.failures] == [call]
    assert (roster.strategies, roster.suppressing, roster.keeps_own_hours("owl")) == ((), (), False)


def test_an_id_that_no_venue_could_keep_is_a_failure() -> None:
    """An id has at most 50 characters; a venue would cut a longer one."""
    owl = Owl("owl", str)
    named = Proposal(strategy="owl", setup="EAGER", direction="LONG", entry=9.0, stop=8.0, target=None, reason="", id="x" * 51)
    owl.propose = lambda s: named  # type: ignore[method-assign]
    roster = Roster([owl], "15:59")

    assert names(roster, "03:00") == []
    assert "has 51 characters; write at most 50" in roster.failures[0].why


# --- several proposals on one bar -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "answered"),
    [
        ("priority", [["bull"], ["bear"], ["second bull"]]),
        ("additive", [["bull", "bear", "second bull"], [], []]),
        ("veto", [[], [], []]),
    ],
)
def test_the_preset_decides_how_opposite_proposals_are_resolved(conflict: Conflict, answered: list[list[str]]) -> None:
    """The same three strategies on the same three bars: one after the other, all at once, or none while they disagree."""
    roster = Roster([Eager("bull", str), Bear("bear", str), Eager("second bull", str)], "15:59", conflict)

    assert [names(roster, at) for at in ("11:00", "11:01", "11:02")] == answered


@pytest.mark.parametrize(
    ("conflict", "answered"),
    [
        ("priority", [["bull"], ["second bull"], []]),
        ("additive", [["bull", "second bull"], [], []]),
        ("veto", [["bull"], ["second bull"], []]),
    ],
)
def test_agreeing_proposals_need_no_veto(conflict: Conflict, answered: list[list[str]]) -> None:
    """If all have one direction, veto equals priority."""
    roster = Roster([Eager("bull", str), Eager("second bull", str)], "15:59", conflict)

    assert [names(roster, at) for at in ("11:00", "11:01", "11:02")] == answered


@pytest.mark.parametrize(
    ("conflict", "lost"),
    [
        ("priority", [("bear", "LOWER_PRIORITY"), ("second bull", "LOWER_PRIORITY")]),
        ("additive", []),
        ("veto", [("bull", "OPPOSED"), ("bear", "OPPOSED"), ("second bull", "OPPOSED")]),
    ],
)
def test_proposals_that_are_not_chosen_are_reported(conflict: Conflict, lost: list[tuple[str, str]]) -> None:
    """Each with its reason; the next bar without a proposal has none."""
    strategies = [Eager("bull", str), Bear("bear", str), Eager("second bull", str)]
    roster = Roster(strategies, "15:59", conflict)
    names(roster, "11:00")
    reported = [(each.proposal.strategy, each.reason) for each in roster.lost]
    for strategy in strategies:
        strategy.used = True
    names(roster, "11:01")

    assert reported == lost
    assert roster.lost == []


def test_a_vetoed_proposal_stays_available() -> None:
    """Nothing was consumed: once the opposite proposal is gone, the setup trades."""
    bull, bear = Eager("bull", str), Bear("bear", str)
    roster = Roster([bull, bear], "15:59", "veto")
    before = names(roster, "11:00")
    bear.used = True

    assert before == []
    assert names(roster, "11:01") == ["bull"]


def names(roster: Roster, at: str) -> list[str]:
    bar = scene(at)
    roster.fold(bar)
    return [answer.strategy for answer in roster.choose(bar)]


# --- a strategy that fails --------------------------------------------------------------------------------------------------


class Failing(Eager):
    """Fails in one call, from 11:01 on."""

    def __init__(self, call: str) -> None:
        super().__init__("failing", str)
        self.call = call
        self.clock = 0

    def _maybe(self, call: str) -> None:
        if call == self.call and self.clock >= 661:
            raise KeyError("no such level")

    def start(self, session: str) -> None:
        self._maybe("start")
        super().start(session)

    def update(self, s: Session) -> None:
        self.clock = s.minute
        self._maybe("update")

    def propose(self, s: Session) -> Proposal | None:
        self._maybe("propose")
        return super().propose(s)

    def consume(self, proposal: Proposal) -> None:
        self._maybe("consume")

    def manage(self, s: Session, position: Position) -> Exit | None:
        self._maybe("manage")
        return Exit("ENOUGH")


@pytest.mark.parametrize("call", ["update", "propose", "consume"])
def test_a_strategy_that_raises_is_switched_off_and_the_others_go_on(call: str) -> None:
    """The failure holds name, call, error and line; it is never called again. Its earlier proposals stay."""
    failing, other = Failing(call), Eager("other", str)
    roster = Roster([failing, other], "15:59", "additive")
    answered = [names(roster, at) for at in ("11:00", "11:01", "11:02")]

    (failure,) = roster.failures
    assert answered == [["failing", "other"], ["failing"] if call == "consume" else [], []]
    assert (failure.strategy, failure.call) == ("failing", call)
    assert failure.why.startswith("KeyError: 'no such level' (Failing._maybe, line ")
    assert roster.strategies == (other,)


def test_a_strategy_that_fails_to_start_a_date_is_switched_off() -> None:
    """The next date begins without it."""
    failing = Failing("start")
    roster = Roster([failing, Eager("other", str)], "15:59", "additive")
    answered = [names(roster, "11:01")]
    tomorrow = scene("11:02", session="2026-03-04")
    roster.fold(tomorrow)
    answered.append([answer.strategy for answer in roster.choose(tomorrow)])

    assert answered == [["failing", "other"], ["other"]]
    assert [failure.call for failure in roster.failures] == ["start"]


def test_a_strategy_that_fails_to_manage_its_position_is_not_called_again() -> None:
    """Its position is left to the bracket and the common exit rules."""
    roster = Roster([Failing("manage")], "15:59")
    wishes = []
    for at in ("11:00", "11:01", "11:02"):
        bar = scene(at)
        roster.fold(bar)
        wishes.append(roster.manage("failing", bar, Position("Replay", qty=1)))

    assert wishes == [Exit("ENOUGH"), None, None]
    assert [failure.call for failure in roster.failures] == ["manage"]


PROPOSAL = Proposal(strategy="odd", setup="EAGER", direction="LONG", entry=100.0, stop=95.0, target=None, reason="it may")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("BUY", "TypeError: answered with a str, not a Proposal"),
        (replace(PROPOSAL, stop=math.nan), "ValueError: stop is nan, not a price"),
        (replace(PROPOSAL, target=math.inf), "ValueError: target is inf, not a price"),
        (replace(PROPOSAL, entry="100"), "ValidationError: Expected `float`, got `str` - at `$.entry`"),
        (replace(PROPOSAL, reason=object()), "TypeError: Encoding objects of type object is unsupported"),
        (replace(PROPOSAL, direction="BUY"), "ValueError: direction 'BUY': write 'LONG' or 'SHORT'"),
        (
            replace(PROPOSAL, confidence="low"),
            "ValueError: confidence 'low': write 'normal' or 'high' or 'medium'",
        ),
        (
            replace(PROPOSAL, day_type="choppy"),
            "ValueError: day_type 'choppy': write 'b_day' or 'p_day' or 'trend_up' or 'trend_down' or 'b_day_bear' or "
            "'super_trend_up' or 'super_trend_down' or 'neutral' or 'none'",
        ),
        (replace(PROPOSAL, setup="OTHER"), "ValueError: setup 'OTHER' is not one of its setups ('EAGER',)"),
        (replace(PROPOSAL, strategy="Edge Fade"), "ValueError: the proposal says strategy = 'Edge Fade'; write 'odd'"),
    ],
)
def test_a_proposal_that_cannot_be_traded_switches_its_strategy_off(answer: Any, why: str) -> None:
    """It would stop the whole evaluator, or trade under another strategy's name."""
    roster = Roster([Odd(lambda: answer)], "15:59")

    assert names(roster, "11:00") == []
    assert [failure.why.partition(" (")[0] for failure in roster.failures] == [why.partition(" (")[0]]


def test_whole_numbers_are_prices_too() -> None:
    """A stop of 95 is a stop of 95.0: the proposal equals what a subscriber would decode."""
    roster = Roster([Odd(lambda: replace(PROPOSAL, stop=95))], "15:59")
    bar = scene("11:00")
    roster.fold(bar)
    (answer,) = roster.choose(bar)

    assert type(answer.stop) is float


def test_the_same_failure_has_the_same_text_every_time() -> None:
    """The text holds no memory address, and an exception that cannot be printed is named by its type."""
    unprintable = type("Unprintable", (Exception,), {"__str__": lambda self: 1 / 0})

    def at_an_address() -> Proposal:
        raise RuntimeError(f"lost {object()}")

    def in_silence() -> Proposal:
        raise unprintable

    roster = Roster([Odd(at_an_address), Odd(in_silence)], "15:59", "additive")
    names(roster, "11:00")

    assert [failure.why.partition(" (")[0] for failure in roster.failures] == [
        "RuntimeError: lost <object object at 0x...>",
        "Unprintable: ",
    ]


class Odd(Eager):
    """Proposes the object that it was given."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        super().__init__("odd", str)
        self.answer = answer

    def propose(self, s: Session) -> Proposal | None:
        return self.answer()


@pytest.mark.parametrize("exit_request", [Move("TRAIL", stop=math.nan), "EXIT"])
def test_an_exit_request_that_cannot_be_carried_out_switches_its_strategy_off(exit_request: Any) -> None:
    """As with a proposal."""
    odd = Odd(lambda: None)
    odd.manage = lambda s, position: exit_request  # type: ignore[attr-defined]
    roster = Roster([odd], "15:59")
    bar = scene("11:00")
    roster.fold(bar)

    assert roster.manage("odd", bar, Position("Replay", qty=1)) is None
    assert [failure.call for failure in roster.failures] == ["manage"]

"""The evaluator's core: which intents a bar gives, and when the bar is finished (playbook 4, 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from tapewire.bus.daemon import Event, Output, Publish, Request
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import (
    Action,
    Alarm,
    Decision,
    Decisions,
    EvalDone,
    Gap,
    Header,
    Intent,
    Intents,
    Pattern,
    Position,
    Session,
    StopRounding,
    Suppressed,
)
from tapewire.bus.testing import eastern
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.evaluator.core import Evaluator
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.structs import MAX_SYMBOL, Exits, Instrument, Preset, RiskLimits
from tapewire.strategies import registry
from tapewire.strategies.pipeline import Pipeline
from tapewire.strategies.protocol import Exit, Move, Proposal, Suppression
from tests.scenes import scene

FLAT = Position("Replay")
# A bar on which Edge Fade proposes in every preset (playbook 3.4).
FADE: dict[str, Any] = {"close": 20_960.0}
FADE_ID = "MNQ-20260303-1100-EDGE_TO_MID-EL"


class Desk:
    """An evaluator under test: feeds it sessions and replies in order, numbered, and returns its outputs."""

    def __init__(self, preset: str = "seed", strategies: Sequence[str] | None = None, **changes: Any) -> None:
        shipped = msgspec.structs.replace(conf.preset(preset, strategies), **changes)
        self.core = Evaluator({"MNQ": conf.instrument("MNQ")}, shipped)
        self.seq = 0

    def bar(
        self, at: str = "11:00", *, position: Position | None = FLAT, phase: str = "realtime", **fields: Any
    ) -> Sequence[Output]:
        s = scene(at, **fields)
        return self.feed(s, position=position, phase=phase)

    def feed(self, s: Session, **fields: Any) -> Sequence[Output]:
        bar = msgspec.structs.replace(s.bar, **fields)
        return self._step("session.MNQ.", msgspec.structs.replace(s, bar=bar), bar.close_ns)

    def decided(self, intents: Intents, *, approved: bool = True, id: str = "") -> Sequence[Output]:
        decisions = tuple(Decision(each.id, approved, order_id=each.id if approved else "") for each in intents.intents)
        reply = Decisions(id or intents.id, intents.instrument, intents.bar_ns, decisions)
        return self._step("decision.MNQ.", reply, intents.bar_ns)

    def _step(self, topic: str, body: Any, event_ns: int) -> Sequence[Output]:
        self.seq += 1
        return self.core.step(Event(topic, Header(1, "test", 1, self.seq, event_ns), body))


def request_of(outputs: Sequence[Output]) -> Intents:
    """The one request among the outputs, behind the setups that are not proposed."""
    *facts, sent = outputs
    assert all(isinstance(fact.body, Suppressed) for fact in facts)
    assert isinstance(sent, Request)
    assert (sent.service, sent.topic) == ("gate", "intent.MNQ.")
    assert isinstance(sent.body, Intents)
    return sent.body


def only(outputs: Sequence[Output]) -> Intent:
    """The one intent of the request."""
    (intent,) = request_of(outputs).intents
    return intent


def finished(outputs: Sequence[Output]) -> list[tuple[int, int, tuple[str, ...], str]]:
    """Each finished bar as (close, intents, orders, cause)."""
    bars = []
    for output in outputs:
        assert isinstance(output, Publish)
        assert output.topic == "eval.done.MNQ."
        assert isinstance(output.body, EvalDone)
        bars.append((output.body.bar_ns, output.body.intents, output.body.orders, output.cause))
    return bars


def quiet(outputs: Sequence[Output]) -> bool:
    """Whether the bar was finished without an intent."""
    return [each[1] for each in finished(outputs)] == [0]


def opened(desk: Desk, at: str = "11:00", **position: Any) -> Position:
    """The position of an Edge Fade entry that was requested and approved on the bar at `at`."""
    request = request_of(desk.bar(at, **FADE))
    desk.decided(request)
    intent = request.intents[0]
    return Position(
        "Replay", **{"qty": 1, "price": 20_960.25, "entry_id": intent.id, "stop": 20_935.0, "target": 21_000.0, **position}
    )


def foreign(**fields: Any) -> Position:
    return Position("Replay", **{"qty": 1, "price": 21_000.0, "stop": 20_900.0, **fields})


# --- entries -----------------------------------------------------------------------------------------------------------------


def test_a_proposal_becomes_an_intent_with_all_its_fields() -> None:
    """Id from bar, setup and action; prices unrounded; valid for two minutes after the close."""
    request = request_of(Desk().bar("11:00", **FADE))
    intent = request.intents[0]

    assert (request.id, request.instrument, request.session) == ("MNQ-20260303-1100", "MNQ", "2026-03-03")
    assert (request.bar_ns, request.close, request.degraded) == (eastern("11:00"), 20_960.0, False)
    assert (intent.id, intent.action, intent.strategy) == (FADE_ID, Action.ENTER_LONG, "Edge Fade")
    assert (intent.entry, intent.stop, intent.target, intent.entry_id) == (20_960.0, 20_935.0, 21_000.0, "")
    assert intent.valid_until_ns == eastern("11:02")
    assert (intent.day_type, intent.confidence, intent.quality.score) == ("b_day", "medium", 3)


@pytest.mark.parametrize(
    ("conflict", "requested_entries"),
    [
        ("priority", [["Edge Fade"], ["Pipeline"]]),
        ("additive", [["Edge Fade", "Pipeline"], ["Pipeline"]]),
        ("veto", [["Edge Fade"], ["Pipeline"]]),
    ],
)
def test_the_preset_decides_how_several_proposals_of_a_bar_become_intents(
    conflict: Any, requested_entries: list[list[str]]
) -> None:
    """Both propose a long entry at 11:03; with `additive` one request holds both, in priority order."""
    desk = Desk(strategies=["edge_fade", "pipeline"], conflict=conflict)
    wanted = []
    for at in ("11:03", "11:07"):  # the first of four RTH bars, on which Pipeline buys
        request = request_of(desk.bar(at, **FADE))
        desk.decided(request)
        wanted.append([intent.strategy for intent in request.intents])

    assert wanted == requested_entries


@pytest.mark.parametrize(("conflict", "reasons"), [("priority", ["LOWER_PRIORITY"]), ("additive", [])])
def test_a_proposal_that_is_not_chosen_is_published_as_suppressed(conflict: Any, reasons: list[str]) -> None:
    """With the id that its intent would have had; the one that is chosen is not."""
    desk = Desk(strategies=["edge_fade", "pipeline"], conflict=conflict)
    *facts, _ = desk.bar("11:03", **FADE)
    lost = [fact.body for fact in facts]

    assert [(each.reason, each.id) for each in lost if isinstance(each, Suppressed)] == [
        (reason, "MNQ-20260303-1103-PIPELINE-EL") for reason in reasons
    ]


def test_in_a_position_no_proposal_is_lost() -> None:
    """Strategies are not asked for entries then, and what the last entry displaced is not told again."""
    desk = Desk(strategies=["edge_fade", "pipeline"])
    desk.decided(request_of(desk.bar("11:03", **FADE)))

    assert quiet(desk.bar("11:04", position=foreign(), **FADE))


def test_a_strategy_that_fails_becomes_an_alarm_and_the_bar_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fact names the strategy, the place and the error; it is published once, and the others trade on."""
    monkeypatch.setattr(Pipeline, "update", lambda self, s: {}["level"])
    desk = Desk(strategies=["pipeline", "edge_fade"])
    alarm, request = desk.bar("11:00", **FADE)
    desk.decided(request_of([request]))
    later = desk.bar("11:01")

    assert isinstance(alarm, Publish)
    assert alarm.topic == "sys.alarm.evaluator."
    assert isinstance(alarm.body, Alarm)
    assert alarm.body.name == "strategy_off"
    assert alarm.body.text.startswith("MNQ 2026-03-03 11:00: Pipeline is switched off for the rest of the run: update failed with")
    assert quiet(later)


def test_a_short_is_requested_as_a_short() -> None:
    """The action and the id's ending follow the direction."""
    below = {"close": 20_890.0, "below": 3, "day_type": "trend_down"}
    intent = only(Desk().bar("11:00", **below))

    assert (intent.action, intent.direction, intent.id) == (Action.ENTER_SHORT, "SHORT", "MNQ-20260303-1100-BEAR_ACCEPTANCE-ES")


def test_a_bar_without_intents_is_finished_at_once() -> None:
    """`EvalDone` with nothing in it, caused by the session itself."""
    assert finished(Desk().bar("11:00")) == [(eastern("11:00"), 0, (), "")]


def test_a_suppressed_setup_stays_available_for_a_later_bar() -> None:
    """B-Day IBL Fade and Edge Fade both propose on this bar; the first in priority is requested, the other one bar later."""
    both = {"open": 20_958.0, "high": 20_960.0, "low": 20_950.0, "close": 20_955.0, "fvg_bull": True, "scores": {"b_day": 0.8}}
    desk = Desk()
    setups = []
    for at in ("11:00", "11:01"):
        request = request_of(desk.bar(at, **both))
        desk.decided(request)
        setups.append(request.intents[0].setup)

    assert setups == ["B_DAY_IBL_FADE", "EDGE_TO_MID"]
    assert quiet(desk.bar("11:02", **both))


def test_a_proposal_that_was_refused_stays_consumed() -> None:
    """State is a function of the session stream alone: Edge Fade pauses whether the gate approved or not."""
    desk = Desk()
    desk.decided(request_of(desk.bar("11:00", **FADE)), approved=False)

    assert quiet(desk.bar("11:19", **FADE))
    assert only(desk.bar("11:20", **FADE))


@pytest.mark.parametrize(
    ("fields", "enters"),
    [
        ({}, True),
        ({"position": None}, False),  # unknown is not flat
        ({"phase": "historical"}, False),
        ({"phase": "playback"}, True),
        ({"position": Position("Replay", working=("an order",))}, False),
        ({"position": foreign()}, False),
        ({"at": "15:59"}, False),
        ({"flow": {"present": False}}, False),
    ],
)
def test_an_entry_needs_a_live_bar_and_a_flat_position_without_working_orders(fields: dict[str, Any], enters: bool) -> None:
    """Otherwise the bar gives no intent."""
    outputs = Desk().bar(**{"at": "11:00", **FADE, **fields})

    assert isinstance(outputs[0], Request) is enters


def test_a_degraded_session_sets_the_flag_in_the_request() -> None:
    """The gate refuses its entries; the evaluator only passes the flag on."""
    assert request_of(Desk().bar("11:00", **FADE, degraded=True)).degraded


def test_the_request_holds_the_number_of_missing_minutes() -> None:
    """The gate may refuse entries on a session with holes, and does not receive the session itself."""
    assert request_of(Desk().bar("11:00", **FADE, missing=7)).missing == 7


@pytest.mark.parametrize(("topic", "degraded"), [("session.MNQ.", True), ("session.MES.", False), ("raw.bar.MNQ.1m.", False)])
def test_a_gap_in_the_session_stream_degrades_the_trade_date_after_it(topic: str, degraded: bool) -> None:
    """Strategies that have missed bars may not enter; on the next trade date they may."""
    desk = Desk("seed", ["edge_fade"], parameters={"edge_fade": {"pause_bars": 1}})
    desk.bar("10:59")

    assert desk._step("sys.gap.", Gap(topic, 1, 4, 5, "evaluator"), 0) == ()
    assert request_of(desk.bar("11:00", **FADE)).degraded is degraded
    assert request_of(desk.bar("11:05", **FADE)).degraded is degraded
    assert not request_of(desk.bar("11:00", **FADE, session="2026-03-04")).degraded


@pytest.mark.parametrize("hidden", [{"phase": "historical"}, {"position": None}])
def test_state_advances_on_bars_that_may_not_trade(hidden: dict[str, Any]) -> None:
    """Acceptance seen during warm-up lets Trend Day Bull enter on the first live bar."""
    pullback = {"close": 21_060.0, "vwap": 21_030.0, "day_type": "trend_up", "accepted_long": True}
    desk = Desk()
    desk.bar("11:00", **pullback, **hidden)

    assert only(desk.bar("11:01", **pullback)).setup == "VWAP_PULLBACK"


def test_a_bracket_that_closed_during_the_bar_leaves_it_free_to_enter_again() -> None:
    """Flat at the close is flat."""
    desk = Desk("seed", ["edge_fade"], parameters={"edge_fade": {"pause_bars": 1}})
    position = opened(desk, "11:00")
    desk.bar("11:01", **FADE, position=position)

    assert only(desk.bar("11:02", **FADE, position=FLAT)).id == "MNQ-20260303-1102-EDGE_TO_MID-EL"


# --- a strategy that keeps its own hours ---------------------------------------------------------------------------------------

PATTERN = Pattern("V_REVERSAL", "DOWNWARD_V", 100.0, 96.0, 101.0, 4.0, 1.0, 5)


class Owl:
    """Proposes a long entry on every bar, with a limit and an id of its own, and exits after 17:00."""

    name = "Owl"
    setups = ("OWL",)
    hours = "all"

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """tick_size: points."""

        tick_size: float = 0.25

    def __init__(self, params: Any, day_type: Any) -> None:
        self.params = params

    def start(self, session: str) -> None:
        pass

    def update(self, s: Session) -> None:
        pass

    def propose(self, s: Session) -> Proposal | None:
        return Proposal(
            strategy="Owl",
            setup="OWL",
            direction="LONG",
            entry=s.bar.close,
            stop=s.bar.close - 5.1,
            target=None,
            reason="always",
            limit=s.bar.close,
            ttl_minutes=30,
            stop_rounding=StopRounding.TOWARD,
            score=0.8,
            pattern=PATTERN,
            id=f"OWL_{s.minute}",
        )

    def suppressed(self, s: Session) -> list[Suppression]:
        proposal = self.propose(s)
        assert proposal is not None
        return [Suppression(proposal, "TWICE", "once is enough")] if s.minute % 60 == 30 else []

    def consume(self, proposal: Proposal) -> None:
        pass

    def manage(self, s: Session, position: Position) -> Exit | None:
        return Exit("LATE") if s.minute >= 1020 else None


@pytest.fixture
def owls(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(registry.BUILT_IN, "owl", Owl)  # type: ignore[arg-type]
    return Desk(strategies=["owl"])


@pytest.mark.parametrize("at", ["03:00", "11:00", "15:59", "18:31"])
def test_it_may_enter_on_any_bar_with_an_order_of_its_own_kind(owls: Desk, at: str) -> None:
    """Id, limit, validity, rounding of the stop, score and pattern are all as proposed."""
    intent = only(owls.bar(at, close=20_960.0))

    assert intent.id == f"OWL_{int(at[:2]) * 60 + int(at[3:])}"
    assert (intent.limit, intent.valid_until_ns - eastern(at)) == (20_960.0, 30 * 60 * 10**9)
    assert (intent.stop, intent.stop_rounding, intent.score, intent.pattern) == (20_954.9, StopRounding.TOWARD, 0.8, PATTERN)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"at": "03:00"}, None),  # outside RTH
        ({"at": "15:59"}, None),  # the preset's exit time
        ({"at": "13:00", "close": 20_980.0, "vwap": 21_000.0}, None),  # VWAP breach
        ({"at": "13:00", "close": 21_040.0}, None),  # breakeven
        ({"at": "03:00", "close": 19_000.0}, "DAILY_LOSS"),
        ({"at": "17:00"}, "LATE"),
    ],
)
def test_its_position_is_left_to_its_own_exits_and_the_loss_limit(owls: Desk, fields: dict[str, Any], reason: str | None) -> None:
    """The strategy decides itself when to be flat; only the day's loss limit overrides it."""
    owls.decided(request_of(owls.bar("02:59", close=21_000.0)))
    position = foreign(entry_id="OWL_179")
    outputs = owls.bar(**{**fields, "position": position})

    requests = [output for output in outputs if isinstance(output, Request)]
    assert (only(requests).reason if requests else None) == reason


def test_the_position_of_one_that_failed_is_closed_like_any_other(owls: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No strategy manages it any more, so outside RTH it is closed at once."""
    owls.decided(request_of(owls.bar("02:59", close=21_000.0)))
    monkeypatch.setattr(Owl, "update", lambda self, s: {}["level"])
    alarm, request = owls.bar("03:00", position=foreign(entry_id="OWL_179"))

    assert isinstance(alarm, Publish)
    assert only([request]).reason == "EOD"


@pytest.mark.parametrize("position", [FLAT, foreign(entry_id="OWL_179"), None])
def test_suppressed_setups_are_published_before_any_request(owls: Desk, position: Position | None) -> None:
    """In a position or not; with the id, the prices and the reason, so that a missing signal can be explained."""
    fact, *_ = owls.bar("03:30", close=20_960.0, position=position)

    assert isinstance(fact, Publish)
    assert fact.topic == "suppressed.MNQ."
    assert fact.body == Suppressed(
        id="OWL_210",
        instrument="MNQ",
        session="2026-03-03",
        bar_ns=eastern("03:30"),
        strategy="Owl",
        setup="OWL",
        direction="LONG",
        reason="TWICE",
        detail="once is enough",
        entry=20_960.0,
        stop=20_954.9,
        score=0.8,
        pattern=PATTERN,
    )


def test_a_warm_up_bar_publishes_no_suppressed_setup(owls: Desk) -> None:
    """No setup of a warm-up bar would have been traded."""
    assert quiet(owls.bar("03:30", phase="historical"))


@pytest.mark.parametrize(("tick_size", "refused"), [(0.25, False), (1.0, True)])
def test_a_strategy_that_counts_in_ticks_must_have_the_instruments_tick(
    monkeypatch: pytest.MonkeyPatch, tick_size: float, refused: bool
) -> None:
    """Eight ticks of another instrument would be another stop."""
    monkeypatch.setitem(registry.BUILT_IN, "owl", Owl)  # type: ignore[arg-type]
    table = {"owl": {"tick_size": tick_size}}
    if not refused:
        Desk(strategies=["owl"], parameters=table)
        return
    with pytest.raises(ConfError, match=r"Owl: tick_size = 1.0, but MNQ ticks 0.25; set tick_size = 0.25"):
        Desk(strategies=["owl"], parameters=table)


# --- in a position -------------------------------------------------------------------------------------------------------------


def test_in_a_position_only_exits_are_considered() -> None:
    """A bar that would enter when flat gives nothing."""
    desk = Desk()
    position = opened(desk)

    assert quiet(desk.bar("11:30", **FADE, position=position))


def test_a_stop_is_moved_for_the_strategy_that_opened_the_position() -> None:
    """Breakeven in the afternoon: the new price, the entry's id, and no other price."""
    desk = Desk()
    position = opened(desk)
    intent = only(desk.bar("13:00", close=20_995.0, vwap=20_995.0, position=position))

    assert (intent.action, intent.reason, intent.id) == (Action.MOVE_STOP, "BREAKEVEN", "MNQ-20260303-1300-EDGE_TO_MID-MS")
    assert (intent.stop, intent.target, intent.entry, intent.entry_id) == (20_960.25, None, None, FADE_ID)
    assert (intent.strategy, intent.direction) == ("Edge Fade", "LONG")


def test_the_day_ends_with_an_exit() -> None:
    """Its reason is the code of the rule, its id has the setup of the position."""
    desk = Desk()
    position = opened(desk)
    intent = only(desk.bar("15:59", close=20_995.0, position=position))

    assert (intent.action, intent.reason, intent.id) == (Action.EXIT, "EOD", "MNQ-20260303-1559-EDGE_TO_MID-X")
    assert (intent.entry_id, intent.stop, intent.target) == (FADE_ID, None, None)


def test_while_an_exit_works_no_further_rule_runs() -> None:
    """The venue has accepted it; another exit would be a second order."""
    desk = Desk()
    position = opened(desk, working=("MNQ-20260303-1559-EDGE_TO_MID-X",))

    assert quiet(desk.bar("16:00", position=position))


def test_a_partly_filled_entry_does_not_block_exits() -> None:
    """A limit may work for half an hour after its first contract; the open part must be protected all the same."""
    desk = Desk()
    position = opened(desk, working=(FADE_ID,))

    assert only(desk.bar("15:59", close=20_995.0, position=position)).reason == "EOD"


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"at": "13:00", "close": 21_040.0}, None),  # breakeven, but not for a foreign position
        ({"at": "13:00", "close": 20_980.0, "vwap": 21_000.0}, None),  # VWAP breach
        ({"at": "14:00", "close": 20_000.0}, "DAILY_LOSS"),
        ({"at": "15:59", "close": 21_040.0}, "EOD"),
    ],
)
@pytest.mark.parametrize("position", [foreign(), foreign(entry_id="MNQ-20260302-1100-EDGE_TO_MID-EL")])
def test_a_foreign_position_is_only_closed(fields: dict[str, Any], action: str | None, position: Position) -> None:
    """End of day and the day's loss limit apply to it, too; its setup is FOREIGN."""
    outputs = Desk().bar(**{**fields, "position": position})

    assert (only(outputs).reason if isinstance(outputs[0], Request) else None) == action
    if action:
        assert only(outputs).setup == "FOREIGN"
        assert only(outputs).entry_id == position.entry_id


def test_a_closed_position_is_no_longer_the_evaluators_own() -> None:
    """If the same entry were reported again after that, the position would be foreign."""
    desk = Desk()
    position = opened(desk)
    afternoon = {"close": 20_995.0, "vwap": 20_995.0}
    desk.bar("11:01", position=position)
    desk.bar("11:02", position=FLAT)

    assert quiet(desk.bar("13:00", **afternoon, position=position))


def test_a_late_position_is_recognised_by_its_entry() -> None:
    """The order may work, or the venue be slow, for a bar or two: the entry's id decides."""
    desk = Desk()
    position = opened(desk)
    desk.bar("11:01", position=Position("Replay", working=(FADE_ID,)))
    desk.bar("11:02", position=FLAT)

    assert only(desk.bar("13:00", close=20_995.0, vwap=20_995.0, position=position)).reason == "BREAKEVEN"


@pytest.mark.parametrize(("bars", "moves"), [(19, False), (20, True)])
def test_bars_held_count_from_the_first_bar_after_the_signal(bars: int, moves: bool) -> None:
    """The trend trail begins with the twentieth; bars are counted, not minutes."""
    desk = Desk("absolute")
    pullback = {"close": 21_060.0, "vwap": 21_030.0, "day_type": "trend_up", "accepted_long": True, "scores": {"trend_bull": 1.0}}
    desk.bar("10:35", **pullback)
    request = request_of(desk.bar("10:36", **pullback))
    desk.decided(request)
    position = Position("Replay", qty=1, price=21_060.0, entry_id=request.intents[0].id, stop=20_990.0)
    rally = {"close": 21_150.0, "rth_high": 21_150.0, "position": position}
    outputs = [desk.bar(f"11:{minute:02}", **rally) for minute in range(0, 2 * bars, 2)]

    assert isinstance(outputs[-1][0], Request) is moves
    assert all(quiet(each) for each in outputs[:-1])


# --- a strategy's own exits ----------------------------------------------------------------------------------------------------


class Managed(Pipeline):
    """The plumbing test with another change on its third bar."""

    change: Exit | Move | None = None

    def manage(self, s: Session, position: Position) -> Exit | Move | None:  # type: ignore[override]
        return self.change if super().manage(s, position) else None


@pytest.mark.parametrize(
    ("change", "intents"),
    [
        (Exit("TIRED"), [("X", "TIRED", None, None)]),
        (Move("UP", stop=20_990.3), [("MS", "UP", 20_990.25, None)]),
        (Move("UP", stop=20_980.2), []),  # not tighter by a tick
        (Move("DOWN", stop=20_970.0), []),  # stops only tighten
        (Move("ON", target=21_030.3), [("MT", "ON", None, 21_030.25)]),
        (Move("ON", target=21_020.2), []),  # the current target
        (Move("BOTH", stop=20_990.0, target=21_030.0), [("MS", "BOTH", 20_990.0, None), ("MT", "BOTH", None, 21_030.0)]),
        (None, []),
    ],
)
def test_a_strategy_may_exit_and_move_by_itself(
    monkeypatch: pytest.MonkeyPatch, change: Exit | Move | None, intents: list[tuple[str, str, float | None, float | None]]
) -> None:
    """After the common rules; prices go to the tick, and stops only tighten."""
    monkeypatch.setattr(Managed, "change", change)
    monkeypatch.setitem(registry.BUILT_IN, "pipeline", Managed)  # type: ignore[arg-type]
    desk = Desk("seed", ["pipeline"])
    request = request_of(desk.bar("09:31"))
    desk.decided(request)
    position = Position("Replay", qty=1, price=21_000.0, entry_id=request.intents[0].id, stop=20_980.0, target=21_020.0)
    desk.bar("09:32", position=position)
    outputs = desk.bar("09:33", position=position)

    wanted = request_of(outputs).intents if isinstance(outputs[0], Request) else ()
    assert [(each.id.rsplit("-", 1)[1], each.reason, each.stop, each.target) for each in wanted] == intents


@pytest.mark.parametrize(
    ("at", "position", "reason"),
    [
        ("11:01", {}, "PIPELINE"),
        ("11:01", {"realised": -2_100.0}, "DAILY_LOSS"),
        ("11:00", {}, None),
        ("11:01", {"entry_id": "somebody else's"}, None),
    ],
)
def test_the_pipeline_leaves_on_the_third_bar_after_the_common_rules(at: str, position: dict[str, Any], reason: str | None) -> None:
    """10:59 is the first of four (i = 88), 11:01 the third."""
    desk = Desk("seed", ["pipeline"])
    request = request_of(desk.bar("10:59"))
    desk.decided(request)
    entry = {"qty": 1, "price": 21_000.0, "entry_id": request.intents[0].id, "stop": 20_980.0}
    outputs = desk.bar(at, position=Position("Replay", **{**entry, **position}))

    assert (only(outputs).reason if isinstance(outputs[0], Request) else None) == reason


# --- when a bar is finished ----------------------------------------------------------------------------------------------------


def test_a_bar_with_intents_is_finished_by_the_gates_reply() -> None:
    """With the orders that were approved; caused by the reply."""
    desk = Desk()
    request = request_of(desk.bar("11:00", **FADE))

    assert finished(desk.decided(request)) == [(eastern("11:00"), 1, (FADE_ID,), "decision.MNQ.@1:2")]


def test_a_refused_intent_makes_no_order() -> None:
    """The bar is finished all the same."""
    desk = Desk()
    request = request_of(desk.bar("11:00", **FADE))

    assert finished(desk.decided(request, approved=False)) == [(eastern("11:00"), 1, (), "decision.MNQ.@1:2")]


def test_bars_are_finished_in_the_order_of_their_sessions() -> None:
    """Later bars wait for one with a pending request; each then names the session that caused it."""
    desk = Desk()
    request = request_of(desk.bar("11:00", **FADE))

    assert desk.bar("11:01") == ()
    assert desk.bar("11:02") == ()
    assert finished(desk.decided(request)) == [
        (eastern("11:00"), 1, (FADE_ID,), "decision.MNQ.@1:4"),
        (eastern("11:01"), 0, (), "session.MNQ.@1:2"),
        (eastern("11:02"), 0, (), "session.MNQ.@1:3"),
    ]


def test_a_bar_that_had_to_wait_is_finished_at_its_own_time() -> None:
    """However late the reply that it waited for: so the journal does not depend on which process was slow."""
    desk = Desk()
    request = request_of(desk.bar("11:00", **FADE))
    desk.bar("11:01")

    outputs = desk.decided(request)

    assert [each.at_ns for each in outputs if isinstance(each, Publish)] == [eastern("11:00"), eastern("11:01")]


def test_replies_out_of_order_wait_for_the_earlier_bar() -> None:
    """The later reply is kept, with its name as the cause, until the earlier one has arrived."""
    desk = Desk("seed", ["edge_fade"], parameters={"edge_fade": {"pause_bars": 1}})
    first, second = (request_of(desk.bar(at, **FADE)) for at in ("11:00", "11:01"))

    assert desk.decided(second) == []
    assert finished(desk.decided(first)) == [
        (eastern("11:00"), 1, (FADE_ID,), "decision.MNQ.@1:4"),
        (eastern("11:01"), 1, ("MNQ-20260303-1101-EDGE_TO_MID-EL",), "decision.MNQ.@1:3"),
    ]


def test_duplicate_and_unknown_replies_change_nothing() -> None:
    """A bar is finished once, by the reply to its own request."""
    desk = Desk()
    request = request_of(desk.bar("11:00", **FADE))

    assert desk.decided(request, id="MNQ-20260303-1059") == ()
    assert finished(desk.decided(request))
    assert desk.decided(request) == ()


def test_the_same_events_give_the_same_outputs() -> None:
    """Only the events decide: two evaluators agree byte for byte, replies included."""
    runs = []
    for _ in range(2):
        desk = Desk()
        outputs = list(desk.bar("11:00", **FADE))
        outputs += desk.decided(outputs[0].body)  # type: ignore[arg-type]
        outputs += desk.bar("11:01", **FADE)
        runs.append(msgspec.msgpack.encode([(output.topic, output.body) for output in outputs]))

    assert runs[0] == runs[1]


def test_other_events_and_other_instruments_change_nothing() -> None:
    """A desk ignores instruments that it does not trade and topics that it does not read."""
    desk = Desk()
    other = scene("11:00", **FADE)

    assert desk._step("sys.beat.", Alarm("feed", "slow"), 0) == ()
    assert desk.feed(other, instrument="MES") == ()
    assert desk._step("decision.MES.", Decisions("MES-20260303-1100", "MES", 0, ()), 0) == ()


# --- presets that are refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exits": Exits(exit_time="4 pm")}, r"preset 'seed' \[exits\] exit_time: '4 pm' is not a time; write HH:MM"),
        ({"exits": Exits(breach_r=0.07, breach_points=10.0)}, "breach_r and breach_points exclude each other; keep one"),
        (
            {"exits": Exits(breach_exempt=("edge fade",))},
            r"breach_exempt: no strategy is called 'edge fade' \(did you mean 'Edge Fade'\?\)",
        ),
        ({"exits": Exits(breakeven_exempt=("edge_fade",))}, r"breakeven_exempt: no strategy is called 'edge_fade'"),
        (
            {"exits": Exits(trailed=("Trend Day Bul",))},
            r"\[exits\] trailed: no strategy is called 'Trend Day Bul' \(did you mean 'Trend Day Bull'\?\)",
        ),
        ({"risk": RiskLimits(strategy_day_loss={"Edge": 400.0})}, r"strategy_day_loss: no strategy is called 'Edge'"),
    ],
)
def test_a_contradictory_preset_is_refused(changes: dict[str, Any], message: str) -> None:
    """The operator reads the preset, the key and the remedy; a misspelt exemption would otherwise just not exempt."""
    with pytest.raises(ConfError, match=message):
        Desk(**changes)


def test_an_instrument_whose_name_makes_ids_too_long_is_refused() -> None:
    """Ids have at most 50 characters, whatever the setup."""
    terms: Instrument = conf.instrument("MNQ")
    preset: Preset = conf.preset("seed")

    with pytest.raises(ConfError, match="'MNQ-03-2026' has 11 characters, at most 8 fit"):
        Evaluator({"MNQ-03-2026": terms}, preset)


def test_the_longest_id_has_fifty_characters() -> None:
    """Symbol, date, minute, the longest setup and the longest ending."""
    longest = f"{'S' * MAX_SYMBOL}-20260303-1100-{'X' * registry.MAX_SETUP}-EL"

    assert len(longest) == 50


def test_the_daemon_reads_sessions_and_sends_requests_to_the_gate() -> None:
    """Its state is rebuilt from sessions and decisions."""
    made = evaluator.daemon(conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset("seed")))

    assert (made.name, made.subscribe, made.requests, made.serves) == ("evaluator", ("session.",), ("gate",), "evaluator")
    assert made.recover == ("session.", "decision.")

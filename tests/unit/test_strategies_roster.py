"""Strategies of one instrument asked together: arbitrated or each alone (playbook 4)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from bus.messages import Session
from strategies.protocol import DayTypeOf, Proposal
from strategies.roster import Independent, Roster
from tests.scenes import scene


class Eager:
    """Proposes on every bar until consumed, and remembers what it was told."""

    setups = ("EAGER",)

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
            strategy=self.name, setup="EAGER", direction="LONG", entry=close, stop=close - 5, target=None, reason="it may"
        )

    def consume(self, proposal: Proposal) -> None:
        self.used = True


def pair() -> tuple[Eager, Eager]:
    return Eager("first", str), Eager("second", str)


def test_arbitrated_the_first_in_priority_is_the_answer_and_the_only_one_consumed() -> None:
    """A suppressed setup stays available for later bars."""
    first, second = pair()
    roster = Roster([first, second], "15:59")
    answers = []
    for at in ("11:00", "11:01", "11:02"):
        bar = scene(at)
        roster.fold(bar)
        answers.append(roster.first(bar))

    assert [answer.strategy if answer else None for answer in answers] == ["first", "second", None]


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

    assert (roster.first(bar) is not None) is proposes
    assert bool(independent.step(bar)) is proposes


def test_state_advances_on_every_rth_bar_even_when_nothing_may_be_proposed() -> None:
    """Folding knows no gates: the exit time does not stop it, only bars outside RTH are left out."""
    eager, _ = pair()
    roster = Roster([eager], "11:00")
    for at in ("09:30", "09:31", "11:00", "16:00", "16:01"):
        roster.fold(scene(at))

    assert eager.told == ["start 2026-03-03", "update 571", "update 660", "update 960"]


def test_a_new_trade_date_starts_everybody_anew() -> None:
    """With its first bar, which may be one of the evening before."""
    eager, _ = pair()
    roster = Roster([eager], "15:59")
    for bar in (scene("11:00"), scene("18:01", session="2026-03-04"), scene("18:02", session="2026-03-04")):
        roster.fold(bar)

    assert eager.told == ["start 2026-03-03", "update 660", "start 2026-03-04"]

"""What the evaluator shows of its strategies: their states as JSON, and the reason of each that was switched off."""

from __future__ import annotations

import json
import math
from typing import ClassVar

from msgspec import Struct

from tapewire.bus.daemon import Event
from tapewire.bus.messages import Header, Session
from tapewire.bus.testing import session
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.evaluator import shown
from tapewire.daemons.settings import load as configuration
from tapewire.strategies.protocol import Proposal
from tapewire.strategies.roster import Roster
from tests import runs


class Fragile:
    """Fails on its first bar."""

    name = "Fragile"
    setups: ClassVar[tuple[str, ...]] = ()

    def start(self, session: str) -> None: ...

    def update(self, s: Session) -> None:
        raise ValueError("a bug")

    def propose(self, s: Session) -> Proposal | None: ...

    def consume(self, proposal: Proposal) -> None: ...


class Params(Struct):
    """Not plain."""


class Odd(Fragile):
    """Holds one value of each kind."""

    name = "Odd"

    def __init__(self) -> None:
        self.used, self.count, self.word, self.none = True, 3, "up", None
        self.near, self.far = 1.5, math.inf
        self.candidates, self.params = [1, 2], Params()

    def update(self, s: Session) -> None: ...


def test_plain_values_are_shown_and_a_collection_by_its_length() -> None:
    """An infinite number is null, because JSON has none; an object is left out."""
    assert shown.state(Odd()) == {
        "used": True,
        "count": 3,
        "word": "up",
        "none": None,
        "near": 1.5,
        "far": None,
        "candidates": 2,
    }


def test_a_strategy_that_failed_is_shown_with_its_reason() -> None:
    """The others still run."""
    roster = Roster([Fragile(), Odd()], "15:59")
    roster.fold(session("11:00"))

    told = shown.strategies(roster)

    assert [each["strategy"] for each in told["running"]] == ["Odd"]
    assert "Fragile is switched off" in told["off"][0]


def test_showing_changes_no_decision() -> None:
    """Every strategy of every preset as JSON, before and after a bar; the same outputs as from one that was never asked."""
    for name in (each for each in configuration.preset_names() if each != "bare"):  # which names no strategy
        conf = runs.conf(preset=configuration.preset(name))
        asked, silent = evaluator.daemon(conf), evaluator.daemon(conf)
        for at in ("10:59", "11:00"):
            s = session(at)
            event = Event("session.MNQ.", Header(1, "tracker", 1, s.minute, s.bar.close_ns), s)
            before = json.loads(json.dumps(asked.shows["strategies"](asked.core)))

            assert asked.core.step(event) == silent.core.step(event)
            assert [each["strategy"] for each in before["MNQ"]["running"]]
        assert asked.shows["strategies"](asked.core) == silent.shows["strategies"](silent.core)

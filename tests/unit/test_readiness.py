"""What the gate says of itself and of its venue to another program: fail closed, with a code for each thing in the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

import tapewire
from tapewire.bus.clock import ManualClock
from tapewire.bus.errors import Refused
from tapewire.daemons.settings.structs import Bus, Trading
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.readiness import Readiness
from tapewire.daemons.shell.venue_link import NO_LINK, VenueLink
from tests import runs

SECOND_NS = 1_000_000_000
FIGURES = [{"name": "Sim101"}, {"name": "Sim102"}]
VENUE = {"venue": "NinjaTrader 8", "version": "1", "accounts": ["Sim101"], "figures": FIGURES}


class Gate:
    """A gate with an enabled account and a connected venue, but for what a test changes."""

    def __init__(self, *, bus: Bus | None = None, trading: Trading | None = None, beat_s: float | None = 1.0, **link: Any) -> None:
        clock = ManualClock(100 * SECOND_NS)
        conf = runs.conf(bus=bus or Bus(), trading=trading or Trading(enabled=True, account="Sim101"))
        beats = {} if beat_s is None else {"nt": clock.monotonic_ns() - int(beat_s * SECOND_NS)}
        process = SimpleNamespace(name="gate", conf=conf, clock=clock, started_ns=90 * SECOND_NS, beats=beats)
        pending = link.pop("pending", ())
        state = {**NO_LINK, "venue": VENUE, "venue_up": True, **link}
        self.answers = Readiness(
            cast("Process", process), cast("VenueLink", SimpleNamespace(outbox=pending, state=lambda: state))
        ).answers

    def __call__(self, verb: str) -> dict[str, Any]:
        answer = self.answers[verb]("")
        assert isinstance(answer, dict)
        return answer


def test_a_gate_that_could_trade_is_ready() -> None:
    """With version, mode and account, and nothing in the way."""
    assert Gate()("ready") == {
        "ready": True,
        "ninja_connected": True,
        "version": tapewire.__version__,
        "mode": "live",
        "account": "Sim101",
        "why": {},
    }


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("NO_VENUE", {"venue_up": False}),
        ("NO_VENUE", {"beat_s": None}),
        ("NO_VENUE", {"beat_s": 5.0}),
        ("TRADING_OFF", {"trading": Trading(enabled=False, account="Sim101")}),
        ("TRADING_OFF", {"trading": Trading(enabled=True)}),
        ("HALTED", {"killed": True}),
        ("PENDING", {"pending": ("order",)}),
    ],
)
def test_each_thing_in_the_way_has_its_code(code: str, change: dict[str, Any]) -> None:
    """Alone it is enough, and the process stays healthy."""
    gate = Gate(**change)

    assert (gate("ready")["ready"], list(gate("ready")["why"])) == (False, [code])
    assert gate("health")["status"] == "healthy"


def test_a_heartbeat_just_younger_than_five_seconds_counts() -> None:
    """The other side of the limit."""
    assert Gate(beat_s=4.9)("ready")["ready"]


def test_the_connection_is_told_with_its_place() -> None:
    """Host and port at which the venue connects; without it an error in words."""
    connected, away = Gate()("connection_test"), Gate(venue_up=False, venue=None)("connection_test")

    assert (connected["connected"], connected["host"], connected["port"]) == (True, "127.0.0.1", 5563)
    assert (connected["venue"], connected["error"]) == ("NinjaTrader 8", "")
    assert away["connected"] is False
    assert "no order link" in away["error"]


def test_a_replay_says_that_it_is_one() -> None:
    """Its market time is that of recorded bars."""
    assert Gate(bus=Bus(clock_runs=False))("health")["mode"] == "replay"


def test_accounts_are_those_of_a_venue_that_is_there() -> None:
    """Two of them, one traded; the last report of a venue that has gone is none."""
    assert Gate()("accounts") == {"traded": "Sim101", "accounts": FIGURES}
    for change in ({"venue_up": False}, {"venue": None}, {"venue": {**VENUE, "figures": []}}):
        with pytest.raises(Refused, match=r"^NO_ACCOUNTS: "):
            Gate(**change)("accounts")

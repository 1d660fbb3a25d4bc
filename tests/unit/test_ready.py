"""Five lights, each for one fault that can occur without the others."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.messages import Beat, Position, Risk
from tapewire.bus.testing import bar, eastern, session
from tapewire.daemons.operator.ready import lights
from tapewire.daemons.operator.snapshot import FRESH_S, BridgeBeat, Snapshot
from tapewire.daemons.settings.structs import Trading
from tests.gates import ACCOUNT, conf

GATE = {
    "venue_up": True,
    "killed": False,
    "venue": None,
    "pending": {"venue": 0},
    "books": {"positions": {"MNQ": {"qty": 0, "price": None, "venue_qty": None}}, "working": []},
}


def books(**held: Any) -> dict[str, Any]:
    """The gate's state with this position."""
    return {"gate": {**GATE, "books": {"positions": {"MNQ": {"price": None, "venue_qty": None, **held}}, "working": []}}}


def bridge(age_s: float | None = 0.0, note: str = "ready") -> dict[str, BridgeBeat]:
    return {"bridge": BridgeBeat(Beat("nt", 1, 0, 0, {}, note=note), age_s)}


def snapshot(**changes: Any) -> Snapshot:
    """A healthy snapshot: one bar of MNQ, flat, a minute old, and the platform's heartbeat."""
    seen = session(bar=bar(position=Position(ACCOUNT)))
    given = {**bridge(), "gate": GATE, "risk": None, "sessions": {"session.MNQ.": seen}, "now_ns": eastern("11:01")}
    return Snapshot(**{**given, **changes})


def risk(state: str, reason: str) -> Risk:
    return Risk(ACCOUNT, "2026-03-03", state, 0, 0, 0, 0, reason)


def off(given: Snapshot, **settings: Any) -> dict[str, str]:
    """The lights that are off, with their sentences."""
    return {light.name: light.text for light in lights(conf(**settings), given) if not light.on}


def test_a_healthy_snapshot_has_all_five_on() -> None:
    """Each light depends on those before it."""
    assert [(light.name, light.on) for light in lights(conf(), snapshot())] == [
        ("platform", True),
        ("account", True),
        ("data", True),
        ("orders", True),
        ("position", True),
    ]


@pytest.mark.parametrize(
    ("changes", "names", "text"),
    [
        ({"bridge": BridgeBeat()}, ["platform", "data"], "no heartbeat received"),
        (bridge(FRESH_S), ["platform", "data"], "no heartbeat for 5 s"),
        (bridge(note="halted: NinjaTrader has lost its connection"), ["platform"], "refuses entries: NinjaTrader has lost"),
        (bridge(note="no lease; killed"), ["platform"], "lease is older than five seconds"),
        ({"now_ns": eastern("11:04")}, ["data"], "no bar of MNQ for 4 min although the market is open"),
        ({"gate": {**GATE, "venue_up": False}}, ["platform"], "no order link"),
        ({"gate": {**GATE, "killed": True}}, ["account"], "`tapewire arm` releases it"),
        ({"risk": risk("REDUCING", "DAILY_LOSS")}, ["account"], "REDUCING: DAILY_LOSS"),
        ({"gate": {**GATE, "pending": {"venue": 2}}}, ["orders"], "2 commands not acknowledged"),
        ({"gate": {**GATE, "pending": {"venue": 1}}}, ["orders"], "1 command not acknowledged"),
        ({"gate": None}, ["platform", "account", "orders", "position"], "the gate does not reply"),
        ({"sessions": {}}, ["data"], "no bar of MNQ yet"),
        ({"sessions": {"session.MNQ.": session(degraded=True)}}, ["data"], "were lost"),
        (books(qty=2, venue_qty=0), ["position"], "the venue's position differs from ours: MNQ +0 there, +2 here"),
        ({"risk": risk("HALTED", "UNRECONCILED")}, ["account", "position"], "UNRECONCILED"),
    ],
)
def test_a_fault_turns_its_light_off(changes: dict[str, Any], names: list[str], text: str) -> None:
    """Its sentence names the fault or the remedy."""
    found = off(snapshot(**changes))

    assert list(found) == names
    assert text in found[names[0]]


def test_a_heartbeat_just_within_its_limit_is_fresh() -> None:
    """Younger than five seconds, as long as the lease lasts."""
    assert off(snapshot(**bridge(4.9))) == {}


def test_an_account_that_is_not_enabled_is_not_ready() -> None:
    """Trading is off until the account is named and enabled."""
    assert list(off(snapshot(), trading=Trading())) == ["account"]


def test_a_latched_kill_switch_is_told_although_trading_is_off() -> None:
    """Or a person who presses kill before the first day sees no trace of it, and wonders later why nothing is traded."""
    told = off(snapshot(gate={**GATE, "killed": True}), trading=Trading())["account"]

    assert told.startswith("trading is off")
    assert told.endswith("; the kill switch is latched, too (`tapewire arm` releases it)")

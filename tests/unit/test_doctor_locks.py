"""What the doctor says about peers that were turned away."""

from __future__ import annotations

import pytest

from tapewire.bus.monitor import Turned, Why
from tapewire.daemons.operator.doctor import locks
from tapewire.daemons.operator.doctor.findings import CheckState

NOW_S = 1_000.0


def turned(port: str, why: Why, *, key: str = "", ago_s: float = 1.0) -> tuple[Turned, int]:
    return Turned(port, why, "172.20.0.1", key, NOW_S - ago_s), 12


def test_strangers_without_a_key_are_no_fault() -> None:
    """A port scanner was turned away; nothing has to be repaired."""
    found = locks.judge([turned("gate", Why.NO_LOCK), turned("gate", Why.GAVE_UP)], NOW_S)

    assert found.state is CheckState.OK
    assert "24 peers" in found.value


@pytest.mark.parametrize(
    "port, why, key, value, remedy",
    [
        ("venue", Why.WRONG_SERVER, "", "venue: a peer from 172.20.0.1 with the key file of another run", "keys bridge --to"),
        ("broker.in", Why.UNKNOWN, "abcdefghijklmno", "(abcdefghijkl...)", "keys bridge --to"),
        ("public", Why.UNKNOWN, "abcdefghijklmno", "12 times, last 1 s ago", "keys export NAME --to"),
        ("gate", Why.FULL, "", "gate: a connection beyond the limits of this port", "`ss -tnp` names it"),
        ("gate", Why.ENDLESS, "", "gate: the owner of a key from 172.20.0.1, who sent a message without an end", "revoke"),
        ("venue", Why.ROLE, "anna", "the owner of the key 'anna' from 172.20.0.1, whose role", "keys new"),
    ],
)
def test_a_wrong_key_that_knocks_now_is_named_with_its_port_and_remedy(
    port: str, why: Why, key: str, value: str, remedy: str
) -> None:
    """The bridge's remedy is the bridge's file."""
    found = locks.judge([turned(port, why, key=key)], NOW_S)

    assert found.state is CheckState.BROKEN
    assert value in found.value
    assert remedy in found.remedy


def test_a_wrong_key_that_was_put_right_is_forgotten_after_a_minute() -> None:
    """Its owner tries again all the time, so one that is silent has gone or is in."""
    assert locks.judge([turned("venue", Why.UNKNOWN, ago_s=61)], NOW_S).state is CheckState.OK

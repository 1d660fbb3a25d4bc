"""What the doctor says of NinjaTrader, for each thing that can be wrong with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bus.messages import CrossBar, Position, Risk
from bus.testing import bar, eastern, session
from daemons import doctor_bridge
from daemons.doctor_bridge import BRIDGE_VERSION, Found, examine
from daemons.ready import Known
from daemons.settings import Trading
from tests.gates import ACCOUNT, conf

ROOT = Path(__file__).parents[2]


SECOND_NS = 1_000_000_000
NOW = eastern("11:00") + 20 * SECOND_NS
HELLO = {"venue": "NinjaTrader", "version": BRIDGE_VERSION, "accounts": [ACCOUNT]}
GATE = {"venue_up": True, "killed": False, "pending": {"venue": 0}, "venue": HELLO}
ES = CrossBar("ES", 6_000.0, 6_001.0, 5_999.0, 6_000.5, 10)
BAR = {"ask_volume": 60, "bid_volume": 40, "position": Position(ACCOUNT), "cross": (ES,)}


def found(*, skew_s: float | None = 0.01, now_ns: int = NOW, seen: Any = None, **known: Any) -> Found:
    """All is well: a bar of MNQ with order flow and a companion, twenty seconds old."""
    sessions = {"session.MNQ.": seen or session(bar=bar(**BAR))}
    given = {"gate": GATE, "risk": None, "sessions": sessions, "beat_age_s": 0.4, **known}
    return Found(Known(**given), skew_s, now_ns)


def hello(**changes: Any) -> dict[str, Any]:
    return {**GATE, "venue": {**HELLO, **changes}}


def test_all_is_well() -> None:
    """A line for each thing, every one of them ok."""
    checks = examine(conf(), found())

    assert [check.name for check in checks] == [
        "bridge",
        "bridge version",
        "bridge clock",
        "bridge account",
        "bars of MNQ",
        "order flow of MNQ",
        "companions of MNQ",
        "reconciled",
    ]
    assert all(check.ok for check in checks)


@pytest.mark.parametrize(
    ("what", "changes", "says"),
    [
        ("bridge", {"skew_s": None, "beat_age_s": None}, "never heard of; start the strategy TapewireBridge"),
        ("bridge", {"skew_s": None, "beat_age_s": 9.0}, "silent for 9 s"),
        ("bridge", {"gate": {**GATE, "venue_up": False}}, "5550, 5551 and 5563 of 127.0.0.1"),
        ("bridge", {"gate": {**GATE, "venue": None}}, "has not said hello"),
        ("bridge", {"gate": None}, "its venue link is not"),
        ("bridge version", {"gate": hello(version="0")}, "copy ninjascript/*.cs again"),
        ("bridge clock", {"skew_s": 2.1}, "2.1 s ahead of this one; synchronise both: `w32tm /resync`"),
        ("bridge clock", {"skew_s": -2.1}, "2.1 s behind this one"),
        ("bridge account", {"gate": hello(accounts=["Sim102"])}, f"trades Sim102, conf/live.toml names {ACCOUNT}"),
        ("bars of MNQ", {"sessions": {}}, "none yet; enable the strategy on a one-minute chart of MNQ"),
        ("bars of MNQ", {"now_ns": eastern("11:00") + 151 * SECOND_NS}, "the last closed 151 s ago"),
        ("bars of MNQ", {"seen": session(bar=bar(**BAR), degraded=True)}, "were lost"),
        ("order flow of MNQ", {"seen": session(bar=bar(**{**BAR, "ask_volume": None}))}, "not volumetric"),
        ("companions of MNQ", {"seen": session(bar=bar(**BAR), missing_cross=("YM",))}, "no bar of YM at the last stamp"),
        ("reconciled", {"risk": Risk(ACCOUNT, "2026-03-03", "HALTED", 0, 0, 0, 0, "UNRECONCILED")}, "then `tapewire arm`"),
    ],
)
def test_what_is_broken_is_named_with_its_remedy(what: str, changes: dict[str, Any], says: str) -> None:
    """The first finding that is not well is the one that is to blame."""
    broken = [check for check in examine(conf(), found(**changes)) if check.ok is False]

    assert broken[0].name == what
    assert says in broken[0].text


@pytest.mark.parametrize(
    ("changes", "well"),
    [
        ({"skew_s": 2.0}, "bridge clock"),
        ({"skew_s": -2.0}, "bridge clock"),
        ({"now_ns": eastern("11:00") + 150 * SECOND_NS}, "bars of MNQ"),
        ({"seen": session(bar=bar(**BAR, phase="playback")), "now_ns": NOW + 86_400 * SECOND_NS}, "bars of MNQ"),  # plays the past
    ],
)
def test_what_is_just_well_enough(changes: dict[str, Any], well: str) -> None:
    """The other side of each limit."""
    assert {check.name: check.ok for check in examine(conf(), found(**changes))}[well] is True


def test_while_trading_is_off_nobody_waits_for_a_bridge() -> None:
    """Its absence is not yet broken, and neither is a configuration without an account."""
    off = conf(trading=Trading())
    absent = examine(off, found(skew_s=None))
    there = examine(off, found())

    assert [check.ok for check in absent] == [None]
    assert {check.name for check in there if check.ok is None} == {"bridge account"}


def test_the_version_is_the_one_of_the_sources_beside_us() -> None:
    """The bridge's own constant; whoever raises it raises it here."""
    transport = (ROOT / "ninjascript" / "Transport.cs").read_text("utf-8")

    assert re.search(r'Version = "([^"]+)"', transport)[1] == doctor_bridge.BRIDGE_VERSION  # type: ignore[index]

"""The doctor's findings on NinjaTrader's side, for each fault that it can have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Beat, CrossBar, Position
from tapewire.bus.testing import bar, eastern, session
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.week import TradingWeek, hours_of, market_open
from tapewire.daemons.operator.doctor.bridge import VERSION, judge
from tapewire.daemons.operator.doctor.findings import CheckState, Finding
from tapewire.daemons.operator.snapshot import BridgeBeat, Snapshot, span
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Bus, Trading
from tests.gates import ACCOUNT, conf

ROOT = Path(__file__).parents[2]
SECOND_NS = 1_000_000_000
TABLES = configuration.rolls().tables
NOW = eastern("11:00") + 20 * SECOND_NS
BEAT = Beat("nt", 4711, NOW - 3_600 * SECOND_NS, NOW, {"raw.bar.MNQ.1m.": (1, 7)}, note="ready")
DAYS = [{"date": day, "opens_ns": 0, "closes_ns": eastern("17:00", day)} for day in ("2026-03-03", "2026-03-04", "2026-03-05")]
CHART = {"instrument": "MNQ", "contract": "MNQ 03-26", "template": "CME US Index Futures ETH", "days": DAYS}
SIM = {"name": ACCOUNT, "simulated": True, "connection": "Simulator", "trades": True}
HELLO = {"venue": "NinjaTrader", "version": VERSION, "accounts": [ACCOUNT], "charts": [CHART], "figures": [SIM]}
FLAT = {"positions": {"MNQ": {"qty": 0, "price": None, "venue_qty": None}}, "working": []}
GATE = {"venue_up": True, "killed": False, "pending": {"venue": 0}, "venue": HELLO, "books": FLAT}

ES = CrossBar("ES", 6_000.0, 6_001.0, 5_999.0, 6_000.5, 10)
BAR = {"ask_volume": 60, "bid_volume": 40, "position": Position(ACCOUNT), "cross": (ES,)}
SEEN = session(bar=bar(**BAR))


def snapshot(**changes: Any) -> Snapshot:
    """A healthy snapshot: a bar of MNQ with order flow, twenty seconds old, in an open market."""
    bridge = BridgeBeat(BEAT, 0.0, 0.01)
    given = {"bridge": bridge, "gate": GATE, "risk": None, "sessions": {"session.MNQ.": SEEN}, "now_ns": NOW}
    return Snapshot(**{**given, **changes})


def judged(given: Snapshot, **settings: Any) -> dict[str, Finding]:
    return {each.name: each for each in judge(conf(**{"rolls": TABLES, **settings}), given)}


def names(found: dict[str, Finding], state: CheckState) -> list[str]:
    return [name for name, each in found.items() if each.state is state]


def hello(**changes: Any) -> dict[str, Any]:
    return {"gate": {**GATE, "venue": {**HELLO, **changes}}}


def noted(note: str) -> dict[str, Any]:
    return {"bridge": BridgeBeat(replace(BEAT, note=note), 0.0, 0.01)}


def bars(**changes: Any) -> dict[str, Any]:
    """The Session of a bar with these changes; `degraded` and `missing_cross` change the Session itself."""
    given = {name: changes.pop(name) for name in ("degraded", "missing_cross") if name in changes}
    return {"sessions": {"session.MNQ.": session(bar=bar(**{**BAR, **changes}), **given)}}


def test_a_healthy_side_is_ok_in_every_line() -> None:
    """There is a line for each check; every one is ok, and none has a remedy."""
    found = judged(snapshot())

    assert list(found) == [
        "bridge",
        "bridge version",
        "bridge clock",
        "bridge queue",
        "venue link",
        "account",
        "contract MNQ",
        "calendar MNQ",
        "bars MNQ",
        "order flow MNQ",
        "books",
        "lease",
        "kill switch",
        "entries",
    ]
    assert names(found, CheckState.OK) == list(found)
    assert not any(each.remedy for each in found.values())


@pytest.mark.parametrize(
    ("what", "changes", "value", "remedy"),
    [
        ("bridge", {"bridge": BridgeBeat()}, "no heartbeat received", "Host 127.0.0.1, Base port 5550"),
        ("bridge", {"bridge": BridgeBeat()}, "no heartbeat received", "Windows must reach ports 5550, 5551, 5563, 5564"),
        ("bridge", {"bridge": BridgeBeat(BEAT, 9.0)}, "no heartbeat for 9 s", "enable TapewireBridge"),
        (
            "bridge version",
            {"bridge": BridgeBeat(None, 0.0, None, "protocol version 2, this side speaks 1")},
            "version 2",
            "copy ninjascript",
        ),
        ("bridge version", hello(version="0"), f"version 0, these daemons need {VERSION}", "compile (F5)"),
        ("bridge clock", {"bridge": BridgeBeat(BEAT, 0.0, 1.1)}, "1.1 s ahead of ours", "`w32tm /resync`"),
        ("bridge clock", {"bridge": BridgeBeat(BEAT, 0.0, -1.1)}, "1.1 s behind ours", "`sudo hwclock -s`"),
        (
            "bridge queue",
            {"bridge": BridgeBeat(replace(BEAT, sent=70_000, queued=3, dropped=12), 0.0, 0.0)},
            "70000 sent, 0 failed, 3 queued, 12 dropped",
            "load fewer days",
        ),
        ("venue link", {"gate": {**GATE, "venue_up": False}}, "accepts no orders", "Windows must reach port 5563"),
        ("account", hello(accounts=["Sim102"]), f"names {ACCOUNT}, the bridge has Sim102", f"choose {ACCOUNT}"),
        ("account", hello(accounts=[]), "the bridge has none", "`tapewire up`"),
        ("account", hello(figures=[{**SIM, "trades": False}]), "may not trade Sim101: its connection (Simulator)", "connect it"),
        ("bars MNQ", {"sessions": {}}, "none yet", "wait a minute; then check"),
        (
            "bars MNQ",
            {"now_ns": NOW + 161 * SECOND_NS},
            "none for 3 min, the last one closed at 2026-03-03 11:00 New York",
            "connection",
        ),
        ("bars MNQ", bars(degraded=True), "are lost", "next trade date"),
        ("order flow MNQ", bars(ask_volume=None, bid_volume=None), "not volumetric", "Type `Order Flow Volumetric`"),
        (
            "books",
            {"gate": {**GATE, "books": {"positions": {"MNQ": {"qty": 2, "price": 24987.75, "venue_qty": -1}}, "working": []}}},
            "the venue's position differs from our books: MNQ -1 there, +2 here",
            "`tapewire arm`",
        ),
        ("lease", noted("no lease"), "older than five seconds", "`gate control`"),
        ("kill switch", noted("killed"), "but latched at NinjaTrader", "within a second"),
        ("kill switch", {"gate": {**GATE, "killed": True}}, "latched", "`tapewire arm`"),
        (
            "entries",
            noted("killed; halted: NinjaTrader has lost; all"),
            "refuses them: NinjaTrader has lost; all",
            "enable the strategy",
        ),
    ],
)
def test_a_fault_is_named_with_its_remedy(what: str, changes: dict[str, Any], value: str, remedy: str) -> None:
    """The finding has the observed value and the remedy."""
    found = judged(snapshot(**changes))[what]

    assert found.state is CheckState.BROKEN
    assert value in found.value
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("changes", "broken", "unknown"),
    [
        (
            {"bridge": BridgeBeat(), "sessions": {}, "gate": {**GATE, "venue_up": False, "venue": None}},
            ["bridge"],
            "bridge version, bridge clock, bridge queue, venue link, account, contract MNQ, calendar MNQ, "
            "bars MNQ, order flow MNQ, books, "
            "lease, entries",
        ),
        (
            {"bridge": BridgeBeat(BEAT, 9.0)},
            ["bridge"],
            "bridge version, bridge clock, bridge queue, venue link, account, contract MNQ, calendar MNQ, "
            "bars MNQ, books, lease, entries",
        ),
        (
            {"gate": {**GATE, "venue_up": False}},
            ["venue link"],
            "bridge version, account, contract MNQ, calendar MNQ, books, lease, entries",
        ),
        ({"gate": None}, [], "bridge version, venue link, account, contract MNQ, calendar MNQ, books, lease, kill switch, entries"),
        ({"gate": {**GATE, "venue": None}}, [], "bridge version, account, contract MNQ, calendar MNQ"),
        ({"sessions": {}}, ["bars MNQ"], "order flow MNQ"),
    ],
)
def test_a_check_that_depends_on_a_broken_one_is_unknown(changes: dict[str, Any], broken: list[str], unknown: str) -> None:
    """One check is broken, and those that depend on it are unknown. A gate that does not reply is broken in its own line only."""
    found = judged(snapshot(**changes))

    assert names(found, CheckState.BROKEN) == broken
    assert names(found, CheckState.UNKNOWN) == unknown.split(", ")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"bridge": BridgeBeat(BEAT, 4.9, 0.0)}, "bridge"),
        ({"bridge": BridgeBeat(BEAT, 0.0, 1.0)}, "bridge clock"),
        ({"bridge": BridgeBeat(BEAT, 0.0, -1.0)}, "bridge clock"),
        ({"now_ns": NOW + 160 * SECOND_NS}, "bars MNQ"),
        ({"now_ns": eastern("17:01")}, "bars MNQ"),  # the market is closed
        ({"now_ns": NOW + 3_600 * SECOND_NS, "live": False}, "bars MNQ"),  # a replay
        ({**bars(phase="playback"), "now_ns": NOW + 3_600 * SECOND_NS}, "bars MNQ"),
        (bars(missing_cross=("YM",)), "bars MNQ"),  # YM did not trade in this minute
        (bars(ask_volume=0, bid_volume=0), "order flow MNQ"),
        (bars(ask_volume=None, bid_volume=None, volume=0), "order flow MNQ"),
        (hello(venue="tapewire replay", version="9"), "bridge version"),
    ],
)
def test_a_value_just_within_its_limit_is_ok(changes: dict[str, Any], name: str) -> None:
    """The other side of each limit."""
    assert judged(snapshot(**changes))[name].state is CheckState.OK


def test_a_chart_of_another_instrument_is_named() -> None:
    """The bridge sends bars, but none of the traded instrument."""
    other = BridgeBeat(replace(BEAT, last={"raw.bar.NQ.5m.": (1, 3)}), 0.0, 0.0)
    found = judged(snapshot(bridge=other, sessions={}))["bars MNQ"]

    assert found.value == "none of MNQ; the bridge sends NQ.5m"
    assert "one-minute chart of MNQ" in found.remedy


def test_each_traded_instrument_has_its_lines() -> None:
    """If one of two instruments has no bars, the finding names it."""
    found = judged(snapshot(), traded=("MNQ", "MES"))

    assert names(found, CheckState.BROKEN) == ["bars MES"]
    assert found["order flow MNQ"].state is CheckState.OK


def test_on_another_machine_the_remedy_is_the_firewall() -> None:
    """WSL2 is not named if the daemons do not listen on loopback."""
    found = judged(snapshot(bridge=BridgeBeat()), bus=Bus(host="192.168.1.20"))["bridge"]

    assert "the firewall of 192.168.1.20" in found.remedy
    assert "WSL2" not in found.remedy


def test_without_a_configured_account_the_bridges_accounts_are_named() -> None:
    """Trading is off: the check is ok, and its value has the name to configure."""
    found = judged(snapshot(), trading=Trading())["account"]

    assert found.state is CheckState.OK
    assert ACCOUNT in found.value


@pytest.mark.parametrize(
    ("at", "day", "opened"),
    [
        ("09:25", "2026-03-03", True),
        ("17:00", "2026-03-03", True),
        ("17:01", "2026-03-03", False),
        ("18:00", "2026-03-03", False),
        ("18:01", "2026-03-03", True),
        ("18:01", "2026-03-06", False),  # a Friday evening
        ("12:00", "2026-03-07", False),
        ("17:59", "2026-03-08", False),
        ("18:01", "2026-03-08", True),  # a Sunday evening
        ("13:15", "2026-11-27", True),
        ("13:16", "2026-11-27", False),  # a half day
        ("10:00", "2026-12-25", False),  # a holiday
    ],
)
def test_bars_are_due_while_the_market_is_open(at: str, day: str, opened: bool) -> None:
    """CME's hours for equity index futures, New York."""
    calendar = Calendar(half_days={"2026-11-27": "13:00"}, holidays=("2026-12-25",))

    assert market_open(calendar, TradingWeek(), eastern(at, day)) is opened


def test_bars_of_crypto_are_due_at_the_weekend() -> None:
    """Its week has no break, neither on Saturday nor after 17:00."""
    for at, day in (("17:30", "2026-10-06"), ("12:00", "2026-10-10"), ("18:01", "2026-10-09")):
        assert market_open(Calendar(), hours_of("crypto"), eastern(at, day))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h"), (200_000, "2 days")]
)
def test_a_duration_has_the_unit_that_fits(seconds: float, text: str) -> None:
    """A unit is used from two of it on."""
    assert span(seconds) == text


def test_the_required_version_is_that_of_the_bridges_source() -> None:
    """The C# constant and the doctor's change together."""
    transport = (ROOT / "ninjascript" / "Transport.cs").read_text("utf-8")

    assert re.search(r'Version = "([^"]+)"', transport)[1] == VERSION  # type: ignore[index]

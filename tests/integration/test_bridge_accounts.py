"""NinjaTrader's accounts through the bridge: in the hello, when one changes, in the gate's alarm and in `tapewire accounts`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tapewire.bus.messages import AccountFigures, Accounts, Alarm, ClosePosition
from tapewire.replay import tapes
from tests import bridges
from tests.integration.conftest import Run
from tests.integration.test_bridge_doctor import dark, trading
from tests.integration.test_processes import eventually
from tests.links import Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

OURS = AccountFigures("Replay", simulated=True, connection="Playback", trades=True, cash=150_000.0, realised=0.0, unrealised=0.0)
OTHER = AccountFigures("APEX-1!Live", connection="Live feed", trades=True, cash=50_000.0, realised=0.0, unrealised=0.0)


def reported(link: Link) -> list[tuple[AccountFigures, ...]]:
    """The reports after the hello, without duplicates."""
    return [body.figures for body in link.gate.delivered if isinstance(body, Accounts)]


def told(run: Path) -> list[Alarm]:
    """The gate's alarms in the journal."""
    topic = "sys.alarm.gate."
    return list(tapes.facts(run, topic, Alarm)) if topic in tapes.topics(run, topic) else []


def test_the_hello_lists_every_account_and_a_change_is_reported(link: Link) -> None:
    """By name; another account comes, and the broker books a fee in ours."""
    first = link.gate.hellos()[-1].figures
    link.bridge.do("account APEX-1!Live 50000", link.gate.pump)
    link.gate.until(lambda: reported(link), "the report of another account")
    link.bridge.do("charge 12.5", link.gate.pump)
    link.gate.until(lambda: len(reported(link)) > 1, "the report of the fee")

    assert first == (OURS,)
    assert reported(link)[0] == (OTHER, OURS)
    assert [(each.cash, each.realised) for each in reported(link)[1]] == [(50_000.0, 0.0), (149_987.5, -12.5)]


def test_the_open_profit_alone_is_no_change(link: Link) -> None:
    """It changes with every price; the realised profit of the trade is one."""
    link.gate.request(link.entry())
    link.bar()
    link.gate.until(lambda: link.gate.fills(), "the fill")
    for _ in range(3):
        link.bar()
    link.gate.request(ClosePosition("X1", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    link.gate.until(lambda: reported(link), "the report of the trade")

    assert len(reported(link)) == 1
    assert reported(link)[0][0].realised != 0.0


def test_a_difference_to_our_books_is_an_alarm_and_accounts_shows_both(
    tapewire: Run, program: Path, plain: Path, tmp_path: Path
) -> None:
    """The broker books 500 dollars that no fill explains. The second report that shows it gives the alarm.

    The chart's template closes early on the next day, which the calendar does not: an alarm as well, from the hello.
    """
    with trading(bridges.conf(), program, plain, tmp_path, "--closes", "2026-03-03=13:00") as bridge:
        assert eventually(lambda: dark(tapewire) == set())
        bridge.do("charge 500")
        assert eventually(lambda: "149,500.00" in tapewire("accounts").stdout)
        bridge.do("account APEX-1!Live 50000")
        assert eventually(lambda: len(told(tmp_path / "run")) == 2)
        listed = json.loads(tapewire("accounts", "--json").stdout)
        shown = tapewire("accounts")

    hours, alarm = told(tmp_path / "run")
    assert hours.name == "calendar"
    assert hours.text.startswith("2026-03-03: by the template 'CME US Index Futures ETH' of MNQ's chart it closes at 13:00, by the")
    assert alarm.name == "account_differs"
    assert alarm.text.startswith("Replay: the platform has -500.00 realised today, our books 0.00")
    assert [(each["name"], each["traded"], each["cash"]) for each in listed] == [
        ("APEX-1!Live", False, 50_000.0),
        ("Replay", True, 149_500.0),
    ]
    assert "Replay       simulated  Playback    yes        149,500.00  -500.00   0.00" in shown.stdout

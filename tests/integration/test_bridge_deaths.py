"""The bridge's reports survive the death of NinjaTrader's process: each fill is reported, and counted once."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import ClosePosition, Execution, OrderStatus
from tests.links import Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

forgetful = pytest.mark.parametrize("link", [(), ("--forgets", 1)], indirect=True, ids=["listed", "no longer listed"])


def reports(link: Link) -> list[tuple[str, str, int]]:
    """Every message about a fill, duplicates included: role, order, quantity."""
    return [(each.role, each.order_id, each.qty) for each in link.gate.received if isinstance(each, Execution)]


def fills(link: Link) -> list[tuple[str, str, int]]:
    """Each fill once."""
    return [(each.role, each.order_id, each.qty) for each in link.gate.fills()]


def test_a_fill_stays_although_ninjatrader_died_while_reporting_it(link: Link) -> None:
    """The gate has the fill; NinjaTrader was killed before the acknowledgement. Its next process adopts the position and cancels
    nothing.

    Once the gate's books ended a contract from flat here: the simulated broker reported a fill before it had written it.
    """
    link.gate.request(link.entry())
    link.gate.acknowledging = False
    link.bridge.send("bar")
    link.gate.until(lambda: reports(link), "the fill")
    link.die()
    link.gate.acknowledging = True
    link.revive()
    (found,) = link.gate.hellos()[-1].positions

    assert fills(link) == [("ENTRY", "E1", 2)]
    assert (found.position.qty, found.position.entry_id) == (2, "E1")
    assert OrderStatus.CANCELLED not in {update.status for update in link.gate.updates("E1")}


@forgetful
def test_an_unacknowledged_fill_is_resent_by_the_next_process(link: Link) -> None:
    """The bridge stores it, so it is resent even if NinjaTrader lists no earlier executions."""
    link.gate.request(link.entry())
    link.gate.acknowledging = False
    link.bar()
    link.gate.until(lambda: reports(link), "the fill")
    link.die()
    link.gate.acknowledging = True
    link.revive()
    (found,) = link.gate.hellos()[-1].positions
    link.gate.request(ClosePosition("X1", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    link.gate.until(lambda: len(link.gate.fills()) == 2, "the exit")

    assert fills(link) == [("ENTRY", "E1", 2), ("EXIT", "X1", -2)]
    assert (found.position.qty, found.position.entry_id) == (2, "E1")
    assert OrderStatus.REJECTED not in {update.status for update in link.gate.updates("E1")}


def test_an_acknowledged_fill_is_not_resent(link: Link) -> None:
    """Neither by the next process nor by the one after it."""
    link.hold()
    link.bar()  # on a slow machine the first process may resend before it reads the acknowledgement
    acknowledged = reports(link)
    link.reload()
    link.die()
    link.revive()

    assert fills(link) == [("ENTRY", "E1", 2)]
    assert reports(link) == acknowledged


def test_fills_of_our_orders_are_found_in_the_account(link: Link) -> None:
    """An entry fills while no strategy runs: the next one reports it with the order's acknowledgement, and protects it."""
    order = link.entry()
    link.gate.request(order)
    link.reload("bar")
    (found,) = link.gate.hellos()[-1].positions

    assert fills(link) == [("ENTRY", "E1", 2)]
    assert (found.position.entry_id, found.position.stop, found.position.target) == ("E1", order.stop, order.target)
    assert {update.status for update in link.gate.updates("E1")} == {OrderStatus.ACCEPTED}


def test_a_manual_trade_meanwhile_is_found_in_the_account(link: Link) -> None:
    """Our position was closed by hand while no strategy ran: a FOREIGN fill, so the gate's books are flat as well."""
    link.hold()
    link.reload("foreign -2")

    assert fills(link) == [("ENTRY", "E1", 2), ("FOREIGN", "", -2)]
    assert link.gate.hellos()[-1].positions == ()


def test_a_manual_trade_before_our_first_order_is_ignored(link: Link) -> None:
    """Bought and sold by hand before any order of ours: no fill is reported."""
    link.reload("foreign 1", "foreign -1")

    assert reports(link) == []


def test_a_position_found_without_a_stop_is_closed(link: Link) -> None:
    """NinjaTrader places a stop when the entry has filled; a death between the two leaves the position without protection."""
    link.hold()
    link.reload("strip")
    link.bar()
    link.gate.until(lambda: len(link.gate.fills()) == 2, "the closing fill")
    link.gate.until(lambda: any("without a stop" in text for text in link.alarms()), "the alarm in the journal")

    assert fills(link) == [("ENTRY", "E1", 2), ("STOP", "E1", -2)]

"""What the bridge owes the gate outlives NinjaTrader's process: fills are told, whoever dies in between, and told once."""

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


def told(link: Link) -> list[tuple[str, str, int]]:
    """Every message about a fill, repeats included: role, order, quantity."""
    return [(each.role, each.order_id, each.qty) for each in link.gate.overheard if isinstance(each, Execution)]


def fills(link: Link) -> list[tuple[str, str, int]]:
    """Each fill once."""
    return [(each.role, each.order_id, each.qty) for each in link.gate.fills()]


def test_a_fill_stands_although_ninjatrader_died_as_it_told_it(link: Link) -> None:
    """The gate has it, NinjaTrader was killed before it knew that. The next life finds the position, and cancels nothing.

    Once the gate's books ended a contract from flat here: the simulated broker told a fill before it had written it down.
    """
    link.gate.ask(link.entry())
    link.gate.acknowledging = False
    link.bridge.say("bar")
    link.gate.until(lambda: told(link), "the fill")
    link.die()
    link.gate.acknowledging = True
    link.revive()
    (stands,) = link.gate.hellos()[-1].positions

    assert fills(link) == [("ENTRY", "E1", 2)]
    assert (stands.position.qty, stands.position.entry_id) == (2, "E1")
    assert OrderStatus.CANCELLED not in {word.status for word in link.gate.words("E1")}


@forgetful
def test_a_fill_that_the_gate_does_not_own_is_told_by_the_next_life(link: Link) -> None:
    """It is in the bridge's own memory, so it is told even if NinjaTrader lists no executions of before."""
    link.gate.ask(link.entry())
    link.gate.acknowledging = False
    link.bar()
    link.gate.until(lambda: told(link), "the fill")
    link.die()
    link.gate.acknowledging = True
    link.revive()
    (stands,) = link.gate.hellos()[-1].positions
    link.gate.ask(ClosePosition("X1", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    link.gate.until(lambda: len(link.gate.fills()) == 2, "the exit")

    assert fills(link) == [("ENTRY", "E1", 2), ("EXIT", "X1", -2)]
    assert (stands.position.qty, stands.position.entry_id) == (2, "E1")
    assert OrderStatus.REJECTED not in {word.status for word in link.gate.words("E1")}


def test_a_fill_that_the_gate_owns_is_not_told_again(link: Link) -> None:
    """Neither by the next life nor by the one after it."""
    link.hold()
    link.reload()
    link.die()
    link.revive()

    assert told(link) == [("ENTRY", "E1", 2)]


def test_fills_of_our_orders_are_found_in_the_account(link: Link) -> None:
    """An entry fills while no strategy runs: told by the next one, with the order's own acknowledgement, and protected."""
    order = link.entry()
    link.gate.ask(order)
    link.reload("bar")
    (stands,) = link.gate.hellos()[-1].positions

    assert fills(link) == [("ENTRY", "E1", 2)]
    assert (stands.position.entry_id, stands.position.stop, stands.position.target) == ("E1", order.stop, order.target)
    assert {word.status for word in link.gate.words("E1")} == {OrderStatus.ACCEPTED}


def test_what_a_person_did_meanwhile_is_found_in_the_account(link: Link) -> None:
    """Our position was closed by hand while no strategy ran: a FOREIGN fill, so that the gate's books are flat as well."""
    link.hold()
    link.reload("foreign -2")

    assert fills(link) == [("ENTRY", "E1", 2), ("FOREIGN", "", -2)]
    assert link.gate.hellos()[-1].positions == ()


def test_what_a_person_did_before_our_time_is_left_alone(link: Link) -> None:
    """Bought and sold by hand before any order of ours: the account's affair, no fill is told."""
    link.reload("foreign 1", "foreign -1")

    assert told(link) == []


def test_a_position_found_without_a_stop_is_closed(link: Link) -> None:
    """NinjaTrader places a stop when the entry has filled; dying between the two leaves the position bare."""
    link.hold()
    link.reload("strip")
    link.bar()
    link.gate.until(lambda: len(link.gate.fills()) == 2, "the closing fill")
    link.gate.until(lambda: any("without a stop" in text for text in link.alarms()), "the alarm in the journal")

    assert fills(link) == [("ENTRY", "E1", 2), ("FOREIGN", "", -2)]

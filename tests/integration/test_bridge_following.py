"""The bridge and orders that depend on a fill: a bracket at distances from it, and an entry that follows a close."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import Action, CancelOrder, ClosePosition, OrderStatus
from tests.links import Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


def turn(link: Link, name: str = "E2") -> OrderStatus:
    """Close the long position, and send a short entry that follows; its first status."""
    link.gate.send(ClosePosition("X1", "Replay", "MNQ", "E1", "CROSS"))
    short = link.entry(name, action=Action.ENTER_SHORT, stop=link.last.close + 200, target=None, after="X1")
    return link.gate.request(short).status


def test_a_bracket_at_distances_rests_where_the_fill_puts_it(link: Link) -> None:
    """NinjaTrader counts the ticks from its own fill, whatever the prices in the order say."""
    link.gate.request(link.entry(stop_points=200.0, target_points=150.0))
    link.bar()
    held = link.stamped().position

    assert held is not None
    assert held.price is not None
    assert (held.stop, held.target) == (held.price - 200.0, held.price + 150.0)


@pytest.mark.parametrize(("field", "value"), [("stop_points", 10.1), ("target_points", 0.0), ("stop_points", float("nan"))])
def test_a_distance_that_is_no_whole_ticks_is_refused(link: Link, field: str, value: float) -> None:
    """With its name."""
    update = link.gate.request(link.entry(**{field: value}))

    assert update.status is OrderStatus.REJECTED
    assert update.detail.startswith(f"PRICE: {field}")


def test_an_entry_that_follows_a_close_is_placed_once_the_position_is_flat(link: Link) -> None:
    """It is accepted and works on the bars; NinjaTrader sees it only when nothing is open, so it closes nothing a second time."""
    link.hold()
    status = turn(link)
    working = link.bridge.do("stands", link.gate.pump)
    link.bar()
    between = link.stamped().position
    link.gate.until(lambda: link.bridge.do("stands", link.gate.pump) == ["working E2"], "the entry at NinjaTrader")
    link.bar()
    held = link.stamped().position
    link.gate.until(lambda: len(link.gate.fills()) == 3, "three fills")

    assert status is OrderStatus.ACCEPTED
    assert working[0].startswith("open E1")
    assert between is not None
    assert (between.qty, between.working) == (0, ("E2",))
    assert held is not None
    assert (held.qty, held.entry_id, held.working) == (-2, "E2", ())
    assert [(fill.role, fill.qty) for fill in link.gate.fills()] == [("ENTRY", 2), ("EXIT", -2), ("ENTRY", -2)]


def test_one_that_waits_is_cancelled_on_request_and_never_placed(link: Link) -> None:
    """It has no order at NinjaTrader yet, so nothing there can fill."""
    link.hold()
    turn(link)
    link.gate.send(CancelOrder("c", "Replay", "MNQ", "E2"))
    cancelled = link.gate.update("E2", OrderStatus.CANCELLED)
    link.bar()
    link.bar()

    assert cancelled.detail == "cancelled on request"
    assert link.gate.update("c").status is OrderStatus.DONE
    assert link.bridge.do("stands", link.gate.pump) == ["flat"]


@pytest.mark.parametrize("link", [("--reject-exits", 1)], indirect=True)
def test_without_the_close_there_is_no_entry(link: Link) -> None:
    """The close is refused by NinjaTrader: the position stays, and what would follow it is refused."""
    link.hold()
    link.gate.send(ClosePosition("X1", "Replay", "MNQ", "E1", "CROSS"))
    short = link.entry("E2", action=Action.ENTER_SHORT, stop=link.last.close + 200, target=None, after="X1")
    link.gate.send(short)
    refused = link.gate.update("E2", OrderStatus.REJECTED)

    assert refused.detail.startswith(("AFTER", "POSITION"))
    assert link.bridge.do("stands", link.gate.pump)[0].startswith("open E1")

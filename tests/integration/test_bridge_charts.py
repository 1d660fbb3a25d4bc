"""Several charts in one NinjaTrader share one transport: each publishes and trades alone, and the last one closes it."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import Action, Bar, ClosePosition, OrderStatus, PlaceOrder
from tapewire.replay import tapes
from tapewire.strategies.clock import new_york
from tests.links import Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


def do(link: Link, *lines: str) -> list[str]:
    """Send commands to NinjaTrader. Returns the output of the last one."""
    output: list[str] = []
    for line in lines:
        output = link.bridge.do(line, link.gate.pump)
    return output


def bars(link: Link, instrument: str) -> list[Bar]:
    """The instrument's bars in the journal."""
    topic = f"raw.bar.{instrument}.1m."
    return list(tapes.facts(link.run, topic, Bar)) if topic in tapes.topics(link.run, topic) else []


def arrive(link: Link, instrument: str, count: int) -> None:
    """Wait for this many bars of the instrument."""
    link.gate.until(lambda: len(bars(link, instrument)) >= count, f"{count} bars of {instrument}")


def entry(instrument: str, name: str, last: Bar) -> PlaceOrder:
    until_ns = last.close_ns + 60_000_000_000
    return PlaceOrder(name, "Replay", instrument, Action.ENTER_LONG, 1, last.close - 200, last.close + 200, until_ns)


def request(link: Link, order: PlaceOrder | ClosePosition) -> OrderStatus:
    link.gate.send(order, topic=f"command.{order.instrument}.")
    return link.gate.update(order.id).status


@pytest.fixture
def two(link: Link) -> Link:
    """The strategy on MNQ, and on MES."""
    do(link, "chart MES MES ES 0", "on MES load", "on MES bar", "bar")
    arrive(link, "MES", 1)
    arrive(link, "MNQ", 2)
    return link


@pytest.mark.parametrize("link", [("--closes", "2026-03-04=13:00,2026-03-06=closed")], indirect=True)
def test_the_hello_has_the_trading_hours_of_the_chart(link: Link) -> None:
    """Today's trade date and the next ten; an early close, a closed day, and a Monday that begins on Sunday evening."""
    (chart,) = link.gate.hellos()[-1].charts
    days = {day.date: (new_york(day.opens_ns), new_york(day.closes_ns)) for day in chart.days}

    assert chart.template == "CME US Index Futures ETH"
    assert (len(days), min(days), max(days)) == (11, "2026-03-02", "2026-03-17")
    assert "2026-03-06" not in days
    assert [f"{at:%a %H:%M}" for at in days["2026-03-04"]] == ["Tue 18:00", "Wed 13:00"]
    assert [f"{at:%a %H:%M}" for at in days["2026-03-09"]] == ["Sun 18:00", "Mon 17:00"]


def test_two_strategies_trade_their_own_instruments(two: Link) -> None:
    """Orders reach their own chart, fills come from it, and one hello reports both positions and both contracts."""
    placed = [request(two, entry(name, f"E-{name}", bars(two, name)[-1])) for name in ("MNQ", "MES")]
    do(two, "bar", "on MES bar")
    two.gate.until(lambda: len(two.gate.fills()) == 2, "two fills")
    hellos = len(two.gate.hellos())
    two.gate.boot = 2
    two.gate.until(lambda: len(two.gate.hellos()) > hellos, "hello")
    positions = {each.instrument: (each.position.qty, each.position.entry_id) for each in two.gate.hellos()[-1].positions}
    charts = {each.instrument: each.contract for each in two.gate.hellos()[-1].charts}

    assert placed == [OrderStatus.ACCEPTED, OrderStatus.ACCEPTED]
    assert {(fill.instrument, fill.order_id, fill.role) for fill in two.gate.fills()} == {
        ("MNQ", "E-MNQ", "ENTRY"),
        ("MES", "E-MES", "ENTRY"),
    }
    assert positions == {"MNQ": (1, "E-MNQ"), "MES": (1, "E-MES")}
    assert charts == {"MNQ": "MNQ 03-26", "MES": "MES 03-26"}


@pytest.mark.parametrize("gone", ["MNQ", "MES"], ids=["the first", "the second"])
def test_a_strategy_that_leaves_does_not_stop_the_other(two: Link, gone: str) -> None:
    """The other continues to publish and trade; orders for the removed one are rejected with a reason; it may return."""
    stays = "MES" if gone == "MNQ" else "MNQ"
    had = len(bars(two, stays))

    do(two, f"on {gone} unload", f"on {stays} bar")
    arrive(two, stays, had + 1)
    goes_on = request(two, entry(stays, "E1", bars(two, stays)[-1]))
    refused = request(two, entry(gone, "E2", bars(two, gone)[-1]))
    do(two, f"on {gone} load", f"on {gone} bar")
    back = request(two, entry(gone, "E3", bars(two, gone)[-1]))

    assert (goes_on, refused, back) == (OrderStatus.ACCEPTED, OrderStatus.REJECTED, OrderStatus.ACCEPTED)
    assert two.gate.update("E2").detail.startswith("INSTRUMENT")


def test_an_indicator_feeds_beside_the_strategy_and_after_it(link: Link) -> None:
    """Its bars have no position and are not traded. It continues after the strategy has left and returned."""
    do(link, "chart YM YM YM 0", "on YM indicator", "on YM bar", "bar")
    arrive(link, "YM", 1)
    do(link, "unload", "on YM bar")
    arrive(link, "YM", 2)
    do(link, "load", "bar", "on YM bar")
    arrive(link, "YM", 3)
    arrive(link, "MNQ", 3)

    assert [bar.position for bar in bars(link, "YM")] == [None] * 3
    assert all(bar.position is not None for bar in bars(link, "MNQ"))
    assert request(link, entry("MNQ", "E1", bars(link, "MNQ")[-1])) is OrderStatus.ACCEPTED


def test_a_strategy_goes_on_when_the_indicator_leaves(link: Link) -> None:
    """Its bars, its orders and its fills."""
    do(link, "chart YM YM YM 0", "on YM indicator", "on YM bar", "on YM unload", "bar")
    arrive(link, "MNQ", 2)
    link.hold()

    assert [fill.order_id for fill in link.gate.fills()] == ["E1"]


def test_of_two_charts_of_one_series_the_strategy_feeds_it(link: Link) -> None:
    """Each bar is published once, with the position, although it closed first for the indicator. Without the strategy the indicator
    publishes."""
    do(link, "chart feed MNQ NQ 0", "on feed indicator", *["on feed bar"] * 3, "bar", "bar")
    arrive(link, "MNQ", 3)
    together = bars(link, "MNQ")
    do(link, "unload", "on feed bar")
    arrive(link, "MNQ", 4)
    alone = bars(link, "MNQ")[-1]

    assert all(bar.position is not None for bar in together)
    assert [bar.index for bar in together] == [together[0].index + at for at in range(3)]
    assert (alone.position, alone.index) == (None, together[-1].index + 1)


def test_a_chart_that_is_opened_again_goes_on_with_the_bar_numbers(two: Link) -> None:
    """Its history is shorter and its own count restarts, while the other chart keeps the transport alive."""
    last = bars(two, "MNQ")[-1].index

    do(two, "unload", "chart again MNQ NQ 100", "on again load", *["on again bar"] * 4)
    arrive(two, "MNQ", 4)

    assert [bar.index for bar in bars(two, "MNQ")[2:]] == [last + 1, last + 2]


def test_the_last_to_leave_releases_the_sockets(two: Link) -> None:
    """In any order; until then they are shared. A later chart opens them again."""
    do(two, "chart YM YM YM 0", "on YM indicator")
    shared = do(two, "sockets")
    do(two, "unload", "on YM unload")
    still = do(two, "sockets")
    do(two, "on MES unload")
    released = do(two, "sockets")
    do(two, "load", "bar")
    arrive(two, "MNQ", 3)

    assert shared == still != ["0"]
    assert released == ["0"]

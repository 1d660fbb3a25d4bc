"""A stop or a target as a distance from the fill: in the proposal, at the gate, in the books and at the venue."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tapewire.bus.messages import (
    LONG,
    SHORT,
    Action,
    Direction,
    Execution,
    MoveBracket,
    OrderEvent,
    OrderStatus,
    PlaceOrder,
    Reason,
    Signal,
    Trade,
)
from tapewire.bus.testing import bar, eastern, intent, session
from tapewire.daemons.gate.books.orders import Order
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import RiskLimits
from tapewire.replay.venue.core import Venue
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal
from tapewire.strategies.roster import Roster
from tests.crossing import bars, of, played, settings
from tests.gates import ACCOUNT, Desk, conf
from tests.mean_cross import MeanCross

# --- the proposal ----------------------------------------------------------------------------------------------------------------


class Proposing:
    """A strategy that proposes what it is given, on every bar."""

    name = "Proposing"
    setups = ("ANY",)

    def __init__(self, **fields: Any) -> None:
        given = {"strategy": self.name, "setup": "ANY", "direction": LONG, "entry": 100.0, "reason": "a test"}
        self.proposal = Proposal(**(given | fields))

    def start(self, session: str) -> None:
        pass

    def update(self, s: object) -> None:
        pass

    def propose(self, s: object) -> Proposal:
        return self.proposal

    def consume(self, proposal: Proposal) -> None:
        pass


def chosen(**fields: Any) -> tuple[list[Proposal], list[str]]:
    """What a roster makes of it, and why it switched the strategy off."""
    roster = Roster([Proposing(**fields)], "15:59")
    s = session("11:00")
    roster.fold(s)
    return roster.choose(s), [failure.why for failure in roster.failures]


@pytest.mark.parametrize(
    ("fields", "stop", "target"),
    [
        ({"stop_points": 10.0, "target_points": 20.0}, 90.0, 120.0),
        ({"stop_points": 10.0}, 90.0, None),
        ({"stop_points": 10.0, "target": 130.0}, 90.0, 130.0),
        ({"stop": 95.0, "target_points": 20.0}, 95.0, 120.0),
        ({"stop_points": 10.0, "target_points": 20.0, "direction": SHORT}, 110.0, 80.0),
        ({"stop_points": 10.0, "limit": 98.0}, 88.0, None),
    ],
)
def test_a_distance_also_stands_as_a_price(fields: dict[str, Any], stop: float, target: float | None) -> None:
    """Where it is if the entry fills at its own price, or its limit: every later check goes by that."""
    (proposal,), _ = chosen(**fields)

    assert (proposal.stop, proposal.target) == (stop, target)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "stop = None, stop_points = None: write one of them"),
        ({"stop": 90.0, "stop_points": 10.0}, "stop = 90.0, stop_points = 10.0: write one of them"),
        ({"stop": 90.0, "target": 120.0, "target_points": 20.0}, "target = 120.0, target_points = 20.0: write one of them"),
        ({"stop_points": 0.0}, "write distances above 0"),
        ({"stop_points": -1.0}, "write distances above 0"),
        ({"stop_points": 1.0, "target_points": 0.0}, "write distances above 0"),
        ({"stop_points": float("nan")}, "stop_points is nan"),
    ],
)
def test_a_bracket_is_said_in_one_way(fields: dict[str, Any], why: str) -> None:
    """Else the strategy is switched off, as for any other proposal that cannot be traded."""
    proposals, (failure,) = chosen(**fields)

    assert not proposals
    assert why in failure


# --- the gate --------------------------------------------------------------------------------------------------------------------


def placed(desk: Desk, action: Action = Action.ENTER_LONG, **fields: Any) -> PlaceOrder:
    desk.enter(action=action, **fields)
    return desk.bodies(PlaceOrder)[-1]


def entry(desk: Desk) -> Order:
    order = desk.gate.orders.get(desk.bodies(PlaceOrder)[-1].id)
    assert order is not None
    return order


def test_the_order_has_the_distances_of_the_rounded_bracket() -> None:
    """A stop goes away from the entry and a target toward it, so the distances are whole ticks."""
    order = placed(Desk(), stop=20_989.9, stop_points=10.1, target=21_020.2, target_points=20.2)

    assert (order.stop, order.stop_points) == (20_989.75, 10.25)
    assert (order.target, order.target_points) == (21_020.0, 20.0)


def test_a_price_stays_a_price() -> None:
    """Also beside a distance."""
    order = placed(Desk(), stop_points=20.0)

    assert (order.stop_points, order.target, order.target_points) == (20.0, 21_040.0, msgspec.UNSET)


@pytest.mark.parametrize("name", ["stop_points", "target_points"])
def test_a_distance_that_is_no_number_is_refused(name: str) -> None:
    """The wire may carry one; the reason names it."""
    (decision,) = Desk().ask(intent(**{name: float("nan")}))

    assert decision.reason is Reason.NOT_FINITE
    assert name in decision.detail


def test_the_size_goes_by_the_distance() -> None:
    """Risk is what is between the entry's price and its stop, wherever it fills."""
    order = placed(Desk(conf(risk=RiskLimits(budget=400.0))), stop=20_990.0, stop_points=10.0)

    assert order.qty == 20  # 400 $ at 20 $ a contract


@pytest.mark.parametrize(
    ("action", "stop", "target", "expected"),
    [
        (Action.ENTER_LONG, 20_990.0, 21_020.0, (20_993.25, 21_023.25)),
        (Action.ENTER_SHORT, 21_010.0, 20_980.0, (21_013.25, 20_983.25)),
    ],
)
def test_the_books_have_the_bracket_where_the_fill_puts_it(
    action: Action, stop: float, target: float, expected: tuple[float, float]
) -> None:
    """In the order, its event and the trade; the signal keeps what followers may go by, the prices of the proposal."""
    desk = Desk()
    order = placed(desk, action, stop=stop, target=target, stop_points=10.0, target_points=20.0)
    sign = 1 if action is Action.ENTER_LONG else -1
    desk.filled(order.id, sign, 21_003.25)
    desk.filled(order.id, -sign, expected[1], "TARGET", at="11:05")

    filled, (trade,), (signal,) = desk.bodies(OrderEvent)[0], desk.bodies(Trade), desk.bodies(Signal)
    assert (filled.stop, filled.target) == (trade.stop, trade.target) == expected
    assert (signal.stop, signal.target) == (stop, target)


def test_several_fills_count_by_their_average() -> None:
    """As the books count the position; the stop is on the tick, away from the entry."""
    desk = Desk(conf(risk=RiskLimits(contracts=3)))
    order = placed(desk, stop=20_990.0, stop_points=10.0)
    desk.filled(order.id, 1, 21_000.0)
    first = entry(desk).stop
    desk.filled(order.id, 2, 21_000.5, number=2)

    assert (first, entry(desk).stop) == (20_990.0, 20_990.25)  # 21,000.33 less 10 is 20,990.33


def test_a_stop_that_was_moved_is_counted_from_no_later_fill() -> None:
    """The rest of a partly filled entry does not put it back; and from then on it only tightens."""
    desk = Desk(conf(risk=RiskLimits(contracts=2)))
    order = placed(desk, stop=20_990.0, stop_points=10.0)
    desk.filled(order.id, 1, 21_000.0)
    (moved,) = desk.ask(intent(Action.MOVE_STOP, at="11:01", stop=20_995.0, entry_id=order.id), at="11:01")
    assert moved.approved, moved.detail
    desk.updated(moved.order_id, OrderStatus.DONE, stop=20_995.0)
    desk.filled(order.id, 1, 21_004.0, number=2)

    assert entry(desk).stop == 20_995.0


# --- the venue -------------------------------------------------------------------------------------------------------------------


def order_at_100(**fields: Any) -> PlaceOrder:
    given = {
        "id": "IN",
        "account": ACCOUNT,
        "instrument": "MNQ",
        "action": Action.ENTER_LONG,
        "qty": 1,
        "stop": 90.0,
        "target": 120.0,
    }
    return PlaceOrder(**(given | {"valid_until_ns": eastern("11:05")} | fields))


@pytest.mark.parametrize(
    ("fields", "bracket"),
    [
        ({}, (90.0, 120.0)),
        ({"stop_points": 10.0, "target_points": 20.0}, (93.25, 123.25)),
        ({"stop_points": 10.0}, (93.25, 120.0)),
        ({"target_points": 20.0}, (90.0, 123.25)),
        (
            {"action": Action.ENTER_SHORT, "stop": 110.0, "target": 80.0, "stop_points": 10.0, "target_points": 20.0},
            (112.75, 82.75),
        ),
    ],
)
def test_the_simulated_venue_puts_it_where_the_fill_is(fields: dict[str, Any], bracket: tuple[float, float]) -> None:
    """A gap of three points and a tick of slippage: a distance moves with them, a price does not."""
    venue = Venue(instruments(), ACCOUNT)
    venue.on_bar(bar("11:00", 100.0))
    venue.on_order(order_at_100(**fields))
    (fill,) = venue.on_bar(bar("11:01", 103.0))

    position = venue.position("MNQ")
    assert isinstance(fill, Execution)
    assert (position.stop, position.target) == bracket


def test_the_stop_counts_on_the_bar_of_the_fill_and_may_be_moved() -> None:
    """A stop ten points below an entry at 103.25 is touched at 93.25, and not at 90."""
    venue = Venue(instruments(), ACCOUNT)
    venue.on_bar(bar("11:00", 100.0))
    venue.on_order(order_at_100(stop_points=10.0, target=None))
    filled = venue.on_bar(bar("11:01", 103.0, low=93.5))
    venue.on_order(MoveBracket("M", ACCOUNT, "MNQ", "IN", stop=95.0))
    stopped = venue.on_bar(bar("11:02", 103.0, low=95.0))

    assert [(each.role, each.price) for each in (*filled, *stopped)] == [("ENTRY", 103.25), ("STOP", 94.75)]  # type: ignore[union-attr]


@pytest.mark.parametrize("points", [0.0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["stop_points", "target_points"])
def test_the_venue_refuses_what_is_no_distance(name: str, points: float) -> None:
    """It checks what the gate has checked."""
    venue = Venue(instruments(), ACCOUNT)
    venue.on_bar(bar("11:00", 100.0))

    (refused,) = venue.on_order(order_at_100(**{name: points}))

    assert name in refused.detail  # type: ignore[union-attr]


# --- all of it -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "prices"), [(LONG, ("stop", 8.0)), (SHORT, ("target", 4.0))])
def test_a_run_with_gaps_has_every_bracket_at_its_distance(
    direction: Direction, prices: tuple[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bar opens three points away from the last close; each trade's stop and target are at their distances all the same."""
    monkeypatch.setitem(registry.BUILT_IN, "mean_cross", MeanCross)  # type: ignore[arg-type]
    changes = {"mean_cross__stop_points": 8.0, "mean_cross__target_points": 4.0, "mean_cross__reverses": True}

    trades = of(played(settings(**changes), bars(gap=3.0)), Trade)

    name, distance = prices
    own = [trade for trade in trades if trade.direction == direction]
    assert own
    assert {abs(getattr(trade, name) - trade.entry_price) for trade in own} == {distance}

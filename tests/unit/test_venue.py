"""The simulated venue by small candle tables. MNQ: tick 0.25, one tick of slippage, 62 cents a side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.errors import ConfError, InvariantError
from tapewire.bus.messages import (
    Ack,
    Action,
    Bar,
    CancelOrder,
    ClosePosition,
    Execution,
    MoveBracket,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Position,
)
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.fills import CLOSE, NEXT_OPEN
from tapewire.daemons.settings.load import instruments
from tapewire.replay import runs
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport

ACCOUNT = "Sim101"
LONG, SHORT = Action.ENTER_LONG, Action.ENTER_SHORT
SIGNAL_BAR = bar("11:00", 100.0, index=10)

Candle = tuple[float, float, float, float]


def entry(action: Action = LONG, **fields: Any) -> PlaceOrder:
    """One contract at 100 with the stop 10 and the target 20 points away."""
    sign = 1 if action is LONG else -1
    given = {
        "id": "IN",
        "account": ACCOUNT,
        "instrument": "MNQ",
        "action": action,
        "qty": 1,
        "stop": 100.0 - 10 * sign,
        "target": 100.0 + 20 * sign,
        "valid_until_ns": eastern("11:02"),
    }
    return PlaceOrder(**{**given, **fields})


def close(order_id: str = "OUT", entry_id: str = "IN", account: str = ACCOUNT) -> ClosePosition:
    return ClosePosition(order_id, account, "MNQ", entry_id, "EOD")


def at(minute: int, candle: Candle) -> Bar:
    """Bar number `minute` after the signal bar."""
    opened, high, low, closed = candle
    return bar(f"11:{minute:02}", opened, closed, high=high, low=low, index=10 + minute)


def opened(fill: str = NEXT_OPEN) -> Venue:
    """A venue after the signal bar."""
    venue = Venue(instruments(), ACCOUNT, fill)
    venue.on_bar(SIGNAL_BAR)
    return venue


def fills(reports: list[VenueReport]) -> list[tuple[str, int, float]]:
    """Role, quantity and price of each execution."""
    return [(report.role, report.qty, report.price) for report in reports if isinstance(report, Execution)]


def statuses(reports: list[VenueReport]) -> list[tuple[str, OrderStatus]]:
    return [(report.order_id, report.status) for report in reports if isinstance(report, OrderUpdate)]


@pytest.mark.parametrize(
    ("story", "action", "candles", "expected"),
    [
        ("nothing touched: the entry fills at the open, and stays", LONG, [(100, 101, 99, 100)], [("ENTRY", 1, 100.25)]),
        ("a short sells one tick lower", SHORT, [(100, 101, 99, 100)], [("ENTRY", -1, 99.75)]),
        (
            "the stop is touched exactly",
            LONG,
            [(100, 101, 99, 100), (95, 96, 90, 95)],
            [("ENTRY", 1, 100.25), ("STOP", -1, 89.75)],
        ),
        ("one tick above the stop nothing happens", LONG, [(100, 101, 99, 100), (95, 96, 90.25, 95)], [("ENTRY", 1, 100.25)]),
        (
            "the target is touched exactly, and pays slippage too",
            LONG,
            [(100, 101, 99, 100), (115, 120, 110, 115)],
            [("ENTRY", 1, 100.25), ("TARGET", -1, 119.75)],
        ),
        ("one tick below the target nothing happens", LONG, [(100, 101, 99, 100), (115, 119.75, 110, 115)], [("ENTRY", 1, 100.25)]),
        (
            "stop and target on one bar: the stop",
            LONG,
            [(100, 101, 99, 100), (100, 125, 85, 100)],
            [("ENTRY", 1, 100.25), ("STOP", -1, 89.75)],
        ),
        (
            "a gap through the stop fills at the open",
            LONG,
            [(100, 101, 99, 100), (80, 125, 79, 100)],
            [("ENTRY", 1, 100.25), ("STOP", -1, 79.75)],
        ),
        (
            "a gap through the target fills at the open, though the stop is touched later",
            LONG,
            [(100, 101, 99, 100), (130, 131, 85, 100)],
            [("ENTRY", 1, 100.25), ("TARGET", -1, 129.75)],
        ),
        (
            "an open exactly at the stop is beyond it",
            LONG,
            [(100, 101, 99, 100), (90, 95, 90, 95)],
            [("ENTRY", 1, 100.25), ("STOP", -1, 89.75)],
        ),
        (
            "the bar of the entry is tested against the bracket",
            LONG,
            [(100, 101, 89, 95)],
            [("ENTRY", 1, 100.25), ("STOP", -1, 89.75)],
        ),
        (
            "an entry that opens beyond its stop is out at once",
            LONG,
            [(85, 86, 84, 85)],
            [("ENTRY", 1, 85.25), ("STOP", -1, 84.75)],
        ),
        (
            "short: stopped above",
            SHORT,
            [(100, 101, 99, 100), (105, 110, 104, 105)],
            [("ENTRY", -1, 99.75), ("STOP", 1, 110.25)],
        ),
        (
            "short: a gap up through the stop",
            SHORT,
            [(100, 101, 99, 100), (115, 116, 70, 100)],
            [("ENTRY", -1, 99.75), ("STOP", 1, 115.25)],
        ),
        (
            "short: the target below",
            SHORT,
            [(100, 101, 99, 100), (85, 86, 80, 85)],
            [("ENTRY", -1, 99.75), ("TARGET", 1, 80.25)],
        ),
        (
            "short: a gap down through the target",
            SHORT,
            [(100, 101, 99, 100), (75, 120, 74, 80)],
            [("ENTRY", -1, 99.75), ("TARGET", 1, 75.25)],
        ),
    ],
)
def test_candles_against_entry_and_bracket(
    story: str, action: Action, candles: list[Candle], expected: list[tuple[str, int, float]]
) -> None:
    """Entry at 100 decided at 11:00, fill model next_open; stop 10 and target 20 points away (playbook 5.1)."""
    venue = opened()
    venue.on_order(entry(action))

    reports = [report for number, candle in enumerate(candles, 1) for report in venue.on_bar(at(number, candle))]

    assert fills(reports) == expected, story


def test_without_a_target_nothing_is_sold_above() -> None:
    """A null target places no order: no price closes the position at a profit."""
    venue = opened()
    venue.on_order(entry(target=None))
    venue.on_bar(at(1, (100, 101, 99, 100)))

    assert venue.on_bar(at(2, (500, 900, 400, 800))) == []


def test_an_exit_fills_at_the_open_before_the_bracket_is_tested() -> None:
    """The next bar opens at 95 and falls through the stop: the position is closed at 95."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 100)))
    accepted = venue.on_order(close())
    reports = venue.on_bar(at(2, (95, 96, 80, 85)))

    assert statuses(accepted) == [("OUT", OrderStatus.ACCEPTED)]
    assert fills(reports) == [("EXIT", -1, 94.75)]
    assert reports[0].order_id == "OUT"
    assert venue.position("MNQ").qty == 0


def test_a_stop_moved_on_a_bar_protects_from_the_next() -> None:
    """The low of 92 came before the stop of 95 existed; the next low of 95 is the first that can hit it."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 92, 100)))
    (moved,) = venue.on_order(MoveBracket("MOVE", ACCOUNT, "MNQ", "IN", stop=95.0))

    assert isinstance(moved, OrderUpdate)
    assert (moved.status, moved.stop, moved.target) == (OrderStatus.DONE, 95.0, 120.0)
    assert fills(venue.on_bar(at(2, (100, 101, 95.25, 100)))) == []
    assert fills(venue.on_bar(at(3, (100, 101, 95, 100)))) == [("STOP", -1, 94.75)]


def test_a_moved_target_leaves_the_stop() -> None:
    """None in a move means: as it is."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 100)))
    venue.on_order(MoveBracket("MOVE", ACCOUNT, "MNQ", "", target=105.0))

    assert (venue.position("MNQ").stop, venue.position("MNQ").target) == (90.0, 105.0)


# --- the fill model `close` -------------------------------------------------------------------------------------------


def test_at_the_close_an_entry_fills_at_once_and_is_tested_from_the_next_bar() -> None:
    """Filled at the close of the deciding bar, whose own low no longer matters."""
    venue = Venue(instruments(), ACCOUNT, CLOSE)
    venue.on_bar(bar("11:00", 100.0, high=130.0, low=80.0, index=10))
    reports = venue.on_order(entry())

    assert statuses(reports) == [("IN", OrderStatus.ACCEPTED)]
    assert fills(reports) == [("ENTRY", 1, 100.25)]
    assert isinstance(reports[1], Execution)
    assert (reports[1].bar_ns, reports[1].bar_index) == (eastern("11:00"), 10)
    assert fills(venue.on_bar(at(1, (99, 101, 90, 100)))) == [("STOP", -1, 89.75)]


def test_at_the_close_an_exit_fills_at_once() -> None:
    """The same bar's close, one tick worse."""
    venue = opened(CLOSE)
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 105, 99, 104)))

    assert fills(venue.on_order(close())) == [("EXIT", -1, 103.75)]


def test_an_unknown_fill_model_is_refused() -> None:
    """The error names the defined models."""
    with pytest.raises(ConfError, match="known: next_open, close"):
        Venue(instruments(), ACCOUNT, "perfect")


# --- the end of a trade date ------------------------------------------------------------------------------------------


def test_a_position_left_open_ends_at_the_last_close_of_its_date() -> None:
    """The first bar of the evening closes it at the close of 17:00, and as of that bar."""
    venue = opened()
    venue.on_order(entry(target=None))
    venue.on_bar(at(1, (100, 101, 99, 100)))
    venue.on_bar(bar("17:00", 104.0, 105.0, index=370))
    reports = venue.on_bar(bar("18:01", 50.0, index=371))

    assert fills(reports) == [("SESSION_END", -1, 104.75)]
    assert isinstance(reports[0], Execution)
    assert (reports[0].order_id, reports[0].bar_ns, reports[0].bar_index) == ("IN", eastern("17:00"), 370)


def test_midnight_does_not_end_a_trade_date() -> None:
    """From 18:01 to 17:00 is one date: a position opened in the evening is still there in the morning."""
    venue = Venue(instruments(), ACCOUNT)
    venue.on_bar(bar("18:01", 100.0, day="2026-03-03", index=0))
    venue.on_order(entry(valid_until_ns=eastern("18:03")))
    venue.on_bar(bar("18:02", 100.0, day="2026-03-03", index=1))

    assert venue.on_bar(bar("09:31", 100.0, day="2026-03-04", index=2)) == []
    assert venue.position("MNQ").qty == 1


def test_a_working_exit_keeps_its_reason_at_the_end_of_the_date() -> None:
    """The exit was already decided: this order fills, at the last close."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 104)))
    venue.on_order(close())
    reports = venue.on_bar(bar("18:01", 50.0, index=12))

    assert fills(reports) == [("EXIT", -1, 103.75)]
    assert reports[0].order_id == "OUT"


def test_a_working_entry_is_cancelled_at_the_end_of_the_date() -> None:
    """It never fills in another session."""
    venue = opened()
    venue.on_order(entry())
    reports = venue.on_bar(bar("18:01", 100.0, index=11))

    assert statuses(reports) == [("IN", OrderStatus.CANCELLED)]
    assert fills(reports) == []
    assert venue.position("MNQ").working == ()


def test_the_end_of_the_data_is_the_end_of_a_date() -> None:
    """A recording may stop at any bar; an open position ends at its last close."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 101)))

    assert fills(venue.finish()) == [("SESSION_END", -1, 100.75)]
    assert venue.finish() == []


# --- bars with volume 0 (playbook 5.1) --------------------------------------------------------------------------------

QUIET = (100.0, 101.0, 99.0, 100.0)


def empty(minute: int, candle: Candle = QUIET) -> Bar:
    """As `at`, and nobody traded."""
    return msgspec.structs.replace(at(minute, candle), volume=0)


def test_a_market_entry_waits_for_a_bar_that_trades() -> None:
    """It fills at the open of the first bar with volume, here the last one before it would be too late."""
    venue = opened()
    venue.on_order(entry())
    waiting = venue.on_bar(empty(1))
    working = venue.position("MNQ").working

    assert (waiting, working) == ([], ("IN",))
    assert fills(venue.on_bar(at(2, (105, 106, 104, 105)))) == [("ENTRY", 1, 105.25)]


@pytest.mark.parametrize("limit", [None, 100.0])
def test_an_entry_whose_validity_ends_on_an_empty_bar_is_cancelled(limit: float | None) -> None:
    """Late signals are never carried out, whatever kind of order they are."""
    venue = opened()
    venue.on_order(entry(limit=limit))
    waiting = venue.on_bar(empty(1))
    (cancelled,) = venue.on_bar(empty(2))

    assert waiting == []
    assert isinstance(cancelled, OrderUpdate)
    assert (cancelled.status, cancelled.detail) == (OrderStatus.CANCELLED, "nothing was traded in time")
    assert venue.on_bar(at(3, QUIET)) == []


def test_a_limit_is_not_reached_where_nobody_trades() -> None:
    """The empty bar shows the limit's price; the next one, which trades there, fills it."""
    venue = opened()
    venue.on_order(resting())

    assert venue.on_bar(empty(1, (101, 102, 99, 101))) == []
    assert fills(venue.on_bar(at(2, (101, 102, 100, 101)))) == [("ENTRY", 1, 100.0)]


@pytest.mark.parametrize(
    ("story", "candle", "later", "expected"),
    [
        ("a stop that was passed fills at the next traded open", (85, 86, 84, 85), (80, 81, 79, 80), [("STOP", -1, 79.75)]),
        ("a stop that was touched and left again holds", (95, 96, 85, 95), QUIET, []),
        (
            "a target that was passed fills at the next traded open",
            (125, 126, 124, 125),
            (121, 122, 120, 121),
            [("TARGET", -1, 120.75)],
        ),
        ("a target that was touched and left again waits", (100, 125, 100, 101), QUIET, []),
    ],
)
def test_the_bracket_rests_where_nobody_trades(
    story: str, candle: Candle, later: Candle, expected: list[tuple[str, int, float]]
) -> None:
    """Prices of an empty bar touch nothing; the next bar with volume decides."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, QUIET))

    assert venue.on_bar(empty(2, candle)) == []
    assert fills(venue.on_bar(at(3, later))) == expected, story


def test_an_exit_waits_for_a_bar_that_trades() -> None:
    """It stays working, however many bars are empty, and fills before the bracket is tested."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, QUIET))
    venue.on_order(close())
    waiting = [venue.on_bar(empty(minute, (80, 81, 79, 80))) for minute in (2, 3, 4)]
    working = venue.position("MNQ").working

    assert (waiting, working) == ([[], [], []], ("OUT",))
    assert fills(venue.on_bar(at(5, (85, 86, 84, 85)))) == [("EXIT", -1, 84.75)]


def test_at_the_close_of_an_empty_bar_nothing_fills() -> None:
    """With the model `close`, entry and exit fill at the next traded open instead."""
    venue = Venue(instruments(), ACCOUNT, CLOSE)
    venue.on_bar(empty(0))
    accepted = venue.on_order(entry())
    entered = venue.on_bar(at(1, QUIET))
    venue.on_bar(empty(2))
    closing = venue.on_order(close())
    left = venue.on_bar(at(3, (103, 104, 102, 103)))

    assert [fills(reports) for reports in (accepted, closing)] == [[], []]
    assert fills(entered) == [("ENTRY", 1, 100.25)]
    assert fills(left) == [("EXIT", -1, 102.75)]


@pytest.mark.parametrize(("working_exit", "role"), [(False, "SESSION_END"), (True, "EXIT")])
def test_data_that_end_on_empty_bars_still_end_flat(working_exit: bool, role: str) -> None:
    """The day ends at the last close that traded, as of the last bar: not at a price that nobody paid, and not with a position."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 101)))
    venue.on_bar(empty(2, (90, 90, 90, 90)))
    if working_exit:
        venue.on_order(close())
    (report,) = venue.finish()

    assert fills([report]) == [(role, -1, 100.75)]
    assert isinstance(report, Execution)
    assert report.bar_index == 12
    assert venue.position("MNQ").qty == 0


def test_empty_bars_fill_when_asked_to() -> None:
    """`--fill-empty`: an empty bar is a bar like any other."""
    venue = Venue(instruments(), ACCOUNT, fill_empty=True)
    venue.on_bar(SIGNAL_BAR)
    venue.on_order(entry())

    assert fills(venue.on_bar(empty(1))) == [("ENTRY", 1, 100.25)]
    assert fills(venue.on_bar(empty(2, (95, 96, 85, 95)))) == [("STOP", -1, 89.75)]


@pytest.mark.parametrize("fill_empty", [False, True])
def test_the_configuration_of_a_run_says_whether_empty_bars_fill(fill_empty: bool, tmp_path: Path) -> None:
    """Backtest and replay make their venue from it, and run.json keeps it for whoever asks later."""
    chosen = configuration.preset("seed")
    configuration.write(
        configuration.load("replay", instance="test", traded=["MNQ"], preset=chosen, fill_empty=fill_empty), tmp_path
    )
    venue = runs.venue(configuration.read(tmp_path))
    venue.on_bar(SIGNAL_BAR)
    venue.on_order(entry(account=venue.account))

    assert bool(fills(venue.on_bar(empty(1)))) is fill_empty


# --- the venue's account ----------------------------------------------------------------------------------------------


def test_the_position_is_told_as_it_stands() -> None:
    """Flat, working, open, flat again with what it earned: 19.50 points, less two sides."""
    venue = opened()
    assert venue.position("MNQ") == Position(ACCOUNT)

    venue.on_order(entry())
    assert venue.position("MNQ") == Position(ACCOUNT, working=("IN",))

    venue.on_bar(at(1, (100, 101, 99, 100)))
    assert venue.position("MNQ") == Position(ACCOUNT, 1, 100.25, "IN", 90.0, 120.0)

    venue.on_order(close())
    assert venue.position("MNQ").working == ("OUT",)

    venue.on_bar(at(2, (120, 121, 119, 120)))
    assert venue.position("MNQ") == Position(ACCOUNT, realised=39.0 - 1.24)


def test_realised_profit_starts_anew_with_the_trade_date() -> None:
    """The result of one date does not count in the next, also when the change of date realised it."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 105)))
    venue.on_bar(bar("18:01", 105.0, index=12))

    assert venue.position("MNQ") == Position(ACCOUNT)


def test_a_bar_that_is_not_later_is_ignored() -> None:
    """A repeated or late bar fills nothing (playbook 1.1)."""
    venue = opened()
    venue.on_order(entry())

    assert venue.on_bar(bar("11:00", 50.0)) == []
    assert venue.on_bar(bar("10:59", 50.0)) == []
    assert fills(venue.on_bar(at(1, (100, 101, 99, 100)))) == [("ENTRY", 1, 100.25)]


# --- refusals, duplicates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (entry(account="Other"), "account 'Other' is not known here, only 'Sim101'"),
        (entry(instrument="XX"), "XX is not traded here"),
        (entry(instrument="MES"), "no bar of MES yet, so there is no market"),
        (entry(qty=0), "quantity 0; at least 1 contract"),
        (entry(qty=-1), "quantity -1; at least 1 contract"),
        (entry(stop=100.0), "stop 100.0 is on the wrong side of the market at 100.0"),
        (entry(SHORT, stop=99.0), "stop 99.0 is on the wrong side of the market at 100.0"),
        (entry(stop=float("nan")), "stop nan, target 120.0: not prices"),
        (entry(valid_until_ns=eastern("11:00") - 1), f"valid until {eastern('11:00') - 1}, it is {eastern('11:00')}"),
        (entry(Action.EXIT, stop=90.0), "EXIT opens no position"),
        (close(), "no position in MNQ"),
        (close(account="Other"), "account 'Other' is not known here, only 'Sim101'"),
        (MoveBracket("MOVE", ACCOUNT, "MNQ", "IN", stop=95.0), "no position in MNQ"),
        (CancelOrder("CANCEL", ACCOUNT, "MNQ", "IN"), "IN is not working"),
    ],
)
def test_refusals_say_why(order: Any, detail: str) -> None:
    """No state changes, and the reason is a sentence."""
    venue = opened()
    (report,) = venue.on_order(order)

    assert isinstance(report, OrderUpdate)
    assert (report.order_id, report.status, report.detail) == (order.id, OrderStatus.REJECTED, detail)
    assert venue.position("MNQ") == Position(ACCOUNT)


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (entry(id="SECOND"), "IN is open or working; one position per instrument"),
        (close(entry_id="ELSE"), "the position was opened by IN, not by ELSE"),
        (MoveBracket("MOVE", ACCOUNT, "MNQ", "IN", stop=float("inf")), "stop inf, target None: not prices"),
    ],
)
def test_refusals_in_a_position(order: Any, detail: str) -> None:
    """One entry at a time, and a close must name the open position."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 100)))
    (report,) = venue.on_order(order)

    assert isinstance(report, OrderUpdate)
    assert (report.status, report.detail) == (OrderStatus.REJECTED, detail)


def test_a_second_close_is_refused_while_the_first_works() -> None:
    """The position can only be closed once."""
    venue = opened()
    venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 99, 100)))
    venue.on_order(close())

    assert statuses(venue.on_order(close("AGAIN"))) == [("AGAIN", OrderStatus.REJECTED)]
    assert fills(venue.on_bar(at(2, (100, 101, 99, 100)))) == [("EXIT", -1, 99.75)]


def test_a_cancelled_entry_never_fills() -> None:
    """Both orders get a report: the entry is CANCELLED, the request to cancel is DONE."""
    venue = opened()
    venue.on_order(entry())
    reports = venue.on_order(CancelOrder("CANCEL", ACCOUNT, "MNQ", "IN"))

    assert statuses(reports) == [("IN", OrderStatus.CANCELLED), ("CANCEL", OrderStatus.DONE)]
    assert venue.on_bar(at(1, (100, 101, 99, 100))) == []


@pytest.mark.parametrize("fill", [NEXT_OPEN, CLOSE])
def test_a_repeated_order_is_answered_again_and_not_carried_out(fill: str) -> None:
    """The same reports with the same ids, also long after the position is closed."""
    venue = opened(fill)
    first = venue.on_order(entry())
    venue.on_bar(at(1, (100, 101, 85, 90)))

    assert venue.on_order(entry()) == first
    assert venue.on_bar(at(2, (100, 101, 99, 100))) == []
    assert venue.position("MNQ").qty == 0


def test_ids_follow_from_what_happened() -> None:
    """Two venues with the same history report the same; executions of one order are numbered."""

    def story() -> list[VenueReport]:
        venue = opened()
        return [*venue.on_order(entry()), *venue.on_bar(at(1, (100, 101, 85, 90)))]

    assert story() == story()
    assert [report.id for report in story()] == ["MNQ-IN-U1", "MNQ-IN-E1", "MNQ-IN-E2"]


def test_what_is_not_an_order_is_a_bug_of_ours() -> None:
    """The gate sends the venue orders and nothing else."""
    with pytest.raises(InvariantError, match="takes orders, not Ack"):
        opened().on_order(Ack("x"))


# --- entries that rest at a limit (playbook 8.5) ---------------------------------------------------------------------


def resting(action: Action = LONG, **fields: Any) -> PlaceOrder:
    """One contract at a limit of 100, good for three bars."""
    return entry(action, **{"limit": 100.0, "valid_until_ns": eastern("11:03"), **fields})


@pytest.mark.parametrize("fill", [NEXT_OPEN, CLOSE])
@pytest.mark.parametrize(
    ("story", "action", "candles", "expected"),
    [
        ("the low stays one tick above the limit", LONG, [(101, 102, 100.25, 101)], []),
        ("the limit is touched exactly: no slippage", LONG, [(101, 102, 100, 101)], [("ENTRY", 1, 100.0)]),
        ("it is passed: still the limit", LONG, [(101, 102, 95, 96)], [("ENTRY", 1, 100.0)]),
        ("the bar opens beyond it: the open is better", LONG, [(98, 99, 97, 98)], [("ENTRY", 1, 98.0)]),
        ("a later bar comes to it", LONG, [(101, 102, 101, 101), (101, 101, 99, 101)], [("ENTRY", 1, 100.0)]),
        ("a short waits for a high", SHORT, [(99, 99.75, 98, 99)], []),
        ("a short is touched exactly", SHORT, [(99, 100, 98, 99)], [("ENTRY", -1, 100.0)]),
        ("a short opens beyond it", SHORT, [(102, 103, 101, 102)], [("ENTRY", -1, 102.0)]),
        ("the bar of the fill does not credit the target", LONG, [(101, 125, 99, 121)], [("ENTRY", 1, 100.0)]),
        (
            "the next bar does, at its open",
            LONG,
            [(101, 125, 99, 121), (121, 122, 119, 120)],
            [("ENTRY", 1, 100.0), ("TARGET", -1, 120.75)],
        ),
        (
            "the next bar does, at the price",
            SHORT,
            [(99, 101, 75, 90), (90, 91, 80, 85)],
            [("ENTRY", -1, 100.0), ("TARGET", 1, 80.25)],
        ),
        ("the stop counts on the bar of the fill", LONG, [(101, 125, 90, 121)], [("ENTRY", 1, 100.0), ("STOP", -1, 89.75)]),
        ("one tick above the stop it does not", LONG, [(101, 125, 90.25, 121)], [("ENTRY", 1, 100.0)]),
        ("an open beyond the stop fills and stops", LONG, [(88, 89, 87, 88)], [("ENTRY", 1, 88.0), ("STOP", -1, 87.75)]),
    ],
)
def test_a_limit_entry_rests_until_the_price_comes(
    story: str, action: Action, candles: list[Candle], expected: list[tuple[str, int, float]], fill: str
) -> None:
    """At the limit or better, on a bar after the deciding one, with any fill model; its own bar may stop it out only."""
    venue = opened(fill)
    reports = venue.on_order(resting(action))
    for minute, candle in enumerate(candles, 1):
        reports = reports + venue.on_bar(at(minute, candle))

    assert fills(reports) == expected, story


def test_a_limit_entry_works_until_it_is_too_late_and_is_then_cancelled() -> None:
    """The bar that closes at the last moment may still fill it; when it does not, the order has ended for good."""
    venue = opened()
    venue.on_order(resting())
    away = (101.0, 102.0, 100.5, 101.0)
    waiting = [venue.on_bar(at(minute, away)) for minute in (1, 2)]
    working = venue.position("MNQ").working
    (cancelled,) = venue.on_bar(at(3, away))

    assert (waiting, working) == ([[], []], ("IN",))
    assert isinstance(cancelled, OrderUpdate)
    assert (cancelled.order_id, cancelled.status, cancelled.detail) == (
        "IN",
        OrderStatus.CANCELLED,
        "the limit 100.0 was not reached in time",
    )
    assert venue.position("MNQ") == Position(ACCOUNT)
    assert venue.on_bar(at(4, (101, 101, 90, 95))) == []


def test_the_last_bar_in_time_may_fill_a_limit_entry() -> None:
    """A bar that closes exactly at `valid_until_ns` is in time."""
    venue = opened()
    venue.on_order(resting())

    assert fills(venue.on_bar(at(3, (101, 102, 100, 101)))) == [("ENTRY", 1, 100.0)]


def test_a_bar_behind_a_hole_in_the_data_does_not_fill_an_old_limit() -> None:
    """The first bar after `valid_until_ns` cancels it, even if it traded at the limit."""
    venue = opened()
    venue.on_order(resting())
    reports = venue.on_bar(at(4, (101, 102, 99, 101)))

    assert (fills(reports), statuses(reports)) == ([], [("IN", OrderStatus.CANCELLED)])


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (resting(stop=100.0), "stop 100.0 is on the wrong side of its limit 100.0"),
        (resting(SHORT, stop=99.75), "stop 99.75 is on the wrong side of its limit 100.0"),
        (resting(limit=float("inf")), "stop 90.0, target 120.0, limit inf: not prices"),
    ],
)
def test_a_limit_entry_is_refused_by_its_own_price(order: PlaceOrder, detail: str) -> None:
    """The limit price counts, not the market price."""
    (report,) = opened().on_order(order)

    assert isinstance(report, OrderUpdate)
    assert (report.status, report.detail) == (OrderStatus.REJECTED, detail)


def test_the_end_of_the_trade_date_cancels_a_resting_limit() -> None:
    """Like any entry that has not filled."""
    venue = opened()
    venue.on_order(resting(valid_until_ns=eastern("18:30")))

    assert statuses(venue.on_bar(bar("18:01", 105.0, index=12))) == [("IN", OrderStatus.CANCELLED)]

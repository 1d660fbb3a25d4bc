"""Books by hand-computed numbers: MNQ, 0.25 points and 50 cents a tick, 62 cents a side."""

import msgspec
import pytest

from tapewire.bus.messages import (
    Action,
    Alarm,
    Arm,
    ClosePosition,
    Execution,
    Fill,
    Hello,
    Kill,
    OrderStatus,
    Position,
    PositionChanged,
    Risk,
    StrategyDay,
    Trade,
    VenuePosition,
)
from tapewire.bus.testing import DAY, eastern, intent
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.settings.load import instruments
from tests.gates import ACCOUNT, Desk, conf


def execution(number: int, qty: int, price: float) -> Execution:
    return Execution(f"E{number}", "O", ACCOUNT, "MNQ", qty, price, "ENTRY", eastern("11:01"), 91)


def booked(*fills: tuple[int, float]) -> tuple[Ledger, list[tuple[int, int]]]:
    """A ledger after these fills, and (gross, commission) in cents of each round turn that ended."""
    book, money = Ledger(instruments()), []
    for number, (qty, price) in enumerate(fills):
        ended = book.book(execution(number, qty, price), "O", "Test")
        if ended:
            money.append(book.realise(ended, "MNQ", DAY, eastern("11:01")))
    return book, money


@pytest.mark.parametrize(
    ("story", "fills", "qty", "money"),
    [
        ("a long that wins 10 points", [(1, 21_000.0), (-1, 21_010.0)], 0, [(2_000, 124)]),
        ("a short that wins 10 points", [(-1, 21_010.0), (1, 21_000.0)], 0, [(2_000, 124)]),
        ("a long that loses one tick", [(1, 21_000.25), (-1, 21_000.0)], 0, [(-50, 124)]),
        ("three contracts", [(3, 21_000.0), (-3, 21_001.0)], 0, [(600, 372)]),
        ("in by parts, out at once", [(1, 21_000.0), (2, 21_000.75), (-3, 21_001.0)], 0, [(300, 372)]),
        ("in at once, out by parts", [(2, 21_000.0), (-1, 21_001.0), (-1, 21_002.0)], 0, [(600, 248)]),
        ("still open after a part", [(2, 21_000.0), (-1, 21_001.0)], 1, []),
        ("turned round by one fill", [(1, 21_000.0), (-3, 21_001.0)], -2, [(200, 124)]),
        ("turned round, then flat", [(1, 21_000.0), (-3, 21_001.0), (2, 21_000.0)], 0, [(200, 124), (400, 248)]),
    ],
)
def test_round_turns(story: str, fills: list[tuple[int, float]], qty: int, money: list[tuple[int, int]]) -> None:
    """From flat to flat, exact to the cent."""
    book, got = booked(*fills)

    assert book.qty("MNQ") == qty, story
    assert got == money, story


def test_an_execution_counts_once() -> None:
    """The venue resends a fill until it is acknowledged; the books recognise it by its id."""
    book = Ledger(instruments())
    book.book(execution(1, 2, 21_000.0), "O")
    book.book(execution(1, 2, 21_000.0), "O")

    assert book.qty("MNQ") == 2
    assert book.seen("E1")


def test_the_average_entry_is_exact_between_ticks() -> None:
    """One at 21,000.00 and two at 21,000.75 stand at 21,000.50."""
    book, _ = booked((1, 21_000.0), (2, 21_000.75))

    assert book.average("MNQ") == 21_000.5
    assert book.entry_id("MNQ") == "O"


def test_drawdown_is_measured_from_the_highest_realised_equity() -> None:
    """Win 18.76, lose 21.24: now 2.48 down overall, but 21.24 below the high. The start is the first high."""
    book, _ = booked((1, 21_000.0), (-1, 21_010.0), (1, 21_010.0), (-1, 21_000.0))

    assert (book.total_cents, book.drawdown_cents) == (-248, 2_124)


def test_a_session_and_a_strategy_have_their_own_sums() -> None:
    """What one session realised does not count in another, nor one strategy's loss for another."""
    book, _ = booked((1, 21_000.0), (-1, 20_990.0))

    assert book.realised_cents(DAY) == book.strategy_cents(DAY, "Test") == -2_124
    assert book.trades(DAY) == 1
    assert book.realised_cents("2026-03-04") == book.strategy_cents(DAY, "Other") == book.trades("2026-03-04") == 0


def test_a_trade_describes_the_whole_round_turn() -> None:
    """Decided on bar 90, in at 11:01, stopped on bar 100: ten bars held, 21.25 points lost, caused by the intents."""
    desk = Desk()
    entry_id = desk.enter(setup="DEMO", strategy="Demo")
    desk.filled(entry_id, 1, 21_000.25)
    outputs = desk.filled(entry_id, -1, 20_979.0, "STOP", at="11:10", index=100)

    assert desk.bodies(Trade) == [
        Trade(
            id=entry_id,
            instrument="MNQ",
            account=ACCOUNT,
            session=DAY,
            strategy="Demo",
            setup="DEMO",
            direction="LONG",
            size=1,
            signal_ns=eastern("11:00"),
            entry_ns=eastern("11:01"),
            entry_price=21_000.25,
            exit_ns=eastern("11:10"),
            exit_price=20_979.0,
            reason="STOP",
            bars_held=10,
            stop=20_980.0,
            target=21_040.0,
            gross_cents=-4_250,
            commission_cents=124,
            net_cents=-4_374,
        )
    ]
    assert {output.cause for output in outputs} == {"intent.MNQ.@1:1"}  # type: ignore[union-attr]


def test_an_exit_was_held_until_the_bar_that_decided_it() -> None:
    """The close decided on bar 120 fills in bar 121, which does not count; the reason is the intent's own."""
    desk = Desk()
    entry_id = desk.position()
    (close,) = desk.ask(intent(Action.EXIT, at="11:30", reason="VWAP_BREACH_PM", entry_id=entry_id), at="11:30", bar_index=120)
    desk.filled(close.order_id, -1, 21_004.0, "EXIT", at="11:31", index=121)

    (trade,) = desk.bodies(Trade)
    assert (trade.reason, trade.bars_held, trade.exit_ns) == ("VWAP_BREACH_PM", 30, eastern("11:31"))
    assert trade.net_cents == 800 - 124


def test_every_fill_publishes_the_position() -> None:
    """Fill, then position; after a finished round turn the trade and the account's standing."""
    desk = Desk()
    entry_id = desk.position()
    desk.filled(entry_id, -1, 20_980.0, "STOP", at="11:10")

    assert [(fill.qty, fill.role) for fill in desk.bodies(Fill)] == [(1, "ENTRY"), (-1, "STOP")]
    assert [(p.qty, p.price) for p in desk.bodies(PositionChanged)] == [(1, 21_000.0), (0, None)]
    own = StrategyDay("Test", -4_124, 0, 1)
    assert desk.bodies(Risk) == [Risk(ACCOUNT, DAY, "ACTIVE", -4_124, -4_124, 4_124, 1, strategies=(own,))]


def test_a_position_closed_by_hand_is_still_our_trade() -> None:
    """Our contract is sold by hand in the platform: the trade ends, and its reason is FOREIGN."""
    desk = Desk()
    desk.position()
    desk.filled("", -1, 21_003.0, "FOREIGN", at="11:10", index=100)

    (trade,) = desk.bodies(Trade)
    assert (trade.reason, trade.net_cents, trade.bars_held) == ("FOREIGN", 600 - 124, 10)


def test_foreign_round_turns_are_profit_but_no_trade() -> None:
    """A manual trade counts in the account's day, belongs to no strategy, and every fill of it is published as FOREIGN."""
    desk = Desk()
    desk.filled("", 2, 21_000.0, "FOREIGN")
    desk.filled("X-1", -2, 20_990.0, "EXIT", at="11:05")

    assert [fill.role for fill in desk.bodies(Fill)] == ["FOREIGN", "FOREIGN"]
    assert desk.bodies(Trade) == []
    assert desk.gate.book.realised_cents(DAY) == -4_000 - 248
    assert desk.gate.book.trades(DAY) == 0


def test_a_stop_that_fills_after_a_manual_close_opens_a_foreign_position() -> None:
    """The race at the exchange: the round turn ended by hand, and the short that the stop leaves is no trade of the strategy."""
    desk = Desk()
    entry_id = desk.position()
    desk.filled("", -1, 21_003.0, "FOREIGN", at="11:10")
    desk.filled(entry_id, -1, 20_980.0, "STOP", at="11:10")
    desk.filled("", 1, 20_981.0, "FOREIGN", at="11:11", number=2)

    assert [p.qty for p in desk.bodies(PositionChanged)] == [1, 0, -1, 0]
    assert [trade.reason for trade in desk.bodies(Trade)] == ["FOREIGN"]
    assert desk.gate.book.total_cents == 600 - 124 - 200 - 124


@pytest.mark.parametrize(
    ("qty", "price", "name"), [(0, 21_000.0, "MNQ"), (1, float("nan"), "MNQ"), (1, 1e300, "MNQ"), (1, 9.0, "ZZ")]
)
def test_an_execution_that_makes_no_sense_is_not_booked(qty: int, price: float, name: str) -> None:
    """Nothing is guessed: an alarm, and the books stay as they were."""
    desk = Desk()
    desk.step(Execution("E1", "", ACCOUNT, name, qty, price, "FOREIGN", eastern("11:00"), 90))

    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["bad_execution"]
    assert desk.gate.book.qty("MNQ") == 0


def hello(qty: int, entry_id: str = "", price: float | None = 21_000.0) -> Hello:
    return Hello("nt8", "1", (ACCOUNT,), (VenuePosition("MNQ", Position(ACCOUNT, qty, price, entry_id)),))


def test_a_position_from_before_us_is_adopted() -> None:
    """The venue's Hello has a position that no order of ours opened: it is booked as foreign, and blocks entries."""
    desk = Desk()
    desk.step(hello(2), topic="venue.nt.")

    assert [(p.qty, p.price) for p in desk.bodies(PositionChanged)] == [(2, 21_000.0)]
    assert desk.ask(intent())[0].reason == "POSITION_OPEN"


def test_a_difference_stops_entries_until_the_fills_explain_it() -> None:
    """Our books are long, the venue reports flat: no entries. The stop's resent execution ends the dispute."""
    desk = Desk()
    entry_id = desk.position()
    desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")

    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["reconcile"]
    assert desk.ask(intent(at="11:05"), at="11:05")[0].detail.startswith("the venue reports +0 MNQ, our books +1")
    desk.filled(entry_id, -1, 20_980.0, "STOP", at="11:04")
    assert desk.enter("11:06")


def test_a_difference_that_disappears_still_needs_a_person() -> None:
    """The next hello agrees with our books, but no fill has explained the first one: entries stay stopped until a person arms."""
    desk = Desk()
    entry_id = desk.position()
    desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")
    again = msgspec.structs.replace(hello(1, entry_id), words={"venue.MNQ.": (1, desk.events)})
    desk.step(again, topic="venue.nt.")
    (refused,) = desk.ask(intent(at="11:05"), at="11:05")
    desk.filled(entry_id, -1, 20_980.0, "STOP", at="11:06")
    (still,) = desk.ask(intent(at="11:07"), at="11:07")
    desk.step(Arm("anna"), topic="operator.word.")

    assert refused.reason == still.reason == "UNRECONCILED"
    assert desk.enter("11:08")


def test_arming_adopts_the_venues_position() -> None:
    """Our books are long, the venue is flat, because of a close by hand while we were disconnected: the books end flat at the last
    close, and nothing is left that a kill could close again."""
    desk = Desk()
    desk.position()
    desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")
    desk.ask(intent(at="11:05"), at="11:05", close=21_030.0)
    desk.step(Arm("anna"), topic="operator.word.")

    assert [(fill.qty, fill.price, fill.role) for fill in desk.bodies(Fill)][-1] == (-1, 21_030.0, "FOREIGN")
    assert desk.bodies(PositionChanged)[-1].qty == 0
    assert desk.step(Kill("anna", flatten=True), topic="operator.word.")[0].body.name == "killed"
    assert not desk.bodies(ClosePosition)


def test_disputes_are_resolved_one_after_the_other() -> None:
    """Two instruments differ, each with a round turn that ends by the arming: the account is halted until the last is booked."""
    desk = Desk(conf(traded=("MNQ", "MES")))
    desk.filled("", 1, 21_000.0, "FOREIGN")
    desk.filled("", 1, 6_000.0, "FOREIGN", instrument="MES", number=2)
    desk.step(Hello("nt8", "1", (ACCOUNT,)), topic="venue.nt.")
    desk.gate.observed.closes |= {"MNQ": 21_001.0, "MES": 6_001.0}
    outputs = desk.step(Arm("anna"), topic="operator.word.")

    stands = [(output.body.state, output.body.reason) for output in outputs if isinstance(output.body, Risk)]
    assert stands == [("HALTED", "UNRECONCILED"), ("ACTIVE", ""), ("ACTIVE", "")]


def test_without_a_price_a_dispute_outlives_the_arming() -> None:
    """A restarted gate without a close cannot book anything: an alarm reports it, and entries stay stopped."""
    desk = Desk()
    order_id = desk.enter()
    desk.updated(order_id, OrderStatus.CANCELLED)
    desk.gate.observed.closes.clear()
    desk.step(hello(1, order_id), topic="venue.nt.")
    desk.step(Arm("anna"), topic="operator.word.")
    (refused,) = desk.ask(intent(at="11:05"), at="11:05")

    assert "no price" in desk.bodies(Alarm)[-2].text
    assert refused.reason == "UNRECONCILED"


def test_an_old_snapshot_is_not_compared() -> None:
    """A hello that arrives after the entry's fill, with a snapshot from before it. A later snapshot is compared."""
    desk = Desk()
    desk.position()
    late = Hello("nt8", "1", (ACCOUNT,), words={"venue.MNQ.": (1, 1)})
    now = Hello("nt8", "1", (ACCOUNT,), words={"venue.MNQ.": (1, desk.events)})

    assert desk.step(late, topic="venue.nt.") == []
    desk.step(now, topic="venue.nt.")
    assert [alarm.name for alarm in desk.bodies(Alarm)] == ["reconcile"]


def test_an_agreeing_venue_publishes_nothing() -> None:
    """Same position on both sides: no outputs."""
    desk = Desk()
    entry_id = desk.position()

    assert desk.step(hello(1, entry_id), topic="venue.nt.") == []

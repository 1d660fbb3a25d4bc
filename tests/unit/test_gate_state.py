"""The gate's state as data: it is complete, and what of it goes on under other settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.messages import (
    AccountFigures,
    Accounts,
    Arm,
    ClosePosition,
    ExternalAnswer,
    ExternalSignal,
    Hello,
    Kill,
    LinkState,
    OrderStatus,
    Position,
    Reason,
    Trade,
    TradingDay,
    VenueChart,
    VenuePosition,
)
from tapewire.bus.testing import DAY, bar, eastern, event, intent, session
from tapewire.daemons.gate import facts, state
from tapewire.daemons.gate.books.ledger import Books, Ledger
from tapewire.daemons.gate.books.orders import Orders, Sheet
from tapewire.daemons.gate.books.rates import OrderTimes, Rates
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.gate.external.answers import Answers
from tapewire.daemons.gate.external.inbox import Inbox, Queue
from tapewire.daemons.gate.firm.cycle import Cycle
from tapewire.daemons.gate.firm.open_equity import OpenEquity
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.firm.progress import ProgramProgress
from tapewire.daemons.gate.observed import Observed
from tapewire.daemons.gate.state import GateState
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.programs import Evaluation, Lock, Program, Trailing
from tapewire.daemons.settings.structs import Conf, Ingress, RiskLimits, Trading
from tests.gates import ACCOUNT, Desk, conf
from tests.programs import INSTRUMENTS, Account, bare, intraday, shipped

WORD = topics.of(topics.OPERATOR, "word")
NEXT_DAY = "2026-03-04"
ASK = topics.of(topics.INGRESS, "ask")
BUY = {"action": "buy", "instrument": "MNQ", "price": 21_000.0, "tp_points": 40, "sl_points": 20, "request_id": "R-1"}

FORMS: dict[type, tuple[str, ...]] = {
    Gate: GateState.__struct_fields__,
    Orders: Sheet.__struct_fields__,
    Ledger: Books.__struct_fields__,
    Rates: OrderTimes.__struct_fields__,
    Inbox: Queue.__struct_fields__,
    Answers: Queue.__struct_fields__,
    ProgramAccount: (*ProgramProgress.__struct_fields__, "cycle", "positions"),  # whose own attributes are fields, too
    Cycle: ProgramProgress.__struct_fields__,
    OpenEquity: ProgramProgress.__struct_fields__,
    Observed: Observed.__slots__,
    Disputes: Disputes.__slots__,
}
"""Every class that holds state, and the fields of its snapshot; the last two are their own snapshots. The rest (Order, Turn,
QueuedSignal, ...) is plain data."""

DERIVED: dict[type, set[str]] = {
    Gate: {"conf", "hours", "months", "blotter", "findings"},  # findings are published once, when the epoch begins
    Orders: {"open"},
    Ledger: {"instruments"},
    Rates: set(),
    Inbox: {"conf"},
    Answers: {"kept", "size"},
    ProgramAccount: {"program", "start_cents", "instruments", "clock", "flat_by"},
    Cycle: set(),
    OpenEquity: set(),
    Observed: set(),
    Disputes: set(),
}
"""Attributes that follow from the settings, or from the rest."""


def kind_of(thing: object) -> type:
    """The type of the object, also for a test's subclass of it."""
    return next(kind for kind in DERIVED if isinstance(thing, kind))


def attributes(thing: object) -> dict[str, Any]:
    """Everything that an object holds, by its name without the underscore."""
    listed = ("__slots__", "__mypyc_attrs__")  # a compiled class has the second
    kinds = type(thing).__mro__
    names = [*getattr(thing, "__dict__", ()), *(name for kind in kinds for each in listed for name in getattr(kind, each, ()))]
    return {name.lstrip("_"): getattr(thing, name) for name in names}


def kept(thing: object) -> dict[str, Any]:
    """Everything that a restart must restore, as values that compare."""
    derived = DERIVED[kind_of(thing)]
    held = {name: each for name, each in attributes(thing).items() if name not in derived}
    return {name: kept(each) if isinstance(each, tuple(DERIVED)) else each for name, each in held.items()}


# --- histories: together they touch everything that can be kept -------------------------------------------------------------


def taking(**changes: Any) -> Conf:
    """Two instruments, external signals, and room for several entries."""
    risk = RiskLimits(contracts=1, loosened=("one_entry_per_bar", "one_position"))
    return conf(**{"risk": risk, "ingress": Ingress(enabled=True), "traded": ("MNQ", "MES"), **changes})


def win(desk: Desk, at: str = "11:00", day: str = DAY) -> None:
    """A round turn that ends at its target, 40 points away."""
    order_id = desk.enter_on(day, at, "Test")
    desk.filled(order_id, 1, 21_000.0, at=at)
    desk.filled(order_id, -1, 21_040.0, "TARGET", at=at)


def send(desk: Desk, at: str = "11:00", **changes: Any) -> None:
    """An external signal at that time."""
    signal = event(
        ExternalSignal({**BUY, **changes}), topic=topics.of(topics.INGRESS, "ask"), event_ns=eastern(at), sender="a client"
    )
    desk.outputs += desk.gate.step(signal)


def busy() -> Gate:
    """A win, an open position, a pending external signal, a dispute, venue and logger down, and a kill that flattens."""
    desk = Desk(taking())
    win(desk)
    desk.step(session("11:00"))
    send(desk)
    desk.updated(desk.position("11:05"), OrderStatus.ACCEPTED)
    there = (VenuePosition("MES", Position(ACCOUNT, 3)),)
    charts = (
        VenueChart(
            "MNQ",
            "MNQ 03-26",
            "ETH",
            (TradingDay(DAY, 0, eastern("13:00")), TradingDay("2026-03-04", 0, eastern("17:00", "2026-03-04"))),
        ),
    )
    figures = (AccountFigures(ACCOUNT, cash=1.0, realised=-1.0),)
    hello = Hello("nt", "8", (ACCOUNT,), there, words={"venue.MNQ.": (1, 9)}, charts=charts, figures=figures)
    for body in (hello, Accounts(figures)):
        desk.gate.step(event(body, topic="venue.link.", event_ns=eastern("11:05")))
    for of in ("venue", "journal"):
        desk.step(LinkState(up=False, of=of), topic="venue.link.")
    desk.step(Kill("anna", flatten=True), topic=WORD)
    return desk.gate


def of_long_ago() -> Gate:
    """With the reply to an external signal, and the digest of one whose reply is no longer kept."""
    queue = Queue(answers={"R-2": ExternalAnswer(True, "queued")}, forgotten=(b"sixteen bytes :)",))
    return Gate(taking(), GateState(inbox=queue))


def waiting() -> Gate:
    """With a signal that waits for the end of its bar."""
    desk = Desk(taking(trading=Trading(enabled=True, account=ACCOUNT, of_one_bar="latest")))
    desk.step(session("11:00"))
    send(desk)
    return desk.gate


def passing() -> Gate:
    """An account that passed its program on the first day; the alarm was published on the second."""
    desk = Desk(conf(program=bare(Evaluation(target=50.0))))
    win(desk)
    desk.ask(intent(at="11:00", day=NEXT_DAY), at="11:00", day=NEXT_DAY)
    return desk.gate


def paid() -> Account:
    """In the funded phase, after a payout, some days into the next cycle and in the middle of a day."""
    account = Account(shipped())
    account.year([500.0] * 18 + [300.0] * 7)
    account.trades("2027-03-01", 100.0)
    return account


def failed() -> Account:
    account = Account(shipped())
    account.year([-4_500.0])
    return account


def locked() -> Account:
    trailing = Trailing(distance=1_000.0, mode="end_of_day", lock=Lock(profit=500.0, floor=0.0))
    account = Account(bare(Evaluation(trailing=trailing)))
    account.year([600.0])
    return account


def holding() -> Account:
    """With a position through a bar, where open equity counts."""
    account = Account(intraday())
    account.held("11:00", high=21_010.0, low=20_990.0, close=21_000.0)
    return account


HISTORIES: tuple[Callable[[], Gate | Account], ...] = (busy, of_long_ago, waiting, passing, paid, failed, locked, holding)


def fresh(thing: Gate | Account) -> Gate | Account:
    return Gate(thing.conf) if isinstance(thing, Gate) else Account(thing.program)


def again(thing: Gate | Account) -> Gate | ProgramAccount:
    """The same, restored from its bytes."""
    if isinstance(thing, Gate):
        return Gate.restored(thing.conf, state.decode(state.encode(thing.snapshot())))[0]
    progress = msgspec.msgpack.decode(msgspec.msgpack.encode(thing.snapshot()), type=ProgramProgress)
    return ProgramAccount.restored(progress, thing.program, INSTRUMENTS, Calendar())


def touched(thing: object, untouched: object) -> set[tuple[str, str]]:
    """The attributes that differ, each with the type that holds it."""
    kind = kind_of(thing).__name__
    found: set[tuple[str, str]] = set()
    now, before = attributes(thing), attributes(untouched)
    for name in kept(thing):
        if isinstance(now[name], tuple(DERIVED)):
            found |= touched(now[name], before[name]) | {(kind, name)}
        elif now[name] != before[name]:
            found.add((kind, name))
    return found


def nouns() -> list[Any]:
    """A gate, and everything in it that holds state."""
    return list(_parts(passing()))


def _parts(thing: object) -> Iterator[Any]:
    yield thing
    for each in attributes(thing).values():
        if isinstance(each, tuple(DERIVED)):
            yield from _parts(each)


# --- nothing is left out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun", nouns(), ids=lambda noun: type(noun).__name__)
def test_every_attribute_has_a_field_in_the_state(noun: object) -> None:
    """A new attribute needs a field of its name, and a line in `snapshot` and in `restored`; or it is listed as derived."""
    kind = kind_of(noun)
    derived = DERIVED[kind]

    assert set(attributes(noun)) - derived <= set(FORMS[kind])
    assert derived <= set(attributes(noun))  # a name that nothing has would hide the next thing of that name


@pytest.mark.parametrize("history", HISTORIES)
def test_every_attribute_is_restored(history: Callable[[], Gate | Account]) -> None:
    """A restored gate equals the original in every attribute."""
    lived = history()

    assert kept(again(lived)) == kept(lived)


def test_the_histories_touch_everything() -> None:
    """Otherwise the test before this one would miss a `restored` that leaves an attribute at its default."""
    found = set().union(*(touched(thing, fresh(thing)) for thing in (history() for history in HISTORIES)))
    expected = {(kind_of(noun).__name__, name) for noun in nouns() for name in kept(noun)}

    assert found >= expected


@pytest.mark.parametrize("history", HISTORIES)
def test_a_snapshot_does_not_change_with_its_gate(history: Callable[[], Gate | Account]) -> None:
    """Neither the gate that it was taken of nor the gate made of it shares data with it."""
    lived = history()
    picture, now = lived.snapshot(), msgspec.msgpack.encode(lived.snapshot())
    made: Any
    if isinstance(lived, Gate):
        made, _ = Gate.restored(lived.conf, picture)
    else:
        made = ProgramAccount.restored(picture, lived.program, INSTRUMENTS, Calendar())
    for each in (lived, made):
        if isinstance(each, Gate):
            desk = Desk(each.conf)
            desk.gate, desk.events = each, 100
            desk.step(Arm("anna"), topic=WORD)
            desk.step(session("11:30", bar=bar("11:30", 21_000.0)))
            send(desk, "11:30", request_id="R-2")
            for order in each.orders.snapshot().placed:
                desk.updated(order.order_id, OrderStatus.CANCELLED, number=7)
                desk.filled(order.order_id, 1, 21_000.0, number=7)
            desk.ask(intent(at="11:31"), at="11:31")
        else:
            each.trade("MNQ", "2027-06-01", 0, 0, -100)
            each.end_day()

    assert msgspec.msgpack.encode(picture) == now


# --- bytes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "not a state of the gate"),
        (b"\xc1", "not a state of the gate"),
        (msgspec.msgpack.encode({"version": 1, "killed": "yes"}), "killed"),
        (msgspec.msgpack.encode({"version": 2}), "version 2, this tapewire reads 1"),
        (msgspec.msgpack.encode({"killed": True}), "version"),
    ],
)
def test_bytes_of_something_else_are_refused(data: bytes, error: str) -> None:
    """A gate never guesses its state."""
    with pytest.raises(JournalError, match=error):
        state.decode(data)


# --- the same settings, and other limits ------------------------------------------------------------------------------------


def goes_on(desk: Desk, settings: Conf) -> tuple[Desk, list[str]]:
    """The next epoch's desk, with its gate's findings."""
    after = Desk(settings)
    after.gate, findings = Gate.restored(settings, state.decode(state.encode(desk.gate.snapshot())))
    after.events = desk.events
    return after, findings


def test_an_order_in_flight_fills_in_the_next_epoch() -> None:
    """Its round turn is the same trade as without the new epoch."""
    desk = Desk()
    order_id = desk.enter()

    after, findings = goes_on(desk, conf())
    after.filled(order_id, 1, 21_000.0)
    after.filled(order_id, -1, 21_040.0, "TARGET")

    assert findings == []
    assert [trade.net_cents for trade in after.bodies(Trade)] == [7_876]


def test_an_old_request_gets_its_old_reply_under_new_limits() -> None:
    """A refused intent stays refused, and an approved one is not ordered twice, whatever the rules are now."""
    desk = Desk(conf(risk=RiskLimits(contracts=1, price_band_ticks=4)))
    refused = desk.ask(intent(entry=21_005.0), at="11:00")
    open_to_all = conf(risk=RiskLimits(contracts=5))

    after, findings = goes_on(desk, open_to_all)

    assert findings == []
    assert after.ask(intent(entry=21_005.0), at="11:00") == refused
    (same_id,) = after.ask(intent(), at="11:01")
    assert same_id.reason is Reason.DUPLICATE


def test_new_limits_count_earlier_trades() -> None:
    """Two trades of the day are two trades when only two are allowed from now on."""
    desk = Desk()
    win(desk, "10:30")
    win(desk, "10:40")

    after, _ = goes_on(desk, conf(risk=RiskLimits(contracts=1, max_trades=2)))
    (decision,) = after.ask(intent(at="11:00"), at="11:00")

    assert decision.reason is Reason.MAX_TRADES


# --- another account --------------------------------------------------------------------------------------------------------


def other(**changes: Any) -> Conf:
    return taking(trading=Trading(enabled=True, account="Sim102"), **changes)


def test_another_account_begins_with_fresh_books() -> None:
    """Positions, money, orders, rates and disputes were the other one's; a finding names what is left there."""
    desk = Desk(taking())
    win(desk, "10:30")
    first = desk.position("11:05")
    second = desk.enter("11:06")

    after, findings = goes_on(desk, other())
    gate = after.gate

    assert findings == [
        f"account Sim102 begins with fresh books; those of {ACCOUNT} end here, and the gate no longer manages what is open there: "
        f"+1 MNQ, {second} (PENDING)"
    ]
    assert (gate.book.qty("MNQ"), gate.book.total_cents, gate.book.trades(DAY)) == (0, 0, 0)
    assert (first in gate.orders, gate.rates.in_session(DAY)) == (False, 0)
    assert gate.account(DAY).contracts("MNQ") == 0


def test_an_account_that_was_left_flat_has_nothing_open() -> None:
    """The finding reports it."""
    _, findings = goes_on(Desk(taking()), other())

    assert findings == [f"account Sim102 begins with fresh books; those of {ACCOUNT} end here, with nothing open"]


def test_the_kill_switch_stays_latched_for_another_account() -> None:
    """A person latched it for this gate, and only a person releases it; the next kill has a number of its own."""
    desk = Desk(taking())
    desk.position()
    desk.step(Kill("anna", flatten=True), topic=WORD)

    after, _ = goes_on(desk, other())
    (decision,) = after.ask(intent(at="11:05"), at="11:05")
    after.step(Arm("anna"), topic=WORD)
    order_id = after.position("11:06")
    outputs = after.step(Kill("anna", flatten=True), topic=WORD)

    assert decision.reason is Reason.KILLED
    assert order_id
    assert [output.body.id for output in outputs if isinstance(output.body, ClosePosition)] == ["MNQ-KILL2-X"]


def test_no_intent_is_decided_again_for_another_account() -> None:
    """The evaluator may resend a request that was decided for the other one; its intents are duplicates here."""
    desk = Desk(taking())
    desk.enter()

    after, _ = goes_on(desk, other())
    (decision,) = after.ask(intent(), at="11:00")

    assert decision.reason is Reason.DUPLICATE


def test_no_external_signal_is_queued_again_for_another_account() -> None:
    """The same request gets its stored reply."""
    desk = Desk(taking())
    desk.step(session("11:00"))
    send(desk)

    after, _ = goes_on(desk, other())
    send(after)

    assert after.bodies(ExternalAnswer) == desk.bodies(ExternalAnswer)
    assert len(after.outputs) == 1


# --- instruments ------------------------------------------------------------------------------------------------------------


def only(*names: str) -> dict[str, Any]:
    return {name: terms for name, terms in instruments().items() if name in names}


def in_position(desk: Desk) -> str:
    return desk.position()


def under_way(desk: Desk) -> str:
    return desk.enter()


def disputed(desk: Desk) -> str:
    there = (VenuePosition("MNQ", Position(ACCOUNT, -2)),)
    desk.step(Hello("nt", "8", (ACCOUNT,), there), topic="venue.link.")
    return ""


COARSE = {**instruments(), "MNQ": replace(instruments()["MNQ"], tick=0.5)}
UNTRADED, UNKNOWN, RETICKED = {"traded": ("MES",)}, {"traded": ("MES",), "instruments": only("MES")}, {"instruments": COARSE}


@pytest.mark.parametrize(
    ("change", "what", "error"),
    [
        (UNKNOWN, in_position, r"MNQ is not traded by these settings, but there is \+1 MNQ\. "),
        (UNKNOWN, under_way, r"MNQ is not traded by these settings, but there is {} \(PENDING\)\. "),
        (UNKNOWN, disputed, r"MNQ is not traded by these settings, but there is -2 MNQ by the venue's report\. "),
        (UNTRADED, in_position, r"MNQ is not traded by these settings, but there is \+1 MNQ\. "),
        (UNTRADED, under_way, r"but there is {} \(PENDING\)\. "),
        (RETICKED, in_position, r"the tick of MNQ changes from 0.25 to 0.5, but there is \+1 MNQ\. "),
    ],
)
def test_an_instrument_with_something_open_cannot_be_left_out(
    change: dict[str, Any], what: Callable[[Desk], str], error: str
) -> None:
    """The gate could not manage it: it does not start, and the error names the position and the remedy."""
    desk = Desk(taking())
    order_id = what(desk)

    with pytest.raises(ConfError, match=error.format(order_id)) as caught:
        goes_on(desk, taking(**change))

    assert "Start with the settings of before, let it end (`tapewire kill --flatten` ends it at once)" in str(caught.value)


def test_a_flat_instrument_that_is_no_longer_defined_is_dropped() -> None:
    """Its money stays, because it is the account's."""
    desk = Desk(taking())
    win(desk)

    after, findings = goes_on(desk, taking(**UNKNOWN))

    assert findings == ["these settings do not define MNQ; it was flat, and is dropped"]
    assert after.gate.book.total_cents == desk.gate.book.total_cents != 0
    assert not after.gate.orders.snapshot().placed
    assert goes_on(after, taking(**UNKNOWN))[1] == []


@pytest.mark.parametrize("change", [UNTRADED, RETICKED])
def test_a_flat_instrument_may_change(change: dict[str, Any]) -> None:
    """Its state is complete, and there is no finding."""
    desk = Desk(taking())
    win(desk)

    after, findings = goes_on(desk, taking(**change))

    assert findings == []
    assert kept(after.gate.book) == kept(desk.gate.book)


def test_a_position_in_an_instrument_that_was_never_traded_stops_nothing() -> None:
    """A position by hand in another instrument is booked, as always, and goes on."""
    desk = Desk()
    desk.filled("", 1, 6_000.0, "FOREIGN", instrument="MES")

    after, findings = goes_on(desk, conf())

    assert (findings, after.gate.book.qty("MES")) == ([], 1)


# --- programs ---------------------------------------------------------------------------------------------------------------


ALPHA = bare(Evaluation(target=9_000.0))
BEGUN = "program {} begins at its start of {}, without what was traded before"


@pytest.mark.parametrize(
    ("before", "after", "findings"),
    [
        (None, ALPHA, [BEGUN.format("bare", "150000.00")]),
        (ALPHA, None, ["program bare ends here for the account, OPEN at 150078.76"]),
        (
            ALPHA,
            replace(ALPHA, name="another"),
            ["program bare ends here for the account, OPEN at 150078.76", BEGUN.format("another", "150000.00")],
        ),
        (
            ALPHA,
            replace(ALPHA, start=50_000.0),
            ["program bare ends here for the account, OPEN at 150078.76", BEGUN.format("bare", "50000.00")],
        ),
    ],
)
def test_another_program_begins_anew(before: Program | None, after: Program | None, findings: list[str]) -> None:
    """Earlier trades do not count in it; the account's own books keep them."""
    desk = Desk(conf(program=before))
    win(desk)

    gone_on, found = goes_on(desk, conf(program=after))
    account = gone_on.gate.program

    assert found == findings
    assert account is None or (account.profit_cents, account.today) == (0, None)
    assert gone_on.gate.book.total_cents == 7_876


def test_the_same_program_goes_on_by_changed_terms() -> None:
    """Its money and its day stand, and the new target holds at the end of that day."""
    desk = Desk(conf(program=ALPHA))
    win(desk)

    after, findings = goes_on(desk, conf(program=replace(ALPHA, evaluation=Evaluation(target=50.0))))
    after.ask(at="11:00", day=NEXT_DAY)

    assert findings == []
    assert after.gate.program is not None
    assert after.gate.program.passed == DAY


def test_a_programs_end_is_published_once() -> None:
    """The count of published news goes on where it was."""
    gate = passing()

    made = again(gate)

    assert isinstance(made, Gate)
    assert facts.news(made.program) == facts.news(gate.program) == []

"""The contract month of a request: expired, not listed yet, or another one than the chart's; and how orders and signals name it."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import Action, Hello, OrderEvent, OrderStatus, PlaceOrder, Reason, Reject, Signal, VenueChart
from tapewire.bus.testing import intent
from tapewire.daemons.settings import load as configuration
from tests.gates import ACCOUNT, Desk, conf

TABLES = configuration.rolls().tables


def desk(chart: str = "") -> Desk:
    """A gate with the table of months, and a venue with MNQ on this contract's chart; one without charts if it is empty."""
    at_desk = Desk(conf(rolls=TABLES))
    charts = (VenueChart("MNQ", chart),) if chart else ()
    at_desk.step(Hello("NinjaTrader", "1", (ACCOUNT,), charts=charts), topic="venue.nt.")
    return at_desk


def asked(at_desk: Desk, contract: str, day: str = "2026-03-03", at: str = "11:00") -> Reason | None:
    """The reason for which an entry in this contract is refused; None if it is approved."""
    (decision,) = at_desk.ask(intent(at=at, day=day), at=at, day=day, contract=contract)
    return decision.reason


@pytest.mark.parametrize(
    ("chart", "contract", "expected"),
    [
        ("MNQ 03-26", "", None),
        ("MNQ 03-26", "MNQH6", None),
        ("MNQ 03-26", "MNQ 03-26", None),
        ("MNQ 03-26", "MNQ 06-26", Reason.CONTRACT_OTHER),
        ("MNQ 06-26", "", None),
        ("MNQ 06-26", "MNQ 03-26", Reason.CONTRACT_OTHER),
        ("MNQ 03-26", "MNQ 12-25", Reason.CONTRACT_EXPIRED),
        ("MNQ 03-26", "MNQ 03-27", Reason.CONTRACT_OTHER),
        ("MNQ 03-26", "MNQ 06-27", Reason.CONTRACT_NOT_LISTED),
        ("MNQ 12-25", "", Reason.CONTRACT_EXPIRED),
        ("MNQ ##-##", "", None),
        ("EURUSD", "", None),
        ("MNQ 03-26", "unreadable", Reason.CONTRACT_OTHER),
        ("", "", None),
        ("", "MNQ 03-26", None),
        ("", "MNQ 06-26", Reason.CONTRACT_OTHER),
    ],
)
def test_a_contract_that_is_not_traded_is_refused(chart: str, contract: str, expected: Reason | None) -> None:
    """Five months are listed. Without a chart that names one, the recording stands for the month in front."""
    assert asked(desk(chart), contract) is expected


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [("2026-03-20", "09:29", None), ("2026-03-20", "09:30", Reason.CONTRACT_EXPIRED), ("2026-03-19", "16:00", None)],
)
def test_a_contract_expires_at_the_open_of_its_last_day(day: str, at: str, expected: Reason | None) -> None:
    """The third Friday, 09:30 Eastern."""
    assert asked(desk("MNQ 03-26"), "", day, at) is expected


def test_the_refusal_names_what_is_in_front() -> None:
    """What a person puts the chart on."""
    at_desk = desk("MNQ 12-25")
    asked(at_desk, "")

    (reject,) = at_desk.bodies(Reject)
    assert reject.detail == "MNQ 12-25 has expired on 2025-12-19; MNQ 03-26 is in front"
    assert reject.contract == "MNQ 12-25"


def test_a_position_in_an_expired_contract_can_be_closed() -> None:
    """No rule about months keeps a position open."""
    at_desk = desk("MNQ 03-26")
    at_desk.position()
    (left,) = at_desk.ask(intent(Action.EXIT, at="10:00", day="2026-03-20"), at="10:00", day="2026-03-20")

    assert left.approved


@pytest.mark.parametrize(("chart", "named"), [("MNQ 06-26", "MNQ 06-26"), ("MNQ ##-##", "MNQ ##-##"), ("", "MNQ 03-26")])
def test_orders_and_signals_name_the_contract(chart: str, named: str) -> None:
    """As the venue's chart writes it; without one, the month in front."""
    at_desk = desk(chart)
    order_id = at_desk.enter()
    at_desk.updated(order_id, OrderStatus.ACCEPTED)

    told = [*at_desk.bodies(PlaceOrder), *at_desk.bodies(Signal), *at_desk.bodies(OrderEvent)]
    assert [each.contract for each in told] == [named] * 3


def test_without_a_table_no_month_is_checked_or_named() -> None:
    """As in a run that an earlier version began."""
    at_desk = Desk(conf())

    assert asked(at_desk, "MNQ 06-26") is None
    assert [each.contract for each in at_desk.bodies(Signal)] == [""]


def test_a_date_beyond_the_table_names_no_month() -> None:
    """The table ends with 2030; the doctor warns before."""
    at_desk = desk()

    assert asked(at_desk, "", day="2031-03-04") is None
    assert [each.contract for each in at_desk.bodies(Signal)] == [""]

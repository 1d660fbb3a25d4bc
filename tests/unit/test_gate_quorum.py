"""A trade date about which the chart's trading hours and the calendar differ takes no entries; exits, and other dates, go on."""

from __future__ import annotations

from tapewire.bus.messages import Action, Alarm, Hello, Reason, TradingDay, VenueChart
from tapewire.bus.testing import eastern, intent
from tapewire.daemons.market.calendar import Calendar
from tests.gates import ACCOUNT, Desk, conf

DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")


def hello(early: str = "") -> Hello:
    """With a chart of MNQ whose template closes early on this date."""
    days = tuple(TradingDay(day, 0, eastern("13:00" if day == early else "17:00", day)) for day in DAYS)
    return Hello("NinjaTrader", "1", (ACCOUNT,), charts=(VenueChart("MNQ", "MNQ 03-26", "ETH", days),))


def desk(calendar: Calendar | None = None) -> Desk:
    return Desk(conf(calendar=calendar or Calendar()))


def reason(at_desk: Desk, day: str) -> Reason | None:
    (decision,) = at_desk.ask(intent(at="11:00", day=day), at="11:00", day=day)
    return decision.reason


def alarms(at_desk: Desk) -> list[str]:
    return [each.text for each in at_desk.bodies(Alarm) if each.name == "calendar"]


def test_the_day_takes_no_entries_and_the_days_beside_it_do() -> None:
    """With a reason of its own."""
    at_desk = desk()
    at_desk.step(hello("2026-03-04"), topic="venue.nt.")

    assert reason(at_desk, "2026-03-04") is Reason.CALENDAR_DISPUTED
    assert reason(at_desk, "2026-03-05") is None


def test_an_exit_is_taken_on_the_day() -> None:
    """No rule about days keeps a position open."""
    at_desk = desk()
    at_desk.position()
    at_desk.step(hello("2026-03-04"), topic="venue.nt.")
    (left,) = at_desk.ask(intent(Action.EXIT, day="2026-03-04"), day="2026-03-04")

    assert left.approved


def test_the_alarm_names_both_and_comes_once() -> None:
    """A hello comes with every reconnect."""
    at_desk = desk()
    for _ in range(3):
        at_desk.step(hello("2026-03-04"), topic="venue.nt.")

    (text,) = alarms(at_desk)
    assert text.startswith("2026-03-04: by the template 'ETH' of MNQ's chart it closes at 13:00, by the library")
    assert text.endswith("no entries on that day until conf/calendar.toml says which holds")


def test_a_line_of_a_person_settles_it() -> None:
    """The run's next start has it in its calendar."""
    at_desk = desk(Calendar(corrected=("2026-03-04",)))
    at_desk.step(hello("2026-03-04"), topic="venue.nt.")

    assert reason(at_desk, "2026-03-04") is None
    assert alarms(at_desk) == []


def test_a_template_that_is_put_right_settles_it() -> None:
    """The next hello replaces what was found."""
    at_desk = desk()
    at_desk.step(hello("2026-03-04"), topic="venue.nt.")
    at_desk.step(hello(), topic="venue.nt.")

    assert reason(at_desk, "2026-03-04") is None


def test_hours_of_an_instrument_that_is_not_traded_are_not_compared() -> None:
    """Its calendar may be another one."""
    at_desk = Desk(conf(traded=("MES",)))
    at_desk.step(hello("2026-03-04"), topic="venue.nt.")

    assert alarms(at_desk) == []

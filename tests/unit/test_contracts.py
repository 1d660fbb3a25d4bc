"""Contract months: their spellings, and the dates of conf/rolls.toml."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.market.contracts import Contract, Rolls, RollTable
from tapewire.daemons.settings import load as configuration
from tapewire.strategies.clock import NEW_YORK

ROLLS = configuration.rolls()
TODAY = dt.date(2026, 1, 15)


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "MNQ 03-26",
        "MNQH6",
        "MNQH26",
        "mnqh6",
        "mnq 03-26",
        "MNQ",
        "mnq",
        "MNQ ##-##",
        "MNQ MAR26",
        "MNQ mar 26",
        "MNQ 3-2026",
        " MNQ H2026 ",
    ],
)
def test_every_spelling_names_the_same_contract(text: str) -> None:
    """The exchange's code, NinjaTrader's name, the month in letters, and the symbol alone while that month is in front."""
    contract = ROLLS.parse(text, TODAY)

    assert contract == Contract("NQ", "MNQ", 2026, 3)
    assert (contract.name, contract.code) == ("MNQ 03-26", "MNQH6")


@pytest.mark.parametrize(
    ("text", "today", "year"),
    [
        ("NQH6", "2026-11-27", 2026),
        ("NQH6", "2031-01-02", 2026),
        ("NQH6", "2031-09-02", 2036),
        ("NQH0", "2029-12-20", 2030),
        ("NQZ9", "2030-01-02", 2029),
        ("NQ 03-99", "2026-01-02", 1999),
        ("NQ 03-75", "2026-01-02", 2075),
        ("NQ 03-2016", "2026-01-02", 2016),
    ],
)
def test_a_short_year_is_the_nearest_one(text: str, today: str, year: int) -> None:
    """One digit counts decades and two digits centuries, to either side of today."""
    contract = ROLLS.parse(text, dt.date.fromisoformat(today))

    assert contract is not None
    assert contract.year == year


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("MNX 03-26", "did you mean"),
        ("MNQ 03/26", "write such as 'MNQ 03-26'"),
        ("MNQ 01-26", "03, 06, 09, 12"),
        ("MNQF6", "03, 06, 09, 12"),
        ("MNQ XYZ26", "03, 06, 09, 12"),
        ("MNQ 03-266", "names no contract"),
        ("", "names no contract"),
    ],
)
def test_what_is_no_contract_is_refused_with_a_remedy(text: str, named: str) -> None:
    """An unknown symbol, an unreadable month, and a month in which the root has no contract."""
    with pytest.raises(DataError, match=named):
        ROLLS.parse(text, TODAY)


def test_a_symbol_that_contains_digits_is_read_whole() -> None:
    """The longest symbol that fits is meant."""
    assert ROLLS.parse("M2KZ6", TODAY) == Contract("RTY", "M2K", 2026, 12)


def test_the_next_month_is_in_front_from_the_roll_date_on() -> None:
    """The Monday of the expiry's week, 2026-03-16."""
    assert ROLLS.front("MNQ", dt.date(2026, 3, 15)).name == "MNQ 03-26"
    assert ROLLS.front("MNQ", dt.date(2026, 3, 16)).name == "MNQ 06-26"


def test_roll_dates_are_listed_with_the_contract_that_comes_to_the_front() -> None:
    """Both ends count; the S&P rolled on the Monday one quarter before the others did."""
    listed = ROLLS.roll_dates("NQ", dt.date(2022, 6, 9), dt.date(2022, 9, 12))

    assert [(str(day), contract.name) for day, contract in listed] == [("2022-06-09", "NQ 09-22"), ("2022-09-12", "NQ 12-22")]
    assert [str(day) for day, _ in ROLLS.roll_dates("MES", dt.date(2022, 6, 1), dt.date(2022, 7, 1))] == ["2022-06-13"]


def test_trading_ends_at_the_open_of_the_expiry() -> None:
    """09:30 Eastern on the third Friday."""
    contract = Contract("NQ", "NQ", 2026, 3)

    assert not ROLLS.expired(contract, ns("2026-03-20 09:29:59"))
    assert ROLLS.expired(contract, ns("2026-03-20 09:30"))


def test_the_five_months_ahead_are_listed() -> None:
    """The sixth is listed once the first has expired."""
    sixth = Contract("NQ", "NQ", 2027, 6)

    assert not ROLLS.listed(sixth, ns("2026-03-20 09:29"))
    assert ROLLS.listed(sixth, ns("2026-03-20 09:30"))


def test_contracts_beyond_the_table_are_past_or_not_yet_listed() -> None:
    """The table does not reach back for ever, and not ahead either."""
    assert ROLLS.expired(Contract("NQ", "NQ", 1999, 3), ns("2026-03-01 12:00"))
    assert not ROLLS.expired(Contract("NQ", "NQ", 2075, 3), ns("2026-03-01 12:00"))
    assert not ROLLS.listed(Contract("NQ", "NQ", 2075, 3), ns("2026-03-01 12:00"))
    for day in (dt.date(2060, 1, 1), dt.date(1999, 1, 1)):
        with pytest.raises(ConfError, match="add the months that are missing"):
            ROLLS.front("NQ", day)


def test_a_root_without_a_table_has_contracts_without_dates() -> None:
    """Its month can be named, and nothing is said about it."""
    rolls = Rolls(roots={"CL": "CL"})

    assert rolls.parse("CL", TODAY) is None
    assert rolls.parse("CLF6", TODAY) == Contract("CL", "CL", 2026, 1)
    assert rolls.listed(Contract("CL", "CL", 2026, 1), 0)
    with pytest.raises(ConfError, match="no table for the root CL"):
        rolls.front("CL", TODAY)


def test_the_dates_are_those_of_the_exchanges_rules() -> None:
    """Expiry: the last day up to the third Friday on which stocks trade. Roll: Monday of its week, until 2022 eight days before."""
    import pandas_market_calendars

    stocks = pandas_market_calendars.get_calendar("NYSE").valid_days("2010-01-01", "2031-01-01")
    open_days = {day.date() for day in stocks}
    for key, roll in ROLLS.tables[0].months.items():
        first = dt.date.fromisoformat(f"{key}-01")
        third = first + dt.timedelta((4 - first.weekday()) % 7 + 14)
        assert roll.expiry == (third if third in open_days else third - dt.timedelta(1)), key
        assert roll.roll == third - dt.timedelta(4 if key >= "2022-09" else 8), key


@pytest.mark.parametrize(
    ("months", "named"),
    [
        ({"2026-13": ("2026-03-16", "2026-03-20")}, "write YYYY-MM"),
        ({"2026-06": ("2026-06-15", "2026-06-18"), "2026-03": ("2026-03-16", "2026-03-20")}, "2026-03 is out of order"),
        ({"2026-03": ("2026-03-21", "2026-03-20")}, "2026-03 is out of order"),
    ],
)
def test_a_table_out_of_order_is_refused(months: dict[str, tuple[str, str]], named: str) -> None:
    """A mistyped date must not silently change what is in front."""
    table = {
        "roots": ["NQ"],
        "source": "a test",
        "read": "2026-01-01",
        "listed": 5,
        "months": {key: {"roll": roll, "expiry": expiry} for key, (roll, expiry) in months.items()},
    }

    with pytest.raises(msgspec.ValidationError, match=named):
        msgspec.convert(table, RollTable)

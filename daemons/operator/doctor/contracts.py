"""The check of the contract on the bridge's chart, by the table of months (conf/rolls.toml)."""

from __future__ import annotations

import datetime as dt

from tapewire.bus.errors import DataError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.contracts import Contract, Roll, Rolls
from tapewire.daemons.operator.doctor.findings import Found, broken, ok, unknown, warning

SESSIONS = 5  # how many sessions before the roll the warning begins
AHEAD = dt.timedelta(365)  # a table that ends sooner needs its next months


def judge(rolls: Rolls, calendar: Calendar, instrument: str, chart: str | None, now_ns: int) -> Found:
    """The finding about one instrument.

    Args:
        chart: the contract on its chart, as the bridge names it; None if it names none.
    """
    table, today = rolls.table(instrument), dt.date.fromisoformat(SessionClock(calendar).read(now_ns)[0].date)
    if table is None:
        return ok(f"conf/rolls.toml has no table for {instrument}: months are not checked")
    front, source = rolls.find_front(instrument, today), f"by conf/rolls.toml, read {table.read}"
    if front is None:
        return broken(f"conf/rolls.toml has no month of {instrument} for {today}", "add the months that are missing")
    if chart is None:
        return unknown(
            f"the bridge names no contract; {front.name} is in front, {source}",
            "copy ninjascript/*.cs of this version into NinjaTrader again, compile (F5), enable the strategy",
        )
    try:
        contract = rolls.read(chart, today)[1]
    except DataError as error:
        return broken(f"the chart holds {chart!r}: {error}", f"put the bridge's chart on {front.name}")
    if contract is None:
        return ok(f"{chart}, NinjaTrader's continuous contract; {front.name} is in front, {source}")
    return _on_chart(rolls, calendar, contract, front, today, now_ns, source)


def _on_chart(
    rolls: Rolls, calendar: Calendar, contract: Contract, front: Contract, today: dt.date, now_ns: int, source: str
) -> Found:
    dates, move = rolls.dates(contract), f"put the bridge's chart on {front.name}, when it is flat (ninjascript/README.md)"
    if rolls.expired(contract, now_ns):
        return broken(f"{contract.name} has expired{_on(dates)}; {front.name} is in front, {source}", move)
    if not rolls.listed(contract, now_ns):
        return broken(f"{contract.name} is not listed yet; {front.name} is in front, {source}", move)
    if contract[2:] < front[2:] and dates:
        text = f"{contract.name} has rolled on {dates.roll} and expires on {dates.expiry}; {front.name} is in front, {source}"
        return warning(text, move)
    following, ends = rolls.after(contract), _ends(rolls, contract.symbol)
    if dates is None or following is None:
        return warning(f"{contract.name}; conf/rolls.toml ends with {ends}", "add the months after it")
    left = sessions(calendar, today, dates.roll)
    text = f"{contract.name} rolls on {dates.roll} and expires on {dates.expiry}; the next is {following.name}, {source}"
    if left <= SESSIONS:
        move = f"put the bridge's chart on {following.name} by then, when it is flat (ninjascript/README.md)"
        return warning(f"{left} session{'s' * (left != 1)} left: {text}", move)
    if ends - today < AHEAD:
        return warning(f"{text}; conf/rolls.toml ends with {ends}", "add the months after it")
    return ok(text)


def sessions(calendar: Calendar, today: dt.date, until: dt.date) -> int:
    """Trade dates from today, which counts, to the one before `until`."""
    days = (today + dt.timedelta(number) for number in range((until - today).days))
    return sum(day.weekday() < 5 and day.isoformat() not in calendar.holidays for day in days)


def _ends(rolls: Rolls, symbol: str) -> dt.date:
    table = rolls.table(symbol)
    return max((each.roll for each in table.months.values()), default=dt.date.min) if table else dt.date.min


def _on(dates: Roll | None) -> str:
    return f" on {dates.expiry}" if dates else ""

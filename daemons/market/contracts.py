"""Futures contracts: their spellings, and which one is in front on a date.

The dates are data (conf/rolls.toml): nothing here computes a third Friday. A contract's trade dates end on its expiry at 09:30
Eastern. On its roll date the next one comes to the front, with the session that carries that trade date.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from tapewire.bus.errors import ConfError, DataError, suggest
from tapewire.strategies.clock import RTH_OPEN, new_york

LETTERS = "FGHJKMNQUVXZ"
NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# What may follow the symbol: NinjaTrader's `03-26`, a code `H6` or `H26`, a name `MAR26`, or NinjaTrader's continuous `##-##`.
_MONTH = re.compile(
    r"(?P<number>\d\d?)-(?P<a>\d{4}|\d\d)|(?P<letter>[FGHJKMNQUVXZ])(?P<b>\d{4}|\d\d?)|(?P<name>[A-Z]{3})[ -]?(?P<c>\d{4}|\d\d)"
)
_KEY = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_QUARTER = dt.timedelta(100)  # a contract is in front for less
_CONTINUOUS = ("", "##-##")


class Contract(NamedTuple):
    """One month of a future. root: the family whose bars it trades on (NQ). symbol: its own (MNQ)."""

    root: str
    symbol: str
    year: int
    month: int

    @property
    def name(self) -> str:
        """NinjaTrader's spelling: `MNQ 03-26`."""
        return f"{self.symbol} {self.month:02}-{self.year % 100:02}"

    @property
    def code(self) -> str:
        """The exchange's spelling, with the year's last digit: `MNQH6`."""
        return f"{self.symbol}{LETTERS[self.month - 1]}{self.year % 10}"


class Roll(Struct, frozen=True, forbid_unknown_fields=True):
    """The dates of one contract month. roll: the first trade date on which the next is in front. expiry: its last trade date."""

    roll: dt.date
    expiry: dt.date


class RollTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contract months of some roots, oldest first, by "YYYY-MM".

    source: where the dates are from; read: the day on which they were read there. listed: how many months the exchange lists at a
    time. apart: months of a root that rolled on other dates than the rest.
    """

    roots: tuple[str, ...]
    source: str
    read: dt.date
    listed: int
    months: dict[str, Roll]
    apart: dict[str, dict[str, Roll]] = {}

    def __post_init__(self) -> None:
        if not self.months or self.listed < 1:
            raise ValueError("months is empty, or listed is below 1")
        before = ""
        for key, each in self.months.items():
            if not _KEY.fullmatch(key):
                raise ValueError(f"months: {key!r} is not a month; write YYYY-MM")
            if key <= before or (before and each.roll <= self.months[before].roll) or each.roll > each.expiry:
                raise ValueError(
                    f"months: {key} is out of order; months and roll dates rise, and a roll date is not after its expiry"
                )
            before = key
        for root, months in self.apart.items():
            for key in months:
                if root not in self.roots or key not in self.months:
                    raise ValueError(f"apart: {root} {key} replaces nothing; write a root and a month of this table")


class Months(NamedTuple):
    """The contracts of one symbol, oldest first, with their dates in the same order. listed: how many are listed at a time."""

    contracts: tuple[Contract, ...]
    rolls: tuple[dt.date, ...]
    expiries: tuple[dt.date, ...]
    listed: int


class Rolls:
    """Every contract of every symbol. A root without a table has contracts without dates.

    Args:
        roots: the root of each symbol.
    """

    def __init__(self, tables: tuple[RollTable, ...] = (), roots: Mapping[str, str] | None = None) -> None:
        self.tables = tables
        self.roots = {**(roots or {})}
        self._symbols = sorted(self.roots, key=len, reverse=True)
        self._cycles: dict[str, Months | None] = {}  # of the symbols that were asked for

    def parse(self, text: str, today: dt.date) -> Contract | None:
        """The contract that a text names, as `read`; the symbol alone names the one in front. None: its root has no table.

        Raises:
            DataError: as `read`. ConfError: the front of today is beyond the table.
        """
        symbol, contract = self.read(text, today)
        return contract or (self.front(symbol, today) if self._months(symbol) else None)

    def read(self, text: str, today: dt.date) -> tuple[str, Contract | None]:
        """A symbol, and the contract if a month is named: `MNQ 03-26`, `MNQH6`, `MNQH26`, `MNQ MAR26`, in any case.

        A year of one or two digits is the one nearest to today. `MNQ` and NinjaTrader's `MNQ ##-##` name no month.

        Raises:
            DataError: no symbol that is defined, no month, or a month in which the root has no contract.
        """
        written = text.strip().upper()
        for symbol in self._symbols:
            rest = written.removeprefix(symbol).strip()
            if not written.startswith(symbol):
                continue
            if rest in _CONTINUOUS:
                return symbol, None
            if (month := _MONTH.fullmatch(rest)) is not None:
                return symbol, self._dated(text, symbol, month, today)
        near, known = suggest(written.split(" ")[0], self.roots), ", ".join(self.roots)
        raise DataError(f"{text!r} names no contract{near}; write such as 'MNQ 03-26', with one of {known}")

    def table(self, symbol: str) -> RollTable | None:
        """The table of a symbol's root; None without one."""
        root = self.roots.get(symbol, symbol)
        return next((table for table in self.tables if root in table.roots), None)

    def front(self, symbol: str, day: dt.date) -> Contract:
        """The contract in front on a trade date.

        Raises:
            ConfError: the date is beyond the table, or the root has none.
        """
        cycle, found = self._cycle(symbol), self.find_front(symbol, day)
        if found is None:
            first, last = cycle.contracts[0].name, cycle.contracts[-1].name
            raise ConfError(f"{symbol} on {day}: conf/rolls.toml has {first} to {last}; add the months that are missing")
        return found

    def find_front(self, symbol: str, day: dt.date) -> Contract | None:
        """As `front`; None where that raises."""
        cycle = self._months(symbol)
        at = bisect_right(cycle.rolls, day) if cycle else 0
        if cycle is None or at == len(cycle.rolls) or cycle.rolls[at] - day >= _QUARTER:
            return None
        return cycle.contracts[at]

    def roll_dates(self, symbol: str, first: dt.date, last: dt.date) -> list[tuple[dt.date, Contract]]:
        """The roll dates from `first` to `last`, both included, each with the contract that is in front from it on.

        Raises:
            ConfError: the dates are beyond the table, or the root has none.
        """
        self.front(symbol, first), self.front(symbol, last)
        cycle = self._cycle(symbol)
        return [(roll, after) for roll, after in zip(cycle.rolls, cycle.contracts[1:], strict=False) if first <= roll <= last]

    def dates(self, contract: Contract) -> Roll | None:
        """Roll date and expiry of a contract; None if no table has it."""
        cycle = self._months(contract.symbol)
        if cycle is None or contract not in cycle.contracts:
            return None
        at = cycle.contracts.index(contract)
        return Roll(cycle.rolls[at], cycle.expiries[at])

    def after(self, contract: Contract) -> Contract | None:
        """The next contract; None at the end of the table."""
        cycle = self._months(contract.symbol)
        return next((each for each in cycle.contracts if each > contract), None) if cycle else None

    def expired(self, contract: Contract, at_ns: int) -> bool:
        """Whether trading in a contract has ended. One before the first of its table has; one without a table has not."""
        cycle = self._months(contract.symbol)
        return cycle is not None and contract < self._live(cycle, at_ns)[0]

    def listed(self, contract: Contract, at_ns: int) -> bool:
        """Whether the exchange lists a contract already: it is one of the next months that have not expired."""
        cycle = self._months(contract.symbol)
        return cycle is None or contract <= self._live(cycle, at_ns)[-1]

    def _months(self, symbol: str) -> Months | None:
        if symbol not in self._cycles:
            if symbol not in self.roots and symbol not in self.roots.values():
                return None
            self._cycles[symbol] = self._made(symbol)
        return self._cycles[symbol]

    def _made(self, symbol: str) -> Months | None:
        table, root = self.table(symbol), self.roots.get(symbol, symbol)
        if table is None:
            return None
        months = {**table.months, **table.apart.get(root, {})}
        contracts = tuple(Contract(root, symbol, int(key[:4]), int(key[5:])) for key in months)
        dates = tuple(months.values())
        return Months(contracts, tuple(each.roll for each in dates), tuple(each.expiry for each in dates), table.listed)

    def _cycle(self, symbol: str) -> Months:
        cycle = self._months(symbol)
        if cycle is None:
            raise ConfError(f"{symbol}: conf/rolls.toml has no table for the root {self.roots.get(symbol, symbol)}; add one")
        return cycle

    @staticmethod
    def _live(cycle: Months, at_ns: int) -> tuple[Contract, ...]:
        """The contracts that are listed at this time; the last of the table once all have expired."""
        now = new_york(at_ns)
        traded = now.hour * 60 + now.minute < RTH_OPEN
        first = (bisect_left if traded else bisect_right)(cycle.expiries, now.date())
        return cycle.contracts[first : first + cycle.listed] or cycle.contracts[-1:]

    def _dated(self, text: str, symbol: str, month: re.Match[str], today: dt.date) -> Contract:
        number = month["number"]
        if number is not None:
            at = int(number)
        elif month["letter"] is not None:
            at = LETTERS.index(month["letter"]) + 1
        else:
            at = NAMES.index(month["name"]) + 1 if month["name"] in NAMES else 0
        cycle = self._months(symbol)
        held = sorted({each.month for each in cycle.contracts}) if cycle else range(1, 13)
        if at not in held:
            raise DataError(f"{text!r}: {symbol} has contracts of the months {', '.join(f'{each:02}' for each in held)}")
        return Contract(self.roots[symbol], symbol, _nearest(month["a"] or month["b"] or month["c"], at, today), at)


def _nearest(digits: str, month: int, today: dt.date) -> int:
    """The year that ends in these digits and lies nearest to today; of two equally near, the later one."""
    span: int = 10 ** len(digits)
    first: int = today.year - today.year % span + int(digits)

    def distance(year: int) -> int:
        return abs((year - today.year) * 12 + month - today.month)

    return min((first + span, first, first - span), key=distance)

"""What an account did, in one form, whatever file it was read from: fills, round turns, and contracts by their names.

Prices and fees are decimals as the file has them, so that sums are exact. Times are UTC nanoseconds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from tapewire.daemons.market.contracts import LETTERS, NAMES

PLAYBACK = "Playback"  # NinjaTrader's replay connection; its account is Playback101
PLAYBACK_PROVIDER = 13  # the same in its database

_NUMBERED = re.compile(r"([A-Z0-9]+) (\d\d)-(\d\d)")
_NAMED = re.compile(rf"([A-Z0-9]+) ({'|'.join(NAMES)})(\d\d)")
_LETTERED = re.compile(rf"([A-Z0-9]*[A-Z])([{LETTERS}])(\d{{1,2}})")


class ContractName(NamedTuple):
    """What an instrument's name says: its symbol, and a contract's month and last digit of the year; 0 and -1 if it names none."""

    symbol: str
    month: int = 0
    year: int = -1

    def matches(self, other: ContractName) -> bool:
        """Whether both may mean the same contract: equal symbols, and equal months where both name one."""
        return self.symbol == other.symbol and (not self.month or not other.month or self[1:] == other[1:])


def contract_name(text: str) -> ContractName:
    """An instrument by any of its names: `MNQ`, `MNQ 03-27`, `MNQ MAR27`, `MNQH7`, `MNQ ##-##`.

    An account may have traded what conf/ does not define, so the symbol need not be known here.
    """
    name = text.strip().upper()
    if found := _NUMBERED.fullmatch(name):
        return ContractName(found[1], int(found[2]), int(found[3]) % 10)
    if found := _NAMED.fullmatch(name):
        return ContractName(found[1], NAMES.index(found[2]) + 1, int(found[3]) % 10)
    if found := _LETTERED.fullmatch(name):
        return ContractName(found[1], LETTERS.index(found[2]) + 1, int(found[3]) % 10)
    return ContractName(name.removesuffix(" ##-##"))


class AccountFill(Struct, frozen=True, kw_only=True):
    """One execution. side: 1 bought, -1 sold. price: of one contract; fees: of all of them, positive.

    order: the id of its order, "" if unknown. position: the account's signed position after it, closes: whether it ended a
    position; None if unknown.
    """

    account: str
    instrument: str
    at_ns: int
    side: int
    size: int
    price: Decimal
    fees: Decimal
    id: str = ""
    order: str = ""
    position: int | None = None
    closes: bool | None = None


class AccountTurn(Struct, frozen=True, kw_only=True):
    """The contracts that one entry order opened, and their exits, first in, first out.

    direction: 1 long, -1 short. entered, left: sums of price times contracts, of all and of those closed so far. exit_ns: of the
    last exit, 0 if there was none. fees: of the entry and of the exits so far.
    """

    account: str
    instrument: str
    direction: int
    size: int
    closed: int
    entry_ns: int
    exit_ns: int
    entered: Decimal
    left: Decimal
    fees: Decimal

    @property
    def entry_price(self) -> float:
        """The average of its entry fills."""
        return float(self.entered / self.size)

    @property
    def exit_price(self) -> float:
        """The average of its exits; there must be one."""
        return float(self.left / self.closed)

    @property
    def points(self) -> Decimal:
        """Profit in points times contracts, of a closed turn, before fees."""
        return self.direction * (self.left - self.entered)


class Terms(NamedTuple):
    """Tick in points, and dollars per point and contract."""

    tick: float
    point_value: float


class AccountHistory(Struct, frozen=True, kw_only=True):
    """What a file holds of one or more accounts.

    source: what the file is, and how its times were read. turns: closed round turns by their entries. open: those that are not.
    unseen: contracts, by account, that were closed and whose entry the file does not have. accounts: every account by the name
    that turns have, with all its names. playback: accounts of market replay. terms: by symbol, where the file has them. doubts:
    what a reader of the result should know.
    """

    source: str
    turns: tuple[AccountTurn, ...] = ()
    open: tuple[AccountTurn, ...] = ()
    unseen: Mapping[str, int] = {}
    accounts: Mapping[str, tuple[str, ...]] = {}
    playback: frozenset[str] = frozenset()
    terms: Mapping[str, Terms] = {}
    doubts: tuple[str, ...] = ()


def is_playback(account: str, connection: str = "") -> bool:
    """Whether an account is one of market replay, by the names that NinjaTrader gives."""
    return account.startswith(PLAYBACK) or connection.startswith(PLAYBACK)


def expiry(root: str, day: dt.date) -> str:
    """A contract's name as NinjaTrader shows it: `MNQ 03-27`."""
    return f"{root} {day:%m-%y}"


def once(fills: Iterable[AccountFill]) -> tuple[list[AccountFill], tuple[str, ...]]:
    """Each fill once, and the doubt if some stood there twice. Without an id, equal fills are different ones."""
    seen: dict[object, AccountFill] = {}
    repeated = 0
    for number, fill in enumerate(fills):
        key = (fill.account, fill.instrument, fill.at_ns, fill.side, fill.size, fill.price, fill.id or number)
        repeated += key in seen
        seen.setdefault(key, fill)
    return list(seen.values()), (f"fills that stand there twice, and count once: {repeated}",) if repeated else ()

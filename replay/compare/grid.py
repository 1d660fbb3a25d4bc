"""NinjaTrader's grids as its *Export* writes them: *Trades* (one line per round turn) and *Executions* (one line per fill).

A grid has the columns that the user has left in it, in any order, with a comma (or the region's list separator) at the end of every
line. Its times are the local time of the PC, without a zone: the caller gives it. Numbers and dates follow Windows' region
(region.py). An Executions grid may have the newest fill first; fills of one second then stand in the file from the last to the
first, so the file is turned round as a whole.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import structs

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.compare import region, turns
from tapewire.replay.compare.history import AccountFill, AccountHistory, AccountTurn, is_playback, once
from tapewire.replay.compare.region import Order
from tapewire.replay.sources.zones import zone_named
from tapewire.strategies.clock import SECOND_NS

Kind = Literal["Executions", "Trades"]

COLUMNS: Mapping[Kind, frozenset[str]] = {
    "Executions": frozenset({"instrument", "action", "quantity", "price", "time"}),
    "Trades": frozenset({"instrument", "market pos.", "qty", "entry price", "exit price", "entry time", "exit time"}),
}
TIMES: Mapping[Kind, tuple[str, ...]] = {"Executions": ("time",), "Trades": ("entry time", "exit time")}
PRICES: Mapping[Kind, tuple[str, ...]] = {"Executions": ("price",), "Trades": ("entry price", "exit price")}
FEES = ("commission", "fee", "fees", "clearing fee", "exchange fee", "ip fee", "nfa fee")
ACCOUNTS = ("account", "account display name", "account name")
SEPARATORS = (",", ";", "\t")
FIRST_LINES = 5

_POSITION = re.compile(r"(\d+) ?([LS])")


class GridRow(NamedTuple):
    """One line of a grid: its number in the file, and its values by column."""

    line: int
    values: dict[str, str]

    def get(self, *names: str) -> str:
        """The first of these columns that has a value, else an empty text."""
        return next((value for name in names if (value := self.values.get(name, ""))), "")


class Grid(NamedTuple):
    """A grid: which one, the separator of its columns, and its lines."""

    kind: Kind
    separator: str
    rows: list[GridRow]


def recognised(text: str) -> Grid | None:
    """The grid that a text holds, by its heading; None if it holds none.

    Raises:
        DataError: a line has more values than the heading.
    """
    lines = text.splitlines()
    for at, line in enumerate(lines[:FIRST_LINES]):
        for separator in SEPARATORS:
            names = [name.strip().lower() for name in next(csv.reader([line], delimiter=separator), [])]
            for kind, needed in COLUMNS.items():
                if needed <= set(names):
                    below = csv.reader(StringIO("\n".join(lines[at + 1 :])), delimiter=separator)
                    return Grid(kind, separator, list(_rows(below, names, at + 1)))
    return None


def _rows(lines: Any, names: list[str], above: int) -> Iterator[GridRow]:
    headings = _filled(names)
    for values in lines:
        line, count = above + lines.line_num, _filled(values)
        if count > headings:
            raise DataError(
                f"line {line} has {count} values under {headings} headings (a decimal comma without quotes?); "
                "export the grid again, and change nothing in the file"
            )
        if count:
            yield GridRow(line, {name: value.strip() for name, value in zip(names, values, strict=False) if name})


def _filled(values: list[str]) -> int:
    """How many there are, without empty ones at the end."""
    return max((at for at, value in enumerate(values, 1) if value.strip()), default=0)


def history(grid: Grid, zone: str | None, dates: Order | None) -> AccountHistory:
    """What the accounts of a grid did.

    Args:
        zone: of the PC that exported it, an IANA name. dates: the order of day and month, where the file does not prove it.
    Raises:
        ConfError: the zone or the order must be given, or is unknown. DataError: a value is not what its column holds.
    """
    where = _zone(zone)
    for row in grid.rows:
        for name in sorted(COLUMNS[grid.kind]):
            if not row.get(name):
                raise DataError(f"line {row.line}: no value under {name!r}; export the grid again")
    order, proof = region.day_order((row.get(name) for row in grid.rows for name in TIMES[grid.kind]), dates)
    columns = (*PRICES[grid.kind], *FEES)
    mark = region.decimal_mark((value for row in grid.rows for name in columns if (value := row.get(name))), grid.separator)
    reader = _Reader(mark, order, where)
    found = AccountHistory(
        source=f"{grid.kind} grid of NinjaTrader, {len(grid.rows)} lines, times of {where.key}, {proof}",
        accounts={name: (name,) for name in dict.fromkeys(row.get(*ACCOUNTS) for row in grid.rows)},
        playback=frozenset(row.get(*ACCOUNTS) for row in grid.rows if is_playback(row.get(*ACCOUNTS), row.get("connection"))),
    )
    if grid.kind == "Trades":
        return structs.replace(found, turns=turns.joined(map(reader.trade, grid.rows)))
    fills, doubts = once(_in_order([reader.fill(row) for row in grid.rows]))
    return turns.fold(structs.replace(found, doubts=doubts), fills)


def _zone(name: str | None) -> ZoneInfo:
    if name is None:
        raise ConfError(
            "a grid has the local time of the PC that exported it and does not name the zone; "
            "say it, such as --zone America/New_York or --zone Europe/Berlin"
        )
    return ZoneInfo(zone_named(name))


def _in_order(fills: list[AccountFill]) -> list[AccountFill]:
    """The oldest first, also those of one second."""
    steps = [b.at_ns - a.at_ns for a, b in pairwise(fills) if a.account == b.account and a.instrument == b.instrument]
    falling = sum(step < 0 for step in steps) > sum(step > 0 for step in steps)
    return fills[::-1] if falling else fills


class _Reader(NamedTuple):
    """Turns the values of a line into numbers and times. Errors name the line and the column."""

    mark: str
    order: Order
    zone: ZoneInfo

    def fill(self, row: GridRow) -> AccountFill:
        action = row.get("action").lower()
        if not action.startswith(("buy", "sell")):
            raise DataError(f"line {row.line}: Action {row.get('action')!r} is neither Buy nor Sell; set NinjaTrader to English")
        return AccountFill(
            account=row.get(*ACCOUNTS),
            instrument=row.get("instrument"),
            at_ns=self._time(row, "time"),
            side=1 if action.startswith("buy") else -1,
            size=self._size(row, "quantity"),
            price=self._number(row, "price"),
            fees=self._fees(row),
            id=row.get("id"),
            order=row.get("order id"),
            position=_position(row.get("position")),
            closes={"exit": True, "entry": False}.get(row.get("e/x").lower()),
        )

    def trade(self, row: GridRow) -> AccountTurn:
        side = row.get("market pos.").lower()
        if side not in ("long", "short"):
            raise DataError(
                f"line {row.line}: Market pos. {row.get('market pos.')!r} is neither Long nor Short; set NinjaTrader to English"
            )
        size = self._size(row, "qty")
        return AccountTurn(
            account=row.get(*ACCOUNTS),
            instrument=row.get("instrument"),
            direction=1 if side == "long" else -1,
            size=size,
            closed=size,
            entry_ns=self._time(row, "entry time"),
            exit_ns=self._time(row, "exit time"),
            entered=size * self._number(row, "entry price"),
            left=size * self._number(row, "exit price"),
            fees=self._fees(row),
        )

    def _time(self, row: GridRow, name: str) -> int:
        try:
            wall = region.moment(row.get(name), self.order)
        except DataError as error:
            raise DataError(f"line {row.line}: {name}: {error}") from error
        at = wall.replace(tzinfo=self.zone)
        return int(at.timestamp()) * SECOND_NS + at.microsecond * 1_000

    def _fees(self, row: GridRow) -> Decimal:
        """What the line paid, as a positive number: grids write costs with and without a minus."""
        return sum((abs(self._number(row, name)) for name in FEES if row.get(name)), Decimal(0))

    def _size(self, row: GridRow, name: str) -> int:
        value = self._number(row, name)
        if value < 1 or value % 1:
            raise DataError(f"line {row.line}: {name}: {row.get(name)!r} is not a number of contracts")
        return int(value)

    def _number(self, row: GridRow, name: str) -> Decimal:
        try:
            return region.number(row.get(name), self.mark)
        except ValueError as error:
            raise DataError(f"line {row.line}: {name}: {error}; export with the display unit Currency") from error


def _position(text: str) -> int | None:
    """`2 L` is 2, `1 S` is -1, `-` is flat."""
    if text in ("-", "0"):
        return 0
    found = _POSITION.fullmatch(text)
    return None if found is None else int(found[1]) * (1 if found[2] == "L" else -1)

"""NinjaTrader's own database, `db\\NinjaTrader.sqlite`, which it holds open and writes while it runs.

The file itself is only copied, with what has not been merged into it yet (`-wal`, `-journal`), to a private temporary folder. The
copy is opened read-only and checked; a torn copy is made again. The database also has tables with credentials. An authorizer lets
statements read the five tables that hold fills and nothing else; the copy is removed when they are read.

Times are .NET ticks in UTC. Ids exceed 2**53 and stay integers. An order's id is text in both tables.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from tapewire.bus.errors import DataError, Transient
from tapewire.replay.compare import turns
from tapewire.replay.compare.history import PLAYBACK_PROVIDER, AccountFill, AccountHistory, Terms, expiry, is_playback, once

MAGIC = b"SQLite format 3\x00"
BESIDE = ("-wal", "-journal")
CHANGE_COUNTER, WAL_HEADER = 24, 32  # the place of the first, the size of the second: sqlite.org/fileformat.html
TRIES = 5
PAUSE_S = 0.2
FUTURE = 0  # InstrumentType: ES is a stock as well


class ExecutionRow(Struct, frozen=True, rename="pascal"):
    """A fill. commission and fee: dollars of the whole fill. position: signed, after it."""

    id: int
    account: int
    instrument: int
    execution_id: str | int | None
    order_id: str | int | None
    time: Annotated[int, Meta(ge=EARLIEST, le=LATEST)]
    price: float
    quantity: Annotated[int, Meta(ge=1)]
    commission: float | None
    fee: float | None
    is_entry: int | None
    is_exit: int | None
    position: int | None


class OrderRow(Struct, frozen=True, rename="pascal"):
    """Which side an order is on; the other columns are not needed."""

    account: int
    order_id: str | int | None
    order_action: int | None


class AccountRow(Struct, frozen=True, rename="pascal"):
    """An account with its names. provider: the kind of its connection."""

    id: int
    name: str | None
    display_name: str | None
    provider: int | None


class InstrumentRow(Struct, frozen=True, rename="pascal"):
    """A contract. expiry: .NET ticks of a date."""

    id: int
    master_instrument: int
    expiry: int | None


class MasterRow(Struct, frozen=True, rename="pascal"):
    """The terms of all contracts of one root."""

    id: int
    name: str
    instrument_type: int | None
    point_value: float
    tick_size: float


TABLES: Mapping[str, type[Struct]] = {
    "Executions": ExecutionRow,
    "Orders": OrderRow,
    "Accounts": AccountRow,
    "Instruments": InstrumentRow,
    "MasterInstruments": MasterRow,
}
SIDES = {0: 1, 1: 1, 2: -1, 3: -1}  # OrderAction: Buy, BuyToCover, Sell, SellShort

TICKS_AT_1970 = 621_355_968_000_000_000
TICK_NS = 100
EPOCH = dt.date(1, 1, 1)
EARLIEST, LATEST = 627_667_488_000_000_000, 662_380_416_000_000_000  # 1990 and 2100, in .NET ticks
DAY_TICKS = 86_400 * 10_000_000

T = TypeVar("T", bound=Struct)
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_TRANSACTION}
_PRAGMAS = ("quick_check", "table_info")


def is_database(path: Path) -> bool:
    """Whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def history(path: Path) -> AccountHistory:
    """What the accounts of a NinjaTrader database did, in futures.

    Raises:
        DataError: it is another program's database. Transient: it was written to during every attempt to copy it.
    """
    why = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S)
        try:
            with tempfile.TemporaryDirectory(prefix="tapewire-") as folder:  # mode 0700
                copy = Path(folder, "copy.sqlite")
                _copy(path, copy)
                with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
                    connection.set_authorizer(authorized)
                    why = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
                    if why == "ok":
                        return _history(path, connection)
        except (
            sqlite3.DatabaseError,
            OSError,
            UnicodeDecodeError,
        ) as error:  # the last: a message about a torn page quotes its bytes
            why = str(error)
    raise Transient(
        f"{path} could not be copied whole in {TRIES} attempts ({' '.join(why.split())}); "
        "try again, close NinjaTrader, or export its Executions grid instead"
    )


def authorized(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """SQLite's question before it prepares a statement: may it do this? Only reads of the five tables."""
    if action == sqlite3.SQLITE_READ:
        allowed = first in TABLES
    elif action == sqlite3.SQLITE_PRAGMA:
        allowed = first in _PRAGMAS
    else:
        allowed = action in _READS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _copy(path: Path, copy: Path) -> None:
    """The database and what stands beside it. Raises OSError if the parts are not of one moment."""
    before = _moment(path)
    for ending in ("", *BESIDE):
        part = copy.with_name(copy.name + ending)
        part.unlink(missing_ok=True)
        try:
            shutil.copyfile(path.with_name(path.name + ending), part)
        except FileNotFoundError:
            if not ending:
                raise
    if _moment(path) != before:
        raise OSError("it changed meanwhile")


def _moment(path: Path) -> tuple[bytes, bytes]:
    """What changes when the database is written to without its -wal, and when the -wal begins anew: until then a copy is whole."""
    parts: list[bytes] = []
    for ending, begin, size in (("", CHANGE_COUNTER, 4), (BESIDE[0], 0, WAL_HEADER)):
        try:
            with path.with_name(path.name + ending).open("rb") as file:
                file.seek(begin)
                parts.append(file.read(size))
        except FileNotFoundError:
            parts.append(b"")
    return parts[0], parts[1]


def _history(path: Path, connection: sqlite3.Connection) -> AccountHistory:
    accounts = {row.id: row for row in _rows(path, connection, "Accounts", AccountRow)}
    names = {row.id: row.name or row.display_name or str(row.id) for row in accounts.values()}
    masters = {row.id: row for row in _rows(path, connection, "MasterInstruments", MasterRow) if row.instrument_type == FUTURE}
    contracts = {
        row.id: _named(masters[row.master_instrument].name, row.expiry)
        for row in _rows(path, connection, "Instruments", InstrumentRow)
        if row.master_instrument in masters
    }
    sides = {
        (row.account, str(row.order_id)): SIDES[row.order_action]
        for row in _rows(path, connection, "Orders", OrderRow)
        if row.order_action in SIDES
    }
    fills: list[AccountFill] = []
    unsided = others = 0
    positions: dict[tuple[int, int], int | None] = {}
    for row in sorted(_rows(path, connection, "Executions", ExecutionRow), key=lambda row: (row.time, row.id)):
        if row.instrument not in contracts:
            others += 1
            continue
        held = row.account, row.instrument
        side = sides.get((row.account, str(row.order_id))) or _moved(row.position, positions.get(held), row.quantity)
        positions[held] = row.position
        if side:
            fills.append(_fill(row, side, contracts[row.instrument], names.get(row.account, str(row.account))))
        else:
            unsided += 1
    fills, doubts = once(fills)
    used = {fill.account for fill in fills}
    playback = {names[row.id] for row in accounts.values() if row.provider == PLAYBACK_PROVIDER or is_playback(names[row.id])}
    left_out = (
        ("fills in other instruments than futures, left out", others),
        ("fills whose side neither their order nor the position tells, left out", unsided),
    )
    found = AccountHistory(
        source=f"NinjaTrader's database, {len(fills)} fills in futures, times in UTC",
        accounts={
            names[row.id]: tuple(dict.fromkeys((names[row.id], row.display_name or names[row.id])))
            for row in accounts.values()
            if names[row.id] in used
        },
        playback=frozenset(playback & used),
        terms={row.name: Terms(row.tick_size, row.point_value) for row in masters.values()},
        doubts=(*doubts, *(f"{what}: {count}" for what, count in left_out if count)),
    )
    return turns.fold(found, fills)


def _rows(path: Path, connection: sqlite3.Connection, table: str, kind: type[T]) -> Iterator[T]:
    """A table's rows. Raises DataError if it lacks a column, or a value is not what the column holds."""
    needed = TABLES[table].__struct_encode_fields__
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    if missing := [name for name in needed if name not in present]:
        what = f"the columns {', '.join(missing)} of {table}" if present else f"the table {table}"
        raise DataError(f"{path} lacks {what}: it is no database of NinjaTrader 8, or one of a version that is not known")
    for values in connection.execute(f"SELECT {', '.join(needed)} FROM {table}"):  # noqa: S608 (names of ours)
        try:
            yield msgspec.convert(dict(zip(needed, values, strict=True)), kind)
        except msgspec.ValidationError as error:
            raise DataError(f"{path}: {table}, Id {values[0]}: {error}; export the Executions grid instead") from error


def _named(root: str, ticks: int | None) -> str:
    """The contract's name. A day before 1990 or after 2100 is .NET's mark for none."""
    days = (ticks or 0) // DAY_TICKS
    return expiry(root, EPOCH + dt.timedelta(days)) if EARLIEST // DAY_TICKS <= days <= LATEST // DAY_TICKS else root


def _moved(position: int | None, before: int | None, size: int) -> int:
    """The side of a fill by the signed position after it and after the fill before; 0 if they do not tell."""
    if position is None or before is None or abs(position - before) != size:
        return 0
    return 1 if position > before else -1


def _fill(row: ExecutionRow, side: int, instrument: str, account: str) -> AccountFill:
    marked = row.is_entry is not None and row.is_exit is not None and bool(row.is_entry) != bool(row.is_exit)
    return AccountFill(
        account=account,
        instrument=instrument,
        at_ns=(row.time - TICKS_AT_1970) * TICK_NS,
        side=side,
        size=row.quantity,
        price=Decimal(str(row.price)),
        fees=abs(Decimal(str(row.commission or 0))) + abs(Decimal(str(row.fee or 0))),
        id=str(row.execution_id or ""),
        order=str(row.order_id or ""),
        position=row.position,
        closes=bool(row.is_exit) if marked else None,
    )

"""A database as NinjaTrader 8 keeps it, with the tables that are read and the one that must not be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from tapewire.replay.compare.sqlite import TICK_NS, TICKS_AT_1970

ACCOUNTS = ((62124056207858786, "Sim101", "Simulation", 15), (62124056207858787, "Playback101", "Playback101", 13))
MASTERS = ((1, "MNQ", 0, 2.0, 0.25), (2, "ES", 1, 1.0, 0.01))  # the second one is the stock of that name
EXPIRY = 639_410_112_000_000_000  # 2027-03-19
INSTRUMENTS = ((11, 1, EXPIRY), (12, 2, 0))
SIM, PLAYBACK = (number for number, *_ in ACCOUNTS)
BUY, COVER, SELL, SHORT = range(4)
SECRET = "never to be read"

SCHEMA = """
CREATE TABLE Accounts (Id INTEGER PRIMARY KEY, Name TEXT, DisplayName TEXT, Provider INTEGER, Fcm TEXT);
CREATE TABLE MasterInstruments (Id INTEGER PRIMARY KEY, Name TEXT, InstrumentType INTEGER, PointValue REAL, TickSize REAL);
CREATE TABLE Instruments (Id INTEGER PRIMARY KEY, MasterInstrument INTEGER, Expiry INTEGER, Exchange INTEGER);
CREATE TABLE Orders (Id INTEGER PRIMARY KEY, Account INTEGER, Instrument INTEGER, OrderId TEXT, OrderAction INTEGER);
CREATE TABLE Executions (
    Id INTEGER PRIMARY KEY, Account INTEGER, Instrument INTEGER, ExecutionId TEXT, OrderId TEXT, Time INTEGER, Price REAL,
    Quantity INTEGER, Commission REAL, Fee REAL, IsEntry INTEGER, IsExit INTEGER, Position INTEGER, MarketPosition INTEGER
);
CREATE TABLE Users (Id INTEGER PRIMARY KEY, Name TEXT, Password TEXT, Salt TEXT);
"""


class Database:
    """Writes one. `fills` may be called while a reader looks at the file."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(SCHEMA)
        self.connection.execute("INSERT INTO Users VALUES (1, 'trader', ?, 'salt')", (SECRET,))
        self._insert("Accounts", [(*row, "") for row in ACCOUNTS])
        self._insert("MasterInstruments", MASTERS)
        self._insert("Instruments", [(*row, 1) for row in INSTRUMENTS])
        self.number = 62124056207858788

    def fill(
        self,
        at_ns: int,
        action: int | None,
        size: int,
        price: float,
        position: int,
        *,
        account: int = SIM,
        instrument: int = 11,
        fee: float = 0.12,
    ) -> None:
        """One fill and its order; without an action the order is missing."""
        self.number += 2
        order = f"{self.number}"
        if action is not None:
            self._insert("Orders", [(self.number, account, instrument, order, action)])
        entry = int(abs(position) >= size)
        row = (account, instrument, f"x{order}", order, at_ns // TICK_NS + TICKS_AT_1970, price, size, 0.5 * size, fee, entry)
        self._insert("Executions", [(self.number + 1, *row, 1 - entry, position, 0)])

    def close(self) -> None:
        self.connection.close()

    def _insert(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        for row in rows:
            self.connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

"""NinjaTrader's own database: copied, read-only, five tables and no other."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError, DataError, Transient
from tapewire.replay.compare import source, sqlite
from tapewire.replay.compare.history import Terms
from tests.databases import BUY, COVER, PLAYBACK, SECRET, SELL, SHORT, Database
from tests.runs import at

READ = {"Executions", "Orders", "Accounts", "Instruments", "MasterInstruments"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "copied by hand.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A long of 2, left in two steps, a short, and a trade of the playback account. It stays open, as NinjaTrader keeps it."""
    made = Database(path)
    made.fill(at(661), BUY, 2, 100.25, 2)
    made.fill(at(670), SELL, 1, 102.0, 1)
    made.fill(at(680), SELL, 1, 103.0, 0)
    made.fill(at(690), SHORT, 1, 103.0, -1)
    made.fill(at(700), COVER, 1, 101.0, 0)
    made.fill(at(661), BUY, 1, 100.0, 1, account=PLAYBACK)
    made.fill(at(662), SELL, 1, 101.0, 0, account=PLAYBACK)
    yield made
    made.close()


def test_fills_become_round_turns_with_their_accounts_and_terms(path, database):
    """Found by its content, whatever its name is; sides are those of the orders, fees are commission and fee."""
    found = source.read(path, None, None)

    turns = [
        (t.account, t.instrument, t.direction * t.size, t.entry_price, t.exit_price, t.entry_ns, t.exit_ns) for t in found.turns
    ]
    assert turns == [
        ("Playback101", "MNQ 03-27", 1, 100.0, 101.0, at(661), at(662)),
        ("Sim101", "MNQ 03-27", 2, 100.25, 102.5, at(661), at(680)),
        ("Sim101", "MNQ 03-27", -1, 103.0, 101.0, at(690), at(700)),
    ]
    assert found.turns[1].fees == Decimal("2.36")
    assert found.accounts == {"Sim101": ("Sim101", "Simulation"), "Playback101": ("Playback101",)}
    assert found.playback == {"Playback101"}
    assert found.terms == {"MNQ": Terms(0.25, 2.0)}
    assert found.doubts == ()


def test_the_folder_of_the_database_is_enough(path, database):
    """As NinjaTrader's `db`: other files lie beside it, and one of them is a database."""
    path.with_name("notes.txt").write_text("SQLite format")

    assert len(source.read(path.parent, None, None).turns) == 3


def test_a_published_stamp_is_the_time_it_stands_for():
    """638102771851317160 ticks are 2023-01-25 20:59:45.131716 UTC."""
    assert (638_102_771_851_317_160 - sqlite.TICKS_AT_1970) * sqlite.TICK_NS == 1_674_680_385_131_716_000


def test_what_is_not_merged_yet_is_read_and_the_original_stays_as_it_was(path, database):
    """All of it still stands in the -wal file beside it; neither file changes, and no copy remains."""
    files = [path, path.with_name(f"{path.name}-wal")]
    before = [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
    copies = sorted(Path(tempfile.gettempdir()).glob("tapewire-*/copy.sqlite*"))

    assert len(sqlite.history(path).turns) == 3
    assert [hashlib.sha256(each.read_bytes()).hexdigest() for each in files] == before
    assert sorted(Path(tempfile.gettempdir()).glob("tapewire-*/copy.sqlite*")) == copies


def test_only_five_tables_are_read(path, database, monkeypatch):
    """SQLite asks before each column is read: Users is never among them."""
    asked: set[str | None] = set()

    def recorded(action: int, first: str | None, *rest: str | None) -> int:
        if action == sqlite3.SQLITE_READ:
            asked.add(first)
        return authorized(action, first, *rest)

    authorized = sqlite.authorized
    monkeypatch.setattr(sqlite, "authorized", recorded)
    sqlite.history(path)

    assert asked == READ


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT Password FROM Users",
        "SELECT * FROM Accounts, Users",
        "DELETE FROM Orders",
        "ATTACH '/tmp/x' AS x",
        "PRAGMA key_list",
    ],
)
def test_every_other_statement_is_refused(path, database, statement):
    """By the authorizer, before it is carried out: also where a later change of the code would ask for it."""
    with sqlite3.connect(path) as connection:
        connection.set_authorizer(sqlite.authorized)
        with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
            connection.execute(statement)
    connection.close()


def test_nothing_of_the_other_tables_comes_out(path, database):
    """The secret stands in the file, and not in what was read."""
    assert SECRET not in repr(sqlite.history(path))


def test_a_side_without_its_order_follows_from_the_position(path, database):
    """The position moved from flat to 1; where it does not tell either, the fill is left out and counted."""
    database.fill(at(710), None, 1, 100.0, 1)
    database.fill(at(711), SELL, 1, 101.0, 0)
    database.fill(at(712), None, 1, 101.0, 5)
    found = sqlite.history(path)

    assert [(t.direction, t.entry_ns) for t in found.turns][-1] == (1, at(710))
    assert "fills whose side neither their order nor the position tells, left out: 1" in found.doubts


def test_a_stock_of_the_same_name_is_left_out(path, database):
    """Only instruments of type 0 are futures."""
    database.fill(at(710), BUY, 100, 700.0, 100, instrument=12)
    found = sqlite.history(path)

    assert len(found.turns) == 3
    assert found.doubts == ("fills in other instruments than futures, left out: 1",)


def test_another_programs_database_is_refused(tmp_path):
    """The error names the table."""
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE Accounts (Id INTEGER, Name TEXT, DisplayName TEXT, Provider INTEGER)")
    connection.close()

    with pytest.raises(DataError, match="lacks the table MasterInstruments: it is no database of NinjaTrader 8"):
        sqlite.history(tmp_path / "x.db")


def test_a_value_that_its_column_cannot_hold_is_refused(path, database):
    """The error names the table and the row."""
    database.connection.execute("UPDATE Executions SET Price = 'many' WHERE Position = -1")

    with pytest.raises(DataError, match=r"Executions, Id \d+: Expected `float`, got `str` - at `\$\.Price`"):
        sqlite.history(path)


@pytest.mark.parametrize("how", ["half a copy", "a -wal that begins anew", "a file in the way"])
def test_a_copy_that_is_not_of_one_moment_is_made_again(path, database, monkeypatch, how):
    """NinjaTrader writes while the first copy is made; the second one is whole."""
    copies = []

    def copied(original: Path, copy: Path) -> None:
        copies.append(copy)
        whole(original, copy)
        if len(copies) > 1:
            return
        if how == "half a copy":
            copy.write_bytes(copy.read_bytes()[:5000])
        elif how == "a -wal that begins anew":
            database.connection.execute("PRAGMA wal_checkpoint(RESTART)")
            database.fill(at(710), COVER, 1, 100.0, 0)
        else:
            raise PermissionError("the file is in use")

    whole = shutil.copyfile
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if how == "a -wal that begins anew":
        database.fill(at(705), SHORT, 1, 100.0, -1)
    monkeypatch.setattr(shutil, "copyfile", copied)
    monkeypatch.setattr(sqlite, "PAUSE_S", 0)

    assert len(sqlite.history(path).turns) == (4 if how == "a -wal that begins anew" else 3)
    assert len(copies) > 2


@pytest.mark.parametrize(
    "old, new", [(b"Sim101", b"Sim101"), (b"CREATE TABLE Users", b"CREATE T\xfbBLE Users")], ids=["a page", "the schema"]
)
def test_a_database_that_is_never_whole_ends_with_the_remedy(path, database, monkeypatch, old, new):
    """Exit status 75: try again, close NinjaTrader, or export the grid. A torn page may hold any bytes."""
    monkeypatch.setattr(sqlite, "PAUSE_S", 0)
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes().replace(old, new)
    torn = path.with_name("torn.db")
    torn.write_bytes(content if old != new else content[:4096] + b"\xff" * 4096 + content[8192:])

    with pytest.raises(Transient, match=r"could not be copied whole in 5 attempts \(.+\); try again, close NinjaTrader, or export"):
        sqlite.history(torn)


def test_options_of_a_grid_are_refused(path, database):
    """Its times are UTC by the format."""
    with pytest.raises(ConfError, match="whose times are UTC; leave --zone and --dates out"):
        source.read(path, "Europe/Berlin", None)

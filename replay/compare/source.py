"""A file of an account, found by its content, never by its name."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.compare import grid, sqlite
from tapewire.replay.compare.history import AccountHistory
from tapewire.replay.compare.region import Order

KNOWN = "NinjaTrader's Trades or Executions grid (right click > Export), or its db/NinjaTrader.sqlite"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read(path: Path, zone: str | None, dates: Order | None) -> AccountHistory:
    """What the accounts of a file did; of a folder, those of the one database in it.

    Args:
        zone, dates: of a grid (grid.py); a database needs neither.
    Raises:
        ConfError: an option is missing or contradicts the file. DataError: it is none of the known files, or damaged.
        Transient: a database was written to during every attempt to copy it.
    """
    try:
        if path.is_dir():
            path = _database_in(path)
        content = b"" if (database := sqlite.is_database(path)) else path.read_bytes()
    except OSError as error:
        raise ConfError(f"{path}: {error.strerror}; name a file: {KNOWN}") from error
    if database:
        if zone is not None or dates is not None:
            raise ConfError(f"{path} is NinjaTrader's database, whose times are UTC; leave --zone and --dates out")
        return sqlite.history(path)
    text = _text(content)
    try:
        table = grid.recognised(text)
        if table is not None:
            return grid.history(table, zone, dates)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except ConfError as error:
        raise ConfError(f"{path}: {error}") from error
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    raise DataError(f"{path} is none of the files that are known: {KNOWN}, with English headings; it begins with {first[:80]!r}")


def _database_in(folder: Path) -> Path:
    """The one database in a folder, such as NinjaTrader's `db`."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and sqlite.is_database(path)]
    if len(found) != 1:
        raise ConfError(f"{folder} is a folder with {len(found)} databases; name a file: {KNOWN}")
    return found[0]


def _text(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")

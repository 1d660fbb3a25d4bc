"""What the name of a file in NinjaTrader's database tells: its kind, its contract, and between which times its records lie.

    db/minute/NQ 03-27/20270224.Last.ncd        bars of one clock day: closes after 00:00, up to 00:00 of the next
    db/tick/NQ 03-27/202702241000.Last.ncd      trades of one hour, named by its end
    db/day/NQ 03-27/2027.Last.ncd               bars of one year

Nothing inside a file names these. Times in names are in the clock of the stamps, the local time of NinjaTrader's PC.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tapewire.bus.errors import DataError

Kind: TypeAlias = Literal["minute", "tick", "day"]

KINDS: tuple[Kind, ...] = ("minute", "tick", "day")
OF_DIGITS: dict[int, Kind] = {4: "day", 8: "minute", 12: "tick"}
NAME = re.compile(r"(\d{4}|\d{8}|\d{12})\.(Last|Bid|Ask)\.ncd", re.ASCII)
CONTRACT = re.compile(r"(\S+) (\d\d-\d\d|##-##)", re.ASCII)
NAMES = "YYYYMMDD.Last.ncd (minutes), YYYYMMDDHH00.Last.ncd (ticks) or YYYY.Last.ncd (days)"
HOUR = dt.timedelta(hours=1)


class Place(NamedTuple):
    """A file of the database. begin, end: its records lie between these wall times. price: "Last", or "Bid" or "Ask" for quotes."""

    kind: Kind
    contract: str
    price: str
    begin: dt.datetime
    end: dt.datetime


def place(path: Path) -> Place:
    """What the path of a file tells.

    Raises:
        DataError: it lies in NinjaTrader's cache, or it has another name than NinjaTrader gives.
    """
    refuse_cache(path)
    found = named(path)
    if found is None:
        raise DataError(f"{path}: no name that NinjaTrader gives, so kind and date are unknown; such files are called {NAMES}")
    return found


def named(path: Path) -> Place | None:
    """What the name and the folder tell; None if NinjaTrader gives no such name (a copy, such as "202702241000 (1).Last.ncd")."""
    found = NAME.fullmatch(path.name)
    if found is None:
        return None
    digits, price = found.groups()
    try:
        span = _span(digits)
    except ValueError:
        return None
    return Place(OF_DIGITS[len(digits)], contract=contract(path), price=price, begin=span[0], end=span[1])


def in_cache(path: Path) -> bool:
    """Whether a file or folder lies in `db/cache`."""
    parts = [part.lower() for part in path.absolute().parts]
    return ("db", "cache") in itertools.pairwise(parts)


def refuse_cache(path: Path) -> None:
    """Raises DataError for a file or folder of `db/cache`."""
    if in_cache(path):
        raise DataError(
            f"{path}: db/cache holds bars that NinjaTrader derived, in another layout; read db/minute or db/tick instead"
        )


def _span(digits: str) -> tuple[dt.datetime, dt.datetime]:
    if len(digits) == 4:
        return dt.datetime(int(digits), 1, 1), dt.datetime(int(digits) + 1, 1, 1)
    if len(digits) == 8:
        day = dt.datetime.strptime(digits, "%Y%m%d")
        return day, day + dt.timedelta(days=1)
    end = dt.datetime.strptime(digits, "%Y%m%d%H%M")
    return end - HOUR, end


def contract(path: Path) -> str:
    """The folder's name, where it is that of a contract or lies in a folder of the database."""
    folder = path.absolute().parent
    return folder.name if CONTRACT.fullmatch(folder.name) or folder.parent.name in KINDS else ""

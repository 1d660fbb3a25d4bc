"""What reading files depends on beside their bytes, and how a file's own words for a contract are understood."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.market.contracts import Contract, Rolls
from tapewire.daemons.market.week import product
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.proof import NEVER, day_of

LISTED = 10
CONTINUOUS = "!"  # TradingView's NQ1! is a series of contracts


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading depends on, beside the files. now: of the wall clock. wanted: roots to read; empty: all that are defined."""

    options: Options
    instruments: Mapping[str, Instrument]
    rolls: Rolls
    now: dt.datetime
    wanted: tuple[str, ...] = ()

    def always_from(self, root: str) -> int:
        """The first day, since 1970, on which a root trades around the clock; NEVER for those that do not."""
        calendar = next((terms.calendar for terms in self.instruments.values() if terms.root == root), "")
        since = product(calendar).always_open_from if calendar else None
        return NEVER if since is None else day_of(since)


def root_of(written: str, path: Path, reading: Reading) -> str:
    """The root that a file's own word for its contract means; the word itself if it is no known instrument.

    Raises:
        DataError: nothing names it.
    """
    text = written or reading.options.instrument
    if not text:
        raise DataError(f"{path}: nothing in it names its instrument; say --instrument, such as NQ")
    symbol = text.upper().split(CONTINUOUS)[0].rstrip("0123456789") if CONTINUOUS in text else text.upper()
    if symbol in reading.instruments:
        return reading.instruments[symbol].root
    try:
        contract = reading.rolls.parse(symbol, reading.now.date())
    except DataError:
        return text
    return contract.root if contract is not None else text


def symbol_of(written: str, root: str, reading: Reading) -> str:
    """The symbol that a file's own word begins with: MNQ of "MNQ 03-26"; the root where it is no contract."""
    try:
        return reading.rolls.read(written, reading.now.date())[0]
    except DataError:
        return root


def contract_of(written: str, reading: Reading) -> Contract | None:
    """The month that a file's own word names; None for a root alone, and for other words."""
    if written.upper() in reading.instruments:
        return None
    try:
        return reading.rolls.parse(written, reading.now.date())
    except (DataError, ConfError):
        return None


def named(contract: Contract) -> str:
    """A contract by its root and month, so that NQH6 and MNQ 03-26 are one."""
    return contract._replace(symbol=contract.root).name


def usual_name(written: str, reading: Reading) -> str:
    """A contract by its usual name, so that two spellings of it are one; other words as they are."""
    contract = contract_of(written, reading)
    return written if contract is None else named(contract)


def days(options: Options) -> tuple[int | None, int | None]:
    """The trade dates of --from and --to in days since 1970, or None.

    Raises:
        ConfError: one is no date, or the first is after the last.
    """
    first, last = _day(options.start, "--from"), _day(options.end, "--to")
    if first is not None and last is not None and first > last:
        raise ConfError(f"--from {options.start} is after --to {options.end}; exchange them")
    return first, last


def _day(text: str, name: str) -> int | None:
    if not text:
        return None
    try:
        return day_of(dt.date.fromisoformat(text))
    except ValueError:
        raise ConfError(f"{name} {text!r}: not a date; write YYYY-MM-DD") from None


def listed(names: Iterable[str]) -> str:
    """The first names of some, and how many more there are."""
    every = list(names)
    return ", ".join(every[:LISTED]) + (f" and {len(every) - LISTED} more" if len(every) > LISTED else "") if every else "nothing"

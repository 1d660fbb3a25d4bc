"""conf/caps/: how many contracts an account of a size may have open and in flight."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.files import FOLDER, convert, read_table
from tapewire.daemons.settings.structs import RiskLimits


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """account: dollars at the start. contracts: from this size of account on."""

    account: float
    contracts: int


class Caps(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of caps, smallest account first. source: where it is from; read: the day on which it was read there."""

    source: str
    read: dt.date
    tier: tuple[Tier, ...]

    def __post_init__(self) -> None:
        for before, after in pairwise(self.tier):
            if after.account <= before.account or after.contracts < before.contracts:
                raise ValueError(f"tier: {after.account:g} comes after {before.account:g}; write the lines in rising order")


def names() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "caps").glob("*.toml"))


def cap(name: str, start: float) -> int:
    """The most contracts of an account that began with `start` dollars.

    Raises:
        ConfError: no such table, or the account is smaller than the smallest in it.
    """
    if name not in names():
        raise ConfError(f"[risk] caps: unknown table {name!r}{suggest(name, names())}; known: {', '.join(names())} (conf/caps/)")
    where = FOLDER / "caps" / f"{name}.toml"
    tiers = convert(read_table(where), Caps, str(where)).tier
    held = [tier.contracts for tier in tiers if tier.account <= start]
    if not held:
        least = f"the smallest is {tiers[0].account:g}" if tiers else "it has no lines"
        raise ConfError(f"[risk] caps = {name!r}: start = {start:g} is in none of its lines; {least}: correct one of them")
    return held[-1]


def applied(limits: RiskLimits) -> RiskLimits:
    """The limits with `account_contracts` cut to the table that they name. Raises ConfError, as `cap`."""
    if not limits.caps:
        return limits
    most, own = cap(limits.caps, limits.start), limits.account_contracts
    return replace(limits, account_contracts=most if own is None else min(own, most))

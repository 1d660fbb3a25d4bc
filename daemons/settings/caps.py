"""conf/caps/: how many contracts an account of a size may have open and in flight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from msgspec import Struct

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.files import FOLDER, convert, read_table


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


def applied(limits: Mapping[str, Any]) -> dict[str, Any]:
    """A [risk] table with `account_contracts` cut to the table that it names."""
    name, own = limits.get("caps"), limits.get("account_contracts")
    if not name:
        return {**limits}
    most = cap(name, limits["start"])
    return {**limits, "account_contracts": most if own is None else min(own, most)}

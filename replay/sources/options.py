"""How a person wants files to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says about files, as the commands take it. None or empty: what the format says.

    instrument: whose bars these are where nothing names it. zone, stamps: the clock of the stamps, and the end they name.
    multiplier: what prices are multiplied with; None: nothing, and prices times 100 are looked for.
    mapping: the path of a TOML file that describes a table of one's own (mapping.py).
    adjusted: prices may be below 0. sort: a file may run backwards. skip_bad: how many bad rows may be left out.
    start, end: the first and the last trade date that is wanted, YYYY-MM-DD; readers of dated files may use them to open fewer.
    contract: only this contract. roll, adjust: how several contracts become one series (join.py). kind: which files of
    NinjaTrader's database. seconds: of the bars to make.
    """

    instrument: str = ""
    zone: str = ""
    stamps: Literal["", "open", "close"] = ""
    multiplier: float | None = None
    mapping: str = ""
    adjusted: bool = False
    sort: bool = False
    skip_bad: int = 0
    start: str = ""
    end: str = ""
    contract: str = ""
    kind: Literal["", "minute", "tick"] = ""
    roll: Literal["volume", "table", "none"] = "volume"
    adjust: bool = False
    seconds: int = 60

"""The instruments of a run: the shipped table (conf/instruments.toml) and a person's own on top of it.

Own tables are `instruments.toml` in the user's configuration folder (~/.config/tapewire, or $XDG_CONFIG_HOME/tapewire), then the
file that `--instruments` names. An entry of a new symbol adds an instrument and needs all its fields. An entry of a known symbol
replaces the fields that it names; `told` says which, so that nobody trades on other terms unawares.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.files import convert, read_table
from tapewire.daemons.settings.structs import MAX_SYMBOL, SYMBOL, Instrument

FILE = "instruments.toml"


class Instruments(NamedTuple):
    """Every instrument by symbol. told: a sentence for each entry that a person's own table adds or replaces."""

    table: dict[str, Instrument]
    told: tuple[str, ...] = ()

    def of(self, symbol: str) -> Instrument:
        """One instrument. Raises ConfError, with the defined symbols, if there is none."""
        if symbol not in self.table:
            raise ConfError(
                f"unknown instrument {symbol!r}{suggest(symbol, self.table)}; known: {', '.join(self.table)} (conf/{FILE}); "
                "add it in a table of your own (--instruments FILE)"
            )
        return self.table[symbol]

    def with_terms(self, terms: Mapping[str, Mapping[str, Any]]) -> Instruments:
        """These instruments with fields replaced, by symbol. Raises ConfError as `read` does."""
        table = {**self.table}
        for symbol, fields in terms.items():
            where = f"--set {', '.join(f'instruments.{symbol}.{name}={value}' for name, value in fields.items())}"
            table[symbol] = convert({**msgspec.to_builtins(self.of(symbol)), **fields}, Instrument, where)
            _check_roots(table, where)
        return self._replace(table=table)


def own_file(name: str = FILE) -> Path:
    """A file of the user's own, which need not exist: the table of instruments, or another one beside it."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tapewire" / name


def read(shipped: Path, named: Path | None = None) -> Instruments:
    """The instruments of the shipped table and of the user's own.

    Args:
        named: the file that `--instruments` names.
    Raises:
        ConfError: a file or an entry is wrong; the error names the file, the symbol, the field, the value and the remedy.
    """
    if named is not None and not named.is_file():
        raise ConfError(f"--instruments {named}: there is no such file; copy an entry of conf/{FILE} to start with")
    rows: dict[str, Mapping[str, Any]] = {}
    table: dict[str, Instrument] = {}
    told: list[str] = []
    own = own_file()
    for path in (shipped, *([own] if own.is_file() else []), *([named] if named else [])):
        for symbol, row in read_table(path).items():
            where = f"{path} [{symbol}]"
            if not isinstance(row, dict) or not SYMBOL.fullmatch(symbol):
                raise ConfError(f"{where}: write [SYMBOL] of A-Z and 0-9, {MAX_SYMBOL} at most, and its fields below it")
            before = table.get(symbol)
            rows[symbol] = {**rows.get(symbol, {}), **row}
            table[symbol] = convert(rows[symbol], Instrument, where)
            if path != shipped:
                told += _told(path, symbol, before, table[symbol])
        _check_roots(table, path)
    return Instruments(table, tuple(told))


def _told(path: Path, symbol: str, before: Instrument | None, now: Instrument) -> Iterator[str]:
    if before is None:
        yield f"{path} adds {symbol}"
        return
    changes = [
        f"{field} {old} -> {new}"
        for field in now.__struct_fields__
        if field != "source" and (old := getattr(before, field)) != (new := getattr(now, field))
    ]
    if changes:
        yield f"{path} replaces {symbol}: {', '.join(changes)}"


def _check_roots(table: Mapping[str, Instrument], path: Path | str) -> None:
    """An instrument trades on its root's bars, so its orders need their grid. Raises ConfError."""
    ticks = {terms.root: (symbol, terms.tick) for symbol, terms in table.items() if terms.root == symbol}
    for symbol, terms in table.items():
        root, tick = ticks.setdefault(terms.root, (symbol, terms.tick))
        if terms.tick != tick:
            raise ConfError(
                f"{path} [{symbol}]: tick = {terms.tick}, but {root} with the same root {terms.root!r} ticks {tick}; "
                f'write that tick, or root = "{symbol}" if it has bars of its own'
            )

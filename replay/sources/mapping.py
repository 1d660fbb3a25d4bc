"""Any table of text, described by a person in TOML (`--mapping FILE`): MAPPING.md beside this module has an example of every key.

The description is used instead of recognition, for every file of text. An error in it is a ConfError that names file, key and
value.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.settings.files import read_table, remedy
from tapewire.replay.sources import cells, columns, layouts, stamps, text, zones
from tapewire.replay.sources.table import UTC, Content, Flags, Head, Options, Progress, Ticks, Whole

NAME = "table with a mapping"
KEYS = "MAPPING.md beside tapewire/replay/sources/mapping.py has them all"
AGAIN = f"correct the form in the mapping; {cells.AGAIN}"
ISO, UNIX, TRADE = "iso", "unix", "trade"
BAR_KEYS = ("open", "high", "low", "close", "volume", "ask_volume", "bid_volume", "up_ticks", "down_ticks")
TRADE_KEYS = ("price", "size", "side", "bid", "ask")
OPTIONAL = ("volume", "ask_volume", "bid_volume", "up_ticks", "down_ticks", "side", "bid", "ask")
NAMES = {
    "stamp.column": "stamp",
    "columns.ask_volume": "ask",
    "columns.bid_volume": "bid",
    "columns.up_ticks": "up",
    "columns.down_ticks": "down",
    "columns.ask": "best_ask",
    "columns.bid": "best_bid",
}
PRICES = (*columns.PRICES, "price", "best_bid", "best_ask")
Column = str | Annotated[int, Meta(ge=1)]


class Stamp(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a row's time stands: in one column, or in two. form: "iso", "unix", or as `strptime` takes it."""

    column: Column | None = None
    form: str = ISO
    date: Column | None = None
    date_form: str = "%Y-%m-%d"
    time: Column | None = None
    time_form: str = "%H:%M:%S"


class Places(Struct, frozen=True, forbid_unknown_fields=True):
    """Columns by their names, or by their numbers from 1. Bars: open to down_ticks. Trades: price to ask."""

    open: Column | None = None
    high: Column | None = None
    low: Column | None = None
    close: Column | None = None
    volume: Column | None = None
    ask_volume: Column | None = None
    bid_volume: Column | None = None
    up_ticks: Column | None = None
    down_ticks: Column | None = None
    price: Column | None = None
    size: Column | None = None
    side: Column | None = None
    bid: Column | None = None
    ask: Column | None = None
    instrument: Column | None = None


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """A table. separator: empty, it is found. skip: lines before the header, or before the first row if there is no header.

    zone: of the stamps; empty if they carry it. stamps: which end of a bar they name, or "trade". buy, sell: the words of `side`.
    """

    stamps: Literal["open", "close", "trade"]
    stamp: Stamp
    columns: Places
    header: bool = True
    separator: str = ""
    decimal: Literal[".", ","] = "."
    skip: Annotated[int, Meta(ge=0)] = 0
    zone: str = ""
    period_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    instrument: str = ""
    buy: tuple[str, ...] = ("B", "BUY")
    sell: tuple[str, ...] = ("S", "SELL")


def recognise(head: Head) -> str:
    """Empty: a mapping is named by a person."""
    return ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    assert options.mapping
    described = Path(options.mapping)
    mapping = load(described)
    layout = _layout(head, mapping, described)
    first = dict(zip(layout.names, layouts.first_row(head, layout), strict=False))
    words = {"instrument": cells.Words(), "side": cells.Words()}
    time = _time(mapping.stamp)
    wanted = {name: time.get(name) or _wanted(name, words) for name in layout.names if name}
    table = text.read(head, layout, wanted, progress, "stamp")
    stamp = np.zeros(len(table.line), np.int64)
    for name in time:
        stamp = stamp + table.columns[name]
    trades = mapping.stamps == TRADE
    if not trades and "volume" not in table.columns:
        table.columns["volume"] = np.zeros(len(stamp), np.int64)
        table.told.append(f"{head.path.name}: no column is named for volume, so every bar has volume 0")
    carried = _carries_zone(mapping.stamp, first.get("stamp", ""))
    if carried and mapping.zone:
        raise ConfError(f"{described}, zone {mapping.zone!r}: the stamps of {head.path.name} carry theirs; leave the key out")
    groups: list[tuple[str, Flags | slice]] = [(mapping.instrument, slice(None))]
    if "instrument" in table.columns:
        groups = list(cells.groups(words["instrument"], table.columns["instrument"]))
    return Content(
        parts=[
            part
            for name, rows in groups
            for part in columns.parts(
                name, _trades(mapping, table, stamp, rows, words["side"]) if trades else columns.bars(table, stamp, rows)
            )
        ],
        clock=UTC if carried else mapping.zone and zones.zone_named(mapping.zone),
        stamps=mapping.stamps,
        period_s=0 if trades else mapping.period_s,
        assumed=not carried,
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )


def load(path: Path) -> Mapping:
    """The description in a TOML file. Raises ConfError that names the file, the key, its value and the remedy."""
    if not path.is_file():
        raise ConfError(f"--mapping {str(path)!r}: no such file; {KEYS}")
    table = read_table(path)
    try:
        mapping = msgspec.convert(table, Mapping)
    except msgspec.ValidationError as error:
        near = remedy(str(error), Mapping)
        raise ConfError(f"{path}: {error}{_value(table, str(error))}{near}; {KEYS}") from error
    if fault := _fault(mapping):
        key, value, why = fault
        raise ConfError(f"{path}, {key} {value!r}: {why}; {KEYS}")
    return mapping


def _value(table: dict[str, Any], error: str) -> str:
    """What stands at the place that an error of msgspec names."""
    found = re.search(r"`\$\.([\w.]+)", error)
    value: Any = table
    for key in found[1].split(".") if found else ():
        value = value.get(key) if isinstance(value, dict) else None
    return f" ({value!r})" if found and not isinstance(value, dict) else ""


def _fault(mapping: Mapping) -> tuple[str, object, str] | None:
    """The first key that cannot be right, its value, and why."""
    where, stamp = mapping.columns, mapping.stamp
    if (stamp.column is None) == (stamp.date is None or stamp.time is None):
        return "stamp.column", stamp.column, "name the column of the stamp, or those of date and time, and not both"
    for key, form, convert in (
        ("date_form", stamp.date_form, stamps.pattern),
        ("time_form", stamp.time_form, stamps.clock_pattern),
    ):
        if not _works(convert(form)):
            return f"stamp.{key}", form, "no form that strptime knows; write it as %d.%m.%Y or %H:%M"
    if stamp.form not in (ISO, UNIX) and not _works(stamps.pattern(stamp.form)):
        return "stamp.form", stamp.form, f"no form that strptime knows; write {ISO}, {UNIX}, or a form such as %d.%m.%Y %H:%M"
    if mapping.zone:
        try:
            zones.zone_named(mapping.zone)
        except ConfError:
            return "zone", mapping.zone, "not a time zone; write an IANA name such as America/Chicago, Europe/Berlin, UTC"
    if len(mapping.separator) > 1 or mapping.separator in ('"', "\n", "\r"):
        return "separator", mapping.separator, "not one sign; write such as ; or , or \\t"
    if mapping.separator == mapping.decimal:
        return "decimal", mapping.decimal, "the separator is the same sign"
    needed, none = (TRADE_KEYS, BAR_KEYS) if mapping.stamps == TRADE else (BAR_KEYS, TRADE_KEYS)
    what = "trades" if mapping.stamps == TRADE else "bars"
    for key in needed:
        if getattr(where, key) is None and key not in OPTIONAL:
            return f"columns.{key}", None, f"{what} need this column"
    for key in none:
        if getattr(where, key) is not None:
            return (
                f"columns.{key}",
                getattr(where, key),
                f"stamps are {mapping.stamps!r}, so rows are {what}, which have no such column",
            )
    if (where.ask_volume is None) != (where.bid_volume is None):
        return "columns.ask_volume", where.ask_volume, "name both sides of the volume, or none"
    if (where.up_ticks is None) != (where.down_ticks is None):
        return "columns.up_ticks", where.up_ticks, "name up ticks and down ticks, or none"
    if where.instrument is not None and mapping.instrument:
        return "instrument", mapping.instrument, f"the column {where.instrument!r} says it, too; keep one"
    for key, column in _places(mapping).items():
        if not mapping.header and not isinstance(column, int):
            return key, column, "without a header a column is a number, from 1"
    return None


def _works(convert: stamps.OneByOne) -> bool:
    """Whether a form can be used at all."""
    try:
        convert(["1"])
    except (ValueError, re.error):
        return False
    return True


def _places(mapping: Mapping) -> dict[str, str | int]:
    """The columns that are named, by their keys."""
    keys = {f"stamp.{key}": getattr(mapping.stamp, key) for key in ("column", "date", "time")}
    keys |= {f"columns.{key}": getattr(mapping.columns, key) for key in Places.__struct_fields__}
    return {key: column for key, column in keys.items() if column is not None}


def _layout(head: Head, mapping: Mapping, path: Path) -> layouts.Layout:
    """The layout of the table: the columns that are wanted have the names of this module, the others none."""
    number = mapping.skip
    while number < len(head.lines) and not head.lines[number].strip():
        number += 1
    line = head.lines[number] if number < len(head.lines) else ""
    separator = mapping.separator or layouts.separator_of(line)
    if separator == mapping.decimal:
        raise ConfError(f"{path}, decimal {separator!r}: {head.path.name} is separated by it; name another separator; {KEYS}")
    cells = layouts.fields_of(line, separator)
    while cells and not cells[-1]:
        cells.pop()
    first = number + 2 if mapping.header else number + 1
    written = layouts.Layout(tuple(cell.lower() for cell in cells), separator, mapping.decimal, first)
    names = [""] * len(cells)
    for key, column in _places(mapping).items():
        if isinstance(column, str):
            layouts.need(head.path, written, [column.lower()], f"correct {key} in {path}")
            at = written.names.index(column.lower())
        else:
            at = column - 1
        if at >= len(names):
            raise DataError(f"{head.path}, line {number + 1}: {len(names)} columns; correct {key} = {column} in {path}")
        if names[at]:
            raise ConfError(f"{path}, {key} {column!r}: that is also the column of {names[at]}; {KEYS}")
        names[at] = NAMES.get(key, key.rpartition(".")[2])
    return written._replace(names=tuple(names))


def _time(stamp: Stamp) -> dict[str, cells.Wanted]:
    if stamp.column is None:
        return {
            "date": stamps.repeated(stamps.pattern(stamp.date_form), f"not a date as {stamp.date_form}; {AGAIN}"),
            "time": stamps.repeated(stamps.clock_pattern(stamp.time_form), f"not a time as {stamp.time_form}; {AGAIN}"),
        }
    if stamp.form == UNIX:
        return {"stamp": cells.Wanted(stamps.unix, f"not a number of seconds or parts of them since 1970; {AGAIN}")}
    why = f"not a time as {stamp.form}; {AGAIN}"
    return {"stamp": stamps.fixed(stamps.PLAIN, why, stamps.iso) if stamp.form == ISO else stamps.written(stamp.form, why)}


def _carries_zone(stamp: Stamp, first: str) -> bool:
    if stamp.column is None:
        return False
    return stamp.form == UNIX or "%z" in stamp.form or (stamp.form == ISO and stamps.zoned(first))


def _wanted(name: str, words: dict[str, cells.Words]) -> cells.Wanted:
    if name in words:
        return cells.Wanted(words[name], "")
    return cells.PRICE if name in PRICES else cells.CONTRACTS


def _trades(mapping: Mapping, table: text.Table, stamp: Whole, rows: Flags | slice, words: cells.Words) -> Ticks:
    ticks = columns.ticks(table, stamp, rows)
    if ticks.side is None:
        return ticks
    side = {**dict.fromkeys(mapping.buy, 1), **dict.fromkeys(mapping.sell, -1)}
    return replace(ticks, side=np.array([side.get(word, 0) for word in words.words], np.int64)[ticks.side])

"""Databento's CSV: `ohlcv-1s`, `ohlcv-1m`, `trades` and the schemas that hold trades, in readable or raw form.

Stamps are UTC: of a bar the open, of a trade `ts_event`, the exchange's time. Raw prices are integers times 1e9. A file may hold
all contracts of a symbol and their spreads, row by row; spreads are left out. Trades are put in the exchange's order: by
`ts_event`, then by sequence.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import cells, columns, layouts, stamps, text
from tapewire.replay.sources.table import MINUTE_S, UTC, Bad, Content, Flags, Head, Options, Part, Progress, Ticks, Unwanted

NAME = "Databento CSV"
SIGN = ("ts_event", "rtype", "publisher_id", "instrument_id")
BARS = columns.PRICES
TRADES = ("action", "side", "price", "size")
QUOTE = {"bid_px_00": "bid", "ask_px_00": "ask"}
PERIODS_S = {32: 1, 33: 60, 34: 3_600}
DAYS = (35, 36)
TRADE = "T"
SIDES = {"B": 1, "A": -1}
OUTRIGHT = re.compile(r"[A-Z0-9]{1,4}?([FGHJKMNQUVXZ]\d{1,2}|\.[cnv]\.\d+)")
CONTINUOUS = re.compile(r"\.[cnv]\.0$")  # the contract in front; any other rank stays as it is written
NO_TIME = f"not a time in ISO with Z, or in nanoseconds; {cells.AGAIN}"
SCALE = 10**9
NONE = 2**63 - 1


def recognise(head: Head) -> str:
    layout = layouts.layout_of(head)
    if layout is None or not {*SIGN} <= {*layout.names}:
        return ""
    for what, needed in (("bars", BARS), ("trades", TRADES)):
        if {*needed} <= {*layout.names}:
            return f"its header names {', '.join(SIGN)} and the columns of {what}"
    return ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    layout = layouts.layout_of(head)
    assert layout is not None
    first = dict(zip(layout.names, layouts.first_row(head, layout), strict=False))
    words: dict[str, cells.Words] = {name: cells.Words() for name in ("symbol", "action", "side") if name in layout.names}
    trades = {*TRADES} <= {*layout.names}
    wanted: dict[str, cells.Wanted] = {
        "ts_event": _stamp(first.get("ts_event", "")),
        **dict.fromkeys(("rtype", "instrument_id"), cells.CONTRACTS),
        **{name: cells.Wanted(convert, "") for name, convert in words.items()},
        **(_of_trades(layout, first) if trades else _of_bars(first)),
    }
    layouts.need(head.path, layout, tuple(wanted), "download the schema ohlcv-1m, ohlcv-1s or trades")
    table = text.read(head, layout, wanted, progress, "ts_event")
    groups = _contracts(head, table, words["symbol"].words if "symbol" in words else [""])
    if trades:
        parts = [Part(name, _trades(head, table, rows, words)) for name, rows in groups]
        period_s = 0
    else:
        period_s = _period_s(head, table)
        parts = [Part(name, columns.bars(table, table.columns["ts_event"], rows)) for name, rows in groups]
    return Content(
        parts=[part for part in parts if len(part.rows)],
        clock=UTC,
        stamps="trade" if trades else "open",
        period_s=period_s,
        assumed=False,
        told=table.told,
        bad=sorted(table.bad, key=lambda bad: bad.line),
        rows=table.rows,
    )


def _of_bars(first: dict[str, str]) -> dict[str, cells.Wanted]:
    return {**dict.fromkeys(BARS, _price(first.get("open", ""))), "volume": cells.CONTRACTS}


def _of_trades(layout: layouts.Layout, first: dict[str, str]) -> dict[str, cells.Wanted]:
    price = _price(first.get("price", ""))
    loose = price._replace(convert=_or_none(price.convert))  # a row that is no trade has no price
    quote = [name for name in QUOTE if name in layout.names]
    sequence = {"sequence": cells.CONTRACTS} if "sequence" in layout.names else {}
    return {**dict.fromkeys(("price", *quote), loose), "size": cells.CONTRACTS, **sequence}


def _stamp(first: str) -> cells.Wanted:
    return cells.Wanted(stamps.unix, NO_TIME) if first.isdigit() else stamps.shaped(first, NO_TIME)


def _price(first: str) -> cells.Wanted:
    """A column of prices: decimal, or integers where the first one has no point."""
    return cells.Wanted(_nanos, cells.PRICE.why) if first.lstrip("-").isdigit() else cells.PRICE


def _nanos(column: cells.Cells) -> tuple[cells.Column, Flags]:
    """Integers times 1e9; the greatest stands for none."""
    values, wrong = cells.integers(column)
    return values / SCALE, wrong | (values == NONE)


def _or_none(convert: cells.Convert) -> cells.Convert:
    def loose(column: cells.Cells) -> tuple[cells.Column, Flags]:
        values, wrong = convert(column)
        return np.where(wrong, np.nan, values), np.zeros(len(column), np.bool_)

    return loose


def _contracts(head: Head, table: text.Table, symbols: list[str]) -> list[tuple[str, Flags]]:
    """Each contract with its rows; spreads and whatever else is no single contract are left out and told."""
    number = table.columns.get("symbol", np.zeros(len(table.line), np.int64))
    found: list[tuple[str, Flags]] = []
    others: list[str] = []
    left = 0
    for at, symbol in enumerate(symbols):
        rows = number == at
        if not rows.any():
            continue
        if symbol and not OUTRIGHT.fullmatch(symbol):
            others.append(symbol)
            left += int(rows.sum())
            continue
        if not symbol and len(ids := np.unique(table.columns["instrument_id"][rows])) > 1:
            raise DataError(
                f"{head.path}: {len(ids)} instruments without a symbol; download the file with map_symbols, or convert it so"
            )
        found.append((CONTINUOUS.sub("", symbol), rows))
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        table.told.append(f"{head.path.name}: {left:,} rows of {shown} left out: spreads, or no futures contract")
    return found


def _period_s(head: Head, table: text.Table) -> int:
    """The seconds of a bar by `rtype`."""
    kinds = [int(kind) for kind in np.unique(table.columns["rtype"])]
    if len(kinds) > 1:
        raise DataError(f"{head.path}: bars of different length (rtype {', '.join(map(str, kinds))}); download one schema a file")
    if kinds and kinds[0] in DAYS:
        raise Unwanted(f"{head.path}: daily bars, which are not for intraday rules; download ohlcv-1m")
    if kinds and kinds[0] not in PERIODS_S:
        known = ", ".join(f"{kind} ({seconds} s)" for kind, seconds in PERIODS_S.items())
        raise DataError(f"{head.path}: rtype {kinds[0]} is no bar that is known; known: {known}")
    return PERIODS_S[kinds[0]] if kinds else MINUTE_S


def _trades(head: Head, table: text.Table, rows: Flags, words: dict[str, cells.Words]) -> Ticks:
    """The trades among some rows, in the exchange's order."""
    column = table.columns
    kinds = np.array([word == TRADE for word in words["action"].words], np.bool_)[column["action"][rows]]
    at = np.flatnonzero(rows)
    if not kinds.all():
        table.told.append(f"{head.path.name}: {int((~kinds).sum()):,} rows left out whose action is not {TRADE} (a trade)")
        at = at[kinds]
    nothing = np.isnan(column["price"][at])
    table.bad.extend(Bad(int(table.line[row]), "price", "", cells.PRICE.why) for row in at[nothing])
    at = at[~nothing]
    stamp = column["ts_event"][at]
    order = np.lexsort((column.get("sequence", table.line)[at], stamp))
    if late := int((np.diff(stamp) < 0).sum()):
        table.told.append(f"{head.path.name}: {late:,} trades stand after a later one; put in the order of ts_event and sequence")
    at = at[order]
    sides = np.array([SIDES.get(word, 0) for word in words["side"].words], np.int64)
    ticks = columns.ticks(table, column["ts_event"], at)
    return replace(
        ticks,
        side=sides[column["side"][at]],
        **{name: column[written][at] for written, name in QUOTE.items() if written in column},
    )

"""NinjaTrader's volumetric export: `NQ_Volumetric_1.csv`, with the volume at bid and ask (playbook 1.1).

A row's stamp is the bar's close in Eastern wall-clock time without a zone, or with Z or an offset where an exporter wrote one.
Columns are found by name; indicator columns are not read, because no rule may use them. Both sides 0 with volume is a bar without
order flow.
"""

from __future__ import annotations

import re

import numpy as np

from tapewire.bus.errors import DataError
from tapewire.replay.sources import cells, layouts, stamps, text
from tapewire.replay.sources.table import EXCHANGE, MINUTE_S, UTC, Bars, Content, Flags, Head, Options, Part, Progress, WrittenDates

NAME = "NinjaTrader volumetric export"
NEEDED = ("timestamp", "instrument", "period", "open", "high", "low", "close", "volume", "vol_ask", "vol_bid")
PERIOD = re.compile(r"(volumetric|minute)_1|1 ?min(ute)?", re.IGNORECASE)
PRICES = ("open", "high", "low", "close")
NO_TIME = f"not a time; write YYYY-MM-DDTHH:MM:00.000, Eastern wall time; {cells.AGAIN}"


def recognise(head: Head) -> str:
    layout = layouts.layout_of(head)
    if layout is None:
        return ""
    sides = {"vol_ask", "vol_bid", "timestamp"}
    # A file with most of the columns is one with a column lost: it is refused by the name of the column.
    if sides <= {*layout.names} or len({*NEEDED} & {*layout.names}) >= len(NEEDED) - 1:
        return "its header names timestamp, vol_ask and vol_bid"
    return ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    layout = layouts.layout_of(head)
    assert layout is not None
    layouts.need(head.path, layout, NEEDED, f"export the volumetric series with these columns: {', '.join(NEEDED)}, session_date")
    first = dict(zip(layout.names, layouts.first_row(head, layout), strict=False))
    names, periods = cells.Words(), cells.Words()
    wanted = {
        "timestamp": stamps.shaped(first.get("timestamp", ""), NO_TIME),
        "instrument": cells.Wanted(names, ""),
        "period": cells.Wanted(periods, ""),
        **dict.fromkeys(PRICES, cells.PRICE),
        **dict.fromkeys(("volume", "vol_ask", "vol_bid"), cells.CONTRACTS),
    }
    dated = "session_date" in layout.names
    if dated:
        wanted["session_date"] = stamps.fixed("YYYY-MM-DD", f"not a date; write YYYY-MM-DD; {cells.AGAIN}")._replace(runs=True)
    table = text.read(head, layout, wanted, progress, "timestamp")
    _check_names(head, table, names)
    if not dated:
        table.told.append(f"{head.path.name}: no column session_date; the stamps alone say which trade date a bar belongs to")
    _check_periods(head, table, periods)
    has_zone = stamps.zoned(first.get("timestamp", ""))
    return Content(
        parts=[Part(name, _bars(table, rows)) for name, rows in cells.groups(names, table.columns["instrument"])],
        clock=UTC if has_zone else EXCHANGE,
        stamps="close",
        period_s=MINUTE_S,
        assumed=not has_zone,
        told=table.told,
        bad=table.bad,
        rows=table.rows,
        dates=WrittenDates(table.runs["session_date"].lines, table.runs["session_date"].values // stamps.DAY_NS)
        if table.runs
        else None,
    )


def _bars(table: text.Table, rows: Flags) -> Bars:
    column = table.columns if rows.all() else {name: values[rows] for name, values in table.columns.items()}
    ask, bid = column["vol_ask"], column["vol_bid"]
    unknown = (column["volume"] > 0) & (ask == 0) & (bid == 0)
    return Bars(
        stamp=column["timestamp"],
        open=column["open"],
        high=column["high"],
        low=column["low"],
        close=column["close"],
        volume=column["volume"],
        line=table.line[rows],
        ask=np.where(unknown, -1, ask),
        bid=np.where(unknown, -1, bid),
    )


def _check_names(head: Head, table: text.Table, names: cells.Words) -> None:
    """One file has one root, in whichever contracts."""
    roots = [
        (name.split(" ")[0], name, int(table.line[rows][0])) for name, rows in cells.groups(names, table.columns["instrument"])
    ]
    for root, name, line in roots[1:]:
        if root != roots[0][0]:
            raise DataError(
                f"{head.path}, line {line}, instrument {name!r}: this is the file of {roots[0][0]}; give it one of its own"
            )


def _check_periods(head: Head, table: text.Table, periods: cells.Words) -> None:
    for period, rows in cells.groups(periods, table.columns["period"]):
        if not PERIOD.fullmatch(period):
            where = f"{head.path}, line {table.line[rows][0]}, period {period!r}"
            raise DataError(f"{where}: only Volumetric_1 (one minute) can be read; export that series")
        if period.lower() != "volumetric_1":
            table.told.append(f"{head.path.name}: the period is called {period!r}; read as bars of one minute")

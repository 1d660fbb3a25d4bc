"""MultiCharts' QuoteManager export: a quoted header `"Date","Time","Open","High","Low","Close","TotalVolume"`, rows without quotes.

A stamp is a bar's close in the zone that the symbol has in QuoteManager, which only a person can know. Some exports have the
volume of up and down ticks.
"""

from __future__ import annotations

import re

from tapewire.replay.sources import cells, columns, layouts, stamps, text
from tapewire.replay.sources.table import Content, Head, Options, Progress, Unwanted

NAME = "MultiCharts QuoteManager export"
FIRST = ("date", "time", *columns.PRICES)
VOLUMES = {"totalvolume": "volume", "volume": "volume", "vol": "volume"}
SIDES = {"upvolume": "ask", "up": "ask", "downvolume": "bid", "down": "bid"}
NAMED = re.compile(r"(?:[A-Z]+\.)?([A-Z0-9]{1,6})(?= .*-|-)")
QUOTES = re.compile(r"-(Bid|Ask)\b", re.IGNORECASE)
NO_DATE = f"not a date such as 2013/1/31; describe the file with --mapping; {cells.AGAIN}"
NO_TIME = f"not a time such as 09:31:00; {cells.AGAIN}"


def recognise(head: Head) -> str:
    layout = layouts.layout_of(head)
    if layout is None or layout.names[: len(FIRST)] != FIRST or not head.lines[layout.first - 2].lstrip().startswith('"'):
        return ""
    return (
        f"its header is quoted and begins with {','.join(FIRST)}"
        if {*VOLUMES, *SIDES} & {name.replace(" ", "") for name in layout.names}
        else ""
    )


def read(head: Head, options: Options, progress: Progress) -> Content:
    layout = layouts.layout_of(head)
    assert layout is not None
    if quotes := QUOTES.search(head.path.name):
        raise Unwanted(f"{head.path}: its name says quotes at the {quotes[1].lower()}, and only trades make bars; export Trade")
    layout = layout._replace(names=tuple((VOLUMES | SIDES).get(name.replace(" ", ""), name) for name in layout.names))
    layouts.need(head.path, layout, FIRST, "export the symbol again")
    sides = {"ask", "bid"} <= {*layout.names}
    volumes = (("volume",) if "volume" in layout.names else ()) + (("ask", "bid") if sides else ())
    layouts.need(head.path, layout, volumes or ("volume",), "export the symbol with its volume")
    first = dict(zip(layout.names, layouts.first_row(head, layout), strict=False))
    wanted = {
        "date": stamps.repeated(stamps.date, NO_DATE),
        "time": stamps.time_of_day(first.get("time", ""), NO_TIME),
        **dict.fromkeys(columns.PRICES, cells.PRICE),
        **dict.fromkeys(volumes, cells.CONTRACTS),
    }
    table = text.read(head, layout, wanted, progress)
    stamp = table.columns["date"] + table.columns["time"]
    if sides:
        table.columns.setdefault("volume", table.columns["ask"] + table.columns["bid"])
        table.told.append(
            f"{head.path.name}: volume of up and down ticks, read as volume at ask and bid; MultiCharts has it by the tick rule"
        )
    named = NAMED.match(head.path.name)
    return Content(
        parts=columns.parts(named[1] if named else "", columns.bars(table, stamp)),
        clock="",
        stamps="close",
        period_s=columns.period_s(stamp),
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )

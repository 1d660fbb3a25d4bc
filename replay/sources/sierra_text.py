"""Sierra Chart's bars as text: `Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume`.

A stamp is a bar's open in the zone of the chart, which only a person can know; its time has parts of a second if the chart has. The
records of single trades are exported in the same columns.
"""

from __future__ import annotations

import re

from tapewire.replay.sources import cells, columns, layouts, sierra, stamps, text
from tapewire.replay.sources.table import Content, Head, Options, Progress

NAME = "Sierra Chart bar text"
NEEDED = ("date", "time", "open", "high", "low", "last", "volume")
OTHER = {"#oftrades": "numberoftrades", "trades": "numberoftrades"}
MORE = ("numberoftrades", "bidvolume", "askvolume")
NAMED = re.compile(r"(?:[FC]\.US\.)?([A-Z0-9]{1,4}?[FGHJKMNQUVXZ]\d{1,2})(?=[-_. ])")
NO_DATE = f"not a date such as 2025/12/8; {cells.AGAIN}"
NO_TIME = f"not a time such as 09:31:00; {cells.AGAIN}"


def recognise(head: Head) -> str:
    layout = _layout(head)
    return "its header begins with Date, Time, Open, High, Low, Last, Volume" if layout is not None else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    layout = _layout(head)
    assert layout is not None
    more = [name for name in MORE if layout.names.count(name) == 1]
    first = dict(zip(layout.names, layouts.first_row(head, layout), strict=False))
    wanted = {
        "date": stamps.repeated(stamps.date, NO_DATE),
        "time": stamps.time_of_day(first.get("time", ""), NO_TIME),
        **dict.fromkeys(NEEDED[2:6], cells.PRICE),
        **dict.fromkeys(("volume", *more), cells.CONTRACTS),
    }
    table = text.read(head, layout, wanted, progress)
    column = table.columns
    records = sierra.Records(
        stamp=column["date"] + column["time"],
        open=column["open"],
        high=column["high"],
        low=column["low"],
        last=column["last"],
        volume=column["volume"],
        line=table.line,
        trades=column.get("numberoftrades"),
        bid=column.get("bidvolume"),
        ask=column.get("askvolume"),
    )
    rows, stamped, period_s = sierra.rows_of(head.path, records)
    return Content(
        parts=columns.parts(contract(head.path.name), rows),
        clock="",
        stamps=stamped,
        period_s=period_s,
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )


def contract(name: str) -> str:
    """The contract in the name of a Sierra Chart file, such as `NQH7` in `NQH7_FUT_CME.scid`."""
    found = NAMED.match(name)
    return found[1] if found else ""


def _layout(head: Head) -> layouts.Layout | None:
    """The columns by the names of today's export; an older one writes `# of Trades` and `Bid Volume`."""
    layout = layouts.layout_of(head)
    if layout is None:
        return None
    names = tuple(name.replace(" ", "") for name in layout.names)
    return layout._replace(names=tuple(OTHER.get(name, name) for name in names)) if names[: len(NEEDED)] == NEEDED else None

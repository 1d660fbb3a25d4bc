"""FirstRate Data's files: `2027-01-31 18:00:00,24998.75,25000.25,24994.5,24998.75,181`, without a header.

Stamps are Eastern time, of a bar the open; a minute without volume has no row. The file's name says whether prices are adjusted.
"""

from __future__ import annotations

import re

from tapewire.replay.sources import cells, columns, layouts, stamps, text
from tapewire.replay.sources.table import EXCHANGE, Content, Head, Options, Progress, Unwanted

NAME = "FirstRate"
CELLS = ("stamp", *columns.PRICES, "volume")
ROW = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?(,-?\d+(\.\d+)?){5}", re.ASCII)
NAMED = re.compile(r"([A-Z0-9]{1,4}?)(?:_?([FGHJKMNQUVXZ]\d\d))?_(?=\w*\d(min|hour))")
ADJUSTED = re.compile(r"(?<!un)adjusted", re.IGNORECASE)


def recognise(head: Head) -> str:
    return "no header, rows yyyy-MM-dd HH:mm:ss,open,high,low,close,volume" if _first(head) else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    first = _first(head)
    assert first is not None
    if not first[1]:
        raise Unwanted(f"{head.path}: daily bars, which are not for intraday rules; take the file of one minute")
    wanted = {"stamp": stamps.fixed("YYYY-MM-DD hh:mm:ss", f"not a time such as yyyy-MM-dd HH:mm:ss; {cells.AGAIN}")}
    table = text.read(head, layouts.Layout(CELLS), wanted | columns.WANTED, progress, "stamp")
    stamp = table.columns["stamp"]
    if ADJUSTED.search(head.path.name):
        table.told.append(f"{head.path.name}: its name says that the prices are adjusted; unadjusted ones lie on the tick grid")
    named = NAMED.match(head.path.name)
    return Content(
        parts=columns.parts(f"{named[1]}{named[2] or ''}" if named else "", columns.bars(table, stamp)),
        clock=EXCHANGE,
        stamps="open",
        period_s=columns.period_s(stamp),
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )


def _first(head: Head) -> re.Match[str] | None:
    """The first of some rows that has the format's shape: the very first may be damaged."""
    return next(filter(None, (ROW.fullmatch(line.strip()) for line in head.lines[:5])), None)

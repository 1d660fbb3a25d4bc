"""TradingView's *Export chart data*: `time,open,high,low,close`, and further columns as the chart has them.

A stamp is a bar's open, in Unix seconds or as ISO with an offset. `Volume` stands anywhere behind, if the chart shows it; columns
of indicators are not read, and two may have one name.
"""

from __future__ import annotations

import re

import numpy as np

from tapewire.replay.sources import cells, columns, layouts, stamps, text
from tapewire.replay.sources.table import UTC, Content, Flags, Head, Options, Progress, Unwanted

NAME = "TradingView chart export"
FIRST = ("time", *columns.PRICES)
NAMED = re.compile(r"(?:^|_)([A-Z0-9]{1,4}?)(?:1!|([FGHJKMNQUVXZ])20(\d\d))(?=,| |\.|$)")
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NO_TIME = f"not a time in Unix seconds or as ISO with an offset; {cells.AGAIN}"


def recognise(head: Head) -> str:
    layout = layouts.layout_of(head)
    return f"its header begins with {','.join(FIRST)}" if layout is not None and layout.names[: len(FIRST)] == FIRST else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    layout = layouts.layout_of(head)
    assert layout is not None
    first = (layouts.first_row(head, layout) or [""])[0]
    if DAY.fullmatch(first):
        raise Unwanted(f"{head.path}: daily bars, which are not for intraday rules; export the chart of one minute")
    iso = stamps.ISO.fullmatch(first)
    wanted = {
        "time": stamps.shaped(first, NO_TIME) if iso else cells.Wanted(stamps.unix, NO_TIME),
        **dict.fromkeys(columns.PRICES, cells.PRICE),
    }
    volume = "volume" in layout.names
    if volume:
        wanted["volume"] = cells.Wanted(_volume, cells.CONTRACTS.why)
    table = text.read(head, layout, wanted, progress, "time")
    stamp = table.columns["time"]
    if not volume:
        table.columns["volume"] = np.zeros(len(stamp), np.int64)
        table.told.append(
            f"{head.path.name}: no column Volume, so every bar has volume 0; show Volume on the chart and export it again"
        )
    named = NAMED.search(head.path.name)
    zoned = iso is None or stamps.zoned(first)
    return Content(
        parts=columns.parts("".join(filter(None, named.groups())) if named else "", columns.bars(table, stamp)),
        clock=UTC if zoned else "",
        stamps="open",
        period_s=columns.period_s(stamp),
        assumed=not zoned,
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )


def _volume(column: cells.Cells) -> tuple[cells.Column, Flags]:
    """Contracts; a chart writes NaN for a bar without volume."""
    values, wrong = cells.contracts(column)
    if wrong.any():
        rest = np.flatnonzero(wrong)
        wrong[rest] = [text.lower() not in ("nan", "") for text in column.at(rest).texts()]
    return values, wrong

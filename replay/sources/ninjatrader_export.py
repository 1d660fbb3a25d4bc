"""NinjaTrader's own export (*Historical Data > Export*): `NQ 03-27.Last.txt`, minutes or ticks of one contract, without a header.

Stamps are UTC, of minutes the close; a minute without a trade has no row. The same layout serves for files to import, whose maker
chose another clock. Daily bars and quotes (`.Bid.txt`, `.Ask.txt`) are refused: no rule can use them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tapewire.replay.sources import cells, columns, layouts, stamps, text
from tapewire.replay.sources.table import MINUTE_S, UTC, Content, Head, Options, Progress, Unwanted

NAME = "NinjaTrader export"
NAMED = re.compile(r"([A-Z0-9]{1,6})(?:[ _](\d\d-\d\d|[A-Z]{3}\d\d)|[ _]##-##|(?=\.Last\.))(?=[._ ])", re.IGNORECASE)
QUOTES = re.compile(r"\.(Bid|Ask)\.", re.IGNORECASE)
AGAIN = "export Minute or Tick with the data type Last"


class Kind(NamedTuple):
    """One of the layouts. written: as NinjaTrader's help writes it. form: of its stamp, for `stamps.fixed`."""

    written: str
    cells: tuple[str, ...]
    form: str

    def fits(self, cells: list[str]) -> bool:
        return len(cells) == len(self.cells) and re.sub(r"\d", "0", cells[0]) == re.sub(r"[YMDhmsf]", "0", self.form)


MINUTES = Kind("yyyyMMdd HHmmss;open;high;low;close;volume", ("stamp", *columns.PRICES, "volume"), "YYYYMMDD hhmmss")
TICKS = Kind(
    "yyyyMMdd HHmmss fffffff;last;bid;ask;volume", ("stamp", "price", "best_bid", "best_ask", "size"), "YYYYMMDD hhmmss fffffff"
)
OLD_TICKS = Kind("yyyyMMdd HHmmss;price;volume", ("stamp", "price", "size"), "YYYYMMDD hhmmss")
DAYS = Kind("yyyyMMdd;open;high;low;close;volume", MINUTES.cells, "YYYYMMDD")
SHORT_DAYS = Kind("yyyyMMdd;price;volume", OLD_TICKS.cells, "YYYYMMDD")
KINDS = (MINUTES, TICKS, OLD_TICKS, DAYS, SHORT_DAYS)


def recognise(head: Head) -> str:
    kind = _kind(head)
    return f"no header, rows {kind.written}" if kind else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    kind = _kind(head)
    assert kind is not None
    if kind in (DAYS, SHORT_DAYS):
        raise Unwanted(f"{head.path}: daily bars, which are not for intraday rules; {AGAIN}")
    if quotes := QUOTES.search(head.path.name):
        side = quotes[1].lower()
        raise Unwanted(f"{head.path}: its name says quotes at the {side}, and only trades make bars; {AGAIN}")
    wanted = {"stamp": stamps.fixed(kind.form, f"not a time such as {kind.written.partition(';')[0]}; {cells.AGAIN}")}
    wanted |= {name: cells.CONTRACTS if name in ("volume", "size") else cells.PRICE for name in kind.cells[1:]}
    layout = layouts.Layout(kind.cells, ";", layouts.decimal_of(head.lines, ";"))
    table = text.read(head, layout, wanted, progress, "stamp")
    stamp = table.columns["stamp"]
    trades = kind is not MINUTES
    rows = columns.ticks(table, stamp) if trades else columns.bars(table, stamp)
    return Content(
        parts=columns.parts(_contract(head.path.name), rows),
        clock=UTC,
        stamps="trade" if trades else "close",
        period_s=0 if trades else MINUTE_S,
        told=table.told,
        bad=table.bad,
        rows=table.rows,
    )


def _kind(head: Head) -> Kind | None:
    """The layout of the first of some rows that has one: the very first may be damaged."""
    for line in head.lines[:5]:
        cells = layouts.fields_of(line, ";")
        if cells[-1:] == [""]:
            cells.pop()
        for kind in KINDS:
            if cells and kind.fits(cells):
                return kind
    return None


def _contract(name: str) -> str:
    found = NAMED.match(name)
    return " ".join(filter(None, found.groups())) if found else ""

"""NinjaTrader 8's own database: `db/minute/NQ 03-27/20270224.Last.ncd`, and ticks and days beside it, without any export.

The format is not published. What is read here was compared with NinjaTrader's own export by those who found it out, to the last
digit; codes that nobody has compared are refused by name, and so is whatever the format cannot hold. Prices are on the grid of the
tick size in the header. Stamps are the local time of NinjaTrader's PC, so only a person can name their zone (`--zone`).

Files are only read, also while NinjaTrader writes them.
"""

from __future__ import annotations

from tapewire.replay.sources import ncd_bars, ncd_files, ncd_header, ncd_records, ncd_ticks
from tapewire.replay.sources.ncd_files import Kind
from tapewire.replay.sources.table import MINUTE_S, Bars, Content, Head, Options, Part, Progress, Stamps, Ticks

NAME = "NinjaTrader database"
PERIODS: dict[Kind, int] = {"minute": MINUTE_S, "tick": 0, "day": ncd_bars.DAY_S}
STAMPS: dict[Kind, Stamps] = {"minute": "close", "tick": "trade", "day": "close"}


def recognise(head: Head) -> str:
    found = ncd_header.header(head.raw)
    if not isinstance(found, str):
        return f"its header of {ncd_header.SIZE} bytes: {found.text}"
    # Damaged or empty, it is still NinjaTrader's, and `read` says what is wrong.
    if head.path.suffix.lower() == ".ncd" and (head.text is None or len(head.raw) <= ncd_header.SIZE):
        return "it is called .ncd and is no text"
    return ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    path, told = head.path, list[str]()
    place = ncd_files.place(path)
    raw = ncd_records.at_rest(path, told)
    rows: Bars | Ticks | None = None
    tick = 0.0
    if len(raw) > ncd_header.SIZE:
        header = ncd_header.read(path, raw)
        tick = header.tick
        if place.kind == "minute":
            rows = ncd_bars.minutes(path, raw, header, place, told)
        elif place.kind == "tick":
            rows = ncd_ticks.trades(path, raw, header, place, told)
        else:
            rows = ncd_bars.days(path, raw, header, place)
            told.append(f"{path.name}: bars of whole days; rules within the day need minutes or ticks")
    if rows is None or not len(rows):
        told.append(f"{path.name}: no data in it")
    if place.price != "Last":
        told.append(f"{path.name}: {place.price.lower()} quotes, not trades")
    progress(1.0)
    return Content(
        parts=[Part(place.contract, rows)] if rows is not None and len(rows) else [],
        clock="",
        stamps=STAMPS[place.kind],
        period_s=PERIODS[place.kind],
        told=told,
        rows=0 if rows is None else len(rows),
        dated=True,
        tick=tick,
    )

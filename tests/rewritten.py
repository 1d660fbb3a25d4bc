"""The same bars in every format that traders have, written by tests: what a reader must give back."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from tapewire.bus.messages import Bar
from tests.ncd_writer import WrittenBar, database

MINUTE = dt.timedelta(minutes=1)
UTC = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
HEADER = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid,vol_delta,session_date"
SCID_EPOCH = dt.datetime(1899, 12, 30, tzinfo=UTC)

Write = Callable[[Path, list[Bar]], Path]


def plain(price: float) -> str:
    return repr(price).removesuffix(".0")


def close(bar: Bar, zone: ZoneInfo = UTC) -> dt.datetime:
    return dt.datetime.fromtimestamp(bar.close_ns // 10**9, zone)


def prices(bar: Bar, form: Callable[[float], str] = plain) -> tuple[str, ...]:
    return tuple(form(price) for price in (bar.open, bar.high, bar.low, bar.close))


def volumetric(
    folder: Path, bars: list[Bar], zone: ZoneInfo = NEW_YORK, *, at_open: bool = False, newest_first: bool = False
) -> Path:
    """A volumetric export without session dates, in any zone, of either end of a bar, in either direction."""
    lines = []
    for bar in bars:
        stamp = close(bar, zone) - MINUTE * at_open
        flow = f"{bar.volume},{bar.ask_volume},{bar.bid_volume}"
        lines.append(f"{stamp:%Y-%m-%dT%H:%M}:00.000,NQ,Volumetric_1,{','.join(prices(bar))},{flow}")
    names = HEADER.rsplit(",", 2)[0]
    return _text(folder / "NQ_Volumetric_1.csv", names, lines[::-1] if newest_first else lines)


def ninjatrader(folder: Path, bars: list[Bar]) -> Path:
    lines = [f"{close(bar):%Y%m%d %H%M%S};{';'.join(prices(bar))};{bar.volume}" for bar in bars]
    return _text(folder / "NQ 03-26.Last.txt", "", lines)


def ninjatrader_database(folder: Path, bars: list[Bar], contract: str = "NQ 03-26", zone: ZoneInfo = CHICAGO) -> Path:
    written = (
        WrittenBar(close(bar, zone).replace(tzinfo=None), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars
    )
    database(folder / "db", contract, 0.25, written)
    return folder / "db"


def sierra_text(folder: Path, bars: list[Bar]) -> Path:
    lines = []
    for bar in bars:
        stamp = close(bar, CHICAGO) - MINUTE
        cells = (f"{stamp.year}/{stamp.month}/{stamp.day}", f"{stamp:%H:%M:%S}", *prices(bar, "{:.2f}".format), bar.volume, 7)
        lines.append(", ".join(map(str, (*cells, bar.bid_volume, bar.ask_volume))))
    return _text(
        folder / "NQH6_FUT_CME.txt", "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume", lines
    )


def sierra_scid(folder: Path, bars: list[Bar]) -> Path:
    floats = [(name, "<f4") for name in ("open", "high", "low", "last")]
    counts = [(name, "<u4") for name in ("trades", "volume", "bid", "ask")]
    records = np.zeros(len(bars), [("stamp", "<i8"), *floats, *counts])
    records["stamp"] = [round((close(bar) - MINUTE - SCID_EPOCH) / dt.timedelta(microseconds=1)) for bar in bars]
    for name, field in (("open", "open"), ("high", "high"), ("low", "low"), ("last", "close")):
        records[name] = [getattr(bar, field) for bar in bars]
    for name, field in (("volume", "volume"), ("bid", "bid_volume"), ("ask", "ask_volume")):
        records[name] = [getattr(bar, field) for bar in bars]
    records["trades"] = 7
    path = folder / "NQH6_FUT_CME.scid"
    path.write_bytes(b"SCID" + np.array([56, 40], "<u4").tobytes() + np.array([1], "<u4").tobytes() + bytes(40) + records.tobytes())
    return path


def databento(folder: Path, bars: list[Bar]) -> Path:
    lines = []
    for bar in bars:
        stamp = f"{close(bar) - MINUTE:%Y-%m-%dT%H:%M:%S}.000000000Z"
        lines.append(f"{stamp},33,1,42,{','.join(prices(bar, '{:.9f}'.format))},{bar.volume},NQH6")
    return _text(folder / "glbx.csv", "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol", lines)


def firstrate(folder: Path, bars: list[Bar]) -> Path:
    lines = [f"{close(bar, NEW_YORK) - MINUTE:%Y-%m-%d %H:%M:%S},{','.join(prices(bar))},{bar.volume}" for bar in bars]
    return _text(folder / "NQ_1min.txt", "", lines)


def tradingview(folder: Path, bars: list[Bar]) -> Path:
    lines = [f"{bar.close_ns // 10**9 - 60},{','.join(prices(bar))},NaN,{bar.volume}" for bar in bars]
    return _text(folder / "CME_MINI_NQ1!, 1.csv", "time,open,high,low,close,MA,Volume", lines)


def multicharts(folder: Path, bars: list[Bar]) -> Path:
    lines = []
    for bar in bars:
        stamp = close(bar, CHICAGO)
        cells = (f"{stamp.year}/{stamp.month}/{stamp.day}", f"{stamp:%H:%M:%S}", *prices(bar, "{:.6f}".format), str(bar.volume))
        lines.append(",".join(cells))
    return _text(folder / "CME.NQ HOT-Minute-Trade.txt", '"Date","Time","Open","High","Low","Close","TotalVolume"', lines)


def per_contract(folder: Path, bars: list[Bar]) -> Path:
    """NinjaTrader's exports of two contracts: the later one from the third session on, a thin copy of it before."""
    turn = dt.datetime(2026, 2, 9, 18, tzinfo=NEW_YORK)
    rows: dict[str, list[str]] = {"NQ 03-26": [], "NQ 06-26": []}
    for bar in bars:
        row = f"{close(bar):%Y%m%d %H%M%S};{';'.join(prices(bar))}"
        name, other = ("NQ 03-26", "NQ 06-26") if close(bar, NEW_YORK) <= turn else ("NQ 06-26", "NQ 03-26")
        rows[name].append(f"{row};{bar.volume}")
        rows[other].append(f"{row};1")
    for name, lines in rows.items():
        _text(folder / f"{name}.Last.txt", "", lines)
    return folder


def _text(path: Path, header: str, lines: Iterable[str]) -> Path:
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n")
    return path

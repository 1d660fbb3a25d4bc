"""From the columns of a table to bars and trades, as every text format needs it."""

from __future__ import annotations

import numpy as np

from tapewire.replay.sources import cells, text
from tapewire.replay.sources.table import MINUTE_S, Bars, Flags, Part, Ticks, Whole
from tapewire.strategies.clock import SECOND_NS

PRICES = ("open", "high", "low", "close")
FLOW = ("ask", "bid", "up", "down")
WANTED = {**dict.fromkeys(PRICES, cells.PRICE), "volume": cells.CONTRACTS}
PERIODS = (3_600, 1_800, 900, 600, 300, 240, 180, 120, MINUTE_S, 30, 15, 10, 5, 1)
FEW = 10
NEARLY_ALL = 0.99
BEGINNING = 1_000  # most periods are ruled out by so many rows


def bars(table: text.Table, stamp: Whole, rows: Flags | slice = slice(None)) -> Bars:
    """The rows of a table as bars.

    Its columns are `PRICES`, volume, and ask, bid, up and down if it has them.
    """
    column = {name: table.columns[name][rows] for name in (*PRICES, "volume", *FLOW) if name in table.columns}
    return Bars(
        stamp=stamp[rows],
        open=column["open"],
        high=column["high"],
        low=column["low"],
        close=column["close"],
        volume=column["volume"],
        line=table.line[rows],
        **flow(column["volume"], column.get("ask"), column.get("bid")),
        up=column.get("up"),
        down=column.get("down"),
    )


def flow(volume: Whole, ask: Whole | None, bid: Whole | None) -> dict[str, Whole | None]:
    """The volume of both sides, as `Bars` takes it: -1 where a bar has volume and both are 0, none if there are no sides."""
    if ask is None or bid is None:
        return {"ask": None, "bid": None}
    unknown = (volume > 0) & (ask == 0) & (bid == 0)
    return {"ask": np.where(unknown, -1, ask), "bid": np.where(unknown, -1, bid)}


def ticks(table: text.Table, stamp: Whole, rows: Flags | Whole | slice = slice(None)) -> Ticks:
    """The rows of a table as trades. Its columns are price, size, and side, best_bid and best_ask if it has them."""
    column = {
        name: table.columns[name][rows] for name in ("price", "size", "side", "best_bid", "best_ask") if name in table.columns
    }
    return Ticks(
        stamp=stamp[rows],
        price=column["price"],
        size=column["size"],
        line=table.line[rows],
        side=column.get("side"),
        bid=column.get("best_bid"),
        ask=column.get("best_ask"),
    )


def parts(contract: str, rows: Bars | Ticks) -> list[Part]:
    """The rows of a file of one contract; no part if there are none."""
    return [Part(contract, rows)] if len(rows) else []


def period_s(stamp: Whole) -> int:
    """The seconds of a bar: the longest usual period on whose grid nearly all stamps lie. A few rows say nothing above a minute."""
    for seconds in PERIODS:
        if seconds > MINUTE_S and len(stamp) < FEW:
            continue
        if all(
            np.count_nonzero(rows % (seconds * SECOND_NS) == 0) >= NEARLY_ALL * len(rows) for rows in (stamp[:BEGINNING], stamp)
        ):
            return seconds
    return MINUTE_S

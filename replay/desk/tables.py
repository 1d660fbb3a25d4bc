"""The files of a run as pandas tables: columns that are always there, times in New York, money in dollars, prices as traded.

`COLUMNS` says what each column is. A table without rows has the same columns and types as one with rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from tapewire.bus.messages import Profile
from tapewire.replay import auction
from tapewire.strategies.clock import NEW_YORK

TIME, TEXT, FLOAT, INT, FLAG = f"datetime64[ns, {NEW_YORK}]", "str", "float64", "int64", "bool"

COLUMNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "trades": {
        "id": (TEXT, "of the trade; `explain` takes it"),
        "session": (TEXT, "trade date of the entry, YYYY-MM-DD"),
        "instrument": (TEXT, "what was traded"),
        "strategy": (TEXT, "which strategy entered"),
        "setup": (TEXT, "its setup"),
        "direction": (TEXT, "LONG or SHORT"),
        "size": (INT, "contracts"),
        "signal_time": (TIME, "close of the bar that decided the entry"),
        "entry_time": (TIME, "close of the bar in which the entry was filled"),
        "entry_price": (FLOAT, "mean fill of the entry"),
        "exit_time": (TIME, "close of the bar in which the exit was filled"),
        "exit_price": (FLOAT, "mean fill of the exit"),
        "reason": (TEXT, "what ended it: STOP, TARGET, or the exit's code"),
        "bars_held": (INT, "bars closed in the position"),
        "stop": (FLOAT, "as it stood at the exit; NaN without one"),
        "target": (FLOAT, "as it stood at the exit; NaN without one"),
        "gross": (FLOAT, "dollars before commission, slippage included"),
        "commission": (FLOAT, "dollars"),
        "net": (FLOAT, "gross less commission"),
        "mae": (FLOAT, "furthest price against the trade, in points per contract, 0 or more"),
        "mfe": (FLOAT, "furthest price in its favour, likewise"),
        "r": (FLOAT, "net as a multiple of what the entry put at risk; NaN without a stop"),
    },
    "fill_rules": {
        "of": (TEXT, "which orders, or which moment"),
        "rule": (TEXT, "how the simulated venue fills them"),
        "flatters": (FLAG, "whether it may show more than an account would have made"),
    },
    "signals": {
        "id": (TEXT, "of the signal"),
        "time": (TIME, "close of the bar that decided it"),
        "session": (TEXT, "trade date"),
        "instrument": (TEXT, "what is traded"),
        "strategy": (TEXT, "which strategy"),
        "setup": (TEXT, "its setup"),
        "action": (TEXT, "ENTER_LONG, ENTER_SHORT, EXIT or MOVE_STOP, as approved"),
        "direction": (TEXT, "LONG or SHORT"),
        "size": (INT, "contracts"),
        "entry": (FLOAT, "price of the deciding close or of the limit"),
        "stop": (FLOAT, "protective stop; NaN without one"),
        "target": (FLOAT, "NaN without one"),
        "reason": (TEXT, "the code that the strategy or the exit gave"),
        "day_type": (TEXT, "as known then"),
        "confidence": (TEXT, "of the strategy: normal, medium or high"),
        "quality": (INT, "how many of the three terms of the order flow held, 0 to 3"),
        "order_id": (TEXT, "of the order that it led to"),
    },
    "proposals": {
        "id": (TEXT, "of the intent"),
        "time": (TIME, "close of the bar that decided it"),
        "session": (TEXT, "trade date"),
        "instrument": (TEXT, "what is traded"),
        "strategy": (TEXT, "which strategy asked for the entry"),
        "setup": (TEXT, "its setup"),
        "direction": (TEXT, "LONG or SHORT"),
        "entry": (FLOAT, "price of the deciding close or of the limit"),
        "stop": (FLOAT, "protective stop; NaN without one"),
        "target": (FLOAT, "NaN without one"),
        "size": (INT, "contracts; 0 if it was refused"),
        "rejected": (TEXT, "why the gate refused it; empty if it was approved"),
    },
    "sessions": {
        "session": (TEXT, "trade date, YYYY-MM-DD"),
        "trades": (INT, "closed in it"),
        "wins": (INT, "of them with a net above 0"),
        "gross": (FLOAT, "dollars"),
        "commission": (FLOAT, "dollars"),
        "net": (FLOAT, "dollars"),
        "equity": (FLOAT, "capital and all net until its end, dollars"),
        "drawdown": (FLOAT, "equity below its highest value so far, dollars, 0 or more"),
        "rth_bars": (INT, "bars of regular trading hours"),
        "missing": (INT, "minutes of regular trading hours without a bar"),
    },
    "auction": {
        "session": (TEXT, "trade date, YYYY-MM-DD"),
        "tpo_poc": (FLOAT, "point of control of TPOs"),
        "tpo_high": (FLOAT, "highest tick of their value area"),
        "tpo_low": (FLOAT, "lowest tick of it"),
        "volume_poc": (FLOAT, "point of control of volume, spread evenly over each bar's range; NaN without volume"),
        "volume_high": (FLOAT, "highest tick of its value area"),
        "volume_low": (FLOAT, "lowest tick of it"),
        "tail_high": (INT, "rows of single prints from the high downwards"),
        "tail_low": (INT, "rows of single prints from the low upwards"),
        "poor_high": (FLAG, "the highest row has two TPOs or more"),
        "poor_low": (FLAG, "the lowest row has"),
        "singles": (INT, "runs of single prints between the extremes"),
        "opened": (TEXT, "the open by range and value of the session before: above_range, above_value, in_value, ..."),
        "value": (TEXT, "the value area of TPOs by that of the session before: higher, overlapping_higher, inside, ..."),
        "row": (FLOAT, "height of a row, points"),
    },
    "profile": {
        "price": (FLOAT, "lowest tick of the row"),
        "tpos": (INT, "brackets that traded in it"),
        "brackets": (TEXT, "the same by their letters, A from 09:30 on"),
        "volume": (INT, "contracts, spread evenly over each bar's range"),
    },
    "equity": {
        "time": (TIME, "close of the bar in which a trade was closed"),
        "session": (TEXT, "trade date of that bar"),
        "id": (TEXT, "of the trade"),
        "net": (FLOAT, "of the trade, dollars"),
        "equity": (FLOAT, "capital and all net so far, dollars"),
        "drawdown": (FLOAT, "equity below its highest value so far, dollars, 0 or more"),
    },
}
"""Of each table, in order: the columns with their type, and what they are."""


AREA = ("poc", "high", "low")


def made(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as the table of this name. A column of another name is left out; a time is Eastern wall time, as in the files."""
    kept = [{**row} for row in rows]
    for row in kept:
        if isinstance(terms := row.get("quality"), dict):
            row["quality"] = terms["score"]
    columns: dict[str, Any] = {}
    for column, (kind, _) in COLUMNS[name].items():
        values = [row.get(column) for row in kept]
        columns[column] = _times(values) if kind == TIME else _column(values, kind)
    return pd.DataFrame(columns)


def series(figures: Mapping[str, Any]) -> pd.Series[Any]:
    """Figures by name; NaN for None, where there was nothing to divide by."""
    return pd.Series({name: math.nan if value is None else value for name, value in figures.items()}, dtype=object)


def auction_row(found: Profile) -> dict[str, Any]:
    """A row of the table `auction`."""
    made = found.auction
    areas = {"tpo": made.tpo, "volume": made.volume}
    return {
        "session": found.session,
        **{f"{name}_{end}": None if area is None else getattr(area, end) for name, area in areas.items() for end in AREA},
        **{name: getattr(made, name) for name in ("tail_high", "tail_low", "poor_high", "poor_low", "opened", "value", "row")},
        "singles": len(made.singles),
    }


def profile_rows(found: Profile) -> list[dict[str, Any]]:
    """The rows of the table `profile`."""
    rows = [
        {
            "price": round(found.low + at * found.row, 10),
            "tpos": brackets.bit_count(),
            "brackets": auction.lettered(brackets),
            "volume": volume,
        }
        for at, (brackets, volume) in enumerate(zip(found.letters, found.volumes, strict=True))
    ]
    return rows[::-1]


def _column(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    if kind == TEXT:
        return pd.Series(["" if value is None else str(value) for value in values], dtype=object)
    return pd.Series(values, dtype=kind)


def _times(values: Sequence[Any]) -> pd.Series[Any]:
    return pd.Series(pd.to_datetime(pd.Series(values, dtype=object))).dt.tz_localize(NEW_YORK.key).astype(TIME)

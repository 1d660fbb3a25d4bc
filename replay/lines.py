"""The lines of a run's files, one function per kind of fact: the same for a finished run and for a live day.

Times are Eastern wall stamps, as bars have them; money is dollars and cents.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tapewire.bus import disk
from tapewire.bus.errors import DataError
from tapewire.bus.messages import Action, Reject, Signal, Trade
from tapewire.replay.excursion import Measures
from tapewire.replay.tapes import wall

# The columns of a trade, as `trade` gives them.
TRADE = (
    *("session", "strategy", "setup", "direction", "size", "signal_time", "entry_time", "entry_price", "exit_time", "exit_price"),
    *("reason", "bars_held", "stop", "target", "gross", "commission", "net", "id", "instrument", "mae", "mfe", "r"),
)
ENTRIES = (Action.ENTER_LONG, Action.ENTER_SHORT)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file. Raises DataError."""
    try:
        return msgspec.json.Decoder(dict[str, Any]).decode_lines(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; run it again") from error


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a results file, a line for each row. Raises DiskError."""
    disk.replace(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows for a spreadsheet. Raises DiskError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    disk.replace(path, text.getvalue().encode())


def dollars(cents: int) -> float:
    return cents / 100


def signal(signal: Signal) -> dict[str, Any]:
    """An approved intent."""
    return {
        "session": signal.session,
        "time": wall(signal.bar_ns),
        "strategy": signal.strategy,
        "setup": signal.setup,
        "direction": signal.direction,
        "entry": signal.entry,
        "stop": signal.stop,
        "target": signal.target,
        "size": signal.size,
        "rejected": None,
        "id": signal.id,
        "order_id": signal.order_id,
        "instrument": signal.instrument,
        "contract": signal.contract,
        "action": signal.action,
        "reason": signal.reason,
        "day_type": signal.day_type,
        "confidence": signal.confidence,
        "day_confidence": signal.day_confidence,
        "quality": signal.quality,
    }


def reject(reject: Reject) -> dict[str, Any]:
    """A refused intent, with its prices as computed."""
    return {
        "session": reject.session,
        "time": wall(reject.bar_ns),
        "strategy": reject.strategy,
        "setup": reject.setup,
        "direction": reject.direction,
        "entry": reject.entry,
        "stop": reject.stop,
        "target": reject.target,
        "size": 0,
        "rejected": reject.reason,
        "id": reject.id,
        "instrument": reject.instrument,
        "contract": reject.contract,
        "action": reject.action,
        "detail": reject.detail,
    }


def trade(trade: Trade, measures: Measures) -> dict[str, Any]:
    """A finished trade."""
    return {
        "session": trade.session,
        "strategy": trade.strategy,
        "setup": trade.setup,
        "direction": trade.direction,
        "size": trade.size,
        "signal_time": wall(trade.signal_ns),
        "entry_time": wall(trade.entry_ns),
        "entry_price": trade.entry_price,
        "exit_time": wall(trade.exit_ns),
        "exit_price": trade.exit_price,
        "reason": trade.reason,
        "bars_held": trade.bars_held,
        "stop": trade.stop,
        "target": trade.target,
        "gross": dollars(trade.gross_cents),
        "commission": dollars(trade.commission_cents),
        "net": dollars(trade.net_cents),
        "id": trade.id,
        "instrument": trade.instrument,
        "mae": measures.mae,
        "mfe": measures.mfe,
        "r": measures.r,
    }

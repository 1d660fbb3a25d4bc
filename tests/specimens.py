"""Files of vendors for the tests of their readers: the shared specimens with the bars they must give, and files of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tapewire.replay.sources import formats
from tapewire.replay.sources.table import Bars, Content, Options, Ticks
from tapewire.replay.sources.zones import to_utc
from tests.shared import SHARED

SPECIMENS = SHARED / "recordings"
MINUTE_NS = 60_000_000_000


def read(path: Path, options: Options | None = None) -> Content:
    """A file by the reader that recognises it."""
    options = options or Options()
    found = formats.recognised(path, options)
    assert found is not None, f"{path.name} was not recognised"
    return found.reader.read(found.head, options, lambda _: None)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def specimen(name: str) -> Path:
    folder = SPECIMENS / name
    return folder / str(json.loads((folder / "specimen.json").read_text())["file"])


def expected(name: str) -> list[tuple[float, ...]]:
    """The bars that a specimen must give: close in UTC nanoseconds, prices, volume, volume at ask and bid (NaN: none)."""
    table = pd.read_csv(SPECIMENS / name / "expected.csv")
    close = pd.to_datetime(table.pop("close_utc")).dt.tz_localize(None).astype("datetime64[ns]").astype(np.int64)
    return [(ns, *row) for ns, row in zip(close, table.astype(float).itertuples(index=False), strict=True)]


def bars(content: Content, zone: str = "", part: int = 0, multiplier: float = 1.0) -> list[tuple[float, ...]]:
    """The bars of a part in the form of `expected`; trades become bars of a minute."""
    rows = content.parts[part].rows
    utc, skipped = to_utc(rows.stamp, content.clock or zone)
    assert not skipped.any()
    if isinstance(rows, Ticks):
        return _minutes(utc, rows, multiplier)
    close = utc + content.period_s * 1_000_000_000 * (content.stamps == "open")
    flow = [np.full(len(rows), np.nan) if side is None else side for side in (rows.ask, rows.bid)]
    return list(zip(close, rows.open, rows.high, rows.low, rows.close, rows.volume, *flow, strict=True))


def same(left: list[tuple[float, ...]], right: list[tuple[float, ...]]) -> bool:
    return len(left) == len(right) and np.array_equal(np.array(left, float), np.array(right, float), equal_nan=True)


def only(content: Content) -> Bars:
    (part,) = content.parts
    assert isinstance(part.rows, Bars)
    return part.rows


def trades(content: Content) -> Ticks:
    (part,) = content.parts
    assert isinstance(part.rows, Ticks)
    return part.rows


def _minutes(utc: np.ndarray, rows: Ticks, multiplier: float) -> list[tuple[float, ...]]:
    side = rows.side
    if side is None:
        assert rows.bid is not None
        assert rows.ask is not None
        side = np.where(rows.price >= rows.ask, 1, np.where(rows.price <= rows.bid, -1, 0))
    made = []
    for minute in np.unique(utc // MINUTE_NS):
        at = utc // MINUTE_NS == minute
        price, size = rows.price[at] * multiplier, rows.size[at]
        flow = (size[side[at] > 0].sum(), size[side[at] < 0].sum())
        made.append(((minute + 1) * MINUTE_NS, price[0], price.max(), price.min(), price[-1], size.sum(), *flow))
    return made

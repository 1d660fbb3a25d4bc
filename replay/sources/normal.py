"""tapewire's own form of a recording: one file a root, one-minute bars, closes in UTC, with where they come from.

`NQ.parquet` carries that in its metadata, contract and rolls included; reading it is one copy of columns, since everything was
checked when it was written. `NQ.csv` has the same bars for people and other programs, without up and down ticks, and
`NQ.provenance.json` beside it. Parquet needs pyarrow: `pip install 'tapewire[parquet]'`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from tapewire import __version__
from tapewire.bus.errors import ConfError, DataError
from tapewire.replay.sources import stamps, text
from tapewire.replay.sources.columns import FLOW
from tapewire.replay.sources.join import Joined
from tapewire.replay.sources.series import plain
from tapewire.replay.sources.table import MINUTE_S, UTC, Bars, Content, Head, Options, Part, Progress, Whole

NAME = "tapewire"
COLUMNS = ("close_utc", "open", "high", "low", "close", "volume", "ask_volume", "bid_volume")
MAGIC = b"PAR1"
KEY = b"tapewire"
BESIDE = ".provenance.json"  # of a CSV
FORM = 2
SHORT = re.compile(r"\.(\d+)s\.csv")
PRICES = ("open", "high", "low", "close")
LAST = {"open": "open", "high": "high", "low": "low", "close": "last"}  # prices, and their columns in Parquet
CHANGED = "its bars or their origin are not as tapewire wrote them"
REMEDY = "convert the recording again"


class Source(Struct, frozen=True):
    """A file that bars come from. zone, stamps: how its stamps were read. sha256: of its bytes."""

    file: str
    sha256: str
    format: str
    zone: str
    stamps: str


class Rolled(Struct, frozen=True):
    """A change of the contract. offset: later minus earlier in points; None where the two had no minute in common."""

    date: str
    before: str
    after: str
    offset: float | None


class Provenance(Struct, frozen=True):
    """Where a series comes from. form: of this file. seconds: of a bar. rule: how contracts were joined.

    adjusted: earlier prices were moved by the offsets of the rolls. seal: see `_seal`; of Parquet alone, whose bars are not checked
    when they are read.
    """

    form: int
    version: str
    root: str
    seconds: int
    contracts: tuple[str, ...]
    rule: str
    adjusted: bool
    rolls: tuple[Rolled, ...]
    sources: tuple[Source, ...]
    notes: tuple[str, ...]
    seal: str = ""


def recognise(head: Head) -> str:
    if head.raw.startswith(MAGIC):
        return "it is Parquet"
    layout = text.layout_of(head)
    return "its header is tapewire's" if layout is not None and layout.names == COLUMNS else ""


def read(head: Head, options: Options, progress: Progress) -> Content:
    return _read_parquet(head, progress) if head.raw.startswith(MAGIC) else _read_csv(head, progress)


def provenance(root: str, series: Joined, options: Options, sources: Sequence[Source], notes: Sequence[str]) -> Provenance:
    """What is kept with a series."""
    return Provenance(
        form=FORM,
        version=__version__,
        root=root,
        seconds=options.seconds,
        contracts=series.contracts,
        rule=options.roll if series.rolls else "",
        adjusted=series.adjusted,
        rolls=tuple(Rolled(roll.date, roll.before, roll.after, roll.apart) for roll in series.rolls),
        sources=tuple(sources),
        notes=tuple(notes),
    )


def rolled(roll: Rolled, origin: Provenance) -> str:
    """A change of the contract in words."""
    apart = "no minute in common" if roll.offset is None else f"{roll.offset:+g} points apart"
    moved = ", earlier prices moved by it" if origin.adjusted else ""
    return f"from {roll.before} to {roll.after} on {roll.date}, by {origin.rule}; {apart}{moved}"


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, series: Joined, origin: Provenance, form: str) -> Path:
    """Write a series as `ROOT.parquet` or `ROOT.csv`; an earlier file is replaced at once, or stays.

    Raises:
        ConfError: the folder cannot be written, or pyarrow is missing.
    """
    name = origin.root + (f".{origin.seconds}s" if origin.seconds != MINUTE_S else "")
    path = folder / f"{name}.{form}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "csv":
            _replace(folder / f"{name}{BESIDE}", lambda at: at.write_bytes(_json(origin) + b"\n"))
            _replace(path, lambda at: at.write_bytes(csv(series.bars)))
        else:
            _replace(path, lambda at: _write_parquet(at, series, origin))
    except OSError as error:
        raise ConfError(f"--out {folder}: {error.strerror or error}; name a folder that can be written") from error
    return path


def csv(bars: Bars) -> bytes:
    """Bars as text (RFC 4180): closes in UTC, prices without trailing zeros, empty cells for order flow that is not known."""
    closes = np.datetime_as_string(bars.stamp.astype("datetime64[ns]").astype("datetime64[s]")).tolist()
    prices = [[plain(price) for price in getattr(bars, name).tolist()] for name in PRICES]
    flow = [_cells(side, len(bars)) for side in (bars.ask, bars.bid)]
    rows = zip(closes, *prices, map(str, bars.volume.tolist()), *flow, strict=True)
    lines = [",".join(COLUMNS), *(f"{row[0]}Z,{','.join(row[1:])}" for row in rows)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _cells(side: Whole | None, count: int) -> list[str]:
    return [""] * count if side is None else ["" if each < 0 else str(each) for each in side.tolist()]


def _read_csv(head: Head, progress: Progress) -> Content:
    layout = text.layout_of(head)
    assert layout is not None
    wanted = {
        "close_utc": text.Wanted(stamps.iso, f"not a time in UTC, such as 2027-01-31T23:01:00Z; {text.AGAIN}"),
        **dict.fromkeys(PRICES, text.PRICE),
        "volume": text.CONTRACTS,
        **dict.fromkeys(COLUMNS[-2:], text.Wanted(_flow, f"not a whole number of contracts, nor empty; {text.AGAIN}")),
    }
    table = text.read(head, layout, wanted, progress, "close_utc")
    column = table.columns
    known = bool(((column["ask_volume"] >= 0) & (column["bid_volume"] >= 0)).any())
    bars = Bars(
        stamp=column["close_utc"],
        **{name: column[name] for name in (*PRICES, "volume")},
        line=table.line,
        ask=column["ask_volume"] if known else None,
        bid=column["bid_volume"] if known else None,
    )
    root = head.path.name.split(".")[0]
    parts = [Part(root, bars)] if len(bars) else []
    period_s = int(named[1]) if (named := SHORT.search(head.path.name)) else MINUTE_S
    return Content(parts, UTC, "close", period_s, told=table.told, bad=table.bad, rows=table.rows, assumed=True)


def _flow(cells: Any) -> tuple[Whole, Any]:
    """Contracts, -1 for an empty cell."""
    empty = np.asarray(cells.astype(str) == "", np.bool_) if cells.dtype.kind not in "iuf" else np.zeros(len(cells), np.bool_)
    values, wrong = text.whole(cells.where(~empty, "0") if empty.any() else cells)
    return np.where(empty, -1, values), wrong & ~empty


def _read_parquet(head: Head, progress: Progress) -> Content:
    arrow, parquet = _pyarrow(head.path)
    try:
        with parquet.ParquetFile(head.path, page_checksum_verification=True) as file:
            kept = (file.schema_arrow.metadata or {}).get(KEY)
            if kept is None:
                raise DataError(f"{head.path}: Parquet that tapewire has not written; describe a CSV of it with --mapping")
            origin = msgspec.json.decode(kept, type=Provenance)
            table = file.read()
    except (arrow.ArrowException, OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{head.path}: damaged ({str(error).splitlines()[0]}); {REMEDY}") from error
    if origin.form != FORM:
        raise DataError(f"{head.path}: written by tapewire {origin.version} in another form; {REMEDY}")
    if missing := {"close", *LAST.values(), "volume"} - {*table.column_names}:
        raise DataError(f"{head.path}: {CHANGED} (no column {min(missing)}); {REMEDY}")
    column = {
        name: table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
        for name in table.column_names
        if name != "contract"
    }
    if any(each.dtype.kind == "O" for each in column.values()):
        raise DataError(f"{head.path}: {CHANGED} (a column is no number); {REMEDY}")
    bars = Bars(
        stamp=column["close"].astype("datetime64[ns]").astype(np.int64),
        **{name: column[written] for name, written in LAST.items()},
        volume=column["volume"],
        line=np.arange(1, table.num_rows + 1),
        ask=column.get("ask"),
        bid=column.get("bid"),
        up=column.get("up"),
        down=column.get("down"),
    )
    if _seal(origin, bars) != origin.seal:
        raise DataError(f"{head.path}: {CHANGED}; {REMEDY}")
    progress(1.0)
    told = [f"{head.path.name}: {rolled(roll, origin)}" for roll in origin.rolls]
    return Content([Part(origin.root, bars)], UTC, "close", origin.seconds, told=told, rows=len(bars), assumed=False, checked=True)


def _write_parquet(path: Path, series: Joined, origin: Provenance) -> None:
    arrow, parquet = _pyarrow(path)
    bars = series.bars.wide()
    columns = {
        "close": arrow.array(bars.stamp.astype("datetime64[ns]"), arrow.timestamp("ns", tz=UTC)),
        **{written: getattr(bars, name) for name, written in LAST.items()},
        "volume": bars.volume,
        "contract": arrow.DictionaryArray.from_arrays(series.by.astype(np.int32), list(series.contracts)),
    }
    columns |= {name: side for name in FLOW if (side := getattr(bars, name)) is not None}
    sealed = msgspec.structs.replace(origin, seal=_seal(origin, bars))
    table = arrow.table(columns).replace_schema_metadata({KEY: _json(sealed)})
    parquet.write_table(table, path, compression="zstd", write_page_checksum=True)


def _seal(origin: Provenance, bars: Bars) -> str:
    """The SHA-256 of bars and their provenance: what another program changed in a file is not read as checked."""
    seal = hashlib.sha256(_json(msgspec.structs.replace(origin, seal="")))
    for name in ("stamp", *PRICES, "volume", *FLOW):
        column = getattr(bars, name)
        seal.update(b"" if column is None else np.ascontiguousarray(column).data)
    return seal.hexdigest()


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        remedy = "install it with: pip install 'tapewire[parquet]', or use --format csv"
        raise ConfError(f"{path}: Parquet needs pyarrow; {remedy}") from error
    return pyarrow, pyarrow.parquet


def _json(origin: Provenance) -> bytes:
    return msgspec.json.format(msgspec.json.encode(origin), indent=1)


def _replace(path: Path, write_to: Callable[[Path], object]) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        write_to(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)

"""tapewire's own form of a recording: one file a root, one-minute bars, closes in UTC, with where they come from.

`NQ.parquet` carries that in its metadata, contract and rolls included; reading it is one copy of columns, since everything was
checked when it was written. `NQ.csv` has the same bars for people and other programs, without up and down ticks, and
`NQ.provenance.json` beside it. Parquet needs pyarrow: `pip install 'tapewire[parquet]'`.
"""

from __future__ import annotations

import hashlib
import io
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
from tapewire.replay.sources import cells, layouts, stamps, text
from tapewire.replay.sources.columns import FLOW
from tapewire.replay.sources.join import Joined
from tapewire.replay.sources.series import plain
from tapewire.replay.sources.table import MINUTE_S, UTC, Bars, Content, Flags, Head, Options, Part, Progress, Whole

NAME = "tapewire"
COLUMNS = ("close_utc", "open", "high", "low", "close", "volume", "ask_volume", "bid_volume")
MAGIC = b"PAR1"
KEY = b"tapewire"
BESIDE = ".provenance.json"  # of a CSV
FORM = 3
UNSEALED = "0" * 64
SHORT = re.compile(r"\.(\d+)s\.csv")
PRICES = ("open", "high", "low", "close")
LAST = {"open": "open", "high": "high", "low": "low", "close": "last"}  # prices, and their columns in Parquet
CHANGED = "it is not as tapewire wrote it"
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
    when they are read. It stays the last field.
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
    layout = layouts.layout_of(head)
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
    layout = layouts.layout_of(head)
    assert layout is not None
    wanted = {
        "close_utc": stamps.fixed(
            "YYYY-MM-DDThh:mm:ssZ", f"not a time in UTC, such as 2027-01-31T23:01:00Z; {cells.AGAIN}", stamps.iso
        ),
        **dict.fromkeys(PRICES, cells.PRICE),
        "volume": cells.CONTRACTS,
        **dict.fromkeys(COLUMNS[-2:], cells.Wanted(_flow, f"not a whole number of contracts, nor empty; {cells.AGAIN}")),
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


def _flow(column: cells.Cells) -> tuple[cells.Column, Flags]:
    """Contracts, -1 for an empty cell."""
    empty = column.starts == column.ends
    if empty.all():
        return np.full(len(column), -1, np.int32), ~empty
    values, wrong = cells.contracts(column)
    return np.where(empty, values.dtype.type(-1), values), wrong & ~empty


def _read_parquet(head: Head, progress: Progress) -> Content:
    arrow, parquet = _pyarrow(head.path)
    try:
        content = head.path.read_bytes()
        with parquet.ParquetFile(arrow.BufferReader(content)) as file:
            kept = (file.metadata.metadata or {}).get(KEY)
            if kept is None:
                raise DataError(f"{head.path}: Parquet that tapewire has not written; describe a CSV of it with --mapping")
            origin = msgspec.json.decode(kept, type=Provenance)
            if origin.form != FORM:
                raise DataError(f"{head.path}: written by tapewire {origin.version} in another form; {REMEDY}")
            if _seal(content, origin.seal) != origin.seal:
                raise DataError(f"{head.path}: {CHANGED}; {REMEDY}")
            table = file.read([name for name in file.schema.names if name != "contract"], use_threads=False)
    except (arrow.ArrowException, OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{head.path}: damaged ({str(error).splitlines()[0]}); {REMEDY}") from error
    whole = {name: table.column(name) for name in table.column_names}
    whole["close"] = whole["close"].cast(arrow.int64())
    # Of one chunk combine_chunks makes a copy, and to_numpy imports pandas.
    column: dict[str, Any] = {
        name: np.from_dlpack(each.chunk(0) if each.num_chunks == 1 else each.combine_chunks()) for name, each in whole.items()
    }
    bars = Bars(
        stamp=column["close"],
        **{name: column[written] for name, written in LAST.items()},
        volume=column["volume"],
        line=np.arange(1, table.num_rows + 1, dtype=np.int32),
        ask=column.get("ask"),
        bid=column.get("bid"),
        up=column.get("up"),
        down=column.get("down"),
    )
    progress(1.0)
    told = [f"{head.path.name}: {rolled(roll, origin)}" for roll in origin.rolls]
    return Content([Part(origin.root, bars)], UTC, "close", origin.seconds, told=told, rows=len(bars), assumed=False, checked=True)


def _write_parquet(path: Path, series: Joined, origin: Provenance) -> None:
    """Columns as they are read most quickly: no dictionaries, the bytes of a number apart, little compression."""
    arrow, parquet = _pyarrow(path)
    bars = series.bars.narrow()
    columns = {
        "close": arrow.array(bars.stamp.astype("datetime64[ns]"), arrow.timestamp("ns", tz=UTC)),
        **{written: getattr(bars, name) for name, written in LAST.items()},
        "volume": bars.volume,
        **{name: side for name in FLOW if (side := getattr(bars, name)) is not None},
        "contract": arrow.array(np.array(series.contracts, np.object_)[series.by]),
    }
    numbers = [name for name in columns if name not in ("close", "contract")]
    unsealed = msgspec.structs.replace(origin, seal=UNSEALED)
    table, sink = arrow.table(columns), io.BytesIO()
    # Every bar has every column that is written: without that word a reader looks for missing values.
    table = table.cast(arrow.schema([field.with_nullable(False) for field in table.schema]))
    with parquet.ParquetWriter(
        sink,
        table.schema,
        compression="lz4",
        use_dictionary=["contract"],
        column_encoding={"close": "DELTA_BINARY_PACKED", **dict.fromkeys(numbers, "BYTE_STREAM_SPLIT")},
        store_schema=False,
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: _json(unsealed)})
    content = sink.getvalue()
    before, after = _around(content, UNSEALED)
    path.write_bytes(b"".join((before, _seal(content, UNSEALED).encode(), after)))


def _seal(content: bytes, seal: str) -> str:
    """The SHA-256 of a file that has this seal, without it: what another program wrote is not read as checked."""
    before, after = _around(content, seal)
    digest = hashlib.sha256(before)
    digest.update(after)
    return digest.hexdigest()


def _around(content: bytes, seal: str) -> tuple[memoryview, memoryview]:
    """What stands before and behind a seal. It is the last thing of the provenance, which stands at the end of a file."""
    at = content.rfind(seal.encode())
    return memoryview(content)[:at], memoryview(content)[at + len(seal) :]


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        remedy = "install it with: pip install 'tapewire[parquet]', or use --format csv"
        raise ConfError(f"{path}: Parquet needs pyarrow; {remedy}") from error
    # Its own allocator keeps what is freed: half as much again as the columns take.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
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

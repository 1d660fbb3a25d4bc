"""NinjaTrader's volumetric one-minute exports as bars (playbook 1.1).

A folder holds one file per root, `NQ_Volumetric_1.csv` or the same with `.gz`. A row's stamp is the bar's close in Eastern
wall-clock time, without a zone. Columns are found by name. A first line that starts with `#` is a comment. Indicator columns are
not read, because no rule may use them.

There are two kinds of defects. Feeds repeat rows and send them late: such rows are left out and reported, and the run goes on. A
row that cannot be a bar (a price off the tick grid, volumes that do not add up) means that the file is wrong: reading stops with a
DataError that names file, line, field, value and remedy. Nothing is repaired without a report.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, NoReturn, TypeVar, cast

from tapewire.bus.errors import DataError, suggest
from tapewire.bus.messages import Bar, CrossBar
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK, SECOND_NS

PERIOD = "Volumetric_1"
NEEDED = (
    "instrument",
    "timestamp",
    "period",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vol_ask",
    "vol_bid",
    "session_date",
)
PROGRESS_ROWS = 4096

T = TypeVar("T")
Progress = Callable[[float], None]


class ExportRow(NamedTuple):
    """One accepted row; close_ns is UTC."""

    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ask: int
    bid: int


def read(folder: Path, instrument: str, instruments: Mapping[str, Instrument], progress: Progress | None = None) -> Recording:
    """All bars of a traded instrument, with the other roots' bars of the same stamp beside them.

    Args:
        folder: holds the exports. instrument: the traded symbol; its root names the file.
        progress: called with the share of the input read so far, 0 to 1, at most once per PROGRESS_ROWS rows.
    Raises:
        DataError: a file is missing, ambiguous, unreadable or holds a row that cannot be a bar.
    """
    if instrument not in instruments:
        raise DataError(f"unknown instrument {instrument!r}{suggest(instrument, instruments)}; known: {', '.join(instruments)}")
    root = instruments[instrument].root
    ticks = {i.root: i.tick for i in instruments.values()}
    paths = _find(folder, root, ticks)
    share = _Share(sum(path.stat().st_size for path in paths.values()), progress)
    exports = {name: _Export(path, name, ticks[name], share) for name, path in paths.items()}
    beside = [
        {
            row.close_ns: CrossBar(name, row.open, row.high, row.low, row.close, row.volume, row.ask, row.bid)
            for row in export.rows()
        }
        for name, export in exports.items()
        if name != root
    ]
    bars = [
        Bar(
            instrument=instrument,
            open_ns=row.close_ns - MINUTE_NS,
            close_ns=row.close_ns,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            ask_volume=row.ask,
            bid_volume=row.bid,
            index=index,
            cross=tuple([bars[row.close_ns] for bars in beside if row.close_ns in bars]),
            phase="playback",
        )
        for index, row in enumerate(exports[root].rows())
    ]
    if not bars:
        raise DataError(f"{paths[root]}: no rows; export the series again, with at least one bar")
    share.done()
    ordered = [exports[root], *(e for name, e in exports.items() if name != root)]
    return Recording(
        instrument=instrument,
        root=root,
        bars=bars,
        ignored=tuple(row for export in ordered for row in export.ignored),
        files=tuple(SourceFile(e.path.name, e.root, e.count, e.count - len(e.ignored)) for e in ordered),
    )


def _find(folder: Path, root: str, roots: Mapping[str, float]) -> dict[str, Path]:
    """The export of every root that has one in the folder; the traded root must."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder that holds {root}_{PERIOD}.csv")
    found: dict[str, Path] = {}
    for name in roots:
        plain, packed = folder / f"{name}_{PERIOD}.csv", folder / f"{name}_{PERIOD}.csv.gz"
        if plain.exists() and packed.exists():
            raise DataError(f"{folder} holds both {plain.name} and {packed.name}; remove one, so that it is clear which counts")
        if plain.exists() or packed.exists():
            found[name] = plain if plain.exists() else packed
    if root not in found:
        there = sorted(path.name for path in folder.iterdir())
        listed = ", ".join(there[:10]) + (f" and {len(there) - 10} more" if len(there) > 10 else "") if there else "nothing"
        raise DataError(f"{folder} has no {root}_{PERIOD}.csv (or .csv.gz); it holds {listed}; export {root} as {PERIOD} into it")
    return found


class _Share:
    """The share of all files that has been read, reported at most once per PROGRESS_ROWS rows."""

    def __init__(self, total: int, report: Progress | None) -> None:
        self.total = max(total, 1)
        self.report = report
        self.finished = 0

    def at(self, raw: BinaryIO) -> None:
        if self.report:
            self.report(min((self.finished + raw.tell()) / self.total, 1.0))

    def done(self) -> None:
        if self.report:
            self.report(1.0)


class _Malformed(ValueError):
    """Why a text is not a valid value, with the remedy."""


class _Known(dict[str, T], Generic[T]):
    """Parsed texts. Prices, sizes and hours repeat all day, so nearly every field is one dictionary lookup."""

    def __init__(self, parse: Callable[[str], T]) -> None:
        super().__init__()
        self.parse = parse

    def __missing__(self, text: str) -> T:
        value = self[text] = self.parse(text)
        return value


class _Export:
    """One file while it is read: its columns, its place in error texts, and the rows that were left out."""

    def __init__(self, path: Path, root: str, tick: float, share: _Share) -> None:
        self.path = path
        self.root = root
        self.share = share
        self.count = 0
        self.ignored: list[Ignored] = []
        self.price = _Known(lambda text: _price(text, tick))
        self.contracts = _Known(_contracts)
        self.hour = _Known(_hour_ns)
        self.minute = _Known(_minute_ns)

    def rows(self) -> Iterator[ExportRow]:
        """The accepted rows, strictly rising in time."""
        try:
            with self.path.open("rb") as raw:
                # gzip's stream reads like a file, but its type is another.
                stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if self.path.suffix == ".gz" else raw
                yield from self._rows(stream, raw)
                self.share.finished += raw.tell()
        except EOFError as error:
            raise DataError(f"{self.path}: the .gz ends in the middle of its data; copy or export it again") from error
        except (zlib.error, OSError, csv.Error) as error:
            raise DataError(f"{self.path}: unreadable ({error}); copy or export it again") from error

    def _rows(self, stream: BinaryIO, raw: BinaryIO) -> Iterator[ExportRow]:
        lines = csv.reader(self._text(stream), quoting=csv.QUOTE_NONE)
        pick, width, start = self._columns(lines)
        price, contracts, hour, minute, last = self.price, self.contracts, self.hour, self.minute, 0
        for line, fields in enumerate(lines, start):
            if not fields:
                continue
            if len(fields) != width:
                raise DataError(f"{self.path}, line {line}: {len(fields)} fields, the header names {width}; {AGAIN}")
            self.count += 1
            name, stamp, period, o, h, lo, c, v, a, b = pick(fields)
            try:
                if name != self.root or period != PERIOD:
                    self._refuse(line, fields, pick)
                close_ns = hour[stamp[:13]] + minute[stamp[13:]]
                if close_ns <= last:
                    why = "repeated" if close_ns == last else "late"
                    self.ignored.append(Ignored(self.path.name, line, stamp, why))
                    continue
                row = ExportRow(close_ns, price[o], price[h], price[lo], price[c], contracts[v], contracts[a], contracts[b])
            except _Malformed:
                self._refuse(line, fields, pick)
            if not (row.low <= row.open <= row.high and row.low <= row.close <= row.high):
                self._refuse(line, fields, pick)
            # Both 0 with volume is a bar without order flow (playbook 1.1), not a contradiction.
            if row.ask + row.bid != row.volume and (row.ask or row.bid):
                self._refuse(line, fields, pick)
            last = close_ns
            if not self.count % PROGRESS_ROWS:
                self.share.at(raw)
            yield row

    def _text(self, stream: BinaryIO) -> Iterator[str]:
        for line, content in enumerate(stream, 1):
            try:
                yield content.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                at = error.object[error.start]
                raise DataError(f"{self.path}, line {line}: byte 0x{at:02x} is not UTF-8; save the file as UTF-8") from error

    def _columns(self, lines: Iterator[list[str]]) -> tuple[Callable[[list[str]], tuple[str, ...]], int, int]:
        """A picker of the needed columns, the number of columns, and the line on which the data starts."""
        header, start = next(lines, []), 2
        if header and header[0].startswith("#"):
            header, start = next(lines, []), 3
        if not header:
            raise DataError(f"{self.path}: no header and no rows; export the series again")
        names = [name.strip() for name in header]
        for needed in NEEDED:
            if needed not in names:
                near = suggest(needed, [n for n in names if n not in NEEDED])
                raise DataError(
                    f"{self.path}, line {start - 1}: column {needed!r} is missing{near}; the header names {', '.join(names)}; "
                    f"export the volumetric series with these columns: {', '.join(NEEDED)}"
                )
            if names.count(needed) > 1:
                raise DataError(f"{self.path}, line {start - 1}: column {needed!r} appears twice; keep one")
        return itemgetter(*(names.index(name) for name in NEEDED[:-1])), len(names), start

    def _refuse(self, line: int, fields: list[str], pick: Callable[[list[str]], tuple[str, ...]]) -> NoReturn:
        """Read a bad row again, field by field, and raise a DataError for the first bad field."""
        texts = dict(zip(NEEDED, pick(fields), strict=False))
        where = f"{self.path}, line {line}"
        if texts["instrument"] != self.root:
            raise DataError(f"{where}, instrument {texts['instrument']!r}: this is the file of {self.root}; rename or remove it")
        if texts["period"] != PERIOD:
            raise DataError(f"{where}, period {texts['period']!r}: only {PERIOD} (one minute) can be read; export that series")
        checks: dict[str, Callable[[str], object]] = {"timestamp": lambda text: self.hour[text[:13]] + self.minute[text[13:]]}
        checks |= dict.fromkeys(("open", "high", "low", "close"), self.price.__getitem__)
        checks |= dict.fromkeys(("volume", "vol_ask", "vol_bid"), self.contracts.__getitem__)
        for field, parse in checks.items():
            try:
                parse(texts[field])
            except _Malformed as error:
                raise DataError(f"{where}, {field} {texts[field]!r}: {error}") from error
        high, low = self.price[texts["high"]], self.price[texts["low"]]
        if high < low:
            raise DataError(f"{where}, high {texts['high']!r}: below the low {texts['low']!r}; {AGAIN}")
        for field in ("open", "close"):
            if not low <= self.price[texts[field]] <= high:
                raise DataError(
                    f"{where}, {field} {texts[field]!r}: outside low {texts['low']!r} ... high {texts['high']!r}; {AGAIN}"
                )
        sides = f"vol_ask {texts['vol_ask']!r} and vol_bid {texts['vol_bid']!r}"
        raise DataError(f"{where}, volume {texts['volume']!r}: {sides} do not add up to it; {AGAIN}")


AGAIN = "correct the line or export the file again"
_MINUTE = re.compile(r":([0-5]\d):00(\.0{1,7})?", re.ASCII)
_HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d", re.ASCII)
_PRICE = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_CONTRACTS = re.compile(r"\d{1,15}", re.ASCII)


def _price(text: str, tick: float) -> float:
    if not _PRICE.fullmatch(text):
        raise _Malformed(f"not a price (digits and a point); {AGAIN}")
    price = float(text)
    if not math.isfinite(price) or price <= 0:
        raise _Malformed(f"not a price above 0; {AGAIN}")
    if abs(price / tick - round(price / tick)) > 1e-6:
        raise _Malformed(f"not a multiple of the tick {tick}; export unadjusted prices, or correct instruments.toml")
    return price


def _contracts(text: str) -> int:
    if not _CONTRACTS.fullmatch(text):
        raise _Malformed(f"not a whole number of contracts, 0 or more; {AGAIN}")
    return int(text)


def _hour_ns(text: str) -> int:
    """The UTC time of a wall-clock hour. An hour that a clock change repeats is read as its first pass (fold 0)."""
    try:
        if not _HOUR.fullmatch(text):
            raise ValueError(text)
        hour = dt.datetime.fromisoformat(f"{text}:00").replace(tzinfo=NEW_YORK)
    except ValueError:
        raise _Malformed(f"not a time; write YYYY-MM-DDTHH:MM:00.000, Eastern wall time; {AGAIN}") from None
    if not 1970 < hour.year < 2200:
        raise _Malformed(f"the year {hour.year} cannot be right; {AGAIN}")
    return int(hour.timestamp()) * SECOND_NS


def _minute_ns(text: str) -> int:
    found = _MINUTE.fullmatch(text)
    if not found:
        raise _Malformed(f"not a whole minute; write YYYY-MM-DDTHH:MM:00.000, as one-minute bars are stamped; {AGAIN}")
    return int(found[1]) * MINUTE_NS

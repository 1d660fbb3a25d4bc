"""`tapewire data`: what is in recordings, and recordings in tapewire's own form. Each command imports what it needs itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tapewire.bus import disk
from tapewire.bus.errors import ConfError, DataError, suggest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.operator.commands import InstrumentsOption
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.calendar import FILE, calendar_for
from tapewire.replay import runs
from tapewire.replay.commands import JsonOption, bar, err, out
from tapewire.replay.options import reads_files
from tapewire.replay.sources import notes
from tapewire.replay.sources.options import Options

if TYPE_CHECKING:
    from tapewire.replay.sources.gather import Gathered
    from tapewire.replay.sources.inspection import InspectedFile
    from tapewire.replay.sources.reading import Reading

FORMS = ("parquet", "csv")

PathsArgument = Annotated[list[Path], typer.Argument(help="Files or folders with recorded bars or trades.")]
RootOption = Annotated[str, typer.Option("--instrument", help="Whose bars these are, where nothing names it; only its bars.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    data = typer.Typer(help="Recordings: what is in them, and in tapewire's own form.", no_args_is_help=True)
    for command in (inspect, convert, formats):
        data.command()(command)
    app.add_typer(data, name="data")


@reads_files
def inspect(
    paths: PathsArgument,
    instrument: RootOption = "",
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Say what files hold: format, contract, clock, sessions, holes, doubts. Exit status 65 if one cannot be read as it is."""
    from tapewire.replay.sources import inspection

    files = look(paths, source, instrument, own, together=not as_json)
    if as_json:
        out.print(msgspec.json.encode(files).decode(), markup=False)
    else:
        for line in inspection.lines(files):
            out.print(line, markup=False)
    if not any(file.format for file in files):
        raise DataError(f"{', '.join(map(str, paths))}: no file in a known format; `tapewire data formats` lists them")
    raise typer.Exit(DataError.status if any(file.error for file in files) else 0)


def look(
    paths: list[Path], source: Options, instrument: str = "", own: Path | None = None, *, together: bool = True
) -> list[InspectedFile]:
    """What files hold, with a progress bar. together: a contract of NinjaTrader's database as one, not each of its days."""
    from tapewire.replay.sources import inspection

    reading = _reading(source, instrument, own)
    with bar() as (tell, progress):
        tell(f"reading {', '.join(map(str, paths))}")
        return inspection.inspect(paths, reading, functools.partial(_special, paths[0], reading), progress, together=together)


@reads_files
def convert(
    paths: PathsArgument,
    folder: Annotated[Path, typer.Option("--out", help="Folder for one file per root; earlier ones are replaced.")],
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    seconds: Annotated[
        int,
        typer.Option(min=1, max=3600, help="Length of the bars, made of trades or shorter bars; only 60 can be played."),
    ] = 60,
    instrument: RootOption = "",
    own: InstrumentsOption = None,
    as_json: JsonOption = False,
    *,
    source: Options,
) -> None:
    """Write recordings in tapewire's own form: checked, contracts joined, with where they come from. Every command reads it."""
    from tapewire.replay.sources import examine, gather, normal

    if form not in FORMS:
        raise ConfError(f"--format {form!r}{suggest(form, FORMS)}; write parquet or csv")
    if 3600 % seconds:
        raise ConfError(f"--seconds {seconds}: an hour is no whole number of such bars; write such as 1, 5, 30, 60, 300")
    source = dataclasses.replace(source, seconds=seconds)
    reading = _reading(source, instrument, own)
    with bar() as (tell, progress):
        tell(f"reading {', '.join(map(str, paths))}")
        gathered = gather.gather(paths, reading, progress)
    if not gathered.series:
        raise DataError(f"{', '.join(map(str, paths))}: no bars in the dates that are wanted; check --from, --to and --contract")
    told = [*gathered.told, *_left_out(gathered)]
    for note in notes.few(told):
        err.print(f"note: {note}", markup=False)
    written: list[dict[str, Any]] = []
    for root, series in gathered.series.items():
        sources = [examine.source_of(each, reading) for each in gathered.files if any(mine == root for mine, _ in each.parts)]
        origin = normal.provenance(root, series, source, sources, told)
        path = normal.write(folder, series, origin, form)
        written.append({"file": str(path), "root": root, "contracts": series.contracts, "bars": len(series.bars)})
    _keep_calendar(paths, folder)
    if as_json:
        out.print(msgspec.json.encode(written).decode(), markup=False)
        return
    for each in written:
        out.print(f"{each['file']}: {each['bars']:,} bars of {', '.join(each['contracts'])}", markup=False)


def formats() -> None:
    """List the formats that can be read."""
    from tapewire.replay.sources.formats import FORMATS

    for each in FORMATS:
        out.print(each.NAME, markup=False)
    out.print("and any CSV, described by --mapping FILE", markup=False)


def _keep_calendar(paths: list[Path], folder: Path) -> None:
    """Put the special days of a recording beside its bars, as they would be those of the exchange otherwise."""
    beside = [(path if path.is_dir() else path.parent) / FILE for path in paths]
    known = {each.read_bytes() for each in beside if each.exists()}
    if len(known) > 1:
        err.print(f"note: the folders have different {FILE}; none is kept, put the right one into {folder}", markup=False)
    elif known:
        disk.replace(folder / FILE, known.pop())


def _left_out(gathered: Gathered) -> list[str]:
    """How many rows of each file repeat another, or come after a later one."""
    rows = Counter((row.file, row.why) for ignored in gathered.ignored.values() for row in ignored)
    return [f"{file}: {count:,} {why} rows left out" for (file, why), count in rows.items()]


def _reading(source: Options, instrument: str, own: Path | None) -> Reading:
    defined = configuration.instruments(own)
    if instrument and instrument not in defined:
        raise ConfError(f"--instrument {instrument!r}{suggest(instrument, defined)}; known: {', '.join(defined)}")
    reading = runs.reading(source, instrument, defined)
    return dataclasses.replace(reading, wanted=reading.wanted[:1])


def _special(path: Path, reading: Reading, root: str, first: dt.date, last: dt.date) -> Calendar:
    name = next((terms.calendar for terms in reading.instruments.values() if terms.root == root), "equity")
    return calendar_for(path if path.is_dir() else path.parent, first, last + dt.timedelta(1), name)

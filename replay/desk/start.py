"""A backtest from Python: what the command `backtest` does, without a terminal."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings import overrides
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import keeping, runs
from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.run import Run
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.replay.tapes import Kept

if TYPE_CHECKING:
    import pandas as pd

FLOW = ("ask_volume", "bid_volume")


@typed
def backtest(
    data: str | Path | pd.DataFrame,
    *,
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    set: Mapping[str, Any] | None = None,  # the option's own name
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    out: str | Path | None = None,
    fill: str | None = None,
    fill_empty: bool = False,
    program: str | None = None,
    instruments: str | Path | None = None,
    commission: float | None = None,
    slippage: int | None = None,
    options: Options | None = None,
    journal: Kept | None = None,
    capital: float | None = None,
    progress: runs.Progress | None = None,
) -> Run:
    """Run recorded bars through the cores of the daemons in this process.

    Args:
        data: a file or a folder in any format that is known (`tapewire data formats`), or a table of one-minute bars: with a
            DatetimeIndex of the bars' closes that has a zone, and columns open, high, low, close, volume; ask_volume and bid_volume
            where known.
        instrument: what to trade; MNQ reads NQ. preset: of conf/presets, or the path of a .toml file.
        strategies: in place of the preset's. set: single settings by name, such as {"edge_fade.pause_bars": 20}.
        commission: dollars per side and contract; slippage: ticks per fill; None for those of the instrument's terms.
        start, end: first and last trade date. out: the run's folder, which is replaced; None for one that goes with the result.
        fill, fill_empty, program, instruments, journal: as of the command. options: how files are to be read.
        capital: dollars at the beginning; None for the account's start in the preset. progress: called with the share done.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    own = None if instruments is None else Path(instruments)
    settings = {**(set or {}), **costs(instrument, commission, slippage)}
    conf = configured("backtest", instrument, preset, strategies, settings, fill, fill_empty, program, own)
    tell = progress or (lambda share: None)
    folder = Path(mkdtemp(prefix="tapewire-") if out is None else out)
    try:
        with opened(conf, data, start, end, options, lambda share: tell(share / 2)) as (conf, recording, _):
            kept = keeping.chosen(journal, len(recording.bars))
            runs.backtest(conf, recording, folder, lambda share: tell(0.5 + share / 2), kept)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return Run(folder, capital=capital, recording=recording, passing=out is None)


class ReadFrom(NamedTuple):
    """Where a recording came from, and how it was read: another process can read it there again."""

    path: Path
    how: Options


@contextmanager
def opened(
    conf: Conf,
    data: str | Path | pd.DataFrame,
    start: str | dt.date | None,
    end: str | dt.date | None,
    options: Options | None,
    progress: runs.Progress,
) -> Iterator[tuple[Conf, Recording, ReadFrom]]:
    """The recording of the traded instrument, and the settings with its calendar. A table lies in a file while this is open.

    Raises:
        ConfError, DataError: as `backtest`, whose arguments these are.
    """
    (instrument,) = conf.traded
    how = options or Options()
    how = dataclasses.replace(how, start=_date(start) or how.start, end=_date(end) or how.end)
    with TemporaryDirectory(prefix="tapewire-") as place:
        path = Path(data) if isinstance(data, str | Path) else written(data, conf.instruments[instrument].root, Path(place))
        recording, calendar = runs.read(path, instrument, progress, how, conf.instruments)
        runs.askable(conf, recording)
        yield msgspec.structs.replace(conf, calendar=calendar), recording, ReadFrom(path, how)


def configured(
    instance: str,
    instrument: str,
    preset: str | Path,
    strategies: Iterable[str] | None,
    settings: Mapping[str, Any] | Iterable[str] | None,
    fill: str | None,
    fill_empty: bool,
    program: str | None,
    own: Path | None,
) -> Conf:
    """The configuration of a run over a recording, without its calendar. Raises ConfError.

    settings: values by name, or `name=value` as `--set` has it.
    """
    names = None if strategies is None else list(strategies)
    values, terms = overrides.split(settings if isinstance(settings, Mapping) else overrides.read(settings or ()))
    chosen = configuration.changed(configuration.preset(str(preset), names), values)
    return configuration.load(
        "replay",
        instance=instance,
        traded=[instrument],
        preset=chosen,
        fill=fill,
        fill_empty=fill_empty,
        program=program,
        own=own,
        terms=terms,
    )


def _date(given: str | dt.date | None) -> str:
    """A trade date in words; a moment's own, such as that of a pandas Timestamp."""
    if isinstance(given, dt.datetime):
        given = given.date()
    return "" if given is None else str(given)


def costs(instrument: str, commission: float | None, slippage: int | None) -> dict[str, Any]:
    """The settings of a run's costs, by name; those that are None keep the instrument's own."""
    given = {"commission": commission, "slippage_ticks": slippage}
    return {f"{overrides.INSTRUMENTS}.{instrument}.{name}": value for name, value in given.items() if value is not None}


def written(bars: pd.DataFrame, root: str, folder: Path) -> Path:
    """A table of bars as a recording in tapewire's own form, so that one reader checks both. Raises ConfError."""
    import pandas as pd

    index = bars.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise ConfError("data: a table needs a DatetimeIndex with a zone, of the closes of its bars; see DataFrame.tz_localize")
    lower = {str(name).lower(): name for name in bars.columns}
    if missing := [name for name in ("open", "high", "low", "close", "volume") if name not in lower]:
        raise ConfError(f"data: a table needs the column {missing[0]!r}; it has {', '.join(map(str, bars.columns))}")
    rows = pd.DataFrame({name: bars[lower[name]].to_numpy() for name in ("open", "high", "low", "close", "volume")})
    rows.insert(0, "close_utc", index.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"))
    for name in FLOW:
        rows[name] = bars[lower[name]].to_numpy() if all(each in lower for each in FLOW) else ""
    path = folder / f"{root}.csv"
    rows.to_csv(path, index=False)
    return path

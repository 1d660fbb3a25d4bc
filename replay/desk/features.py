"""Features and labels from Python: what the command `features` writes, as a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapewire.bus.messages import LONG
from tapewire.replay import runs
from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.start import configured, costs, opened
from tapewire.replay.features import barriers, export
from tapewire.replay.features.barriers import TripleBarrier
from tapewire.replay.sources.options import Options

if TYPE_CHECKING:
    import pandas as pd


@typed
def features(
    data: str | Path | pd.DataFrame,
    *,
    names: Sequence[str] | None = None,
    labels: str = "triple-barrier",
    profit_atr: float = 2.0,
    loss_atr: float = 2.0,
    bars: int = 30,
    side: str = LONG,
    hours: str = "rth",
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    set: Mapping[str, Any] | None = None,  # the option's own name
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    fill: str | None = None,
    fill_empty: bool = False,
    instruments: str | Path | None = None,
    commission: float | None = None,
    slippage: int | None = None,
    options: Options | None = None,
    progress: runs.Progress | None = None,
) -> pd.DataFrame:
    """What a model is trained on: features of each bar, and what became of it.

    A row is a bar, at its close in New York; with the labels `outcome` it is a trade of the preset, at the bar that decided it. The
    columns beside the features are in `tapewire.replay.features.export.COLUMNS`, the features in `tapewire.strategies.features`.

    Args:
        data, instrument, preset, strategies, set, start, end: as of `backtest`; likewise fill, fill_empty, instruments, commission,
            slippage, options, progress.
        names: of the features; None for all, without those of the auction where the preset has none.
        labels: "triple-barrier", "outcome" or "none". profit_atr, loss_atr: distances from the close, bars: the time, side: long or
            short, of the triple barrier. hours: which bars are rows: "rth", or "all" of the trade date.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    kind, rows_of = export.checked(labels), export.hours(hours)
    rule = TripleBarrier(profit_atr, loss_atr, bars, barriers.side(side))
    own = None if instruments is None else Path(instruments)
    settings = {**(set or {}), **costs(instrument, commission, slippage)}
    conf = configured("features", instrument, preset, strategies, settings, fill, fill_empty, None, own)
    chosen = None if names is None else [*names]
    export.wanted(conf, chosen)
    tell = progress or (lambda share: None)
    with opened(conf, data, start, end, options, lambda share: tell(share / 2)) as (conf, recording, _):
        return export.table(
            conf, recording, chosen, labels=kind, rule=rule, hours=rows_of, progress=lambda share: tell(0.5 + share / 2)
        )

"""All fill models beside each other from Python: what `tapewire backtest --fill compare` does, without a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.research import StudyResult, kept, prepared
from tapewire.replay.desk.run import ReportPage
from tapewire.replay.desk.start import costs
from tapewire.replay.research import models
from tapewire.replay.research.models_page import ComparedModels
from tapewire.replay.sources.options import Options

if TYPE_CHECKING:
    import pandas as pd


class ComparedFills(StudyResult):
    """One recording under every fill model. found: as in fills.json."""

    def __init__(self, folder: Path, found: ComparedModels, *, passing: bool) -> None:
        super().__init__(folder, passing=passing)
        self.found = found

    def __repr__(self) -> str:
        return "\n".join(models.table(self.found))

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each model, its figures as `Run.stats` names them, `refused`, and how many trades ended by which order."""
        import pandas as pd

        reasons = self.found.reasons
        return pd.DataFrame(
            [
                {**each.figures, "refused": each.refused, **{f"ended {reason}": each.ended.get(reason, 0) for reason in reasons}}
                for each in self.found.models
            ],
            index=pd.Index([each.fill for each in self.found.models], name="fill"),
        )

    @cached_property
    def rules(self) -> pd.DataFrame:
        """The rules in words: a row for each kind of order, a column for each model; those that flatter end with an asterisk."""
        import pandas as pd

        columns = {each.fill: {rule.of: rule.rule + " *" * rule.flatters for rule in each.rules} for each in self.found.models}
        return pd.DataFrame(columns)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """All trades with their model in `fill`, otherwise as `Run.trades`."""
        from tapewire.replay import lines
        from tapewire.replay.desk import tables

        rows = lines.read(self.folder / "trades.jsonl")
        table = tables.made("trades", rows)
        table.insert(0, "fill", [row["fill"] for row in rows])
        return table

    def report(self) -> ReportPage:
        """The page."""
        return ReportPage(self.folder / "fills.html")


@typed
def compare_fills(
    data: str | Path | pd.DataFrame,
    *,
    instrument: str = "MNQ",
    preset: str | Path = "seed",
    strategies: Iterable[str] | None = None,
    set: Mapping[str, Any] | None = None,  # the option's own name
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    out: str | Path | None = None,
    fill_empty: bool = False,
    commission: float | None = None,
    slippage: int | None = None,
    instruments: str | Path | None = None,
    options: Options | None = None,
) -> ComparedFills:
    """Run recorded bars under every fill model; the recording is read and folded once.

    Args:
        data, instrument, preset, strategies, set, start, end, fill_empty, commission, slippage, instruments, options: as of
            `backtest`. out: the folder; None for one that goes with the result.
    Raises:
        ConfError, DataError: with what is wrong, where, and the remedy.
    """
    settings = {**(set or {}), **costs(instrument, commission, slippage)}
    chosen = (instrument, preset, strategies, start, end, None, fill_empty, instruments, options)
    with prepared("backtest", data, (), None, *chosen, settings) as (conf, read), kept(out) as folder:
        return ComparedFills(folder, models.compare(conf, read.recording, folder), passing=out is None)

"""A finished run as tables and figures, read from the files that every backtest and replay leaves."""

from __future__ import annotations

import calendar
import html
import shutil
import weakref
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tapewire.bus import topics
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar, Profile
from tapewire.daemons.settings import load as configuration
from tapewire.replay import auction, equity, explain, lines, outputs, report, runs, tapes
from tapewire.replay.attendance import SessionCount
from tapewire.replay.desk import numbers
from tapewire.replay.desk.arguments import typed
from tapewire.replay.desk.numbers import ClosedTrade
from tapewire.replay.research import why
from tapewire.replay.research.reasons import StrategyReasons
from tapewire.replay.sources.recording import Recording

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 900  # of the report inside a notebook, in pixels
GROUPS = ("strategy", "direction", "weekday", "hour", "day_type", "reason")


class ReportPage:
    """A run's report: a file, and shown by itself as the last value of a notebook's cell."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"report: {self.path}"

    def _repr_html_(self) -> str:
        # In a frame of its own: its styles and those of the notebook stay apart, and its script reaches nothing but the frame.
        content = html.escape(self.path.read_text("utf-8"), quote=True)
        return f'<iframe sandbox="allow-scripts" srcdoc="{content}" style="width:100%;height:{HEIGHT}px;border:0"></iframe>'


class Story(tuple[explain.StoryMessage, ...]):
    """What led to a trade and what came of it, oldest first."""

    def __repr__(self) -> str:
        return "\n".join(map(str, self))


class Reasons(tuple[StrategyReasons, ...]):
    """Why strategies did not trade, one after another."""

    def __repr__(self) -> str:
        return "\n".join(why.lines(list(self)))


class Run:
    """One finished run. Its tables and figures are made when they are asked for, and then kept.

    folder: where its files are. capital: dollars at the beginning. summary: as in summary.json.
    """

    def __init__(
        self,
        folder: Path,
        *,
        capital: float | None = None,
        recording: Recording | None = None,
        passing: bool = False,
    ) -> None:
        """As `load`. recording: its bars, where they are in memory. passing: the folder is removed with this object."""
        self.folder = folder
        if passing:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.summary = outputs.read_summary(folder)
        self.conf = configuration.read(folder)
        self.capital = self.conf.preset.risk.start if capital is None else capital
        if not self.capital > 0:
            raise ConfError(f"capital = {capital}: dollars above 0 are needed, such as 50000")
        self._recording = recording

    def __repr__(self) -> str:
        told = self.summary
        return f"<Run of {told.preset}: {len(self._sessions)} sessions, {told.trades} trades, net {told.net:,.2f} $, {self.folder}>"

    def _repr_html_(self) -> str:
        shown: str = self.stats.to_frame("").to_html(na_rep="", float_format=lambda value: f"{value:,.2f}")
        return shown

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Finished trades in the order of their exits; see `tables.COLUMNS`."""
        return self._table("trades", "trades.jsonl")

    @cached_property
    def signals(self) -> pd.DataFrame:
        """What the gate approved: entries, exits, moves of stops."""
        return self._table("signals", "signals.jsonl")

    @cached_property
    def proposals(self) -> pd.DataFrame:
        """Each entry that a strategy asked for, with the reason if the gate refused it."""
        return self._table("proposals", "intents.jsonl")

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Every session of the recording, also those without a trade."""
        from tapewire.replay.desk import tables

        closed: dict[str, list[ClosedTrade]] = {name: [] for name in self._sessions}
        for result in self._results:
            closed[result.session].append(result)
        attended: dict[str, list[SessionCount]] = {}
        for count in self.summary.sessions:
            attended.setdefault(count.session, []).append(count)
        walk, rows = equity.Walk(self.capital), []
        for name, results in closed.items():
            counts = attended.get(name, [])
            net = numbers.total(result.net for result in results)
            rows.append(
                {
                    "session": name,
                    "trades": len(results),
                    "wins": sum(result.net > 0 for result in results),
                    "gross": numbers.total(result.gross for result in results),
                    "commission": numbers.total(result.commission for result in results),
                    "net": net,
                    **walk.on(net),
                    "rth_bars": sum(count.rth_bars for count in counts),
                    "missing": sum(count.missing for count in counts),
                }
            )
        return tables.made("sessions", rows)

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Realised equity after each trade. It begins at `capital`, which has no row."""
        from tapewire.replay.desk import tables

        return tables.made("equity", equity.rows(self._rows("trades.jsonl"), self.capital, self.conf.calendar))

    @cached_property
    def auction(self) -> pd.DataFrame:
        """The auction of every session at its end, from its bars, whether or not the run asked for it.

        Rows have as many ticks as the run's preset says, else one.

        Raises:
            ConfError: the run keeps no bars, or has several instruments.
        """
        from tapewire.replay.desk import tables

        return tables.made("auction", map(tables.auction_row, self._profiles(0)))

    @typed
    def profile(self, session: str, row_ticks: int = 0) -> pd.DataFrame:
        """The rows of one session's profile, from the highest price down: TPOs with their brackets, and volume at price.

        Volume is an approximation, spread evenly over the range of each bar (`tapewire.strategies.auction`).

        Args:
            session: its trade date. row_ticks: ticks in a row; 0: as the run's preset has it, else one.
        Raises:
            ConfError: no such session, the run keeps no bars, or it has several instruments.
        """
        from tapewire.replay.desk import tables

        found = next((each for each in self._profiles(row_ticks) if each.session == session), None)
        if found is None:
            raise ConfError(f"profile({session!r}): the run has no RTH bar of that trade date; see run.sessions")
        return tables.made("profile", tables.profile_rows(found))

    @cached_property
    def stats(self) -> pd.Series[Any]:
        """The figures of the run by name; `tapewire.replay.desk.numbers` has their formulas. NaN: nothing to divide by."""
        from tapewire.replay.desk import tables

        return tables.series(self.figures())

    @property
    def fill_rules(self) -> pd.DataFrame:
        """How orders were filled: of which orders, by which rule, and whether it flatters."""
        from tapewire.replay.desk import tables

        return tables.made("fill_rules", map(msgspec.structs.asdict, self.summary.fill_rules))

    def figures(self) -> dict[str, Any]:
        """As `stats`, in plain Python; None where there is nothing to divide by."""
        return numbers.figures(
            self._results,
            self._sessions,
            capital=self.capital,
            bars=self.summary.bars,
            bought_and_held=self.summary.bought_and_held,
        )

    @typed
    def by(self, group: str) -> pd.DataFrame:
        """Figures of the trades of each strategy, direction, weekday, hour (New York, of the entry), day type or exit reason.

        Raises:
            ConfError: another group.
        """
        import pandas as pd

        table = self.trades
        if group == "weekday":
            names = list(table.entry_time.dt.day_name())
        elif group == "hour":
            names = list(table.entry_time.dt.strftime("%H:00"))
        elif group == "day_type":
            entered = self.signals[self.signals.action.isin([str(action) for action in lines.ENTRIES])]
            types = dict(zip(entered.order_id, entered.day_type, strict=True))
            names = [types.get(name, "") for name in table.id]
        elif group in GROUPS:
            names = list(table[group])
        else:
            raise ConfError(f"by({group!r}): write one of {', '.join(GROUPS)}")
        found = numbers.groups(self._results, names)
        order = [day for day in calendar.day_name if day in found] if group == "weekday" else [*found]
        made = pd.DataFrame([found[name] for name in order], index=order, columns=[*numbers.of_group(())])
        return made.astype({name: "int64" if name == "trades" else "float64" for name in made.columns})

    def report(self) -> ReportPage:
        """The page, written anew."""
        return ReportPage(report.write(self.folder))

    @typed
    def explain(self, name: str) -> Story:
        """From a trade, signal or order back to its bar, and forward to its result.

        Raises:
            ConfError: nothing has this id, or the run keeps no messages.
        """
        return Story(explain.explain(self.folder, name))

    @typed
    def why_not(self, strategy: str = "", session: str = "") -> Reasons:
        """How many bars passed each condition of a strategy, the nearest miss of each session, and what the gate refused.

        Args:
            strategy: its name in presets; empty for all. session: this trade date alone.
        Raises:
            ConfError: no such strategy or session, or the run keeps no bars.
        """
        recording = self._recording
        if recording is None:
            recording, _ = runs.read(self.folder, self.summary.instruments[0], lambda share: None, None, self.conf.instruments)
        return Reasons(why.explain(self.conf, recording, lambda share: None, strategy=strategy, session=session))

    @typed
    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write each table as a file of its own. Returns the files. Needs pyarrow: `pip install 'tapewire[parquet]'`."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        written = []
        for name in ("trades", "equity", "sessions", "signals", "proposals"):
            path = place / f"{name}.parquet"
            try:
                getattr(self, name).to_parquet(path, index=False)
            except ImportError as error:
                raise ConfError("to_parquet needs pyarrow; install it with: pip install 'tapewire[parquet]'") from error
            written.append(path)
        return written

    def _table(self, name: str, file: str) -> pd.DataFrame:
        from tapewire.replay.desk import tables

        return tables.made(name, self._rows(file))

    def _rows(self, file: str) -> list[dict[str, Any]]:
        return lines.read(self.folder / file)

    @cached_property
    def _sessions(self) -> list[str]:
        return sorted({count.session for count in self.summary.sessions} | {result.session for result in self._results})

    @cached_property
    def _results(self) -> list[ClosedTrade]:
        rows = self._rows("trades.jsonl")
        return [
            ClosedTrade(
                session=session,
                net=row["net"],
                gross=row["gross"],
                commission=row["commission"],
                r=row["r"],
                bars_held=row["bars_held"],
            )
            for row, session in zip(rows, equity.closed(rows, self.conf.calendar), strict=True)
        ]

    def _profiles(self, row_ticks: int) -> Iterator[Profile]:
        if len(self.summary.instruments) != 1:
            raise ConfError(f"the run has {len(self.summary.instruments)} instruments; a profile is of one")
        name = self.summary.instruments[0]
        if self._recording is not None:
            bars: Iterable[Bar] = self._recording.bars
        elif tapes.kept(self.folder) == "all":
            bars = tapes.facts(self.folder, topics.bar(name), Bar)
        else:
            raise ConfError(f"{self.folder} keeps no bars; run it again with --journal all")
        return auction.profiles(self.conf, bars, row_ticks)


@typed
def load(folder: str | Path, *, capital: float | None = None) -> Run:
    """A run that a command or `backtest` has left.

    Args:
        folder: its folder (`--out`). capital: dollars at the beginning; None for the account's start in its preset.
    Raises:
        ConfError: no finished run. DataError, JournalError: its files cannot be read.
    """
    return Run(Path(folder), capital=capital)

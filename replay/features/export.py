"""The table: a row per bar with its features, and what became of it.

The recording is folded once. `COLUMNS` says what stands beside the features; `frame.attrs["tapewire"]` says of what and how it was
made (instrument, root, label, its definition, ticks in a row of the auction, count and digest of the features, strategies that were
switched off), and Parquet keeps it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np

from tapewire.bus import disk
from tapewire.bus.errors import ConfError, DataError, suggest
from tapewire.bus.messages import Session
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.features import barriers
from tapewire.replay.features.barriers import TripleBarrier
from tapewire.replay.features.outcomes import TradeOutcome, outcomes
from tapewire.replay.research.cell import CellRun
from tapewire.replay.research.sessions import Stream
from tapewire.replay.runs import Progress
from tapewire.replay.sources.recording import Recording
from tapewire.strategies.clock import NEW_YORK
from tapewire.strategies.features import FeatureStream, digest
from tapewire.strategies.features.stream import available, chosen, reads_auction
from tapewire.strategies.protocol import Hours

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["triple-barrier", "outcome", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HOURS: tuple[Hours, ...] = get_args(Hours)
OUTCOME = "1 if the trade that this bar decided made money after costs, -1 if it lost, 0 if neither"
EVERY = 2_000
"""Bars from one telling of the progress to the next."""

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "": {
        "time": "the index: close of the bar, New York",
        "session": "trade date, YYYY-MM-DD",
    },
    "triple-barrier": {
        "label": "1, -1 or 0 (replay/features/barriers.py); NaN where nobody knows",
        "ends_ns": "close of the last bar that the label looks at, nanoseconds since 1970",
        "label_atr": "the move from the close to where the label was decided, in favour of the side, in ATR of the bar",
    },
    "outcome": {
        "label": "sign of the trade's net result, after commission and slippage",
        "ends_ns": "close of the bar in which the trade ended, nanoseconds since 1970",
        "r": "net result as a multiple of what the entry put at risk; NaN without a stop",
        "strategy": "which strategy entered",
        "setup": "its setup",
        "direction": "LONG or SHORT",
        "id": "of the trade",
    },
    "none": {},
}
"""Beside the features, by the kind of the labels; a row of an outcome is a trade, every other row a bar."""


def table(
    conf: Conf,
    recording: Recording,
    names: Sequence[str] | None = None,
    *,
    labels: Kind = "triple-barrier",
    rule: TripleBarrier | None = None,
    hours: Hours = "rth",
    progress: Progress = lambda share: None,
) -> pd.DataFrame:
    """Features and labels of a recording.

    Args:
        names: of the features; None for all, without those of the auction where the preset has none. rule: of the triple barrier.
        hours: which bars are rows: those of regular hours, or all.
    Raises:
        ConfError: a wrong name, or a feature of the auction without one.
    """
    if labels == "triple-barrier":
        (made,) = barrier_tables(conf, recording, names, (rule or TripleBarrier(),), hours=hours, progress=progress)
        return made
    rows = Rows(wanted(conf, names), rth_only=hours == "rth" and labels == "none")
    run = CellRun(conf, entries=True) if labels == "outcome" else None
    _fold(conf, recording, rows, run, progress)
    if run is None:
        made = _frame(conf, recording, rows, np.asarray(rows.places), {}, labels, "")
    else:
        run.finish()
        places, columns = _outcomes(outcomes(run, recording), rows)
        made = _frame(conf, recording, rows, places, columns, labels, OUTCOME, run.off)
    progress(1.0)
    return made


def barrier_tables(
    conf: Conf,
    recording: Recording,
    names: Sequence[str] | None,
    rules: Sequence[TripleBarrier],
    *,
    hours: Hours = "rth",
    progress: Progress = lambda share: None,
) -> list[pd.DataFrame]:
    """As `table` with labels by triple barrier, one for each rule: the features are computed once for all of them."""
    rows = Rows(wanted(conf, names), rth_only=hours == "rth")
    _fold(conf, recording, rows, None, progress)
    places, path = np.asarray(rows.places), rows.path()
    tables = []
    for rule in rules:
        made = barriers.labelled(rule, path)
        columns = {"label": made.label[places], "ends_ns": made.ends_ns[places], "label_atr": made.move_atr[places]}
        frame = _frame(conf, recording, rows, places, columns, "triple-barrier", str(rule))
        frame.attrs["tapewire"] |= msgspec.structs.asdict(rule)  # side, distances and time
        tables.append(frame)
    progress(1.0)
    return tables


def _fold(conf: Conf, recording: Recording, rows: Rows, run: CellRun | None, progress: Progress) -> None:
    """Take all bars of a recording. Raises DataError without one of a session."""
    done = 0
    for window in Stream(conf, recording).windows():
        for each in window.bars:
            if each.session is not None:
                rows.take(each.session)
            done += 1
            if done % EVERY == 0:
                progress(done / len(recording.bars))
        if run is not None:
            run.play(window)
    if not rows.sessions:
        raise DataError("the recording has no bar of a session; name another one")


def _frame(
    conf: Conf,
    recording: Recording,
    rows: Rows,
    places: barriers.Whole,
    columns: Mapping[str, Any],
    labels: Kind,
    definition: str,
    off: Sequence[str] = (),
) -> pd.DataFrame:
    """The table of the bars at these places, with these columns behind the features."""
    import pandas as pd

    index = pd.DatetimeIndex(pd.to_datetime(np.asarray(rows.close_ns)[places], utc=True), name="time").tz_convert(NEW_YORK.key)
    made = pd.DataFrame(rows.values(places), index=index, columns=list(rows.names))
    frame = pd.concat([pd.DataFrame({"session": [rows.sessions[at] for at in places]}, index), made], axis=1)
    for name, column in columns.items():
        frame[name] = column
    frame.attrs["tapewire"] = {
        "instrument": recording.instrument,
        "root": recording.root,
        "label": labels,
        "definition": definition,
        "auction_row_ticks": conf.preset.auction_row_ticks,
        "count": len(rows.names),
        "digest": digest(rows.names),
        "off": [*off],
    }
    return frame


def checked(kind: str) -> Kind:
    """The word for labels. Raises ConfError for another."""
    for each in KINDS:
        if kind.replace("_", "-") == each:
            return each
    raise ConfError(f"labels {kind!r}{suggest(kind, KINDS)}; write {', '.join(KINDS)}")


def hours(word: str) -> Hours:
    """The word for the bars that are rows. Raises ConfError for another."""
    for each in HOURS:
        if word == each:
            return each
    raise ConfError(f"hours {word!r}{suggest(word, HOURS)}; write {', '.join(HOURS)}")


def ending(path: Path) -> str:
    """The form that the name of a file asks for. Raises ConfError for another ending, and without pyarrow for Parquet."""
    if path.suffix not in (".parquet", ".csv"):
        raise ConfError(f"--out {path}: write a name that ends with .parquet or .csv")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ConfError("Parquet needs pyarrow; install it with: pip install 'tapewire[parquet]', or write .csv")
    return path.suffix


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV, by the ending of the name; an older file is replaced.

    Raises:
        ConfError: as `ending`. DiskError: the disk refuses.
    """
    form = ending(path)
    with disk.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with disk.whole(path) as file:
        if form == ".csv":
            frame.to_csv(file)
        else:
            frame.to_parquet(file)


class Rows:
    """Every bar of a recording: the columns that labels are made of, and the features of those that may be rows of the table.

    names: of the features. places: of these bars among all, rising.
    """

    def __init__(self, names: Sequence[str], *, rth_only: bool = False) -> None:
        self.names = tuple(names)
        self._stream = FeatureStream(names)
        self._rth_only = rth_only
        self._values = array("d")
        self.places = array("q")
        self.close_ns = array("q")
        self.rth: list[bool] = []
        self.sessions: list[str] = []
        self._prices = array("d")
        self._volumes = array("q")
        self._over = False

    def take(self, s: Session) -> None:
        """The next bar."""
        self._stream.fold(s)
        if s.rth or not self._rth_only:
            self._values.extend(self._stream.values())
            self.places.append(len(self.rth))
        bar = s.bar
        self.close_ns.append(bar.close_ns)
        self.rth.append(s.rth)
        self.sessions.append(s.session)
        self._prices.extend((bar.open, bar.high, bar.low, bar.close, math.nan if not s.atr14 else s.atr14))
        self._volumes.append(bar.volume)
        self._over = s.minute >= s.closes if s.rth else s.rth_high is not None

    def values(self, places: barriers.Whole) -> barriers.Floats:
        """The features of the bars at these places: a row each, a column per feature."""
        kept = np.asarray(self.places)
        return np.asarray(self._values).reshape(len(kept), len(self.names))[np.searchsorted(kept, places)]

    def path(self) -> barriers.Path:
        """The bars as labels need them."""
        opens, high, low, close, atr = np.asarray(self._prices).reshape(-1, 5).T
        last, known = self._ends()
        return barriers.Path(np.asarray(self.close_ns), opens, high, low, close, np.asarray(self._volumes), atr, last, known)

    def _ends(self) -> tuple[barriers.Whole, Any]:
        """Of each bar the last one of its hours, and whether its hours are over there."""
        count = len(self.rth)
        last, known = np.arange(count), np.ones(count, dtype=bool)
        end = rth_end = count - 1
        for at in range(count - 1, -1, -1):
            if at == count - 1 or self.sessions[at] != self.sessions[at + 1]:
                end, rth_end = at, -1
            if self.rth[at] and rth_end < 0:
                rth_end = at
            last[at] = rth_end if self.rth[at] else end
            known[at] = self.sessions[at] != self.sessions[-1] or (self.rth[at] and self._over)
        return last, known


def wanted(conf: Conf, names: Sequence[str] | None) -> tuple[str, ...]:
    """The features of a table; None for all that the run has.

    Raises:
        ConfError: none, a name that is no feature's, or a feature of the auction without one.
    """
    row_ticks = conf.preset.auction_row_ticks
    if names is None:
        return available(row_ticks)
    if not names:
        raise ConfError("names: name a feature; `tapewire features --list` shows all")
    if not row_ticks and (lacking := [name for name in names if reads_auction([name])]):
        raise ConfError(f"the feature {lacking[0]!r} needs the auction; add --set auction_row_ticks=4")
    return tuple(feature.name for feature in chosen(names))


def _outcomes(made: Sequence[TradeOutcome], rows: Rows) -> tuple[barriers.Whole, dict[str, Any]]:
    """The places of the bars that decided, and the columns of their trades."""
    places = np.searchsorted(np.asarray(rows.close_ns), [each.trade.signal_ns for each in made])
    texts: Iterator[tuple[str, list[str]]] = (
        (name, [getattr(each.trade, name) for each in made]) for name in ("strategy", "setup", "direction", "id")
    )
    return places.astype(np.int64), {
        "label": np.array([each.label for each in made], dtype=float),
        "ends_ns": np.array([each.trade.exit_ns for each in made], dtype=np.int64),
        "r": np.array([math.nan if each.r is None else each.r for each in made], dtype=float),
        **dict(texts),
    }

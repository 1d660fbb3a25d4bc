"""A table of features and labels as arrays: what a model is trained on.

The table is one that `tapewire features` wrote, or is made of a recording at once. Its labels are of one side, that of its triple
barrier; of outcomes each row has a side of its own. A row pays if its label is 1. Features are float32 from here on, because that
is what a model file takes: training and answer see the same numbers. A missing value is NaN.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Direction
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.features import export
from tapewire.replay.features.barriers import SIDES, TripleBarrier
from tapewire.replay.runs import Progress
from tapewire.replay.sources.recording import Recording
from tapewire.strategies.features import FEATURES, digest

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = NDArray[np.float32]
Whole: TypeAlias = NDArray[np.int64]
Chosen: TypeAlias = NDArray[np.bool_]
Number = TypeVar("Number", np.float32, np.float64, np.int64)

SESSION, LABEL, ENDS, DIRECTION = "session", "label", "ends_ns", "direction"
LABELS = (-1, 0, 1)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
AGAIN = "write the table again with `tapewire features`"


class TrainingRows(NamedTuple):
    """Rows of one side in the order of time.

    values: a row per bar, a column per feature. pays: whether the label is 1. close_ns: of the bar. ends_ns: of the last bar that
    the label looks at. session: its trade date. told: what the table says of itself.
    """

    side: Direction
    features: tuple[str, ...]
    values: Values
    pays: Chosen
    close_ns: Whole
    ends_ns: Whole
    session: NDArray[np.str_]
    told: dict[str, Any]

    def within(self, first: str, last: str) -> Chosen:
        """Which rows are of these trade dates."""
        return (self.session >= first) & (self.session <= last)

    def digest(self) -> str:
        """sha256 over side, names, values, labels and times."""
        found = hashlib.sha256("\n".join((self.side, *self.features)).encode())
        for array in (self.values.astype("<f4"), *(each.astype("<i8") for each in (self.pays, self.close_ns, self.ends_ns))):
            found.update(array.tobytes())
        return found.hexdigest()


def of_recording(
    conf: Conf,
    recording: Recording,
    names: Sequence[str] | None,
    rules: Sequence[TripleBarrier],
    progress: Progress = lambda share: None,
) -> list[TrainingRows]:
    """The rows of a recording, labelled by each of these rules: one for each side.

    Args:
        names: of the features; None for all.
    Raises:
        ConfError: a wrong name, or no row has a label.
    """
    frames = export.barrier_tables(conf, recording, names, rules, progress=progress)
    return [
        each
        for frame, rule in zip(frames, rules, strict=True)
        for each in of_table(frame, f"the bars of {recording.root}", rule.side)
    ]


def only(sides: Sequence[Direction]) -> Direction | None:
    """The side of a table that does not say its own; None if both may be meant."""
    return sides[0] if len(sides) == 1 else None


def read(path: Path, side: Direction | None) -> list[TrainingRows]:
    """The rows of a Parquet or CSV file, for each side that it has. side: of one that does not say its own. Raises ConfError."""
    import pandas as pd

    if not path.is_file():
        raise ConfError(f"{path}: there is no such file; write one with `tapewire features`")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, index_col=0, low_memory=False)
    except ImportError as error:
        raise ConfError(f"{path}: reading Parquet needs pyarrow: pip install 'tapewire[parquet]'") from error
    except (OSError, ValueError) as error:
        raise ConfError(f"{path} is no table of `tapewire features`: {error}") from error
    return of_table(frame, str(path), side)


def of_table(frame: pd.DataFrame, where: str, side: Direction | None = None) -> list[TrainingRows]:
    """The rows of a table, for each side that it has. Rows without a label are left out.

    Args:
        side: of a table that does not say its own.
    Raises:
        ConfError: the table is none of `tapewire features`, or nobody says whose side its labels are.
    """
    if missing := [name for name in (SESSION, LABEL, ENDS) if name not in frame.columns]:
        raise ConfError(f"{where}: a table needs the column {missing[0]!r}; write one with `tapewire features`, with labels")
    features = tuple(name for name in map(str, frame.columns) if name in FEATURES)
    if not features:
        raise ConfError(f"{where}: no column is a feature of this version; write the table again with `tapewire features`")
    told = dict(frame.attrs.get("tapewire", {}))
    if "digest" in told and told["digest"] != digest(features):
        raise ConfError(
            f"{where}: a feature's definition has changed since it was written; write it again with `tapewire features`"
        )
    given = told.get("side", side)
    if given is None and DIRECTION not in frame.columns:
        raise ConfError(f"{where} does not say its side, as Parquet does; write --sides long or --sides short, as its labels are")
    frame = frame[frame[LABEL].notna()]
    labels = _numbers(frame[LABEL], where, np.float64)
    if not len(frame) or not np.isin(labels, LABELS).all():
        raise ConfError(f"{where}: label must be 1, 0 or -1, of one row at least; write labels that `tapewire features` has")
    index = _times(frame, where)
    close_ns, ends_ns = np.asarray(index.as_unit("ns").asi8, np.int64), _numbers(frame[ENDS], where, np.int64)
    if (ends_ns < close_ns).any():
        at = int((ends_ns < close_ns).argmax())
        raise ConfError(
            f"{where}: ends_ns = {ends_ns[at]} lies before its bar ({index[at]}), so nobody knows what the label has seen; {AGAIN}"
        )
    sessions = frame[SESSION].to_numpy(str)
    if odd := next((each for each in sessions if not DATE.fullmatch(each)), None):
        raise ConfError(f"{where}: session = {str(odd)!r} is no trade date (YYYY-MM-DD); {AGAIN}")
    values = np.column_stack([_numbers(frame[name], where, np.float32) for name in features])
    if np.isinf(values).any():
        name = features[int(np.isinf(values).any(axis=0).argmax())]
        raise ConfError(f"{where}: {name} has an infinite value; a missing one is NaN")
    values[np.isnan(values)] = np.nan  # one NaN for all of them: the digest is of bytes
    of_rows = frame[DIRECTION].to_numpy(str) if DIRECTION in frame.columns else np.full(len(frame), given)
    found = []
    for each in SIDES:
        chosen = of_rows == each
        if chosen.any():
            found.append(
                TrainingRows(
                    each,
                    features,
                    values[chosen],
                    labels[chosen] == 1,
                    close_ns[chosen],
                    ends_ns[chosen],
                    sessions[chosen],
                    told,
                )
            )
    return found


def _numbers(column: pd.Series, where: str, kind: type[Number]) -> NDArray[Number]:
    """A column as numbers. Raises ConfError with the first value that is none."""
    try:
        if kind is np.int64 and column.dtype.kind not in "iu":  # a float has no place for a missing one, nor for all nanoseconds
            raise ValueError
        with np.errstate(over="ignore"):  # a number beyond float32 is infinite, which is refused by name
            found: NDArray[Number] = column.to_numpy(kind, copy=True)
    except (ValueError, TypeError):
        odd = next((each for each in column if not _is_number(each)), column.iloc[0])
        whole = "whole " if kind is np.int64 else ""
        raise ConfError(f"{where}: {column.name} = {str(odd)!r} is no {whole}number; {AGAIN}") from None
    return found


def _is_number(value: object) -> bool:
    try:
        return not math.isnan(float(str(value)))
    except ValueError:
        return False


def _times(frame: pd.DataFrame, where: str) -> pd.DatetimeIndex:
    """The closes of the bars. Raises ConfError."""
    import pandas as pd

    index = frame.index
    try:
        if not isinstance(index, pd.DatetimeIndex):
            index = pd.to_datetime(pd.Index([], dtype=str) if index.dtype.kind in "iufb" else index, utc=True)
    except (ValueError, TypeError) as error:
        raise ConfError(f"{where}: the index must be times in a zone ({str(error).splitlines()[0]}); {AGAIN}") from None
    if len(index) < len(frame) or index.tz is None or index.hasnans or not index.is_monotonic_increasing:
        raise ConfError(f"{where}: the index must be times in a zone, in their order; {AGAIN}")
    if DIRECTION not in frame.columns and not index.is_unique:  # a bar may decide several trades
        raise ConfError(f"{where}: the bar {index[index.duplicated()][0]} stands there twice; {AGAIN}")
    return index

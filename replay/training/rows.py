"""A table of features and labels as arrays: what a model is trained on.

The table is one that `tapewire features` wrote, or is made of a recording at once. Its labels are of one side, that of its triple
barrier; of outcomes each row has a side of its own. A row pays if its label is 1. Features are float32 from here on, because that
is what a model file takes: training and answer see the same numbers. A missing value is NaN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

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

SESSION, LABEL, ENDS, DIRECTION = "session", "label", "ends_ns", "direction"
LABELS = (-1, 0, 1)


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


def read(path: Path, side: Direction) -> list[TrainingRows]:
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


def of_table(frame: pd.DataFrame, where: str, side: Direction = "LONG") -> list[TrainingRows]:
    """The rows of a table, for each side that it has. Rows without a label are left out. Raises ConfError."""
    import pandas as pd

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
    frame = frame[frame[LABEL].notna()]
    labels = frame[LABEL].to_numpy(np.float64)
    if not len(frame) or not np.isin(labels, LABELS).all():
        raise ConfError(f"{where}: label must be 1, 0 or -1, of one row at least; write labels that `tapewire features` has")
    index = frame.index if isinstance(frame.index, pd.DatetimeIndex) else pd.to_datetime(frame.index, utc=True)
    if index.tz is None or not index.is_monotonic_increasing:
        raise ConfError(
            f"{where}: the index must be times in a zone, in their order; write the table again with `tapewire features`"
        )
    values = frame[list(features)].to_numpy(np.float32, copy=True)
    if np.isinf(values).any():
        name = features[int(np.isinf(values).any(axis=0).argmax())]
        raise ConfError(f"{where}: {name} has an infinite value; a missing one is NaN")
    values[np.isnan(values)] = np.nan  # one NaN for all of them: the digest is of bytes
    given = told.get("side", side)
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
                    np.asarray(index.as_unit("ns").asi8, np.int64)[chosen],
                    frame[ENDS].to_numpy(np.int64)[chosen],
                    frame[SESSION].to_numpy(str)[chosen],
                    told,
                )
            )
    return found

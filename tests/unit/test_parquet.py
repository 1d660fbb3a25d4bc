"""Recordings in tapewire's own Parquet: read without a check of each bar, so only what tapewire wrote is read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources import gather, join, normal
from tests import recordings

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

HEADER = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid,session_date"
ROWS = (
    "2027-02-24T09:31:00.000,NQ,Volumetric_1,100.25,101,99.5,100.75,30,20,10,2027-02-24",
    "2027-02-24T09:32:00.000,NQ,Volumetric_1,100.75,102,100.5,101.5,12,5,7,2027-02-24",
)
Edit = Callable[[object], object]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "NQ_Volumetric_1.csv").write_text("\n".join((HEADER, *ROWS)) + "\n")
    reading = recordings.reading("NQ")
    series = gather.gather([tmp_path], reading, lambda share: None).series["NQ"]
    assert isinstance(series, join.Joined)
    origin = normal.provenance("NQ", series, reading.options, (), ())
    return normal.write(tmp_path / "converted", series, origin, "parquet")


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """A column with other values."""

    def edit(table):
        at = table.column_names.index(name)
        values = table.column(name).to_numpy(zero_copy_only=False).copy()
        return table.set_column(at, name, pa.array(change(values)))

    return edit


EDITS = {
    "negative volume": changed("volume", lambda values: -values),
    "volume as a float": changed("volume", lambda values: values.astype(float)),
    "prices as text": changed("open", lambda values: values.astype(str)),
    "high below low": changed("high", lambda values: values - 10),
    "no number": changed("last", lambda values: values * np.nan),
    "sides exchanged": lambda table: table.rename_columns(
        [{"ask": "bid", "bid": "ask"}.get(name, name) for name in table.column_names]
    ).replace_schema_metadata(table.schema.metadata),
    "an hour later": changed("close", lambda values: values + np.timedelta64(1, "h")),
    "a row lost": lambda table: table.slice(1),
    "a row twice": lambda table: pa.concat_tables([table, table]),
    "newest first": lambda table: table.take([1, 0]),
    "a column lost": lambda table: table.drop(["volume"]),
    "flow lost": lambda table: table.drop(["ask"]),
    "another root": lambda table: table.replace_schema_metadata(
        {normal.KEY: table.schema.metadata[normal.KEY].replace(b'"root": "NQ"', b'"root": "ES"')}
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_another_program_changed_is_refused(written: Path, edit: Edit) -> None:
    """Whatever was changed in bars or provenance, and however little."""
    parquet.write_table(edit(parquet.read_table(written)), written)

    with pytest.raises(DataError, match=r"not as tapewire wrote it; convert the recording again"):
        recordings.read(written, "NQ")


def test_any_changed_byte_is_refused(written: Path) -> None:
    """In bars, in the provenance, or in what names the columns: one byte in seven in turn."""
    content = written.read_bytes()
    for at in range(0, len(content), 7):
        written.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])

        with pytest.raises(DataError):
            recordings.read(written, "NQ")


def test_pandas_reads_it_too(written: Path) -> None:
    """Any reader of Parquet has the columns with their names, closes as UTC."""
    table = parquet.read_table(written)

    assert table.column_names == ["close", "open", "high", "low", "last", "volume", "ask", "bid", "contract"]
    assert [str(close) for close in table.column("close")[:1]] == ["2027-02-24 14:31:00+00:00"]
    assert (table.column("open").to_pylist(), table.column("contract").to_pylist()) == ([100.25, 100.75], ["NQ", "NQ"])

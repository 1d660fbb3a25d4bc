"""Bad recordings through the installed command: the message names the remedy, and no incomplete result remains."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError, DataError
from tests.integration.conftest import Run

pytestmark = pytest.mark.slow

NQ = "NQ_Volumetric_1.csv"
LINE = 101


def plain(bars: Path, folder: Path) -> list[list[str]]:
    """A copy of the recording's NQ file, uncompressed, as rows of fields; the other files and the calendar lie beside it."""
    folder.mkdir()
    for path in bars.iterdir():
        if not path.name.startswith("NQ"):
            shutil.copy(path, folder)
    text = gzip.decompress((bars / f"{NQ}.gz").read_bytes()).decode()
    return [line.split(",") for line in text.splitlines()]


def put(column: str, value: str) -> Callable[[list[list[str]]], None]:
    """Write a value into one field of the hundred-and-first line."""

    def change(rows: list[list[str]]) -> None:
        header = next(row for row in rows if "timestamp" in row)
        rows[LINE - 1][header.index(column)] = value

    return change


def below_its_low(rows: list[list[str]]) -> None:
    header = next(row for row in rows if "timestamp" in row)
    row = rows[LINE - 1]
    row[header.index("high")] = str(float(row[header.index("low")]) - 5)


def without_column(rows: list[list[str]]) -> None:
    header = next(row for row in rows if "timestamp" in row)
    at = header.index("vol_ask")
    for row in rows[rows.index(header) :]:
        del row[at]


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (without_column, [NQ, "vol_ask", "export"]),
        (put("close", "n/a"), [NQ, f"line {LINE}", "close", "n/a"]),
        (put("close", "NaN"), [NQ, f"line {LINE}", "close", "NaN"]),
        (put("open", "inf"), [NQ, f"line {LINE}", "open", "inf"]),
        (below_its_low, [NQ, f"line {LINE}", "high", "low"]),
        (put("close", "24950.10"), [NQ, f"line {LINE}", "close", "24950.1", "0.25"]),
        (put("volume", "-3"), [NQ, f"line {LINE}", "volume", "-3"]),
        (put("timestamp", "yesterday"), [NQ, f"line {LINE}", "timestamp", "yesterday"]),
    ],
    ids=["missing column", "not a number", "NaN", "infinite", "high below low", "off the tick", "negative volume", "no time"],
)
def test_a_bad_row_is_named_and_nothing_is_written(
    tapewire: Run, bars: Path, tmp_path: Path, change: Callable[[list[list[str]]], None], complaints: list[str]
) -> None:
    """Exit status 65, one sentence with the place and the remedy, and no results."""
    folder = tmp_path / "data"
    rows = plain(bars, folder)
    change(rows)
    (folder / NQ).write_text("".join(",".join(row) + "\n" for row in rows))

    done = tapewire("backtest", "--data", folder, "--out", tmp_path / "out")

    assert done.returncode == DataError.status
    assert all(word in done.stderr for word in complaints), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_truncated_gz_is_named(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """Half of a compressed file is not half of a recording."""
    folder = tmp_path / "data"
    shutil.copytree(bars, folder)
    whole = (folder / f"{NQ}.gz").read_bytes()
    (folder / f"{NQ}.gz").write_bytes(whole[: len(whole) // 2])

    done = tapewire("replay", "--data", folder, "--out", tmp_path / "out")

    assert done.returncode == DataError.status
    assert f"{NQ}.gz" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "status", "complaints"),
    [
        (("--instrument", "MNO"), ConfError.status, ["MNO", "did you mean 'MNQ'", "instruments.toml"]),
        (("--instruments", "nowhere.toml"), ConfError.status, ["nowhere.toml", "no such file", "conf/instruments.toml"]),
        (("--preset", "sead"), ConfError.status, ["sead", "did you mean 'seed'"]),
        (("--strategies", "edge_fad"), ConfError.status, ["edge_fad", "did you mean 'edge_fade'"]),
        (("--fill", "open"), ConfError.status, ["open", "next_open, close"]),
    ],
)
def test_an_unknown_name_is_refused_before_anything_starts(
    tapewire: Run, bars: Path, tmp_path: Path, options: tuple[str, str], status: int, complaints: list[str]
) -> None:
    """Instrument, preset, strategy, fill model: refused with a suggestion, and the replay starts no process for it."""
    done = tapewire("replay", "--data", bars, "--out", tmp_path / "out", *options)

    assert done.returncode == status
    assert all(word in done.stderr for word in complaints), done.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_named(tapewire: Run, tmp_path: Path) -> None:
    """The message says what to name instead."""
    (tmp_path / "data").mkdir()

    done = tapewire("backtest", "--data", tmp_path / "data", "--out", tmp_path / "out")

    assert done.returncode == DataError.status
    assert f"{tmp_path / 'data'} holds nothing; name a file with bars or trades" in done.stderr


def test_a_folder_of_other_files_is_not_emptied(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """--out replaces an earlier run and nothing else."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("dear")

    done = tapewire("backtest", "--data", bars, "--out", tmp_path / "letters")

    assert done.returncode == ConfError.status
    assert "love.txt" in done.stderr
    assert (tmp_path / "letters" / "love.txt").read_text() == "dear"


def test_ignored_rows_are_named_with_file_and_line(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """A repeated row and a late one change nothing; stderr reports both and the summary counts them."""
    folder = tmp_path / "data"
    rows = plain(bars, folder)
    rows[LINE:LINE] = [rows[LINE - 1], rows[LINE - 3]]
    (folder / NQ).write_text("".join(",".join(row) + "\n" for row in rows))

    whole = tapewire("backtest", "--data", bars, "--out", tmp_path / "whole")
    done = tapewire("backtest", "--data", folder, "--out", tmp_path / "out")

    assert done.returncode == whole.returncode == 0
    assert f"{NQ} line {LINE + 1}" in done.stderr
    assert f"{NQ} line {LINE + 2}" in done.stderr
    assert "2 (repeated or late" in done.stdout
    assert (tmp_path / "out" / "trades.jsonl").read_bytes() == (tmp_path / "whole" / "trades.jsonl").read_bytes()

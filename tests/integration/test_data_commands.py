"""`tapewire data` and the options of files, as a user types them: what is printed, what is written, which status."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command import Done, ready
from tests.shared import SHARED, needs_shared

RECORDINGS = SHARED / "recordings"
TIMEOUT_S = 120.0


def tapewire(*arguments: object) -> Done:
    return ready().run(*arguments, timeout=TIMEOUT_S)


@needs_shared
def test_inspect_says_what_a_file_is(tmp_path: Path) -> None:
    """Format and its sign, contract, span, clock, sessions with holes, volume with its sides; the same as JSON."""
    path = RECORDINGS / "sierra_scid_minute" / "NQH7_FUT_CME.scid"

    told, as_json = tapewire("data", "inspect", path), tapewire("data", "inspect", path, "--json")

    assert told.returncode == 0
    for words in (
        "Sierra Chart .scid",
        "UTC, bars of 60 s stamped at the open",
        "2,686 bars",
        "380 of 390 minutes",
        "with its side",
    ):
        assert words in told.stdout
    (file,) = json.loads(as_json.stdout)
    assert file["contents"][0]["contract"] == "NQH7"


@needs_shared
def test_inspect_names_the_option_of_a_wrong_clock() -> None:
    """What cannot be read as it is ends with status 65; the rest is printed all the same."""
    told = tapewire("data", "inspect", SHARED / "field" / "utc_stamps")

    assert told.returncode == 65
    assert "REFUSED" in told.stdout
    assert "say --zone UTC" in told.stdout


@needs_shared
def test_a_converted_folder_gives_the_run_of_the_original(tmp_path: Path) -> None:
    """Three roots as Parquet, and by the run's own journal: `diff` finds nothing, whatever form the bars are read from."""
    original = SHARED / "data" / "ninjatrader"
    assert tapewire("data", "convert", original, "--out", tmp_path / "own").returncode == 0
    runs = [tmp_path / name for name in ("a", "b", "c")]
    for run, data in zip(runs, (original, tmp_path / "own", runs[0]), strict=True):
        done = tapewire("backtest", "--data", data, "--out", run, "--strategies", "pipeline")
        assert done.returncode == 0, done.stderr

    assert [tapewire("diff", runs[0], run).returncode for run in runs[1:]] == [0, 0]


@needs_shared
def test_a_converted_file_says_where_it_comes_from(tmp_path: Path) -> None:
    """File, hash, zone, the end of the bar, and how contracts were joined stand beside the CSV, and its special days."""
    source = tmp_path / "there" / "NQ_1min_sample.csv"
    source.parent.mkdir()
    shutil.copy(RECORDINGS / "firstrate" / source.name, source)
    (source.parent / "calendar.json").write_text('{"half_days": {"2027-03-11": "13:00"}}')

    done = tapewire("data", "convert", source, "--out", tmp_path, "--format", "csv", "--instrument", "NQ")

    assert done.returncode == 0
    assert (tmp_path / "calendar.json").read_bytes() == (source.parent / "calendar.json").read_bytes()
    origin = json.loads((tmp_path / "NQ.provenance.json").read_text())
    (file,) = origin["sources"]
    assert (file["file"], file["zone"], file["stamps"], len(file["sha256"])) == (source.name, "America/New_York", "open", 64)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--zone", "Chicago/America"), "not a time zone; write an IANA name"),
        (("--stamps", "closes"), "--stamps 'closes' (did you mean 'close'?)"),
        (("--roll", "volumes"), "--roll 'volumes' (did you mean 'volume'?)"),
        (("--from", "01.02.2026"), "not a date; write YYYY-MM-DD"),
        (("--format", "feather"), "write parquet or csv"),
        (("--price-multiplier", "0"), "must be more than 0"),
        (("--instrument", "NQQ"), "did you mean 'NQ'?"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_option_is_named_with_a_right_one(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """One sentence, status 78, and nothing is written."""
    rows = ("20260309 143100;24000;24001;24000;24000.5;9", "20260309 143200;24000;24001;24000;24000.5;9")
    (tmp_path / "NQ 03-26.Last.txt").write_text("\n".join(rows) + "\n")

    done = tapewire("data", "convert", tmp_path / "NQ 03-26.Last.txt", "--out", tmp_path / "out", *arguments)

    assert done.returncode == 78, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_path_without_recordings_is_refused(tmp_path: Path) -> None:
    """A folder of other things is listed; a path that is not there is said."""
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7\0")

    other, nothing = tapewire("data", "inspect", tmp_path), tapewire("data", "inspect", tmp_path / "nowhere")

    assert (other.returncode, nothing.returncode) == (65, 65)
    assert "letter.pdf" in other.stdout
    assert "is not there" in nothing.stderr
